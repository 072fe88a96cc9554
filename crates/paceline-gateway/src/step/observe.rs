//! Watching an answer go by: the stamps, the counts, the end; and holding back the one chunk that we asked for.

use crate::gaps::Gaps;
use crate::step::tell::Teller;
use crate::upstream::Upstream;
use bytes::{Buf, Bytes, BytesMut};
use paceline_dialect::json::Scanner;
use paceline_dialect::openai::answer::{AnswerVisitor, Learned};
use paceline_dialect::openai::stream::Seen;
use paceline_dialect::sse::MAX_EVENT;
use paceline_dialect::translate::{Answer, Framing};
use paceline_types::record::Dialect;
use paceline_types::time::Offset;
use std::time::Instant;

/// When content came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stamps {
    pub(crate) first: Option<Instant>,
    pub(crate) last: Option<Instant>,
    pub(crate) gaps: Gaps,
}

impl Stamps {
    fn content(&mut self, now: Instant) {
        self.first.get_or_insert(now);
        if let Some(last) = self.last.replace(now) {
            self.gaps.add(Offset(now.saturating_duration_since(last).as_nanos() as u64));
        }
    }
}

/// A stream that cannot be read on.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// An event longer than is taken.
    TooLong,
    /// What is no frame, and why.
    Frame(String),
}

/// Watches a stream of events.
pub(crate) struct EventWatch {
    pub(crate) stream: Answer,
    framing: Framing,
    /// Who tells the caller in another dialect what the provider says.
    teller: Option<Box<Teller>>,
    /// The caller did not ask for the usage chunk: it is taken out.
    strip_usage: bool,
    pub(crate) stamps: Stamps,
    pub(crate) done: bool,
    pub(crate) error: bool,
}

impl EventWatch {
    /// For a stream in `dialect`. `strip_usage`: the usage chunk of OpenAI's dialect was not asked for by the caller;
    /// `teller` where the caller speaks otherwise; `collect_text` where the text may have to be counted.
    pub(crate) fn new(
        dialect: Dialect,
        strip_usage: bool,
        collect_text: bool,
        teller: Option<Box<Teller>>,
    ) -> Self {
        Self {
            stream: Answer::new(dialect, collect_text),
            framing: Framing::of(dialect),
            teller,
            strip_usage,
            stamps: Stamps::default(),
            done: false,
            error: false,
        }
    }

    /// Takes the whole events out of `out` and returns what of them goes to the caller; an unfinished one stays.
    pub(crate) fn take(
        &mut self,
        out: &mut BytesMut,
        now: Instant,
        from: &Upstream,
    ) -> Result<Bytes, Unreadable> {
        if self.teller.is_some() {
            return self.tell(out, now, from);
        }
        let (mut at, mut kept) = (0, BytesMut::new());
        while let Some(len) = self.framing.event_len(&out[at..]).map_err(Unreadable::Frame)? {
            let seen = self.observe(&out[at..at + len], now);
            // An error's words are the provider's, our key in them is not.
            let clean = if seen.error { from.redact_owned(&out[at..at + len]) } else { None };
            if clean.is_none() && !(self.strip_usage && seen.usage_only) {
                at += len;
                continue;
            }
            kept.extend_from_slice(&out.split_to(at));
            kept.extend_from_slice(clean.as_deref().unwrap_or_default());
            out.advance(len);
            at = 0;
        }
        if out.len() - at > MAX_EVENT {
            return Err(Unreadable::TooLong);
        }
        let rest = out.split_to(at);
        if kept.is_empty() {
            return Ok(rest.freeze());
        }
        kept.extend_from_slice(&rest);
        Ok(kept.freeze())
    }

    /// The number of the caller's next event, in the dialect that numbers them.
    pub(crate) fn next_number(&self) -> u64 {
        self.teller.as_ref().map_or(0, |teller| teller.next_number())
    }

    /// Whether something of the stream could not be told to the caller.
    pub(crate) fn is_garbled(&self) -> bool {
        self.teller.is_some() && self.stream.garbage
    }

    /// Whether the caller is told in another dialect.
    pub(crate) fn is_told(&self) -> bool {
        self.teller.is_some()
    }

    /// As [`EventWatch::take`], in the caller's dialect.
    fn tell(&mut self, out: &mut BytesMut, now: Instant, from: &Upstream) -> Result<Bytes, Unreadable> {
        if self.stream.garbage {
            return Err(Unreadable::Frame("an event is not what its dialect allows".to_owned()));
        }
        let mut told = Vec::with_capacity(out.len() + out.len() / 2);
        let mut at = 0;
        while let Some(len) = self.framing.event_len(&out[at..]).map_err(Unreadable::Frame)? {
            let event = &out[at..at + len];
            at += len;
            // What follows the end or an error is nobody's business.
            if !self.done && !self.error {
                let seen = match &mut self.teller {
                    Some(teller) => teller.read(&mut self.stream, event, from, &mut told),
                    None => self.stream.observe(event),
                };
                self.note(seen, now);
                // What cannot be read cannot be told: what was said before it goes on, then the stream has failed.
                if seen.garbage {
                    break;
                }
            }
        }
        out.advance(at);
        if out.len() > MAX_EVENT { Err(Unreadable::TooLong) } else { Ok(told.into()) }
    }

    /// The provider has ended: what is left and is an event after all, and, where its dialect has no end mark, the end.
    pub(crate) fn take_last(&mut self, out: &mut BytesMut, now: Instant, from: &Upstream) -> Bytes {
        if self.teller.is_none() {
            return self.take_rest(out, now);
        }
        let mut told = BytesMut::new();
        if !out.is_empty() && self.framing.ends_with_stream(out) {
            out.extend_from_slice(b"\n\n");
            if let Ok(bytes) = self.tell(out, now, from) {
                told.extend_from_slice(&bytes);
            }
        }
        if !self.done
            && !self.error
            && !from.done_mark
            && self.stream.is_complete()
            && !self.is_garbled()
            && let Some(teller) = &mut self.teller
        {
            let mut end = Vec::new();
            teller.end(&mut end);
            told.extend_from_slice(&end);
            self.done = true;
        }
        told.freeze()
    }

    fn take_rest(&mut self, out: &mut BytesMut, now: Instant) -> Bytes {
        if !self.framing.is_sse() {
            if out.is_empty() || !self.framing.ends_with_stream(out) {
                return Bytes::new();
            }
            let event = out.split().freeze();
            self.observe(&event, now);
            return event;
        }
        let mark = out.trim_ascii();
        if self.framing.last_is_whole(out) || mark == b"data: [DONE]" || mark == b"data:[DONE]" {
            // An end mark without its blank line is what some providers send last; clients wait for the line.
            let event = BytesMut::from(&[mark, b"\n\n"].concat()[..]);
            out.clear();
            self.observe(&event, now);
            return event.freeze();
        }
        Bytes::new()
    }

    /// Observes one event.
    fn observe(&mut self, event: &[u8], now: Instant) -> Seen {
        let seen = self.stream.observe(event);
        self.note(seen, now);
        seen
    }

    fn note(&mut self, seen: Seen, now: Instant) {
        if seen.content {
            self.stamps.content(now);
        }
        self.done |= seen.done;
        self.error |= seen.error;
    }
}

/// Watches an answer in one piece.
#[derive(Default)]
pub(crate) struct DocumentWatch {
    scanner: Scanner,
    visitor: AnswerVisitor,
    pub(crate) broken: bool,
}

impl DocumentWatch {
    /// Watches the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.broken = self.broken || self.scanner.feed(bytes, &mut self.visitor).is_err();
    }

    /// The answer is over: whether it was a whole document.
    pub(crate) fn finish(&mut self) -> bool {
        self.broken = self.broken || self.scanner.finish(&mut self.visitor).is_err();
        !self.broken
    }

    pub(crate) fn learned(&self) -> &Learned {
        &self.visitor.learned
    }
}
