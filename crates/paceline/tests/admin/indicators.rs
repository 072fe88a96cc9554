//! The core indicators: values, limits and words.

use crate::support::{House, ask, chat};
use serde_json::{Value, json};

async fn indicator(house: &House, name: &str) -> Value {
    let summary = house.admin("/v1/performance/summary?window=1h").await.json();
    let rows = summary["indicators"].as_array().unwrap();
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name}: {rows:#?}")).clone()
}

#[tokio::test]
async fn values_are_those_of_the_window_and_nothing_is_made_up() {
    let house = House::new();
    let names = ["response_time_ms", "selection_accuracy", "cache_hit_rate", "cost_efficiency", "error_rate"];
    for name in names {
        let before = indicator(&house, name).await;
        assert_eq!((&before["state"], &before["value"]), (&json!("unknown"), &Value::Null), "{before}");
        assert!(before["words"].as_str().unwrap().len() > 10 && before["target"].is_number());
    }
    for fault in ["cost=0.3", "", "cost=0.1,no-done", "status=500"] {
        house.send(&chat(fault, &ask(true))).await;
    }
    let errors = indicator(&house, "error_rate").await;
    assert_eq!((&errors["value"], &errors["state"]), (&json!(0.5), &json!("critical")), "{errors}");
    assert!(errors["words"].as_str().unwrap().starts_with("2 of 4 calls"), "{errors}");
    let time = indicator(&house, "response_time_ms").await;
    assert_eq!(
        (&time["state"], &time["unit"], &time["target"]),
        (&json!("ok"), &json!("ms"), &json!(2000.0))
    );
    for name in ["selection_accuracy", "cache_hit_rate"] {
        assert_eq!(indicator(&house, name).await["state"], "unknown");
    }
    let cost = indicator(&house, "cost_efficiency").await;
    let records = house.records().await;
    let spent = |ok: bool| -> f64 {
        let counted = records.iter().filter(|record| !ok || record["status"] == "ok");
        counted.filter_map(|record| record["cost_usd"].as_str()?.parse::<f64>().ok()).sum()
    };
    let share = (spent(true) / spent(false) * 1000.0).round() / 1000.0;
    assert_eq!(cost["value"], json!(share), "{cost}");
}

#[tokio::test]
async fn limits_are_settings_and_may_be_learned() {
    let house = House::and(
        "[indicators]\nerror_rate = { target = 0.6, warning = 0.7, critical = 0.8 }\n\
         response_time_ms = { mode = \"auto\" }",
    );
    for fault in ["", "status=500"] {
        house.send(&chat(fault, &ask(false))).await;
    }
    let errors = indicator(&house, "error_rate").await;
    assert_eq!((&errors["state"], &errors["critical"]), (&json!("ok"), &json!(0.8)), "{errors}");
    let time = indicator(&house, "response_time_ms").await;
    assert_eq!(
        (&time["mode"], &time["state"], &time["target"]),
        (&json!("auto"), &json!("unknown"), &Value::Null)
    );
    assert!(time["value"].is_number() && time["words"].as_str().unwrap().contains("0 of 24 hours"), "{time}");
}
