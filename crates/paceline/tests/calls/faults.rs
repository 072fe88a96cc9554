//! Everything a provider can get wrong: what the caller sees, and what the record says.

use crate::support::{House, Reply, ask, chat};
use serde_json::{Value, json};

/// What must come of a fault: the caller's status, the record's end and kind, the attempt's status.
struct Row(&'static str, u16, &'static str, &'static str, Option<u16>);

const ROWS: &[Row] = &[
    Row("status=400", 400, "error", "bad_request", Some(400)),
    Row("status=400,code=context_length_exceeded", 400, "error", "context_too_long", Some(400)),
    Row("status=400,code=content_filter", 400, "error", "content_filter", Some(400)),
    Row("status=401", 502, "error", "provider_auth", Some(401)),
    Row("status=403", 502, "error", "provider_auth", Some(403)),
    Row("echo-key", 502, "error", "provider_auth", Some(401)),
    Row("status=404", 404, "error", "not_found", Some(404)),
    Row("status=408", 408, "error", "timeout", Some(408)),
    Row("status=409", 409, "error", "bad_request", Some(409)),
    Row("status=413", 413, "error", "too_large", Some(413)),
    Row("status=422", 422, "error", "bad_request", Some(422)),
    Row("status=429", 429, "error", "rate_limited", Some(429)),
    Row("status=429,code=insufficient_quota", 429, "error", "provider_auth", Some(429)),
    Row("status=500", 500, "error", "provider_failed", Some(500)),
    Row("status=502", 502, "error", "provider_failed", Some(502)),
    Row("status=503", 503, "error", "provider_failed", Some(503)),
    Row("status=504", 504, "error", "provider_failed", Some(504)),
    Row("status=529", 529, "error", "provider_failed", Some(529)),
    Row("status=400,vllm-error", 400, "error", "bad_request", Some(400)),
    Row("body=garbage", 502, "error", "garbage", Some(200)),
    Row("body=empty", 502, "error", "garbage", Some(200)),
    Row("body=error", 502, "error", "provider_failed", Some(200)),
    Row("body=error,code=rate_limit_exceeded", 502, "error", "provider_failed", Some(200)),
    Row("cut-before-head", 502, "error", "truncated", None),
    Row("cut-before-head,cut=rst", 502, "error", "truncated", None),
];

/// Of these only answers in one piece show the same.
const WHOLE_ONLY: &[Row] = &[
    Row("error-first", 502, "error", "provider_failed", Some(200)),
    Row("error-after=3", 502, "error", "provider_failed", Some(200)),
    Row("vllm-error", 502, "error", "provider_failed", Some(200)),
    Row("cut=abrupt", 502, "error", "truncated", Some(200)),
    Row("cut=rst", 502, "error", "truncated", Some(200)),
    Row("cut=fin", 502, "error", "garbage", Some(200)),
    Row("cut-at-byte=100", 502, "error", "truncated", Some(200)),
    Row("cut-at-byte=100,cut=rst", 502, "error", "truncated", Some(200)),
    Row("cut-at-byte=100,cut=fin", 502, "error", "garbage", Some(200)),
];

fn check(row: &Row, stream: bool, reply: &Reply, record: &Value) {
    let Row(fault, status, end, kind, attempt) = *row;
    let what = format!("{fault} stream={stream} {}", reply.text());
    assert_eq!(reply.status, status, "{what}");
    assert!(reply.whole, "{what}");
    let body = reply.json();
    let said = body["error"]["message"].as_str().or(body["message"].as_str()).unwrap_or_default();
    assert!(said.len() > 8, "a sentence that helps: {what}");
    assert_eq!(reply.header("content-type"), Some("application/json"), "{what}");
    assert_eq!(record["status"], end, "{what}");
    assert_eq!(record["error_kind"], kind, "{what}");
    assert_eq!(record["http_status"], status, "{what}");
    let attempts = record["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "{what}");
    assert_eq!(attempts[0]["http_status"].as_u64(), attempt.map(u64::from), "{what}");
    assert_eq!(attempts[0]["error_kind"], kind, "{what}");
    assert_eq!(record["usage"], Value::Null, "nothing was used: {what}");
}

/// What the provider asked to wait is over: it is a millisecond at most here.
async fn quiet() {
    // sleep: the time that is waited for is the provider's own.
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
}

#[tokio::test]
async fn every_fault_is_told_and_recorded() {
    let house = House::new();
    for row in ROWS {
        for stream in [true, false] {
            quiet().await;
            let (reply, record) = house.call(&chat(row.0, &ask(stream))).await;
            check(row, stream, &reply, &record);
        }
    }
    for row in WHOLE_ONLY {
        let (reply, record) = house.call(&chat(row.0, &ask(false))).await;
        check(row, false, &reply, &record);
    }
}

#[tokio::test]
async fn the_providers_words_are_passed_on() {
    let house = House::new();
    for fault in [
        "status=400",
        "status=404",
        "status=429,retry-after=3",
        "status=503,retry-after-ms=1500.5",
        "status=400,vllm-error",
    ] {
        let mut asked = ask(false);
        asked["model"] = json!("sim/instant");
        let direct = house.direct(&chat(fault, &asked)).await;
        quiet().await;
        let reply = house.send(&chat(fault, &ask(false))).await;
        assert_eq!(reply.body, direct.body, "{fault}");
        for name in ["retry-after", "retry-after-ms", "content-type", "x-ratelimit-remaining-requests"] {
            // Not all callers know the time in milliseconds.
            let is_added = name == "retry-after" && fault.contains("retry-after-ms");
            let wanted = if is_added { Some("2") } else { direct.header(name) };
            assert_eq!(reply.header(name), wanted, "{fault} {name}");
        }
    }
}

#[tokio::test]
async fn what_the_provider_asks_to_wait_is_recorded() {
    let house = House::new();
    for (fault, least, most) in [
        ("status=429,retry-after=2", 2000, 2000),
        ("status=429,retry-after=0.5", 500, 500),
        ("status=429,retry-after=7,retry-after-ms=250", 250, 250),
        ("status=503,retry-after-date=30", 28_000, 30_000),
    ] {
        quiet().await;
        let (reply, record) = house.call(&chat(fault, &ask(false))).await;
        assert!(reply.header("retry-after").is_some() || reply.header("retry-after-ms").is_some(), "{fault}");
        let ms = record["attempts"][0]["retry_after_ms"].as_u64().unwrap_or(0);
        assert!((least..=most).contains(&ms), "{fault}: {}", record["attempts"][0]);
    }
    for fault in ["status=429", "status=429,retry-after=-1", "status=429,retry-after=soon"] {
        quiet().await;
        let (reply, record) = house.call(&chat(fault, &ask(false))).await;
        // Nothing is asked; when the limit is full again is told all the same.
        assert_eq!(reply.header("x-ratelimit-reset-requests"), Some("6ms"), "{fault}");
        assert_eq!(record["attempts"][0]["retry_after_ms"], 6, "{fault}");
    }
}

#[tokio::test]
async fn a_refusal_of_our_own_key_is_not_the_callers_fault() {
    let house = House::new();
    for fault in ["status=401", "status=403", "echo-key"] {
        let reply = house.send(&chat(fault, &ask(true))).await;
        let (code, message) = reply.error();
        assert_eq!((reply.status, code.as_str()), (502, "provider_auth_failed"), "never 401: {fault}");
        assert!(message.contains("SIM_KEY"), "it says what to check: {message}");
        assert_eq!(reply.header("x-should-retry"), Some("false"));
        assert!(!reply.text().contains(crate::support::house::PROVIDER_KEY));
    }
}

#[tokio::test]
async fn a_provider_that_is_not_there() {
    let address = {
        let unused = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        unused.local_addr().unwrap()
    };
    let more = format!(
        "gone = \"gone/m\"\n[providers.gone]\nkind = \"compatible\"\nbase_url = \"http://{address}/v1\""
    );
    let house = House::and(&more);
    for stream in [true, false] {
        let mut body = ask(stream);
        body["model"] = json!("gone");
        let (reply, record) = house.call(&chat("", &body)).await;
        let (code, message) = reply.error();
        assert_eq!((reply.status, code.as_str()), (502, "provider_unreachable"));
        assert!(message.contains("gone") && message.contains("base_url"), "{message}");
        assert_eq!((&record["status"], &record["error_kind"]), (&json!("error"), &json!("connect")));
        assert_eq!((&record["usage"], &record["attempts"][0]["http_status"]), (&Value::Null, &Value::Null));
    }
}

#[tokio::test]
async fn answers_that_are_no_http() {
    for (answer, code) in [
        (&b"SSH-2.0-OpenSSH_9\r\n\r\n"[..], "provider_garbage"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}", "provider_garbage"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n{}", "provider_garbage"),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n", "provider_garbage"),
        (
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            "provider_redirect",
        ),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n", "provider_garbage"),
        (b"HTTP/1.1 2", "provider_hung_up"),
        (b"", "provider_hung_up"),
    ] {
        let provider = crate::support::Canned::new(&[answer]).await;
        let house = House::with(&provider.config(""), &[]);
        let (reply, record) = house.call(&chat("", &ask(true))).await;
        assert_eq!(reply.refusal(), (502, code.into()), "{}", String::from_utf8_lossy(answer));
        let kind = if code == "provider_hung_up" { "truncated" } else { "garbage" };
        assert_eq!(record["error_kind"], kind, "{}", String::from_utf8_lossy(answer));
    }
}
