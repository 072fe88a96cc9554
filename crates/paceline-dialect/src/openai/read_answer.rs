//! An answer of OpenAI's dialect as neutral events: what it says. What it used, how it failed and where it ends, the one
//! observer of the dialect ([`crate::openai::stream`]) tells.

use crate::neutral::event::{Event, Finish, Sink};
use crate::neutral::json::Json;
use serde::Deserialize;

/// Reads chunks, or one whole answer.
#[derive(Debug, Default)]
pub struct Reader {
    begun: bool,
    /// Calls of tools: choice, the index on the wire, the id.
    tools: Vec<(u32, u64, Option<Json<'static>>)>,
    /// The answers seen, and whether each has told its end.
    choices: Vec<(u32, bool)>,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    id: Option<Json<'a>>,
    #[serde(borrow, default)]
    model: Option<Json<'a>>,
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    index: Option<Json<'a>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    /// Of answers in one piece; some services send it beside the other, as `null`.
    #[serde(borrow, default)]
    message: Option<Delta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Json<'a>>,
    #[serde(borrow, default)]
    logprobs: Option<Json<'a>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Json<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Json<'a>>,
    #[serde(borrow, default)]
    reasoning: Option<Json<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Json<'a>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<Tool<'a>>>,
    #[serde(borrow, default)]
    function_call: Option<Function<'a>>,
    #[serde(borrow, default)]
    annotations: Option<Vec<Json<'a>>>,
    #[serde(borrow, default)]
    audio: Option<Json<'a>>,
}

#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(borrow, default)]
    index: Option<Json<'a>>,
    #[serde(borrow, default)]
    id: Option<Json<'a>>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
    #[serde(borrow, default)]
    extra_content: Option<Json<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Option<Json<'a>>,
    #[serde(borrow, default)]
    arguments: Option<Json<'a>>,
}

impl Reader {
    /// Reads one chunk or answer; `false` when it is not of this dialect.
    pub fn read(&mut self, data: &[u8], sink: &mut impl Sink) -> bool {
        let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else { return false };
        if !std::mem::replace(&mut self.begun, true) {
            sink.event(&Event::Begin { id: chunk.id, model: chunk.model });
        }
        for (place, choice) in chunk.choices.into_iter().flatten().enumerate() {
            self.choice(place as u32, choice, sink);
        }
        true
    }

    /// Whether an answer was told at all.
    pub fn has_choices(&self) -> bool {
        !self.choices.is_empty()
    }

    /// Whether an answer has begun and not told its end.
    pub fn has_unfinished(&self) -> bool {
        self.choices.iter().any(|(_, finished)| !finished)
    }

    fn choice(&mut self, place: u32, given: Choice<'_>, sink: &mut impl Sink) {
        let choice = given.index.as_ref().and_then(number).unwrap_or(place);
        let at = match self.choices.iter().position(|(known, _)| *known == choice) {
            Some(at) => at,
            None => {
                self.choices.push((choice, false));
                self.choices.len() - 1
            }
        };
        if let Some(delta) = given.delta.or(given.message) {
            self.delta(choice, delta, sink);
        }
        if let Some(json) = given.logprobs.filter(|json| json.get() != "{}") {
            sink.event(&Event::Logprobs { choice, json });
        }
        if let Some(reason) = given.finish_reason {
            let asked = self.tools.iter().any(|(of, ..)| *of == choice);
            let reason = match reason.text().as_deref().unwrap_or_default() {
                "" => return,
                "length" | "max_tokens" => Finish::Length,
                "tool_calls" | "function_call" => Finish::ToolCalls,
                "content_filter" => Finish::ContentFilter,
                "error" => Finish::Failed,
                // Some services say `stop` when tools are asked for.
                _ if asked => Finish::ToolCalls,
                _ => Finish::Stop,
            };
            // Some services repeat it, beside the usage for example.
            if std::mem::replace(&mut self.choices[at].1, true) {
                return;
            }
            sink.event(&Event::Finish { choice, reason, stop: None });
        }
    }

    fn delta(&mut self, choice: u32, delta: Delta<'_>, sink: &mut impl Sink) {
        if let Some(text) = delta.reasoning_content.or(delta.reasoning).filter(said) {
            sink.event(&Event::Reasoning { choice, text });
        }
        match delta.content {
            Some(text) if said(&text) => sink.event(&Event::Text { choice, text }),
            Some(parts) if !parts.is_string() => content_parts(choice, &parts, sink),
            _ => {}
        }
        if let Some(text) = delta.refusal.filter(said) {
            sink.event(&Event::Refusal { choice, text });
        }
        if delta.audio.is_some() {
            sink.event(&Event::Other { choice, kind: "audio" });
        }
        for (place, tool) in delta.tool_calls.into_iter().flatten().enumerate() {
            self.tool(choice, place as u64, tool, sink);
        }
        if let Some(function) = delta.function_call {
            let tool = Tool { index: None, id: None, function: Some(function), extra_content: None };
            self.tool(choice, 0, tool, sink);
        }
        for json in delta.annotations.into_iter().flatten() {
            sink.event(&Event::Citation { choice, json });
        }
    }

    /// The index says which call a piece belongs to; a new id at an index that is taken is a new call.
    fn tool(&mut self, choice: u32, place: u64, given: Tool<'_>, sink: &mut impl Sink) {
        let index = given.index.as_ref().and_then(number).map_or(place, u64::from);
        let id = given.id.filter(said);
        let same = |(of, at, _): &&(u32, u64, Option<Json<'static>>)| *of == choice && *at == index;
        let known = self.tools.iter().rposition(|tool| same(&tool)).filter(|&at| {
            id.is_none()
                || self.tools[at].2.is_none()
                || self.tools[at].2.as_ref().map(Json::get) == id.as_ref().map(Json::get)
        });
        let (name, arguments) =
            given.function.map_or((None, None), |function| (function.name, function.arguments));
        let at = match known {
            Some(at) => at,
            None => {
                let Some(name) = name.filter(said) else { return };
                let tool = self.number(choice, self.tools.len());
                let signature =
                    given.extra_content.and_then(|extra| extra.member("google")?.member("thought_signature"));
                sink.event(&Event::ToolCall { choice, tool, id: id.clone(), name, signature });
                self.tools.push((choice, index, id.map(Json::into_owned)));
                self.tools.len() - 1
            }
        };
        let tool = self.number(choice, at);
        match arguments {
            Some(piece) if said(&piece) => sink.event(&Event::ToolInput { choice, tool, piece }),
            // Some services send an object where the dialect has a string.
            Some(object) if object.is_object() => {
                sink.event(&Event::ToolInput { choice, tool, piece: Json::string(object.get()) });
            }
            _ => {}
        }
    }

    /// The number of a call within its choice.
    fn number(&self, choice: u32, at: usize) -> u32 {
        self.tools[..at].iter().filter(|(of, ..)| *of == choice).count() as u32
    }
}

fn said(text: &Json<'_>) -> bool {
    !text.inner().is_empty()
}

/// A number of an answer or a call; some services send it as text.
fn number(index: &Json<'_>) -> Option<u32> {
    let text = if index.is_string() { index.inner() } else { index.get() };
    text.parse().ok()
}

/// Content in parts, as Mistral sends thought and text.
fn content_parts(choice: u32, parts: &Json<'_>, sink: &mut impl Sink) {
    for part in parts.split().unwrap_or_default() {
        if let Some(text) = part.member("text").filter(said) {
            sink.event(&Event::Text { choice, text });
        }
        for thought in part.member("thinking").and_then(|inner| inner.split()).unwrap_or_default() {
            if let Some(text) = thought.member("text").filter(said) {
                sink.event(&Event::Reasoning { choice, text });
            }
        }
    }
}
