//! Gemini's dialect: content whole and in chunks, tools with signatures, thoughts, refusals.

use crate::client::{Answer, End, Sim};
use serde_json::{Value, json};

fn body(text: &str, extra: Value) -> Value {
    let mut body = json!({"contents": [{"role": "user", "parts": [{"text": text}]}]});
    let Value::Object(extra) = extra else { panic!("an object") };
    body.as_object_mut().unwrap().extend(extra);
    body
}

fn tools() -> Value {
    json!([{"functionDeclarations": [
        {"name": "weather", "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}},
        {"name": "clock"}]}])
}

async fn whole(sim: &Sim, fault: &str, body: &Value) -> Answer {
    sim.ask("/v1beta/models/sim/instant:generateContent", fault, body).await
}

async fn streamed(sim: &Sim, fault: &str, body: &Value) -> Answer {
    sim.ask("/v1beta/models/sim%2Finstant:streamGenerateContent?alt=sse", fault, body).await
}

fn parts(chunks: &[Value]) -> Vec<Value> {
    chunks.iter().filter_map(|chunk| chunk["candidates"][0]["content"]["parts"].get(0).cloned()).collect()
}

#[tokio::test]
async fn content_comes_whole_and_in_chunks() {
    let sim = Sim::start().await;
    let ask = body("how are you", json!({"generationConfig": {"seed": 1}}));
    let answer = whole(&sim, "", &ask).await.json();
    let candidate = &answer["candidates"][0];
    assert_eq!(
        (&candidate["finishReason"], &candidate["content"]["role"]),
        (&json!("STOP"), &json!("model"))
    );
    let usage = &answer["usageMetadata"];
    assert_eq!((&usage["promptTokenCount"], &usage["candidatesTokenCount"]), (&json!(3), &json!(24)));
    assert_eq!(usage["totalTokenCount"], 27);
    let stream = streamed(&sim, "", &ask).await;
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    assert!(stream.text().starts_with("data: {") && !stream.text().replace("\r\n", "").contains('\n'));
    let chunks = stream.events();
    let text: String =
        parts(&chunks).iter().filter_map(|part| part["text"].as_str().map(str::to_owned)).collect();
    assert_eq!(text, candidate["content"]["parts"][0]["text"]);
    assert_eq!(chunks.len(), 25, "one per token, and an empty last one");
    assert_eq!(chunks[0]["usageMetadata"]["candidatesTokenCount"], 1, "as it stands");
    assert_eq!(
        (&chunks[24]["usageMetadata"], &chunks[24]["candidates"][0]["finishReason"]),
        (usage, &json!("STOP"))
    );
    let call = sim.last().await;
    assert_eq!((call.text, call.usage.as_ref(), call.finish.as_deref()), (text, Some(usage), Some("STOP")));
    let newer = sim.ask("/v1/models/instant:generateContent", "", &ask).await.json();
    assert_eq!(newer["candidates"], answer["candidates"]);
}

#[tokio::test]
async fn without_events_the_stream_is_an_array() {
    let sim = Sim::start().await;
    let path = "/v1beta/models/instant:streamGenerateContent";
    let answer = sim.ask(path, "", &body("hi", json!({}))).await;
    assert_eq!((answer.json().as_array().unwrap().len(), answer.end), (25, End::Clean));
    let broken = sim.ask(path, "error-after=2", &body("hi", json!({}))).await.json();
    assert_eq!((broken.as_array().unwrap().len(), &broken[2]["error"]["code"]), (3, &json!(503)));
    let open = sim.ask(path, "no-done", &body("hi", json!({}))).await;
    assert!(serde_json::from_slice::<Value>(&open.body).is_err());
}

#[tokio::test]
async fn calls_come_whole_and_signed_and_go_back_signed() {
    let sim = Sim::start().await;
    let ask = body("use the tools", json!({"tools": tools()}));
    let chunks = streamed(&sim, "", &ask).await.events();
    let calls: Vec<Value> =
        parts(&chunks).into_iter().filter(|part| part.get("functionCall").is_some()).collect();
    assert_eq!((calls.len(), chunks.len()), (2, 3));
    assert!(calls[0]["functionCall"]["args"]["city"].is_string() && calls[0]["thoughtSignature"].is_string());
    assert!(calls[1]["functionCall"]["args"] == json!({}) && calls[1].get("thoughtSignature").is_none());
    assert_eq!(chunks[2]["candidates"][0]["finishReason"], "STOP");
    let call = sim.last().await;
    assert_eq!(call.tokens_sent, call.tokens.unwrap().output_total);
    let turn = |part: &Value| {
        json!({"tools": tools(), "contents": [
            {"role": "user", "parts": [{"text": "use the tools"}]}, {"role": "model", "parts": [part, calls[1]]},
            {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"sun": 1}}}]}]})
    };
    assert_eq!(whole(&sim, "", &turn(&calls[0])).await.status, 200);
    let bare = json!({"functionCall": calls[0]["functionCall"]});
    let refused = whole(&sim, "", &turn(&bare)).await;
    assert!(refused.status == 400 && refused.text().contains("MISSING_THOUGHT_SIGNATURE"));
    let foreign = json!({"functionCall": {"name": "weather", "args": {"city": "elsewhere"}}});
    assert_eq!(whole(&sim, "", &turn(&foreign)).await.status, 200, "never signed");
}

#[tokio::test]
async fn thoughts_are_counted_apart() {
    let sim = Sim::start().await;
    for (shown, config) in [(true, json!({"includeThoughts": true})), (false, json!({"thinkingBudget": 200}))]
    {
        let ask = body("hm", json!({"generationConfig": {"thinkingConfig": config}}));
        let chunks = streamed(&sim, "", &ask).await.events();
        let thoughts = parts(&chunks).iter().filter(|part| part["thought"] == true).count() as u64;
        let usage = &chunks.last().unwrap()["usageMetadata"];
        let counted = usage["thoughtsTokenCount"].as_u64().unwrap();
        assert_eq!((thoughts, &usage["candidatesTokenCount"]), (if shown { counted } else { 0 }, &json!(24)));
        let tokens = sim.last().await.tokens.unwrap();
        assert_eq!((tokens.reasoning, tokens.output_total), (counted, counted + 24));
    }
}

#[tokio::test]
async fn what_is_blocked_has_no_candidates() {
    let sim = Sim::start().await;
    let answer = whole(&sim, "blocked", &body("hi", json!({}))).await.json();
    assert!(answer.get("candidates").is_none() && answer["promptFeedback"]["blockReason"].is_string());
    let chunks = streamed(&sim, "blocked", &body("hi", json!({}))).await.events();
    assert_eq!((chunks.len(), &chunks[0]["promptFeedback"]), (1, &answer["promptFeedback"]));
}

#[tokio::test]
async fn errors_have_the_envelope() {
    let sim = Sim::start().await;
    let ask = body("hi", json!({}));
    for (status, word) in [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (404, "NOT_FOUND"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ] {
        let answer = whole(&sim, &format!("status={status},retry-after=2"), &ask).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"], &error["status"]), (status, &json!(status), &json!(word)));
        assert_eq!((answer.header("retry-after"), &error["details"][0]["retryDelay"]), (None, &json!("2s")));
    }
    let broken = streamed(&sim, "error-after=3", &ask).await.events();
    assert_eq!((broken.len(), &broken[3]["error"]["status"]), (4, &json!("UNAVAILABLE")));
    assert_eq!(sim.last().await.tokens.unwrap().output_total, 3, "as far as it was told");
    assert_eq!(whole(&sim, "", &json!({})).await.status, 400);
    assert_eq!(sim.ask("/v1beta/models/nobody:generateContent", "", &ask).await.status, 404);
    assert_eq!(sim.ask("/v1beta/models/instant:embedNothing", "", &ask).await.status, 404);
}

#[tokio::test]
async fn tokens_are_counted_and_models_listed() {
    let sim = Sim::start().await;
    let count = sim.ask("/v1beta/models/instant:countTokens", "", &body("a b c", json!({}))).await;
    assert_eq!(count.json()["totalTokens"], 3);
    let models = sim.get("/v1beta/models").await.json();
    assert_eq!(models["models"][0]["name"], "models/sim/fast");
    assert_eq!(sim.get("/v1beta/models/instant").await.json()["name"], "models/sim/instant");
    assert_eq!(sim.get("/v1beta/models/nobody").await.status, 404);
}
