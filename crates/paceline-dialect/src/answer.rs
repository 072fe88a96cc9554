//! One answer of a provider: read, folded into facts, and told to whoever wants to know.

use crate::bedrock::frames::{Frame, Message};
use crate::neutral::event::{Event, Failure, Sink};
use crate::neutral::fold::Fold;
use crate::neutral::json;
use crate::openai::answer::{AnswerVisitor, Learned};
use crate::openai::stream::{ChatStream, Seen};
use crate::{anthropic, bedrock, gemini, ollama, openai, responses, sse};
use paceline_types::record::Dialect;
use std::borrow::Cow;

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
            Reader::OpenAi(_, reader) => self.learned().finish_reason.is_some() && !reader.has_unfinished(),
            // Nobody who speaks these leaves the end mark out.
            Reader::Anthropic(_) | Reader::Ollama(_) | Reader::Responses(_) | Reader::Bedrock(_) => false,
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
            Reader::Bedrock(_) => Cow::Borrowed(event),
            Reader::Ollama(_) => one_line(Cow::Borrowed(event.trim_ascii())),
            _ => match sse::data(event) {
                // Data of one line has no line ends in it.
                Some(Cow::Owned(lines)) => one_line(Cow::Owned(lines)),
                Some(line) => line,
                None => return Seen::default(),
            },
        };
        let data = if matches!(self.reader, Reader::Bedrock(_)) { &data[..] } else { data.trim_ascii() };
        if data.is_empty() {
            return Seen::default();
        }
        let mut both = Both { fold: &mut self.fold, sink };
        both.fold.seen = Seen::default();
        if let Reader::OpenAi(stream, reader) = &mut self.reader {
            let mut seen = stream.observe(event);
            let failure = openai_event(stream, reader, data, &mut seen, both.sink);
            self.fold.failure = failure.or(self.fold.failure.take());
            self.garbage |= seen.garbage;
            return seen;
        }
        let understood = self.reader.read(data, &mut both)
            || single(data).is_some_and(|data| self.reader.read(data.as_bytes(), &mut both));
        self.fold.seen.garbage = !understood;
        self.garbage |= !understood;
        self.fold.seen
    }

    /// Reads an answer in one piece; `false` when it is none of its dialect.
    pub fn read_document(&mut self, body: &[u8], sink: &mut impl Sink) -> bool {
        let body = &*one_line(Cow::Borrowed(body));
        self.whole(body, sink) || single(body).is_some_and(|body| self.whole(body.as_bytes(), sink))
    }

    fn whole(&mut self, body: &[u8], sink: &mut impl Sink) -> bool {
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
                    stream.learn(learned);
                    return true;
                }
                if !reader.read(body, both.sink) || !reader.has_choices() {
                    return false;
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

impl Reader {
    /// Reads what an event of a dialect but OpenAI's holds; `false`, and nothing told, where it is none.
    fn read(&mut self, data: &[u8], sink: &mut impl Sink) -> bool {
        match self {
            Self::Anthropic(reader) => reader.read(data, sink),
            Self::Gemini(reader) => reader.read(data, sink),
            Self::Ollama(reader) => reader.read(data, sink),
            Self::Responses(reader) => reader.read(data, sink),
            Self::Bedrock(reader) => frame(reader, data, sink),
            Self::OpenAi(_, reader) => reader.read(data, sink),
        }
    }
}

/// JSON in which a key stands twice, with the last of each, which is what most parsers take; `None` where none does.
fn single(data: &[u8]) -> Option<String> {
    std::str::from_utf8(data).ok().and_then(json::single)
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

/// JSON without line ends: what is taken out of it may be written into a line of an event.
fn one_line(mut json: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let is_end = |byte: u8| matches!(byte, b'\n' | b'\r');
    if let Some(first) = memchr::memchr2(b'\n', b'\r', &json) {
        json.to_mut()[first..].iter_mut().filter(|byte| is_end(**byte)).for_each(|byte| *byte = b' ');
    }
    json
}

/// What an event of OpenAI's says beyond what its observer has seen.
fn openai_event(
    stream: &ChatStream,
    reader: &mut openai::read_answer::Reader,
    data: &[u8],
    seen: &mut Seen,
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
        // What cannot be read cannot be told either.
        let understood =
            reader.read(data, sink) || single(data).is_some_and(|data| reader.read(data.as_bytes(), sink));
        seen.garbage = !understood;
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
