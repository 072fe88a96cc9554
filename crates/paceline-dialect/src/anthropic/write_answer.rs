//! An answer of another dialect, written as Anthropic's events or as one message.

use crate::anthropic::error;
use crate::neutral::about::About;
use crate::neutral::collect::{Block, Collected, Gathered};
use crate::neutral::completeness::Completeness;
use crate::neutral::event::{Event, Finish};
use crate::neutral::json::Json;
use crate::neutral::seal;
use crate::neutral::write::{Array, Object, object};
use paceline_types::tokens::Usage;

/// Writes events. Blocks of this dialect come one after the other, so that a tool's input which comes while another's is
/// not complete waits for it.
#[derive(Debug)]
pub struct Writer {
    about: About,
    begun: bool,
    open: Open,
    /// Blocks written.
    blocks: u64,
    /// Calls of tools whose turn has not come.
    waiting: Vec<Waiting>,
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
    Thinking,
    Tool {
        tool: u32,
        input: Box<Completeness>,
    },
}

#[derive(Debug)]
struct Waiting {
    tool: u32,
    id: String,
    name: Json<'static>,
    seal: Option<Json<'static>>,
    pieces: Vec<Json<'static>>,
}

impl Writer {
    /// A writer for an answer.
    pub fn new(about: About) -> Self {
        Self {
            about,
            begun: false,
            open: Open::Nothing,
            blocks: 0,
            waiting: Vec::new(),
            finish: None,
            asked_for_tools: false,
            usage: None,
        }
    }

    /// Writes what `event` means to `out`.
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Begin { id, model } => self.begin(id.as_ref(), model.as_ref(), out),
            // The dialect has one answer.
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } => self.text(text, out),
            Event::Reasoning { choice: 0, text } => {
                if text.inner().is_empty() {
                    return;
                }
                self.thinking(out);
                self.delta("thinking_delta", "thinking", text, out);
            }
            Event::Signature { choice: 0, signature } => {
                self.thinking(out);
                let sealed = self.about.sealed(signature);
                self.delta("signature_delta", "signature", &sealed, out);
            }
            Event::Sealed { choice: 0, data } => {
                self.close(out);
                self.sealed(data, out);
            }
            Event::ToolCall { choice: 0, tool, id, name, signature } => {
                let id = id.as_ref().map_or_else(|| self.about.tool_id(*tool), |id| id.get().to_owned());
                let (name, seal) = (name.clone().into_owned(), signature.as_ref().map(seal::mark_call));
                self.tool(Waiting { tool: *tool, id, name, seal, pieces: Vec::new() }, out);
            }
            Event::ToolInput { choice: 0, tool, piece } => self.input(*tool, piece, out),
            Event::Citation { choice: 0, json } if matches!(self.open, Open::Text) => {
                self.delta("citations_delta", "citation", json, out);
            }
            Event::Finish { choice: 0, reason, stop } => {
                self.finish = Some((*reason, stop.clone().map(Json::into_owned)));
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => self.end(out),
            _ => {}
        }
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
            self.close(out);
            self.start(out, |block| {
                block.text("type", "text");
                block.text("text", "");
            });
            self.open = Open::Text;
        }
        self.delta("text_delta", "text", text, out);
    }

    fn thinking(&mut self, out: &mut Vec<u8>) {
        if matches!(self.open, Open::Thinking) {
            return;
        }
        self.close(out);
        self.start(out, |block| {
            block.text("type", "thinking");
            block.text("thinking", "");
            block.text("signature", "");
        });
        self.open = Open::Thinking;
    }

    fn sealed(&mut self, data: &Json<'_>, out: &mut Vec<u8>) {
        self.start(out, |block| {
            block.text("type", "redacted_thinking");
            block.json("data", data);
        });
        self.stop(out);
    }

    fn tool(&mut self, call: Waiting, out: &mut Vec<u8>) {
        self.asked_for_tools = true;
        let busy = matches!(&self.open, Open::Tool { input, .. } if !input.is_whole() || !input.seen);
        if busy || !self.waiting.is_empty() {
            self.waiting.push(call);
        } else {
            self.open_tool(&call, out);
        }
    }

    fn open_tool(&mut self, call: &Waiting, out: &mut Vec<u8>) {
        self.stop_open(out);
        // Calls of this dialect have no place for a seal; callers give sealed thought back as it is.
        if let Some(seal) = &call.seal {
            self.sealed(seal, out);
        }
        self.start(out, |block| {
            block.text("type", "tool_use");
            block.raw("id", &call.id);
            block.json("name", &call.name);
            block.raw("input", "{}");
        });
        self.open = Open::Tool { tool: call.tool, input: Box::default() };
    }

    fn input(&mut self, wanted: u32, piece: &Json<'_>, out: &mut Vec<u8>) {
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.tool == wanted) {
            waiting.pieces.push(piece.clone().into_owned());
            return;
        }
        let Open::Tool { tool, input } = &mut self.open else { return };
        if *tool == wanted {
            input.feed(piece);
            let whole = input.is_whole();
            self.delta("input_json_delta", "partial_json", piece, out);
            if whole {
                self.next_in_line(out);
            }
        }
    }

    /// The tools that waited, up to one whose input is not complete.
    fn next_in_line(&mut self, out: &mut Vec<u8>) {
        while !self.waiting.is_empty() {
            if matches!(&self.open, Open::Tool { input, .. } if !input.is_whole() || !input.seen) {
                return;
            }
            self.write_waiting(out);
        }
    }

    fn write_waiting(&mut self, out: &mut Vec<u8>) {
        let next = self.waiting.remove(0);
        self.open_tool(&next, out);
        for piece in &next.pieces {
            self.delta("input_json_delta", "partial_json", piece, out);
            if let Open::Tool { input, .. } = &mut self.open {
                input.feed(piece);
            }
        }
    }

    /// Ends the block being written, and those that waited for it.
    fn close(&mut self, out: &mut Vec<u8>) {
        while !self.waiting.is_empty() {
            self.write_waiting(out);
        }
        self.stop_open(out);
    }

    fn stop_open(&mut self, out: &mut Vec<u8>) {
        if !matches!(std::mem::take(&mut self.open), Open::Nothing) {
            self.stop(out);
        }
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
        self.close(out);
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

/// The dialect's word for an end.
fn word(reason: Finish, asks_for_tools: bool) -> &'static str {
    match reason {
        Finish::Stop | Finish::Failed if asks_for_tools => "tool_use",
        Finish::Stop | Finish::Failed => "end_turn",
        Finish::StopText => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::ContentFilter => "refusal",
        Finish::Pause => "pause_turn",
    }
}

/// Writes the usage object's members: here `input_tokens` are those that no cache was part of.
pub fn usage(usage: &Usage, o: &mut Object<'_>) {
    let cached = usage.cache_read_tokens + usage.cache_write_tokens;
    o.number("input_tokens", usage.input_tokens.saturating_sub(cached));
    o.number("cache_creation_input_tokens", usage.cache_write_tokens);
    o.number("cache_read_input_tokens", usage.cache_read_tokens);
    o.number("output_tokens", usage.output_tokens);
    if usage.reasoning_tokens > 0 {
        o.object("output_tokens_details", |details| {
            details.number("thinking_tokens", usage.reasoning_tokens);
        });
    }
}

/// Writes the message in one piece.
pub fn document(answer: &Collected, about: &About) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    object(&mut out, |o| {
        o.raw("id", answer.id.as_ref().map_or(&*about.id_json(), Json::get));
        o.text("type", "message");
        o.text("role", "assistant");
        o.raw("model", answer.model.as_ref().map_or(&*about.model_json(), Json::get));
        let choice = answer.first();
        o.array("content", |list| {
            for block in choice.iter().flat_map(|choice| &choice.blocks) {
                block_of(block, about, list);
            }
        });
        let asks = choice.is_some_and(Gathered::asks_for_tools);
        let finish = choice.and_then(|choice| choice.finish).unwrap_or(Finish::Stop);
        o.text("stop_reason", word(finish, asks));
        let stop = choice.and_then(|choice| choice.stop.as_ref());
        o.raw("stop_sequence", stop.map_or("null", Json::get));
        o.object("usage", |o| usage(&answer.usage.unwrap_or_default(), o));
    });
    out
}

fn block_of(block: &Block, about: &About, list: &mut Array<'_>) {
    if let Block::Tool { signature: Some(signature), .. } = block {
        list.object(|o| {
            o.text("type", "redacted_thinking");
            o.json("data", &seal::mark_call(signature));
        });
    }
    list.object(|o| match block {
        Block::Text { text, citations } => {
            o.text("type", "text");
            o.raw("text", &format!("\"{text}\""));
            if !citations.is_empty() {
                o.array("citations", |list| citations.iter().for_each(|json| list.json(json)));
            }
        }
        Block::Refusal(text) => {
            o.text("type", "text");
            o.raw("text", &format!("\"{text}\""));
        }
        Block::Reasoning { text, signature } => {
            o.text("type", "thinking");
            o.raw("thinking", &format!("\"{text}\""));
            let sealed = signature.as_ref().map(|signature| about.sealed(signature));
            o.raw("signature", sealed.as_ref().map_or("\"\"", Json::get));
        }
        Block::Sealed(data) => {
            o.text("type", "redacted_thinking");
            o.json("data", data);
        }
        Block::Tool { tool, id, name, input, .. } => {
            o.text("type", "tool_use");
            o.raw("id", id.as_ref().map_or(&*about.tool_id(*tool), Json::get));
            o.json("name", name);
            o.json("input", &Block::tool_input(input));
        }
    });
}
