//! One observer for the events of a chat stream: every truth about content, usage, errors and the end comes from here.

use crate::json;
use crate::openai::answer::{AnswerVisitor, Learned};
use crate::sse;
use memchr::memchr2;
use std::borrow::Cow;

/// What one event was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about one event")]
pub struct Seen {
    /// It carried content: non-empty text, reasoning, a refusal or a piece of a tool call.
    pub content: bool,
    /// It is the extra chunk of `include_usage`: no choices, a usage object.
    pub usage_only: bool,
    /// It told usage.
    pub has_usage: bool,
    /// It is the end mark.
    pub done: bool,
    /// It is an error.
    pub error: bool,
    /// Its data is not what the dialect allows.
    pub garbage: bool,
}

/// Observes the events of one stream in order.
#[derive(Debug, Default)]
pub struct ChatStream {
    visitor: AnswerVisitor,
    /// The last event that carried one piece of content and nothing else, cut around that piece. Most events of a
    /// stream equal it but for the piece, which two comparisons show without reading any JSON.
    before: Vec<u8>,
    /// What stands between that piece and the event's padding, where it has one.
    between: Vec<u8>,
    after: Vec<u8>,
    /// An event was not what the dialect allows.
    pub garbage: bool,
}

impl ChatStream {
    /// An observer; `collect_text` keeps the generated text for a tokenizer.
    pub fn new(collect_text: bool) -> Self {
        let mut stream = Self::default();
        stream.visitor.text = collect_text.then(Vec::new);
        stream
    }

    /// What was learned so far.
    pub fn learned(&self) -> &Learned {
        &self.visitor.learned
    }

    /// Takes over what was learned of an answer in one piece.
    pub(crate) fn learn(&mut self, learned: Learned) {
        self.visitor.learned = learned;
    }

    /// The generated text, where it was to be collected.
    pub fn take_text(&mut self) -> Option<Vec<u8>> {
        self.visitor.text.take()
    }

    /// Observes one whole event, its blank line included.
    pub fn observe(&mut self, event: &[u8]) -> Seen {
        if self.is_like_the_last(event) {
            return Seen { content: true, ..Seen::default() };
        }
        let Some(data) = sse::data(event) else { return Seen::default() };
        let text = data.trim_ascii();
        // Data of one line stands in the event as it is; of several, its offsets are not the event's.
        let at = matches!(data, Cow::Borrowed(_)).then(|| text.as_ptr() as usize - event.as_ptr() as usize);
        if text.is_empty() {
            return Seen::default();
        }
        if text == b"[DONE]" {
            return Seen { done: true, ..Seen::default() };
        }
        self.visitor.next_document();
        if json::scan(text, &mut self.visitor).is_err() {
            self.garbage = true;
            return Seen { garbage: true, ..Seen::default() };
        }
        let seen = Seen {
            content: self.visitor.contents > 0,
            usage_only: self.visitor.has_usage && self.visitor.no_choices && !self.visitor.error,
            has_usage: self.visitor.has_usage,
            error: self.visitor.error,
            ..Seen::default()
        };
        if let Some(at) = at {
            self.remember(event, at);
        }
        seen
    }

    fn is_like_the_last(&mut self, event: &[u8]) -> bool {
        let (before, after) = (self.before.len(), self.after.len());
        if before == 0 || self.visitor.text.is_some() || event.len() <= before + after {
            return false;
        }
        let (head, rest) = event.split_at(before);
        let (rest, tail) = rest.split_at(rest.len() - after);
        if head != self.before || tail != self.after {
            return false;
        }
        let Some((piece, padding)) = self.padded(rest) else { return false };
        // What ends a string or the line makes something else of the event.
        let plain =
            |text: &[u8]| memchr2(b'"', b'\\', text).or_else(|| memchr2(b'\n', b'\r', text)).is_none();
        if piece.is_empty() || !plain(piece) || !plain(padding) {
            return false;
        }
        self.visitor.learned.content_bytes += piece.len() as u64;
        self.visitor.learned.content_pieces += 1;
        true
    }

    /// Cuts what stands between the remembered ends into content and padding; without padding, all is content.
    fn padded<'a>(&self, rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        if self.between.is_empty() {
            return Some((rest, &[]));
        }
        let (piece, more) = rest.split_at(memchr::memchr(b'"', rest)?);
        more.strip_prefix(self.between.as_slice()).map(|padding| (piece, padding))
    }

    /// Remembers an event whose JSON text stands at `at` in it.
    fn remember(&mut self, event: &[u8], at: usize) {
        let one_piece = self.visitor.contents == 1 && !self.visitor.told_more && !self.visitor.error;
        if !one_piece || event.len() > 4096 {
            return;
        }
        let (start, end) = self.visitor.content_at;
        self.before.clear();
        self.before.extend_from_slice(&event[..at + start]);
        // Padding behind the content differs each time and says nothing.
        let (padding, padding_end) =
            self.visitor.padding_at.filter(|&(from, _)| from > end).unwrap_or((end, end));
        self.between.clear();
        self.between.extend_from_slice(&event[at + end..at + padding]);
        self.after.clear();
        self.after.extend_from_slice(&event[at + padding_end..]);
    }
}

/// The event that tells the caller why a stream ends without its end mark.
pub fn error_event(envelope: &str) -> Vec<u8> {
    format!("data: {envelope}\n\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::ChatStream;

    fn event(text: &str, padding: &str) -> Vec<u8> {
        let json = format!(
            r#"{{"id":"c","choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}],"usage":null,"obfuscation":"{padding}"}}"#
        );
        format!("data: {json}\n\n").into_bytes()
    }

    #[test]
    fn padding_changes_nothing_of_what_is_seen() {
        let pieces = [
            ("one", "abc"),
            ("two", "x"),
            ("three", ""),
            (r#"f\"our"#, "yy"),
            ("five", r#"a\"b"#),
            ("", "zz"),
            ("six", "q"),
        ];
        let mut stream = ChatStream::new(false);
        let seen: Vec<_> =
            pieces.iter().map(|(text, padding)| stream.observe(&event(text, padding))).collect();
        let alone: Vec<_> =
            pieces.iter().map(|(t, p)| ChatStream::new(false).observe(&event(t, p))).collect();
        assert_eq!(seen, alone);
        assert_eq!(
            (stream.learned().content_pieces, stream.learned().content_bytes),
            (6, 3 + 3 + 5 + 6 + 4 + 3)
        );
    }

    #[test]
    fn padded_events_are_told_without_reading_them() {
        let mut stream = ChatStream::new(false);
        stream.observe(&event("one", "abc"));
        assert!(
            stream.is_like_the_last(&event("two", "xyz9")) && stream.is_like_the_last(&event("three", ""))
        );
        assert!(
            !stream.is_like_the_last(&event("", "x"))
                && !stream.is_like_the_last(&event("a", r#"x","error":"y"#))
        );
    }
}
