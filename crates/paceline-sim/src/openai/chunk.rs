//! The exact shapes of chat completions and their chunks, with the fields in OpenAI's order.

use super::error::to_json;
use crate::{
    call::Part,
    generate::{
        Told,
        answer::{ChatAnswer, Choice, Finish, Token},
    },
    hash::Fnv,
    rng::Rng,
};
use serde::Serialize;

/// Everything that is the same in all chunks of an answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Envelope {
    pub(crate) id: String,
    pub(crate) object: &'static str,
    pub(crate) created: u64,
    pub(crate) model: String,
    pub(crate) service_tier: &'static str,
    pub(crate) system_fingerprint: &'static str,
}

impl Envelope {
    pub(crate) fn new(told: &Told, object: &'static str) -> Self {
        Self {
            id: format!("chatcmpl-sim{:016x}", told.answer.id),
            object,
            created: told.created_ms / 1_000,
            model: told.model.clone(),
            service_tier: "default",
            system_fingerprint: "fp_sim",
        }
    }
}

/// Why a choice ends, in this dialect.
pub(crate) fn finish_name(choice: &Choice) -> &'static str {
    match choice.finish {
        Finish::Stop | Finish::StopText => "stop",
        Finish::Length => "length",
        Finish::Tools => "tool_calls",
        Finish::Blocked => "content_filter",
    }
}

/// Usage, as OpenAI reports it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
struct PromptDetails {
    cached_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u64>,
    audio_tokens: u64,
}

#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
struct CompletionDetails {
    reasoning_tokens: u64,
    audio_tokens: u64,
    accepted_prediction_tokens: u64,
    rejected_prediction_tokens: u64,
}

impl Usage {
    pub(crate) fn new(answer: &ChatAnswer, cost: Option<f64>) -> Self {
        let completion_tokens = answer.output_tokens();
        Self {
            prompt_tokens: answer.prompt_tokens,
            completion_tokens,
            total_tokens: answer.prompt_tokens + completion_tokens,
            prompt_tokens_details: PromptDetails {
                cached_tokens: answer.cache.read,
                cache_write_tokens: Some(answer.cache.write()).filter(|written| *written > 0),
                audio_tokens: 0,
            },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: answer.reasoning_tokens(),
                audio_tokens: 0,
                accepted_prediction_tokens: 0,
                rejected_prediction_tokens: 0,
            },
            cost,
        }
    }
}

/// A key that may be missing, null, or there: clients tell these apart.
#[derive(Clone, Copy, Debug, Default)]
enum Field<T> {
    #[default]
    Absent,
    Null,
    Is(T),
}

impl<T> Field<T> {
    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent | Self::Null => serializer.serialize_none(),
            Self::Is(value) => value.serialize(serializer),
        }
    }
}

#[derive(Debug, Serialize)]
struct Chunk<'a> {
    #[serde(flatten)]
    envelope: &'a Envelope,
    choices: &'a [ChunkChoice<'a>],
    #[serde(skip_serializing_if = "Field::is_absent")]
    usage: Field<&'a Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    obfuscation: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ChunkChoice<'a> {
    index: usize,
    delta: Delta<'a>,
    logprobs: Option<Logprobs>,
    finish_reason: Option<&'a str>,
}

#[derive(Debug, Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Field::is_absent")]
    content: Field<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[DeltaCall<'a>; 1]>,
    #[serde(skip_serializing_if = "Field::is_absent")]
    refusal: Field<&'a str>,
}

#[derive(Debug, Serialize)]
struct DeltaCall<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    function: Function<'a>,
}

#[derive(Debug, Serialize)]
struct Function<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Logprobs {
    content: Vec<TokenLogprob>,
    refusal: Option<()>,
}

#[derive(Debug, Serialize)]
struct TokenLogprob {
    token: String,
    logprob: f64,
    bytes: Vec<u8>,
    top_logprobs: Vec<TopLogprob>,
}

#[derive(Debug, Serialize)]
struct TopLogprob {
    token: String,
    logprob: f64,
    bytes: Vec<u8>,
}

/// Probabilities for these tokens; a function of the tokens alone.
fn logprobs<'a>(alternatives: Option<usize>, tokens: impl Iterator<Item = &'a str>) -> Option<Logprobs> {
    let alternatives = alternatives?;
    let one = |text: &str| {
        let mut rng = Rng::new(Fnv::new().text(text).value());
        let mut draw = |offset: f64| -(offset + rng.unit()) / 4.0;
        let top = (0..alternatives).map(|rank| {
            let token = if rank == 0 { text.to_owned() } else { format!(" other{rank}") };
            TopLogprob { bytes: token.clone().into_bytes(), token, logprob: draw(rank as f64) }
        });
        let top: Vec<TopLogprob> = top.collect();
        let logprob = top.first().map_or_else(|| draw(0.0), |first| first.logprob);
        TokenLogprob { token: text.to_owned(), logprob, bytes: text.as_bytes().to_vec(), top_logprobs: top }
    };
    Some(Logprobs { content: tokens.map(one).collect(), refusal: None })
}

/// Writes the chunks of one answer.
#[derive(Debug)]
pub(crate) struct Chunks {
    pub(crate) envelope: Envelope,
    /// Whether chunks carry `usage: null`.
    pub(crate) usage_key: bool,
    pub(crate) obfuscation: bool,
}

impl Chunks {
    fn chunk(&self, choices: &[ChunkChoice<'_>], usage: Option<&Usage>) -> String {
        let missing = if self.usage_key { Field::Null } else { Field::Absent };
        let usage = usage.map_or(missing, Field::Is);
        let length = match choices.first().map(|choice| choice.delta.content) {
            Some(Field::Is(text)) => text.len(),
            _ => 0,
        };
        let padding = "x".repeat(16 - length % 16);
        let obfuscation = self.obfuscation.then_some(padding.as_str());
        to_json(&Chunk { envelope: &self.envelope, choices, usage, obfuscation })
    }

    /// The first chunk of a choice.
    pub(crate) fn role(&self, index: usize, choice: &Choice) -> String {
        let content = if choice.tools.is_empty() { Field::Is("") } else { Field::Null };
        let delta = Delta { role: Some("assistant"), content, refusal: Field::Null, ..Delta::default() };
        self.chunk(&[ChunkChoice { index, delta, logprobs: None, finish_reason: None }], None)
    }

    /// The chunk that opens a tool call, before its arguments.
    pub(crate) fn tool(&self, index: usize, choice: &Choice, tool: usize) -> String {
        let call = &choice.tools[tool];
        let call = DeltaCall {
            index: tool,
            id: Some(&call.id),
            r#type: Some("function"),
            function: Function { name: Some(&call.name), arguments: "" },
        };
        let delta = Delta { tool_calls: Some([call]), ..Delta::default() };
        self.chunk(&[ChunkChoice { index, delta, logprobs: None, finish_reason: None }], None)
    }

    /// The chunk of one token.
    pub(crate) fn token(&self, index: usize, token: Token<'_>, alternatives: Option<usize>) -> String {
        let mut logs = None;
        let delta = match token.part {
            Part::Text => {
                logs = logprobs(alternatives, std::iter::once(token.text));
                Delta { content: Field::Is(token.text), ..Delta::default() }
            }
            Part::Reasoning => Delta { reasoning_content: Some(token.text), ..Delta::default() },
            Part::ToolArguments => {
                let function = Function { name: None, arguments: token.text };
                let call = DeltaCall { index: token.tool, id: None, r#type: None, function };
                Delta { tool_calls: Some([call]), ..Delta::default() }
            }
        };
        self.chunk(&[ChunkChoice { index, delta, logprobs: logs, finish_reason: None }], None)
    }

    /// The last chunk of a choice.
    pub(crate) fn finish(&self, index: usize, choice: &Choice, usage: Option<&Usage>) -> String {
        let finish_reason = Some(finish_name(choice));
        self.chunk(&[ChunkChoice { index, delta: Delta::default(), logprobs: None, finish_reason }], usage)
    }

    /// The chunk that carries usage and no choice.
    pub(crate) fn usage(&self, usage: &Usage) -> String {
        self.chunk(&[], Some(usage))
    }
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<WholeChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<&'a Usage>,
    service_tier: &'static str,
    system_fingerprint: &'static str,
}

#[derive(Serialize)]
struct WholeChoice<'a> {
    index: usize,
    message: Message<'a>,
    logprobs: Option<Logprobs>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WholeCall<'a>>,
    refusal: Option<()>,
    annotations: [(); 0],
}

#[derive(Serialize)]
struct WholeCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: WholeFunction<'a>,
}

#[derive(Serialize)]
struct WholeFunction<'a> {
    name: &'a str,
    arguments: String,
}

/// The whole answer as one JSON body.
pub(crate) fn completion(
    envelope: &Envelope,
    answer: &ChatAnswer,
    alternatives: Option<usize>,
    usage: Option<&Usage>,
) -> String {
    let choices = answer.choices.iter().enumerate().map(|(index, choice)| WholeChoice {
        index,
        message: message(choice),
        logprobs: logprobs(alternatives, choice.text.iter().map(String::as_str)),
        finish_reason: finish_name(choice),
    });
    to_json(&Completion {
        id: &envelope.id,
        object: "chat.completion",
        created: envelope.created,
        model: &envelope.model,
        choices: choices.collect(),
        usage,
        service_tier: envelope.service_tier,
        system_fingerprint: envelope.system_fingerprint,
    })
}

fn message(choice: &Choice) -> Message<'_> {
    let tool_calls = choice.tools.iter().map(|call| WholeCall {
        id: &call.id,
        r#type: "function",
        function: WholeFunction { name: &call.name, arguments: call.arguments.concat() },
    });
    Message {
        role: "assistant",
        content: choice.tools.is_empty().then(|| choice.text.concat()),
        reasoning_content: (!choice.reasoning.is_empty()).then(|| choice.reasoning.concat()),
        tool_calls: tool_calls.collect(),
        refusal: None,
        annotations: [],
    }
}
