//! Shadows: another model gets a copy of a call, and its caller notices nothing.

use crate::support::house::{USUAL, received};
use crate::support::{Ask, House, PATIENCE, ask_with, chat};
use paceline_sim::CallReport;
use serde_json::{Value, json};
use std::time::Instant;

/// What the caller's model and the shadow say, so that one is not taken for the other.
const CALLERS: &str = "burst,tokens=3";
const SHADOWS: &str = "burst,tokens=9";

/// A model `main` whose shadow `other` gets that share of its calls.
fn house(share: &str) -> House {
    // Tries again, where it may.
    let text = USUAL.replace("attempts = 0", "attempts = 2\nbase_ms = 1");
    let text = text.replace("workers = 2", "workers = 2\ndrain_ready_ms = 0");
    let models = format!(
        "main = {{ targets = [\"sim/instant\"], shadow = {{ model = \"other\", share = {share} }} }}\n\
         other = {{ targets = [\"sim/fast\"], fallback = [\"embed\"] }}"
    );
    House::with(&format!("{text}\n{models}"), &[])
}

fn call(stream: bool) -> Ask {
    chat("", &ask_with(stream, &json!({"model": "main"})))
}

fn script(house: &House, model: &str, faults: &[&str]) {
    house.sim.script(Some(model), faults).unwrap();
}

/// The caller's record and its shadow's, once both are there.
async fn both(house: &House) -> (Value, Value) {
    house.newest_of(2).await;
    let records = house.records().await;
    let (shadows, callers): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|record| record["tags"]["shadow_of"].is_string());
    assert_eq!((callers.len(), shadows.len()), (1, 1), "{callers:#?} {shadows:#?}");
    assert_eq!(shadows[0]["tags"]["shadow_of"], callers[0]["id"]);
    (callers[0].clone(), shadows[0].clone())
}

/// Waits until the provider has so many calls.
async fn arrived(house: &House, count: usize) {
    let began = Instant::now();
    while house.sim.calls(0).len() < count {
        assert!(began.elapsed() < PATIENCE, "calls at the provider: {:#?}", house.sim.calls(0));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_shadow_gets_a_copy_and_the_caller_its_own_answer() {
    for stream in [false, true] {
        let house = house("1.0");
        script(&house, "instant", &[CALLERS]);
        script(&house, "fast", &[SHADOWS]);
        let asked = call(stream).header("x-paceline-role", "writer").header("idempotency-key", "once");
        let reply = house.send(&asked.header("x-paceline-tags", "shadow_of=me,team=a")).await;
        assert_eq!((reply.status, reply.header("x-paceline-model")), (200, Some("main")));
        assert_eq!(reply.is_done(), stream);
        let (callers, shadows) = both(&house).await;
        assert_eq!(reply.id(), callers["id"].as_str().unwrap());
        assert_eq!(callers["tags"], json!({"team": "a"}), "nobody passes a call off as a copy");
        for (record, model, tokens) in [(&callers, "main", 3), (&shadows, "other", 9)] {
            let said = (&record["status"], &record["requested_model"], &record["model"]);
            assert_eq!(said, (&json!("ok"), &json!(model), &json!(model)), "{record:#}");
            assert_eq!(record["usage"]["output_tokens"], tokens, "{record:#}");
            assert_eq!((&record["stream"], &record["role"]), (&json!(stream), &json!("writer")));
        }
        let calls = house.ledger(2).await;
        let of = |model: &str| {
            let asked = |call: &&CallReport| call.model.as_ref().is_some_and(|name| name.ends_with(model));
            calls.iter().find(asked).unwrap_or_else(|| panic!("{model}: {calls:#?}"))
        };
        let [first, second] = ["instant", "fast"].map(|model| of(model).body.clone().unwrap());
        assert_eq!(first.replace("\"instant\"", "\"fast\""), second);
        assert_eq!(received(of("instant"), "idempotency-key"), Some("once"));
        assert_eq!(received(of("fast"), "idempotency-key"), None, "it is another call");
    }
}

#[tokio::test]
async fn a_slow_shadow_is_not_waited_for_and_ends_with_the_process() {
    for stall in ["stall-before-head", "stall-after-head", "stall-after=1"] {
        let house = house("1.0");
        script(&house, "instant", &[CALLERS]);
        script(&house, "fast", &[stall]);
        let (reply, record) = house.call(&call(true)).await;
        assert!(reply.status == 200 && reply.is_done(), "{}", reply.text());
        assert_eq!((&record["status"], &record["tags"]), (&json!("ok"), &json!({})));
        arrived(&house, 2).await;
        assert_eq!(house.records().await.len(), 1, "the shadow is under way");
        assert_eq!(house.metrics().await.one("paceline_calls_in_flight"), 1);
        let began = Instant::now();
        house.end();
        assert!(began.elapsed() < PATIENCE, "{stall}");
    }
}

#[tokio::test]
async fn a_shadow_that_fails_is_tried_once_and_seen_in_its_record_only() {
    for fault in
        ["status=500", "status=401", "cut-before-head", "body=garbage", "body=error", "cut-at-byte=60"]
    {
        for stream in [false, true] {
            let house = house("1.0");
            script(&house, "instant", &[CALLERS]);
            script(&house, "fast", &[fault, SHADOWS]);
            let reply = house.send(&call(stream)).await;
            assert_eq!((reply.status, reply.header("x-paceline-attempts")), (200, Some("1")), "{fault}");
            let (callers, shadows) = both(&house).await;
            assert_eq!(callers["status"], "ok", "{callers:#}");
            assert!(
                ["error", "partial"].contains(&shadows["status"].as_str().unwrap()),
                "{fault} {shadows:#}"
            );
            assert_eq!(shadows["attempts"].as_array().unwrap().len(), 1, "{fault} {shadows:#}");
            assert_eq!(house.ledger(2).await.len(), 2);
        }
    }
}

#[tokio::test]
async fn a_caller_that_goes_leaves_the_shadow_to_its_end() {
    let house = house("1.0");
    script(&house, "instant", &["stall-before-head"]);
    script(&house, "fast", &["burst,tokens=9,stall-after=2,stall-ms=400"]);
    let caller = house.begin(&call(true)).await;
    arrived(&house, 2).await;
    drop(caller);
    let (callers, shadows) = both(&house).await;
    assert_eq!((&callers["status"], &shadows["status"]), (&json!("canceled"), &json!("ok")), "{shadows:#}");
    assert_eq!(shadows["usage"]["output_tokens"], 9);
}

#[tokio::test]
async fn no_share_no_copy_and_a_share_of_half_is_about_half() {
    let house = house("0.0");
    for _ in 0..20 {
        assert_eq!(house.send(&call(false)).await.status, 200);
    }
    house.newest_of(20).await;
    assert_eq!(house.sim.calls(0).len(), 20);
    let house = self::house("0.5");
    script(&house, "fast", &[SHADOWS; 200]);
    for _ in 0..100 {
        assert_eq!(house.send(&call(false)).await.status, 200);
    }
    let copies =
        house.records().await.iter().filter(|record| record["tags"]["shadow_of"].is_string()).count();
    assert!((20..=80).contains(&copies), "{copies} of 100");
}

#[tokio::test]
async fn more_copies_than_may_be_are_left_out_and_counted() {
    let house = house("1.0");
    script(&house, "fast", &["stall-before-head"; 64]);
    let skipped = "paceline_shadow_calls_skipped_total";
    for _ in 0..64 {
        assert_eq!(house.send(&call(false)).await.status, 200);
    }
    assert_eq!(house.metrics().await.one(skipped), 0);
    for _ in 0..2 {
        assert_eq!(house.send(&call(false)).await.status, 200);
    }
    arrived(&house, 130).await;
    assert_eq!((house.metrics().await.one(skipped), house.sim.calls(0).len()), (2, 130));
}

#[tokio::test]
async fn the_callers_limits_and_budgets_do_not_see_it_and_its_account_does() {
    const KEY: &str = "pk-planted-caller-0123456789abcdef";
    const MORE: &str = r#"
        main = { targets = ["sim/instant"], shadow = { model = "other", share = 1.0 } }
        other = "sim/fast"
        [prices."sim/instant"]
        input_usd_per_million = 1
        output_usd_per_million = 1
        [prices."sim/fast"]
        input_usd_per_million = 1
        output_usd_per_million = 1
        [[keys]]
        name = "team-a"
        key_env = "TEAM_A"
        limits = { calls_per_minute = 5 }
        budget = { day_usd = 1 }
    "#;
    let env = [("TEAM_A", KEY), ("PACELINE_ADMIN_KEY", "ak-planted-admin-0123456789abcdef")];
    let house = House::with(&format!("{USUAL}{MORE}"), &env);
    for left in ["4", "3"] {
        let asked = call(false).header("authorization", &format!("Bearer {KEY}"));
        assert_eq!(house.send(&asked).await.header("x-ratelimit-remaining-requests"), Some(left));
    }
    house.newest_of(4).await;
    let (mut of_caller, mut of_shadow) = (0.0, 0.0);
    for record in house.records().await {
        assert_eq!(record["key"], "team-a", "{record:#}");
        let is_shadow = record["tags"]["shadow_of"].is_string();
        *(if is_shadow { &mut of_shadow } else { &mut of_caller }) += usd(&record["cost_usd"]);
    }
    assert!(of_caller > 0.0 && of_shadow > 0.0, "{of_caller} {of_shadow}");
    let state = house.admin("/v1/limits").await.json();
    let scopes = state["scopes"].as_array().unwrap();
    let spent: Vec<f64> = scopes.iter().map(|scope| usd(&scope["budget_day"]["spent_usd"])).collect();
    assert!(spent.len() == 1 && (spent[0] - of_caller).abs() < 1e-9, "{of_caller} {state:#}");
    assert_eq!(house.metrics().await.one("paceline_ledger_calls_total"), 4);
}

fn usd(value: &Value) -> f64 {
    value.to_string().trim_matches('"').parse().unwrap_or_else(|_| panic!("{value}"))
}
