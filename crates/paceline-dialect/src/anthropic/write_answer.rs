//! An answer of another dialect, written as Anthropic's events.

use crate::anthropic::error;
use crate::anthropic::write_document::word;
use crate::neutral::about::About;
use crate::neutral::citation;
use crate::neutral::completeness::Completeness;
use crate::neutral::event::{Event, Finish};
use crate::neutral::json::Json;
use crate::neutral::seal;
use crate::neutral::write::{Object, object};
use paceline_types::tokens::Usage;
use std::collections::VecDeque;

pub use crate::anthropic::write_document::{document, usage};

/// Writes events. Blocks of this dialect come one after the other, so that what comes while a tool's input is not complete
/// waits for it.
#[derive(Debug)]
pub struct Writer {
    about: About,
    begun: bool,
    open: Open,
    /// Blocks written.
    blocks: u64,
    /// What is said while a tool's input is not complete.
    waiting: VecDeque<Waiting>,
    finish: Option<(Finish, Option<Json<'static>>)>,
    asked_for_tools: bool,
    usage: Option<Usage>,
}

/// The block being written.
#[derive(Debug, Default)]
enum Open {
    #[default]
    Nothing,
    Text,
    /// Thought without its seal.
    Thinking,
    /// Thought with its seal.
    Signed,
    Tool {
        tool: u32,
        input: Box<Completeness>,
    },
}

impl Open {
    /// A tool whose input is not complete.
    fn is_busy(&self) -> bool {
        matches!(self, Self::Tool { input, .. } if !input.seen || !input.is_whole())
    }
}

/// What waits for its turn.
#[derive(Debug)]
enum Waiting {
    Text(Json<'static>),
    Citation(Json<'static>),
    Thinking(Json<'static>),
    Signature(Json<'static>),
    Sealed(Json<'static>),
    Tool { tool: u32, id: String, name: Json<'static>, pieces: Vec<Json<'static>> },
}

impl Writer {
    /// A writer for an answer.
    pub fn new(about: About) -> Self {
        Self {
            about,
            begun: false,
            open: Open::Nothing,
            blocks: 0,
            waiting: VecDeque::new(),
            finish: None,
            asked_for_tools: false,
            usage: None,
        }
    }

    /// Writes what `event` means to `out`.
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Begin { id, model } => self.begin(id.as_ref(), model.as_ref(), out),
            Event::ToolInput { choice: 0, tool, piece } => self.input(*tool, piece, out),
            Event::Finish { choice: 0, reason, stop } => {
                self.finish = Some((*reason, stop.clone().map(Json::into_owned)));
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => self.end(out),
            // Calls of this dialect have no place for a seal; callers give sealed thought back as it is.
            Event::ToolCall { choice: 0, tool, id, name, signature: Some(signature) } => {
                self.event(&Event::Sealed { choice: 0, data: seal::mark_call(signature) }, out);
                let (id, name) = (id.clone(), name.clone());
                self.event(&Event::ToolCall { choice: 0, tool: *tool, id, name, signature: None }, out);
            }
            event if self.must_wait() => {
                let waiting = self.waiting(event);
                self.waiting.extend(waiting);
            }
            // The dialect has one answer.
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } => self.text(text, out),
            Event::Citation { choice: 0, json } => self.citation(json, out),
            Event::Reasoning { choice: 0, text } => self.thinking(text, out),
            Event::Signature { choice: 0, signature } => self.signature(signature, out),
            Event::Sealed { choice: 0, data } => self.sealed(data, out),
            Event::ToolCall { choice: 0, tool, id, name, .. } => {
                let id = self.tool_id(*tool, id.as_ref());
                self.tool(*tool, &id, name, out);
            }
            _ => {}
        }
    }

    /// Something belongs to the tool being written, or is to be said before what comes now.
    fn must_wait(&self) -> bool {
        self.open.is_busy() || !self.waiting.is_empty()
    }

    fn tool_id(&self, tool: u32, id: Option<&Json<'_>>) -> String {
        id.map_or_else(|| self.about.tool_id(tool), |id| id.get().to_owned())
    }

    /// What is kept of an event until its turn comes.
    fn waiting(&self, event: &Event<'_>) -> Option<Waiting> {
        let owned = |json: &Json<'_>| json.clone().into_owned();
        Some(match event {
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } => {
                Waiting::Text(owned(text))
            }
            Event::Citation { choice: 0, json } => Waiting::Citation(owned(json)),
            Event::Reasoning { choice: 0, text } => Waiting::Thinking(owned(text)),
            Event::Signature { choice: 0, signature } => Waiting::Signature(owned(signature)),
            Event::Sealed { choice: 0, data } => Waiting::Sealed(owned(data)),
            Event::ToolCall { choice: 0, tool, id, name, .. } => {
                let id = self.tool_id(*tool, id.as_ref());
                Waiting::Tool { tool: *tool, id, name: owned(name), pieces: Vec::new() }
            }
            _ => return None,
        })
    }

    fn begin(&mut self, id: Option<&Json<'_>>, model: Option<&Json<'_>>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let used = self.usage.unwrap_or_default();
        named(out, "message_start", |o| {
            o.object("message", |message| {
                message.raw("id", id.map_or(&*self.about.id_json(), Json::get));
                message.text("type", "message");
                message.text("role", "assistant");
                message.raw("model", model.map_or(&*self.about.model_json(), Json::get));
                message.raw("content", "[]");
                message.raw("stop_reason", "null");
                message.raw("stop_sequence", "null");
                message.object("usage", |o| usage(&used, o));
            });
        });
    }

    fn text(&mut self, text: &Json<'_>, out: &mut Vec<u8>) {
        if text.inner().is_empty() {
            return;
        }
        if !matches!(self.open, Open::Text) {
            self.stop_open(out);
            self.start(out, |block| {
                block.text("type", "text");
                block.text("text", "");
            });
            self.open = Open::Text;
        }
        self.delta("text_delta", "text", text, out);
    }

    fn citation(&mut self, json: &Json<'_>, out: &mut Vec<u8>) {
        if matches!(self.open, Open::Text)
            && let Some(json) = citation::for_anthropic(json)
        {
            self.delta("citations_delta", "citation", &json, out);
        }
    }

    fn thinking(&mut self, text: &Json<'_>, out: &mut Vec<u8>) {
        if !text.inner().is_empty() {
            self.open_thinking(out);
            self.delta("thinking_delta", "thinking", text, out);
        }
    }

    fn signature(&mut self, signature: &Json<'_>, out: &mut Vec<u8>) {
        self.open_thinking(out);
        let sealed = self.about.sealed(signature);
        self.delta("signature_delta", "signature", &sealed, out);
        self.open = Open::Signed;
    }

    fn open_thinking(&mut self, out: &mut Vec<u8>) {
        if matches!(self.open, Open::Thinking) {
            return;
        }
        self.stop_open(out);
        self.start(out, |block| {
            block.text("type", "thinking");
            block.text("thinking", "");
            block.text("signature", "");
        });
        self.open = Open::Thinking;
    }

    fn sealed(&mut self, data: &Json<'_>, out: &mut Vec<u8>) {
        self.stop_open(out);
        self.start(out, |block| {
            block.text("type", "redacted_thinking");
            block.json("data", data);
        });
        self.stop(out);
    }

    fn tool(&mut self, tool: u32, id: &str, name: &Json<'_>, out: &mut Vec<u8>) {
        self.asked_for_tools = true;
        self.stop_open(out);
        self.start(out, |block| {
            block.text("type", "tool_use");
            block.raw("id", id);
            block.json("name", name);
            block.raw("input", "{}");
        });
        self.open = Open::Tool { tool, input: Box::default() };
    }

    fn input(&mut self, wanted: u32, piece: &Json<'_>, out: &mut Vec<u8>) {
        let waits = self.waiting.iter_mut().find_map(|waiting| match waiting {
            Waiting::Tool { tool, pieces, .. } if *tool == wanted => Some(pieces),
            _ => None,
        });
        if let Some(pieces) = waits {
            pieces.push(piece.clone().into_owned());
        } else if matches!(self.open, Open::Tool { tool, .. } if tool == wanted) {
            self.give(piece, out);
            while !self.open.is_busy()
                && let Some(next) = self.waiting.pop_front()
            {
                self.write(next, out);
            }
        }
    }

    /// A piece of what the tool being written is given.
    fn give(&mut self, piece: &Json<'_>, out: &mut Vec<u8>) {
        if let Open::Tool { input, .. } = &mut self.open {
            input.feed(piece);
        }
        self.delta("input_json_delta", "partial_json", piece, out);
    }

    fn write(&mut self, waiting: Waiting, out: &mut Vec<u8>) {
        match waiting {
            Waiting::Text(text) => self.text(&text, out),
            Waiting::Citation(json) => self.citation(&json, out),
            Waiting::Thinking(text) => self.thinking(&text, out),
            Waiting::Signature(signature) => self.signature(&signature, out),
            Waiting::Sealed(data) => self.sealed(&data, out),
            Waiting::Tool { tool, id, name, pieces } => {
                self.tool(tool, &id, &name, out);
                for piece in &pieces {
                    self.give(piece, out);
                }
            }
        }
    }

    fn stop_open(&mut self, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.open) {
            Open::Nothing => return,
            // The caller gives it back as it is: whoever gets it then must know that nobody sealed it.
            Open::Thinking => self.delta("signature_delta", "signature", &Json::known(seal::UNSIGNED), out),
            Open::Text | Open::Signed | Open::Tool { .. } => {}
        }
        self.stop(out);
    }

    fn start(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        self.begin(None, None, out);
        let index = self.blocks;
        named(out, "content_block_start", |o| {
            o.number("index", index);
            o.object("content_block", fill);
        });
    }

    fn stop(&mut self, out: &mut Vec<u8>) {
        let index = self.blocks;
        self.blocks += 1;
        named(out, "content_block_stop", |o| o.number("index", index));
    }

    /// The piece most answers are made of.
    fn delta(&self, kind: &str, key: &str, text: &Json<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":",
        );
        if self.blocks < 10 {
            out.push(b'0' + self.blocks as u8);
        } else {
            out.extend_from_slice(self.blocks.to_string().as_bytes());
        }
        for part in [",\"delta\":{\"type\":\"", kind, "\",\"", key, "\":", text.get(), "}}\n\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.begin(None, None, out);
        while let Some(next) = self.waiting.pop_front() {
            self.write(next, out);
        }
        self.stop_open(out);
        let (reason, stop) = self.finish.take().unwrap_or((Finish::Stop, None));
        if reason == Finish::Failed {
            // The dialect has no stop reason for an answer that could not be completed.
            let envelope = error::envelope(502, "the model's answer could not be completed", "answer_failed");
            for part in [&b"event: error\ndata: "[..], &envelope, b"\n\n"] {
                out.extend_from_slice(part);
            }
            return;
        }
        let word = word(reason, self.asked_for_tools);
        let used = self.usage.unwrap_or_default();
        named(out, "message_delta", |o| {
            o.object("delta", |delta| {
                delta.text("stop_reason", word);
                delta.raw("stop_sequence", stop.as_ref().map_or("null", Json::get));
            });
            o.object("usage", |o| usage(&used, o));
        });
        named(out, "message_stop", |_| {});
    }
}

fn named(out: &mut Vec<u8>, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
    for part in ["event: ", name, "\ndata: "] {
        out.extend_from_slice(part.as_bytes());
    }
    object(out, |o| {
        o.text("type", name);
        fill(o);
    });
    out.extend_from_slice(b"\n\n");
}
