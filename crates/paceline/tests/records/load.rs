//! A mixed random load: afterwards every count of the house agrees with every other and with the provider's.

use crate::support::{Ask, Conn, Dice, House, PATIENCE, ask, chat, chat_raw};
use paceline_sim::CallReport;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

const FAULTS: &[&str] = &[
    "",
    "",
    "unicode,chunk=5",
    "crlf,comments",
    "bom,done-tight",
    "done-twice",
    "no-usage",
    "usage-with-finish",
    "no-finish",
    "no-done",
    "event-bytes=70000",
    "cost=0.001",
    "json-answer",
    "status=400",
    "status=401",
    "status=404",
    "status=429,retry-after=1",
    "status=429,code=insufficient_quota",
    "status=500",
    "status=503",
    "echo-key",
    "body=garbage",
    "body=empty",
    "body=error",
    "error-first",
    "vllm-error",
    "error-after=4",
    "cut-before-head",
    "cut=rst",
    "cut=abrupt",
    "cut=fin",
    "cut-at-byte=700",
    "cut-after=3,cut=rst",
    "cut-after=3,cut=fin",
    "stall-before-head",
    "stall-after-head",
    "stall-after=3",
    "stall-after=3,stall-ms=20",
    "close",
    "gzip",
];
const LANES: usize = 16;
const CALLS_PER_LANE: usize = 60;

/// A request that is refused at the door of the path, yet accepted as a call.
fn unusable(dice: &mut Dice) -> Ask {
    match dice.below(5) {
        0 => chat_raw("", "{broken"),
        1 => chat("", &json!({"model": "no-such-model", "messages": []})),
        2 => chat("", &json!({"messages": []})),
        3 => Ask::get("/v1/chat/completions"),
        _ => Ask::post("/v1/chat/completions", "hi").header("content-type", "text/plain"),
    }
}

fn any(dice: &mut Dice) -> Ask {
    let fault = *dice.pick(FAULTS);
    match dice.below(12) {
        0 => unusable(dice),
        1 => {
            let body = json!({"model": "embed", "input": "some words"}).to_string();
            Ask::post("/v1/embeddings", body).header("x-sim-fault", &format!("burst,ttft=0,{fault}"))
        }
        2 => {
            let path = *dice.pick(&["/sim/v1/models", "/sim/v1/echo?x=1", "/sim/../x", "/sim/v1/nothing"]);
            Ask::get(path).header("x-sim-fault", fault)
        }
        3 => {
            let mut body = ask(dice.below(2) == 0);
            body["model"] = json!("both");
            chat(fault, &body)
        }
        _ => chat(fault, &ask(dice.below(3) > 0)),
    }
}

/// Makes calls one after the other and leaves some of them early; gives back how many it made.
async fn lane(house: Arc<House>, seed: u64) -> usize {
    let mut dice = Dice(seed);
    for _ in 0..CALLS_PER_LANE {
        let ask = any(&mut dice);
        let mut conn = Conn::open(house.address).await;
        conn.send(&ask.bytes(house.address)).await;
        match dice.below(8) {
            0 => conn.reset(),
            1 => {
                conn.head().await;
                let _ = conn.stream.shutdown().await;
            }
            _ => drop(conn.reply().await),
        }
    }
    CALLS_PER_LANE
}

/// A call counts from the moment its head was read; one that left before that never was one.
async fn quiet(house: &House) {
    let began = std::time::Instant::now();
    loop {
        let page = house.metrics().await;
        let (accepted, closed) =
            (page.one("paceline_calls_accepted_total"), page.one("paceline_ledger_calls_total"));
        let records = page.one("paceline_records_total");
        if page.one("paceline_calls_in_flight") == 0
            && page.one("paceline_connections") <= 1
            && records == closed
        {
            assert_eq!(accepted, closed);
            return;
        }
        assert!(began.elapsed() < PATIENCE, "accepted {accepted}, closed {closed}, recorded {records}");
    }
}

fn sum(records: &[Value], name: &str) -> u64 {
    records.iter().filter_map(|record| record["usage"][name].as_u64()).sum()
}

async fn agree(house: &House, made: usize) {
    let records = house.records().await;
    let page = house.metrics().await;
    let count = records.len() as u64;
    assert!(records.len() <= made && records.len() > made * 8 / 10, "{count} records of {made} calls made");
    let ids: std::collections::BTreeSet<&str> =
        records.iter().map(|record| record["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), records.len(), "no record twice");
    for name in ["paceline_calls_accepted_total", "paceline_ledger_calls_total", "paceline_records_total"] {
        assert_eq!(page.one(name), count, "{name}");
    }
    assert_eq!(page.one("paceline_records_dropped_total"), 0);
    assert_eq!(page.sum("paceline_calls_total", &[]), count);
    let mut ends: BTreeMap<(String, String), u64> = BTreeMap::new();
    for record in &records {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        *ends.entry((text("status"), text("error_kind"))).or_default() += 1;
    }
    for ((status, error), wanted) in &ends {
        let found = page.sum("paceline_calls_total", &[("status", status), ("error", error)]);
        assert_eq!(found, *wanted, "{status} {error}");
    }
    let tries: usize = records.iter().map(|record| record["attempts"].as_array().unwrap().len()).sum();
    assert_eq!(page.sum("paceline_attempts_total", &[]), tries as u64);
    for (kind, name) in
        [("input", "input_tokens"), ("output", "output_tokens"), ("reasoning", "reasoning_tokens")]
    {
        let total = sum(&records, name);
        assert_eq!(page.sum("paceline_tokens_total", &[("type", kind)]), total, "{name}");
        if kind != "reasoning" {
            assert_eq!(page.sum("paceline_ledger_tokens_total", &[("type", kind)]), total, "{name}");
        }
    }
    let overview = house.admin("/v1/performance/summary").await.json()["overview"].clone();
    assert_eq!(overview["total_requests"], records.len());
    assert_eq!(overview["total_tokens"], sum(&records, "input_tokens") + sum(&records, "output_tokens"));
    for (status, name) in [
        ("ok", "ok"),
        ("error", "errors"),
        ("partial", "partial"),
        ("canceled", "canceled"),
        ("refused", "refused"),
    ] {
        let wanted = records.iter().filter(|record| record["status"] == status).count();
        assert!(wanted > 0, "the load had every end: {status}");
        assert_eq!(overview[name], wanted, "{name}");
        let listed = house.admin(&format!("/v1/calls?limit=1000&status={status}")).await.json();
        assert_eq!(listed["calls"].as_array().unwrap().len(), wanted.min(1000), "{status}");
    }
}

#[tokio::test]
async fn records_are_the_accepted_calls() {
    let config = crate::support::house::USUAL.replace(
        "[log]",
        "[timeouts]\nfirst_token_ms = 150\nidle_ms = 150\ntotal_ms = 150\nstream_total_ms = 400\n[log]",
    );
    let both = "both = { targets = [\"sim/sim/instant\", \"sim/instant\"] }";
    let house = Arc::new(House::with(&format!("{config}\n{both}"), &[]));
    let mut lanes = JoinSet::new();
    for at in 0..LANES {
        lanes.spawn(lane(Arc::clone(&house), 1_000 + at as u64));
    }
    let made: usize = lanes.join_all().await.iter().sum();
    quiet(&house).await;
    agree(&house, made).await;
    let records = house.records().await;
    let tries: usize = records.iter().map(|record| record["attempts"].as_array().unwrap().len()).sum();
    // A kept connection that ends before any byte of an answer is replaced: such a call may be seen twice.
    let once = |call: &&CallReport| call.fault.as_deref() != Some("cut-before-head");
    let sent = house.sim.settled(0, 1, PATIENCE).await.iter().filter(once).count();
    assert!(sent <= tries, "nothing reached the provider without being recorded: {sent} > {tries}");
    let reported = |record: &&Value| record["usage"]["source"] == "reported" && record["status"] == "ok";
    let recorded: u64 =
        records.iter().filter(reported).filter_map(|r| r["usage"]["output_tokens"].as_u64()).sum();
    assert!(recorded <= house.sim.totals().output_tokens, "no token was counted twice");
}
