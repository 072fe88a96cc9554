//! Telling a caller in its own dialect what a provider says in another.

use crate::headers;
use crate::step::compose::Tongues;
use crate::upstream::Upstream;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use paceline_dialect::neutral::about::About;
use paceline_dialect::neutral::collect::Collected;
use paceline_dialect::neutral::event::{Event, Failure, Sink};
use paceline_dialect::openai::stream::Seen;
use paceline_dialect::translate::{self, Answer, Complaint, Writer};
use paceline_types::record::Dialect;
use std::borrow::Cow;

/// Writes a stream for the caller.
pub(crate) struct Teller {
    caller: Dialect,
    writer: Writer,
}

impl Teller {
    pub(crate) fn new(caller: Dialect, about: About) -> Self {
        Self { caller, writer: Writer::new(caller, about) }
    }

    /// Reads one event of `answer` and writes what it says to `out`; an error without our keys in it.
    pub(crate) fn read(
        &mut self,
        answer: &mut Answer,
        event: &[u8],
        from: &Upstream,
        out: &mut Vec<u8>,
    ) -> Seen {
        let (caller, writer) = (self.caller, &mut self.writer);
        let (mut failed, before) = (None, out.len());
        let seen = answer.read(event, &mut |event: &Event<'_>| match event {
            Event::Failed(failure) => failed = Some(failure.clone()),
            Event::Other { kind, .. } => out.extend_from_slice(translate::untold(caller, kind).as_bytes()),
            event => writer.event(event, out),
        });
        match failed {
            Some(failure) => self.failed(&failure, from, out),
            None if out.len() == before && is_sign_of_life(event) => {
                out.extend_from_slice(translate::sign_of_life(self.caller));
            }
            None => {}
        }
        seen
    }

    fn failed(&mut self, failure: &Failure, from: &Upstream, out: &mut Vec<u8>) {
        let message = said(failure, from);
        let complaint = Complaint {
            status: failure.kind.status(),
            kind: failure.kind,
            message: &message,
            param: None,
            code: failure.code.as_deref().unwrap_or("provider_failed"),
        };
        out.extend_from_slice(&complaint.event(self.caller, self.writer.next_number()));
    }

    /// The number of the next event, in the dialect that numbers them.
    pub(crate) fn next_number(&self) -> u64 {
        self.writer.next_number()
    }

    /// The provider's stream is complete and has no end mark of its own.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) {
        self.writer.event(&Event::End, out);
    }
}

/// Whether an event says only that the provider is still there: a comment, or Anthropic's ping.
fn is_sign_of_life(event: &[u8]) -> bool {
    event.starts_with(b":") || event.starts_with(b"event: ping")
}

/// The provider's words for people, without our keys.
pub(crate) fn said(failure: &Failure, from: &Upstream) -> String {
    let message = failure.message.as_deref().unwrap_or("no more was said");
    let clean = match from.redact(message.as_bytes()) {
        Cow::Borrowed(_) => message.to_owned(),
        Cow::Owned(clean) => String::from_utf8_lossy(&clean).into_owned(),
    };
    format!("provider {}: {clean}", from.name)
}

/// What the caller gets of a whole answer.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) body: Bytes,
    /// It is an error.
    pub(crate) failure: Option<Failure>,
    /// What of it is not told.
    pub(crate) untold: Vec<String>,
}

/// A whole answer: what was learned of it is in `answer`. `None` where it is no answer of its dialect.
pub(crate) fn document(
    answer: &mut Answer,
    body: &Bytes,
    tongues: Tongues,
    about: &About,
    stream: bool,
) -> Option<Told> {
    if tongues.are_one() {
        let whole = answer.read_document(body, &mut |_: &Event<'_>| {});
        let failure = answer.failure().cloned();
        return whole.then(|| Told { body: body.clone(), failure, ..Told::default() });
    }
    if stream {
        // A stream was asked for: the caller gets one, of few events.
        let (mut writer, mut out) = (Writer::new(tongues.caller, about.clone()), Vec::new());
        let whole = answer.read_document(body, &mut |event: &Event<'_>| writer.event(event, &mut out));
        let failure = answer.failure().cloned();
        return whole.then(|| Told { body: out.into(), failure, ..Told::default() });
    }
    let mut collected = Collected::default();
    let whole = answer.read_document(body, &mut |event: &Event<'_>| collected.event(event));
    let (failure, untold) = (collected.failure.take(), std::mem::take(&mut collected.untold));
    let body = translate::document(tongues.caller, &collected, about).into();
    whole.then_some(Told { body, failure, untold })
}

/// Makes the headers of a translated answer the caller's: its form, nothing that speaks of the provider's own.
pub(crate) fn translated_headers(headers: &mut HeaderMap, stream: bool) {
    headers::strip_foreign(headers);
    let kind = if stream { "text/event-stream" } else { "application/json" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
}
