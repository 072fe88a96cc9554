//! An answer of Ollama's as neutral events: a JSON object a line, or one object.

use super::error;
use crate::neutral::event::{Event, Finish, Sink};
use crate::neutral::json::Json;
use paceline_types::tokens::{Usage, UsageSource};
use serde::Deserialize;

/// Reads the lines of one answer.
#[derive(Debug, Default)]
pub struct Reader {
    begun: bool,
    tools: u32,
    done: bool,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    model: Option<Json<'a>>,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(default)]
    done: Option<bool>,
    #[serde(borrow, default)]
    done_reason: Option<Json<'a>>,
    #[serde(borrow, default)]
    prompt_eval_count: Option<Json<'a>>,
    #[serde(borrow, default)]
    eval_count: Option<Json<'a>>,
    #[serde(borrow, default)]
    error: Option<Json<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<Json<'a>>,
    #[serde(borrow, default)]
    thinking: Option<Json<'a>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<Call<'a>>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow, default)]
    id: Option<Json<'a>>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Option<Json<'a>>,
    #[serde(borrow, default)]
    arguments: Option<Json<'a>>,
}

fn said(text: &Json<'_>) -> bool {
    !text.inner().is_empty()
}

impl Reader {
    /// Reads one line; `false` when it is not of this dialect.
    pub fn read(&mut self, line: &[u8], sink: &mut impl Sink) -> bool {
        let Ok(line) = serde_json::from_slice::<Line<'_>>(line) else { return false };
        if let Some(told) = line.error {
            self.done = true;
            sink.event(&Event::Failed(error::failure(Some(&told), None)));
            return true;
        }
        if line.message.is_none() && line.done.is_none() {
            return false;
        }
        if !std::mem::replace(&mut self.begun, true) {
            sink.event(&Event::Begin { id: None, model: line.model.filter(Json::is_string) });
        }
        if let Some(message) = line.message {
            self.message(message, sink);
        }
        if line.done == Some(true) && !std::mem::replace(&mut self.done, true) {
            self.end(line.done_reason.as_ref(), (line.prompt_eval_count, line.eval_count), sink);
        }
        true
    }

    /// Reads an answer in one piece; `false` when it is none of this dialect, or not all of it.
    pub fn read_document(&mut self, body: &[u8], sink: &mut impl Sink) -> bool {
        self.read(body, sink) && self.done
    }

    fn message(&mut self, message: Message<'_>, sink: &mut impl Sink) {
        let choice = 0;
        if let Some(text) = message.thinking.filter(said) {
            sink.event(&Event::Reasoning { choice, text });
        }
        if let Some(text) = message.content.filter(said) {
            sink.event(&Event::Text { choice, text });
        }
        // Calls come whole, and each is a new one.
        for call in message.tool_calls.into_iter().flatten() {
            let Some(function) = call.function else { continue };
            let Some(name) = function.name.filter(said) else { continue };
            let tool = self.tools;
            self.tools += 1;
            sink.event(&Event::ToolCall { choice, tool, id: call.id.filter(said), name, signature: None });
            let piece = match function.arguments {
                Some(text) if text.is_string() => text,
                Some(object) => Json::string(object.get()),
                None => Json::string("{}"),
            };
            sink.event(&Event::ToolInput { choice, tool, piece });
        }
    }

    fn end(
        &mut self,
        reason: Option<&Json<'_>>,
        (prompt, generated): (Option<Json<'_>>, Option<Json<'_>>),
        sink: &mut impl Sink,
    ) {
        // A prompt that is in memory already may not be counted: then nothing is said, so that somebody estimates.
        let count = |json: Option<Json<'_>>| json.and_then(|json| json.count());
        if let (Some(input), Some(output)) = (count(prompt), count(generated)) {
            sink.event(&Event::Usage(Usage {
                input_tokens: input,
                output_tokens: output,
                source: UsageSource::Reported,
                ..Usage::default()
            }));
        }
        let reason = match reason.map_or("", Json::inner) {
            "length" => Finish::Length,
            _ if self.tools > 0 => Finish::ToolCalls,
            _ => Finish::Stop,
        };
        sink.event(&Event::Finish { choice: 0, reason, stop: None });
        sink.event(&Event::End);
    }
}
