//! An answer of Bedrock's Converse as neutral events, in one piece or as a stream.

use crate::bedrock::error;
use crate::neutral::event::{Event, Finish, Sink};
use crate::neutral::json::{Json, MOST_COUNTED, Members};
use paceline_types::tokens::{Usage, UsageSource};
use serde::Deserialize;

/// Reads the events of one answer.
#[derive(Debug, Default)]
pub struct Reader {
    begun: bool,
    /// Blocks that ask for tools: their index on the wire, and their number among the tools.
    tools: Vec<u64>,
    /// Why it is complete was told.
    stopped: bool,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "contentBlockIndex", default)]
    index: u64,
    #[serde(borrow, default)]
    start: Option<Json<'a>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(rename = "stopReason", borrow, default)]
    stop_reason: Option<Json<'a>>,
    #[serde(default)]
    usage: Option<Counters>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delta<'a> {
    #[serde(borrow, default)]
    text: Option<Json<'a>>,
    #[serde(borrow, default)]
    tool_use: Option<Json<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Json<'a>>,
    #[serde(borrow, default)]
    citation: Option<Json<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counters {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    cache_write_input_tokens: Option<u64>,
    #[serde(default)]
    cache_details: Option<Vec<Kept>>,
}

/// Of what was written to the cache: for how long.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    #[serde(default)]
    ttl: String,
    #[serde(default)]
    input_tokens: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(borrow)]
    output: Json<'a>,
    #[serde(borrow, default)]
    stop_reason: Option<Json<'a>>,
    #[serde(default)]
    usage: Option<Counters>,
}

impl Counters {
    /// The input here is what no cache was part of.
    fn usage(&self) -> Usage {
        // More than anybody counts is no count.
        let count = |count: Option<u64>| count.filter(|&count| count <= MOST_COUNTED).unwrap_or(0);
        let read = count(self.cache_read_input_tokens);
        let written = count(self.cache_write_input_tokens);
        let kept = self.cache_details.iter().flatten().filter(|kept| kept.ttl == "1h");
        let hour = kept.fold(0u64, |sum, kept| sum.saturating_add(kept.input_tokens));
        Usage {
            input_tokens: count(self.input_tokens).saturating_add(read).saturating_add(written),
            output_tokens: count(self.output_tokens),
            cache_read_tokens: read,
            cache_write_tokens: written,
            cache_write_1h_tokens: hour.min(written),
            reasoning_tokens: 0,
            source: UsageSource::Reported,
        }
    }
}

impl Reader {
    /// Reads one event of a stream; `false` when it is not of this dialect.
    pub fn read_event(&mut self, event_type: &str, payload: &[u8], sink: &mut impl Sink) -> bool {
        let known = matches!(
            event_type,
            "messageStart"
                | "contentBlockStart"
                | "contentBlockDelta"
                | "contentBlockStop"
                | "messageStop"
                | "metadata"
        );
        if !known {
            return true;
        }
        let Ok(wire) = serde_json::from_slice::<Wire<'_>>(payload) else { return false };
        self.begin(sink);
        match event_type {
            "contentBlockDelta" => {
                if let Some(delta) = wire.delta {
                    self.delta(wire.index, delta, sink);
                }
            }
            "contentBlockStart" => {
                if let Some(start) = &wire.start {
                    self.start(wire.index, start, sink);
                }
            }
            "messageStop" => {
                self.stopped = true;
                self.finish(wire.stop_reason.as_ref(), sink);
            }
            "metadata" => {
                if let Some(used) = wire.usage {
                    sink.event(&Event::Usage(used.usage()));
                }
                // Usage comes last, and ends what has been stopped.
                if std::mem::take(&mut self.stopped) {
                    sink.event(&Event::End);
                }
            }
            _ => {}
        }
        true
    }

    /// An exception ends the stream.
    pub fn exception(&mut self, exception_type: &str, payload: &[u8], sink: &mut impl Sink) {
        sink.event(&Event::Failed(error::failure(Some(exception_type), None, payload)));
    }

    /// Reads an answer in one piece; `false` when it is none of this dialect.
    pub fn read_document(&mut self, body: &[u8], sink: &mut impl Sink) -> bool {
        let Ok(document) = serde_json::from_slice::<Document<'_>>(body) else { return false };
        let message = document.output.open().and_then(|mut output| output.take("message"));
        let Some(blocks) = message.and_then(|message| message.open()?.take("content")?.split()) else {
            return false;
        };
        self.begin(sink);
        for (index, block) in blocks.iter().enumerate() {
            self.block(index as u64, block, sink);
        }
        if let Some(used) = document.usage {
            sink.event(&Event::Usage(used.usage()));
        }
        self.finish(document.stop_reason.as_ref(), sink);
        sink.event(&Event::End);
        true
    }

    fn begin(&mut self, sink: &mut impl Sink) {
        if !std::mem::replace(&mut self.begun, true) {
            sink.event(&Event::Begin { id: None, model: None });
        }
    }

    fn finish(&self, reason: Option<&Json<'_>>, sink: &mut impl Sink) {
        let reason = match reason.map_or("", Json::inner) {
            "stop_sequence" => Finish::StopText,
            "max_tokens" | "model_context_window_exceeded" => Finish::Length,
            "tool_use" => Finish::ToolCalls,
            "guardrail_intervened" | "content_filtered" => Finish::ContentFilter,
            "malformed_model_output" | "malformed_tool_use" => Finish::Failed,
            // Some models say `end_turn` when tools are asked for.
            _ if !self.tools.is_empty() => Finish::ToolCalls,
            _ => Finish::Stop,
        };
        sink.event(&Event::Finish { choice: 0, reason, stop: None });
    }

    /// A block begins; of text nothing is told before its first piece.
    fn start(&mut self, index: u64, start: &Json<'_>, sink: &mut impl Sink) {
        let Some(mut start) = start.open() else { return };
        match start.take("toolUse").and_then(|tool| tool.open()) {
            Some(mut tool) => {
                self.tool(index, &mut tool, sink);
            }
            None => {
                if let Some((kind, _)) = start.0.first() {
                    sink.event(&Event::Other { choice: 0, kind });
                }
            }
        }
    }

    /// A call of a tool that the caller runs; its number.
    fn tool(&mut self, index: u64, tool: &mut Members<'_>, sink: &mut impl Sink) -> Option<u32> {
        if tool.take("type").is_some_and(|kind| kind.is("server_tool_use")) {
            sink.event(&Event::Other { choice: 0, kind: "server_tool_use" });
            return None;
        }
        let name = tool.take("name").filter(Json::is_string)?;
        let number = self.tools.len() as u32;
        self.tools.push(index);
        let id = tool.take("toolUseId").filter(Json::is_string);
        sink.event(&Event::ToolCall { choice: 0, tool: number, id, name, signature: None });
        Some(number)
    }

    fn delta(&self, index: u64, delta: Delta<'_>, sink: &mut impl Sink) {
        let choice = 0;
        if let Some(text) = delta.text {
            sink.event(&Event::Text { choice, text });
        } else if let Some(tool) = delta.tool_use {
            // Pieces of a tool that nobody began belong to one that the provider runs.
            let number = self.tools.iter().rposition(|&at| at == index);
            if let (Some(number), Some(piece)) = (number, tool.member("input")) {
                sink.event(&Event::ToolInput { choice, tool: number as u32, piece });
            }
        } else if let Some(mut thought) = delta.reasoning_content.and_then(|thought| thought.open()) {
            reasoning(&mut thought, sink);
        } else if let Some(json) = delta.citation {
            sink.event(&Event::Citation { choice, json });
        }
    }

    fn block(&mut self, index: u64, block: &Json<'_>, sink: &mut impl Sink) {
        let choice = 0;
        let Some(mut members) = block.open() else { return };
        if let Some(text) = members.take("text") {
            sink.event(&Event::Text { choice, text });
        } else if let Some(mut tool) = members.take("toolUse").and_then(|tool| tool.open()) {
            let number = self.tool(index, &mut tool, sink);
            if let (Some(tool), Some(input)) = (number, tool.take("input")) {
                sink.event(&Event::ToolInput { choice, tool, piece: Json::string(input.get()) });
            }
        } else if let Some(mut thought) = members.take("reasoningContent").and_then(|thought| thought.open())
        {
            match thought.take("reasoningText").and_then(|text| text.open()) {
                Some(mut text) => reasoning(&mut text, sink),
                None => reasoning(&mut thought, sink),
            }
        } else if let Some(mut cited) = members.take("citationsContent").and_then(|cited| cited.open()) {
            for part in cited.take("content").and_then(|parts| parts.split()).unwrap_or_default() {
                if let Some(text) = part.member("text") {
                    sink.event(&Event::Text { choice, text });
                }
            }
            for json in cited.take("citations").and_then(|list| list.split()).unwrap_or_default() {
                sink.event(&Event::Citation { choice, json });
            }
        } else if let Some((kind, _)) = members.0.first() {
            sink.event(&Event::Other { choice, kind });
        }
    }
}

/// Thought, its seal, or sealed thought.
fn reasoning(thought: &mut Members<'_>, sink: &mut impl Sink) {
    let choice = 0;
    if let Some(text) = thought.take("text") {
        sink.event(&Event::Reasoning { choice, text });
    }
    if let Some(signature) = thought.take("signature").filter(|seal| !seal.inner().is_empty()) {
        sink.event(&Event::Signature { choice, signature });
    }
    if let Some(data) = thought.take("redactedContent") {
        sink.event(&Event::Sealed { choice, data });
    }
}
