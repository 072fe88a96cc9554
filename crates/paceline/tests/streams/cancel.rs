//! A caller who leaves: the provider's connection is closed at once, and what was used is recorded.

use crate::support::{Ask, Conn, GONE_WITHIN_MS, House, PATIENCE, Reply, ask, chat};
use paceline_sim::{CallReport, Outcome};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::AsyncWriteExt;

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Fin,
    Reset,
}

/// Waits until the provider's latest call is as wanted.
async fn provider(house: &House, count: usize, wanted: impl Fn(&CallReport) -> bool) {
    let began = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    loop {
        let calls = house.sim.calls(0);
        if calls.len() == count && wanted(&calls[count - 1]) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{calls:#?}");
        tick.tick().await;
    }
}

fn unix_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1000.0
}

/// Leaves; gives back when (Unix, ms).
async fn leave(mut conn: Conn, how: How) -> f64 {
    match how {
        How::Fin => conn.stream.shutdown().await.unwrap(),
        How::Reset => conn.reset(),
    }
    unix_ms()
}

/// The provider must have learned within the limit; its call and the record.
async fn aftermath(house: &House, count: usize, left_at: f64) -> (CallReport, Value) {
    let sent = house.ledger(count).await.pop().unwrap();
    assert_eq!(sent.outcome, Outcome::ClientGone, "{sent:#?}");
    let late = sent.received_at as f64 + sent.client_gone_ms.unwrap() - left_at;
    assert!(late < GONE_WITHIN_MS, "the provider learned it after {late} ms");
    let record = house.newest_of(count).await;
    assert_eq!(
        (&record["status"], &record["error_kind"]),
        (&json!("canceled"), &json!("canceled")),
        "{record:#}"
    );
    assert_eq!(record["attempts"][0]["error_kind"], "canceled", "{record:#}");
    assert!(record["usage"]["input_tokens"].as_u64().unwrap() > 0, "{record:#}");
    (sent, record)
}

#[tokio::test]
async fn while_waiting_for_the_head() {
    let house = House::new();
    let mut count = 0;
    for (stream, how) in [(true, How::Fin), (true, How::Reset), (false, How::Fin), (false, How::Reset)] {
        count += 1;
        let conn = house.begin(&chat("stall-before-head", &ask(stream))).await;
        provider(&house, count, |call| call.outcome == Outcome::Stalled).await;
        let left_at = leave(conn, how).await;
        let (_, record) = aftermath(&house, count, left_at).await;
        assert_eq!((&record["http_status"], &record["ttft_ms"]), (&Value::Null, &Value::Null), "{record:#}");
        assert_eq!(record["usage"]["source"], "estimated");
    }
}

#[tokio::test]
async fn with_the_head_and_without_content() {
    let house = House::new();
    let mut count = 0;
    for (stream, fault, how) in [
        (true, "stall-after-head", How::Fin),
        (true, "stall-after-head", How::Reset),
        (true, "stall-after=1", How::Fin),
        (false, "stall-after-head", How::Reset),
        (false, "stall-after-head", How::Fin),
    ] {
        count += 1;
        let mut conn = house.begin(&chat(fault, &ask(stream))).await;
        if stream {
            conn.reply_until(|reply| reply.events().len() == usize::from(fault == "stall-after=1")).await;
        }
        provider(&house, count, |call| call.outcome == Outcome::Stalled).await;
        let left_at = leave(conn, how).await;
        let (_, record) = aftermath(&house, count, left_at).await;
        assert_eq!(
            (&record["ttft_ms"], &record["usage"]["output_tokens"]),
            (&Value::Null, &json!(0)),
            "{record:#}"
        );
    }
}

#[tokio::test]
async fn in_the_middle_of_a_stream() {
    let house = House::new();
    let mut count = 0;
    for (fault, how) in [
        ("burst,stall-after=9", How::Fin),
        ("burst,stall-after=9", How::Reset),
        ("itl=5,tokens=20000", How::Fin),
        ("itl=5,tokens=20000", How::Reset),
    ] {
        count += 1;
        let mut conn = house.begin(&chat(fault, &ask(true))).await;
        conn.reply_until(|reply| reply.events().len() == 9).await;
        let left_at = leave(conn, how).await;
        let (sent, record) = aftermath(&house, count, left_at).await;
        assert!(sent.tokens_sent >= 8 && sent.tokens_sent < 200, "{sent:#?}");
        let output = record["usage"]["output_tokens"].as_u64().unwrap();
        // The simulated words are longer than the four bytes that an estimate takes for a token.
        assert!((sent.tokens_sent / 3..=sent.tokens_sent * 3).contains(&output), "{sent:#?} {record:#}");
        assert_eq!(record["http_status"], 200);
        assert!(record["ttft_ms"].as_f64().unwrap() > 0.0);
    }
}

#[tokio::test]
async fn usage_that_had_come_is_kept() {
    let house = House::new();
    let events = {
        let reply = house.send(&chat("burst,tokens=4", &ask(true))).await;
        reply.events().len()
    };
    // All events of the caller but the end mark, and the usage chunk that only we see.
    let fault = format!("burst,tokens=4,stall-after={events}");
    let mut conn = house.begin(&chat(&fault, &ask(true))).await;
    conn.reply_until(|reply: &Reply| reply.events().len() == events - 1).await;
    provider(&house, 2, |call| call.outcome == Outcome::Stalled && call.usage.is_some()).await;
    let left_at = leave(conn, How::Fin).await;
    let (sent, record) = aftermath(&house, 2, left_at).await;
    assert_eq!(record["usage"]["source"], "reported", "{record:#}");
    assert_eq!(record["usage"]["output_tokens"], sent.usage.unwrap()["completion_tokens"]);
}

#[tokio::test]
async fn from_a_raw_answer() {
    let house = House::new();
    let body = json!({"model": "sim/speech", "voice": "a", "input": "one two three"}).to_string();
    for (at, how) in [How::Fin, How::Reset].into_iter().enumerate() {
        let ask =
            Ask::post("/sim/v1/audio/speech", body.clone()).header("x-sim-fault", "burst,stall-after=2");
        let mut conn = house.begin(&ask).await;
        conn.reply_until(|reply| reply.body.len() == 2048).await;
        let left_at = leave(conn, how).await;
        let sent = house.ledger(at + 1).await.pop().unwrap();
        assert_eq!(sent.outcome, Outcome::ClientGone);
        let late = sent.received_at as f64 + sent.client_gone_ms.unwrap() - left_at;
        assert!(late < GONE_WITHIN_MS, "the provider learned it after {late} ms");
        let record = house.newest_of(at + 1).await;
        assert_eq!((&record["status"], &record["operation"]), (&json!("canceled"), &json!("passthrough")));
    }
}

#[tokio::test]
async fn in_the_middle_of_its_own_request() {
    let house = House::new();
    for (at, path) in ["/v1/chat/completions", "/sim/v1/files"].into_iter().enumerate() {
        let ask = Ask::post(path, "{\"model\"").header("content-length", "2000000");
        let mut conn = house.begin(&ask).await;
        conn.stream.shutdown().await.unwrap();
        let record = house.newest_of(at + 1).await;
        let status = record["status"].as_str().unwrap();
        assert!(["canceled", "refused"].contains(&status), "{record:#}");
        drop(conn);
    }
    assert_eq!(house.metrics().await.one("paceline_calls_accepted_total"), 2);
}

#[tokio::test]
async fn a_provider_to_be_closed_is_closed_also_beside_one_to_be_drained() {
    let more = "[providers.other]\nkind = \"compatible\"\nbase_url = \"http://SIM/v1\"\non_client_cancel = \"drain\"";
    let house = House::and(more);
    let mut count = 0;
    for stream in [true, false] {
        count += 1;
        let conn = house.begin(&chat("stall-before-head", &ask(stream))).await;
        provider(&house, count, |call| call.outcome == Outcome::Stalled).await;
        let left_at = leave(conn, How::Fin).await;
        aftermath(&house, count, left_at).await;
    }
}
