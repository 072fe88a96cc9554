//! Whatever is told, what writers write is a stream of their dialect; and however a stream is cut, readers read the same.

use crate::answers;
use crate::dialects::{CALLERS, PROVIDERS, about, framed};
use crate::golden::files;
use crate::made_up::answer;
use crate::matrix::assert_json;
use paceline_dialect::neutral::collect::Collected;
use paceline_dialect::neutral::event::{Event, Finish, Sink};
use paceline_dialect::neutral::json::Json;
use paceline_dialect::sse::{self, Splitter};
use paceline_dialect::translate::{self, Framing, Writer};
use paceline_types::record::Dialect;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The events of what a writer wrote: name and data. Nothing is left over, and each holds one JSON value or the mark.
fn written(caller: Dialect, events: &[Event<'_>]) -> Vec<(String, String)> {
    let (mut writer, mut out) = (Writer::new(caller, about(Dialect::Gemini)), Vec::new());
    for event in events {
        writer.event(event, &mut out);
    }
    let (mut splitter, mut rest, mut all) = (Splitter::default(), out.as_slice(), Vec::new());
    while let Some(len) = splitter.event_len(rest) {
        let (event, after) = rest.split_at(len);
        rest = after;
        let data = sse::data(event).expect("every event has data");
        if *data != *b"[DONE]" {
            assert_json(&data);
        }
        let text = std::str::from_utf8(event).unwrap();
        let name = text.lines().find_map(|line| line.strip_prefix("event: ")).unwrap_or_default();
        all.push((name.to_owned(), String::from_utf8(data.into_owned()).unwrap()));
    }
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(rest));
    all
}

fn member<'a>(json: &Json<'a>, path: &[&str]) -> Option<Json<'a>> {
    path.iter().try_fold(json.clone(), |json, key| json.member(key))
}

fn number(json: &Json<'_>, path: &[&str]) -> u64 {
    member(json, path)
        .and_then(|json| json.unsigned())
        .unwrap_or_else(|| panic!("{path:?} in {}", json.get()))
}

/// What was said to whom: by choice, kind and number of the tool; the insides of strings, one after the other.
type Said = BTreeMap<(u64, &'static str, u64), String>;

fn say(said: &mut Said, key: (u64, &'static str, u64), text: &str) {
    if !text.is_empty() {
        said.entry(key).or_default().push_str(text);
    }
}

/// What a caller has to hear of `events`: pieces for tools that were called, and all text. Only the first choice if `alone`.
fn to_be_heard(events: &[Event<'_>], alone: bool) -> Said {
    let (mut said, mut called) = (Said::new(), Vec::new());
    for event in events {
        let (key, text) = match event {
            Event::Text { choice, text } | Event::Refusal { choice, text } => ((*choice, "text", 0), text),
            Event::Reasoning { choice, text } => ((*choice, "thought", 0), text),
            Event::ToolCall { choice, tool, .. } => {
                called.push((*choice, *tool));
                continue;
            }
            Event::ToolInput { choice, tool, piece } if called.contains(&(*choice, *tool)) => {
                ((*choice, "input", u64::from(*tool)), piece)
            }
            _ => continue,
        };
        if !alone || key.0 == 0 {
            say(&mut said, (u64::from(key.0), key.1, key.2), text.inner());
        }
    }
    said
}

fn failed(events: &[Event<'_>]) -> bool {
    let last = events.iter().rev().find_map(|event| match event {
        Event::Finish { choice: 0, reason, .. } => Some(*reason),
        _ => None,
    });
    last == Some(Finish::Failed)
}

/// The rules of Anthropic's streams.
fn check_anthropic(events: &[Event<'_>]) {
    let all = written(Dialect::Anthropic, events);
    let (mut said, mut open, mut next, mut tools) = (Said::new(), None, 0, 0);
    for (at, (name, data)) in all.iter().enumerate() {
        let json = Json::known(data.as_str());
        assert_eq!(member(&json, &["type"]).unwrap().inner(), name, "the event's name is its type");
        assert_eq!(at == 0, name == "message_start" || (failed(events) && all.len() == 1), "{name} at {at}");
        match name.as_str() {
            "message_start" => {}
            "content_block_start" => {
                assert_eq!((open, number(&json, &["index"])), (None, next));
                let kind = member(&json, &["content_block", "type"]).unwrap().inner().to_owned();
                tools += u64::from(kind == "tool_use");
                open = Some(match kind.as_str() {
                    "text" => "text",
                    "thinking" => "thought",
                    "tool_use" => "input",
                    "redacted_thinking" => "sealed",
                    _ => panic!("{kind}"),
                });
            }
            "content_block_delta" => {
                assert_eq!(number(&json, &["index"]), next);
                let kind = member(&json, &["delta", "type"]).unwrap();
                let (block, key) = match kind.inner() {
                    "text_delta" => ("text", "text"),
                    "citations_delta" => ("text", "citation"),
                    "thinking_delta" => ("thought", "thinking"),
                    "signature_delta" => ("thought", "signature"),
                    "input_json_delta" => ("input", "partial_json"),
                    other => panic!("{other}"),
                };
                assert_eq!(open, Some(block), "{data}");
                if matches!(key, "text" | "thinking" | "partial_json") {
                    let tool = if block == "input" { tools - 1 } else { 0 };
                    say(&mut said, (0, block, tool), member(&json, &["delta", key]).unwrap().inner());
                }
            }
            "content_block_stop" => {
                assert!(open.take().is_some() && number(&json, &["index"]) == next, "{data}");
                next += 1;
            }
            "message_delta" => assert!(open.is_none() && at == all.len() - 2, "before the last"),
            "message_stop" => assert!(at == all.len() - 1 && all[at - 1].0 == "message_delta"),
            "error" => assert!(open.is_none() && failed(events) && at == all.len() - 1),
            other => panic!("{other}"),
        }
    }
    assert_eq!(all.last().unwrap().0, if failed(events) { "error" } else { "message_stop" });
    let wanted = to_be_heard(events, true);
    assert!(said.keys().all(|key| wanted.contains_key(key)), "{said:?}");
    for (key, text) in &wanted {
        let heard = said.get(key).map_or("", String::as_str);
        // Of what is no object, what comes after something else was said may be lost.
        let is_lost = key.1 == "input" && text.starts_with(heard) && !is_object(text);
        // Nor is white space missed that follows a whole object.
        let is_said = key.1 == "input" && is_object(heard) && text.strip_prefix(heard).is_some_and(is_blank);
        assert!(heard == text || is_lost || is_said, "{key:?}: {heard} of {text}");
    }
}

/// Whether the inside of a string is white space alone.
fn is_blank(inner: &str) -> bool {
    ["\\n", "\\r", "\\t"]
        .iter()
        .fold(inner.to_owned(), |rest, blank| rest.replace(blank, ""))
        .trim()
        .is_empty()
}

/// Whether the inside of a string is an object's JSON.
fn is_object(inner: &str) -> bool {
    Json::known(format!("\"{inner}\"")).unquoted().is_some_and(|value| value.is_object())
}

/// The rules of OpenAI's streams.
fn check_openai(events: &[Event<'_>]) {
    let all = written(Dialect::OpenAi, events);
    let (mut said, mut ended, mut begun) = (Said::new(), Vec::new(), Vec::new());
    let mut silent: Vec<(u64, u64)> = Vec::new();
    for (at, (_, data)) in all.iter().enumerate() {
        assert_eq!(data == "[DONE]", at == all.len() - 1, "{data}");
        let json = Json::known(data.as_str());
        let Some(choices) = member(&json, &["choices"]).and_then(|list| list.split()) else { continue };
        if choices.is_empty() {
            assert!(at == all.len() - 2 && member(&json, &["usage"]).is_some(), "usage comes last");
        }
        for choice in choices {
            let index = number(&choice, &["index"]);
            assert!(!ended.contains(&index), "nothing of a choice follows its end: {data}");
            let is_first = !begun.contains(&index);
            assert_eq!(member(&choice, &["delta", "role"]).is_some(), is_first, "{data}");
            begun.push(index);
            for (key, kind) in [("content", "text"), ("refusal", "text"), ("reasoning_content", "thought")] {
                let text = member(&choice, &["delta", key]);
                say(&mut said, (index, kind, 0), text.as_ref().map_or("", Json::inner));
            }
            for call in
                member(&choice, &["delta", "tool_calls"]).and_then(|list| list.split()).unwrap_or_default()
            {
                let tool = number(&call, &["index"]);
                let text = member(&call, &["function", "arguments"]).unwrap();
                if member(&call, &["id"]).is_some() {
                    silent.push((index, tool));
                }
                say(&mut said, (index, "input", tool), text.inner());
            }
            ended.extend(member(&choice, &["finish_reason"]).map(|_| index));
        }
    }
    begun.sort_unstable();
    begun.dedup();
    ended.sort_unstable();
    assert_eq!(ended, begun, "each choice ends once");
    let mut wanted = to_be_heard(events, false);
    // A tool that is given nothing is given an empty object.
    for (choice, tool) in silent {
        let key = (choice, "input", tool);
        if !wanted.contains_key(&key) && said.get(&key).is_some_and(|text| text == "{}") {
            wanted.insert(key, "{}".to_owned());
        }
    }
    assert_eq!(said, wanted, "all that was told is heard");
}

/// The rules of Gemini's streams.
fn check_gemini(events: &[Event<'_>]) {
    let all = written(Dialect::Gemini, events);
    let (mut said, mut ended) = (Said::new(), Vec::new());
    for (at, (_, data)) in all.iter().enumerate() {
        let json = Json::known(data.as_str());
        for candidate in member(&json, &["candidates"]).and_then(|list| list.split()).unwrap() {
            let index = number(&candidate, &["index"]);
            if member(&candidate, &["finishReason"]).is_some() {
                assert!(at == all.len() - 1 && !ended.contains(&index), "each ends once, and last: {data}");
                ended.push(index);
            }
            for part in
                member(&candidate, &["content", "parts"]).and_then(|parts| parts.split()).unwrap_or_default()
            {
                let thought = part.member("thought").is_some();
                let text = part.member("text");
                let kind = if thought { "thought" } else { "text" };
                say(&mut said, (index, kind, 0), text.as_ref().map_or("", Json::inner));
                if let Some(call) = part.member("functionCall") {
                    assert!(call.member("args").unwrap().is_object() && call.member("id").is_some());
                }
            }
        }
    }
    assert!(!ended.is_empty());
    let mut wanted = to_be_heard(events, false);
    wanted.retain(|(_, kind, _), _| *kind != "input");
    assert_eq!(said, wanted, "all that was told is heard");
}

/// All that is heard of a stream that comes in `pieces`.
fn heard<'a>(provider: Dialect, pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let pieces: Vec<&[u8]> = pieces.into_iter().collect();
    answers::heard(provider, &pieces, &mut |_: &Event<'_>| {})
}

fn streams() -> Vec<(Dialect, Vec<u8>)> {
    let of = |(name, provider): &(&str, Dialect)| {
        let files = files(&format!("matrix/streams/{name}"), "jsonl").into_iter();
        files.map(|file| (*provider, framed(*provider, &file).concat())).collect::<Vec<_>>()
    };
    PROVIDERS.iter().flat_map(of).collect()
}

#[test]
fn a_stream_in_two_pieces_says_the_same_wherever_it_is_cut() {
    for (provider, stream) in streams() {
        let whole = heard(provider, [stream.as_slice()]);
        assert_eq!(heard(provider, stream.chunks(1)), whole, "byte by byte");
        for at in 0..stream.len() {
            let (head, tail) = stream.split_at(at);
            assert_eq!(heard(provider, [head, tail]), whole, "cut at {at}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_and_any_line_end_say_the_same(
        which in 0..streams().len(),
        end in prop::sample::select(&["\n", "\r\n", "\r"][..]),
        cuts in prop::collection::vec(0usize..90, 0..40),
    ) {
        let (provider, stream) = streams().swap_remove(which);
        let (plain, stream) = match String::from_utf8(stream.clone()) {
            Ok(text) if Framing::of(provider).is_sse() => {
                let plain = text.replace("\r\n", "\n");
                (plain.clone().into_bytes(), plain.replace('\n', end).into_bytes())
            }
            _ => (stream.clone(), stream),
        };
        let (mut pieces, mut rest) = (Vec::new(), stream.as_slice());
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        prop_assert_eq!(heard(provider, pieces), heard(provider, [plain.as_slice()]));
    }

    #[test]
    fn whatever_is_told_is_a_stream_of_anthropics(events in answer()) {
        check_anthropic(&events);
    }

    #[test]
    fn whatever_is_told_is_a_stream_of_openais(events in answer()) {
        check_openai(&events);
    }

    #[test]
    fn whatever_is_told_is_a_stream_of_geminis(events in answer()) {
        check_gemini(&events);
    }

    #[test]
    fn whatever_is_told_is_json_in_one_piece(events in answer()) {
        let mut whole = Collected::default();
        for event in &events {
            whole.event(event);
        }
        for (_, caller) in CALLERS {
            assert_json(&translate::document(*caller, &whole, &about(Dialect::Anthropic)));
        }
    }
}
