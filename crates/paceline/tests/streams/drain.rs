//! `on_client_cancel = "drain"`: the answer is read to its end although nobody waits, so that the usage is true.

use crate::support::{House, PATIENCE, ask, chat};
use paceline_sim::Outcome;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

fn draining(more: &str) -> House {
    let drain = format!("api_key_env = \"SIM_KEY\"\non_client_cancel = \"drain\"\n{more}");
    House::but("api_key_env = \"SIM_KEY\"", &drain)
}

async fn stalled(house: &House) {
    let (began, mut tick) = (Instant::now(), tokio::time::interval(Duration::from_millis(1)));
    while house.sim.calls(0).last().is_none_or(|call| call.outcome != Outcome::Stalled) {
        assert!(began.elapsed() < PATIENCE);
        tick.tick().await;
    }
}

/// A caller leaves while the provider is silent for a moment; the record.
async fn leaves(fault: &str, stream: bool, events: usize) -> (paceline_sim::CallReport, Value) {
    let house = draining("");
    let mut conn = house.begin(&chat(fault, &ask(stream))).await;
    if events > 0 {
        conn.reply_until(|reply| reply.events().len() == events).await;
    }
    stalled(&house).await;
    conn.stream.shutdown().await.unwrap();
    drop(conn);
    (house.only_call().await, house.newest_of(1).await)
}

#[tokio::test]
async fn the_true_usage_is_recorded_in_every_phase() {
    for (fault, stream, events) in [
        ("burst,tokens=40,stall-after=9,stall-ms=150", true, 9),
        ("burst,tokens=40,stall-after=1,stall-ms=150", true, 1),
        ("burst,tokens=40,stall-before-head,stall-ms=150", true, 0),
        ("burst,tokens=40,stall-before-head,stall-ms=150", false, 0),
        ("burst,tokens=40,stall-after-head,stall-ms=150", false, 0),
    ] {
        let (sent, record) = leaves(fault, stream, events).await;
        assert_eq!(sent.outcome, Outcome::Completed, "{fault} stream={stream}");
        assert_eq!(record["usage"]["source"], "reported", "{fault} stream={stream} {record:#}");
        assert_eq!(record["usage"]["output_tokens"], sent.tokens_sent, "{fault} stream={stream}");
        assert_eq!(record["status"], "canceled", "{fault} stream={stream}: nobody got the answer");
    }
}

#[tokio::test]
async fn a_drain_does_not_last_for_ever() {
    let house = draining("drain_max_ms = 100");
    let mut conn = house.begin(&chat("burst,stall-after=9", &ask(true))).await;
    conn.reply_until(|reply| reply.events().len() == 9).await;
    drop(conn);
    let sent = house.only_call().await;
    assert_eq!(sent.outcome, Outcome::ClientGone);
    let record = house.newest_of(1).await;
    assert_eq!((&record["status"], &record["usage"]["source"]), (&json!("canceled"), &json!("estimated")));
    let ms = record["duration_ms"].as_f64().unwrap();
    assert!((100.0..1000.0).contains(&ms), "{ms}");
}

#[tokio::test]
async fn who_stays_is_served_as_ever() {
    let house = draining("");
    let (reply, record) = house.call(&chat("", &ask(true))).await;
    assert!(reply.is_done());
    assert_eq!(record["status"], "ok");
    let (reply, record) = house.call(&chat("", &ask(false))).await;
    assert_eq!((reply.status, &record["status"]), (200, &json!("ok")));
}
