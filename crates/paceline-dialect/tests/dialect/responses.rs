//! OpenAI's responses: requests across dialects, and answers read and written.

use crate::golden::{fixture, golden};
use paceline_dialect::neutral::about::About;
use paceline_dialect::neutral::collect::Collected;
use paceline_dialect::neutral::event::{Event, Finish, Sink};
use paceline_dialect::neutral::json::Json;
use paceline_dialect::neutral::notes::Notes;
use paceline_dialect::neutral::request::ChatRequest;
use paceline_dialect::openai::write_request::Habits;
use paceline_dialect::responses::read_answer::Reader;
use paceline_dialect::responses::read_request::{needs_provider_state, read};
use paceline_dialect::responses::write_answer::{Writer, document};
use paceline_dialect::responses::{error, write_request};
use paceline_dialect::{anthropic, openai, sse};
use paceline_types::error::ErrorKind;
use paceline_types::record::Dialect;
use proptest::prelude::*;

pub(crate) fn about() -> About {
    About {
        call: "c0".to_owned(),
        model: "asked".to_owned(),
        provider: None,
        created: 1_700_000_000,
        include_usage: true,
    }
}

/// A written request and what did not cross.
pub(crate) fn told(body: &[u8], notes: &Notes) -> String {
    serde_json::from_slice::<&serde_json::value::RawValue>(body).expect("what is written is JSON");
    format!("{}\n--- {}\n", String::from_utf8(body.to_vec()).unwrap(), notes.line().replace("; ", "\n--- "))
}

/// The data of each event of a stream.
pub(crate) fn events_of(stream: &str) -> Vec<Vec<u8>> {
    let (mut rest, mut splitter, mut out) = (stream.as_bytes(), sse::Splitter::default(), Vec::new());
    while let Some(len) = splitter.event_len(rest) {
        out.extend(sse::data(&rest[..len]).map(std::borrow::Cow::into_owned));
        rest = &rest[len..];
    }
    assert!(rest.is_empty(), "all of it is events");
    out
}

/// Keeps what it is told, in lines.
#[derive(Default)]
pub(crate) struct Lines(pub(crate) String);

impl Sink for Lines {
    fn event(&mut self, event: &Event<'_>) {
        self.0.push_str(&format!("{event:?}\n"));
    }
}

fn heard(stream: &str) -> String {
    let (mut reader, mut lines) = (Reader::default(), Lines::default());
    for data in events_of(stream) {
        assert!(reader.read(&data, &mut lines), "{}", String::from_utf8_lossy(&data));
    }
    lines.0
}

#[test]
fn a_request_becomes_one_of_each_other_dialect() {
    let body = fixture("responses/request.json");
    let mut notes = Notes::default();
    let ask = read(body.as_bytes(), &mut notes).unwrap();
    let mut own = notes.clone();
    let written = openai::write_request::write(&ask, "m", Habits::default(), true, &mut own).unwrap();
    golden("responses/golden/request_to_chat.txt", &told(&written, &own));
    let place = anthropic::write_request::Place::Direct("claude");
    let written = anthropic::write_request::write(&ask, place, 1000, &mut notes).unwrap();
    golden("responses/golden/request_to_messages.txt", &told(&written, &notes));
}

#[test]
fn requests_of_other_dialects_become_responses() {
    let write = |ask: &ChatRequest<'_>, notes: &mut Notes| write_request::write(ask, "m-1", notes).unwrap();
    let body = fixture("responses/chat.json");
    let mut notes = Notes::default();
    let ask = openai::read_request::read(body.as_bytes(), &mut notes).unwrap();
    let written = write(&ask, &mut notes);
    golden("responses/golden/chat_to_request.txt", &told(&written, &notes));
    for name in ["messages", "seal"] {
        let body = fixture(&format!("responses/{name}.json"));
        let mut notes = Notes::default();
        let ask = anthropic::read_request::read(body.as_bytes(), &mut notes).unwrap();
        let written = write(&ask, &mut notes);
        golden(&format!("responses/golden/{name}_to_request.txt"), &told(&written, &notes));
    }
}

#[test]
fn input_can_be_a_string_and_what_a_provider_keeps_is_named() {
    let mut notes = Notes::default();
    let ask = read(br#"{"model":"m","input":"Hi","stream":false,"tools":null}"#, &mut notes).unwrap();
    assert_eq!((ask.turns.len(), ask.stream, notes.is_empty()), (1, false, true));
    for (body, field) in [
        (r#"{"previous_response_id":"resp_1"}"#, Some("previous_response_id")),
        (r#"{"input":"a","conversation":{"id":"conv_1"}}"#, Some("conversation")),
        (r#"{"prompt":{"id":"pmpt_1"}}"#, Some("prompt")),
        (r#"{"input":"a","background":true}"#, Some("background")),
        (r#"{"input":"a","background":false,"previous_response_id":null}"#, None),
        ("[", None),
    ] {
        assert_eq!(needs_provider_state(body.as_bytes()), field, "{body}");
        if let Some(field) = field {
            let ask = read(body.as_bytes(), &mut notes).unwrap();
            assert_eq!(ask.extra[0].0, field);
        }
    }
}

#[test]
fn what_is_no_request_is_told_where() {
    for (body, field) in [
        ("[]", "the body"),
        (r#"{"model":"m"}"#, "input"),
        (r#"{"input":[1]}"#, "input[0]"),
        (r#"{"input":[{"type":"item_reference","id":"msg_1"}]}"#, "input[0]"),
        (r#"{"input":[{"role":"user"}]}"#, "input[0].content"),
        (r#"{"input":[{"role":"boss","content":"x"}]}"#, "input[0].role"),
        (r#"{"input":[{"role":"user","content":[{"type":"input_text"}]}]}"#, "input[0].content[0]"),
        (r#"{"input":[{"type":"function_call","call_id":"c"}]}"#, "input[0].name"),
        (r#"{"input":"x","tool_choice":"some"}"#, "tool_choice"),
        (r#"{"input":"x","tools":[{"type":"function"}]}"#, "tools.name"),
        (r#"{"input":"x","text":{"format":{"type":"json_schema"}}}"#, "text.format.schema"),
    ] {
        let wrong = read(body.as_bytes(), &mut Notes::default()).map(|_| ()).unwrap_err();
        assert_eq!(wrong.field, field, "{body}");
    }
}

#[test]
fn an_answer_is_heard_once_whatever_repeats_it() {
    golden("responses/golden/plain_events.txt", &heard(&fixture("responses/plain.sse")));
    golden("responses/golden/tools_events.txt", &heard(&fixture("responses/tools.sse")));
    let mut lines = Lines::default();
    assert!(Reader::default().read_document(fixture("responses/incomplete.json").as_bytes(), &mut lines));
    golden("responses/golden/incomplete_events.txt", &lines.0);
}

/// A server that sends no pieces: what is whole in its last event is told from there.
#[test]
fn a_stream_of_one_event_is_heard() {
    let completed = r#"data: {"type":"response.completed","response":{"id":"r","object":"response","status":"completed","model":"m","output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":1,"output_tokens":2}}}"#;
    let heard = heard(&format!("{completed}\n\n"));
    for part in ["Begin", "Text", "Usage", "reason: Stop", "End"] {
        assert!(heard.contains(part), "{part} in {heard}");
    }
}

#[test]
fn failures_are_told_by_kind() {
    let failed = |code: &str| {
        format!(
            r#"{{"type":"response.failed","response":{{"id":"r","status":"failed","error":{{"code":"{code}","message":"m"}}}}}}"#
        )
    };
    let bare = |code: &str| {
        format!(r#"{{"type":"error","code":"{code}","message":"m","param":null,"sequence_number":3}}"#)
    };
    let nested =
        |code: &str| format!(r#"{{"type":"error","error":{{"type":"t","code":"{code}","message":"m"}}}}"#);
    let alone = |code: &str| format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#);
    for (code, kind) in [
        ("server_error", ErrorKind::ProviderFailed),
        ("rate_limit_exceeded", ErrorKind::RateLimited),
        ("context_length_exceeded", ErrorKind::ContextTooLong),
        ("invalid_prompt", ErrorKind::BadRequest),
        ("bio_policy", ErrorKind::ContentFilter),
        ("insufficient_quota", ErrorKind::ProviderAuth),
        ("something_new", ErrorKind::ProviderFailed),
    ] {
        for event in [failed(code), bare(code), nested(code), alone(code)] {
            let mut found = None;
            let mut sink = |event: &Event<'_>| {
                if let Event::Failed(failure) = event {
                    found = Some(failure.clone());
                }
            };
            assert!(Reader::default().read(event.as_bytes(), &mut sink));
            let found = found.unwrap();
            assert_eq!((found.kind, found.code.as_deref()), (kind, Some(code)), "{event}");
            assert_eq!(found.message.as_deref(), Some("m"));
        }
    }
    let event = String::from_utf8(error::event("Too \"late\"", None, "timeout", 7)).unwrap();
    let wanted =
        r#"{"type":"error","code":"timeout","message":"Too \"late\"","param":null,"sequence_number":7}"#;
    assert_eq!(event, format!("event: error\ndata: {wanted}\n\n"));
}

/// Writes a stream and a document of what `read` tells about each event of a stream.
pub(crate) fn retold(mut read: impl FnMut(&mut dyn FnMut(&Event<'_>))) -> (String, String) {
    let (mut writer, mut collected, mut out) = (Writer::new(about()), Collected::default(), Vec::new());
    read(&mut |event: &Event<'_>| {
        writer.event(event, &mut out);
        collected.event(event);
    });
    let whole = document(&collected, &about());
    (String::from_utf8(out).unwrap(), String::from_utf8(whole).unwrap() + "\n")
}

/// Events are numbered in a row, and what they add up to is what the last of them holds.
fn is_sound(stream: &str, whole: &str) {
    let mut done = Vec::new();
    for (number, data) in events_of(stream).iter().enumerate() {
        let text = std::str::from_utf8(data).unwrap();
        assert!(text.contains(&format!("\"sequence_number\":{number},")), "{number}: {text}");
        if text.starts_with("{\"type\":\"response.output_item.done\"") {
            let at = text.find("\"item\":").unwrap() + 7;
            done.push(text[at..text.len() - 1].to_owned());
        }
    }
    let output = format!("\"output\":[{}]", done.join(","));
    assert!(stream.contains(&output), "the last event holds every item");
    assert!(!whole.contains("in_progress"));
}

#[test]
fn chunks_become_responses() {
    for name in ["chunks", "declined"] {
        let mut answer = paceline_dialect::translate::Answer::new(Dialect::OpenAi, false);
        let text = fixture(&format!("responses/{name}.sse"));
        let (stream, whole) = retold(|sink| {
            for event in text.split_inclusive("\n\n") {
                answer.read(event.as_bytes(), &mut |event: &Event<'_>| sink(event));
            }
        });
        is_sound(&stream, &whole);
        golden(&format!("responses/golden/{name}_to_events.sse"), &stream);
        golden(&format!("responses/golden/{name}_to_document.json"), &whole);
    }
}

#[test]
fn messages_become_responses() {
    let mut reader = anthropic::read_answer::Reader::default();
    let text = fixture("responses/messages.sse");
    let (stream, whole) = retold(|sink| {
        for data in events_of(&text) {
            assert!(reader.read(&data, &mut |event: &Event<'_>| sink(event)));
        }
    });
    is_sound(&stream, &whole);
    golden("responses/golden/messages_to_events.sse", &stream);
    golden("responses/golden/messages_to_document.json", &whole);
}

/// An answer that could not be completed is no success, and what was said of it stays; a seal says whose it is.
#[test]
fn an_answer_that_failed_at_its_end_is_told_as_failed() {
    let told = |sink: &mut dyn FnMut(&Event<'_>)| {
        sink(&Event::Reasoning { choice: 0, text: Json::known("\"T\"") });
        sink(&Event::Signature { choice: 0, signature: Json::known("\"s\"") });
        sink(&Event::Text { choice: 0, text: Json::known("\"Half\"") });
        sink(&Event::Finish { choice: 0, reason: Finish::Failed, stop: None });
        sink(&Event::End);
    };
    let about = About { provider: Some(Dialect::Gemini), ..about() };
    let (mut writer, mut collected, mut out) = (Writer::new(about.clone()), Collected::default(), Vec::new());
    told(&mut |event| {
        writer.event(event, &mut out);
        collected.event(event);
    });
    let (stream, whole) = (String::from_utf8(out).unwrap(), document(&collected, &about));
    is_sound(&stream, "");
    let whole = String::from_utf8(whole).unwrap();
    assert!(stream.contains("event: response.failed\n"), "{stream}");
    assert!(whole.contains(r#""status":"failed""#) && whole.contains("Half"), "{whole}");
    assert!(whole.contains(r#""encrypted_content":"gemini#s""#) && stream.contains("gemini#s"));
    let mut lines = Lines::default();
    assert!(Reader::default().read_document(whole.as_bytes(), &mut lines));
    assert!(lines.0.contains("Failed(") && !lines.0.contains("End"), "{}", lines.0);
}

/// What is written is heard again as it was: no text is changed, no call is mixed with another.
#[test]
fn what_is_written_is_heard_again() {
    for name in ["plain", "tools"] {
        let text = fixture(&format!("responses/{name}.sse"));
        let mut reader = Reader::default();
        let (stream, whole) = retold(|sink| {
            for data in events_of(&text) {
                reader.read(&data, &mut |event: &Event<'_>| sink(event));
            }
        });
        is_sound(&stream, &whole);
        let mut again = Reader::default();
        let (stream_again, whole_again) = retold(|sink| {
            for data in events_of(&stream) {
                assert!(again.read(&data, &mut |event: &Event<'_>| sink(event)));
            }
        });
        assert_eq!(whole, whole_again);
        let mut from_whole = Reader::default();
        let (_, of_whole) = retold(|sink| {
            assert!(from_whole.read_document(whole.as_bytes(), &mut |event: &Event<'_>| sink(event)));
        });
        assert_eq!(whole, of_whole);
        assert!(stream_again.contains("response.completed"));
    }
}

/// Pieces of an answer, some of them wrong, in any order.
pub(crate) fn bits() -> impl Strategy<Value = String> {
    let kinds = vec![
        "response.created",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "response.output_text.done",
        "response.refusal.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_part.added",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "error",
    ];
    let bodies = vec![
        r#""delta":"a""#,
        r#""delta":"{\"x\":1}""#,
        r#""delta":{"a":1},"item":7"#,
        r#""text":"whole","refusal":"no","arguments":"{}""#,
        r#""item":{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}"#,
        r#""item":{"type":"message","content":[{"type":"output_text","text":"t"},{"refusal":"r"},3]}"#,
        r#""item":{"type":"reasoning","summary":[{"text":"s"}],"encrypted_content":"e"}"#,
        r#""response":{"id":"r","status":"completed","output":[{"type":"message","content":"x"}],"usage":{}}"#,
        r#""response":[],"error":"e""#,
        r#""output_index":-1"#,
    ];
    let event = (prop::sample::select(kinds), prop::sample::select(bodies), 0..3u8);
    event.prop_map(|(kind, body, index)| {
        format!("{{\"type\":\"{kind}\",\"output_index\":{index},\"content_index\":0,{body}}}")
    })
}

proptest! {
    #[test]
    fn readers_take_any_bytes(data in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut lines = Lines::default();
        Reader::default().read(&data, &mut lines);
        Reader::default().read_document(&data, &mut lines);
        let _ = read(&data, &mut Notes::default());
        let _ = needs_provider_state(&data);
    }

    /// Whatever a provider sends, the stream that is written of it is sound.
    #[test]
    fn what_is_written_is_sound(events in prop::collection::vec(bits(), 0..12)) {
        let mut reader = Reader::default();
        let (stream, whole) = retold(|sink| {
            for event in &events {
                reader.read(event.as_bytes(), &mut |event: &Event<'_>| sink(event));
            }
            sink(&Event::End);
        });
        let last = events_of(&stream).pop().unwrap();
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&last).is_ok());
        prop_assert!(serde_json::from_str::<serde_json::Value>(&whole).is_ok());
        for data in events_of(&stream) {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&data).is_ok());
        }
    }

    /// Cut anywhere, the same is heard.
    #[test]
    fn any_cut_hears_the_same(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let text = fixture("responses/tools.sse");
        let wanted = heard(&text);
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len())).collect();
        places.extend([0, text.len()]);
        places.sort_unstable();
        let (mut buffer, mut splitter) = (Vec::new(), sse::Splitter::default());
        let (mut reader, mut lines) = (Reader::default(), Lines::default());
        for pair in places.windows(2) {
            buffer.extend_from_slice(&text.as_bytes()[pair[0]..pair[1]]);
            while let Some(len) = splitter.event_len(&buffer) {
                let event: Vec<u8> = buffer.drain(..len).collect();
                reader.read(&sse::data(&event).unwrap(), &mut lines);
            }
        }
        prop_assert_eq!(lines.0, wanted);
    }
}
