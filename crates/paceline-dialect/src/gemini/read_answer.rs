//! An answer of Gemini's dialect as neutral events: chunks of a stream, which are answers that add up, or one answer.
//!
//! A stream has no end mark. Who reads it asks [`Reader::is_complete`] where the connection ends.

use super::{error, logprobs};
use crate::neutral::event::{Event, Finish, Sink};
use crate::neutral::json::Json;
use paceline_types::tokens::{Usage, UsageSource};
use serde::Deserialize;

/// Reads chunks, or one whole answer.
#[derive(Debug, Default)]
pub struct Reader {
    begun: bool,
    blocked: bool,
    failed: bool,
    candidates: Vec<State>,
}

/// What is known of one answer.
#[derive(Debug)]
struct State {
    index: u32,
    tools: u32,
    finished: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow, default)]
    response_id: Option<Json<'a>>,
    #[serde(borrow, default)]
    model_version: Option<Json<'a>>,
    #[serde(borrow, default)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, default)]
    prompt_feedback: Option<Json<'a>>,
    #[serde(borrow, default)]
    usage_metadata: Option<Counters<'a>>,
    #[serde(borrow, default)]
    error: Option<Json<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(default)]
    index: Option<u32>,
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Json<'a>>,
    #[serde(borrow, default)]
    citation_metadata: Option<Json<'a>>,
    #[serde(borrow, default)]
    grounding_metadata: Option<Json<'a>>,
    #[serde(borrow, default)]
    logprobs_result: Option<Json<'a>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<Json<'a>>,
    #[serde(default)]
    thought: Option<bool>,
    #[serde(borrow, default)]
    thought_signature: Option<Json<'a>>,
    #[serde(borrow, default)]
    function_call: Option<Call<'a>>,
    #[serde(borrow, default)]
    inline_data: Option<Json<'a>>,
    #[serde(borrow, default)]
    file_data: Option<Json<'a>>,
    #[serde(borrow, default)]
    executable_code: Option<Json<'a>>,
    #[serde(borrow, default)]
    code_execution_result: Option<Json<'a>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow, default)]
    id: Option<Json<'a>>,
    #[serde(borrow, default)]
    name: Option<Json<'a>>,
    #[serde(borrow, default)]
    args: Option<Json<'a>>,
}

#[derive(Deserialize)]
struct Counters<'a> {
    #[serde(borrow, default, rename = "promptTokenCount")]
    prompt: Option<Json<'a>>,
    #[serde(borrow, default, rename = "toolUsePromptTokenCount")]
    tool_use_prompt: Option<Json<'a>>,
    #[serde(borrow, default, rename = "cachedContentTokenCount")]
    cached_content: Option<Json<'a>>,
    #[serde(borrow, default, rename = "candidatesTokenCount")]
    candidates: Option<Json<'a>>,
    #[serde(borrow, default, rename = "thoughtsTokenCount")]
    thoughts: Option<Json<'a>>,
}

impl Counters<'_> {
    /// The normal form; `None` where nothing is counted.
    fn usage(&self) -> Option<Usage> {
        let count = |json: &Option<Json<'_>>| json.as_ref().and_then(Json::count).unwrap_or(0);
        let input = count(&self.prompt).saturating_add(count(&self.tool_use_prompt));
        let thoughts = count(&self.thoughts);
        let output = count(&self.candidates).saturating_add(thoughts);
        (input > 0 || output > 0).then(|| Usage {
            input_tokens: input,
            output_tokens: output,
            cache_read_tokens: count(&self.cached_content).min(input),
            reasoning_tokens: thoughts,
            source: UsageSource::Reported,
            ..Usage::default()
        })
    }
}

impl Reader {
    /// Reads one chunk; `false` when it is not of this dialect.
    pub fn read(&mut self, data: &[u8], sink: &mut impl Sink) -> bool {
        // Errors may come in an array of one.
        if data.trim_ascii_start().first() == Some(&b'[') {
            let Ok(list) = serde_json::from_slice::<Vec<Wire<'_>>>(data) else { return false };
            return !list.is_empty() && list.into_iter().all(|wire| self.chunk(wire, sink));
        }
        let Ok(wire) = serde_json::from_slice::<Wire<'_>>(data) else { return false };
        self.chunk(wire, sink)
    }

    /// Reads an answer in one piece; `false` when it is none of this dialect.
    pub fn read_document(&mut self, body: &[u8], sink: &mut impl Sink) -> bool {
        if !self.read(body, sink) {
            return false;
        }
        if self.failed {
            return true;
        }
        if self.candidates.is_empty() && !self.blocked {
            return false;
        }
        sink.event(&Event::End);
        true
    }

    /// Whether nothing is missing: every answer seen is finished, or the prompt was blocked.
    pub fn is_complete(&self) -> bool {
        self.blocked || (!self.candidates.is_empty() && self.candidates.iter().all(|one| one.finished))
    }

    fn chunk(&mut self, wire: Wire<'_>, sink: &mut impl Sink) -> bool {
        if let Some(told) = wire.error {
            self.failed = true;
            sink.event(&Event::Failed(error::failure(Some(&told), None)));
            return true;
        }
        if wire.candidates.is_none() && wire.prompt_feedback.is_none() && wire.usage_metadata.is_none() {
            return false;
        }
        if !std::mem::replace(&mut self.begun, true) {
            let id = wire.response_id.filter(Json::is_string);
            sink.event(&Event::Begin { id, model: wire.model_version.filter(Json::is_string) });
        }
        // Each chunk tells totals.
        if let Some(usage) = wire.usage_metadata.and_then(|counters| counters.usage()) {
            sink.event(&Event::Usage(usage));
        }
        for (place, candidate) in wire.candidates.into_iter().flatten().enumerate() {
            self.candidate(place as u32, candidate, sink);
        }
        let reason = wire.prompt_feedback.and_then(|feedback| feedback.member("blockReason"));
        if reason.is_some_and(|reason| !reason.is("BLOCK_REASON_UNSPECIFIED"))
            && self.candidates.is_empty()
            && !std::mem::replace(&mut self.blocked, true)
        {
            sink.event(&Event::Finish { choice: 0, reason: Finish::ContentFilter, stop: None });
        }
        true
    }

    fn candidate(&mut self, place: u32, given: Candidate<'_>, sink: &mut impl Sink) {
        let choice = given.index.unwrap_or(place);
        let at = match self.candidates.iter().position(|one| one.index == choice) {
            Some(at) => at,
            None => {
                self.candidates.push(State { index: choice, tools: 0, finished: false });
                self.candidates.len() - 1
            }
        };
        let state = &mut self.candidates[at];
        for part in given.content.and_then(|content| content.parts).into_iter().flatten() {
            state.part(part, sink);
        }
        for json in given.citation_metadata.iter().flat_map(citations) {
            sink.event(&Event::Citation { choice, json });
        }
        // Each source of its own; what was searched for is no source.
        let grounds = given.grounding_metadata.and_then(|ground| ground.member("groundingChunks")?.split());
        for json in grounds.into_iter().flatten() {
            sink.event(&Event::Citation { choice, json });
        }
        match given.logprobs_result.map(|result| logprobs::read(&result)) {
            Some(Some(json)) => sink.event(&Event::Logprobs { choice, json }),
            Some(None) => sink.event(&Event::Other { choice, kind: "logprobsResult" }),
            None => {}
        }
        // Some models repeat the reason in every chunk after the first that has it.
        if let Some(reason) = given.finish_reason.and_then(|reason| finish(reason.inner(), state.tools > 0))
            && !std::mem::replace(&mut state.finished, true)
        {
            sink.event(&Event::Finish { choice, reason, stop: None });
        }
    }
}

impl State {
    fn part(&mut self, part: Part<'_>, sink: &mut impl Sink) {
        let choice = self.index;
        let seal = part.thought_signature.filter(|seal| !seal.inner().is_empty());
        if let Some(call) = part.function_call {
            return self.call(call, seal, sink);
        }
        if let Some(text) = part.text.filter(|text| !text.inner().is_empty()) {
            if part.thought == Some(true) {
                sink.event(&Event::Reasoning { choice, text });
            } else {
                sink.event(&Event::Text { choice, text });
            }
        }
        if let Some(signature) = seal {
            sink.event(&Event::Signature { choice, signature });
        }
        for (kind, there) in [
            ("inlineData", &part.inline_data),
            ("fileData", &part.file_data),
            ("executableCode", &part.executable_code),
            ("codeExecutionResult", &part.code_execution_result),
        ] {
            if there.is_some() {
                sink.event(&Event::Other { choice, kind });
            }
        }
    }

    /// Calls come whole.
    fn call(&mut self, call: Call<'_>, signature: Option<Json<'_>>, sink: &mut impl Sink) {
        let choice = self.index;
        let Some(name) = call.name.filter(|name| !name.inner().is_empty()) else {
            // Pieces of arguments, which come only where somebody asked for them.
            return sink.event(&Event::Other { choice, kind: "functionCall" });
        };
        let tool = self.tools;
        self.tools += 1;
        let id = call.id.filter(|id| !id.inner().is_empty());
        sink.event(&Event::ToolCall { choice, tool, id, name, signature });
        let args = call.args.unwrap_or_else(|| Json::known("{}"));
        sink.event(&Event::ToolInput { choice, tool, piece: Json::string(args.get()) });
    }
}

/// The sources of `citationMetadata`: Google has two names for the list.
fn citations<'a>(metadata: &Json<'a>) -> Vec<Json<'a>> {
    let list = metadata.member("citationSources").or_else(|| metadata.member("citations"));
    list.and_then(|list| list.split()).unwrap_or_default()
}

/// Why it ended; `None` where it has not.
fn finish(reason: &str, asked_for_tools: bool) -> Option<Finish> {
    Some(match reason {
        "" | "FINISH_REASON_UNSPECIFIED" => return None,
        // The dialect has no word of its own for tools.
        "STOP" if asked_for_tools => Finish::ToolCalls,
        "STOP" => Finish::Stop,
        "MAX_TOKENS" => Finish::Length,
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "MODEL_ARMOR" => {
            Finish::ContentFilter
        }
        other if other.starts_with("IMAGE_") => Finish::ContentFilter,
        // Malformed calls and the like; what is new here has always been a failure.
        _ => Finish::Failed,
    })
}
