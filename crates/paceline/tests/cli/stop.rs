//! A stop: who is let go on, who is told what when time is over, and what is kept of it.

use crate::program::{Folder, Serving};
use crate::support::http::exchange;
use crate::support::{Ask, Conn, House, PATIENCE, Reply, ask_with, chat};
use paceline_sim::Outcome;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// A configuration whose only provider is that of `house`.
fn config(house: &House, server: &str, provider: &str) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n{server}\n[providers.up]\nkind = \"compatible\"\n\
         base_url = \"http://{}/v1\"\n{provider}\n",
        house.sim_address
    )
}

async fn begin(serving: &Serving, ask: &Ask) -> Conn {
    let mut conn = Conn::open(serving.address).await;
    conn.send(&ask.bytes(serving.address)).await;
    conn
}

fn ask(fault: &str, stream: bool) -> Ask {
    chat(fault, &ask_with(stream, &json!({"model": "up/instant"})))
}

async fn stream_after(serving: &Serving, fault: &str, events: usize) -> (Conn, Reply) {
    let mut conn = begin(serving, &ask(fault, true)).await;
    let reply = conn.reply_until(|reply| reply.events().len() == events).await;
    (conn, reply)
}

/// Waits until so many calls of the provider stand still.
async fn stalled(house: &House, count: usize) {
    let (began, mut tick) = (Instant::now(), tokio::time::interval(Duration::from_millis(1)));
    while house.sim.calls(0).iter().filter(|call| call.outcome == Outcome::Stalled).count() < count {
        assert!(began.elapsed() < PATIENCE, "{:#?}", house.sim.calls(0));
        tick.tick().await;
    }
}

async fn refuses_connections(serving: &Serving) {
    let (began, mut tick) = (Instant::now(), tokio::time::interval(Duration::from_millis(1)));
    while TcpStream::connect(serving.address).await.is_ok() {
        assert!(began.elapsed() < PATIENCE, "new connections are taken");
        tick.tick().await;
    }
}

/// The rest of a stream that was not let to its end.
async fn told_in_the_stream(mut conn: Conn, mut reply: Reply) {
    while conn.more(&mut reply).await {}
    assert!(reply.whole && !reply.is_done(), "{}", reply.text());
    let errors = reply.error_events();
    assert_eq!((errors.len(), &errors[0]["error"]["code"]), (1, &json!("gateway_draining")), "{errors:?}");
    let message = errors[0]["error"]["message"].as_str().unwrap();
    assert!(message.contains("stopped") && message.contains("try again"), "{message}");
}

fn told_at_once(reply: &Reply) {
    assert_eq!(reply.refusal(), (503, "gateway_draining".into()), "{}", reply.text());
    assert_eq!((reply.header("retry-after"), reply.header("connection")), (Some("1"), Some("close")));
}

/// The records on disk after the end.
fn kept(folder: &Folder) -> Vec<Value> {
    let exported = folder.run(&["export"], &[]);
    assert_eq!(exported.code, 0, "{}", exported.err);
    exported.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Calls in every phase meet the limit, which came by a reload: all are told, let go of the provider, and recorded.
async fn every_phase_meets_the_limit(more: &str, provider: &str) {
    let house = House::new();
    let text = |drain: u32| format!("{}{more}", config(&house, &format!("drain_ms = {drain}"), provider));
    let folder = Folder::with(&text(3_600_000));
    let serving = folder.serve(&[], &[]);

    let begun = stream_after(&serving, "burst,stall-after=9", 9).await;
    let empty = stream_after(&serving, "stall-after=1", 1).await;
    let mut headless = begin(&serving, &ask("stall-before-head", true)).await;
    let mut awaited = begin(&serving, &ask("stall-before-head", false)).await;
    let mut half = begin(&serving, &ask("stall-after-head", false)).await;
    let speech = json!({"model": "speech", "voice": "a", "input": "one two three"}).to_string();
    let speech = Ask::post("/up/v1/audio/speech", speech).header("x-sim-fault", "burst,stall-after=2");
    let mut raw = begin(&serving, &speech).await;
    let mut document = raw.reply_until(|reply| reply.body.len() == 2048).await;
    let mut unsent =
        begin(&serving, &Ask::post("/v1/chat/completions", "{").header("content-length", "9999")).await;
    stalled(&house, 6).await;

    std::fs::write(folder.0.join("paceline.toml"), text(200)).unwrap();
    let told = exchange(serving.address, &Ask::post("/v1/config/reload", "")).await;
    assert_eq!(told.json()["changes"][0]["setting"], "server.drain_ms", "{}", told.text());
    serving.signal("-TERM");

    for (conn, reply) in [begun, empty] {
        told_in_the_stream(conn, reply).await;
    }
    for conn in [&mut headless, &mut awaited, &mut half, &mut unsent] {
        told_at_once(&conn.reply().await);
    }
    while raw.more(&mut document).await {}
    assert!(!document.whole, "a document that was not let to its end must not look whole");
    assert!(house.ledger(6).await.iter().all(|call| call.outcome == Outcome::ClientGone));
    let ended = serving.ended();
    assert_eq!(ended.code, 0, "{}", ended.err);
    for said in ["stopping: calls under way: 7, for 0.2 s at most", "calls ended before they were over: 7"] {
        assert!(ended.err.contains(said), "{said}: {}", ended.err);
    }
    let mut states = BTreeMap::new();
    for record in kept(&folder) {
        let cause = (&record["error_kind"], &record["error_code"]);
        assert_eq!(cause, (&json!("overloaded"), &json!("gateway_draining")), "{record:#}");
        *states.entry(record["status"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    let expected = [("error", 4), ("partial", 2), ("refused", 1)].map(|(name, n)| (name.to_owned(), n));
    assert_eq!(states, expected.into());
}

#[tokio::test]
async fn at_the_limit_every_call_is_told_and_recorded() {
    every_phase_meets_the_limit("", "").await;
}

#[tokio::test]
async fn at_the_limit_also_where_calls_may_outlive_their_callers_and_wait_for_their_records() {
    every_phase_meets_the_limit("[storage]\nwindow_ms = 0\n", "on_client_cancel = \"drain\"").await;
}

#[tokio::test]
async fn an_answer_that_is_read_without_its_caller_ends_with_the_limit_too() {
    let house = House::new();
    let provider = "on_client_cancel = \"drain\"\ndrain_max_ms = 600000";
    let folder = Folder::with(&config(&house, "drain_ms = 200", provider));
    let serving = folder.serve(&[], &[]);
    let (conn, _) = stream_after(&serving, "burst,stall-after=9", 9).await;
    drop(conn);
    let ended = serving.stop();
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(house.only_call().await.outcome, Outcome::ClientGone);
    assert_eq!(kept(&folder)[0]["status"], "canceled");
}

#[tokio::test]
async fn idle_connections_close_at_once_and_a_second_signal_ends_the_wait() {
    let house = House::new();
    let folder = Folder::with(&config(&house, "drain_ms = 3600000", ""));
    for signals in [["-TERM", "-TERM"], ["-INT", "-TERM"]] {
        let serving = folder.serve(&[], &[]);
        let mut silent = Conn::open(serving.address).await;
        let mut idle = begin(&serving, &ask("", false)).await;
        assert_eq!(idle.reply().await.status, 200);
        let (conn, reply) = stream_after(&serving, "burst,stall-after=9", 9).await;
        serving.signal(signals[0]);
        assert!(idle.is_closed().await && silent.is_closed().await);
        refuses_connections(&serving).await;
        serving.signal(signals[1]);
        told_in_the_stream(conn, reply).await;
        let ended = serving.ended();
        assert_eq!(ended.code, 0, "{}", ended.err);
    }
}

#[tokio::test]
async fn readiness_is_off_while_connections_are_still_taken() {
    let house = House::new();
    let folder = Folder::with(&config(&house, "drain_ms = 3600000\ndrain_ready_ms = 3600000", ""));
    let serving = folder.serve(&[], &[]);
    let mut kept = begin(&serving, &ask("", false)).await;
    assert_eq!(kept.reply().await.header("connection"), None);
    let ready = exchange(serving.address, &Ask::get("/health/ready")).await;
    assert_eq!((ready.status, &ready.json()["status"]), (200, &json!("ready")));
    serving.signal("-TERM");
    let (began, mut tick) = (Instant::now(), tokio::time::interval(Duration::from_millis(1)));
    let last = loop {
        let ready = exchange(serving.address, &Ask::get("/health/ready")).await;
        if ready.status == 503 {
            break ready;
        }
        assert!(began.elapsed() < PATIENCE, "readiness stays on");
        tick.tick().await;
    };
    assert_eq!(last.json()["status"], "draining");
    for path in ["/health/ready", "/health/live"] {
        let told = exchange(serving.address, &Ask::get(path)).await;
        assert_eq!(told.header("connection"), Some("close"), "{path}");
    }
    // Who calls nevertheless is answered, and told to go.
    let call = exchange(serving.address, &ask("", true)).await;
    assert!(call.is_done() && call.header("connection") == Some("close"), "{}", call.text());
    kept.send(&ask("", false).bytes(serving.address)).await;
    let reply = kept.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    assert!(kept.is_closed().await);
    serving.signal("-INT");
    let ended = serving.ended();
    assert!(ended.code == 0 && ended.err.trim().ends_with("INFO  stopped"), "{}", ended.err);
}
