//! Requests that are read and changed in place.

use crate::documents::{Doc, document, number, spaces, text, write};
use crate::request_edits::check;
use paceline_dialect::json::Kind;
use paceline_dialect::openai::request;
use proptest::prelude::*;

/// A key, plain or with one character as an escape.
fn key(name: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(name.to_owned()),
        1 => (0..name.len()).prop_map(move |at| {
            format!("{}\\u{:04x}{}", &name[..at], name.as_bytes()[at], &name[at + 1..])
        }),
    ]
}

fn word() -> impl Strategy<Value = Doc> {
    let words = [("true", Kind::True), ("false", Kind::False), ("null", Kind::Null)];
    prop::sample::select(words.to_vec()).prop_map(|(word, kind)| Doc::Word(word, kind))
}

/// Mostly what belongs there; else anything.
fn mostly(usual: impl Strategy<Value = Doc> + 'static) -> impl Strategy<Value = Doc> {
    prop_oneof![8 => usual, 1 => document()]
}

fn options() -> impl Strategy<Value = Doc> {
    let usage = (key("include_usage"), mostly(word()));
    let other = (text(), document());
    prop::collection::vec(prop_oneof![usage, other], 0..4).prop_map(Doc::Object)
}

fn model() -> impl Strategy<Value = Doc> {
    prop_oneof![Just("gpt-4o-mini".to_owned()), text()].prop_map(Doc::Text)
}

/// One member of a request: one of those that matter, or another, in which their names may come again.
fn member() -> impl Strategy<Value = (String, Doc)> {
    prop_oneof![
        4 => (key("model"), mostly(model())),
        4 => (key("stream"), mostly(word())),
        3 => (key("stream_options"), mostly(options())),
        1 => (key("seed"), number().prop_map(Doc::Number)),
        1 => (key("messages"), document()),
        2 => (key("metadata"), prop::collection::vec(
            prop_oneof![
                (key("model"), model()),
                (key("stream"), word()),
                (key("stream_options"), options()),
                (key("include_usage"), word()),
            ],
            0..3,
        ).prop_map(Doc::Object)),
        1 => (text(), document()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_request_is_changed_where_it_must_be_and_nowhere_else(
        members in prop::collection::vec(member(), 0..7),
        spaces in spaces(),
    ) {
        let body = write(&Doc::Object(members), spaces).text;
        prop_assert!(request::read(body.as_bytes()).is_ok());
        check(body.as_bytes());
    }

    #[test]
    fn what_is_no_object_is_refused(doc in document(), spaces in spaces()) {
        let body = write(&doc, spaces).text;
        prop_assert_eq!(request::read(body.as_bytes()).is_ok(), matches!(doc, Doc::Object(_)));
    }
}

/// The request as it goes out to the provider's `up` with usage wanted.
fn out(body: &str) -> String {
    check(body.as_bytes());
    let asked = request::read(body.as_bytes()).unwrap();
    String::from_utf8(request::apply(body.as_bytes(), &asked.edits("up", true))).unwrap()
}

#[test]
fn every_form_of_stream_options_ends_up_asking_for_usage() {
    let usage = r#"{"include_usage":true}"#;
    for (options, expected) in [
        ("null", usage),
        ("7", usage),
        ("[]", usage),
        (r#"[{"include_usage":true}]"#, usage),
        ("{}", usage),
        ("{ }", r#"{"include_usage":true }"#),
        (r#"{"include_usage":false}"#, usage),
        (r#"{"include_usage":{}}"#, usage),
        (r#"{"include_usage":[1,{"include_usage":true}]}"#, usage),
        (r#"{"include_usage":true,"include_usage":null}"#, r#"{"include_usage":true,"include_usage":true}"#),
        (r#"{"include_usage":true,"include_usage":[]}"#, r#"{"include_usage":true,"include_usage":true}"#),
        (r#"{"include_obfuscation":false}"#, r#"{"include_usage":true,"include_obfuscation":false}"#),
        (r#"{"include_usage":true,"a":1}"#, r#"{"include_usage":true,"a":1}"#),
    ] {
        let with = |options: &str| format!(r#"{{"model":"up","stream_options":{options},"stream":true}}"#);
        assert_eq!(out(&with(options)), with(expected), "{options}");
    }
    assert_eq!(
        out(r#"{"stream":true , "model":"m"}"#),
        r#"{"stream":true,"stream_options":{"include_usage":true} , "model":"up"}"#
    );
}

#[test]
fn the_last_of_repeated_members_counts_and_every_model_is_replaced() {
    for (body, expected) in [
        (r#"{"model":"a","mod\u0065l":"b"}"#, r#"{"model":"up","mod\u0065l":"up"}"#),
        (r#"{"model":"up","model":"b"}"#, r#"{"model":"up","model":"up"}"#),
        (r#"{"model":{"a":1},"model":"b"}"#, r#"{"model":"up","model":"up"}"#),
        (r#"{"model":[],"model":"up"}"#, r#"{"model":"up","model":"up"}"#),
        (r#"{"model":"up","stream":true,"stream":{}}"#, r#"{"model":"up","stream":true,"stream":{}}"#),
        (r#"{"model":"up","stream":true,"stream":false}"#, r#"{"model":"up","stream":true,"stream":false}"#),
        (
            r#"{"model":"up","stream":true,"stream_options":{"include_usage":true},"stream_options":null}"#,
            r#"{"model":"up","stream":true,"stream_options":{"include_usage":true},"stream_options":{"include_usage":true}}"#,
        ),
    ] {
        assert_eq!(out(body), expected, "{body}");
    }
}

#[test]
fn deeper_members_of_the_same_name_are_the_callers_own() {
    let body = r#"{"a":{"model":"x","stream":true},"metadata":{"model":"y"},"messages":[{"model":"z"}]}"#;
    let asked = request::read(body.as_bytes()).unwrap();
    assert_eq!((asked.model, asked.model_not_text, asked.stream), (None, false, false));
    assert_eq!(out(body), format!(r#"{{"model":"up",{}"#, &body[1..]));
}

#[test]
fn a_request_without_a_model_gets_one() {
    for (body, expected) in [
        ("{}", r#"{"model":"up"}"#),
        (" { } ", r#" {"model":"up" } "#),
        (r#"{ "a":1}"#, r#"{"model":"up", "a":1}"#),
        (
            r#"{"stream":true,"messages":[]}"#,
            r#"{"model":"up","stream":true,"stream_options":{"include_usage":true},"messages":[]}"#,
        ),
        (
            r#"{"stream_options":{},"stream":true}"#,
            r#"{"model":"up","stream_options":{"include_usage":true},"stream":true}"#,
        ),
    ] {
        assert_eq!(out(body), expected, "{body}");
    }
}

#[test]
fn labels_and_limits_are_read() {
    let body = r#"{"max_tokens":5,"max_completion_tokens":9,"user":"u\u00e9",
        "metadata":{"role":"planner","t\u0061sk":"sum","role":7,"other":"x","session":null}}"#;
    let asked = request::read(body.as_bytes()).unwrap();
    assert_eq!((asked.max_tokens, asked.user.as_deref()), (Some(9), Some("u\u{e9}")));
    assert_eq!(asked.labels, [("role", "planner".to_owned()), ("task", "sum".to_owned())]);
}
