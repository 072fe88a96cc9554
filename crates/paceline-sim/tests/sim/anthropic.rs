//! Anthropic's dialect: messages whole and streamed, tools, thoughts, caching, refusals.

use crate::client::{Answer, Sim};
use serde_json::{Value, json};

fn body(extra: Value) -> Value {
    let mut body = json!({"model": "sim/instant", "max_tokens": 4000, "messages": [
        {"role": "user", "content": "how are you"}]});
    let Value::Object(extra) = extra else { panic!("an object") };
    body.as_object_mut().unwrap().extend(extra);
    body
}

pub(crate) fn tools() -> Value {
    json!([{"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}},
        {"name": "clock", "input_schema": {"type": "object", "properties": {}}}])
}

async fn ask(sim: &Sim, fault: &str, extra: Value) -> Answer {
    sim.ask("/v1/messages", fault, &body(extra)).await
}

fn said(answer: &Answer, kind: &str, field: &str) -> String {
    let of_kind = |(_, data): &(String, Value)| {
        (data["delta"]["type"] == kind).then(|| data["delta"][field].as_str().unwrap().to_owned())
    };
    answer.named().iter().filter_map(of_kind).collect()
}

#[tokio::test]
async fn a_whole_message_has_the_shape_and_says_what_it_costs() {
    let sim = Sim::start().await;
    let answer = ask(&sim, "", json!({})).await;
    let message = answer.json();
    assert_eq!((&message["type"], &message["role"]), (&json!("message"), &json!("assistant")));
    assert_eq!((&message["stop_reason"], &message["stop_sequence"]), (&json!("end_turn"), &json!(null)));
    assert_eq!(
        (&message["usage"]["input_tokens"], &message["usage"]["output_tokens"]),
        (&json!(3), &json!(24))
    );
    assert!(answer.header("request-id").is_some() && answer.header("x-request-id").is_none());
    assert!(answer.header("anthropic-ratelimit-requests-reset").unwrap().ends_with('Z'));
    let call = sim.last().await;
    assert_eq!(message["content"], json!([{"type": "text", "text": call.text}]));
    assert_eq!((call.usage.as_ref(), call.finish.as_deref()), (Some(&message["usage"]), Some("end_turn")));
    let count = sim.ask("/v1/messages/count_tokens", "", &body(json!({"max_tokens": null}))).await;
    assert_eq!(count.json(), json!({"input_tokens": 3}));
}

#[tokio::test]
async fn events_come_in_order() {
    let sim = Sim::start().await;
    let answer = ask(&sim, "tokens=2", json!({"stream": true})).await;
    assert_eq!(
        answer.names(),
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    let events = answer.named();
    assert!(events.iter().all(|(name, data)| data["type"] == **name));
    assert!(answer.text().starts_with("event: message_start\ndata: {\"type\":\"message_start\","));
    assert_eq!(events[0].1["message"]["usage"]["input_tokens"], 3);
    assert_eq!(events[6].1["usage"]["output_tokens"], 2);
    let call = sim.last().await;
    assert_eq!((call.text, call.content_events), (said(&answer, "text_delta", "text"), 2));
    assert_eq!((call.usage.unwrap(), call.events_sent), (events[6].1["usage"].clone(), 8));
    let names = ask(&sim, "no-done,no-usage", json!({"stream": true})).await;
    assert!(names.names().last().unwrap() == "message_delta" && !names.text().contains("usage"));
    assert_eq!(ask(&sim, "no-finish", json!({"stream": true})).await.names().last().unwrap(), "message_stop");
    let twice = ask(&sim, "done-twice", json!({"stream": true})).await.names();
    assert_eq!(twice.iter().filter(|name| *name == "message_stop").count(), 2);
}

#[tokio::test]
async fn tools_and_thoughts_come_in_blocks_and_go_back() {
    let sim = Sim::start().await;
    let question = json!({"role": "user", "content": "please use the tools"});
    let thinking = json!({"type": "enabled", "budget_tokens": 2000});
    let extra = |stream: bool, messages: Value| json!({"tools": tools(), "thinking": thinking, "seed": 3, "stream": stream, "messages": messages});
    let whole = ask(&sim, "", extra(false, json!([question]))).await.json();
    let kinds: Vec<&Value> =
        whole["content"].as_array().unwrap().iter().map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["thinking", "tool_use", "tool_use"]);
    assert_eq!(whole["stop_reason"], "tool_use");
    let streamed = ask(&sim, "", extra(true, json!([question]))).await;
    assert_eq!(said(&streamed, "thinking_delta", "thinking"), whole["content"][0]["thinking"]);
    assert_eq!(said(&streamed, "signature_delta", "signature"), whole["content"][0]["signature"]);
    let arguments = said(&streamed, "input_json_delta", "partial_json");
    assert_eq!(serde_json::from_str::<Value>(&arguments).unwrap(), whole["content"][1]["input"]);
    assert_eq!(whole["content"][2]["input"], json!({}), "no piece of it in the stream");
    let said = json!({"role": "assistant", "content": whole["content"]});
    let result = |index: usize| json!({"type": "tool_result", "tool_use_id": whole["content"][index]["id"], "content": "ok"});
    let turn = json!([question, said, {"role": "user", "content": [result(1), result(2)]}]);
    assert_eq!(ask(&sim, "", extra(false, turn)).await.json()["stop_reason"], "end_turn");
    let half = json!([question, said, {"role": "user", "content": [result(1)]}]);
    let refused = ask(&sim, "", extra(false, half)).await;
    assert!(refused.status == 400 && refused.text().contains("`tool_use` ids were found"));
    let mut forged = said.clone();
    forged["content"][0]["thinking"] = json!("something else");
    let forged = json!([question, forged, {"role": "user", "content": [result(1), result(2)]}]);
    assert!(ask(&sim, "", extra(false, forged)).await.text().contains("Invalid `signature`"));
}

#[tokio::test]
async fn prompts_are_cached_where_marked() {
    let sim = Sim::start().await;
    let mark = |ttl: &str| json!({"type": "ephemeral", "ttl": ttl});
    let extra = json!({"system": [
        {"type": "text", "text": "one two three", "cache_control": mark("1h")},
        {"type": "text", "text": "four five", "cache_control": mark("5m")}]});
    let first = ask(&sim, "", extra.clone()).await.json()["usage"].clone();
    assert_eq!((&first["input_tokens"], &first["cache_creation_input_tokens"]), (&json!(3), &json!(5)));
    assert_eq!(
        first["cache_creation"],
        json!({"ephemeral_1h_input_tokens": 3, "ephemeral_5m_input_tokens": 2})
    );
    let tokens = sim.last().await.tokens.unwrap();
    assert_eq!((tokens.input_total, tokens.cache_write, tokens.cache_write_1h), (8, 5, 3));
    let second = ask(&sim, "", extra.clone()).await.json()["usage"].clone();
    assert_eq!(
        (&second["cache_read_input_tokens"], &second["cache_creation_input_tokens"]),
        (&json!(5), &json!(0))
    );
    let late = ask(&sim, "late-split", json!({"system": extra["system"], "stream": true})).await.named();
    assert_eq!(late[0].1["message"]["usage"], json!({"input_tokens": 8, "output_tokens": 1}));
    let split = &late[late.len() - 2].1["usage"];
    assert_eq!((&split["input_tokens"], &split["cache_read_input_tokens"]), (&json!(3), &json!(5)));
    let tokens = sim.last().await.tokens.unwrap();
    assert_eq!((tokens.input_total, tokens.cache_read), (8, 5));
}

#[tokio::test]
async fn errors_have_the_envelope() {
    let sim = Sim::start().await;
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
    ] {
        let answer = ask(&sim, &format!("status={status},retry-after=2"), json!({"stream": true})).await;
        assert_eq!((answer.status, answer.header("retry-after")), (status, Some("2")));
        assert_eq!(
            (&answer.json()["type"], &answer.json()["error"]["type"]),
            (&json!("error"), &json!(kind))
        );
    }
    let spent = ask(&sim, "status=429,code=enforced_spend_limit_reached", json!({})).await.json();
    assert_eq!(spent["error"]["details"]["error_code"], "enforced_spend_limit_reached");
    let missing = ask(&sim, "", json!({"max_tokens": null})).await.json();
    assert_eq!(missing["error"]["message"], "max_tokens: Field required");
    assert_eq!(ask(&sim, "", json!({"model": "nobody"})).await.status, 404);
    assert_eq!(sim.get("/v1/messages").await.status, 405);
    assert_eq!(ask(&sim, "nonsense", json!({})).await.json()["type"], "error");
}

#[tokio::test]
async fn streams_break_off_with_an_event() {
    let sim = Sim::start().await;
    let first = ask(&sim, "error-first", json!({"stream": true})).await;
    assert_eq!((first.status, first.names()), (200, vec!["error".to_owned()]));
    let later = ask(&sim, "error-after=3", json!({"stream": true})).await;
    let (name, data) = later.named().pop().unwrap();
    assert_eq!((name.as_str(), &data["error"]["type"]), ("error", &json!("overloaded_error")));
    let call = sim.last().await;
    assert_eq!((call.content_events, call.finish), (3, None));
    assert_eq!(call.tokens.unwrap().output_total, 1, "as the beginning claimed");
}

#[tokio::test]
async fn answers_end_where_told() {
    let sim = Sim::start().await;
    let spaced = ask(&sim, "", json!({"stop_sequences": [" "]})).await.json();
    assert_eq!((&spaced["stop_sequence"], &spaced["usage"]["output_tokens"]), (&json!(" "), &json!(1)));
    assert_eq!(ask(&sim, "", json!({"max_tokens": 3})).await.json()["stop_reason"], "max_tokens");
    let refused = ask(&sim, "blocked", json!({})).await.json();
    assert_eq!((&refused["stop_reason"], &refused["content"]), (&json!("refusal"), &json!([])));
}
