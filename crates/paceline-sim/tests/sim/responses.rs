//! OpenAI's responses: whole and as numbered events, tools, reasoning, failures.

use crate::client::{Answer, Sim};
use serde_json::{Value, json};

async fn ask(sim: &Sim, fault: &str, extra: Value) -> Answer {
    let mut body = json!({"model": "sim/instant", "input": "how are you"});
    let Value::Object(extra) = extra else { panic!("an object") };
    body.as_object_mut().unwrap().extend(extra);
    sim.ask("/v1/responses", fault, &body).await
}

fn tools() -> Value {
    json!([{"type": "function", "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
        {"type": "function", "name": "clock"}])
}

#[tokio::test]
async fn a_response_comes_whole_and_in_events() {
    let sim = Sim::start().await;
    let whole = ask(&sim, "", json!({"seed": 1})).await.json();
    assert_eq!((&whole["object"], &whole["status"]), (&json!("response"), &json!("completed")));
    let text = &whole["output"][0]["content"][0]["text"];
    assert_eq!(
        whole["usage"],
        json!({"input_tokens": 3, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 24,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 27})
    );
    let answer = ask(&sim, "", json!({"seed": 1, "stream": true})).await;
    let events = answer.named();
    for (index, (name, data)) in events.iter().enumerate() {
        assert_eq!((&data["type"], &data["sequence_number"]), (&json!(name), &json!(index)));
    }
    let mut names = answer.names();
    assert!(!answer.text().contains("[DONE]") && names.len() == 24 + 8);
    names.dedup();
    let order = [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(names, order.map(|name| format!("response.{name}")));
    let told: String = events.iter().filter_map(|(_, data)| data["delta"].as_str()).collect();
    assert_eq!(*text, *told);
    let last = &events.last().unwrap().1["response"];
    assert_eq!((&last["usage"], &last["output"]), (&whole["usage"], &whole["output"]));
    let call = sim.last().await;
    assert_eq!((call.text, call.usage.as_ref(), call.tokens_sent), (told, Some(&whole["usage"]), 24));
}

#[tokio::test]
async fn tools_and_reasoning_are_items() {
    let sim = Sim::start().await;
    let extra = json!({"model": "reasoner", "tools": tools(), "input": "use the tools", "stream": true,
        "reasoning": {"summary": "auto"}});
    let answer = ask(&sim, "burst", extra.clone()).await;
    let events = answer.named();
    let output = events.last().unwrap().1["response"]["output"].clone();
    let kinds: Vec<&Value> = output.as_array().unwrap().iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["reasoning", "function_call", "function_call"]);
    for (index, kind) in [(0, "response.reasoning_summary_text"), (1, "response.function_call_arguments")] {
        let deltas = events
            .iter()
            .filter(|(name, data)| *name == format!("{kind}.delta") && data["output_index"] == index);
        let told: String = deltas.filter_map(|(_, data)| data["delta"].as_str()).collect();
        let item = &output[index];
        let whole = item["summary"][0]["text"].as_str().or(item["arguments"].as_str()).unwrap();
        assert_eq!(told, whole);
    }
    assert_eq!(output[2]["arguments"], "{}");
    let follow = json!({"previous_response_id": events[0].1["response"]["id"],
        "input": [{"type": "function_call_output", "call_id": output[1]["call_id"], "output": "sun"}]});
    assert_eq!(ask(&sim, "", follow).await.json()["output"][0]["type"], "message");
    let lost = ask(&sim, "", json!({"previous_response_id": "resp_lost"})).await;
    assert_eq!(lost.json()["error"]["code"], "previous_response_not_found");
    let mut quiet = extra;
    quiet["reasoning"] = json!(null);
    let quiet = ask(&sim, "burst", quiet).await;
    assert!(!quiet.text().contains("reasoning_summary"));
    assert!(sim.last().await.tokens.unwrap().reasoning > 0, "counted all the same");
}

#[tokio::test]
async fn endings_have_their_events() {
    let sim = Sim::start().await;
    let last = async |fault: &str, extra: Value| {
        let mut body = json!({"stream": true});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        ask(&sim, fault, body).await.named().pop().unwrap()
    };
    let (name, data) = last("", json!({"max_output_tokens": 3})).await;
    assert_eq!(name, "response.incomplete");
    assert_eq!(data["response"]["incomplete_details"]["reason"], "max_output_tokens");
    let (_, data) = last("blocked", json!({})).await;
    assert_eq!(data["response"]["incomplete_details"]["reason"], "content_filter");
    let (name, data) = last("error-after=3", json!({})).await;
    assert_eq!((name.as_str(), &data["response"]["status"]), ("response.failed", &json!("failed")));
    assert_eq!(sim.last().await.usage, None);
    let (name, data) = last("error-first", json!({})).await;
    assert_eq!((name.as_str(), &data["code"]), ("error", &json!("server_error")));
    assert_eq!(last("no-done", json!({})).await.0, "response.output_item.done");
    let refused = ask(&sim, "status=429", json!({})).await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (429, &json!("rate_limit_exceeded")));
    assert_eq!(ask(&sim, "", json!({"input": null})).await.json()["error"]["param"], "input");
}
