//! `paceline stats`: what was measured, in words and numbers.

mod routing;

use super::Where;
use super::client::{encoded, get};
use super::out::{self, count, fail, say, time};
use clap::Args;
use serde_json::Value;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// One model, `provider/model`, or a family (the beginning of names); `routing` for what routes decided.
    model: Option<String>,
    /// How far back: 15m, 24h, 30d.
    #[arg(long, value_name = "TIME", default_value = "24h")]
    window: String,
    /// Group by model, provider, tenant, role, task or region.
    #[arg(long, value_name = "WHAT", conflicts_with = "model")]
    by: Option<String>,
    #[command(flatten)]
    place: Where,
}

pub(crate) fn run(args: &StatsArgs) -> ExitCode {
    let window = encoded(&args.window);
    let routing = args.model.as_deref() == Some("routing");
    let path = match (&args.model, &args.by) {
        (Some(_), _) if routing => format!("/v1/routing/stats?window={window}"),
        (Some(model), _) => format!("/v1/performance/models/{}?window={window}", encoded(model)),
        (None, Some(by)) => format!("/v1/performance/summary?window={window}&by={}", encoded(by)),
        (None, None) => format!("/v1/performance/summary?window={window}"),
    };
    match get(&args.place, &path) {
        Ok(value) if args.place.json => say(format_args!("{value:#}\n")),
        Ok(value) if routing => say(routing::page(&value, &args.window, out::color())),
        Ok(value) => say(page(&value, &args.window, out::color())),
        Err(error) => return fail(error),
    }
    ExitCode::SUCCESS
}

fn page(value: &Value, window: &str, color: bool) -> String {
    let overview = &value["overview"];
    let calls = overview["calls"].as_u64().unwrap_or(0);
    if calls == 0 {
        return format!("no calls in the last {window}\n");
    }
    let mut page = summary(overview, window, color);
    page.push_str(&indicators(&value["indicators"], color));
    let (by, rows) = match value["groups"]["by"].as_str() {
        Some(by) => (by, &value["groups"]["rows"]),
        None => ("model", &value["models"]),
    };
    let rows: Vec<Vec<String>> = rows.as_array().into_iter().flatten().map(|row| line(by, row)).collect();
    let head = [by, "calls", "errors", "p50", "p95", "p99", "TTFT p50", "tok/s", "tokens in", "out", "USD"];
    page.push('\n');
    page.push_str(&out::table(&head, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], &rows, color));
    for advice in value["recommendations"].as_array().into_iter().flatten() {
        page.push_str(&format!("\n* {}", advice["text"].as_str().unwrap_or_default()));
    }
    let error = value["quantile_relative_error"].as_f64().unwrap_or(0.0) * 100.0;
    page.push_str(&format!("\nPercentiles are within {error:.0} % of the true value.\n"));
    page
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or("-".into(), |rate| format!("{:.1} %", rate * 100.0))
}

/// Green, yellow, red or dim, by what a grade or a state says.
fn shade(word: &str) -> &'static str {
    match word {
        "excellent" | "good" | "ok" => "32",
        "fair" | "slow" | "warning" => "33",
        "very slow" | "critical" => "31",
        "unknown" => "2",
        _ => "",
    }
}

fn graded(name: &str, spread: &Value, color: bool, show: impl Fn(Option<f64>) -> String) -> Option<String> {
    let middle = spread["p50"].as_f64()?;
    let word = |word| format!(" ({})", out::paint(word, shade(word), color));
    let word = spread["grade"]["word"].as_str().map_or(String::new(), word);
    Some(format!("{name} {}{word}", show(Some(middle))))
}

/// A value of an indicator, by its unit.
fn measured(unit: &str, value: &Value) -> String {
    match (unit, value.as_f64()) {
        ("ms", value) => time(value),
        (_, Some(share)) => format!("{:.1} %", share * 100.0),
        (_, None) => "-".into(),
    }
}

/// The core indicators, a line each; nothing where the answer has none.
fn indicators(rows: &Value, color: bool) -> String {
    let row = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap_or("-");
        let at = |name: &str| measured(text("unit"), &row[name]);
        let state = text("state");
        let name = text("name").trim_end_matches("_ms").replace('_', " ");
        vec![
            name,
            at("value"),
            out::paint(state, shade(state), color),
            at("target"),
            at("warning"),
            at("critical"),
            text("words").to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = rows.as_array().into_iter().flatten().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = ["indicator", "now", "state", "target", "warning", "critical", "why"];
    format!("\n{}", out::table(&head, &[1, 3, 4, 5], &rows, color))
}

fn summary(overview: &Value, window: &str, color: bool) -> String {
    let number = |name: &str| count(overview[name].as_u64().unwrap_or(0));
    let mut page = format!(
        "Last {window}: {} calls, {} errors, {} canceled, {} refused\n",
        number("calls"),
        percent(&overview["error_rate"]),
        number("canceled"),
        number("refused"),
    );
    let rate = |rate: Option<f64>| rate.map_or("-".into(), |rate| format!("{rate:.0} tok/s"));
    let parts = [
        graded("response time", &overview["response_time_ms"], color, time),
        graded("first token", &overview["ttft_ms"], color, time),
        graded("speed", &overview["output_tokens_per_second"], color, rate),
        overview["overhead_ms"]["p50"]
            .as_f64()
            .map(|ms| format!("Paceline's own work {:.0} µs", ms * 1000.0)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if !parts.is_empty() {
        page.push_str(&format!("Median: {}\n", parts.join(", ")));
    }
    if let Some(uptime) = overview["uptime_formatted"].as_str() {
        page.push_str(&format!(
            "Up {uptime}, {} calls and {} tokens since start\n",
            number("total_requests"),
            number("total_tokens")
        ));
    }
    page
}

fn line(by: &str, row: &Value) -> Vec<String> {
    let name = row[by].as_str().unwrap_or("-");
    let name = match row["provider"].as_str() {
        Some(provider) if by == "model" && !name.starts_with(&format!("{provider}/")) => {
            format!("{name} ({provider})")
        }
        _ => name.to_owned(),
    };
    let at = |measure: &str, q: &str| time(row[measure][q].as_f64());
    vec![
        name,
        count(row["calls"].as_u64().unwrap_or(0)),
        percent(&row["error_rate"]),
        at("response_time_ms", "p50"),
        at("response_time_ms", "p95"),
        at("response_time_ms", "p99"),
        at("ttft_ms", "p50"),
        row["output_tokens_per_second"]["p50"].as_f64().map_or("-".into(), |rate| format!("{rate:.0}")),
        count(row["tokens"]["input"].as_u64().unwrap_or(0)),
        count(row["tokens"]["output"].as_u64().unwrap_or(0)),
        row["cost_usd"].as_str().unwrap_or("-").to_owned(),
    ]
}
