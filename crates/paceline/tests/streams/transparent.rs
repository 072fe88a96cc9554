//! What a stream says is what the provider said, to the byte, but for the usage chunk that we asked for.

use crate::support::{Canned, House, ask, ask_with, chat, chat_raw, undated};
use serde_json::{Value, json};

/// All events but the usage chunk.
fn without_usage(text: &str) -> String {
    let end = if text.contains("\r\n") { "\r\n\r\n" } else { "\n\n" };
    let events = text.split_inclusive(end);
    events.filter(|event| !event.contains(r#""choices":[],"#)).collect()
}

/// Asks the provider itself and through Paceline; what Paceline says must be what the provider said.
async fn same(house: &House, fault: &str, body: &Value) {
    let mut asked = body.clone();
    asked["model"] = json!("sim/instant");
    asked["stream_options"]["include_usage"] = json!(true);
    let direct = house.direct(&chat(fault, &asked)).await;
    let (reply, record) = house.call(&chat(fault, body)).await;
    let said = undated(&direct.body);
    let (wanted, keeps) = match body["stream_options"]["include_usage"].as_bool() {
        Some(true) => (said.clone(), true),
        _ => (without_usage(&said), false),
    };
    assert_eq!(undated(&reply.body), wanted, "{fault} {body}");
    assert!(reply.whole && reply.is_done(), "{fault} {body}");
    assert_eq!(reply.header("content-type"), direct.header("content-type"));
    assert!(
        keeps || wanted.len() < said.len() || fault.contains("usage"),
        "a usage chunk was taken out: {fault}"
    );
    let sent = house.sim.calls(0).pop().unwrap();
    assert_eq!(sent.bytes_sent as usize, direct.body.len(), "{fault}");
    assert_eq!((&record["status"], &record["error_kind"]), (&json!("ok"), &Value::Null), "{fault} {body}");
    assert_eq!(record["finish_reason"].as_str(), sent.finish.as_deref(), "{fault} {body}");
    assert_eq!(record["usage"]["source"], "reported", "{fault} {body}");
    let reported = sent.usage.unwrap();
    assert_eq!(record["usage"]["output_tokens"], reported["completion_tokens"], "{fault} {body}");
    assert_eq!(record["usage"]["input_tokens"], reported["prompt_tokens"], "{fault} {body}");
}

#[tokio::test]
async fn every_form_of_a_stream_passes_as_it_is() {
    let house = House::new();
    for fault in [
        "",
        "crlf",
        "comments",
        "bom",
        "chunk=1",
        "chunk=7,crlf",
        "unicode,chunk=1",
        "bom,crlf,comments,unicode,chunk=3",
        "event-bytes=1048576",
        "event-bytes=100000,chunk=1000",
        "usage-with-finish",
        "done-tight",
        "done-twice",
        "tokens=300",
        "tokens=0",
        "no-finish",
        "cost=0.25",
        "close",
        "slow-start=20",
    ] {
        same(&house, fault, &ask(true)).await;
    }
}

#[tokio::test]
async fn what_the_caller_asks_for_comes_back_unchanged() {
    let house = House::new();
    let tool = |name: &str| {
        json!({"type": "function", "function": {"name": name, "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}})
    };
    for more in [
        json!({"n": 3}),
        json!({"tools": [tool("weather"), tool("time")], "tool_choice": "required"}),
        json!({"tools": [tool("weather"), tool("time")], "n": 2,
               "messages": [{"role": "user", "content": "use the tools"}]}),
        json!({"logprobs": true, "top_logprobs": 3}),
        json!({"response_format": {"type": "json_object"}}),
        json!({"stream_options": {"include_usage": true}}),
        json!({"stream_options": {"include_usage": true}, "n": 2}),
        json!({"stream_options": {"include_usage": false}}),
        json!({"stream_options": {"include_obfuscation": true}}),
        json!({"max_tokens": 3}),
    ] {
        same(&house, "chunk=11", &ask_with(true, &more)).await;
    }
}

#[tokio::test]
async fn requests_reach_the_provider_as_they_were_written() {
    let house = House::new();
    let odd = "\"seed\" : 7, \"x_big\":123456789012345678901234567890,\n\t\"x\":{\"k\":1,\"k\":2.50},\"text\":\"a\u{2028}\\u0041\\/é\"";
    let messages = "\"messages\" :[{\"content\":\"hi\",\"role\":\"user\"}]";
    let asks = "\"stream_options\":{\"include_usage\":true}";
    let cases = [
        (
            format!("{{ \"model\" : \"instant\" , \"stream\":true , {odd}, {messages} }}\n"),
            format!("{{ \"model\" : \"sim/instant\" , \"stream\":true,{asks} , {odd}, {messages} }}\n"),
        ),
        (
            format!("{{{messages},{odd},\"stream_options\":{{ }},\"stream\":true,\"model\":\"instant\"}}"),
            format!(
                "{{{messages},{odd},\"stream_options\":{{\"include_usage\":true }},\"stream\":true,\"model\":\"sim/instant\"}}"
            ),
        ),
        (
            format!(
                "{{{messages},\"stream_options\":{{\"a\":[1]}},\"stream\":true,\"model\":\"\\u0069nstant\"}}"
            ),
            format!(
                "{{{messages},\"stream_options\":{{\"include_usage\":true,\"a\":[1]}},\"stream\":true,\"model\":\"sim/instant\"}}"
            ),
        ),
        (
            format!(
                "{{\"model\":\"other\",{messages},\"stream_options\":null,\"stream\":true,\"model\":\"instant\"}}"
            ),
            format!(
                "{{\"model\":\"sim/instant\",{messages},{asks},\"stream\":true,\"model\":\"sim/instant\"}}"
            ),
        ),
        (
            format!("{{{messages},{asks},\"stream\":true,\"model\":\"instant\"}}"),
            format!("{{{messages},{asks},\"stream\":true,\"model\":\"sim/instant\"}}"),
        ),
        (
            format!("{{{messages},\"stream\":false,\"model\":\"instant\"}}"),
            format!("{{{messages},\"stream\":false,\"model\":\"sim/instant\"}}"),
        ),
        // Where the provider knows the model by the same name, nothing is left to change.
        (
            format!("{{{messages},{asks},\"stream\":true,\"model\":\"smart\"}}"),
            format!("{{{messages},{asks},\"stream\":true,\"model\":\"smart\"}}"),
        ),
    ];
    for (at, (body, wanted)) in cases.into_iter().enumerate() {
        let reply = house.send(&chat_raw("burst", body)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(house.sim.calls(at as u64)[0].body.as_deref(), Some(wanted.as_str()), "case {at}");
    }
}

#[tokio::test]
async fn strange_but_legal_events_pass() {
    let chunk = r#"{"id":"1","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#;
    let stream = format!(
        "event: x\rid: 7\rdata: {{\"choices\":\rdata: []}}\r\rretry: 5\n\ndata:\n\n: \u{2028} data: [DONE]\n\n\
         data: {chunk}\n\ndata: {chunk}\r\n\r\ndata: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\n\
         data: [DONE]\n\n: bye\n\n"
    );
    let answer =
        format!("HTTP/1.1 200 OK\r\ncontent-type: Text/Event-Stream\r\nset-cookie: a=b\r\n\r\n{stream}");
    let provider = Canned::new(&[answer.as_bytes()]).await;
    let house = House::with(&provider.config(""), &[]);
    let (reply, record) = house.call(&chat("", &ask(true))).await;
    assert_eq!(reply.text(), stream);
    assert_eq!(reply.header("set-cookie"), None);
    assert_eq!((&record["status"], &record["finish_reason"]), (&json!("ok"), &json!("stop")));
}
