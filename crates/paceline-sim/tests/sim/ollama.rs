//! Ollama's own dialect: lines, tools, thinking, durations, errors.

use crate::client::{Answer, Sim};
use serde_json::{Value, json};

async fn ask(sim: &Sim, fault: &str, extra: Value) -> Answer {
    let mut body = json!({"model": "sim/instant", "messages": [{"role": "user", "content": "how are you"}]});
    let Value::Object(extra) = extra else { panic!("an object") };
    body.as_object_mut().unwrap().extend(extra);
    sim.ask("/api/chat", fault, &body).await
}

#[tokio::test]
async fn lines_come_unless_told_otherwise() {
    let sim = Sim::start().await;
    let options = json!({"options": {"seed": 1}});
    let answer = ask(&sim, "ttft=5,itl=1", options.clone()).await;
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let mut lines = answer.lines();
    let last = lines.pop().unwrap();
    assert_eq!((&last["done"], &last["done_reason"]), (&json!(true), &json!("stop")));
    assert_eq!((&last["prompt_eval_count"], &last["eval_count"]), (&json!(3), &json!(24)));
    assert_eq!(last["eval_duration"], 23_000_000, "nanoseconds");
    assert!(lines.iter().all(|line| line["done"] == false && line["message"]["role"] == "assistant"));
    let text: String = lines.iter().map(|line| line["message"]["content"].as_str().unwrap()).collect();
    let call = sim.last().await;
    assert_eq!(
        (call.text.as_str(), call.finish.as_deref(), call.stream),
        (text.as_str(), Some("stop"), true)
    );
    let whole = ask(&sim, "", json!({"options": {"seed": 1}, "stream": false})).await;
    assert_eq!(whole.header("content-type"), Some("application/json"));
    assert_eq!(
        (&whole.json()["message"]["content"], &whole.json()["eval_count"]),
        (&json!(text), &json!(24))
    );
    let short = ask(&sim, "", json!({"options": {"num_predict": 2}})).await.lines().pop().unwrap();
    assert_eq!((&short["done_reason"], &short["eval_count"]), (&json!("length"), &json!(2)));
    let open = ask(&sim, "no-done", json!({})).await.lines().pop().unwrap();
    assert_eq!(open["done"], false);
    let cached = ask(&sim, "cached=2", json!({})).await.lines().pop().unwrap();
    assert_eq!(cached["prompt_eval_count"], 1, "what was in memory is not evaluated");
}

#[tokio::test]
async fn calls_come_whole_and_thoughts_apart() {
    let sim = Sim::start().await;
    let function = |name: &str| {
        json!({"type": "function", "function": {"name": name,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}})
    };
    let extra = json!({"tools": [function("weather"), function("clock")], "think": true,
        "messages": [{"role": "user", "content": "use the tools"}]});
    let lines = ask(&sim, "", extra).await.lines();
    assert!(lines[0]["message"]["thinking"].is_string() && lines[0]["message"]["content"] == "");
    let calls: Vec<&Value> = lines.iter().filter_map(|line| line["message"].get("tool_calls")).collect();
    let names: Vec<&Value> = calls.iter().map(|calls| &calls[0]["function"]["name"]).collect();
    assert_eq!(names, ["weather", "clock"]);
    assert!(calls[0][0]["function"]["arguments"]["city"].is_string() && calls[0][0].get("id").is_none());
    assert_eq!(lines.last().unwrap()["done_reason"], "stop");
    let off = ask(&sim, "burst", json!({"model": "reasoner", "think": false, "stream": false})).await;
    assert!(off.json()["message"].get("thinking").is_none());
}

#[tokio::test]
async fn errors_are_a_text() {
    let sim = Sim::start().await;
    let absent = ask(&sim, "", json!({"model": "llama9"})).await;
    assert_eq!(absent.json(), json!({"error": "model 'llama9' not found, try pulling it first"}));
    assert_eq!(absent.status, 404);
    assert!(ask(&sim, "status=503", json!({})).await.json()["error"].is_string());
    let lines = ask(&sim, "error-after=3", json!({})).await.lines();
    assert!(lines.len() == 4 && lines[3]["error"].is_string());
    assert_eq!(sim.last().await.content_events, 3);
    assert_eq!(ask(&sim, "error-first", json!({})).await.lines().len(), 1);
}

#[tokio::test]
async fn models_and_version_are_told() {
    let sim = Sim::start().await;
    assert_eq!(sim.get("/api/tags").await.json()["models"][0]["name"], "sim/fast");
    assert!(sim.get("/api/version").await.json()["version"].is_string());
    assert_eq!(sim.get("/api/chat").await.status, 405);
    assert_eq!(sim.get("/api/nothing").await.status, 404);
}
