//! What goes by of one captured call: copied as it passes, bounded, handed on when the call is over.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use paceline_types::capture::{Captured, Side};
use paceline_types::id::CallId;
use paceline_types::ports::RecordSink;
use paceline_types::record::Caller;
use paceline_types::time::Timestamp;
use std::sync::Arc;

/// Content types that are text, beside `text/…`, `…+json` and `…+xml`.
const TEXT: [&str; 9] = [
    "application/json",
    "application/jsonl",
    "application/x-ndjson",
    "application/ndjson",
    "application/x-www-form-urlencoded",
    "application/xml",
    "application/yaml",
    "application/javascript",
    "application/graphql",
];
/// How much of a content type is kept, in bytes.
const TYPE_BYTES: usize = 128;

/// The copy of one call's bodies. Dropped, it hands on what it has: however a call ends, it is not lost.
pub(crate) struct Tape {
    sink: Arc<dyn RecordSink>,
    captured: Option<Box<Captured>>,
}

impl Tape {
    pub(crate) fn new(
        sink: Arc<dyn RecordSink>,
        id: CallId,
        started_at: Timestamp,
        caller: Arc<Caller>,
    ) -> Self {
        let captured = Captured { id, started_at, caller, request: None, answer: None };
        Self { sink, captured: Some(Box::new(captured)) }
    }

    /// A request with this head comes.
    pub(crate) fn asked(&mut self, headers: &HeaderMap) {
        self.set(|captured| captured.request = Some(side(headers)));
    }

    /// The next piece of the request.
    pub(crate) fn request(&mut self, piece: &[u8]) {
        self.set(|captured| captured.request.get_or_insert_default().take(piece));
    }

    /// The request, which came packed.
    pub(crate) fn unpacked(&mut self, whole: &[u8]) {
        self.set(|captured| {
            let side = captured.request.get_or_insert_default();
            (side.length, side.bytes) = (0, Some(Vec::new()));
            side.take(whole);
        });
    }

    /// An answer with this head goes.
    pub(crate) fn answered(&mut self, headers: &HeaderMap) {
        self.set(|captured| captured.answer = Some(side(headers)));
    }

    /// The next piece of the answer.
    pub(crate) fn answer(&mut self, piece: &[u8]) {
        self.set(|captured| captured.answer.get_or_insert_default().take(piece));
    }

    fn set(&mut self, note: impl FnOnce(&mut Captured)) {
        if let Some(captured) = &mut self.captured {
            note(captured);
        }
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        if let Some(captured) = self.captured.take() {
            self.sink.capture(captured);
        }
    }
}

/// A body of which nothing has come yet.
fn side(headers: &HeaderMap) -> Side {
    let kind = headers.get(CONTENT_TYPE).map(|kind| String::from_utf8_lossy(kind.as_bytes()).into_owned());
    let packed = headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    let keeps = !packed && kind.as_deref().is_none_or(is_text);
    let kind = kind.map(|kind| kind[..kind.floor_char_boundary(TYPE_BYTES)].into());
    Side { content_type: kind, length: 0, bytes: keeps.then(Vec::new) }
}

fn is_text(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || TEXT.contains(&essence.as_str())
}

#[cfg(test)]
mod tests {
    use super::{is_text, side};
    use http::HeaderMap;

    #[test]
    fn only_text_is_kept() {
        for kind in ["application/json; charset=utf-8", "text/event-stream", "Application/Problem+JSON"] {
            assert!(is_text(kind), "{kind}");
        }
        for kind in ["audio/mpeg", "multipart/form-data; boundary=x", "application/octet-stream", ""] {
            assert!(!is_text(kind), "{kind}");
        }
        let mut headers = HeaderMap::new();
        assert!(side(&headers).bytes.is_some(), "nothing said: it is looked at when all is there");
        headers.insert("content-type", "text/plain".parse().unwrap());
        headers.insert("content-encoding", "gzip".parse().unwrap());
        assert!(side(&headers).bytes.is_none());
    }
}
