//! Bedrock's Converse: requests written, answers and errors read.

use crate::golden::{fixture, golden};
use crate::responses::{Lines, about, retold, told};
use paceline_dialect::bedrock::converse_answer::Reader;
use paceline_dialect::bedrock::{converse_request, error};
use paceline_dialect::neutral::event::Event;
use paceline_dialect::neutral::notes::Notes;
use paceline_dialect::{anthropic, openai, responses};
use paceline_types::error::ErrorKind;
use proptest::prelude::*;

const CLAUDE: &str = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
const LLAMA: &str = "meta.llama3-3-70b-instruct-v1:0";

#[test]
fn requests_become_converse() {
    for (short, model) in [("claude", CLAUDE), ("llama", LLAMA), ("nova", "us.amazon.nova-pro-v1:0")] {
        let body = fixture("responses/chat.json");
        let mut notes = Notes::default();
        let ask = openai::read_request::read(body.as_bytes(), &mut notes).unwrap();
        let written = converse_request::write(&ask, model, &mut notes).unwrap();
        golden(&format!("bedrock/golden/chat_to_{short}.txt"), &told(&written, &notes));
        let body = fixture("responses/messages.json");
        let mut notes = Notes::default();
        let ask = anthropic::read_request::read(body.as_bytes(), &mut notes).unwrap();
        let written = converse_request::write(&ask, model, &mut notes).unwrap();
        golden(&format!("bedrock/golden/messages_to_{short}.txt"), &told(&written, &notes));
    }
    let body = fixture("responses/request.json");
    let mut notes = Notes::default();
    let ask = responses::read_request::read(body.as_bytes(), &mut notes).unwrap();
    let written = converse_request::write(&ask, CLAUDE, &mut notes).unwrap();
    golden("bedrock/golden/request_to_claude.txt", &told(&written, &notes));
}

fn written(body: &str, model: &str) -> Result<(String, String), String> {
    let mut notes = Notes::default();
    let ask = openai::read_request::read(body.as_bytes(), &mut notes).unwrap();
    let written = converse_request::write(&ask, model, &mut notes).map_err(|wrong| wrong.field)?;
    Ok((String::from_utf8(written).unwrap(), notes.line()))
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let with = |part: &str| format!(r#"{{"messages":[{{"role":"user","content":[{part}]}}]}}"#);
    for (body, field) in [
        (r#"{"messages":[],"n":2}"#.to_owned(), "n"),
        (with(r#"{"type":"image_url","image_url":{"url":"https://e.example/a.png"}}"#), "image"),
        (with(r#"{"type":"image_url","image_url":{"url":"data:image/bmp;base64,AA"}}"#), "image"),
        (with(r#"{"type":"file","file":{"file_id":"file-1"}}"#), "file"),
        (with(r#"{"type":"file","file":{"file_data":"data:application/zip;base64,AA"}}"#), "file"),
    ] {
        assert_eq!(written(&body, CLAUDE), Err(field.to_owned()), "{body}");
    }
}

#[test]
fn tools_are_there_where_the_conversation_has_calls() {
    let tools = r#""tools":[{"type":"function","function":{"name":"f"}}]"#;
    let called = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"x"}"#;
    let user = r#"{"role":"user","content":"u"}"#;
    let body = |history: &str, rest: &str| format!(r#"{{"messages":[{history}]{rest}}}"#);
    let (text, notes) = written(&body(user, &format!(r#","tool_choice":"none",{tools}"#)), CLAUDE).unwrap();
    assert!(!text.contains("toolConfig") && notes.is_empty(), "{text} {notes}");
    let history = format!("{user},{called}");
    let (text, notes) =
        written(&body(&history, &format!(r#","tool_choice":"none",{tools}"#)), CLAUDE).unwrap();
    assert!(text.contains("toolConfig") && !text.contains("toolChoice"), "{text}");
    assert!(notes.contains("tool_choice left to the model"), "{notes}");
    let (text, notes) = written(&body(&history, ""), CLAUDE).unwrap();
    assert!(text.contains(r#""toolSpec":{"name":"f""#) && notes.contains("tools named"), "{text} {notes}");
    let (text, _) = written(&body(user, &format!(r#","tool_choice":"required",{tools}"#)), LLAMA).unwrap();
    assert!(text.contains(r#""toolChoice":{"any":{}}"#), "{text}");
}

/// Tells `sink` what a stream says.
fn hear(reader: &mut Reader, sink: &mut dyn FnMut(&Event<'_>)) {
    for line in fixture("bedrock/stream.txt").lines() {
        let (kind, payload) = line.split_once(' ').unwrap();
        assert!(reader.read_event(kind, payload.as_bytes(), &mut |event: &Event<'_>| sink(event)), "{line}");
    }
}

#[test]
fn a_stream_becomes_chunks_and_responses() {
    let (mut writer, mut out) = (openai::write_answer::Writer::new(about()), Vec::new());
    hear(&mut Reader::default(), &mut |event| writer.event(event, &mut out));
    golden("bedrock/golden/stream_to_chunks.sse", &String::from_utf8(out).unwrap());
    let (stream, whole) = retold(|sink| hear(&mut Reader::default(), sink));
    golden("bedrock/golden/stream_to_responses.sse", &stream);
    golden("bedrock/golden/stream_to_response.json", &whole);
}

#[test]
fn an_answer_in_one_piece_is_heard() {
    let (mut reader, mut lines) = (Reader::default(), Lines::default());
    assert!(reader.read_document(fixture("bedrock/answer.json").as_bytes(), &mut lines));
    golden("bedrock/golden/answer_events.txt", &lines.0);
    assert!(!Reader::default().read_document(br#"{"message":"x"}"#, &mut lines));
}

#[test]
fn a_stream_ends_once_with_its_metadata() {
    let (mut reader, mut lines) = (Reader::default(), Lines::default());
    assert!(reader.read_event("metadata", b"{}", &mut lines));
    assert!(reader.read_event("messageStop", br#"{"stopReason":"max_tokens"}"#, &mut lines));
    assert!(lines.0.contains("reason: Length") && !lines.0.contains("End"), "{}", lines.0);
    for _ in 0..2 {
        assert!(reader.read_event("metadata", b"{}", &mut lines));
    }
    assert_eq!(lines.0.matches("End").count(), 1, "{}", lines.0);
}

#[test]
fn errors_are_told_by_kind() {
    for (status, header, message, kind) in [
        (400, "ValidationException:http://internal.amazon.com/", "bad", ErrorKind::BadRequest),
        (400, "ValidationException", "Input is too long for requested model.", ErrorKind::ContextTooLong),
        (400, "ValidationException", "The provided model identifier is invalid.", ErrorKind::NotFound),
        (400, "ServiceQuotaExceededException", "", ErrorKind::ProviderAuth),
        (403, "AccessDeniedException", "", ErrorKind::ProviderAuth),
        (403, "InvalidSignatureException", "", ErrorKind::ProviderAuth),
        (403, "ExpiredTokenException", "", ErrorKind::ProviderAuth),
        (404, "ResourceNotFoundException", "", ErrorKind::NotFound),
        (408, "ModelTimeoutException", "", ErrorKind::Timeout),
        (424, "ModelErrorException", "", ErrorKind::ProviderFailed),
        (429, "ThrottlingException", "", ErrorKind::RateLimited),
        (429, "ModelNotReadyException", "", ErrorKind::RateLimited),
        (500, "InternalServerException", "", ErrorKind::ProviderFailed),
        (503, "ServiceUnavailableException", "", ErrorKind::ProviderFailed),
    ] {
        let body = format!(r#"{{"message":"{message}"}}"#);
        let failure = error::read(status, Some(header), body.as_bytes());
        assert_eq!(failure.kind, kind, "{header} {message}");
        assert_eq!(failure.code.as_deref(), header.split(':').next());
        assert_eq!(failure.message.as_deref(), Some(message));
        let typed = format!(r#"{{"__type":"com.amazon.coral.service#{header}","message":"{message}"}}"#);
        assert_eq!(error::read(status, None, typed.as_bytes()).kind, kind, "{header} in the body");
    }
    assert_eq!(error::read(429, None, b"<html>").kind, ErrorKind::RateLimited);
    let mut kinds = Vec::new();
    for name in ["throttlingException", "modelStreamErrorException", "validationException"] {
        Reader::default().exception(name, br#"{"message":"m"}"#, &mut |event: &Event<'_>| {
            if let Event::Failed(failure) = event {
                kinds.push(failure.kind);
            }
        });
    }
    assert_eq!(kinds, [ErrorKind::RateLimited, ErrorKind::ProviderFailed, ErrorKind::BadRequest]);
}

proptest! {
    #[test]
    fn readers_take_any_bytes(data in prop::collection::vec(any::<u8>(), 0..200), kind in 0..6usize) {
        let kinds =
            ["messageStart", "contentBlockStart", "contentBlockDelta", "messageStop", "metadata", "other"];
        let mut lines = Lines::default();
        let mut reader = Reader::default();
        reader.read_event(kinds[kind], &data, &mut lines);
        reader.exception(kinds[kind], &data, &mut lines);
        reader.read_document(&data, &mut lines);
        error::read(400, None, &data);
    }

    /// Blocks in any order and with any index are no harm to what is written of them.
    #[test]
    fn any_order_of_events_is_taken(order in prop::collection::vec(any::<prop::sample::Index>(), 0..24)) {
        let text = fixture("bedrock/stream.txt");
        let events: Vec<&str> = text.lines().collect();
        let mut reader = Reader::default();
        let (stream, _) = retold(|sink| {
            for index in &order {
                let (kind, payload) = index.get(&events).split_once(' ').unwrap();
                reader.read_event(kind, payload.as_bytes(), &mut |event: &Event<'_>| sink(event));
            }
        });
        for event in crate::responses::events_of(&stream) {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&event).is_ok()
                || event.windows(6).any(|part| part == b"\\ud800"));
        }
    }
}
