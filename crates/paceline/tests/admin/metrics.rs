//! `/metrics`: well formed, bounded, and true.

use crate::support::{Ask, House, ask, ask_with, chat};
use serde_json::json;

#[tokio::test]
async fn the_metrics_page_is_well_formed() {
    let house = House::new();
    for fault in ["", "status=500", "no-done"] {
        house.send(&chat(fault, &ask(true))).await;
    }
    let reply = house.admin("/metrics").await;
    assert!(reply.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let text = reply.text();
    let mut typed = std::collections::BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(typed.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} is there twice");
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let known = typed.contains_key(name)
                || family.is_some_and(|family| typed.get(family).is_some_and(|k| k == "histogram"));
            assert!(known, "a sample after its head: {line}");
            assert!(
                typed.get(name).is_none_or(|kind| kind != "counter" || name.ends_with("_total")),
                "{name}"
            );
        }
    }
    let page = house.metrics().await;
    assert_eq!(page.sum("paceline_call_duration_seconds_count", &[]), 1, "of whole answers");
    assert_eq!(page.sum("paceline_call_duration_seconds_bucket", &[("le", "+Inf")]), 1);
    assert_eq!(page.sum("paceline_calls_total", &[("model", "instant"), ("status", "ok")]), 1);
    assert_eq!(page.sum("paceline_attempts_total", &[("error", "provider_failed")]), 1);
}

#[tokio::test]
async fn names_that_callers_invent_are_bounded_and_cannot_break_the_page() {
    let house = House::new();
    for at in 0..200 {
        let mut body = ask(false);
        body["model"] = json!(format!("sim/m{at}\"}} 1\nx{{a=\"\\"));
        house.send(&chat("", &body).header("x-paceline-role", &format!("r{at}"))).await;
    }
    let text = house.admin("/metrics").await.text();
    assert!(text.lines().all(|line| {
        ["#", "paceline_", "process_", "gen_ai_", "cache_", "model_routing_", "performance_optimization_"]
            .iter()
            .any(|begin| line.starts_with(begin))
    }));
    let models: std::collections::BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.split("model=\"").nth(1))
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(models.into_iter().collect::<Vec<_>>(), ["other"], "no caller writes a label");
    assert_eq!(house.metrics().await.sum("paceline_calls_total", &[("model", "other")]), 200);
    let roles = house.admin("/v1/performance/summary?by=role").await.json();
    assert!(roles["groups"]["rows"].as_array().unwrap().len() <= 65);
    assert_eq!(roles["overview"]["calls"], 200);
}

#[tokio::test]
async fn both_sides_of_the_gateway_have_opentelemetry_names() {
    let house = House::new();
    let whole = ask_with(true, &json!({"stream_options": {"include_usage": true}}));
    house.send(&chat("ttft=30,itl=2,tokens=5", &whole)).await;
    house.send(&chat("status=500", &ask(false))).await;
    house.send(&chat("no-done", &ask(true))).await;
    house.send(&Ask::get("/sim/models")).await;
    house.send(&chat("", &json!({"model": "nobody"}))).await;
    // Tokens of the broken stream are counted after its answer.
    house.newest_of(5).await;
    let page = house.metrics().await;
    let instant = [("gen_ai_provider_name", "compatible"), ("gen_ai_request_model", "instant")];
    let count = |name: &str, more: &[(&str, &str)]| {
        let labels: Vec<_> = instant.iter().chain(more).copied().collect();
        assert_eq!(page.sum(name, &labels), page.sum(name, more), "{name}: only of calls with a model");
        page.sum(name, &labels)
    };
    let failed = [("error_type", "provider_failed")];
    for name in
        ["gen_ai_client_operation_duration_seconds_count", "gen_ai_server_request_duration_seconds_count"]
    {
        assert_eq!((count(name, &[]), count(name, &failed)), (3, 1), "{name}");
        assert_eq!(count(name, &[("error_type", "truncated")]), 1, "{name}");
    }
    assert_eq!(count("gen_ai_server_time_to_first_token_seconds_count", &[]), 1, "whole streams only");
    assert_eq!(count("gen_ai_server_time_to_first_token_seconds_bucket", &[("le", "0.02")]), 0);
    assert_eq!(count("gen_ai_server_time_per_output_token_seconds_count", &[]), 1);
    let output = [("gen_ai_token_type", "output")];
    let records = house.records().await;
    let told = records.iter().filter(|record| record["usage"]["source"] != "estimated");
    let tokens: u64 = told.filter_map(|record| record["usage"]["output_tokens"].as_u64()).sum();
    assert_eq!((count("gen_ai_client_token_usage_sum", &output), tokens > 0), (tokens, true));
}

#[tokio::test]
async fn decisions_are_counted_where_there_was_something_to_decide() {
    let house = House::new();
    let idle = house.admin("/metrics").await.text();
    for name in ["model_routing_latency_seconds_count 0", "performance_optimization_count_total 0"] {
        assert!(idle.contains(&format!("\n{name}\n")), "{name} before the first call");
    }
    for model in ["instant", "embed-not-there", "smart"] {
        house.send(&chat("burst,tokens=1", &ask_with(false, &json!({"model": model})))).await;
    }
    house.send(&Ask::get("/sim/models")).await;
    let page = house.metrics().await;
    assert_eq!(page.sum("paceline_calls_total", &[]), 4);
    assert_eq!(page.sum("model_routing_count_total", &[]), 2);
    assert_eq!(page.sum("model_routing_count_total", &[("model", "smart"), ("provider", "sim")]), 1);
    for name in ["model_routing_latency_seconds_count", "performance_optimization_latency_seconds_count"] {
        assert_eq!(page.one(name), 2, "{name}");
    }
    assert_eq!(page.one("performance_optimization_count_total"), 2);
    assert_eq!((page.one("cache_hit_count_total"), page.one("cache_miss_count_total")), (0, 0));
    assert_eq!(page.sum("paceline_metric_series_dropped_total", &[]), 0);
}
