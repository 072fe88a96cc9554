//! How many calls a provider takes at once is learned from its refusals: callers then wait here instead of failing there.

use crate::support::{House, Narrow, PATIENCE, Reply, ask, chat};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// What the provider takes, and how many come at once.
const ROOM: usize = 6;
const CROWD: usize = 14;

/// A house before this provider. Calls wait long, and are tried often, so that time decides nothing here.
fn house(provider: &Narrow, adaptive: bool) -> Arc<House> {
    let text = format!(
        r#"
        [server]
        listen = "127.0.0.1:0"
        workers = 2
        [log]
        level = "off"
        [retry]
        attempts = 10
        base_ms = 5
        cap_ms = 50
        budget_floor_per_s = 10000
        [health]
        failures = 1000
        [queue]
        max_wait_ms = 60000
        overloaded_after_ms = 60000
        adaptive = {adaptive}
        adaptive_start = 4
        [providers.narrow]
        kind = "compatible"
        base_url = "http://{}/v1"
        api_key_env = "SIM_KEY"
        [models]
        instant = "narrow/m"
        "#,
        provider.address
    );
    Arc::new(House::with(&text, &[]))
}

/// So many calls begin at once.
fn crowd(house: &Arc<House>, count: usize) -> JoinSet<Reply> {
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let house = Arc::clone(house);
        calls.spawn(async move { house.send(&chat("", &ask(true))).await });
    }
    calls
}

async fn place(house: &House) -> Value {
    house.admin("/v1/limits").await.json()["deployments"][0].clone()
}

/// The limit that `/v1/limits` tells.
async fn limit(house: &House) -> Option<u64> {
    place(house).await["learned_limit"].as_u64()
}

/// A crowd that is there together: held at the provider, or in line before it. Gives back how the place is then.
async fn gather(house: &Arc<House>, provider: &Narrow) -> (JoinSet<Reply>, Value) {
    provider.open(false);
    let calls = crowd(house, CROWD);
    let began = Instant::now();
    loop {
        let place = place(house).await;
        if place["in_flight"].as_u64().unwrap() + place["waiting"].as_u64().unwrap() == CROWD as u64 {
            return (calls, place);
        }
        assert!(began.elapsed() < PATIENCE, "{place:#}");
    }
}

async fn learns(refusal: &'static str) {
    let provider = Narrow::new(ROOM, refusal).await;
    let house = house(&provider, true);
    assert_eq!(limit(&house).await, None, "who has shown no sign has no limit");
    // Some of these are refused there, and tried again.
    provider.open(true);
    crowd(&house, 2).join_all().await;
    assert_eq!((limit(&house).await, provider.refused()), (None, 0));
    let learned = learn(&house, &provider).await;

    // From now on what has no room there waits here.
    let before = provider.refused();
    let (calls, full) = gather(&house, &provider).await;
    assert_eq!((&full["learned_limit"], &full["in_flight"]), (&json!(learned), &json!(learned)), "{full:#}");
    assert!(provider.inside() <= ROOM);
    let metrics = house.metrics().await;
    let of_it = [("provider", "narrow")];
    assert_eq!(metrics.sum("paceline_learned_limit_calls", &of_it), learned);
    assert_eq!(metrics.sum("paceline_calls_waiting_in_line", &of_it), CROWD as u64 - learned);
    provider.open(true);
    for reply in calls.join_all().await {
        assert_eq!((reply.status, reply.is_done()), (200, true), "{}", reply.text());
    }
    let waited = house.records().await;
    let long = waited[..CROWD].iter().filter(|record| record["queue_ms"].as_f64().unwrap_or(0.0) > 0.0);
    assert!(long.count() >= CROWD - learned as usize, "who waited has it in the record: {waited:#?}");
    // The limit rises as it is used, and may meet the end of the room again: nobody fails for that.
    assert!(provider.refused() - before <= CROWD, "{} refused", provider.refused() - before);

    // More room is found.
    provider.widen(usize::MAX);
    let began = Instant::now();
    while limit(&house).await.is_some_and(|limit| limit < ROOM as u64 + 4) {
        assert!(began.elapsed() < PATIENCE * 3, "{}", place(&house).await);
        let (calls, _) = gather(&house, &provider).await;
        provider.open(true);
        calls.join_all().await;
    }
}

/// Calls that are held meet the end of the room until the limit is within it.
async fn learn(house: &Arc<House>, provider: &Narrow) -> u64 {
    let began = Instant::now();
    loop {
        provider.open(false);
        let calls = crowd(house, CROWD);
        // sleep: a refusal less than 200 ms after another one counts with it.
        tokio::time::sleep(Duration::from_millis(220)).await;
        provider.open(true);
        calls.join_all().await;
        match limit(house).await {
            Some(limit) if limit <= ROOM as u64 => return limit,
            found => assert!(began.elapsed() < PATIENCE * 3, "{found:?} {}", provider.refused()),
        }
    }
}

#[tokio::test]
async fn what_503_teaches() {
    learns("HTTP/1.1 503 Service Unavailable\r\n").await;
}

#[tokio::test]
async fn what_429_teaches() {
    learns("HTTP/1.1 429 Too Many Requests\r\nretry-after-ms: 10\r\n").await;
}

#[tokio::test]
async fn nothing_is_learned_where_that_is_turned_off() {
    let provider = Narrow::new(ROOM, "HTTP/1.1 503 Service Unavailable\r\n").await;
    let house = house(&provider, false);
    let calls = crowd(&house, CROWD);
    let began = Instant::now();
    while provider.refused() == 0 {
        assert!(began.elapsed() < PATIENCE, "nobody was refused");
        tokio::task::yield_now().await;
    }
    provider.open(true);
    calls.join_all().await;
    assert_eq!(limit(&house).await, None);
}
