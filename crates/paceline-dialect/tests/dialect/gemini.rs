//! Gemini's dialect, read and written: what comes out of the fixtures.

use crate::gemini_golden::{each, lines, shown};
use paceline_dialect::gemini::read_answer::Reader;
use paceline_dialect::gemini::{error, read_request, write_answer, write_request};
use paceline_dialect::neutral::about::About;
use paceline_dialect::neutral::collect::Collected;
use paceline_dialect::neutral::event::{Event, Sink};
use paceline_dialect::neutral::notes::{Notes, Unsupported};
use paceline_dialect::neutral::request::ChatRequest;
use paceline_dialect::openai::write_request::Habits;
use paceline_dialect::sse::{self, Splitter};
use paceline_dialect::translate::{self, Answer, Writer};
use paceline_dialect::{anthropic, ollama, openai};
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

    fn stream(&self) -> String {
        let text = |out: &[u8]| String::from_utf8(out.to_vec()).unwrap().replace("\r\n", "\n");
        format!(
            "== events\n{}== openai\n{}== anthropic\n{}== gemini\n{}",
            self.events,
            text(&self.openai.1),
            text(&self.anthropic.1),
            text(&self.gemini.1)
        )
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
fn streams_of_gemini() {
    each("gemini/answers", "jsonl", |_, file| {
        let (mut reader, mut all) = (Reader::default(), Everyone::new());
        for line in lines(file) {
            if !reader.read(line, &mut all) {
                all.events += "not of this dialect\n";
            }
        }
        // The connection ends.
        if reader.is_complete() {
            all.event(&Event::End);
        }
        all.stream()
    });
}

#[test]
fn documents_of_gemini() {
    each("gemini/documents", "json", |_, file| {
        let mut all = Everyone::new();
        if !Reader::default().read_document(file, &mut all) {
            all.events += "not of this dialect\n";
        }
        all.documents()
    });
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

fn told(out: Result<Vec<u8>, Unsupported>, notes: &Notes) -> String {
    let out = out.map_or_else(|wrong| format!("{wrong:?}"), |out| String::from_utf8(out).unwrap());
    assert!(
        out.starts_with("Unsupported") || serde_json::from_str::<&serde_json::value::RawValue>(&out).is_ok()
    );
    format!("{out}\nnotes: {}\n", notes.line())
}

#[test]
fn requests() {
    each("gemini/requests", "json", |name, file| {
        let from = name.split('_').next().unwrap();
        let mut notes = Notes::default();
        let ask = match from {
            "gemini" => read_request::read(file, &mut notes),
            "openai" => translate::read_request(Dialect::OpenAi, file, &mut notes),
            _ => translate::read_request(Dialect::Anthropic, file, &mut notes),
        };
        let ask = match ask {
            Ok(ask) => ask,
            Err(wrong) => return format!("{wrong:?}\n"),
        };
        let to_gemini = |model: &str| {
            let mut notes = notes.clone();
            let out = write_request::write(&ask, model, &mut notes);
            format!("== {model}\n{}", told(out, &notes))
        };
        let mut all = to_gemini("gemini-3-pro-preview") + &to_gemini("gemini-2.5-flash");
        if from == "gemini" {
            all += &to_others(&ask, &notes);
        }
        all
    });
}

fn to_others(ask: &ChatRequest<'_>, notes: &Notes) -> String {
    let mut own = notes.clone();
    let out = openai::write_request::write(ask, "gpt", Habits::default(), false, &mut own);
    let openai = told(out, &own);
    let mut own = notes.clone();
    let place = anthropic::write_request::Place::Direct("claude");
    let out = anthropic::write_request::write(ask, place, 8192, &mut own);
    let out = out.or_else(|wrong| {
        // More than one answer is the first thing it cannot do; what follows is of interest too.
        if wrong.field == "n" { Ok(b"{}".to_vec()) } else { Err(wrong) }
    });
    format!("== openai\n{openai}== anthropic\n{}", told(out, &own))
}

#[test]
fn what_gemini_reads_of_its_own_requests_stays_the_same() {
    for name in ["gemini_plain", "gemini_tools"] {
        let path = format!("{}/tests/fixtures/gemini/requests/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let body = std::fs::read(path).unwrap();
        let again = |body: &[u8]| {
            let mut notes = Notes::default();
            let ask = read_request::read(body, &mut notes).unwrap();
            write_request::write(&ask, "gemini-3-pro", &mut notes).unwrap()
        };
        let once = again(&body);
        assert_eq!(String::from_utf8(again(&once)).unwrap(), String::from_utf8(once).unwrap());
    }
}

fn fixtures() -> Vec<Vec<u8>> {
    let dir = format!("{}/tests/fixtures/gemini/answers", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|end| end == "jsonl")).collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
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
    let dir = format!("{}/tests/fixtures/gemini/requests", env!("CARGO_MANIFEST_DIR"));
    for entry in std::fs::read_dir(dir).unwrap() {
        let body = std::fs::read(entry.unwrap().path()).unwrap();
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
