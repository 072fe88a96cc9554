//! Capture: bodies are stored only where somebody asked, as the caller sent and got them, redacted, bounded, for a while.

use crate::support::house::{PROVIDER_KEY, USUAL};
use crate::support::{Ask, House, PATIENCE, Reply, ask, ask_with, chat, chat_raw};
use flate2::{Compression, write::GzEncoder};
use paceline_sim::Outcome;
use serde_json::{Value, json};
use std::io::Write;
use std::time::Instant;

const CALLER: &str = "pk-planted-caller-0123456789abcdef";
const ADMIN: &str = "ak-planted-admin-0123456789abcdef";
const KEPT: usize = 256 * 1024;

fn with_keys() -> House {
    let text = format!("{USUAL}\n[[keys]]\nname = \"team-a\"\nkey_env = \"TEAM_KEY\"");
    House::with(&text, &[("TEAM_KEY", CALLER), ("PACELINE_ADMIN_KEY", ADMIN)])
}

/// A request to the admin side.
fn admin(house: &House, ask: Ask) -> Ask {
    match &house.admin_key {
        Some(key) => ask.header("authorization", &format!("Bearer {key}")),
        None => ask,
    }
}

async fn capture(house: &House, asked: &Value) -> Reply {
    house.send(&admin(house, Ask::post("/v1/captures", asked.to_string()))).await
}

/// A house that captures.
async fn capturing(calls: u32) -> House {
    let house = House::new();
    let reply = capture(&house, &json!({ "calls": calls })).await;
    assert_eq!((reply.status, &reply.json()["calls_left"]), (200, &calls.into()), "{}", reply.text());
    house
}

/// The bodies of a call, once they are there.
async fn bodies(house: &House, id: &str) -> Value {
    let began = Instant::now();
    loop {
        let reply = house.admin(&format!("/v1/calls/{id}/body")).await;
        if reply.status == 200 {
            return reply.json();
        }
        assert!(reply.status == 404 && began.elapsed() < PATIENCE, "{}", reply.text());
    }
}

async fn left(house: &House) -> Vec<(Value, Value)> {
    let list = house.admin("/v1/captures").await.json();
    let rows = list["captures"].as_array().unwrap().iter();
    rows.map(|row| (row["key"].clone(), row["calls_left"].clone())).collect()
}

#[tokio::test]
async fn nothing_is_stored_without_being_asked() {
    let house = House::new();
    let id = house.send(&chat("", &ask(false))).await.id();
    house.newest_of(1).await;
    let reply = house.admin(&format!("/v1/calls/{id}/body")).await;
    assert_eq!(reply.refusal(), (404, "body_not_found".into()));
    assert!(reply.error().1.contains("paceline capture"), "{}", reply.text());
    let unknown = house.admin("/v1/calls/01m837xkv7000000000bpbz6tf/body").await;
    assert_eq!(unknown.refusal(), (404, "call_not_found".into()));
    assert!(left(&house).await.is_empty());
}

#[tokio::test]
async fn the_next_calls_are_kept_as_the_caller_sent_and_got_them_and_no_more() {
    let house = capturing(3).await;
    for body in [ask(false), ask(true), ask_with(true, &json!({"stream_options": {"include_usage": true}}))] {
        let reply = house.send(&chat("", &body)).await;
        let kept = bodies(&house, &reply.id()).await;
        assert_eq!(kept["request"]["text"], body.to_string(), "as it was sent, not as it went on");
        assert_eq!(kept["request"]["bytes"], body.to_string().len());
        assert_eq!(kept["answer"]["text"], reply.text());
        assert_eq!(kept["answer"]["content_type"].as_str(), reply.header("content-type"));
        assert_eq!((&kept["answer"]["cut"], &kept["id"]), (&false.into(), &reply.id().into()));
    }
    assert!(left(&house).await.is_empty());
    let fourth = house.send(&chat("", &ask(false))).await.id();
    house.newest_of(4).await;
    assert_eq!(house.admin(&format!("/v1/calls/{fourth}/body")).await.status, 404);
}

#[tokio::test]
async fn a_zipped_request_is_kept_unzipped() {
    let house = capturing(1).await;
    let plain = ask(false).to_string();
    let mut zip = GzEncoder::new(Vec::new(), Compression::default());
    zip.write_all(plain.as_bytes()).unwrap();
    let reply = house.send(&chat_raw("", zip.finish().unwrap()).header("content-encoding", "gzip")).await;
    let kept = bodies(&house, &reply.id()).await;
    assert_eq!((reply.status, &kept["request"]["text"]), (200, &plain.as_str().into()));
    assert_eq!(kept["request"]["bytes"], plain.len());
}

#[tokio::test]
async fn raw_calls_are_kept_where_they_are_text_and_else_noted() {
    let house = capturing(4).await;
    let echo = Ask::post("/sim/v1/echo", "plain words").header("content-type", "text/plain");
    let reply = house.send(&echo).await;
    let kept = bodies(&house, &reply.id()).await;
    assert_eq!(kept["request"]["text"], "plain words");
    let answer = kept["answer"]["text"].as_str().unwrap();
    assert!(reply.text().contains(PROVIDER_KEY), "the echo shows what the provider got");
    assert!(!answer.contains(PROVIDER_KEY) && answer.contains("plain words"), "{answer}");
    assert_eq!(serde_json::from_str::<Value>(answer).unwrap()["body"], "plain words");

    let speech = json!({"model": "sim/speech", "voice": "a", "input": "one two"}).to_string();
    let speech = Ask::post("/sim/v1/audio/speech", speech).header("content-type", "application/json");
    let reply = house.send(&speech.header("x-sim-fault", "burst")).await;
    let kept = bodies(&house, &reply.id()).await;
    let noted = json!({"content_type": "audio/mpeg", "bytes": reply.body.len(), "cut": false, "text": null});
    assert_eq!(kept["answer"], noted);
    assert!(kept["request"]["text"].as_str().unwrap().contains("one two"));

    // Larger than what is read whole: streamed up, and noted as it passes.
    let upload = Ask::post("/sim/v1/echo", vec![7; 2_000_000]).header("content-type", "application/x-thing");
    let kept = bodies(&house, &house.send(&upload).await.id()).await;
    let noted =
        json!({"content_type": "application/x-thing", "bytes": 2_000_000, "cut": false, "text": null});
    assert_eq!(kept["request"], noted);

    let kept = bodies(&house, &house.send(&Ask::get("/sim/v1/models")).await.id()).await;
    assert!(kept["request"].is_null() && kept["answer"]["text"].as_str().unwrap().contains("\"list\""));
}

#[tokio::test]
async fn calls_that_went_wrong_are_kept_too() {
    let house = capturing(10).await;
    let answered = [
        chat("status=503", &ask(false)),
        chat("", &json!({"model": "nobody", "messages": []})),
        chat_raw("", "{\"model\": "),
        chat("cut-after=3", &ask(true)),
    ];
    for one in &answered {
        let reply = house.send(one).await;
        let kept = bodies(&house, &reply.id()).await;
        assert_eq!(kept["request"]["text"], String::from_utf8_lossy(&one.body).as_ref());
        assert_eq!(kept["answer"]["text"], reply.text(), "{}", reply.status);
    }
    // A caller that leaves in the middle of a stream: what it got is there.
    let mut conn = house.begin(&chat("stall-after=3", &ask_with(true, &json!({"max_tokens": 50})))).await;
    let early = conn.reply_until(|reply| reply.events().len() >= 3).await;
    drop(conn);
    let kept = bodies(&house, &early.id()).await;
    assert!(kept["answer"]["text"].as_str().unwrap().starts_with(&early.text()), "{kept:#}");
    assert_eq!(house.record(&early.id()).await["status"], "canceled");
    // One that leaves before there is an answer.
    let seen = house.sim.calls(0).len();
    let conn = house.begin(&chat("stall-before-head", &ask(false))).await;
    let began = Instant::now();
    while house.sim.calls(0).get(seen).is_none_or(|call| call.outcome != Outcome::Stalled) {
        assert!(began.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    drop(conn);
    let record = house.newest_of(6).await;
    let kept = bodies(&house, record["id"].as_str().unwrap()).await;
    assert!(kept["answer"].is_null(), "{kept:#}");
}

#[tokio::test]
async fn a_long_body_is_cut_and_no_secret_shows_at_the_cut() {
    let house = capturing(1).await;
    // The address begins before the bound and ends after it.
    let head = json!({"model": "instant", "messages": [{"role": "user", "content": "X"}]}).to_string();
    let before = head.find('X').unwrap();
    let text = format!("{}ann.smith@example.com and {}", " ".repeat(KEPT - before - 8), "y ".repeat(70_000));
    let body = head.replace('X', &text);
    let reply = house.send(&chat_raw("", body.clone())).await;
    let kept = bodies(&house, &reply.id()).await["request"].clone();
    assert_eq!((&kept["cut"], &kept["bytes"]), (&true.into(), &body.len().into()));
    let text = kept["text"].as_str().unwrap();
    assert!(
        text.ends_with(" [email]") && text.len() <= KEPT + 8,
        "{} {}",
        text.len(),
        &text[text.len() - 40..]
    );
}

#[tokio::test]
async fn what_must_not_be_stored_is_cut_out_of_both_sides() {
    let house = with_keys();
    capture(&house, &json!({"key": "team-a"})).await;
    let private = ["ann@example.com", "4111 1111 1111 1111", "+49 30 901820", PROVIDER_KEY, CALLER, ADMIN];
    let content = private.join(", ");
    let body = json!({"model": "instant", "messages": [{"role": "user", "content": content}], "seed": 1});
    let raw = Ask::post("/sim/v1/echo", body.to_string()).header("content-type", "application/json");
    for one in [chat("", &body), chat("echo-key,status=400", &body), raw] {
        let reply = house.send(&one.header("authorization", &format!("Bearer {CALLER}"))).await;
        let kept = bodies(&house, &reply.id()).await;
        let whole = kept.to_string();
        assert!(private.iter().all(|secret| !whole.contains(secret)), "{whole}");
        let request: Value = serde_json::from_str(kept["request"]["text"].as_str().unwrap()).unwrap();
        let clean = "[email], [card], [phone], [secret], [secret], [secret]";
        assert_eq!((&request["messages"][0]["content"], &request["seed"]), (&clean.into(), &1.into()));
        assert!(serde_json::from_str::<Value>(kept["answer"]["text"].as_str().unwrap()).is_ok(), "{whole}");
    }
}

#[tokio::test]
async fn only_the_key_that_was_asked_for_is_captured() {
    let house = with_keys();
    for (asked, says) in [
        (json!({"key": "team-b"}), "there is no key `team-b`; the keys are team-a, admin"),
        (json!({}), "calls need a key here, so say whose; the keys are team-a, admin"),
        (json!({"key": "team-a", "calls": 0}), "`calls` must be 1 to 1000, not 0"),
        (json!({"key": "team-a", "calls": 1001}), "`calls` must be 1 to 1000, not 1001"),
        (
            json!({"key": "team-a", "expires_in_s": 86_401}),
            "`expires_in_s` must be 1 to 86400 (a day), not 86401",
        ),
        (json!({"key": "team-a", "call": 5}), "unknown field `call`"),
        (json!("team-a"), "the body must be like"),
    ] {
        let reply = capture(&house, &asked).await;
        assert_eq!(reply.refusal(), (400, "invalid_parameter".into()), "{asked}");
        assert!(reply.error().1.contains(says), "{asked}: {}", reply.text());
    }
    let keyless = House::new();
    let reply = capture(&keyless, &json!({"key": "team-a"})).await;
    assert!(reply.error().1.contains("leave the key out"), "{}", reply.text());

    let started = capture(&house, &json!({"key": "team-a", "calls": 5})).await.json();
    assert_eq!(started, json!({"key": "team-a", "calls_left": 5, "expires_in_s": 600, "kept_days": 7}));
    let call = |key: &str| chat("", &ask(false)).header("authorization", &format!("Bearer {key}"));
    house.send(&call(ADMIN)).await;
    assert_eq!(house.send(&call("unknown")).await.status, 401);
    assert_eq!(left(&house).await, [("team-a".into(), 5.into())]);
    house.send(&call(CALLER)).await;
    assert_eq!(left(&house).await, [("team-a".into(), 4.into())]);
    // Callers' keys do not show what others did.
    let nosy = Ask::get("/v1/captures").header("authorization", &format!("Bearer {CALLER}"));
    assert_eq!(house.send(&nosy).await.refusal(), (403, "admin_only".into()));

    let end = |path: &str| admin(&house, Ask::new("DELETE", path));
    assert_eq!(house.send(&end("/v1/captures/team-a")).await.json(), json!({"key": "team-a", "ended": true}));
    let again = house.send(&end("/v1/captures/team-a")).await;
    assert_eq!(again.refusal(), (404, "capture_not_found".into()));
    let id = house.send(&call(CALLER)).await.id();
    house.newest_of(4).await;
    assert_eq!(house.admin(&format!("/v1/calls/{id}/body")).await.status, 404);
    let wrong = house.send(&admin(&house, Ask::new("PUT", "/v1/captures"))).await;
    assert_eq!(wrong.refusal(), (405, "method_not_allowed".into()));
}

#[tokio::test]
async fn a_capture_expires() {
    let house = House::new();
    capture(&house, &json!({"expires_in_s": 1})).await;
    assert_eq!(left(&house).await, [(Value::Null, 10.into())]);
    let began = Instant::now();
    while !left(&house).await.is_empty() {
        assert!(began.elapsed() < PATIENCE, "a second is over");
    }
    let id = house.send(&chat("", &ask(false))).await.id();
    house.newest_of(1).await;
    assert_eq!(house.admin(&format!("/v1/calls/{id}/body")).await.status, 404);
    let end = house.send(&Ask::new("DELETE", "/v1/captures")).await;
    assert_eq!(end.refusal(), (404, "capture_not_found".into()), "there is nothing left to end");
}

#[tokio::test]
async fn bodies_are_there_after_a_restart_and_captures_are_not() {
    let data = crate::support::house::fresh("captures");
    let house = |more: &str| {
        House::with(&format!("{USUAL}\n{more}"), &[("PACELINE_DATA", &data.display().to_string())])
    };
    let first = house("");
    capture(&first, &json!({})).await;
    // Asked for nothing before the stop: what waits is stored by it.
    let id = first.send(&chat("", &ask(false))).await.id();
    drop(first);
    let second = house("");
    assert!(bodies(&second, &id).await["request"]["text"].as_str().unwrap().contains("say hi"));
    assert!(left(&second).await.is_empty());
    drop(second);
    std::fs::remove_dir_all(&data).unwrap();
    // In memory they are there until the process ends.
    let third = house("[storage]\nkind = \"memory\"");
    capture(&third, &json!({})).await;
    let id = third.send(&chat("", &ask(true))).await.id();
    assert!(bodies(&third, &id).await["answer"]["text"].as_str().unwrap().contains("[DONE]"));
    drop(third);
    let _ = std::fs::remove_dir_all(&data);
}
