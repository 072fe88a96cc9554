//! Examples of each kind, and what holds for any body.

use super::{Redactor, Secrets};
use proptest::prelude::*;
use serde_json::{Value, json};

const OWN: &str = "own-0123456789/abcdef";
/// What must go, in its plain form.
const PLANTED: [&str; 17] = [
    OWN,
    "sk-proj-0123456789abcdefABCDEF",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefghijABCDEFGHIJ",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n\"x\"\n-----END RSA PRIVATE KEY-----",
    "ann.o'neil+test@mail.example.com",
    "jörg@bücher.example",
    "4111 1111 1111 1111",
    "5500-0000-0000-0004",
    "378282246310005",
    "DE89370400440532013000",
    "GB29 NWBK 6016 1331 9268 19",
    "+49 (30) 901820-12",
    "+12125550100",
    "123-45-6789",
    "Bearer abcdef0123456789",
];

fn redactor() -> Redactor {
    Redactor::new(Secrets::new([OWN, "kk-1"].into_iter()))
}

fn text(text: &str) -> String {
    redactor().body(Some("text/plain"), text.as_bytes(), usize::MAX)
}

#[test]
fn each_kind_is_cut_out_and_named() {
    for (given, clean) in [
        ("key own-0123456789/abcdef.", "key [secret]."),
        ("use sk-proj-0123456789abcdefABCDEF.", "use [secret]."),
        ("Authorization: Bearer abcdef0123456789", "Authorization: [secret]"),
        ("curl -H 'x: Bearer abcdef0123456789'", "curl -H 'x: Bearer [secret]'"),
        ("Authorization: Basic dXNlcjpwYXNz\nhost: a", "Authorization: [secret]\nhost: a"),
        ("https://a.example/?key=AB12cd34EF56gh78ij&x=1", "https://a.example/?key=[secret]&x=1"),
        ("PASSWORD=hunter2 make", "PASSWORD=[secret] make"),
        (r#"{"api_key": "abc", "n": 1}"#, r#"{"api_key": "[secret]", "n": 1}"#),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token [jwt]"),
        ("a -----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY----- b", "a [private key] b"),
        ("a -----BEGIN PRIVATE KEY-----\nMII", "a [private key]"),
        ("write to ann@example.com.", "write to [email]."),
        ("4111 1111 1111 1111 12/27", "[card] 12/27"),
        ("pay DE89 3704 0044 0532 0130 00 NOW", "pay [iban] NOW"),
        ("call +49 30 901820, 3 times", "call [phone], 3 times"),
        ("ssn 123-45-6789", "ssn [ssn]"),
    ] {
        assert_eq!(text(given), clean, "{given}");
    }
}

#[test]
fn what_is_nothing_of_it_stays() {
    for plain in [
        "4111 1111 1111 1112 fails the check",
        r#"{"created": 1764208166, "id": "chatcmpl-9f8e7d6c5b4a", "logprob": -0.4111111111111111}"#,
        "at 2026-11-27T01:49:26.996+01:00, 550e8400-e29b-41d4-a716-446655440000",
        "bearers of bad news, max_tokens: 5, a@b, 1 + 12345678, -----BEGIN CERTIFICATE-----",
        r#"{"logprobs": [{"token": "Hello", "bytes": [72, 101]}], "key": "name"}"#,
        "666-45-6789 000-12-3456, kk-12, sk-short",
        "plain words, größer, 日本語",
    ] {
        assert_eq!(text(plain), plain);
        let json = json!({ "text": plain }).to_string();
        assert_eq!(redactor().body(None, json.as_bytes(), usize::MAX), json);
    }
}

#[test]
fn json_stays_json() {
    let given = json!({
        "card": 4_111_111_111_111_111_u64, "minus": -4_111_111_111_111_111_i64, "password": 12345, "Api-Key": "x",
        "nested": "{\"password\": \"p\", \"n\": [1]}", "list": ["ann@example.com", 7, null], "ann@example.com": true,
        "escaped": "tab\tand \"quote\" and own-0123456789/abcdef", "required": ["password"], "password2": "stays",
    });
    let given = given.to_string().replace('/', "\\/");
    let clean = redactor().body(Some("application/json"), given.as_bytes(), usize::MAX);
    let wanted = json!({
        "card": "[card]", "minus": "[card]", "password": "[secret]", "Api-Key": "[secret]",
        "nested": "{\"password\": \"[secret]\", \"n\": [1]}", "list": ["[email]", 7, null], "[email]": true,
        "escaped": "tab\tand \"quote\" and [secret]", "required": ["password"], "password2": "stays",
    });
    assert_eq!(serde_json::from_str::<Value>(&clean).unwrap(), wanted);
}

#[test]
fn events_stay_events() {
    let given =
        "event: x\ndata: {\"delta\": \"mail ann@example.com\", \"n\": 4111111111111111}\n\ndata: [DONE]\n\n";
    let clean = redactor().body(Some("text/event-stream; charset=utf-8"), given.as_bytes(), usize::MAX);
    assert_eq!(clean, "event: x\ndata: {\"delta\": \"mail [email]\", \"n\": \"[card]\"}\n\ndata: [DONE]\n\n");
}

/// JSON of any shape, with what must go in some of its strings.
fn documents() -> impl Strategy<Value = Value> {
    let planted = (".{0,6}", 0..PLANTED.len(), ".{0,6}")
        .prop_map(|(before, at, after)| Value::from(format!("{before} {} {after}", PLANTED[at])));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        planted,
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The same shape: lists and objects with as many members.
fn same_shape(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_shape(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.values().zip(b.values()).all(|(a, b)| same_shape(a, b))
        }
        (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => false,
        _ => true,
    }
}

fn shows_planted(value: &Value) -> bool {
    match value {
        Value::String(text) => PLANTED.iter().any(|planted| text.contains(planted)),
        Value::Array(list) => list.iter().any(shows_planted),
        Value::Object(members) => members.values().any(shows_planted),
        _ => false,
    }
}

proptest! {
    #[test]
    fn any_json_stays_json_without_what_must_go(document in documents(), pretty: bool) {
        let text = if pretty { format!("{document:#}") } else { document.to_string() };
        let clean = redactor().body(Some("application/json"), text.as_bytes(), usize::MAX);
        let read: Value = serde_json::from_str(&clean).map_err(|e| TestCaseError::fail(format!("{e}: {clean}")))?;
        prop_assert!(same_shape(&document, &read), "{clean}");
        prop_assert!(!shows_planted(&read), "{clean}");
    }

    #[test]
    fn nothing_is_shown_across_the_limit(before in "[ -~]{0,40}", at in 0..PLANTED.len() - 1, limit in 0..80_usize, as_json: bool) {
        let planted = PLANTED[at];
        let plain = format!("{before} {planted} and more");
        let body = if as_json { json!({ "t": plain }).to_string() } else { plain };
        let clean = redactor().body(None, body.as_bytes(), limit);
        // Half of it would already be too much.
        let half = &planted[..planted.floor_char_boundary(planted.len() / 2)];
        let half = if as_json { json!(half).to_string().trim_matches('"').to_owned() } else { half.to_owned() };
        prop_assert!(!clean.contains(&half), "{clean}");
        prop_assert!(clean.len() <= limit + 16, "{clean}");
    }

    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200), limit in 0..250_usize, kind in 0..3_usize) {
        let kind = ["application/json", "text/event-stream", "text/plain"][kind];
        redactor().body(Some(kind), &bytes, limit);
    }

    #[test]
    fn anything_that_looks_like_json_is_taken(text in r#"[-{}\[\]:,"\\ +.@0-9eunA-Z\n]{0,60}"#, limit in 0..80_usize) {
        redactor().body(None, text.as_bytes(), limit);
    }
}
