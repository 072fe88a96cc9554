//! What must hold for a chat request that is read and changed in place.

use super::raw::{Members, is_true, string};
use paceline_dialect::json;
use paceline_dialect::openai::request::{self, Asked, Edit};
use serde_json::value::RawValue;

/// Names to write, from plain to what needs escapes.
const NAMES: [&str; 3] = ["gpt-4o-mini", "meta-llama/Llama-3.3-70B", "\u{e9}\"\\\u{2028}\n"];

/// The edited request is the one that came, but for the model's name (first, where there was none) and the wish for usage; where a strict parser reads
/// what came, it reads that.
pub(crate) fn check(body: &[u8]) {
    let asked = match request::read(body) {
        Ok(asked) => asked,
        Err(error) => {
            assert!(error.at <= body.len());
            assert!(Members::of(body).is_none() || error.what == json::TOO_DEEP, "refused: {error}");
            return;
        }
    };
    let before = Members::of(body);
    if let Some(before) = &before {
        check_asked(&asked, before);
    }
    let own = asked.model.clone().unwrap_or_default();
    for name in NAMES.into_iter().chain([own.as_str()]) {
        for want_usage in [false, true] {
            let edits = asked.edits(name, want_usage);
            let after = request::apply(body, &edits);
            check_places(body, &edits, &after);
            assert!(request::read(&after).is_ok(), "the edited body is no JSON object");
            if let Some(before) = &before {
                let after = Members::of(&after).expect("a strict parser refuses the edited body");
                check_values(before, &after, name, want_usage);
                check_needless(&edits, before, name, want_usage);
            }
        }
    }
}

/// What was read is what the last member of each name says.
fn check_asked(asked: &Asked, body: &Members<'_>) {
    assert_eq!(asked.model, body.last("model").and_then(string));
    assert_eq!(asked.model_not_text, asked.model.is_none() && body.last("model").is_some());
    assert_eq!(asked.stream, streams(body));
    assert_eq!(asked.include_usage, asks_usage(body));
}

fn streams(body: &Members<'_>) -> bool {
    body.last("stream").is_some_and(is_true)
}

fn asks_usage(body: &Members<'_>) -> bool {
    let options = body.last("stream_options").and_then(Members::of_value);
    options.and_then(|options| options.last("include_usage")).is_some_and(is_true)
}

/// Edits are in order and apart, and outside of them every byte is the one that came.
fn check_places(body: &[u8], edits: &[Edit], after: &[u8]) {
    let (mut from, mut rest) = (0, after);
    for edit in edits {
        let kept = &body[from..edit.at.start];
        rest = rest.strip_prefix(kept).expect("bytes before an edit changed");
        rest = rest.strip_prefix(edit.text.as_slice()).expect("an edit is not where it belongs");
        assert!(edit.at.start <= edit.at.end);
        from = edit.at.end;
    }
    assert_eq!(rest, &body[from..], "bytes after the last edit changed");
}

/// Member by member: the same, but for `model`, which comes first where it was not, and the last `stream_options`.
fn check_values(before: &Members<'_>, after: &Members<'_>, name: &str, want_usage: bool) {
    let asks = want_usage && streams(before) && !asks_usage(before);
    let options_at = before.0.iter().rposition(|(key, _)| key == "stream_options");
    let mut left = after.0.iter();
    let unnamed = before.last("model").is_none();
    if unnamed {
        let (key, value) = left.next().expect("no model was added");
        assert_eq!((key.as_str(), string(value).as_deref()), ("model", Some(name)));
    }
    for (at, (key, value)) in before.0.iter().enumerate() {
        let mut next = left.next().expect("a member is missing");
        // Where the caller had no `stream_options`, they came right after a `stream`.
        if asks && options_at.is_none() && next.0 == "stream_options" {
            assert_eq!(next.1.get(), "{\"include_usage\":true}");
            assert_eq!(before.0[at - 1].0, "stream");
            next = left.next().expect("a member is missing");
        }
        assert_eq!(&next.0, key);
        if key == "model" {
            assert_eq!(string(next.1).as_deref(), Some(name), "a reader may see another model");
        } else if asks && Some(at) == options_at {
            check_options(value, next.1);
        } else {
            assert_eq!(next.1.get(), value.get(), "the value of {key} changed");
        }
    }
    let added = left.next().map(|(key, value)| (key.as_str(), value.get()));
    assert_eq!(left.next().map(|(key, _)| key), None);
    if added.is_some() {
        assert_eq!(added, Some(("stream_options", "{\"include_usage\":true}")));
        assert!(asks && options_at.is_none());
        assert_eq!(before.0.last().map(|(key, _)| key.as_str()), Some("stream"));
    }
    if want_usage && streams(before) {
        assert!(asks_usage(after), "usage was not asked for");
        assert_eq!(after.0.len(), before.0.len() + usize::from(options_at.is_none()) + usize::from(unnamed));
    }
}

/// The options ask for usage and otherwise say what they said.
fn check_options(before: &RawValue, after: &RawValue) {
    let others = |value| {
        let members = Members::of_value(value).map_or_else(Vec::new, |members| members.0);
        let others = members.into_iter().filter(|(key, _)| key != "include_usage");
        others.map(|(key, value)| (key, value.get().to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(others(before), others(after));
}

/// A body that can go as it came goes as it came.
fn check_needless(edits: &[Edit], before: &Members<'_>, name: &str, want_usage: bool) {
    let named: Vec<_> = before.all("model").map(string).collect();
    let named_well = named == [Some(name.to_owned())];
    let asks = want_usage && streams(before) && !asks_usage(before);
    if named_well && !asks {
        assert_eq!(edits, []);
    }
}
