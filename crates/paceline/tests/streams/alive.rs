//! A provider that is only still there keeps translated streams alive too.

use crate::support::{Ask, House};
use serde_json::json;

#[tokio::test]
async fn comments_become_what_each_caller_knows() {
    let house = House::new();
    let turns = json!([{"role": "user", "content": "hi"}]);
    let fault = ("x-sim-fault", "comments,tokens=3,burst");
    let messages = json!({"model": "sim/instant", "max_tokens": 9, "stream": true, "messages": turns});
    let ask = Ask::post("/v1/messages", messages.to_string()).header(fault.0, fault.1);
    let (reply, record) = house.call(&ask.header("content-type", "application/json")).await;
    let text = reply.text();
    assert!(text.contains("event: ping\ndata: {\"type\":\"ping\"}\n\n"), "{text}");
    assert!(
        !text.contains("keep-alive") && text.ends_with("data: {\"type\":\"message_stop\"}\n\n"),
        "{text}"
    );
    assert_eq!((&record["status"], &record["dialect"]), (&json!("ok"), &json!("anthropic")));

    let body = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    let path = "/v1beta/models/sim/instant:streamGenerateContent?alt=sse";
    let ask = Ask::post(path, body.to_string()).header(fault.0, fault.1);
    let (reply, _) = house.call(&ask.header("content-type", "application/json")).await;
    let events = reply.text();
    assert!(
        events.split("\r\n\r\n").all(|event| event.is_empty() || event.starts_with("data: {")),
        "{events}"
    );
}
