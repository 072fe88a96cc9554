//! What must hold for the observer of a chat stream.

use super::cuts;
use super::sse;
use paceline_dialect::openai::answer::Learned;
use paceline_dialect::openai::stream::{ChatStream, Seen};
use paceline_dialect::sse::{Splitter, data};
use std::fmt;

/// Bytes that are told as text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// All that is observed of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Observed {
    /// Each event as it came, and what it was.
    pub(crate) events: Vec<(Bytes, Seen)>,
    /// What is left and is no event.
    pub(crate) rest: Bytes,
    pub(crate) learned: Learned,
    pub(crate) garbage: bool,
    pub(crate) text: Option<Bytes>,
}

/// Observes a stream that comes in `pieces`, as the relay does.
pub(crate) fn observe(pieces: &[&[u8]], collect_text: bool) -> Observed {
    let (mut splitter, mut stream) = (Splitter::default(), ChatStream::new(collect_text));
    let (mut buffer, mut events) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let mut at = 0;
        while let Some(len) = splitter.event_len(&buffer[at..]) {
            let event = buffer[at..at + len].to_vec();
            let seen = stream.observe(&event);
            events.push((Bytes(event), seen));
            at += len;
        }
        buffer.drain(..at);
    }
    if splitter.last_is_whole(&buffer) {
        let event = std::mem::take(&mut buffer);
        let seen = stream.observe(&event);
        events.push((Bytes(event), seen));
    }
    let learned = stream.learned().clone();
    Observed {
        events,
        rest: Bytes(buffer),
        learned,
        garbage: stream.garbage,
        text: stream.take_text().map(Bytes),
    }
}

/// Any cut gives the same observations; the short way for events that are like the last sees what the long way sees; the
/// events are those of a simple reader, and no byte is lost.
pub(crate) fn check(stream: &[u8]) {
    let whole = observe(&[stream], false);
    for way in cuts::some(stream) {
        assert_eq!(observe(&way, false), whole, "in pieces");
    }
    // Collecting the text turns the short way off.
    let long_way = observe(&[stream], true);
    assert_eq!(Observed { text: None, ..long_way }, whole, "the short way");
    let events = whole.events.iter().map(|(event, _)| event.0.as_slice());
    let bytes: Vec<&[u8]> = events.clone().chain([&*whole.rest.0]).collect();
    assert_eq!(bytes.concat(), stream, "bytes were lost or moved");
    let found: Vec<Vec<u8>> = events.filter_map(data).map(std::borrow::Cow::into_owned).collect();
    assert_eq!(found, sse::payloads(stream), "other events than a simple reader finds");
}
