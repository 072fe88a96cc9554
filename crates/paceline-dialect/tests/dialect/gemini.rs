//! Gemini's dialect, read and written: what comes out of the fixtures.

use crate::golden::{each, files, lines, shown};
use paceline_dialect::gemini::read_answer::Reader;
use paceline_dialect::gemini::{error, read_request, write_answer, write_request};
use paceline_dialect::neutral::about::About;
use paceline_dialect::neutral::collect::Collected;
use paceline_dialect::neutral::event::{Event, Sink};
use paceline_dialect::neutral::notes::Notes;
use paceline_dialect::openai::write_request::Habits;
use paceline_dialect::sse::{self, Splitter};
use paceline_dialect::translate::{self, Answer, Writer};
use paceline_dialect::{ollama, openai};
use paceline_types::record::Dialect;
use proptest::prelude::*;
use std::fmt::Write;

fn about() -> About {
    About {
        call: "c1".to_owned(),
        model: "alias".to_owned(),
        provider: None,
        created: 7,
        include_usage: true,
    }
}

/// Events are shown, and written in each dialect.
struct Everyone {
    events: String,
    openai: (Writer, Vec<u8>),
    anthropic: (Writer, Vec<u8>),
    gemini: (write_answer::Writer, Vec<u8>),
    whole: Collected,
}

impl Everyone {
    fn new() -> Self {
        Self {
            events: String::new(),
            openai: (Writer::new(Dialect::OpenAi, about()), Vec::new()),
            anthropic: (Writer::new(Dialect::Anthropic, about()), Vec::new()),
            gemini: (write_answer::Writer::new(about()), Vec::new()),
            whole: Collected::default(),
        }
    }

    fn documents(&self) -> String {
        let text = |out: Vec<u8>| String::from_utf8(out).unwrap();
        format!(
            "== events\n{}== openai\n{}\n== anthropic\n{}\n== gemini\n{}\n",
            self.events,
            text(translate::document(Dialect::OpenAi, &self.whole, &about())),
            text(translate::document(Dialect::Anthropic, &self.whole, &about())),
            text(write_answer::document(&self.whole, &about()))
        )
    }
}

impl Sink for Everyone {
    fn event(&mut self, event: &Event<'_>) {
        writeln!(self.events, "{}", shown(event)).unwrap();
        self.openai.0.event(event, &mut self.openai.1);
        self.anthropic.0.event(event, &mut self.anthropic.1);
        self.gemini.0.event(event, &mut self.gemini.1);
        self.whole.event(event);
    }
}

#[test]
fn streams_of_others_for_gemini_and_back() {
    each("gemini/others", "sse", |name, file| {
        let from = if name.starts_with("openai") { Dialect::OpenAi } else { Dialect::Anthropic };
        let (mut answer, mut all) = (Answer::new(from, false), Everyone::new());
        for event in events(file) {
            answer.read(event, &mut all);
        }
        let mut back = String::new();
        let mut reader = Reader::default();
        for event in events(&all.gemini.1) {
            let data = sse::data(event).unwrap();
            assert!(reader.read(&data, &mut |event: &Event<'_>| writeln!(back, "{}", shown(event)).unwrap()));
        }
        assert!(reader.is_complete());
        let text = String::from_utf8(all.gemini.1).unwrap().replace("\r\n", "\n");
        format!("== gemini\n{text}== back\n{back}")
    });
}

fn events(mut rest: &[u8]) -> Vec<&[u8]> {
    let (mut splitter, mut events) = (Splitter::default(), Vec::new());
    while let Some(len) = splitter.event_len(rest) {
        let (event, after) = rest.split_at(len);
        events.push(event);
        rest = after;
    }
    events
}

#[test]
fn errors_of_gemini() {
    each("gemini/errors", "json", |name, file| {
        let status = name.split('_').next().unwrap().parse().unwrap();
        let failure = error::read(status, file);
        let envelope = error::envelope(status, "It failed: \"why\"", failure.kind.as_str());
        format!("{failure:#?}\n{}\n", String::from_utf8(envelope).unwrap())
    });
}

fn fixtures() -> Vec<Vec<u8>> {
    files("matrix/streams/gemini", "jsonl")
}

/// What a stream says, cut into pieces as the network likes.
fn heard(stream: &[u8], cuts: &[usize]) -> String {
    let (mut reader, mut splitter) = (Reader::default(), Splitter::default());
    let (mut buffer, mut heard, mut rest) = (Vec::new(), String::new(), stream);
    for cut in cuts.iter().copied().chain([usize::MAX]) {
        let (piece, after) = rest.split_at(cut.min(rest.len()));
        buffer.extend_from_slice(piece);
        rest = after;
        while let Some(len) = splitter.event_len(&buffer) {
            let event: Vec<u8> = buffer.drain(..len).collect();
            if let Some(data) = sse::data(&event) {
                reader.read(&data, &mut |event: &Event<'_>| writeln!(heard, "{}", shown(event)).unwrap());
            }
        }
    }
    heard
}

proptest! {
    #[test]
    fn any_cut_says_the_same(
        which in 0..fixtures().len(),
        end in prop::sample::select(&["\r\n\r\n", "\n\n", "\r\r"][..]),
        cuts in prop::collection::vec(0usize..60, 0..40),
    ) {
        let file = &fixtures()[which];
        let stream: Vec<u8> = lines(file).flat_map(|line| [b"data: ", line, end.as_bytes()].concat()).collect();
        prop_assert_eq!(heard(&stream, &cuts), heard(&stream, &[]));
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        try_all(&bytes);
    }

    #[test]
    fn nothing_like_a_stream_makes_them_panic(
        which in 0..fixtures().len(),
        at in any::<prop::sample::Index>(),
        with in prop::collection::vec(prop::sample::select(&b"{}[]\",:\\0-eu\xff "[..]), 0..4),
        len in 0usize..4,
    ) {
        let mut bytes = fixtures().swap_remove(which);
        let at = at.index(bytes.len());
        bytes.splice(at..(at + len).min(bytes.len()), with);
        for line in lines(&bytes) {
            try_all(line);
        }
        try_all(&bytes);
    }
}

fn is_json(bytes: &[u8]) {
    let json = serde_json::from_slice::<&serde_json::value::RawValue>(bytes);
    assert!(json.is_ok(), "{}", String::from_utf8_lossy(bytes));
}

/// Whatever comes in, what goes out is JSON.
fn try_all(bytes: &[u8]) {
    let mut all = Everyone::new();
    Reader::default().read(bytes, &mut all);
    Reader::default().read_document(bytes, &mut all);
    all.event(&Event::End);
    all.documents();
    for event in events(&all.gemini.1) {
        is_json(&sse::data(event).unwrap());
    }
    is_json(&write_answer::document(&all.whole, &about()));
    error::read(400, bytes);
    let mut notes = Notes::default();
    if let Ok(ask) = read_request::read(bytes, &mut notes) {
        for model in ["gemini-3-pro", "gemini-2.5-pro"] {
            if let Ok(out) = write_request::write(&ask, model, &mut notes) {
                is_json(&out);
            }
        }
        if let Ok(out) = openai::write_request::write(&ask, "gpt", Habits::default(), false, &mut notes) {
            is_json(&out);
        }
        if let Ok(out) = ollama::write_request::write(&ask, "qwen3", &mut notes) {
            is_json(&out);
        }
    }
}

#[test]
fn requests_that_are_broken_are_refused() {
    for body in files("matrix/requests/gemini", "json") {
        for at in (0..body.len()).step_by(7) {
            try_all(&body[..at]);
            let mut changed = body.clone();
            changed[at] = b'"';
            try_all(&changed);
            changed[at] = b'{';
            try_all(&changed);
        }
    }
}
