//! Steps between the provider's bytes and the caller.

use std::hint::black_box;

use paceline_dialect::json;
use paceline_dialect::openai::answer::AnswerVisitor;
use paceline_dialect::openai::stream::ChatStream;
use paceline_dialect::sse::Splitter;
use paceline_http::chunked::Chunked;

use super::Ledger;
use super::fixtures;
use crate::error::{Context, Result, fail};
use crate::payload;

pub(super) fn add(ledger: &mut Ledger) -> Result<()> {
    let document = payload::completion(false).into_bytes();
    scan(&document).context("the answer is JSON")?;
    ledger.step("answer scan, JSON (0.6 KB)", "call", 1, || scan(black_box(&document)));

    let wire = fixtures::chunked_burst();
    let burst = fixtures::burst();
    let count = burst.matches("\n\n").count();
    let mut out = Vec::with_capacity(wire.len());
    ledger.step("chunked decoding, a chunk an event, into a buffer", "event", count, || {
        out.clear();
        Chunked::default().decode(black_box(&wire), |data| out.extend_from_slice(data))
    });
    if split(burst.as_bytes()) != count {
        return fail("the splitter does not find every event");
    }
    ledger.step("splitter: find an event's end (0.25 KB)", "event", count, || {
        split(black_box(burst.as_bytes()))
    });

    for (step, events) in [
        ("observe, fast: like the event before but for its text", fixtures::like_events()),
        ("observe: with padding that differs, as OpenAI sends it", fixtures::padded_events()),
        ("observe, slow: every event different outside its text too", fixtures::unlike_events()),
    ] {
        let mut stream = ChatStream::new(false);
        ledger.step(step, "event", events.len(), || {
            events.iter().filter(|event| stream.observe(black_box(event)).content).count()
        });
    }
    let end = payload::stream_end(true);
    let usage = end.split_inclusive("\n\n").next().context("a stream has a usage chunk")?.as_bytes();
    let mut stream = ChatStream::new(false);
    ledger.step("observe: the usage chunk", "call", 1, || stream.observe(black_box(usage)));
    ledger.step("observe: all of a burst (66 events, a new observer)", "call", 1, || {
        let mut stream = ChatStream::new(false);
        burst.split_inclusive("\n\n").filter(|event| stream.observe(event.as_bytes()).content).count()
    });
    Ok(())
}

/// As an answer in one piece is watched.
fn scan(document: &[u8]) -> std::result::Result<AnswerVisitor, json::JsonError> {
    let mut visitor = AnswerVisitor::default();
    json::scan(document, &mut visitor).map(|()| visitor)
}

/// How many events are in `text`.
fn split(mut text: &[u8]) -> usize {
    let (mut splitter, mut count) = (Splitter::default(), 0);
    while let Some(len) = splitter.event_len(text) {
        text = &text[len..];
        count += 1;
    }
    count
}
