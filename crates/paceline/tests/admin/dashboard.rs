//! The dashboard's page, its sign-in, and what it asks: live events, series, costs, the configuration.

use crate::support::house::USUAL;
use crate::support::{Ask, House, ask, chat};
use serde_json::{Value, json};

const ADMIN: &str = "ak-planted-admin-0123456789abcdef";

fn locked() -> House {
    House::with(USUAL, &[("PACELINE_ADMIN_KEY", ADMIN)])
}

fn bearer(ask: Ask) -> Ask {
    ask.header("authorization", &format!("Bearer {ADMIN}"))
}

#[tokio::test]
async fn the_page_is_open_and_its_policy_strict() {
    let house = locked();
    for path in ["/", "/ui/calls?status=error", "/ui/calls/01abc"] {
        let page = house.send(&Ask::get(path)).await;
        assert_eq!(
            (page.status, page.header("content-type")),
            (200, Some("text/html; charset=utf-8")),
            "{path}"
        );
        assert!(page.text().starts_with("<!doctype html>"), "{path}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    }
    let zipped = house.send(&Ask::get("/").header("accept-encoding", "gzip, br")).await;
    assert!(matches!(zipped.header("content-encoding"), Some("gzip") | None));
    assert_eq!(house.send(&Ask::get("/assets/none.js")).await.refusal(), (404, "unknown_path".into()));
    assert_eq!(house.send(&Ask::post("/", "")).await.status, 401);
}

#[tokio::test]
async fn a_cookie_stands_for_the_admin_key_until_signed_out() {
    let house = locked();
    let state = house.send(&Ask::get("/v1/session")).await.json();
    assert_eq!((&state["needed"], &state["signed_in"]), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!(house.send(&Ask::post("/v1/session", "")).await.status, 401);
    let begun = house.send(&bearer(Ask::post("/v1/session", ""))).await;
    let set = begun.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!begun.text().contains(ADMIN) && !set.contains(ADMIN));
    let cookie = set.split(';').next().unwrap();
    let with = |ask: Ask| ask.header("cookie", cookie);

    assert_eq!(house.send(&with(Ask::get("/v1/calls"))).await.status, 200);
    assert_eq!(house.send(&with(Ask::get("/v1/session"))).await.json()["signed_in"], true);
    // What changes something needs to show that our own page sent it.
    assert_eq!(house.send(&with(Ask::post("/v1/captures", "{}"))).await.status, 401);
    let shown = with(Ask::post("/v1/costs/recalculate", "")).header("x-paceline-csrf", "1");
    assert_eq!(house.send(&shown).await.status, 200);
    // It is no key for calls.
    let out = with(Ask::new("DELETE", "/v1/session")).header("x-paceline-csrf", "1");
    assert_eq!(house.send(&out).await.status, 200);
    assert_eq!(house.send(&with(Ask::get("/v1/calls"))).await.status, 401);
}

#[tokio::test]
async fn new_calls_and_the_state_come_as_events() {
    let house = House::new();
    let mut watch = house.begin(&Ask::get("/v1/live?interval_ms=1000")).await;
    let begun = watch.reply_until(|reply| reply.text().contains("event: pulse")).await;
    assert_eq!((begun.status, begun.header("content-type")), (200, Some("text/event-stream")));
    let id = house.send(&chat("", &ask(false))).await.id();
    let mut reply = begun;
    while !reply.text().contains(&id) {
        assert!(watch.more(&mut reply).await, "it ended: {}", reply.text());
    }
    assert!(reply.text().contains("event: calls\ndata: {\"calls\":[{\"id\":\""), "{}", reply.text());
    assert_eq!(
        house.send(&Ask::get("/v1/live?interval_ms=5")).await.refusal(),
        (400, "invalid_parameter".into())
    );
}

#[tokio::test]
async fn a_refused_key_is_an_alert_that_who_watches_sees_and_metrics_count() {
    let house = House::but("key_retry_ms = 1", "key_retry_ms = 60000");
    let mut watch = house.begin(&Ask::get("/v1/live?interval_ms=1000")).await;
    let mut reply = watch.reply_until(|reply| reply.text().contains("event: pulse")).await;
    let raw = Ask::post("/sim/chat/completions", ask(false).to_string()).header("x-sim-fault", "status=403");
    for ask in [chat("status=401", &ask(false)), raw] {
        house.send(&ask).await;
    }
    let is_told =
        |text: &str| text.matches("\"event\":\"key_refused\"").count() == 2 && text.ends_with("\n\n");
    while !is_told(&reply.text()) {
        assert!(watch.more(&mut reply).await, "it ended: {}", reply.text());
    }
    let text = reply.text();
    let notice = text.lines().skip_while(|line| *line != "event: notices").nth(1).unwrap();
    let told: Value = serde_json::from_str(notice.strip_prefix("data: ").unwrap()).unwrap();
    let first = &told["notices"][0];
    assert_eq!(
        (&first["deployment"], &first["key_from"], &first["alert"]),
        (&json!("sim/sim/instant"), &json!("SIM_KEY"), &json!(true)),
        "{told:#}"
    );
    assert!(first["message"].as_str().unwrap().contains("check it and the account"), "{told:#}");
    assert!(text.contains("\"deployment\":\"sim\""), "the key of raw calls too: {text}");
    let state = house.admin("/v1/limits").await.json();
    let out = |name: &str| {
        let all = state["deployments"].as_array().unwrap();
        all.iter().any(|place| place["deployment"] == name && place["state"] == "key_refused")
    };
    assert!(out("sim/sim/instant") && out("sim"), "{state:#}");
    let page = house.metrics().await;
    assert_eq!(
        page.sum("paceline_deployment_changes_total", &[("provider", "sim"), ("event", "key_refused")]),
        2
    );
    assert_eq!(page.sum("paceline_deployment_changes_total", &[("event", "failing")]), 0);
    assert_eq!(page.sum("paceline_deployments", &[("provider", "sim"), ("state", "key_refused")]), 2);
}

#[tokio::test]
async fn watchers_are_bounded() {
    let house = House::new();
    let mut watchers = Vec::new();
    for _ in 0..32 {
        let mut watch = house.begin(&Ask::get("/v1/live")).await;
        assert_eq!(watch.reply_until(|reply| reply.text().contains("pulse")).await.status, 200);
        watchers.push(watch);
    }
    assert_eq!(house.send(&Ask::get("/v1/live")).await.refusal(), (503, "too_many_watchers".into()));
}

#[tokio::test]
async fn series_and_costs_add_up_to_what_was_called() {
    let house = House::new();
    for stream in [false, true, true] {
        house.call(&chat("", &ask(stream))).await;
    }
    let series = house.admin("/v1/performance/series?window=1h&by=model").await.json();
    assert_eq!(series["step_seconds"], 60);
    let calls =
        |rows: &Value| rows.as_array().unwrap().iter().map(|row| row["calls"].as_u64().unwrap()).sum::<u64>();
    assert_eq!((calls(&series["steps"]), series["overview"]["calls"].as_u64()), (3, Some(3)));
    let [model] = series["models"].as_array().unwrap().as_slice() else { panic!("{series:#}") };
    assert_eq!(calls(&model["steps"]), 3);
    let classes = series["classes"]["response_time_ms"].as_array().unwrap();
    assert_eq!(classes.iter().filter_map(Value::as_u64).sum::<u64>(), 3);
    assert_eq!(classes.len(), series["class_bounds"].as_array().unwrap().len() + 1);
    let first_tokens = series["classes"]["ttft_ms"].as_array().unwrap();
    assert_eq!(first_tokens.iter().filter_map(Value::as_u64).sum::<u64>(), 2);
    let other = house.admin("/v1/performance/series?window=1h&model=another").await.json();
    assert_eq!((calls(&other["steps"]), &other["models"]), (0, &Value::Array(Vec::new())));

    let wanted = "/v1/performance/series?window=1h&by=model&figures=calls,response_time_classes,ttft_p50_ms";
    let lists = house.admin(wanted).await.json();
    let sum = |of: &Value| of.as_array().unwrap().iter().map(|one| one.as_u64().unwrap()).sum::<u64>();
    let (all, own) = (&lists["figures"], &lists["models"][0]["figures"]);
    assert_eq!((sum(&all["calls"]), sum(&own["calls"])), (3, 3));
    let span = all["calls"].as_array().unwrap().len();
    assert!((60..=61).contains(&span), "a value for each minute of the hour: {span}");
    assert_eq!(all["response_time_classes"].as_array().unwrap().len(), span);
    let names = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(own), ["calls", "ttft_p50_ms"]);
    assert!(lists.get("steps").is_none() && lists["models"][0].get("classes").is_none());

    let costs = house.admin("/v1/costs").await.json();
    let month = &costs["month"];
    assert_eq!(month["cost_known_usd"], series["overview"]["cost_known_usd"]);
    assert_eq!(month["forecast_usd"], Value::Null, "nothing can be said after a few seconds");
    assert!(month["from"].as_str() <= costs["today"]["from"].as_str());
}

#[tokio::test]
async fn answers_are_zipped_for_who_takes_it() {
    use std::io::Read;
    let house = House::new();
    let path = "/v1/performance/series?window=1h";
    let plain = house.admin(path).await;
    assert_eq!(plain.header("content-encoding"), None);
    let zipped = house.send(&Ask::get(path).header("accept-encoding", "br, gzip")).await;
    assert_eq!((zipped.status, zipped.header("content-encoding")), (200, Some("gzip")));
    assert_eq!(zipped.header("vary"), Some("accept-encoding"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(zipped.body.as_slice()).read_to_string(&mut text).unwrap();
    assert!(text.starts_with("{\"class_bounds\"") && text.len() > zipped.body.len(), "{text}");
    // Too little to be worth it.
    let small = house.send(&Ask::get("/health/live").header("accept-encoding", "gzip")).await;
    assert_eq!(small.header("content-encoding"), None);
}

#[tokio::test]
async fn the_configuration_is_shown_with_its_sources_and_without_secrets() {
    let house = locked();
    assert_eq!(house.send(&Ask::get("/v1/config")).await.status, 401);
    let shown = house.send(&bearer(Ask::get("/v1/config"))).await;
    assert!(!shown.text().contains(ADMIN));
    assert_eq!(shown.json()["server"]["admin_key_from"], "PACELINE_ADMIN_KEY");
    assert!(shown.json()["sources"].as_object().is_some_and(|sources| !sources.is_empty()));
}
