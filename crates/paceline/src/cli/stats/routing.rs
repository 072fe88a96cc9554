//! `paceline stats routing`: what routes decided, and what that came to.

use super::super::out::{self, count, time};
use serde_json::Value;

fn percent(value: &Value) -> String {
    value.as_f64().map_or("-".into(), |share| format!("{:.1} %", share * 100.0))
}

fn dollars(value: &Value) -> String {
    value.as_f64().map_or("-".into(), |usd| format!("{usd:.6}"))
}

/// The page of `/v1/routing/stats`.
pub(super) fn page(value: &Value, window: &str, color: bool) -> String {
    let decisions = value["decisions"].as_u64().unwrap_or(0);
    if decisions == 0 {
        let routes: Vec<&str> =
            value["routes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let hint = match routes.first() {
            Some(route) => format!("call the model `{route}` to let a route decide"),
            None => "there are no routes; see [routes] in the configuration".to_owned(),
        };
        return format!("no routing decisions in the last {window}; {hint}\n");
    }
    let number = |name: &str| count(value[name].as_u64().unwrap_or(0));
    let mut page = format!(
        "Last {window}: {} decisions, {} answered, right {} of {}, {} fallbacks, {} escalated, {} explored\n",
        count(decisions),
        percent(&value["success_rate"]),
        percent(&value["accuracy"]),
        number("accuracy_decisions"),
        number("fallbacks"),
        number("escalated"),
        number("explored"),
    );
    page.push_str(&format!(
        "Mean: {}, {} USD per 1,000 tokens; {} USD in all\n",
        time(value["average_latency_ms"].as_f64()),
        dollars(&value["average_cost_per_1k_tokens_usd"]),
        value["cost_usd"].as_str().unwrap_or("-"),
    ));
    let baseline = &value["baseline"];
    if baseline["decisions"].as_u64().unwrap_or(0) > 0 {
        let names: Vec<String> = baseline["names"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(route, model)| format!("{} ({route})", model.as_str().unwrap_or("-")))
            .collect();
        page.push_str(&format!(
            "Against always {}: {} USD saved ({}), {} faster\n",
            names.join(", "),
            dollars(&value["savings_usd"]),
            percent(&value["savings_share"]),
            percent(&value["latency_improvement_share"]),
        ));
    }
    page.push_str(&models(value, color));
    page.push_str(&controls(value, color));
    page
}

fn models(value: &Value, color: bool) -> String {
    let rows: Vec<Vec<String>> = value["models"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| {
            vec![
                row["model"].as_str().unwrap_or("-").to_owned(),
                row["provider"].as_str().unwrap_or("-").to_owned(),
                count(row["decisions"].as_u64().unwrap_or(0)),
                percent(&row["share"]),
                percent(&row["success_rate"]),
                time(row["mean_latency_ms"].as_f64()),
                dollars(&row["usd_per_1k_tokens"]),
                row["cost_usd"].as_str().unwrap_or("-").to_owned(),
            ]
        })
        .collect();
    let head = ["model", "provider", "calls", "share", "answered", "mean", "USD/1k tok", "USD"];
    format!("\n{}", out::table(&head, &[2, 3, 4, 5, 6, 7], &rows, color))
}

/// What was expected of the policy's choices, and of others made for the same calls.
fn controls(value: &Value, color: bool) -> String {
    let rows: Vec<Vec<String>> = value["controls"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| {
            vec![
                row["name"].as_str().unwrap_or("-").to_owned(),
                dollars(&row["expected_cost_usd"]),
                time(row["mean_expected_latency_ms"].as_f64()),
                row["mean_expected_quality"].as_f64().map_or("-".into(), |quality| format!("{quality:.3}")),
            ]
        })
        .collect();
    let head = ["as expected", "USD", "mean", "quality"];
    format!("\n{}", out::table(&head, &[1, 2, 3], &rows, color))
}
