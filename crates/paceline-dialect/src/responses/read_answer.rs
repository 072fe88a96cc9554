//! An answer of the responses dialect as neutral events, in one piece or as a stream; used alike where it is passed through
//! and where it is translated.

use crate::neutral::event::{Event, Finish, Sink};
use crate::neutral::json::{Json, MOST_COUNTED, Members};
use crate::responses::error::Told;
use paceline_types::tokens::{Usage, UsageSource};
use serde::Deserialize;

/// Reads the events of one answer.
#[derive(Debug, Default)]
pub struct Reader {
    begun: bool,
    /// Calls of tools by the index of their item; the place is their number.
    tools: Vec<Tool>,
    /// Parts whose text was told, by the index of their item and their own.
    told: Vec<(u64, u64)>,
    /// The last part whose probabilities were told.
    weighed: Option<(u64, u64)>,
    /// Items whose thought was told.
    thought: Vec<u64>,
    /// Something was told that the whole response repeats.
    spoke: bool,
}

#[derive(Debug)]
struct Tool {
    item: u64,
    /// Its input was told.
    fed: bool,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default)]
    r#type: Option<Json<'a>>,
    #[serde(default)]
    output_index: u64,
    #[serde(default)]
    content_index: u64,
    #[serde(default)]
    summary_index: u64,
    #[serde(borrow, default)]
    delta: Option<Json<'a>>,
    #[serde(borrow, default)]
    text: Option<Json<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Json<'a>>,
    #[serde(borrow, default)]
    arguments: Option<Json<'a>>,
    #[serde(borrow, default)]
    logprobs: Option<Json<'a>>,
    #[serde(borrow, default)]
    annotation: Option<Json<'a>>,
    #[serde(borrow, default)]
    item: Option<Json<'a>>,
    #[serde(borrow, default)]
    response: Option<Json<'a>>,
    #[serde(borrow, default)]
    error: Option<Json<'a>>,
}

#[derive(Deserialize, Default)]
struct Counters {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    input_tokens_details: Option<InputDetails>,
    #[serde(default)]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize, Default)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize, Default)]
struct OutputDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

impl Reader {
    /// Reads the data of one event; `false` when it is not of this dialect.
    pub fn read(&mut self, data: &[u8], sink: &mut impl Sink) -> bool {
        let Ok(wire) = serde_json::from_slice::<Wire<'_>>(data) else { return false };
        let Some(kind) = &wire.r#type else {
            // An error that stands where an event should.
            let Some(error) = &wire.error else { return false };
            sink.event(&Event::Failed(Told::of(error).failure()));
            return true;
        };
        match kind.inner() {
            "response.created" | "response.in_progress" | "response.queued" => {
                self.begin(&mut wire.response.and_then(|response| response.open()).unwrap_or_default(), sink);
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                let Some(mut response) = wire.response.and_then(|response| response.open()) else {
                    return false;
                };
                self.response(&mut response, sink);
            }
            "error" => {
                let told = wire.error.as_ref().map(Told::of);
                let told = told.or_else(|| serde_json::from_slice(data).ok()).unwrap_or_default();
                sink.event(&Event::Failed(told.failure()));
            }
            _ => self.piece(wire, sink),
        }
        true
    }

    fn piece(&mut self, wire: Wire<'_>, sink: &mut impl Sink) {
        let (choice, index, part) = (0, wire.output_index, wire.content_index);
        let delta = wire.delta.filter(|delta| !delta.inner().is_empty());
        match wire.r#type.as_ref().map_or("", Json::inner) {
            "response.output_text.delta" => {
                if let Some(text) = delta {
                    self.tell(index, part, sink);
                    sink.event(&Event::Text { choice, text });
                }
                self.weigh(index, part, wire.logprobs.as_ref(), sink);
            }
            "response.output_text.done" => {
                self.text(index, part, wire.text, sink);
                // Some tell them only with the whole text.
                if self.weighed != Some((index, part)) {
                    self.weigh(index, part, wire.logprobs.as_ref(), sink);
                }
            }
            "response.refusal.delta" => {
                if let Some(text) = delta {
                    self.tell(index, part, sink);
                    sink.event(&Event::Refusal { choice, text });
                }
            }
            "response.refusal.done" => self.refusal(index, part, wire.refusal, sink),
            "response.output_text.annotation.added" => {
                if let Some(json) = wire.annotation {
                    sink.event(&Event::Citation { choice, json });
                }
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                if let Some(text) = delta {
                    self.think(index, text, sink);
                }
            }
            // A paragraph of the summary begins.
            "response.reasoning_summary_part.added" if wire.summary_index > 0 => {
                self.think(index, Json::known("\"\\n\\n\""), sink);
            }
            "response.function_call_arguments.delta" => {
                if let (Some(piece), Some(tool)) = (delta, self.tool(index)) {
                    self.tools[tool].fed = true;
                    sink.event(&Event::ToolInput { choice, tool: tool as u32, piece });
                }
            }
            "response.function_call_arguments.done" => self.arguments(index, wire.arguments, sink),
            "response.output_item.added" => {
                if let Some(mut item) = wire.item.and_then(|item| item.open())
                    && item.take("type").is_some_and(|kind| kind.is("function_call"))
                {
                    self.call(index, &mut item, sink);
                }
            }
            "response.output_item.done" => {
                if let Some(item) = &wire.item {
                    self.item(index, item, sink);
                }
            }
            _ => {}
        }
    }

    /// Reads an answer in one piece; `false` when it is none of this dialect.
    pub fn read_document(&mut self, body: &[u8], sink: &mut impl Sink) -> bool {
        let Ok(mut response) = Members::read(body) else { return false };
        let is_one = response.take("object").is_some_and(|object| object.is("response"));
        if !is_one && !response.0.iter().any(|(key, _)| key == "output") {
            let Some(error) = response.take("error") else { return false };
            sink.event(&Event::Failed(Told::of(&error).failure()));
            return true;
        }
        self.response(&mut response, sink);
        true
    }

    fn begin(&mut self, response: &mut Members<'_>, sink: &mut impl Sink) {
        if !std::mem::replace(&mut self.begun, true) {
            sink.event(&Event::Begin { id: response.take("id"), model: response.take("model") });
        }
    }

    /// The whole response, at the end of a stream or instead of one.
    fn response(&mut self, response: &mut Members<'_>, sink: &mut impl Sink) {
        self.begin(response, sink);
        if !self.spoke {
            let items = response.take("output").and_then(|output| output.split()).unwrap_or_default();
            for (index, item) in items.iter().enumerate() {
                self.item(index as u64, item, sink);
            }
        }
        if let Some(usage) = response.take("usage").as_ref().and_then(usage) {
            sink.event(&Event::Usage(usage));
        }
        let status = response.take("status");
        let reason = match status.as_ref().map_or("completed", Json::inner) {
            "failed" => {
                let error = response.take("error");
                let told = error.as_ref().map(Told::of).unwrap_or_default();
                return sink.event(&Event::Failed(told.failure()));
            }
            // It goes on without us: its answer is asked for later.
            "queued" | "in_progress" => return sink.event(&Event::End),
            "cancelled" => Finish::Failed,
            "incomplete" => {
                let details = response.take("incomplete_details");
                let reason = details.and_then(|details| details.member("reason"));
                let filtered = reason.is_some_and(|reason| reason.is("content_filter"));
                if filtered { Finish::ContentFilter } else { Finish::Length }
            }
            _ if !self.tools.is_empty() => Finish::ToolCalls,
            _ => Finish::Stop,
        };
        sink.event(&Event::Finish { choice: 0, reason, stop: None });
        sink.event(&Event::End);
    }

    /// An item that is whole: what of it was not told yet.
    fn item(&mut self, index: u64, item: &Json<'_>, sink: &mut impl Sink) {
        let Some(mut members) = item.open() else { return };
        let Some(kind) = members.take("type") else { return };
        match kind.inner() {
            "message" => {
                let parts = members.take("content").and_then(|parts| parts.split()).unwrap_or_default();
                for (at, part) in parts.iter().enumerate() {
                    let (at, Some(mut part)) = (at as u64, part.open()) else { continue };
                    if let Some(text) = part.take("refusal") {
                        self.refusal(index, at, Some(text), sink);
                    } else if !self.told.contains(&(index, at)) {
                        self.text(index, at, part.take("text"), sink);
                        for json in part.take("annotations").and_then(|list| list.split()).unwrap_or_default()
                        {
                            sink.event(&Event::Citation { choice: 0, json });
                        }
                        self.weigh(index, at, part.take("logprobs").as_ref(), sink);
                    }
                }
            }
            "function_call" => {
                self.call(index, &mut members, sink);
                self.arguments(index, members.take("arguments"), sink);
            }
            "reasoning" => self.reasoning(index, &mut members, sink),
            other => sink.event(&Event::Other { choice: 0, kind: other }),
        }
    }

    /// Thought, and the seal on it. Where there is only the seal, it is sealed thought.
    fn reasoning(&mut self, index: u64, members: &mut Members<'_>, sink: &mut impl Sink) {
        let list = |list: Option<Json<'_>>| -> Vec<Json<'static>> {
            let list = list.and_then(|list| list.split()).unwrap_or_default();
            let texts = list.iter().filter_map(|part| part.member("text").filter(Json::is_string));
            texts.map(Json::into_owned).collect()
        };
        let (summary, content) = (list(members.take("summary")), list(members.take("content")));
        let has_text = !summary.is_empty() || !content.is_empty();
        if !self.thought.contains(&index) {
            let texts = if summary.is_empty() { content } else { summary };
            for (number, text) in texts.into_iter().enumerate() {
                if number > 0 {
                    self.think(index, Json::known("\"\\n\\n\""), sink);
                }
                self.think(index, text, sink);
            }
        }
        let seal = members.take("encrypted_content").filter(|seal| !seal.inner().is_empty());
        if let Some(seal) = seal {
            self.begin(&mut Members::default(), sink);
            self.spoke = true;
            if has_text || self.thought.contains(&index) {
                sink.event(&Event::Signature { choice: 0, signature: seal });
            } else {
                sink.event(&Event::Sealed { choice: 0, data: seal });
            }
        }
    }

    fn think(&mut self, index: u64, text: Json<'_>, sink: &mut impl Sink) {
        self.begin(&mut Members::default(), sink);
        self.spoke = true;
        if !self.thought.contains(&index) {
            self.thought.push(index);
        }
        sink.event(&Event::Reasoning { choice: 0, text });
    }

    /// Remembers that a part's text is told.
    fn tell(&mut self, index: u64, part: u64, sink: &mut impl Sink) {
        self.begin(&mut Members::default(), sink);
        self.spoke = true;
        if self.told.last() != Some(&(index, part)) && !self.told.contains(&(index, part)) {
            self.told.push((index, part));
        }
    }

    fn text(&mut self, index: u64, part: u64, text: Option<Json<'_>>, sink: &mut impl Sink) {
        let Some(text) = text.filter(|text| !text.inner().is_empty()) else { return };
        if !self.told.contains(&(index, part)) {
            self.tell(index, part, sink);
            sink.event(&Event::Text { choice: 0, text });
        }
    }

    fn refusal(&mut self, index: u64, part: u64, text: Option<Json<'_>>, sink: &mut impl Sink) {
        let Some(text) = text.filter(|text| !text.inner().is_empty()) else { return };
        if !self.told.contains(&(index, part)) {
            self.tell(index, part, sink);
            sink.event(&Event::Refusal { choice: 0, text });
        }
    }

    fn weigh(&mut self, index: u64, part: u64, list: Option<&Json<'_>>, sink: &mut impl Sink) {
        if let Some(list) = list.filter(|list| list.get().starts_with('[') && list.get() != "[]") {
            self.weighed = Some((index, part));
            let json = Json::known(format!("{{\"content\":{},\"refusal\":null}}", list.get()));
            sink.event(&Event::Logprobs { choice: 0, json });
        }
    }

    fn tool(&self, index: u64) -> Option<usize> {
        self.tools.iter().position(|tool| tool.item == index)
    }

    /// A call of a tool, unless it is known.
    fn call(&mut self, index: u64, item: &mut Members<'_>, sink: &mut impl Sink) {
        if self.tool(index).is_some() {
            return;
        }
        let Some(name) = item.take("name").filter(Json::is_string) else { return };
        self.begin(&mut Members::default(), sink);
        self.spoke = true;
        let tool = self.tools.len() as u32;
        self.tools.push(Tool { item: index, fed: false });
        let id = item.take("call_id").or_else(|| item.take("id")).filter(Json::is_string);
        sink.event(&Event::ToolCall { choice: 0, tool, id, name, signature: None });
    }

    /// The whole input of a tool, where no pieces of it came.
    fn arguments(&mut self, index: u64, arguments: Option<Json<'_>>, sink: &mut impl Sink) {
        let (Some(piece), Some(tool)) = (arguments, self.tool(index)) else { return };
        if !self.tools[tool].fed && !piece.inner().is_empty() {
            self.tools[tool].fed = true;
            sink.event(&Event::ToolInput { choice: 0, tool: tool as u32, piece });
        }
    }
}

fn usage(json: &Json<'_>) -> Option<Usage> {
    let counters: Counters = serde_json::from_str(json.get()).ok()?;
    if counters.input_tokens.is_none() && counters.output_tokens.is_none() {
        return None;
    }
    let input = counters.input_tokens_details.unwrap_or_default();
    // More than anybody counts is no count.
    let count = |count: Option<u64>| count.filter(|&count| count <= MOST_COUNTED).unwrap_or(0);
    Some(Usage {
        input_tokens: count(counters.input_tokens),
        output_tokens: count(counters.output_tokens),
        cache_read_tokens: count(input.cached_tokens),
        cache_write_tokens: count(input.cache_write_tokens),
        cache_write_1h_tokens: 0,
        reasoning_tokens: count(counters.output_tokens_details.and_then(|details| details.reasoning_tokens)),
        source: UsageSource::Reported,
    })
}
