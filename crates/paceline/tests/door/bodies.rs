//! Bodies that cannot be used: each is refused with a stable code and a sentence that helps.

use crate::support::{Ask, House, ask, chat, chat_raw};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::io::Write;

async fn refused(house: &House, ask: &Ask, status: u16, code: &str, says: &[&str]) -> Value {
    let (reply, record) = house.call(ask).await;
    let (found, message) = reply.error();
    assert_eq!((reply.status, found.as_str()), (status, code), "{message}");
    for word in says {
        assert!(message.contains(word), "`{word}` in: {message}");
    }
    assert_eq!((&record["status"], &record["http_status"]), (&json!("refused"), &json!(status)), "{message}");
    assert_eq!((&record["usage"], &record["error_code"]), (&Value::Null, &json!(code)));
    assert!(record["attempts"].as_array().unwrap().is_empty());
    reply.json()
}

#[tokio::test]
async fn what_is_no_json_is_told_with_its_place() {
    let house = House::new();
    for (body, says) in [
        ("", &["empty"][..]),
        ("{\"model\": \"instant\",\n  \"messages\": [}", &["line 2", "column 16", "byte 36"]),
        ("{\"model\": \"instant\"", &["line 1"]),
        ("not json", &["line 1, column 1"]),
        ("[1]", &["object"]),
        ("\"text\"", &["object"]),
        ("{\"model\": \"instant\"} {}", &["line 1, column 22"]),
        ("{'a': 1}", &["line 1, column 2"]),
    ] {
        refused(&house, &chat_raw("", body), 400, "invalid_json", says).await;
    }
    let mut broken = ask(false).to_string().into_bytes();
    broken.extend_from_slice(b"\xff");
    refused(&house, &chat_raw("", broken), 400, "invalid_json", &[]).await;
    assert!(house.sim.calls(0).is_empty());
}

#[tokio::test]
async fn a_model_must_be_named_and_known() {
    let house = House::but(
        "[models]",
        "[providers.other]\nkind = \"compatible\"\nbase_url = \"http://127.0.0.1:9/v1\"\n[models]",
    );
    let missing =
        refused(&house, &chat("", &json!({"messages": []})), 400, "missing_model", &["/v1/models"]).await;
    assert_eq!(
        (&missing["error"]["param"], &missing["error"]["type"]),
        (&json!("model"), &json!("invalid_request_error"))
    );
    for wrong in [json!(5), json!(null), json!(["instant"]), json!({"a": 1})] {
        refused(&house, &chat("", &json!({"model": wrong})), 400, "missing_model", &["string"]).await;
    }
    for (name, near) in
        [("instent", "`instant`"), ("Instant", "`instant`"), ("embedd", "`embed`"), ("smart-2", "`smart`")]
    {
        let said =
            refused(&house, &chat("", &json!({"model": name})), 404, "model_not_found", &[name, near]).await;
        assert_eq!(said["error"]["param"], "model");
    }
    for name in ["", "zzzzzzzz", "nobody/model", "sim/", &"x".repeat(100_000)] {
        let reply = house.send(&chat("", &json!({"model": name}))).await;
        assert_eq!(reply.refusal(), (404, "model_not_found".into()), "{name:.20}");
        assert!(reply.body.len() < 2000, "what is shown is bounded");
        let record = house.record(&reply.id()).await;
        assert!(record["requested_model"].as_str().unwrap().len() <= 256);
    }
    assert!(house.sim.calls(0).is_empty());
}

#[tokio::test]
async fn method_and_type_must_fit() {
    let house = House::new();
    for path in ["/v1/chat/completions", "/chat/completions", "/v1/embeddings", "/embeddings"] {
        for method in ["GET", "PUT", "DELETE", "PATCH"] {
            refused(&house, &Ask::new(method, path), 405, "method_not_allowed", &[method, "POST"]).await;
        }
    }
    for kind in ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "json"]
    {
        let ask = Ask::post("/v1/chat/completions", ask(false).to_string()).header("content-type", kind);
        refused(&house, &ask, 415, "unsupported_content_type", &["application/json"]).await;
    }
    for kind in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.x+json"] {
        let ask = Ask::post("/v1/chat/completions", ask(false).to_string()).header("content-type", kind);
        assert_eq!(house.send(&ask).await.status, 200, "{kind}");
    }
    let bare = Ask::post("/v1/chat/completions", ask(false).to_string());
    assert_eq!(house.send(&bare).await.status, 200, "a client may leave the type out");
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn packed_bodies_are_unpacked_and_bounded() {
    let house = House::but("[log]", "max_body_bytes = 100000\n[log]");
    let body = ask(false).to_string();
    let gzip = |bytes: Vec<u8>| chat_raw("", bytes).header("content-encoding", "gzip");
    assert_eq!(house.send(&gzip(packed(body.as_bytes()))).await.status, 200);
    let sent = house.only_call().await;
    assert_eq!(sent.body.unwrap(), body.replace("\"instant\"", "\"sim/instant\""));
    assert!(!sent.headers.iter().any(|(name, _)| name == "content-encoding"));
    let bomb = packed(&vec![b' '; 50_000_000]);
    assert!(bomb.len() < 100_000);
    refused(&house, &gzip(bomb), 413, "request_too_large", &["100000"]).await;
    refused(&house, &gzip(body.clone().into_bytes()), 400, "invalid_gzip", &[]).await;
    let mut cut = packed(body.as_bytes());
    cut.truncate(cut.len() - 9);
    refused(&house, &gzip(cut), 400, "invalid_gzip", &[]).await;
    let brotli = chat_raw("", body).header("content-encoding", "br");
    refused(&house, &brotli, 415, "unsupported_content_encoding", &["br", "gzip"]).await;
}

#[tokio::test]
async fn paths_that_do_not_exist_say_what_does() {
    let house = House::new();
    for (path, says) in [
        ("/v1/chat/completion", "/v1/chat/completions"),
        ("/v1/embedding", "/v1/embeddings"),
        ("/metric", "/metrics"),
        ("/x/y/z", "GET /"),
    ] {
        let reply = house.send(&Ask::get(path)).await;
        let (code, message) = reply.error();
        assert_eq!((reply.status, code.as_str()), (404, "unknown_path"), "{path}");
        assert!(message.contains(says), "{message}");
    }
    let reply = house.send(&Ask::post("/v1/calls", "{}")).await;
    assert_eq!(reply.refusal(), (405, "method_not_allowed".into()));
    assert_eq!(house.records().await.len(), 0, "none of these is a call");
}
