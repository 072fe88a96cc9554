//! Ollama's own chat, as a provider's: what comes out of the fixtures.

use crate::golden::{each, lines, shown};
use paceline_dialect::neutral::event::Event;
use paceline_dialect::ollama::error;
use paceline_dialect::ollama::read_answer::Reader;
use proptest::prelude::*;

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
        let path = format!("{}/tests/fixtures/matrix/streams/ollama/thinking_tools.jsonl", env!("CARGO_MANIFEST_DIR"));
        let mut bytes = std::fs::read(path).unwrap();
        let at = at.index(bytes.len());
        bytes.splice(at..(at + len).min(bytes.len()), with);
        let mut reader = Reader::default();
        for line in lines(&bytes) {
            reader.read(line, &mut |event: &Event<'_>| drop(shown(event)));
        }
    }
}
