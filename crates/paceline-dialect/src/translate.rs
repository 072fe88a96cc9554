//! What passes between a caller and a provider: each reads and writes its own dialect, and everything else sees facts.
//!
//! There is one reader for each dialect of providers. What it reads is folded into the facts of the record; where a caller
//! speaks otherwise, the same events go to the writer of its dialect. So usage, errors and the end of an answer are known
//! in one place, whoever listens.

pub use crate::answer::Answer;
pub use crate::framing::Framing;

use crate::neutral::about::About;
use crate::neutral::collect::Collected;
use crate::neutral::event::{Event, Failure};
use crate::neutral::notes::{Malformed, Notes, Unsupported};
use crate::neutral::request::ChatRequest;
use crate::{anthropic, bedrock, gemini, ollama, openai, responses};
use paceline_types::error::ErrorKind;
use paceline_types::record::Dialect;

/// Reads a caller's request.
///
/// # Errors
/// Where it is not what its dialect allows.
pub fn read_request<'a>(
    from: Dialect,
    body: &'a [u8],
    notes: &mut Notes,
) -> Result<ChatRequest<'a>, Malformed> {
    match from {
        Dialect::Anthropic => anthropic::read_request::read(body, notes),
        Dialect::Gemini => gemini::read_request::read(body, notes),
        Dialect::Responses => responses::read_request::read(body, notes),
        _ => openai::read_request::read(body, notes),
    }
}

/// What of a request refers to something its provider keeps, so that it can go nowhere else.
pub fn needs_provider_state(from: Dialect, body: &[u8]) -> Option<&'static str> {
    if from == Dialect::Responses { responses::read_request::needs_provider_state(body) } else { None }
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// What is spoken there.
    pub dialect: Dialect,
    /// The model's name there.
    pub model: &'a str,
    /// How requests of OpenAI's dialect differ there.
    pub habits: openai::write_request::Habits,
    /// The usage of a stream is to be asked for (OpenAI's dialect).
    pub asks_for_usage: bool,
    /// The output limit where the request has none and the dialect needs one, tokens.
    pub max_tokens: u64,
}

/// Writes a request for its target; what does not cross is noted.
///
/// # Errors
/// Where the target's dialect cannot say what the request means.
pub fn write_request(
    ask: &ChatRequest<'_>,
    to: &Target<'_>,
    notes: &mut Notes,
) -> Result<Vec<u8>, Unsupported> {
    if to.dialect != Dialect::Gemini && ask.extra.iter().any(|(key, _)| key == "cachedContent") {
        let why = "a part of the prompt is kept at Gemini; send it, or name a model of Gemini";
        return Err(Unsupported { field: "cachedContent".to_owned(), why: why.to_owned() });
    }
    match to.dialect {
        Dialect::Anthropic => {
            let place = anthropic::write_request::Place::Direct(to.model);
            anthropic::write_request::write(ask, place, to.max_tokens, notes)
        }
        Dialect::Gemini => gemini::write_request::write(ask, to.model, notes),
        Dialect::Ollama => ollama::write_request::write(ask, to.model, notes),
        Dialect::Responses => responses::write_request::write(ask, to.model, notes),
        Dialect::Bedrock => bedrock::converse_request::write(ask, to.model, notes),
        _ => openai::write_request::write(ask, to.model, to.habits, to.asks_for_usage, notes),
    }
}

/// Writes an answer as a stream of its caller's dialect.
#[derive(Debug)]
pub enum Writer {
    /// Chat completions.
    OpenAi(openai::write_answer::Writer),
    /// Messages.
    Anthropic(anthropic::write_answer::Writer),
    /// `generateContent`.
    Gemini(gemini::write_answer::Writer),
    /// Responses.
    Responses(responses::write_answer::Writer),
}

impl Writer {
    /// A writer for a caller of `dialect`.
    pub fn new(dialect: Dialect, about: About) -> Self {
        match dialect {
            Dialect::Anthropic => Self::Anthropic(anthropic::write_answer::Writer::new(about)),
            Dialect::Gemini => Self::Gemini(gemini::write_answer::Writer::new(about)),
            Dialect::Responses => Self::Responses(responses::write_answer::Writer::new(about)),
            _ => Self::OpenAi(openai::write_answer::Writer::new(about)),
        }
    }

    /// Writes what `event` means to `out`.
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match self {
            Self::OpenAi(writer) => writer.event(event, out),
            Self::Anthropic(writer) => writer.event(event, out),
            Self::Gemini(writer) => writer.event(event, out),
            Self::Responses(writer) => writer.event(event, out),
        }
    }

    /// The number of the next event, in the dialect that numbers them.
    pub fn next_number(&self) -> u64 {
        match self {
            Self::Responses(writer) => writer.next_number(),
            _ => 0,
        }
    }
}

/// Writes an answer in one piece for a caller of `dialect`.
pub fn document(dialect: Dialect, answer: &Collected, about: &About) -> Vec<u8> {
    match dialect {
        Dialect::Anthropic => anthropic::write_answer::document(answer, about),
        Dialect::Gemini => gemini::write_answer::document(answer, about),
        Dialect::Responses => responses::write_answer::document(answer, about),
        _ => openai::write_answer::document(answer, about),
    }
}

/// What an error answer of a provider means; `error_type`: AWS's header, `body`: as it came.
pub fn read_error(dialect: Dialect, status: u16, error_type: Option<&str>, body: &[u8]) -> Failure {
    match dialect {
        Dialect::Anthropic => anthropic::error::read(status, body),
        Dialect::Gemini => gemini::error::read(status, body),
        Dialect::Ollama => ollama::error::read(status, body),
        Dialect::Bedrock => bedrock::error::read(status, error_type, body),
        _ => openai::error::read(status, body),
    }
}

/// What keeps a stream's connection busy while a provider says only that it is still there. Gemini's clients know nothing
/// of the kind.
pub const fn sign_of_life(caller: Dialect) -> &'static [u8] {
    match caller {
        Dialect::Anthropic => b"event: ping\ndata: {\"type\":\"ping\"}\n\n",
        Dialect::Gemini => b"",
        _ => b": still there\n\n",
    }
}

/// What tells, inside a stream, of a part of the answer that the caller's dialect has no place for: a comment, which
/// clients leave out and people who look see.
pub fn untold(caller: Dialect, kind: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match caller {
        Dialect::Gemini => String::new(),
        _ => format!(": {} not told\n\n", kind.chars().filter(|c| plain(*c)).collect::<String>()),
    }
}

/// An error for a caller.
#[derive(Clone, Copy, Debug)]
pub struct Complaint<'a> {
    /// The status of the answer, or what it would have been.
    pub status: u16,
    /// What went wrong.
    pub kind: ErrorKind,
    /// For people.
    pub message: &'a str,
    /// The field at fault.
    pub param: Option<&'a str>,
    /// Stable, for programs.
    pub code: &'a str,
}

impl Complaint<'_> {
    /// The body of an error answer.
    pub fn envelope(&self, dialect: Dialect) -> Vec<u8> {
        match dialect {
            Dialect::Anthropic => anthropic::error::envelope(self.status, self.message, self.code),
            Dialect::Gemini => gemini::error::envelope(self.status, self.message, self.code),
            _ => {
                let kind = openai::error::kind_of_status(self.status);
                openai::error::envelope(self.message, kind, self.param, self.code).into_bytes()
            }
        }
    }

    /// The event that tells why a stream ends without its end mark.
    ///
    /// `number`: the event's own, in the dialect that numbers them.
    pub fn event(&self, dialect: Dialect, number: u64) -> Vec<u8> {
        if dialect == Dialect::Responses {
            return responses::error::event(self.message, self.param, self.code, number);
        }
        let envelope = self.envelope(dialect);
        let (name, end): (&[u8], &[u8]) = match dialect {
            Dialect::Anthropic => (b"event: error\n", b"\n\n"),
            Dialect::Gemini => (b"", b"\r\n\r\n"),
            _ => (b"", b"\n\n"),
        };
        [name, b"data: ", &envelope, end].concat()
    }
}
