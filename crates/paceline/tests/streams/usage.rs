//! The usage of a stream is always in its record: the provider's where it tells, else an estimate that says so.

use crate::support::{Canned, House, ask, chat};
use serde_json::{Value, json};

#[tokio::test]
async fn the_record_has_what_the_provider_reported() {
    let house = House::new();
    let (reply, record) = house.call(&chat("cached=5,cost=0.0125", &ask(true))).await;
    let sent = house.only_call().await.usage.unwrap();
    assert!(!reply.text().contains("prompt_tokens"), "the caller did not ask for it: {}", reply.text());
    let usage = &record["usage"];
    assert_eq!(usage["input_tokens"], sent["prompt_tokens"]);
    assert_eq!(usage["output_tokens"], sent["completion_tokens"]);
    assert_eq!(usage["cache_read_tokens"], sent["prompt_tokens_details"]["cached_tokens"]);
    assert_eq!(usage["reasoning_tokens"], sent["completion_tokens_details"]["reasoning_tokens"]);
    assert_eq!((&usage["source"], &record["cost_usd"]), (&json!("reported"), &json!("0.0125")));
    assert_eq!(
        (&record["attempts"][0]["usage"], &record["attempts"][0]["cost_usd"]),
        (usage, &record["cost_usd"])
    );
}

#[tokio::test]
async fn reasoning_is_counted_and_is_a_token() {
    let house = House::new();
    let mut body = ask(true);
    body["model"] = json!("sim/sim/reasoner");
    let (_, record) = house.call(&chat("burst", &body)).await;
    let sent = house.only_call().await;
    let reasoning = &sent.usage.as_ref().unwrap()["completion_tokens_details"]["reasoning_tokens"];
    assert!(reasoning.as_u64().unwrap() > 0);
    assert_eq!(&record["usage"]["reasoning_tokens"], reasoning);
    assert_eq!(record["usage"]["output_tokens"], sent.tokens_sent);
    assert!(record["ttft_ms"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn what_is_never_reported_is_estimated_and_marked() {
    let house = House::new();
    for _ in 0..3 {
        let (reply, record) = house.call(&chat("no-usage", &ask(true))).await;
        assert!(reply.is_done());
        assert_eq!(record["status"], "ok");
        let source = record["usage"]["source"].as_str().unwrap();
        assert!(["estimated", "counted"].contains(&source), "{source}");
        assert!(record["usage"]["output_tokens"].as_u64().unwrap() > 0);
        assert!(record["usage"]["input_tokens"].as_u64().unwrap() > 0);
        assert_eq!(record["cost_usd"], Value::Null);
    }
    let summary = house.admin("/v1/performance/summary").await.json();
    assert_eq!(summary["overview"]["usage_not_reported"], 3);
}

#[tokio::test]
async fn usage_is_taken_from_whatever_chunk_has_it_the_last_one_wins() {
    let chunk = |usage: &str, content: &str| {
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{content}\"}}}}],\"usage\":{usage}}}\n\n")
    };
    let stream = [
        chunk("{\"prompt_tokens\":9,\"completion_tokens\":1}", "a"),
        chunk(
            "{\"prompt_tokens\":9,\"completion_tokens\":2,\"prompt_tokens_details\":{\"cached_tokens\":4}}",
            "b",
        ),
        "data: {\"choices\":[],\"usage\":null}\n\n".into(),
        "data: [DONE]\n\n".into(),
    ]
    .concat();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{stream}");
    let provider = Canned::new(&[answer.as_bytes()]).await;
    let house = House::with(&provider.config(""), &[]);
    let (reply, record) = house.call(&chat("", &ask(true))).await;
    assert_eq!(reply.text(), stream, "what carries content is never taken out");
    let usage = json!({"input_tokens": 9, "output_tokens": 2, "cache_read_tokens": 4, "cache_write_tokens": 0,
        "cache_write_1h_tokens": 0, "reasoning_tokens": 0, "source": "reported"});
    assert_eq!(record["usage"], usage);
}
