//! `GET /v1/performance/summary` and `/v1/performance/models/{model}`: live statistics (M2, M5, M10).

use crate::admin::query::{BadQuery, Query};
use crate::admin::shape::{rounded, tally, uptime};
use crate::admin::{Admin, reply};
use crate::board::CellKey;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use paceline_routing::nearest::nearest;
use paceline_stats::sketch::RELATIVE_ERROR;
use paceline_stats::tally::Tally;
use paceline_types::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const DAY: i64 = 86_400;

pub(crate) async fn summary(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    admin.recorder.drain();
    let asked = Query::read(query.as_deref(), &["window", "by"]).and_then(|query| summarize(&admin, &query));
    asked.unwrap_or_else(Into::into)
}

/// The name of a cell in a grouping.
fn group(by: &str) -> Option<fn(&CellKey) -> Option<String>> {
    Some(match by {
        "model" => |key| (!key.model.is_empty()).then(|| key.model.to_string()),
        "provider" => |key| (!key.provider.is_empty()).then(|| key.provider.to_string()),
        "tenant" => |key| Some(key.tenant.to_string()),
        "role" => |key| (!key.role.is_empty()).then(|| key.role.to_string()),
        "task" => |key| (!key.task.is_empty()).then(|| key.task.to_string()),
        "region" => |key| (!key.region.is_empty()).then(|| key.region.to_string()),
        _ => return None,
    })
}

fn summarize(admin: &Admin, query: &Query) -> Result<Response, BadQuery> {
    let window = query.window(DAY)?;
    let by = query.parsed("by", "model, provider, tenant, role, task or region", |by| {
        Some((by.to_owned(), group(by)?))
    })?;
    let now = crate::recorder::now();
    let board = &admin.recorder.board;
    let all = board.tallies(now, window, |_| Some(String::new())).remove("").unwrap_or_default();
    let seconds = measured_seconds(admin, window);
    let per_model = board.tallies(now, window, |key| {
        (!key.model.is_empty()).then(|| format!("{}\n{}", key.model, key.provider))
    });
    let mut body = json!({
        "window_seconds": window,
        "measured_seconds": rounded(seconds),
        "quantile_relative_error": RELATIVE_ERROR,
        "overview": overview(admin, &all, seconds),
        "indicators": super::indicators::indicators(admin, &all, now),
        "models": models(&per_model, seconds),
        "trends": trends(board.trend(now, window, |_| true)),
        "recommendations": recommendations(&all),
    });
    if let Some((by, group)) = by {
        let rows = board.tallies(now, window, group);
        let rows: Vec<Value> = rows.iter().map(|(name, sum)| named(&by, name, sum, seconds)).collect();
        body["groups"] = json!({"by": by, "rows": rows});
    }
    Ok(reply::json(&body))
}

/// Rates are per second of the window, or since start when that is shorter.
fn measured_seconds(admin: &Admin, window: i64) -> f64 {
    admin.started.elapsed().as_secs_f64().min(window as f64).max(1.0)
}

fn named(by: &str, name: &str, sum: &Tally, seconds: f64) -> Value {
    let mut row = tally(sum, seconds);
    row[by] = json!(name);
    row
}

fn models(per_model: &BTreeMap<String, Tally>, seconds: f64) -> Vec<Value> {
    let row = |(name, sum): (&String, &Tally)| {
        let (model, provider) = name.split_once('\n').unwrap_or((name, ""));
        let mut row = named("model", model, sum, seconds);
        row["provider"] = json!(provider);
        row
    };
    per_model.iter().map(row).collect()
}

fn overview(admin: &Admin, all: &Tally, seconds: f64) -> Value {
    let mut overview = tally(all, seconds);
    let uptime_seconds = admin.started.elapsed().as_secs();
    let (last, _) = admin.recorder.board.last();
    let queue = &admin.recorder.queue;
    let (kept, seen) = admin.recorder.store.counts();
    let totals = admin.gateway.get().map(|gateway| gateway.ledger.totals()).unwrap_or_default();
    let in_flight = admin.gateway.get().map_or(0, |g| g.gauges.calls_in_flight.load(Ordering::Relaxed));
    let more = json!({
        "uptime_seconds": uptime_seconds,
        "uptime_formatted": uptime(uptime_seconds),
        "total_requests": totals.calls,
        "total_tokens": totals.input_tokens + totals.output_tokens,
        "last_response_time_ms": last.response_time_ms.map(rounded),
        "last_tps": last.tokens_per_second.map(rounded),
        "average_response_time_ms": all.duration_ms.mean().map(rounded),
        "calls_in_flight": in_flight,
        "records": {"kept": kept, "seen": seen, "dropped": queue.dropped()},
    });
    if let (Value::Object(overview), Value::Object(more)) = (&mut overview, more) {
        overview.extend(more);
    }
    overview
}

fn trends(slots: BTreeMap<i64, Tally>) -> Vec<Value> {
    let row = |(start, sum): (i64, Tally)| {
        json!({
            "start": Timestamp::from_millis(start * 1000),
            "calls": sum.calls,
            "error_rate": sum.error_rate().map(rounded),
            "response_time_p50_ms": sum.duration_ms.quantile(0.5).map(rounded),
            "response_time_p95_ms": sum.duration_ms.quantile(0.95).map(rounded),
            "ttft_p50_ms": sum.ttft_ms.quantile(0.5).map(rounded),
            "tokens": sum.input_tokens + sum.output_tokens,
        })
    };
    slots.into_iter().map(row).collect()
}

/// What the figures of the window plainly say.
fn recommendations(all: &Tally) -> Vec<Value> {
    let mut found = Vec::new();
    let mut tell = |kind: &str, text: String| found.push(json!({"type": kind, "text": text}));
    if let Some(rate) = all.error_rate().filter(|&rate| rate > 0.05 && all.answerable() >= 20) {
        tell("errors", format!("{:.1} % of calls fail: see GET /v1/calls?status=error", rate * 100.0));
    }
    if all.usage_not_reported * 20 > all.answerable() && all.usage_not_reported >= 20 {
        let count = all.usage_not_reported;
        tell("usage", format!("{count} calls have estimated tokens because their provider reports none"));
    }
    let grades = [
        (
            all.duration_ms.quantile(0.95),
            paceline_types::grade::response_time as fn(f64) -> _,
            "95 % of answers take up to",
        ),
        (all.ttft_ms.quantile(0.95), paceline_types::grade::ttft, "95 % of streams begin within"),
    ];
    for (value, grade, words) in grades {
        let Some(seconds) = value.map(|ms| ms / 1000.0) else { continue };
        let grade: paceline_types::grade::Grade = grade(seconds);
        if !grade.advice.is_empty() {
            tell("latency", format!("{words} {seconds:.1} s ({}): {}", grade.word, grade.advice));
        }
    }
    found
}

pub(crate) async fn model(
    State(admin): State<Arc<Admin>>,
    Path(model): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    admin.recorder.drain();
    let asked = Query::read(query.as_deref(), &["window"]).and_then(|query| query.window(DAY));
    match asked {
        Ok(window) => one_model(&admin, &model, window),
        Err(bad) => bad.into(),
    }
}

/// `wanted` may be a model, `provider/model`, or a family: the beginning of models' names.
fn one_model(admin: &Admin, wanted: &str, window: i64) -> Response {
    let now = crate::recorder::now();
    let board = &admin.recorder.board;
    let seconds = measured_seconds(admin, window);
    let exact = |key: &CellKey| *key.model == *wanted || format!("{}/{}", key.provider, key.model) == wanted;
    let family = |key: &CellKey| {
        key.model.starts_with(wanted) || key.model.rsplit('/').next().is_some_and(|m| m.starts_with(wanted))
    };
    let all = board.tallies(now, window, |key| Some(format!("{}\n{}", key.model, key.provider)));
    let known = |takes: &dyn Fn(&CellKey) -> bool| {
        board.tallies(now, window, |key| takes(key).then(|| format!("{}\n{}", key.model, key.provider)))
    };
    let mut rows = known(&exact);
    let is_family = rows.is_empty();
    if is_family {
        rows = known(&family);
    }
    let configured = admin.gateway.get().map(|gateway| gateway.model_names()).unwrap_or_default();
    if rows.is_empty() && !configured.iter().any(|name| name == wanted) {
        let names = all
            .keys()
            .filter_map(|name| name.split('\n').next())
            .chain(configured.iter().map(String::as_str));
        let close: Vec<String> = nearest(wanted, names).into_iter().map(|name| format!("`{name}`")).collect();
        let hint =
            if close.is_empty() { String::new() } else { format!("; the closest are {}", close.join(", ")) };
        let message = format!("no call of the window was for a model `{wanted}`{hint}");
        return reply::fail(StatusCode::NOT_FOUND, "model_not_found", Some("model"), &message);
    }
    let mut sum = Tally::default();
    for row in rows.values() {
        sum.merge(row);
    }
    let slots = board.trend(now, window, |key| if is_family { family(key) } else { exact(key) });
    reply::json(&json!({
        "model": wanted,
        "family": is_family && !rows.is_empty(),
        "window_seconds": window,
        "measured_seconds": rounded(seconds),
        "quantile_relative_error": RELATIVE_ERROR,
        "overview": tally(&sum, seconds),
        "models": models(&rows, seconds),
        "trends": trends(slots),
        "recommendations": recommendations(&sum),
    }))
}
