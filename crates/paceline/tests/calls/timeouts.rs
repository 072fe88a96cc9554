//! Every limit of time: it ends the call, it is named, and the provider is let go.

use crate::support::{House, ask, chat};
use paceline_sim::Outcome;
use serde_json::{Value, json};

fn impatient(limits: &str) -> House {
    House::but("[log]", &format!("[timeouts]\n{limits}\n[log]"))
}

const LONG: &str = "first_token_ms = 9000\nidle_ms = 9000\ntotal_ms = 9000\nstream_total_ms = 9000";

/// With one limit short and the others long.
fn with_short(name: &str, ms: u64) -> House {
    impatient(&LONG.replace(&format!("{name} = 9000"), &format!("{name} = {ms}")))
}

async fn ends(house: &House, record: &Value, status: &str, code: &str) {
    assert_eq!(
        (&record["status"], &record["error_kind"], &record["error_code"]),
        (&json!(status), &json!("timeout"), &json!(code)),
        "{record:#}"
    );
    let ms = record["duration_ms"].as_f64().unwrap();
    assert!((80.0..1000.0).contains(&ms), "{ms}");
    assert_eq!(house.only_call().await.outcome, Outcome::ClientGone, "the provider is let go");
}

#[tokio::test]
async fn before_the_head_the_answer_is_an_error() {
    for (limit, stream, code) in [
        ("first_token_ms", true, "first_token_timeout"),
        ("stream_total_ms", true, "total_timeout"),
        ("total_ms", false, "total_timeout"),
    ] {
        let house = with_short(limit, 80);
        let (reply, record) = house.call(&chat("stall-before-head", &ask(stream))).await;
        let (found, message) = reply.error();
        assert_eq!((reply.status, found.as_str()), (504, code), "{limit}");
        assert!(message.contains("0.08 s") && message.contains(limit), "{message}");
        ends(&house, &record, "error", code).await;
        assert_eq!(record["attempts"][0]["error_kind"], "timeout");
    }
}

#[tokio::test]
async fn after_the_head_the_stream_tells_it() {
    for (limit, fault, status, code) in [
        ("first_token_ms", "stall-after-head", "error", "first_token_timeout"),
        ("first_token_ms", "stall-after=1", "error", "first_token_timeout"),
        ("idle_ms", "burst,stall-after=4", "partial", "idle_timeout"),
        ("stream_total_ms", "itl=5,tokens=5000", "partial", "total_timeout"),
    ] {
        let house = with_short(limit, 80);
        let (reply, record) = house.call(&chat(fault, &ask(true))).await;
        assert_eq!((reply.status, reply.whole, reply.is_done()), (200, true, false), "{limit} {fault}");
        let errors = reply.error_events();
        assert_eq!((errors.len(), &errors[0]["error"]["code"]), (1, &json!(code)), "{limit} {fault}");
        assert!(errors[0]["error"]["message"].as_str().unwrap().contains(limit), "{errors:?}");
        ends(&house, &record, status, code).await;
    }
}

#[tokio::test]
async fn an_answer_in_one_piece_has_one_limit() {
    let house = with_short("total_ms", 80);
    let (reply, record) = house.call(&chat("stall-after-head", &ask(false))).await;
    assert_eq!(reply.refusal(), (504, "total_timeout".into()));
    ends(&house, &record, "error", "total_timeout").await;
    let house = impatient("first_token_ms = 30\nidle_ms = 30\nstream_total_ms = 30");
    let reply = house.send(&chat("ttft=120", &ask(false))).await;
    assert_eq!(reply.status, 200, "the limits of streams do not concern it");
}

#[tokio::test]
async fn each_token_starts_the_idle_limit_anew() {
    let house = impatient("idle_ms = 150\nfirst_token_ms = 150");
    let (reply, record) = house.call(&chat("itl=40,tokens=12", &ask(true))).await;
    assert!(reply.is_done(), "{}", reply.text());
    assert!(record["duration_ms"].as_f64().unwrap() > 300.0);
}

#[tokio::test]
async fn the_caller_may_allow_less_and_never_more() {
    let house = impatient(LONG);
    for stream in [true, false] {
        let house = impatient(LONG);
        let ask = chat("stall-before-head", &ask(stream)).header("x-paceline-timeout-ms", "80");
        let (reply, record) = house.call(&ask).await;
        let (code, message) = reply.error();
        assert_eq!((reply.status, code.as_str()), (504, "total_timeout"));
        assert!(message.contains("x-paceline-timeout-ms"), "{message}");
        ends(&house, &record, "error", "total_timeout").await;
    }
    let reply = house.send(&chat("", &ask(true)).header("x-paceline-timeout-ms", "soon")).await;
    assert_eq!(reply.status, 200);
    let house = with_short("total_ms", 80);
    let ask = chat("stall-before-head", &ask(false)).header("x-paceline-timeout-ms", "60000");
    assert_eq!(house.send(&ask).await.refusal(), (504, "total_timeout".into()));
}

#[tokio::test]
async fn a_model_may_have_limits_of_its_own() {
    let house = House::and("slow = { targets = [\"sim/sim/instant\"], timeouts = { first_token_ms = 80 } }");
    let mut body = ask(true);
    body["model"] = json!("slow");
    let (reply, record) = house.call(&chat("stall-before-head", &body)).await;
    assert_eq!(reply.refusal(), (504, "first_token_timeout".into()));
    ends(&house, &record, "error", "first_token_timeout").await;
}
