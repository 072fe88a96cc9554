//! An answer in one piece is the provider's, to the byte, and so are its headers.

use crate::support::{Ask, Canned, House, ask, ask_with, chat, undated};
use serde_json::json;

#[tokio::test]
async fn answers_pass_as_they_are() {
    let house = House::new();
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}});
    for (fault, more) in [
        ("", json!({})),
        ("chunk=1", json!({})),
        ("unicode,chunk=7", json!({"n": 2})),
        ("", json!({"n": 4, "logprobs": true, "top_logprobs": 2})),
        ("", json!({"tools": [tool], "tool_choice": "required"})),
        ("tokens=3000", json!({})),
        ("no-usage", json!({})),
        ("cost=1e-9", json!({})),
        ("slow-start=30", json!({})),
        ("close", json!({})),
    ] {
        let mut asked = ask_with(false, &more);
        asked["model"] = json!("sim/instant");
        let direct = house.direct(&chat(fault, &asked)).await;
        let (reply, record) = house.call(&chat(fault, &ask_with(false, &more))).await;
        assert_eq!(undated(&reply.body), undated(&direct.body), "{fault} {more}");
        assert!(reply.whole);
        assert_eq!((reply.status, record["status"].as_str()), (200, Some("ok")), "{fault}");
        let sent = house.sim.calls(0).pop().unwrap();
        match sent.usage {
            Some(usage) => {
                assert_eq!(record["usage"]["output_tokens"], usage["completion_tokens"], "{fault}");
            }
            None => assert_ne!(record["usage"]["source"], "reported", "{fault}"),
        }
    }
}

#[tokio::test]
async fn an_answer_longer_than_is_held_passes_as_it_comes() {
    let house = House::new();
    let input: Vec<String> = (0..100).map(|at| format!("text {at}")).collect();
    let body = |model: &str| json!({"model": model, "input": input, "dimensions": 1024}).to_string();
    let direct = house.direct(&Ask::post("/v1/embeddings", body("sim/embed"))).await;
    assert!(direct.body.len() > 600_000, "{}", direct.body.len());
    let (reply, record) = house.call(&Ask::post("/v1/embeddings", body("embed"))).await;
    assert!(reply.body == direct.body && reply.whole);
    assert_eq!(reply.header("content-length"), direct.header("content-length"));
    assert_eq!((&record["status"], &record["usage"]["source"]), (&json!("ok"), &json!("reported")));
}

#[tokio::test]
async fn an_answer_longer_than_is_held_that_breaks_off_is_not_a_whole_one() {
    let house = House::new();
    let input: Vec<String> = (0..100).map(|at| format!("text {at}")).collect();
    let body = json!({"model": "embed", "input": input, "dimensions": 1024}).to_string();
    for how in ["abrupt", "rst", "fin"] {
        let fault = format!("cut-at-byte=500000,cut={how}");
        let (reply, record) =
            house.call(&Ask::post("/v1/embeddings", body.clone()).header("x-sim-fault", &fault)).await;
        // A reset may overtake what was sent before it; then nothing had gone to the caller yet.
        if how == "rst" && reply.status == 502 {
            assert_eq!((&record["status"], &record["error_kind"]), (&json!("error"), &json!("truncated")));
            continue;
        }
        assert!(!reply.whole, "{fault}: the caller must see that it is broken");
        assert_eq!(record["status"], "partial", "{fault} {record:#}");
        let kind = record["error_kind"].as_str().unwrap_or("none");
        assert!(["truncated", "garbage"].contains(&kind), "{fault} {kind}");
    }
}

#[tokio::test]
async fn headers_of_an_answer_cross_but_for_those_that_are_not_the_callers() {
    let body = r#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nX-Request-Id: req_7\r\n\
         x-ratelimit-remaining-tokens: 17\r\nopenai-processing-ms: 3\r\nretry-after-ms: 5\r\nX-Two: a\r\nX-Two: b\r\n\
         Set-Cookie: secret=1\r\nKeep-Alive: timeout=5\r\nAlt-Svc: h3\r\nStrict-Transport-Security: max-age=1\r\n\
         openai-organization: org-secret\r\nopenai-project: proj-secret\r\nx-paceline-call-id: forged\r\n\
         X-Paceline-Model: forged\r\nx-paceline-cost-usd: 0\r\nTrailer: x\r\nUpgrade: h2c\r\n\r\n{body}",
        body.len()
    );
    let provider = Canned::new(&[answer.as_bytes()]).await;
    let house = House::with(&provider.config(""), &[]);
    let reply = house.send(&chat("", &ask(false))).await;
    assert_eq!(reply.text(), body);
    for (name, value) in [
        ("x-request-id", "req_7"),
        ("x-ratelimit-remaining-tokens", "17"),
        ("openai-processing-ms", "3"),
        ("retry-after-ms", "5"),
        ("content-type", "application/json"),
        ("x-two", "a"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    let dropped = [
        "set-cookie",
        "keep-alive",
        "alt-svc",
        "strict-transport-security",
        "openai-organization",
        "openai-project",
        "x-paceline-cost-usd",
        "trailer",
        "upgrade",
    ];
    for name in dropped {
        assert_eq!(reply.header(name), None, "{name}");
    }
    assert!(!format!("{:?}", reply.headers).contains("forged"));
}

#[tokio::test]
async fn a_connection_is_kept_and_used_again() {
    let house = House::but("workers = 2", "workers = 1");
    for at in 0..10 {
        let reply = house.send(&chat("", &ask(at % 2 == 0))).await;
        assert_eq!(reply.status, 200);
    }
    assert_eq!(house.sim.connections().1, 1, "ten calls, one connection to the provider");
    let record = house.newest_of(10).await;
    assert_eq!(record["attempts"][0]["connect_ms"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced_and_a_request_is_sent_twice_at_most() {
    let house = House::but("workers = 2", "workers = 1");
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(house.begin(&chat("ttft=150", &ask(true))).await);
    }
    for conn in &mut waiting {
        assert_eq!(conn.reply().await.status, 200);
    }
    assert_eq!(house.sim.connections().0, 5, "five kept connections");
    let (reply, record) = house.call(&chat("cut-before-head", &ask(true))).await;
    assert_eq!((reply.status, record["status"].as_str()), (502, Some("error")));
    let calls = house.sim.settled(5, 1, crate::support::PATIENCE).await.len();
    assert!((1..=2).contains(&calls), "a request that may already be paid for was sent {calls} times");
}
