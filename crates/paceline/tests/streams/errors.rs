//! An error inside a 200 stream is an error, for the caller and in the record; so is what is no stream at all.

use crate::support::house::received;
use crate::support::{Canned, House, ask, chat, undated};
use serde_json::{Value, json};

fn outcome(record: &Value) -> (String, String, u64) {
    let text = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
    (text("status"), text("error_kind"), record["http_status"].as_u64().unwrap_or(0))
}

#[tokio::test]
async fn an_error_as_the_first_event() {
    let house = House::new();
    for fault in ["error-first", "vllm-error", "error-first,code=rate_limit_exceeded"] {
        let (reply, record) = house.call(&chat(fault, &ask(true))).await;
        assert!(!reply.is_done(), "{fault}");
        assert_eq!(reply.error_events().len(), 1, "{fault}: told once: {}", reply.text());
        let kind = if fault.contains("rate") { "rate_limited" } else { "provider_failed" };
        let (status, found, _) = outcome(&record);
        assert_eq!((status.as_str(), found.as_str()), ("error", kind), "{fault}");
        assert_eq!(record["attempts"][0]["error_kind"], kind, "{fault}");
    }
}

#[tokio::test]
async fn an_error_later_in_the_stream() {
    let house = House::new();
    for fault in ["error-after=3", "error-after=3,vllm-error", "error-after=1,crlf,comments"] {
        let (reply, record) = house.call(&chat(fault, &ask(true))).await;
        assert!(!reply.is_done() && reply.whole, "{fault}");
        assert_eq!(reply.error_events().len(), 1, "{fault}: told once: {}", reply.text());
        assert_eq!(outcome(&record), ("partial".into(), "provider_failed".into(), 200), "{fault}");
        let sent = house.sim.calls(0).pop().unwrap();
        assert_eq!(reply.events().len() as u64, sent.events_sent, "{fault}: all it said was passed on");
        assert!(record["usage"]["output_tokens"].as_u64().unwrap() > 0, "{fault}");
    }
}

#[tokio::test]
async fn a_done_mark_after_an_error_makes_no_success() {
    let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"error\":{\"message\":\"boom\",\"code\":500}}\n\ndata: [DONE]\n\n";
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{stream}");
    let provider = Canned::new(&[answer.as_bytes()]).await;
    let house = House::with(&provider.config(""), &[]);
    let (reply, record) = house.call(&chat("", &ask(true))).await;
    assert_eq!(reply.text(), stream, "the provider's own words, and none of ours");
    assert_eq!(outcome(&record), ("partial".into(), "provider_failed".into(), 200));
}

#[tokio::test]
async fn garbage_where_a_stream_should_be() {
    let house = House::new();
    for fault in ["body=garbage", "body=empty"] {
        let (reply, record) = house.call(&chat(fault, &ask(true))).await;
        assert_eq!(reply.refusal(), (502, "provider_garbage".into()), "{fault}");
        assert_eq!(outcome(&record), ("error".into(), "garbage".into(), 502), "{fault}");
    }
    let (reply, record) = house.call(&chat("body=error", &ask(true))).await;
    assert_eq!(reply.status, 502);
    assert!(reply.json()["error"]["message"].is_string());
    assert_eq!(outcome(&record), ("error".into(), "provider_failed".into(), 502));
}

#[tokio::test]
async fn garbage_inside_a_stream() {
    let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {broken\n\ndata: [DONE]\n\n";
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{stream}");
    let provider = Canned::new(&[answer.as_bytes()]).await;
    let house = House::with(&provider.config(""), &[]);
    let (_, record) = house.call(&chat("", &ask(true))).await;
    assert_eq!(outcome(&record), ("partial".into(), "garbage".into(), 200));
}

#[tokio::test]
async fn a_whole_answer_to_a_request_for_a_stream_is_an_answer() {
    let house = House::new();
    let (reply, record) = house.call(&chat("json-answer", &ask(true))).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert_eq!(reply.json()["object"], "chat.completion");
    assert_eq!(outcome(&record), ("ok".into(), "-".into(), 200));
    assert_eq!(record["usage"]["source"], "reported");
}

#[tokio::test]
async fn a_packed_answer_that_nobody_asked_for_reaches_the_caller_plain() {
    let house = House::new();
    for (fault, stream) in [("", true), ("chunk=1", true), ("tokens=500,chunk=9", true), ("", false)] {
        let plain = house.send(&chat(fault, &ask(stream))).await;
        let (reply, record) = house.call(&chat(&format!("gzip,{fault}"), &ask(stream))).await;
        let sent = house.sim.calls(0).pop().unwrap();
        assert_eq!(received(&sent, "accept-encoding"), Some("identity"), "it was not asked for");
        assert_eq!(undated(&reply.body), undated(&plain.body), "{fault} stream={stream}");
        assert_eq!(reply.header("content-encoding"), None);
        assert_eq!(outcome(&record), ("ok".into(), "-".into(), 200), "{fault} stream={stream}");
        assert_eq!(record["usage"]["source"], "reported", "{fault} stream={stream}");
    }
    let (reply, record) = house.call(&chat("gzip,cut-at-byte=400", &ask(true))).await;
    assert_eq!((reply.is_done(), reply.error_events().len()), (false, 1), "{}", reply.text());
    assert_eq!(outcome(&record), ("partial".into(), "truncated".into(), 200));
    let (reply, record) = house.call(&chat("gzip,cut-at-byte=400", &ask(false))).await;
    assert_eq!((reply.status, outcome(&record).1.as_str()), (502, "truncated"));
}

#[tokio::test]
async fn a_packed_error_is_understood_like_a_plain_one() {
    let house = House::new();
    for (fault, kind) in [
        ("status=429,code=insufficient_quota", "provider_auth"),
        ("status=400,code=context_length_exceeded", "context_too_long"),
    ] {
        let (reply, record) = house.call(&chat(&format!("gzip,{fault}"), &ask(false))).await;
        assert_eq!(record["error_kind"], kind, "{fault}");
        assert_eq!(reply.header("content-encoding"), None, "{fault}");
        assert!(!reply.error().1.is_empty());
    }
}

#[tokio::test]
async fn no_key_of_ours_leaves_in_an_error_event() {
    let key = crate::support::house::PROVIDER_KEY;
    let event = json!({"error": {"message": format!("Incorrect API key provided: {key}."), "code": 401}});
    let content = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    for before in ["", content] {
        let answer =
            format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{before}data: {event}\n\n");
        let provider = Canned::new(&[answer.as_bytes()]).await;
        let house = House::with(&provider.config(""), &[]);
        let reply = house.send(&chat("", &ask(true))).await;
        assert!(!reply.text().contains(key), "{}", reply.text());
        assert!(!reply.error_events().is_empty());
    }
}
