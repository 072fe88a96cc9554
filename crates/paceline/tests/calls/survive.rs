//! What providers do to calls, and how calls survive it: tries again, waits, places left alone, keys that take turns.

use crate::support::house::{USUAL, received};
use crate::support::{House, PATIENCE, ask, chat};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The usual house with these settings instead of its own that try nothing again.
fn house(settings: &str, models: &str) -> House {
    let start = USUAL.find("[retry]").unwrap();
    let end = USUAL.find("[providers.sim]").unwrap();
    let text = format!("{}{settings}\n{}\n{models}", &USUAL[..start], &USUAL[end..]);
    House::with(&text, &[])
}

fn asks(model: &str, stream: bool) -> Value {
    let mut body = ask(stream);
    body["model"] = json!(model);
    body
}

fn reasons(record: &Value) -> Vec<String> {
    let attempts = record["attempts"].as_array().unwrap();
    attempts
        .iter()
        .map(|attempt| {
            let kind = attempt["error_kind"].as_str().unwrap_or("ok");
            format!(
                "{} {} {kind}",
                attempt["deployment"].as_str().unwrap(),
                attempt["reason"].as_str().unwrap()
            )
        })
        .collect()
}

#[tokio::test]
async fn a_failure_that_passes_is_not_noticed() {
    let house = house("[retry]\nbase_ms = 20", "");
    for fault in ["status=500", "status=503", "cut-at-byte=100", "body=error"] {
        house.sim.script(Some("sim/instant"), &[fault, "burst"]).unwrap();
        let (reply, record) = house.call(&chat("", &asks("instant", false))).await;
        assert_eq!((reply.status, &record["status"]), (200, &json!("ok")), "{fault} {record:#}");
        assert_eq!(reasons(&record).len(), 2, "{fault}");
        assert!(reasons(&record)[1].starts_with("sim/sim/instant retry"), "{record:#}");
    }
}

#[tokio::test]
async fn after_the_last_try_clients_are_told_not_to_multiply_it() {
    let house = house("[retry]\nbase_ms = 20\nattempts = 2", "");
    let (reply, record) = house.call(&chat("status=500", &asks("instant", false))).await;
    assert_eq!((reply.status, reasons(&record).len()), (500, 3));
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    // What is the caller's own fault is tried once, and says nothing about another try.
    let (reply, record) = house.call(&chat("status=400", &asks("instant", false))).await;
    assert_eq!((reply.status, reasons(&record).len()), (400, 1));
    assert_eq!(reply.header("x-should-retry"), None);
}

#[tokio::test]
async fn what_a_provider_asks_to_wait_is_waited_and_nobody_calls_before() {
    let house = house("", "");
    house
        .sim
        .script(Some("sim/instant"), &["status=429,retry-after-ms=600", "burst", "burst", "burst"])
        .unwrap();
    let began = Instant::now();
    let (reply, record) = house.call(&chat("", &asks("instant", false))).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(began.elapsed() >= Duration::from_millis(600), "the time is the provider's");
    assert_eq!(reasons(&record), ["sim/sim/instant first rate_limited", "sim/sim/instant retry ok"]);
    assert!(record["queue_ms"].as_f64().unwrap() >= 500.0, "{record:#}");
}

#[tokio::test]
async fn who_cannot_wait_so_long_is_told_how_long_and_no_provider_is_asked() {
    let house = house("", "");
    house.sim.script(Some("sim/instant"), &["status=429,retry-after=40"]).unwrap();
    let impatient = |stream| chat("", &asks("instant", stream)).header("x-paceline-timeout-ms", "1500");
    let (reply, _) = house.call(&impatient(false)).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("40")));
    let before = house.sim.calls(0).len();
    for stream in [true, false] {
        let (reply, record) = house.call(&impatient(stream)).await;
        assert_eq!(reply.refusal(), (429, "provider_rate_limited".into()));
        let left: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((38..=40).contains(&left), "{left}");
        assert_eq!(reply.header("x-should-retry"), Some("true"));
        assert_eq!((&record["status"], &record["attempts"]), (&json!("refused"), &json!([])));
    }
    assert_eq!(house.sim.calls(0).len(), before, "nobody asks inside the time");
}

#[tokio::test]
async fn a_place_that_fails_is_left_alone_and_comes_back() {
    let settings = "[retry]\nattempts = 0\n[health]\nfailures = 3\nopen_ms = 300";
    let house = house(settings, "two = { targets = [\"sim/instant\", \"sim/fast\"] }");
    house.sim.script(Some("fast"), &["burst"; 20]).unwrap();
    house.sim.script(Some("instant"), &["status=500", "status=500", "status=500", "burst", "burst"]).unwrap();
    for _ in 0..3 {
        let (reply, record) = house.call(&chat("", &asks("two", false))).await;
        assert_eq!((reply.status, reasons(&record).len()), (200, 2));
    }
    let (_, record) = house.call(&chat("", &asks("two", false))).await;
    assert_eq!(reasons(&record), ["sim/fast first ok"], "the first is left alone");
    let state = house.admin("/v1/limits").await.json();
    let place = &state["deployments"][0];
    assert_eq!((&place["deployment"], &place["state"]), (&json!("sim/fast"), &json!("ready")), "{state:#}");
    assert_eq!(state["deployments"][1]["state"], "failing", "{state:#}");
    // sleep: the time that is waited for is that of the setting.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (_, record) = house.call(&chat("", &asks("two", false))).await;
    assert_eq!(reasons(&record), ["sim/instant first ok"], "one call saw that it is back");
}

#[tokio::test]
async fn the_last_place_is_never_given_up() {
    let house = house("[retry]\nattempts = 0\n[health]\nfailures = 2\nopen_ms = 60000", "");
    for _ in 0..6 {
        let (reply, record) = house.call(&chat("status=500", &asks("instant", false))).await;
        assert_eq!((reply.status, reasons(&record).len()), (500, 1));
    }
    let (reply, _) = house.call(&chat("", &asks("instant", false))).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn retries_end_where_their_budget_does() {
    let settings =
        "[retry]\nbase_ms = 1\nbudget_floor_per_s = 1\nbudget_share = 0.2\n[health]\nfailures = 1000";
    let house = house(settings, "");
    let mut sent = 0;
    for _ in 0..60 {
        let (_, record) = house.call(&chat("status=500", &asks("instant", false))).await;
        sent += reasons(&record).len();
    }
    // A fifth of 60, which is more than one a second for ten seconds.
    assert!((68..=76).contains(&sent), "{sent}");
}

#[tokio::test]
async fn a_prompt_too_long_for_one_goes_to_the_next_model() {
    let models = "long = { targets = [\"sim/instant\"], fallback = [\"other\"] }\nother = \"sim/fast\"";
    let house = house("", models);
    house.sim.script(Some("instant"), &["status=400,code=context_length_exceeded"]).unwrap();
    house.sim.script(Some("fast"), &["burst"]).unwrap();
    let (reply, record) = house.call(&chat("", &asks("long", false))).await;
    assert_eq!(reply.status, 200, "{} {record:#}", reply.text());
    assert_eq!(reasons(&record), ["sim/instant first context_too_long", "sim/fast fallback ok"]);
    assert_eq!(reply.header("x-paceline-model"), Some("other"));
}

#[tokio::test]
async fn a_model_with_one_place_is_tried_again_before_the_next_model() {
    let models = "one = { targets = [\"sim/instant\"], fallback = [\"other\"] }\nother = \"sim/fast\"";
    let house = house("[retry]\nbase_ms = 20", models);
    house.sim.script(Some("instant"), &["status=500", "status=502"]).unwrap();
    house.sim.script(Some("fast"), &["burst"]).unwrap();
    let (reply, record) = house.call(&chat("", &asks("one", false))).await;
    assert_eq!(reply.status, 200);
    let tries =
        ["sim/instant first provider_failed", "sim/instant retry provider_failed", "sim/fast fallback ok"];
    assert_eq!(reasons(&record), tries);
}

#[tokio::test]
async fn several_keys_take_turns_and_a_refused_one_is_left_out() {
    let text = USUAL.replace(
        "api_key_env = \"SIM_KEY\"",
        "api_key_env = \"SIM_KEY\"\nmore_api_keys_env = [\"SIM_KEY_2\"]",
    );
    let text = text.replace("key_retry_ms = 1", "key_retry_ms = 60000");
    let house = House::with(&text, &[("SIM_KEY_2", "sk-planted-provider-second-key-zzzz")]);
    let used = |house: &House| {
        let calls = house.sim.calls(0);
        let key = |call| received(call, "authorization").unwrap_or_default().to_owned();
        calls.iter().map(key).collect::<Vec<_>>()
    };
    for _ in 0..40 {
        house.call(&chat("", &asks("instant", false))).await;
    }
    let second = used(&house).iter().filter(|key| key.contains("zzzz")).count();
    assert!((5..35).contains(&second), "{second} of 40");
    // Whichever key meets the refusal, the call goes on with the other one, and that key is not used again.
    house.sim.script(Some("sim/instant"), &["status=401"]).unwrap();
    let (reply, record) = house.call(&chat("", &asks("instant", false))).await;
    assert_eq!((reply.status, reasons(&record).len()), (200, 2), "{record:#}");
    let before = used(&house).len();
    for _ in 0..20 {
        house.call(&chat("", &asks("instant", false))).await;
    }
    let after = used(&house);
    assert!(after[before..].iter().all(|key| *key == after[before]), "one key only");
    let state = house.admin("/v1/limits").await.json();
    let states: Vec<_> =
        state["deployments"].as_array().unwrap().iter().map(|one| one["state"].clone()).collect();
    assert!(states.contains(&json!("key_refused")) && states.contains(&json!("ready")), "{state:#}");
    assert!(!state.to_string().contains("planted"), "no key is shown");
}

#[tokio::test]
async fn a_stream_that_is_too_slow_ends_with_an_error() {
    let house = house("[timeouts]\nmin_tokens_per_s = 1000", "");
    let began = Instant::now();
    let (reply, record) = house.call(&chat("tokens=400,itl=50", &asks("instant", true))).await;
    assert!(began.elapsed() < PATIENCE * 4);
    assert_eq!(record["error_code"], "stream_too_slow", "{record:#}");
    assert_eq!((&record["status"], reply.is_done()), (&json!("partial"), false));
}

#[tokio::test]
async fn what_one_model_asks_to_wait_is_not_waited_where_another_is_left() {
    let models = "one = { targets = [\"sim/instant\"], fallback = [\"other\"] }\nother = \"sim/fast\"";
    for (fault, kind) in
        [("status=429,retry-after=30", "rate_limited"), ("status=503,retry-after=30", "provider_failed")]
    {
        let house = house("", models);
        house.sim.script(Some("instant"), &[fault]).unwrap();
        house.sim.script(Some("fast"), &["burst"]).unwrap();
        let mut ask = chat("", &asks("one", false));
        // Waiting would end in an error, not only late.
        ask = ask.header("x-paceline-timeout-ms", "20000");
        let (reply, record) = house.call(&ask).await;
        assert_eq!(reply.status, 200, "{fault}");
        assert_eq!(
            reasons(&record),
            [format!("sim/instant first {kind}"), "sim/fast fallback ok".into()],
            "{fault}"
        );
        assert!(record["duration_ms"].as_f64().unwrap() < 20_000.0);
    }
}

#[tokio::test]
async fn a_content_filter_moves_on_where_that_is_asked() {
    for (setting, status) in [("", 400), (", fallback_on_content_filter = true", 200)] {
        let models = format!(
            "strict = {{ targets = [\"sim/instant\"], fallback = [\"other\"]{setting} }}\nother = \"sim/fast\""
        );
        let house = house("", &models);
        house.sim.script(Some("instant"), &["status=400,code=content_filter"]).unwrap();
        house.sim.script(Some("fast"), &["burst"]).unwrap();
        let (reply, record) = house.call(&chat("", &asks("strict", false))).await;
        assert_eq!(reply.status, status, "{record:#}");
        assert_eq!(reasons(&record)[0], "sim/instant first content_filter");
        // The same, told as the end of an answer, in one piece or as a stream.
        for stream in [false, true] {
            house.sim.script(Some("instant"), &["blocked,burst"]).unwrap();
            house.sim.script(Some("fast"), &["burst"]).unwrap();
            let (reply, record) = house.call(&chat("", &asks("strict", stream))).await;
            assert_eq!(reply.status, 200, "{record:#}");
            let expected = if status == 200 { "stop" } else { "content_filter" };
            assert_eq!(record["finish_reason"], expected, "{record:#}");
        }
    }
}

#[tokio::test]
async fn weights_divide_the_calls_and_a_session_stays_where_it_is() {
    let models = "split = { targets = [{ target = \"sim/instant\", weight = 1 }, { target = \"sim/fast\", weight = 1 }] }";
    let house = house("", models);
    let mut seen = std::collections::BTreeMap::new();
    for n in 0..40 {
        let (_, record) = house.call(&chat("burst,tokens=1", &asks("split", false))).await;
        *seen.entry(record["deployment"].to_string()).or_insert(0) += 1;
        assert_eq!(reasons(&record).len(), 1, "{n}");
    }
    assert!(seen.len() == 2 && seen.values().all(|count| *count >= 5), "{seen:?}");
    let mut homes = std::collections::BTreeSet::new();
    for _ in 0..10 {
        let ask = chat("burst,tokens=1", &asks("split", false)).header("x-paceline-session", "one");
        homes.insert(house.call(&ask).await.1["deployment"].to_string());
    }
    assert_eq!(homes.len(), 1);
}
