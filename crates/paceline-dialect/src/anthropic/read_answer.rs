//! An answer of Anthropic's dialect as neutral events, in one piece or as a stream; used alike where it is passed through
//! and where it is translated.

use crate::anthropic::error::{self, Told};
use crate::neutral::event::{Event, Finish, Sink};
use crate::neutral::json::Json;
use paceline_types::tokens::{Usage, UsageSource};
use serde::Deserialize;

/// Reads the events of one answer.
#[derive(Debug, Default)]
pub struct Reader {
    /// Blocks that ask for tools: their index on the wire, and their number among the tools.
    tools: Vec<u64>,
    used: Option<Used>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    r#type: Json<'a>,
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    content_block: Option<Json<'a>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    usage: Option<Counters<'a>>,
    #[serde(borrow, default)]
    error: Option<Told<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    id: Option<Json<'a>>,
    #[serde(borrow, default)]
    model: Option<Json<'a>>,
    #[serde(borrow, default)]
    content: Option<Vec<Json<'a>>>,
    #[serde(borrow, default)]
    stop_reason: Option<Json<'a>>,
    #[serde(borrow, default)]
    stop_sequence: Option<Json<'a>>,
    #[serde(borrow, default)]
    usage: Option<Counters<'a>>,
    #[serde(borrow, default)]
    error: Option<Told<'a>>,
}

#[derive(Deserialize, Default)]
struct Delta<'a> {
    #[serde(borrow, default)]
    text: Option<Json<'a>>,
    #[serde(borrow, default)]
    partial_json: Option<Json<'a>>,
    #[serde(borrow, default)]
    thinking: Option<Json<'a>>,
    #[serde(borrow, default)]
    signature: Option<Json<'a>>,
    #[serde(borrow, default)]
    citation: Option<Json<'a>>,
    #[serde(borrow, default)]
    stop_reason: Option<Json<'a>>,
    #[serde(borrow, default)]
    stop_sequence: Option<Json<'a>>,
}

/// What is no whole number counts as absent.
#[derive(Deserialize, Default)]
struct Counters<'a> {
    #[serde(borrow, default)]
    input_tokens: Option<Json<'a>>,
    #[serde(borrow, default)]
    cache_creation_input_tokens: Option<Json<'a>>,
    #[serde(borrow, default)]
    cache_read_input_tokens: Option<Json<'a>>,
    #[serde(borrow, default)]
    cache_creation: Option<Kept<'a>>,
    #[serde(borrow, default)]
    output_tokens: Option<Json<'a>>,
    #[serde(borrow, default)]
    output_tokens_details: Option<OutputDetails<'a>>,
}

#[derive(Deserialize, Default)]
struct Kept<'a> {
    #[serde(borrow, default)]
    ephemeral_5m_input_tokens: Option<Json<'a>>,
    #[serde(borrow, default)]
    ephemeral_1h_input_tokens: Option<Json<'a>>,
}

#[derive(Deserialize)]
struct OutputDetails<'a> {
    #[serde(borrow, default)]
    thinking_tokens: Option<Json<'a>>,
}

fn count(json: Option<&Json<'_>>) -> Option<u64> {
    json.and_then(Json::count)
}

/// Counters as they stand: totals of the answer so far.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    plain: u64,
    written: u64,
    written_1h: u64,
    read: u64,
    output: u64,
    reasoning: u64,
}

impl Used {
    /// Counters replace those before them. What tells of the prompt is taken as a unit: some services give the whole prompt
    /// first and how it divides later; others repeat it as nought.
    fn take(&mut self, given: &Counters<'_>) {
        let kept = given.cache_creation.as_ref();
        let short = kept.and_then(|kept| count(kept.ephemeral_5m_input_tokens.as_ref()));
        let long = kept.and_then(|kept| count(kept.ephemeral_1h_input_tokens.as_ref())).unwrap_or(0);
        let told = count(given.cache_creation_input_tokens.as_ref());
        let written = told.unwrap_or(short.unwrap_or(0).saturating_add(long));
        let read = count(given.cache_read_input_tokens.as_ref());
        let tells_cache = told.is_some() || read.is_some() || kept.is_some();
        let read = read.unwrap_or(0);
        let input = count(given.input_tokens.as_ref());
        let plain = input.unwrap_or(if tells_cache { self.plain } else { 0 });
        if (tells_cache || input.is_some()) && [plain, written, read] != [0; 3] {
            (self.plain, self.written, self.read) = (plain, written, read);
            self.written_1h = long.min(written);
        }
        self.output = count(given.output_tokens.as_ref()).unwrap_or(self.output);
        let thought = given.output_tokens_details.as_ref();
        let thought = thought.and_then(|details| count(details.thinking_tokens.as_ref()));
        self.reasoning = thought.unwrap_or(self.reasoning);
    }

    fn usage(self) -> Usage {
        Usage {
            input_tokens: self.plain.saturating_add(self.written).saturating_add(self.read),
            output_tokens: self.output,
            cache_read_tokens: self.read,
            cache_write_tokens: self.written,
            cache_write_1h_tokens: self.written_1h,
            reasoning_tokens: self.reasoning,
            source: UsageSource::Reported,
        }
    }
}

impl Reader {
    /// Reads the data of one event; `false` when it is not of this dialect.
    pub fn read(&mut self, data: &[u8], sink: &mut impl Sink) -> bool {
        let Ok(wire) = serde_json::from_slice::<Wire<'_>>(data) else { return false };
        match wire.r#type.inner() {
            "content_block_delta" => {
                let index = wire.index.unwrap_or(0);
                let tool = self.tools.iter().position(|&at| at == index);
                piece(wire.delta.unwrap_or_default(), tool, sink);
            }
            "message_start" => {
                let Some(message) = wire.message else { return true };
                sink.event(&Event::Begin { id: message.id, model: message.model });
                self.count(message.usage.as_ref(), sink);
            }
            "content_block_start" => {
                if let Some(block) = wire.content_block {
                    self.block(&block, wire.index.unwrap_or(0), false, sink);
                }
            }
            "message_delta" => {
                self.count(wire.usage.as_ref(), sink);
                let delta = wire.delta.unwrap_or_default();
                finish(delta.stop_reason.as_ref(), delta.stop_sequence, sink);
            }
            "message_stop" => sink.event(&Event::End),
            "error" => sink.event(&Event::Failed(error::failure(wire.error.as_ref(), None))),
            _ => {}
        }
        true
    }

    /// Reads an answer in one piece; `false` when it is none of this dialect.
    pub fn read_document(&mut self, data: &[u8], sink: &mut impl Sink) -> bool {
        let Ok(message) = serde_json::from_slice::<Message<'_>>(data) else { return false };
        if let Some(told) = &message.error {
            sink.event(&Event::Failed(error::failure(Some(told), None)));
            return true;
        }
        let Some(blocks) = message.content else { return false };
        sink.event(&Event::Begin { id: message.id, model: message.model });
        for (index, block) in blocks.iter().enumerate() {
            self.block(block, index as u64, true, sink);
        }
        self.count(message.usage.as_ref(), sink);
        finish(message.stop_reason.as_ref(), message.stop_sequence, sink);
        sink.event(&Event::End);
        true
    }

    fn count(&mut self, given: Option<&Counters<'_>>, sink: &mut impl Sink) {
        let Some(given) = given else { return };
        let used = self.used.get_or_insert_default();
        used.take(given);
        sink.event(&Event::Usage(used.usage()));
    }

    /// A block begins; `whole`: it is all there.
    fn block(&mut self, block: &Json<'_>, index: u64, whole: bool, sink: &mut impl Sink) {
        let choice = 0;
        let Some(mut members) = block.open() else { return };
        let Some(kind) = members.take("type") else { return };
        match kind.inner() {
            "text" => {
                if let Some(text) = members.take("text") {
                    sink.event(&Event::Text { choice, text });
                }
                for json in members.take("citations").and_then(|list| list.split()).unwrap_or_default() {
                    sink.event(&Event::Citation { choice, json });
                }
            }
            "thinking" => {
                if let Some(text) = members.take("thinking") {
                    sink.event(&Event::Reasoning { choice, text });
                }
                if let Some(signature) = members.take("signature").filter(|seal| !seal.inner().is_empty()) {
                    sink.event(&Event::Signature { choice, signature });
                }
            }
            "redacted_thinking" => {
                if let Some(data) = members.take("data") {
                    sink.event(&Event::Sealed { choice, data });
                }
            }
            "tool_use" => {
                let Some(name) = members.take("name") else { return };
                let tool = self.tools.len() as u32;
                self.tools.push(index);
                sink.event(&Event::ToolCall { choice, tool, id: members.take("id"), name, signature: None });
                // Where pieces follow, the input that stands here is an empty object.
                if let Some(input) = members.take("input").filter(|input| whole || input.get() != "{}") {
                    sink.event(&Event::ToolInput { choice, tool, piece: Json::string(input.get()) });
                }
            }
            other => sink.event(&Event::Other { choice, kind: other }),
        }
    }
}

fn piece(delta: Delta<'_>, tool: Option<usize>, sink: &mut impl Sink) {
    let choice = 0;
    if let Some(text) = delta.text {
        sink.event(&Event::Text { choice, text });
    } else if let Some(piece) = delta.partial_json {
        // The tools that the provider runs itself are given something too.
        if let Some(tool) = tool {
            sink.event(&Event::ToolInput { choice, tool: tool as u32, piece });
        }
    } else if let Some(text) = delta.thinking {
        sink.event(&Event::Reasoning { choice, text });
    } else if let Some(signature) = delta.signature {
        sink.event(&Event::Signature { choice, signature });
    } else if let Some(json) = delta.citation {
        sink.event(&Event::Citation { choice, json });
    }
}

fn finish(reason: Option<&Json<'_>>, stop: Option<Json<'_>>, sink: &mut impl Sink) {
    let Some(reason) = reason else { return };
    let reason = match reason.inner() {
        "stop_sequence" => Finish::StopText,
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::ContentFilter,
        "pause_turn" => Finish::Pause,
        _ => Finish::Stop,
    };
    sink.event(&Event::Finish { choice: 0, reason, stop });
}
