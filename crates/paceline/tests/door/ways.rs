//! The paths and credentials that providers of each kind are asked with.

use crate::support::{Ask, Canned, House, chat};
use serde_json::json;

const OPENAI: &str = r#"{"id":"x","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
const MESSAGE: &str = r#"{"id":"x","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#;
const CANDIDATE: &str = r#"{"candidates":[{"content":{"parts":[{"text":"hi"}],"role":"model"},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1}}"#;
const OLLAMA: &str = r#"{"model":"m","message":{"role":"assistant","content":"hi"},"done":true,"done_reason":"stop","prompt_eval_count":1,"eval_count":1}"#;
const CONVERSE: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"hi"}]}},"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2}}"#;

/// The head of what a provider of that kind was asked.
async fn asked(settings: &str, path: &str, answer: &str) -> String {
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
        answer.len()
    );
    let provider = Canned::new(&[answer.as_bytes()]).await;
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nworkers = 1\n[log]\nlevel = \"off\"\n[providers.p]\nbase_url = \"http://{}{path}\"\napi_key_env = \"P_KEY\"\n{settings}\n",
        provider.address
    );
    let house = House::with(&config, &[("P_KEY", "sk-planted-provider-key-1234")]);
    let body = json!({"model": "p/a model:1", "messages": [{"role": "user", "content": "hi"}]});
    let (reply, record) = house.call(&chat("", &body)).await;
    assert_eq!((reply.status, &record["status"]), (200, &json!("ok")), "{}", reply.text());
    assert_eq!(reply.json()["choices"][0]["message"]["content"], "hi");
    provider.seen()[0].split("\r\n\r\n").next().unwrap().to_owned()
}

#[tokio::test]
async fn each_kind_has_its_own() {
    let key = "sk-planted-provider-key-1234";
    for (settings, path, answer, line, credential) in [
        (
            "kind = \"openai\"",
            "/v1",
            OPENAI,
            "POST /v1/chat/completions",
            format!("authorization: Bearer {key}"),
        ),
        ("kind = \"azure\"", "", OPENAI, "POST /openai/v1/chat/completions", format!("api-key: {key}")),
        (
            "kind = \"azure\"\napi_version = \"2024-10-21\"",
            "",
            OPENAI,
            "POST /openai/deployments/a%20model%3A1/chat/completions?api-version=2024-10-21",
            format!("api-key: {key}"),
        ),
        ("kind = \"anthropic\"", "", MESSAGE, "POST /v1/messages", format!("x-api-key: {key}")),
        (
            "kind = \"gemini\"",
            "",
            CANDIDATE,
            "POST /v1beta/models/a%20model%3A1:generateContent",
            format!("x-goog-api-key: {key}"),
        ),
        (
            "kind = \"ollama\"\ndialect = \"ollama\"",
            "",
            OLLAMA,
            "POST /api/chat",
            format!("authorization: Bearer {key}"),
        ),
        (
            "kind = \"bedrock\"\nregion = \"eu-west-1\"",
            "",
            CONVERSE,
            "POST /model/a%20model%3A1/converse",
            format!("authorization: Bearer {key}"),
        ),
    ] {
        let head = asked(settings, path, answer).await;
        assert!(head.starts_with(&format!("{line} HTTP/1.1\r\n")), "{settings}: {head}");
        assert!(head.contains(&format!("\r\n{credential}")), "{settings}: {head}");
        assert_eq!(head.contains("anthropic-version: 2023-06-01"), settings.contains("anthropic"), "{head}");
    }
}

#[tokio::test]
async fn embeddings_are_asked_of_who_has_them() {
    let config = "[server]\nlisten = \"127.0.0.1:0\"\nworkers = 1\n[log]\nlevel = \"off\"\n[providers.p]\nkind = \"anthropic\"\nbase_url = \"http://127.0.0.1:9/v1\"\nauth = \"none\"\n";
    let house = House::with(config, &[]);
    let ask = Ask::post("/v1/embeddings", json!({"model": "p/m", "input": "x"}).to_string());
    let (reply, record) = house.call(&ask).await;
    assert_eq!(reply.refusal(), (400, "unsupported_by_provider".into()));
    assert_eq!(record["error_kind"], "unsupported");
}

#[tokio::test]
async fn what_of_an_answer_cannot_be_told_is_named() {
    let message = MESSAGE.replace(
        "[{\"type\":\"text\"",
        "[{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s\",\"content\":[]},{\"type\":\"text\"",
    );
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{message}",
        message.len()
    );
    let provider = Canned::new(&[answer.as_bytes()]).await;
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nworkers = 1\n[log]\nlevel = \"off\"\n[providers.p]\nkind = \"anthropic\"\n\
         base_url = \"http://{}/v1\"\nauth = \"none\"\n",
        provider.address
    );
    let house = House::with(&config, &[]);
    let body = json!({"model": "p/m", "seed": 1, "messages": [{"role": "user", "content": "hi"}]});
    let (reply, _) = house.call(&chat("", &body)).await;
    assert_eq!(
        reply.header("x-paceline-warning"),
        Some("seed not sent; of the answer not told: web_search_tool_result")
    );
    assert_eq!(reply.json()["choices"][0]["message"]["content"], "hi");
}
