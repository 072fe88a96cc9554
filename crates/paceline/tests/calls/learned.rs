//! How many calls a provider takes at once is learned from its refusals: callers then wait here instead of failing there.

use crate::support::{House, Narrow, PATIENCE, Reply, ask, chat};
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;

/// What the provider takes, and how many come at once.
const ROOM: usize = 6;
const CROWD: usize = 10;

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

/// So many further calls begin.
fn begin(calls: &mut JoinSet<Reply>, house: &Arc<House>, count: usize) {
    for _ in 0..count {
        let house = Arc::clone(house);
        calls.spawn(async move { house.send(&chat("", &ask(true))).await });
    }
}

/// A crowd comes and goes.
async fn crowd(house: &Arc<House>) {
    let mut calls = JoinSet::new();
    begin(&mut calls, house, CROWD);
    for reply in calls.join_all().await {
        assert_eq!((reply.status, reply.is_done()), (200, true), "{}", reply.text());
    }
}

async fn place(house: &House) -> Value {
    house.admin("/v1/limits").await.json()["deployments"][0].clone()
}

fn number(place: &Value, name: &str) -> usize {
    place[name].as_u64().map_or(usize::MAX, |number| number as usize)
}

/// Calls that the provider holds fill its room, and for each that is refused too often another one comes, until the
/// limit is within the room: then all others wait in line. Gives back those under way, and how the place is.
async fn learn(house: &Arc<House>, provider: &Narrow) -> (JoinSet<Reply>, Value) {
    let (mut calls, began) = (JoinSet::new(), Instant::now());
    loop {
        while calls.try_join_next().is_some() {}
        let missing = CROWD - calls.len();
        begin(&mut calls, house, missing);
        let place = place(house).await;
        let (inside, waiting) = (number(&place, "in_flight"), number(&place, "waiting"));
        let is_calm = inside == provider.inside() && inside.saturating_add(waiting) == CROWD;
        if number(&place, "learned_limit") <= ROOM && is_calm {
            return (calls, place);
        }
        assert!(began.elapsed() < PATIENCE * 3, "{place:#}");
    }
}

async fn learns(refusal: &'static str) {
    let provider = Narrow::new(ROOM, refusal).await;
    let house = house(&provider, true);
    provider.open(true);
    assert_eq!(house.send(&chat("", &ask(true))).await.status, 200);
    assert_eq!(place(&house).await["learned_limit"], Value::Null, "who has shown no sign has no limit");
    provider.open(false);
    let (calls, full) = learn(&house, &provider).await;

    // What has no room there waits here, is seen, and fares well.
    let (learned, waiting) = (number(&full, "learned_limit"), number(&full, "waiting"));
    assert!((4..=ROOM).contains(&learned) && waiting >= CROWD - ROOM, "{full:#}");
    let metrics = house.metrics().await;
    let of_it = [("provider", "narrow")];
    assert_eq!(metrics.sum("paceline_learned_limit_calls", &of_it), learned as u64);
    assert_eq!(metrics.sum("paceline_calls_waiting_in_line", &of_it), waiting as u64);
    let refused = provider.refused();
    provider.open(true);
    for reply in calls.join_all().await {
        assert_eq!((reply.status, reply.is_done()), (200, true), "{}", reply.text());
    }
    // Who waited has it in the record, which comes a little after the answer.
    let waited = |record: &&Value| record["status"] == "ok" && record["queue_ms"].as_f64() > Some(0.0);
    let began = Instant::now();
    while house.records().await.iter().filter(waited).count() < waiting {
        assert!(began.elapsed() < PATIENCE, "{:#?}", house.records().await);
    }
    // As it is used the limit rises, and may meet the end of the room again.
    assert!(provider.refused() - refused <= CROWD, "{} and {refused}", provider.refused());

    // More room is found.
    provider.widen(usize::MAX);
    let began = Instant::now();
    while number(&place(&house).await, "learned_limit") < CROWD {
        assert!(began.elapsed() < PATIENCE * 3, "{}", place(&house).await);
        crowd(&house).await;
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
    let mut calls = JoinSet::new();
    begin(&mut calls, &house, CROWD);
    let began = Instant::now();
    while provider.refused() == 0 {
        assert!(began.elapsed() < PATIENCE, "nobody was refused");
        tokio::task::yield_now().await;
    }
    provider.open(true);
    calls.join_all().await;
    assert_eq!(place(&house).await["learned_limit"], Value::Null);
}
