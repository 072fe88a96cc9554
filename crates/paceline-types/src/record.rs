//! The call record: what is kept of one call. Numbers and names, never text of prompts or answers.

use crate::decision::Decision;
use crate::deployment::Deployment;
use crate::error::ErrorKind;
use crate::id::{CallId, Name};
use crate::money::Cost;
use crate::time::{Offset, Timestamp};
use crate::tokens::Usage;
use serde::Serialize;
use std::sync::Arc;

/// Who owns a call's data and pays for it; shared by all calls of one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Who pays.
    pub tenant: Name,
    /// A project of the tenant.
    pub workspace: Name,
    /// The key's name (never its value); `None` where no key is asked for.
    pub key: Option<Name>,
}

/// What the application said about a call (G14). Kept apart, because most calls say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// The agent that calls.
    pub role: Option<Box<str>>,
    /// What a crew works on.
    pub task: Option<Box<str>>,
    /// What kind of work.
    pub task_type: Option<Box<str>>,
    /// The application's own name for the operation.
    pub operation: Option<Box<str>>,
    /// The session the call belongs to.
    pub session: Option<Box<str>>,
    /// The end user.
    pub user: Option<Box<str>>,
    /// The W3C trace id of `traceparent`.
    pub trace_id: Option<Box<str>>,
    /// Free tags, bounded in number and length.
    pub tags: Vec<(Box<str>, Box<str>)>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Chat completions.
    Chat,
    /// Embeddings.
    Embeddings,
    /// `/{provider}/…`, not looked into.
    Passthrough,
    /// How many tokens a request has, without an answer.
    CountTokens,
}

impl Operation {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
            Self::Passthrough => "passthrough",
            Self::CountTokens => "count_tokens",
        }
    }
}

/// A wire format, of callers and of providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// OpenAI's chat completions, embeddings and models.
    OpenAi,
    /// Unknown: passed through.
    Raw,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's `generateContent`.
    Gemini,
    /// Bedrock's Converse; of providers only.
    Bedrock,
    /// Ollama's own chat; of providers only.
    Ollama,
}

impl Dialect {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Raw => "raw",
            Self::Responses => "responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::Ollama => "ollama",
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Whole answer delivered.
    Ok,
    /// No usable answer.
    Error,
    /// An answer that began and did not end.
    Partial,
    /// The caller went away.
    Canceled,
    /// Not let in: no key, over a limit, bad input.
    Refused,
}

impl Status {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Partial => "partial",
            Self::Canceled => "canceled",
            Self::Refused => "refused",
        }
    }

    /// Reads [`Status::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Ok, Self::Error, Self::Partial, Self::Canceled, Self::Refused]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

/// What the response cache did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheState {
    /// No cache on this route.
    #[default]
    Off,
}

impl CacheState {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
        }
    }
}

/// Why an attempt was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptReason {
    /// The plan's first target.
    First,
    /// The plan's next target after a failure.
    Fallback,
    /// A model whose places have all failed, again after a wait.
    Retry,
    /// The answer of a cheaper model did not hold.
    Cascade,
}

/// One try at one deployment.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Why.
    pub reason: AttemptReason,
    /// Where.
    pub deployment: Arc<Deployment>,
    /// The answer's status; 0 when none came.
    pub http_status: u16,
    /// What went wrong.
    pub error_kind: Option<ErrorKind>,
    /// The provider's own short error code, where it gave one.
    pub error_code: Option<Box<str>>,
    /// How long the provider asked to wait.
    pub retry_after_ms: Option<u64>,
    /// When it began.
    pub started: Offset,
    /// When a new connection was ready; `None` when an open one was used.
    pub connected: Option<Offset>,
    /// When the answer's head had come.
    pub head: Option<Offset>,
    /// When the first token had come.
    pub first_token: Option<Offset>,
    /// When it ended.
    pub ended: Offset,
    /// What it used.
    pub usage: Option<Usage>,
    /// What it cost.
    pub cost: Option<Cost>,
}

impl Attempt {
    /// An attempt that begins now.
    pub fn begin(reason: AttemptReason, deployment: Arc<Deployment>, started: Offset) -> Self {
        Self {
            reason,
            deployment,
            http_status: 0,
            error_kind: None,
            error_code: None,
            retry_after_ms: None,
            started,
            connected: None,
            head: None,
            first_token: None,
            ended: started,
            usage: None,
            cost: None,
        }
    }
}

/// Everything known of one call.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// Ordered by time.
    pub id: CallId,
    /// When the request's head had been read, by the wall clock.
    pub started_at: Timestamp,
    /// Who owns it.
    pub caller: Arc<Caller>,
    /// What the application said about it.
    pub labels: Option<Box<Labels>>,
    /// What was asked.
    pub operation: Operation,
    /// In which wire format.
    pub dialect: Dialect,
    /// Whether the answer was asked for as a stream.
    pub stream: bool,
    /// The model's name as the caller wrote it, cut at 256 bytes.
    pub requested_model: Option<Name>,
    /// Why it went there, where a route decided.
    pub decision: Option<Box<Decision>>,
    /// The deployment that served, or was tried last.
    pub target: Option<Arc<Deployment>>,
    /// How it ended.
    pub status: Status,
    /// What went wrong.
    pub error_kind: Option<ErrorKind>,
    /// A short stable code: ours, or the provider's.
    pub error_code: Option<Box<str>>,
    /// The status the caller got; 0 when none was sent.
    pub http_status: u16,
    /// Why the model stopped.
    pub finish_reason: Option<Box<str>>,
    /// What the response cache did.
    pub cache: CacheState,
    /// What was used; `None` when nothing reached a provider.
    pub usage: Option<Usage>,
    /// What it cost; `None` when unknown or nothing.
    pub cost: Option<Cost>,
    /// From head read to the end.
    pub duration: Offset,
    /// Waiting for room.
    pub queue: Offset,
    /// Reading the request, finding its meaning and choosing the target.
    pub route: Offset,
    /// Time in which Paceline worked on the call: neither the provider, nor the caller, nor the scheduler was waited for.
    pub worked: Offset,
    /// First token handed on.
    pub first_token: Option<Offset>,
    /// Last token handed on.
    pub last_token: Option<Offset>,
    /// 99th percentile of the gaps between content pieces.
    pub itl_p99: Option<Offset>,
    /// The tries, in order.
    pub attempts: Vec<Attempt>,
    /// How good the answer was, 0 to 1. Said after the call's end, so a store keeps it beside the record.
    pub quality: Option<f32>,
}
