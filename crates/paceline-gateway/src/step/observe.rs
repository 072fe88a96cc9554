//! Watching an answer go by: the stamps, the counts, the end; and holding back the one chunk that we asked for.

use crate::gaps::Gaps;
use crate::upstream::Upstream;
use bytes::{Buf, Bytes, BytesMut};
use paceline_dialect::json::Scanner;
use paceline_dialect::openai::answer::{AnswerVisitor, Learned};
use paceline_dialect::openai::stream::{ChatStream, Seen};
use paceline_dialect::sse::{MAX_EVENT, Splitter};
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

/// An event longer than is taken.
#[derive(Debug)]
pub(crate) struct TooLong;

/// Watches a stream of events.
pub(crate) struct EventWatch {
    pub(crate) stream: ChatStream,
    splitter: Splitter,
    /// The caller did not ask for the usage chunk: it is taken out.
    strip_usage: bool,
    pub(crate) stamps: Stamps,
    pub(crate) done: bool,
    pub(crate) error: bool,
}

impl EventWatch {
    pub(crate) fn new(strip_usage: bool, collect_text: bool) -> Self {
        Self {
            stream: ChatStream::new(collect_text),
            splitter: Splitter::default(),
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
    ) -> Result<Bytes, TooLong> {
        let (mut at, mut kept) = (0, BytesMut::new());
        while let Some(len) = self.splitter.event_len(&out[at..]) {
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
            return Err(TooLong);
        }
        let rest = out.split_to(at);
        if kept.is_empty() {
            return Ok(rest.freeze());
        }
        kept.extend_from_slice(&rest);
        Ok(kept.freeze())
    }

    /// The provider has ended: what is left and is an event after all.
    pub(crate) fn take_last(&mut self, out: &mut BytesMut, now: Instant) -> Bytes {
        let mark = out.trim_ascii();
        if self.splitter.last_is_whole(out) || mark == b"data: [DONE]" || mark == b"data:[DONE]" {
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
        if seen.content {
            self.stamps.content(now);
        }
        self.done |= seen.done;
        self.error |= seen.error;
        seen
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
