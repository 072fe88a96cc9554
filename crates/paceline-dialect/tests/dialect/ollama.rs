//! Ollama's own chat, as a provider's: what comes out of the fixtures.

use crate::gemini_golden::{each, lines, shown};
use paceline_dialect::neutral::event::Event;
use paceline_dialect::neutral::notes::Notes;
use paceline_dialect::ollama::read_answer::Reader;
use paceline_dialect::ollama::{error, write_request};
use paceline_dialect::translate;
use paceline_types::record::Dialect;
use proptest::prelude::*;
use std::fmt::Write;

#[test]
fn streams_of_ollama() {
    each("ollama/answers", "jsonl", |_, file| {
        let (mut reader, mut told) = (Reader::default(), String::new());
        for line in lines(file) {
            if !reader.read(line, &mut |event: &Event<'_>| writeln!(told, "{}", shown(event)).unwrap()) {
                told += "not of this dialect\n";
            }
        }
        told
    });
}

#[test]
fn a_document_is_whole_or_none() {
    let mut told = String::new();
    let mut read = |body: &str| {
        Reader::default().read_document(body.as_bytes(), &mut |event: &Event<'_>| told += &shown(event))
    };
    assert!(read(
        r#"{"model":"m","message":{"role":"assistant","content":"a"},"done":true,"prompt_eval_count":1,"eval_count":2}"#
    ));
    assert!(read(r#"{"error":"no"}"#));
    assert!(!read(r#"{"model":"m","message":{"role":"assistant","content":"a"},"done":false}"#));
    assert!(!read("{}"));
    assert!(!read(""));
}

#[test]
fn errors_of_ollama() {
    each("ollama/errors", "json", |name, file| {
        let status = name.split('_').next().unwrap().parse().unwrap();
        format!("{:#?}\n", error::read(status, file))
    });
}

#[test]
fn requests() {
    each("ollama/requests", "json", |name, file| {
        let from = if name.starts_with("openai") { Dialect::OpenAi } else { Dialect::Anthropic };
        let mut all = String::new();
        for model in ["qwen3", "gpt-oss:20b"] {
            let mut notes = Notes::default();
            let ask = translate::read_request(from, file, &mut notes).unwrap();
            let out = write_request::write(&ask, model, &mut notes);
            let out = out.map_or_else(|wrong| format!("{wrong:?}"), |out| String::from_utf8(out).unwrap());
            writeln!(all, "{out}\nnotes: {}", notes.line()).unwrap();
        }
        all
    });
}

proptest! {
    #[test]
    fn nothing_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        Reader::default().read_document(&bytes, &mut |_: &Event<'_>| {});
        error::read(500, &bytes);
    }

    #[test]
    fn nothing_like_a_line_makes_the_reader_panic(
        at in any::<prop::sample::Index>(),
        with in prop::collection::vec(prop::sample::select(&b"{}[]\",:\\0-eu\xff "[..]), 0..4),
        len in 0usize..4,
    ) {
        let path = format!("{}/tests/fixtures/ollama/answers/thinking_tools.jsonl", env!("CARGO_MANIFEST_DIR"));
        let mut bytes = std::fs::read(path).unwrap();
        let at = at.index(bytes.len());
        bytes.splice(at..(at + len).min(bytes.len()), with);
        let mut reader = Reader::default();
        for line in lines(&bytes) {
            reader.read(line, &mut |event: &Event<'_>| drop(shown(event)));
        }
    }
}
