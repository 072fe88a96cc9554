//! An answer of another dialect, written as Gemini's chunks or as one answer.

use super::logprobs;
use crate::neutral::about::About;
use crate::neutral::collect::{Block, Collected};
use crate::neutral::event::{Event, Finish};
use crate::neutral::json::Json;
use crate::neutral::write::{Array, Object, object};
use paceline_types::tokens::Usage;

/// Writes chunks. Calls of tools are whole in this dialect: what they are given is gathered until it is.
#[derive(Debug)]
pub struct Writer {
    about: About,
    /// What every chunk ends with, from the model on.
    back: String,
    /// Calls that are not written yet.
    calls: Vec<Call>,
    /// How choices ended, in their order.
    ends: Vec<(u32, Finish)>,
    usage: Option<Usage>,
}

#[derive(Debug)]
struct Call {
    choice: u32,
    tool: u32,
    id: String,
    name: Json<'static>,
    signature: Option<Json<'static>>,
    /// JSON text, escaped once.
    input: String,
}

impl Call {
    /// Nothing of what the tool is given is missing.
    fn is_whole(&self) -> bool {
        !self.input.is_empty() && Json::known(format!("\"{}\"", self.input)).unquoted().is_some()
    }
}

impl Writer {
    /// A writer for an answer.
    pub fn new(about: About) -> Self {
        Self { about, back: String::new(), calls: Vec::new(), ends: Vec::new(), usage: None }
    }

    /// Writes what `event` means to `out`.
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Begin { id, model } => self.begin(id.as_ref(), model.as_ref()),
            Event::Text { choice, text } | Event::Refusal { choice, text } if said(text) => {
                self.part(*choice, out, |part| part.json("text", text));
            }
            Event::Reasoning { choice, text } if said(text) => self.part(*choice, out, |part| {
                part.json("text", text);
                part.truth("thought", true);
            }),
            Event::Signature { choice, signature } => self.part(*choice, out, |part| {
                part.text("text", "");
                part.truth("thought", true);
                part.json("thoughtSignature", signature);
            }),
            Event::ToolCall { choice, tool, id, name, signature } => self.calls.push(Call {
                choice: *choice,
                tool: *tool,
                id: id.as_ref().map_or_else(|| self.about.tool_id(*tool), |id| id.get().to_owned()),
                name: name.clone().into_owned(),
                signature: signature.clone().map(Json::into_owned),
                input: String::new(),
            }),
            Event::ToolInput { choice, tool, piece } => {
                let is = |call: &&mut Call| (call.choice, call.tool) == (*choice, *tool);
                if let Some(call) = self.calls.iter_mut().find(is) {
                    call.input.push_str(piece.inner());
                }
            }
            Event::Logprobs { choice, json } => {
                if let Some(result) = logprobs::write(json) {
                    self.chunk(out, |list| {
                        list.object(|candidate| {
                            candidate.number("index", u64::from(*choice));
                            candidate.json("logprobsResult", &result);
                        });
                    });
                }
            }
            Event::Finish { choice, reason, .. } => {
                self.flush(*choice, |_| true, out);
                if !self.ends.iter().any(|(known, _)| known == choice) {
                    self.ends.push((*choice, *reason));
                }
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => self.end(out),
            _ => {}
        }
    }

    fn begin(&mut self, id: Option<&Json<'_>>, model: Option<&Json<'_>>) {
        if !self.back.is_empty() {
            return;
        }
        let model = model.map_or_else(|| self.about.model_json(), |model| model.get().to_owned());
        let id = id.filter(|id| id.is_string());
        let id = id.map_or_else(|| self.about.id_json(), |id| id.get().to_owned());
        self.back = format!(",\"modelVersion\":{model},\"responseId\":{id}}}\r\n\r\n");
    }

    fn chunk(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Array<'_>)) {
        self.begin(None, None);
        out.extend_from_slice(b"data: {\"candidates\":");
        crate::neutral::write::array(out, fill);
        out.extend_from_slice(self.back.as_bytes());
    }

    fn part(&mut self, choice: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        // What comes after a call stays after it.
        if !self.calls.is_empty() {
            self.flush(choice, Call::is_whole, out);
        }
        self.write_part(choice, out, fill);
    }

    fn write_part(&mut self, choice: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        self.chunk(out, |list| {
            list.object(|candidate| {
                candidate.object("content", |content| {
                    content.array("parts", |parts| parts.object(fill));
                    content.text("role", "model");
                });
                candidate.number("index", u64::from(choice));
            });
        });
    }

    /// Writes the calls of a choice that are `ready`.
    fn flush(&mut self, choice: u32, ready: fn(&Call) -> bool, out: &mut Vec<u8>) {
        let calls = std::mem::take(&mut self.calls).into_iter();
        let (now, later): (Vec<_>, Vec<_>) = calls.partition(|call| call.choice == choice && ready(call));
        self.calls = later;
        for call in &now {
            self.write_part(choice, out, |part| {
                function_call(part, &call.id, &call.name, &call.input, call.signature.as_ref());
            });
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        while let Some(choice) = self.calls.first().map(|call| call.choice) {
            self.flush(choice, |_| true, out);
        }
        if self.ends.is_empty() {
            self.ends.push((0, Finish::Stop));
        }
        let ends = std::mem::take(&mut self.ends);
        self.begin(None, None);
        out.extend_from_slice(b"data: {\"candidates\":");
        crate::neutral::write::array(out, |list| {
            for (choice, reason) in &ends {
                list.object(|candidate| {
                    candidate.raw("content", "{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"}");
                    candidate.text("finishReason", word(*reason));
                    candidate.number("index", u64::from(*choice));
                });
            }
        });
        if let Some(used) = self.usage {
            out.extend_from_slice(b",\"usageMetadata\":");
            object(out, |o| usage(&used, o));
        }
        out.extend_from_slice(self.back.as_bytes());
    }
}

fn said(text: &Json<'_>) -> bool {
    !text.inner().is_empty()
}

/// The dialect's word for an end.
const fn word(reason: Finish) -> &'static str {
    match reason {
        Finish::Stop | Finish::StopText | Finish::ToolCalls | Finish::Pause => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::ContentFilter => "SAFETY",
        Finish::Failed => "OTHER",
    }
}

fn function_call(
    part: &mut Object<'_>,
    id: &str,
    name: &Json<'_>,
    input: &str,
    signature: Option<&Json<'_>>,
) {
    part.object("functionCall", |call| {
        call.raw("id", id);
        call.json("name", name);
        let value = Json::known(format!("\"{input}\"")).unquoted().filter(Json::is_object);
        match value {
            // Models write lines; in an event each would be one of the event's own. In strings they are escaped.
            Some(args) => call.raw("args", &args.get().replace(['\n', '\r'], " ")),
            // What the model wrote is no object: it is kept, under a name that says so.
            None => call.object("args", |args| args.raw("invalid_json", &format!("\"{input}\""))),
        }
    });
    part.maybe("thoughtSignature", signature);
}

/// Writes the usage object's members: here `candidatesTokenCount` is without thought, `promptTokenCount` with what a cache
/// was part of.
pub fn usage(usage: &Usage, o: &mut Object<'_>) {
    o.number("promptTokenCount", usage.input_tokens);
    o.number("candidatesTokenCount", usage.output_tokens.saturating_sub(usage.reasoning_tokens));
    o.number("totalTokenCount", usage.input_tokens.saturating_add(usage.output_tokens));
    if usage.cache_read_tokens > 0 {
        o.number("cachedContentTokenCount", usage.cache_read_tokens);
    }
    if usage.reasoning_tokens > 0 {
        o.number("thoughtsTokenCount", usage.reasoning_tokens);
    }
}

/// Writes the answer in one piece.
pub fn document(answer: &Collected, about: &About) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    object(&mut out, |o| {
        o.array("candidates", |list| {
            for (index, choice) in answer.choices.iter().enumerate() {
                list.object(|candidate| {
                    candidate.object("content", |content| {
                        content.array("parts", |parts| {
                            choice.blocks.iter().for_each(|block| block_of(block, about, parts));
                        });
                        content.text("role", "model");
                    });
                    candidate.text("finishReason", word(choice.finish.unwrap_or(Finish::Stop)));
                    candidate.number("index", index as u64);
                    candidate
                        .maybe("logprobsResult", choice.logprobs.as_ref().and_then(logprobs::write).as_ref());
                });
            }
        });
        if let Some(used) = &answer.usage {
            o.object("usageMetadata", |o| usage(used, o));
        }
        o.raw("modelVersion", answer.model.as_ref().map_or(&*about.model_json(), Json::get));
        o.raw("responseId", answer.id.as_ref().map_or(&*about.id_json(), Json::get));
    });
    out
}

fn block_of(block: &Block, about: &About, parts: &mut Array<'_>) {
    match block {
        Block::Text { text, .. } | Block::Refusal(text) => {
            parts.object(|o| o.raw("text", &format!("\"{text}\"")));
        }
        Block::Reasoning { text, signature } => parts.object(|o| {
            o.raw("text", &format!("\"{text}\""));
            o.truth("thought", true);
            o.maybe("thoughtSignature", signature.as_ref());
        }),
        // Sealed thought of others has no place here.
        Block::Sealed(_) => {}
        Block::Tool { tool, id, name, signature, input } => parts.object(|o| {
            let id = id.as_ref().map_or_else(|| about.tool_id(*tool), |id| id.get().to_owned());
            function_call(o, &id, name, input, signature.as_ref());
        }),
    }
}
