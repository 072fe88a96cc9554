//! What must hold for the reader of any dialect's answers, and for what is told of them to callers of the others.

use super::cuts;
use paceline_dialect::neutral::about::About;
use paceline_dialect::neutral::collect::Collected;
use paceline_dialect::neutral::event::{Event, Sink};
use paceline_dialect::sse::{Splitter, data};
use paceline_dialect::translate::{self, Answer, Framing, Writer};
use paceline_types::record::Dialect;
use serde_json::value::RawValue;
use std::fmt::Write;

const CALLERS: [Dialect; 4] = [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini, Dialect::Responses];

/// All that is heard of a stream that comes in `pieces`: events, what each was, what was learned, what is left.
pub(crate) fn heard(provider: Dialect, pieces: &[&[u8]], sink: &mut impl Sink) -> String {
    let (mut framing, mut answer) = (Framing::of(provider), Answer::new(provider, true));
    let (mut buffer, mut told, mut done) = (Vec::new(), String::new(), false);
    let mut take = |answer: &mut Answer, event: &[u8], told: &mut String| {
        // What follows the end or an error is nobody's business.
        if !done {
            let seen = answer.read(event, &mut |event: &Event<'_>| {
                writeln!(told, "{event:?}").expect("a string takes all");
                sink.event(event);
            });
            writeln!(told, "{seen:?}").expect("a string takes all");
            done = seen.done || seen.error;
        }
    };
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let mut at = 0;
        while let Ok(Some(len)) = framing.event_len(&buffer[at..]) {
            take(&mut answer, &buffer[at..at + len], &mut told);
            at += len;
        }
        buffer.drain(..at);
    }
    if framing.last_is_whole(&buffer) {
        take(&mut answer, &std::mem::take(&mut buffer), &mut told);
    }
    let text = answer.take_text();
    let facts = (answer.learned(), text, answer.failure(), answer.garbage, answer.is_complete());
    format!("{told}{facts:?}{}", buffer.escape_ascii())
}

/// Any cut says the same; what is told to callers is JSON, event by event and in one piece.
pub(crate) fn check(provider: Dialect, stream: &[u8]) {
    let about =
        About { call: "c".to_owned(), model: "m".to_owned(), provider: Some(provider), ..About::default() };
    let mut writers = CALLERS.map(|caller| (caller, Writer::new(caller, about.clone()), Vec::new()));
    let mut whole = Collected::default();
    let told = heard(provider, &[stream], &mut |event: &Event<'_>| {
        for (_, writer, out) in &mut writers {
            writer.event(event, out);
        }
        whole.event(event);
    });
    for way in cuts::some(stream) {
        assert_eq!(heard(provider, &way, &mut |_: &Event<'_>| {}), told, "in pieces");
    }
    for (caller, writer, mut out) in writers {
        let mut writer = writer;
        writer.event(&Event::End, &mut out);
        all_json(&out);
        is_json(&translate::document(caller, &whole, &about));
    }
    document(provider, stream);
}

/// The same bytes as an answer in one piece.
fn document(provider: Dialect, body: &[u8]) {
    let mut whole = Collected::default();
    if Answer::new(provider, false).read_document(body, &mut whole) {
        for caller in CALLERS {
            is_json(&translate::document(caller, &whole, &About::default()));
        }
    }
    translate::read_error(provider, 400, None, body);
}

fn all_json(mut stream: &[u8]) {
    let mut splitter = Splitter::default();
    while let Some(len) = splitter.event_len(stream) {
        let (event, rest) = stream.split_at(len);
        stream = rest;
        let data = data(event).expect("every event has data");
        if *data != *b"[DONE]" {
            is_json(&data);
        }
    }
    assert!(stream.is_empty(), "no event: {}", stream.escape_ascii());
}

pub(crate) fn is_json(text: &[u8]) {
    let read = serde_json::from_slice::<&RawValue>(text);
    assert!(read.is_ok(), "no JSON: {}", text.escape_ascii());
}
