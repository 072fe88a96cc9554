//! Statistics: they are those of the records, with their error stated; health beside them.

use crate::support::{House, ask, ask_with, chat};
use serde_json::{Value, json};

/// The value at a quantile of exact numbers (nearest rank).
fn exact(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() as f64 * q).ceil() as usize).clamp(1, values.len()) - 1]
}

#[tokio::test]
async fn percentiles_are_those_of_the_records_within_the_stated_error() {
    let house = House::new();
    for at in 0..60 {
        let fault = format!("ttft={},itl=1,tokens=4", (at * 7) % 40);
        house.send(&chat(&fault, &ask(true))).await;
    }
    let summary = house.admin("/v1/performance/summary").await.json();
    let error = summary["quantile_relative_error"].as_f64().unwrap();
    assert!(error > 0.0 && error <= 0.02, "{error}");
    let records = house.records().await;
    for (measure, field) in [
        ("response_time_ms", "duration_ms"),
        ("ttft_ms", "ttft_ms"),
        ("tpot_ms", "tpot_ms"),
        ("output_tokens_per_second", "output_tokens_per_second"),
        ("overhead_ms", "overhead_ms"),
    ] {
        let mut values: Vec<f64> = records.iter().filter_map(|record| record[field].as_f64()).collect();
        let found = &summary["overview"][measure];
        assert_eq!(found["count"].as_u64().unwrap() as usize, values.len(), "{measure}");
        for (name, q) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            let (low, high) =
                (exact(&mut values, q - 1.0 / 60.0), exact(&mut values, (q + 1.0 / 60.0).min(1.0)));
            let got = found[name].as_f64().unwrap();
            let slack = 0.002;
            assert!(
                got >= low * (1.0 - error) - slack && got <= high * (1.0 + error) + slack,
                "{measure} {name}: {got} is not within {low}..{high}"
            );
        }
    }
}

#[tokio::test]
async fn every_section_is_there_and_adds_up() {
    let house = House::but("api_key_env", "region = \"eu\"\napi_key_env");
    for (fault, role) in [("", "a"), ("status=500", "a"), ("no-done", "b"), ("cost=0.5", "b")] {
        house.send(&chat(fault, &ask(true)).header("x-paceline-role", role)).await;
    }
    house.send(&chat("", &json!({"model": 1}))).await;
    let summary = house.admin("/v1/performance/summary?by=role&window=1h").await.json();
    assert_eq!(
        (summary["window_seconds"].as_u64(), summary["groups"]["by"].as_str()),
        (Some(3600), Some("role"))
    );
    let overview = &summary["overview"];
    let counts = json!({"calls": 5, "ok": 2, "errors": 1, "partial": 1, "canceled": 0, "refused": 1, "streams": 4,
        "fallbacks": 0, "total_requests": 5, "calls_in_flight": 0, "error_rate": 0.5, "success_rate": 0.5});
    for (name, value) in counts.as_object().unwrap() {
        assert_eq!(&overview[name], value, "{name}: {overview:#}");
    }
    assert!(overview["uptime_formatted"].as_str().unwrap().ends_with('s'));
    let sum =
        |rows: &Value| rows.as_array().unwrap().iter().filter_map(|row| row["calls"].as_u64()).sum::<u64>();
    assert_eq!(
        (sum(&summary["models"]), sum(&summary["groups"]["rows"]), sum(&summary["trends"])),
        (4, 4, 5)
    );
    for by in ["model", "provider", "tenant", "role", "task", "region"] {
        let grouped = house.admin(&format!("/v1/performance/summary?by={by}")).await.json();
        let rows = &grouped["groups"]["rows"];
        let expected = match by {
            "task" => 0,
            "tenant" => 5,
            _ => 4,
        };
        assert_eq!(sum(rows), expected, "{by}: {rows:#}");
    }
    assert_eq!(overview["cost_known_usd"], "0.5");
    assert!(summary["recommendations"].is_array());
}

#[tokio::test]
async fn one_model_its_family_and_a_name_nobody_knows() {
    let house = House::and("gpt-mini = \"sim/sim/instant\"\ngpt-maxi = \"sim/sim/instant\"");
    for model in ["gpt-mini", "gpt-mini", "gpt-maxi", "instant"] {
        house.send(&chat("", &ask_with(false, &json!({"model": model})))).await;
    }
    let get = async |name: &str| house.admin(&format!("/v1/performance/models/{name}")).await.json();
    let one = get("gpt-mini").await;
    assert_eq!((&one["family"], &one["overview"]["calls"]), (&json!(false), &json!(2)));
    assert_eq!(get("sim/gpt-mini").await["overview"]["calls"], 2);
    let family = get("gpt-").await;
    assert_eq!((&family["family"], &family["overview"]["calls"]), (&json!(true), &json!(3)));
    assert_eq!(family["models"].as_array().unwrap().len(), 2);
    assert_eq!(family["trends"][0]["calls"], 3);
    let unused = get("smart").await;
    assert_eq!((&unused["family"], &unused["overview"]["calls"]), (&json!(false), &json!(0)));
    let reply = house.admin("/v1/performance/models/gpt-minni").await;
    let (code, message) = reply.error();
    assert_eq!((reply.status, code.as_str()), (404, "model_not_found"));
    assert!(message.contains("`gpt-mini`"), "{message}");
}

#[tokio::test]
async fn health_says_what_is_there_and_what_is_degraded() {
    let house = House::new();
    assert_eq!(house.admin("/health/live").await.json()["status"], "ok");
    let ready = house.admin("/health/ready").await.json();
    assert_eq!((&ready["status"], &ready["providers"]), (&json!("ready"), &json!(["sim"])));
    assert_eq!(ready["degraded"], json!([]));
    let simulated = House::with("[server]\nlisten = \"127.0.0.1:0\"\n[log]\nlevel = \"off\"", &[]);
    let ready = simulated.admin("/health/ready").await.json();
    assert_eq!(ready["status"], "ready");
    assert!(ready["degraded"].to_string().contains("simulated"), "{ready}");
}
