//! How long a first token is waited for where another target is left: as long as first tokens of this place usually take.

use crate::support::{House, Reply, ask_with, chat};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const TWO: &str = "two = { targets = [\"sim/instant\", \"sim/fast\"] }\nlast = \"sim/fast\"";
/// Beyond the 2 s that a first token gets at least, and far below `timeouts.first_token_ms`.
const LATE: &str = "ttft=3000,tokens=1";

fn to(model: &str, stream: bool) -> Value {
    ask_with(stream, &json!({ "model": model }))
}

/// A house in which so many streams have shown how soon the first tokens of both targets come.
async fn taught(streams: usize, more: &str) -> House {
    let house = House::and(&format!("{TWO}\n{more}"));
    for model in ["two", "last"] {
        for _ in 0..streams {
            let reply = house.send(&chat("burst,ttft=0,tokens=1", &to(model, true))).await;
            assert!(reply.is_done(), "{}", reply.text());
        }
    }
    house
}

/// The next call of the first target with this fault, of the second without any.
async fn next_call(house: &House, fault: &str, body: &Value) -> (Reply, Value) {
    house.sim.script(Some("instant"), &[fault]).unwrap();
    house.sim.script(Some("fast"), &["burst,ttft=0,tokens=1"]).unwrap();
    house.call(&chat("", body)).await
}

/// Place, reason and error code of every attempt.
fn tries(record: &Value) -> Vec<[&str; 3]> {
    let told = |attempt| ["deployment", "reason", "error_code"].map(|name| text(attempt, name));
    record["attempts"].as_array().unwrap().iter().map(told).collect()
}

fn text<'a>(attempt: &'a Value, name: &str) -> &'a str {
    attempt[name].as_str().unwrap_or("-")
}

const FIRST_GIVEN_UP: [[&str; 3]; 2] =
    [["sim/instant", "first", "first_token_timeout"], ["sim/fast", "fallback", "-"]];

#[tokio::test]
async fn a_first_token_later_than_ever_is_left_to_the_next_target() {
    // Silence before the head, after it, and after the chunk that only tells the role.
    let mut waiting = JoinSet::new();
    for fault in ["stall-before-head", "stall-after-head", "stall-after=1"] {
        waiting.spawn(async move {
            let house = taught(110, "").await;
            let (reply, record) = next_call(&house, fault, &to("two", true)).await;
            assert_eq!((reply.status, reply.is_done()), (200, true), "{fault} {}", reply.text());
            assert_eq!(reply.error_events(), [] as [Value; 0], "the caller sees nothing of it");
            assert_eq!((reply.header("x-paceline-attempts"), &record["status"]), (Some("2"), &json!("ok")));
            assert_eq!(tries(&record), FIRST_GIVEN_UP, "{fault} {record:#}");
            // Two seconds it gets in any case; that it is less than the 60 s of the setting is what is new.
            let waited = record["attempts"][0]["ended_ms"].as_f64().unwrap();
            assert!((2000.0..30_000.0).contains(&waited), "{fault} {record:#}");
        });
    }
    waiting.join_all().await;
}

#[tokio::test]
async fn where_no_target_is_left_the_first_token_is_waited_for() {
    let house = taught(110, "").await;
    // The second target is the last one, also of a model that had two.
    house.sim.script(Some("instant"), &["status=500"]).unwrap();
    house.sim.script(Some("fast"), &[LATE, LATE]).unwrap();
    let (two, last) = (chat("", &to("two", true)), chat("", &to("last", true)));
    let ((reply, record), (alone, its)) = tokio::join!(house.call(&two), house.call(&last));
    assert!(reply.is_done() && alone.is_done(), "{} {}", reply.text(), alone.text());
    let [first, second] = tries(&record)[..] else { panic!("{record:#}") };
    assert_eq!((&first[..2], second), (&["sim/instant", "first"][..], ["sim/fast", "fallback", "-"]));
    assert_eq!(tries(&its), [["sim/fast", "first", "-"]], "{its:#}");
}

#[tokio::test]
async fn it_takes_a_hundred_first_tokens_the_setting_and_a_stream() {
    // Too few are known; it is turned off; an answer in one piece has no first token.
    let cases = [(60, "", true), (110, "[timeouts]\nfirst_token_auto = false", true), (110, "", false)];
    let mut waiting = JoinSet::new();
    for (streams, more, stream) in cases {
        waiting.spawn(async move {
            let house = taught(streams, more).await;
            let (reply, record) = next_call(&house, LATE, &to("two", stream)).await;
            assert_eq!(reply.status, 200, "{streams} {more} {}", reply.text());
            assert_eq!(tries(&record), [["sim/instant", "first", "-"]], "{streams} {more} {record:#}");
        });
    }
    waiting.join_all().await;
}
