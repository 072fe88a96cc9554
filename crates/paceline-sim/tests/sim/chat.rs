//! Chat completions in one piece: shapes, usage, limits, tools, structured output, and what is refused.

use crate::client::Sim;
use paceline_sim::{Dist, SimConfig, SimModel};
use serde_json::{Value, json};

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

#[tokio::test]
async fn a_whole_answer_has_the_shape_and_says_what_it_costs() {
    let sim = Sim::start().await;
    let answer = sim.chat("", json!({})).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let body = answer.json();
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["model"], "sim/instant");
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"));
    let choice = &body["choices"][0];
    assert_eq!(
        (&choice["index"], &choice["finish_reason"], &choice["logprobs"]),
        (&json!(0), &json!("stop"), &json!(null))
    );
    let message = &choice["message"];
    assert_eq!((&message["role"], &message["refusal"]), (&json!("assistant"), &json!(null)));
    assert!(message.get("reasoning_content").is_none() && message.get("tool_calls").is_none());
    let content = message["content"].as_str().unwrap();
    assert_eq!(
        body["usage"],
        json!({
            "prompt_tokens": 3, "completion_tokens": words(content), "total_tokens": 3 + words(content),
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
        })
    );
    let call = sim.last().await;
    assert_eq!((call.text.as_str(), call.usage.as_ref()), (content, Some(&body["usage"])));
    assert_eq!((call.tokens_sent, call.finish.as_deref()), (words(content), Some("stop")));
}

#[tokio::test]
async fn names_work_with_and_without_the_prefix() {
    let sim = Sim::start().await;
    assert_eq!(sim.chat("", json!({"model": "instant"})).await.json()["model"], "sim/instant");
    let answer = sim.chat("", json!({"model": "gpt-none"})).await;
    assert_eq!(answer.status, 404);
    let error = &answer.json()["error"];
    assert_eq!(
        (&error["code"], &error["type"]),
        (&json!("model_not_found"), &json!("invalid_request_error"))
    );
    assert!(error["message"].as_str().unwrap().contains("gpt-none"));
    assert!(error.as_object().unwrap().contains_key("param"));
}

#[tokio::test]
async fn answers_end_at_the_limit() {
    let sim = Sim::start().await;
    for key in ["max_tokens", "max_completion_tokens"] {
        let body = sim.chat("", json!({key: 5})).await.json();
        assert_eq!(body["choices"][0]["finish_reason"], "length", "{key}");
        assert_eq!(words(body["choices"][0]["message"]["content"].as_str().unwrap()), 5);
        assert_eq!(body["usage"]["completion_tokens"], 5);
        assert_eq!(sim.chat("", json!({key: 0})).await.json()["error"]["param"], *key);
    }
}

#[tokio::test]
async fn several_choices_differ_and_are_all_counted() {
    let sim = Sim::start().await;
    let body = sim.chat("", json!({"n": 3})).await.json();
    let texts: Vec<&str> =
        (0..3).map(|index| body["choices"][index]["message"]["content"].as_str().unwrap()).collect();
    assert!(texts[0] != texts[1] && texts[1] != texts[2]);
    assert_eq!(body["usage"]["completion_tokens"], texts.iter().map(|text| words(text)).sum::<u64>());
    assert_eq!(body["choices"][2]["index"], 2);
}

#[tokio::test]
async fn reasoning_is_separate_and_counted() {
    let sim = Sim::start().await;
    let body = sim.chat("burst", json!({"model": "sim/reasoner"})).await.json();
    let message = &body["choices"][0]["message"];
    let thought = words(message["reasoning_content"].as_str().unwrap());
    let text = words(message["content"].as_str().unwrap());
    assert!(thought > 0 && text > 0);
    assert_eq!(body["usage"]["completion_tokens_details"]["reasoning_tokens"], thought);
    assert_eq!(body["usage"]["completion_tokens"], thought + text);
}

#[tokio::test]
async fn log_probabilities_cover_the_text() {
    let sim = Sim::start().await;
    let body = sim.chat("", json!({"logprobs": true, "top_logprobs": 3})).await.json();
    let tokens = body["choices"][0]["logprobs"]["content"].as_array().unwrap();
    let text: String = tokens.iter().map(|token| token["token"].as_str().unwrap()).collect();
    assert_eq!(body["choices"][0]["message"]["content"], text);
    for token in tokens {
        assert!(token["logprob"].as_f64().unwrap() <= 0.0);
        let top = token["top_logprobs"].as_array().unwrap();
        assert_eq!((top.len(), &top[0]["token"]), (3, &token["token"]));
    }
}

#[tokio::test]
async fn structured_output_is_valid_json() {
    let sim = Sim::start().await;
    let content = |body: Value| {
        let text = body["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let object = sim.chat("", json!({"response_format": {"type": "json_object"}})).await.json();
    assert!(content(object).is_object());
    let schema = json!({"type": "object", "required": ["name", "age"], "additionalProperties": false,
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 18, "maximum": 20}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "person", "schema": schema}});
    let person = content(sim.chat("", json!({"response_format": format})).await.json());
    assert!((18..=20).contains(&person["age"].as_i64().unwrap()) && person["name"].is_string());
}

pub(crate) fn tools() -> Value {
    json!([
        {"type": "function", "function": {"name": "weather", "parameters": {"type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}}}}},
        {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}},
    ])
}

#[tokio::test]
async fn tools_are_called_with_arguments_that_fit() {
    let sim = Sim::start().await;
    let body = sim.chat("", json!({"tools": tools(), "tool_choice": "required"})).await.json();
    let choice = &body["choices"][0];
    assert_eq!(
        (&choice["finish_reason"], &choice["message"]["content"]),
        (&json!("tool_calls"), &json!(null))
    );
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!((&call["type"], &call["function"]["name"]), (&json!("function"), &json!("weather")));
    assert!(call["id"].as_str().unwrap().starts_with("call_"));
    let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert!(arguments["city"].is_string());
    // A plain question with tools at hand gets text, as does the turn after the tool has answered.
    let plain = sim.chat("", json!({"tools": tools()})).await.json();
    assert!(plain["choices"][0]["message"]["content"].is_string());
}

#[tokio::test]
async fn wrong_requests_are_refused_in_the_dialect() {
    let sim = Sim::start().await;
    let mut client = sim.client().await;
    for (body, status, hint) in [
        ("{\"model\": ", 400, "parse"),
        ("[]", 400, "object"),
        ("{\"messages\": []}", 400, "model"),
        ("{\"model\": \"instant\"}", 400, "messages"),
        ("{\"model\": \"instant\", \"messages\": []}", 400, "empty"),
        ("{\"model\": \"instant\", \"messages\": [{}], \"n\": 0}", 400, "'n'"),
        ("{\"model\": \"embed\", \"messages\": [{}]}", 400, "not a chat model"),
    ] {
        let answer = client.send("POST", "/v1/chat/completions", "", body.as_bytes()).await;
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(answer.status == status && message.contains(hint), "{body}: {message}");
    }
    assert_eq!(client.send("GET", "/v1/chat/completions", "", b"").await.status, 405);
    assert_eq!(client.send("POST", "/v1/nowhere", "", b"").await.json()["error"]["code"], "unknown_url");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_answers_and_delays() {
    let config = || SimConfig {
        models: vec![SimModel {
            name: "m".into(),
            ttft_ms: Dist::lognormal(4.0, 0.5),
            inter_token_ms: Dist::lognormal(0.2, 0.5),
            output_tokens: Dist::Uniform { min: 3.0, max: 30.0 },
            ..SimModel::default()
        }],
        ..SimConfig::default()
    };
    let mut seen = Vec::new();
    for seed in [1, 1, 2] {
        let sim = Sim::with(SimConfig { seed, ..config() }).await;
        for _ in 0..3 {
            sim.chat("", json!({"model": "m"})).await;
        }
        let calls = sim.handle.settled(0, 3, crate::client::PATIENCE).await;
        seen.push(calls.into_iter().map(|call| (call.text, call.planned)).collect::<Vec<_>>());
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
    assert_ne!(seen[0][0], seen[0][1], "each call has its own draw");
}

#[tokio::test]
async fn a_seed_of_its_own_makes_a_request_repeatable() {
    let sim = Sim::start().await;
    let first = sim.chat("", json!({"seed": 5})).await.json();
    let streamed = sim.chat("", json!({"seed": 5, "stream": true})).await;
    assert_eq!(first["choices"][0]["message"]["content"], streamed.said(0, "content"));
    let other = sim.chat("", json!({"seed": 6})).await.json();
    assert_ne!(first["choices"], other["choices"]);
    let before = sim.chat("", json!({})).await.json();
    assert_ne!(before["choices"], sim.chat("", json!({})).await.json()["choices"]);
}
