//! What passes between a caller and a provider: each reads and writes its own dialect, and everything else sees facts.
//!
//! There is one reader for each dialect of providers. What it reads is folded into the facts of the record; where a caller
//! speaks otherwise, the same events go to the writer of its dialect. So usage, errors and the end of an answer are known
//! in one place, whoever listens.

use crate::anthropic;
use crate::bedrock;
use crate::bedrock::frames::{Frame, Message};
use crate::gemini;
use crate::neutral::about::About;
use crate::neutral::collect::Collected;
use crate::neutral::event::{Event, Failure, Sink};
use crate::neutral::fold::Fold;
use crate::neutral::notes::{Malformed, Notes, Unsupported};
use crate::neutral::request::ChatRequest;
use crate::ollama;
use crate::openai;
use crate::openai::answer::{AnswerVisitor, Learned};
use crate::openai::stream::{ChatStream, Seen};
use crate::responses;
use crate::sse;
use paceline_types::error::ErrorKind;
use paceline_types::record::Dialect;
use std::borrow::Cow;

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

/// How a dialect's streams are cut into events.
#[derive(Clone, Debug)]
pub enum Framing {
    /// Server-sent events.
    Sse(sse::Splitter),
    /// A JSON value a line.
    Lines,
    /// AWS event-stream frames.
    Frames(bedrock::frames::Splitter),
}

impl Framing {
    /// That of a dialect.
    pub fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Ollama => Self::Lines,
            Dialect::Bedrock => Self::Frames(bedrock::frames::Splitter::default()),
            _ => Self::Sse(sse::Splitter::default()),
        }
    }

    /// The length of the first event in a buffer that begins with it; `None` while it is not whole. Between calls that
    /// return `None` the buffer may only grow.
    ///
    /// # Errors
    /// Where it is no event, with the reason.
    #[inline]
    pub fn event_len(&mut self, buffer: &[u8]) -> Result<Option<usize>, String> {
        match self {
            Self::Sse(splitter) => Ok(splitter.event_len(buffer)),
            Self::Lines => Ok(memchr::memchr(b'\n', buffer).map(|at| at + 1)),
            Self::Frames(splitter) => splitter.frame_len(buffer).map_err(|error| error.to_string()),
        }
    }

    /// Whether these are server-sent events.
    pub fn is_sse(&self) -> bool {
        matches!(self, Self::Sse(_))
    }

    /// At the end of a stream of server-sent events: whether `rest` is a whole event after all.
    pub fn last_is_whole(&self, rest: &[u8]) -> bool {
        matches!(self, Self::Sse(splitter) if splitter.last_is_whole(rest))
    }

    /// Whether what is left at the end of the stream may be an event without its end.
    pub fn ends_with_stream(&self, rest: &[u8]) -> bool {
        match self {
            Self::Sse(splitter) => {
                let mark = rest.trim_ascii();
                splitter.last_is_whole(rest) || mark == b"data: [DONE]" || mark == b"data:[DONE]"
            }
            Self::Lines => !rest.trim_ascii().is_empty(),
            Self::Frames(_) => false,
        }
    }

    /// The media type of a stream cut so.
    pub fn media_type(dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Ollama => "application/x-ndjson",
            Dialect::Bedrock => "application/vnd.amazon.eventstream",
            _ => "text/event-stream",
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

/// One answer of a provider, as it is read.
#[derive(Debug)]
pub struct Answer {
    reader: Reader,
    fold: Fold,
    /// Something was not what the dialect allows.
    pub garbage: bool,
}

/// The readers of all dialects that providers speak.
#[derive(Debug)]
enum Reader {
    /// The observer tells the facts; the other one what is said, where it is translated.
    OpenAi(Box<ChatStream>, openai::read_answer::Reader),
    Anthropic(anthropic::read_answer::Reader),
    Gemini(gemini::read_answer::Reader),
    Ollama(ollama::read_answer::Reader),
    Responses(responses::read_answer::Reader),
    Bedrock(bedrock::converse_answer::Reader),
}

impl Answer {
    /// For an answer in `dialect`; `collect_text` keeps the generated text for a tokenizer.
    pub fn new(dialect: Dialect, collect_text: bool) -> Self {
        let reader = match dialect {
            Dialect::Anthropic => Reader::Anthropic(anthropic::read_answer::Reader::default()),
            Dialect::Gemini => Reader::Gemini(gemini::read_answer::Reader::default()),
            Dialect::Ollama => Reader::Ollama(ollama::read_answer::Reader::default()),
            Dialect::Responses => Reader::Responses(responses::read_answer::Reader::default()),
            Dialect::Bedrock => Reader::Bedrock(bedrock::converse_answer::Reader::default()),
            _ => Reader::OpenAi(
                Box::new(ChatStream::new(collect_text)),
                openai::read_answer::Reader::default(),
            ),
        };
        let fold = Fold { text: collect_text.then(Vec::new), ..Fold::default() };
        Self { reader, fold, garbage: false }
    }

    /// What was learned so far.
    #[inline]
    pub fn learned(&self) -> &Learned {
        match &self.reader {
            Reader::OpenAi(stream, _) => stream.learned(),
            _ => &self.fold.learned,
        }
    }

    /// The generated text, where it was to be collected.
    pub fn take_text(&mut self) -> Option<Vec<u8>> {
        match &mut self.reader {
            Reader::OpenAi(stream, _) => stream.take_text(),
            _ => self.fold.text.take(),
        }
    }

    /// Whether all that the dialect asks of a whole answer was seen, but for the end mark, where it has one.
    pub fn is_complete(&self) -> bool {
        match &self.reader {
            Reader::Gemini(reader) => reader.is_complete(),
            Reader::Bedrock(reader) => reader.is_complete(),
            _ => self.learned().finish_reason.is_some(),
        }
    }

    /// How it failed, where its events told.
    pub fn failure(&self) -> Option<&Failure> {
        self.fold.failure.as_ref()
    }

    /// Observes one whole event of a stream that is passed on as it is.
    #[inline]
    pub fn observe(&mut self, event: &[u8]) -> Seen {
        if let Reader::OpenAi(stream, _) = &mut self.reader {
            let seen = stream.observe(event);
            self.garbage |= seen.garbage;
            return seen;
        }
        self.read(event, &mut |_: &Event<'_>| {})
    }

    /// Reads one whole event of a stream, and tells `sink` what it says.
    pub fn read(&mut self, event: &[u8], sink: &mut impl Sink) -> Seen {
        let data = match &self.reader {
            Reader::Ollama(_) | Reader::Bedrock(_) => Cow::Borrowed(event),
            _ => match sse::data(event) {
                Some(data) => data,
                None => return Seen::default(),
            },
        };
        let data = if matches!(self.reader, Reader::Bedrock(_)) { &data[..] } else { data.trim_ascii() };
        if data.is_empty() {
            return Seen::default();
        }
        let mut both = Both { fold: &mut self.fold, sink };
        both.fold.seen = Seen::default();
        let understood = match &mut self.reader {
            Reader::Anthropic(reader) => reader.read(data, &mut both),
            Reader::Gemini(reader) => reader.read(data, &mut both),
            Reader::Ollama(reader) => reader.read(data, &mut both),
            Reader::Responses(reader) => reader.read(data, &mut both),
            Reader::Bedrock(reader) => frame(reader, data, &mut both),
            Reader::OpenAi(stream, reader) => {
                let seen = stream.observe(event);
                let failure = openai_event(stream, reader, data, seen, both.sink);
                self.fold.failure = failure.or(self.fold.failure.take());
                self.garbage |= seen.garbage;
                return seen;
            }
        };
        self.fold.seen.garbage = !understood;
        self.garbage |= !understood;
        self.fold.seen
    }

    /// Reads an answer in one piece; `false` when it is none of its dialect.
    pub fn read_document(&mut self, body: &[u8], sink: &mut impl Sink) -> bool {
        let mut both = Both { fold: &mut self.fold, sink };
        match &mut self.reader {
            Reader::Anthropic(reader) => reader.read_document(body, &mut both),
            Reader::Gemini(reader) => reader.read_document(body, &mut both),
            Reader::Ollama(reader) => reader.read_document(body, &mut both),
            Reader::Responses(reader) => reader.read_document(body, &mut both),
            Reader::Bedrock(reader) => reader.read_document(body, &mut both),
            Reader::OpenAi(stream, reader) => {
                let mut visitor = AnswerVisitor::default();
                if crate::json::scan(body, &mut visitor).is_err() {
                    return false;
                }
                let learned = visitor.learned;
                if learned.error {
                    both.event(&Event::Failed(openai::error::read(200, body)));
                } else {
                    reader.read(body, both.sink);
                }
                if let Some(usage) = learned.usage {
                    both.sink.event(&Event::Usage(usage));
                }
                both.sink.event(&Event::End);
                stream.learn(learned);
                true
            }
        }
    }
}

/// What a frame of a Converse stream says; `false` when it is none.
fn frame(reader: &mut bedrock::converse_answer::Reader, frame: &[u8], sink: &mut impl Sink) -> bool {
    let Ok(frame) = Frame::parse(frame) else { return false };
    match frame.message() {
        Message::Event(name) => return reader.read_event(name, frame.payload(), sink),
        Message::Exception(name) => reader.exception(name, frame.payload(), sink),
        Message::Error { code, .. } => reader.exception(code, frame.payload(), sink),
        Message::Other => {}
    }
    true
}

/// What an event of OpenAI's says beyond what its observer has seen.
fn openai_event(
    stream: &ChatStream,
    reader: &mut openai::read_answer::Reader,
    data: &[u8],
    seen: Seen,
    sink: &mut impl Sink,
) -> Option<Failure> {
    if seen.done {
        sink.event(&Event::End);
        return None;
    }
    if seen.error {
        let failure = openai::error::read(200, data);
        sink.event(&Event::Failed(failure.clone()));
        return Some(failure);
    }
    if !seen.garbage {
        reader.read(data, sink);
        if seen.has_usage
            && let Some(usage) = stream.learned().usage
        {
            sink.event(&Event::Usage(usage));
        }
    }
    None
}

/// Facts for the record, and words for the caller.
struct Both<'s, S> {
    fold: &'s mut Fold,
    sink: &'s mut S,
}

impl<S: Sink> Sink for Both<'_, S> {
    fn event(&mut self, event: &Event<'_>) {
        self.fold.event(event);
        self.sink.event(event);
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
