//! The walk over JSON text: what it accepts, what it tells, and where it says an error is.

use crate::documents::{document, spaces, write};
use crate::json_scan::check;
use crate::recorder::{KEPT, Told, walk};
use paceline_dialect::json::{
    IGNORE, JsonError, Kind, MAX_DEPTH, Node, ROOT, TOO_DEEP, Token, Visitor, scan,
};
use proptest::prelude::*;
use proptest::sample::Index;

/// A change of one place of a text.
fn damage() -> impl Strategy<Value = (Index, usize, Vec<u8>)> {
    let bytes = prop_oneof![
        prop::sample::select(&br#"{}[]:,"\ -+.eE019tfnul"#[..]).prop_map(|byte| vec![byte]),
        prop::collection::vec(any::<u8>(), 0..3),
    ];
    (any::<Index>(), 0usize..3, bytes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_document_is_told_as_it_was_written(doc in document(), spaces in spaces()) {
        let written = write(&doc, spaces);
        let (told, outcome) = walk(&[written.text.as_bytes()]);
        prop_assert_eq!(outcome, Ok(()), "{}", written.text);
        prop_assert_eq!(told, written.told, "{}", written.text);
        check(written.text.as_bytes());
    }

    #[test]
    fn a_damaged_document_is_judged_as_a_strict_parser_does(
        doc in document(),
        spaces in spaces(),
        damages in prop::collection::vec(damage(), 1..3),
    ) {
        let mut text = write(&doc, spaces).text.into_bytes();
        for (place, len, bytes) in damages {
            let at = place.index(text.len() + 1);
            let until = (at + len).min(text.len());
            text.splice(at..until, bytes);
        }
        check(&text);
    }

    #[test]
    fn any_bytes(text in prop::collection::vec(any::<u8>(), 0..60)) {
        check(&text);
    }

    #[test]
    fn any_bytes_of_json(text in prop::collection::vec(prop::sample::select(&br#"{}[]:,"\ -1etrufalsn"#[..]), 0..40)) {
        check(&text);
    }
}

fn outcome(text: &str) -> Result<(), JsonError> {
    check(text.as_bytes());
    walk(&[text.as_bytes()]).1
}

#[test]
fn errors_stand_at_the_byte_that_does_not_fit() {
    for (text, at, what) in [
        ("", 0, "the text ends before the value does"),
        ("  ", 2, "the text ends before the value does"),
        ("{\"a\":\"b", 7, "the text ends before the value does"),
        ("{\"a\":1,}", 7, "expected a key in double quotes"),
        ("{,}", 1, "expected a key in double quotes or `}`"),
        ("{'a':1}", 1, "expected a key in double quotes or `}`"),
        ("{\"a\" 1}", 5, "expected `:`"),
        ("{\"a\":}", 5, "expected a value"),
        ("{\"a\":1 \"b\":2}", 7, "expected `,` or `}`"),
        ("{\"a\":1]", 6, "expected `,` or `}`"),
        ("[1,]", 3, "expected a value"),
        ("[,1]", 1, "expected a value or `]`"),
        ("[1}", 2, "expected `,` or `]`"),
        ("[1 2]", 3, "expected `,` or `]`"),
        ("[tru]", 1, "expected a value"),
        ("[True]", 1, "expected a value or `]`"),
        ("{\"a\":NaN}", 5, "expected a value"),
        ("[1,nul", 3, "expected a value"),
        ("[1,2x]", 3, "expected a value"),
        ("[-]", 1, "expected a value"),
        ("{} {}", 3, "expected nothing after the value"),
        ("1,", 1, "expected nothing after the value"),
    ] {
        assert_eq!(outcome(text), Err(JsonError { at, what }), "{text}");
    }
}

/// What is left to the receiver, and nothing else is.
#[test]
fn insides_of_strings_and_the_fine_form_of_numbers_are_not_judged() {
    for text in [
        "\"\\q\"",
        "\"\\u12\"",
        "\"\t\n\u{1}\"",
        "\"\\ud800\"",
        "01",
        "-00.5",
        "1.e5",
        "1..2",
        "1-1",
        "1e5.3",
    ] {
        assert_eq!(outcome(text), Ok(()), "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text} is not lenient");
    }
    assert_eq!(walk(&[b"\"\xff\xc3\""]).1, Ok(()));
    for text in ["1.", "1e", "-", "+1", ".5", "0x10", "1_000", "Infinity", "1e5f"] {
        assert!(outcome(text).is_err(), "{text}");
    }
}

#[test]
fn depth_128_is_accepted_and_129_refused() {
    let kinds: [[(&str, &str); 2]; 3] =
        [[("[", "]"); 2], [("{\"a\":", "}"); 2], [("[ ", " ]"), ("{\"a\" : ", "}")]];
    for kind in kinds {
        let nested = |depth: usize| {
            let open: String = (0..depth).map(|level| kind[level % 2].0).collect();
            let close: String = (0..depth).rev().map(|level| kind[level % 2].1).collect();
            (format!("{open}1{close}"), open.len() - kind[(depth - 1) % 2].0.len())
        };
        let (text, _) = nested(MAX_DEPTH);
        assert_eq!(outcome(&text), Ok(()), "{text}");
        let (text, last_open) = nested(MAX_DEPTH + 1);
        assert_eq!(outcome(&text), Err(JsonError { at: last_open, what: TOO_DEEP }), "{text}");
    }
    // As deep again beside it: what was closed does not count.
    let deep = format!("{}1{}", "[".repeat(MAX_DEPTH - 1), "]".repeat(MAX_DEPTH - 1));
    assert_eq!(outcome(&format!("[{deep},{deep}]")), Ok(()));
}

/// Long values come whole when the text does; in pieces they may come cut, with their true length and offsets.
#[test]
fn long_values_keep_their_length_and_place_in_pieces() {
    for (value, quote) in
        [("x".repeat(KEPT * 2 + 7), "\""), ("7".repeat(KEPT + 904), ""), ("\\n".repeat(KEPT), "\"")]
    {
        let text = format!("[{quote}{value}{quote},1]");
        let (whole, outcome) = walk(&[text.as_bytes()]);
        assert_eq!(outcome, Ok(()));
        assert!(matches!(&whole[1], Told::Scalar { len, .. } if *len == value.len()), "whole");
        for piece in [1, 1000, KEPT, KEPT + 500] {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(piece).collect();
            assert!(walk(&pieces) == (whole.clone(), Ok(())), "{} bytes in pieces of {piece}", value.len());
        }
    }
}

/// A number is judged to its last byte, however it comes.
#[test]
fn a_long_number_with_something_else_in_it_is_refused_in_pieces_too() {
    let digits = "1".repeat(KEPT + 100);
    for bad in [format!("{digits}x1"), format!("{digits}e"), format!("{digits}true"), format!("{digits}.")] {
        assert_eq!(walk(&[bad.as_bytes()]).1, Err(JsonError { at: 0, what: "expected a value" }));
        for piece in [1, 1000, KEPT + 50] {
            let pieces: Vec<&[u8]> = bad.as_bytes().chunks(piece).collect();
            let outcome = walk(&pieces).1;
            assert_eq!(outcome, Err(JsonError { at: 0, what: "expected a value" }), "in pieces of {piece}");
        }
    }
}

/// Keeps the one scalar of a document, as its values are asked for.
#[derive(Default)]
struct One(Option<(Option<String>, Option<u64>)>);

impl Visitor for One {
    fn member(&mut self, _: Node, _: &[u8]) -> Node {
        IGNORE
    }

    fn scalar(&mut self, node: Node, token: &Token<'_>) {
        assert_eq!(node, ROOT);
        assert!(!matches!(token.kind, Kind::Null));
        self.0 = Some((token.string(), token.unsigned()));
    }
}

fn values(text: &[u8]) -> (Option<String>, Option<u64>) {
    let mut one = One::default();
    scan(text, &mut one).unwrap();
    one.0.unwrap()
}

#[test]
fn strings_are_what_the_receiver_reads() {
    assert_eq!(values(br#""mod\u0065l\ud83d\ude00""#).0.as_deref(), Some("model\u{1f600}"));
    for broken in [&br#""\ud800""#[..], br#""\x""#, b"\"\xff\"", b"7", b"true"] {
        assert_eq!(values(broken).0, None, "{}", broken.escape_ascii());
    }
}

/// Counters come from providers: what cannot be one is none, rather than something that looks like one.
#[test]
fn only_whole_numbers_that_are_not_negative_are_counters() {
    for (text, value) in [("0", 0), ("9007199254740992", 1 << 53), ("12.0", 12), ("1e3", 1000)] {
        assert_eq!(values(text.as_bytes()).1, Some(value), "{text}");
    }
    for text in ["-5", "-0.5", "1.7", "1e300", "1-1", "\"5\"", "true"] {
        assert_eq!(values(text.as_bytes()).1, None, "{text}");
    }
}
