//! A model with several targets: the next is tried until content has gone out, and every try is recorded.

use crate::support::{Canned, House, ask, chat};
use serde_json::{Value, json};

/// `first` fails as the script says, `second` is well.
fn house(more: &str) -> House {
    let text = crate::support::house::USUAL.replace("[models]", &format!(
        "[providers.gone]\nkind = \"compatible\"\nbase_url = \"http://127.0.0.1:9/v1\"\n{more}\n[models]\n\
         two = {{ targets = [\"sim/instant\", \"sim/fast\"] }}\nthree = {{ targets = [\"sim/instant\", \"gone/m\", \"sim/fast\"] }}\n\
         away = {{ targets = [\"gone/m\", \"sim/instant\"] }}"
    ));
    House::with(&text, &[])
}

fn asks(model: &str, stream: bool) -> Value {
    let mut body = ask(stream);
    body["model"] = json!(model);
    body
}

fn tries(record: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let attempts = record["attempts"].as_array().unwrap();
    attempts.iter().map(|attempt| (text(&attempt["deployment"]), text(&attempt["error_kind"]))).collect()
}

/// The first target gets the fault, the second answers without delay.
async fn falls_back(house: &House, fault: &str, stream: bool, kind: &str) {
    house.sim.script(Some("instant"), &[fault]).unwrap();
    house.sim.script(Some("fast"), &["burst,tokens=5"]).unwrap();
    // sleep: what the first asked to wait before is over; it is a millisecond at most here.
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    let before = house.sim.calls(0).len() as u64;
    let (reply, record) = house.call(&chat("", &asks("two", stream))).await;
    assert_eq!(reply.status, 200, "{fault} {}", reply.text());
    assert!(reply.error_events().is_empty(), "{fault} {}", reply.text());
    assert!(!stream || reply.is_done(), "{fault}");
    assert_eq!(record["status"], "ok", "{fault} {record:#}");
    assert_eq!(
        tries(&record),
        [("sim/instant".to_owned(), kind.to_owned()), ("sim/fast".to_owned(), "-".to_owned())],
        "{fault} stream={stream}"
    );
    assert_eq!(record["attempts"][1]["reason"], "fallback");
    assert_eq!(record["deployment"], "sim/fast");
    assert_eq!(
        (&record["error_kind"], &record["error_code"]),
        (&Value::Null, &Value::Null),
        "{fault} {record:#}"
    );
    assert_eq!(reply.header("x-paceline-attempts"), Some("2"));
    let sent = house.sim.settled(before, 2, crate::support::PATIENCE).await;
    let second = sent.iter().find(|call| call.model.as_deref() == Some("sim/fast")).unwrap();
    assert!(second.body.as_ref().unwrap().contains("\"fast\""), "each target has its own name for the model");
    assert_eq!(record["usage"]["output_tokens"], second.tokens_sent, "{fault}");
}

#[tokio::test]
async fn what_may_help_is_tried_elsewhere() {
    let house = house("");
    for (fault, kind) in [
        ("status=503", "provider_failed"),
        ("status=500", "provider_failed"),
        ("status=429,retry-after=1", "rate_limited"),
        ("status=429,code=insufficient_quota", "provider_auth"),
        ("status=401", "provider_auth"),
        ("status=400,code=context_length_exceeded", "context_too_long"),
        ("body=garbage", "garbage"),
        ("body=empty", "garbage"),
        ("body=error", "provider_failed"),
        ("cut=abrupt", "truncated"),
        ("cut=rst", "truncated"),
        ("error-first", "provider_failed"),
        ("vllm-error", "provider_failed"),
    ] {
        for stream in [true, false] {
            falls_back(&house, fault, stream, kind).await;
        }
    }
    // Only a stream can show these before there is content.
    for (fault, kind) in [
        ("burst,cut-after=1", "truncated"),
        ("burst,comments,cut-after=1,cut=fin", "truncated"),
        ("error-after=0,comments,chunk=3", "provider_failed"),
    ] {
        falls_back(&house, fault, true, kind).await;
    }
}

#[tokio::test]
async fn what_cannot_help_is_not() {
    let house = house("");
    for (fault, status) in
        [("status=400", 400), ("status=404", 404), ("status=422", 422), ("status=413", 413)]
    {
        house.sim.script(Some("instant"), &[fault]).unwrap();
        let (reply, record) = house.call(&chat("", &asks("two", true))).await;
        assert_eq!((reply.status, tries(&record).len()), (status, 1), "{fault}");
    }
}

#[tokio::test]
async fn nothing_is_switched_once_content_has_gone_out() {
    let house = house("");
    for (fault, kind) in [
        ("burst,cut-after=3", "truncated"),
        ("burst,cut-after=2,cut=rst", "truncated"),
        ("burst,error-after=1", "provider_failed"),
    ] {
        house.sim.script(Some("instant"), &[fault]).unwrap();
        let (reply, record) = house.call(&chat("", &asks("two", true))).await;
        assert_eq!(tries(&record), [("sim/instant".to_owned(), kind.to_owned())], "{fault}");
        assert_eq!(
            (reply.status, reply.is_done(), reply.error_events().len()),
            (200, false, 1),
            "{fault} {}",
            reply.text()
        );
        assert_eq!((&record["status"], &record["error_kind"]), (&json!("partial"), &json!(kind)), "{fault}");
    }
}

#[tokio::test]
async fn a_target_that_cannot_be_reached_is_passed_over() {
    let house = house("");
    let (reply, record) = house.call(&chat("", &asks("away", true))).await;
    assert!(reply.is_done());
    assert_eq!(
        tries(&record),
        [("gone/m".to_owned(), "connect".to_owned()), ("sim/instant".to_owned(), "-".to_owned())]
    );
    house.sim.script(Some("instant"), &["status=503"]).unwrap();
    house.sim.script(Some("fast"), &["burst"]).unwrap();
    let (reply, record) = house.call(&chat("", &asks("three", false))).await;
    assert_eq!((reply.status, reply.header("x-paceline-attempts")), (200, Some("3")));
    let kinds: Vec<String> = tries(&record).into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["provider_failed", "connect", "-"]);
}

#[tokio::test]
async fn when_all_fail_the_caller_hears_the_last() {
    let house = house("");
    house.sim.script(Some("instant"), &["status=503"]).unwrap();
    house.sim.script(Some("fast"), &["status=429,retry-after=9"]).unwrap();
    let (reply, record) = house.call(&chat("", &asks("two", true))).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("9")));
    assert_eq!((&record["status"], &record["error_kind"]), (&json!("error"), &json!("rate_limited")));
    assert_eq!(record["attempts"][1]["retry_after_ms"], 9000);
    assert_eq!(reply.header("x-paceline-attempts"), Some("2"));
}

#[tokio::test]
async fn a_first_token_that_is_late_lets_the_next_target_try() {
    for fault in ["stall-before-head", "stall-after-head", "burst,stall-after=1"] {
        let text = crate::support::house::USUAL.replace("[models]", "[models]\ntwo = { targets = [\"sim/instant\", \"sim/fast\"], timeouts = { first_token_ms = 100 } }");
        let house = House::with(&text, &[]);
        falls_back(&house, fault, true, "timeout").await;
        let record = house.newest_of(1).await;
        assert!(record["duration_ms"].as_f64().unwrap() < 1000.0, "{fault} {record:#}");
    }
}

#[tokio::test]
async fn a_slow_stream_before_its_first_token_is_held_and_then_passed_whole() {
    let house = house("");
    house.sim.script(Some("instant"), &["ttft=120,itl=1,tokens=8,comments"]).unwrap();
    let (reply, record) = house.call(&chat("", &asks("two", true))).await;
    let sent = house.only_call().await;
    assert!(reply.is_done() && reply.text().starts_with(": keep-alive"));
    assert_eq!(
        (tries(&record).len(), reply.events().len() as u64),
        (1, sent.events_sent),
        "all but the usage, and the mark"
    );
    let ttft = record["ttft_ms"].as_f64().unwrap();
    assert!((118.0..200.0).contains(&ttft), "{ttft}");
}

#[tokio::test]
async fn each_target_gets_its_own_key_and_the_same_words() {
    let good = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let (bad, good) = (
        Canned::new(&[b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"]).await,
        Canned::new(&[&good[..]]).await,
    );
    let more = format!(
        "[providers.other]\nkind = \"compatible\"\nbase_url = \"http://{}/v2\"\napi_key_env = \"OTHER_KEY\"\n\
         [models]\ntwo = {{ targets = [\"canned/a\", \"other/b\"] }}",
        good.address
    );
    let house = House::with(&bad.config(&more), &[("OTHER_KEY", "sk-other-0123456789")]);
    let reply =
        house.send(&chat("", &asks("two", false)).header("authorization", "Bearer callers-own")).await;
    assert_eq!(reply.status, 200);
    let (first, second) = (bad.seen().remove(0), good.seen().remove(0));
    assert!(first.starts_with("POST /v1/chat/completions ") && first.contains("\"model\":\"a\""), "{first}");
    assert!(
        second.starts_with("POST /v2/chat/completions ") && second.contains("\"model\":\"b\""),
        "{second}"
    );
    let key = crate::support::house::PROVIDER_KEY;
    assert!(first.contains(&format!("authorization: Bearer {key}\r\n")) && !first.contains("sk-other"));
    assert!(second.contains("authorization: Bearer sk-other-0123456789\r\n") && !second.contains(key));
    assert!(!(first + &second).contains("callers-own"));
}
