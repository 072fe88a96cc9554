//! `GET /v1/performance/summary` and `/v1/performance/models/{model}`: live statistics (M2, M5, M10).

use crate::admin::query::{BadQuery, Query};
use crate::admin::shape::{dollars, rounded, tally, uptime};
use crate::admin::sums::{Group, ModelName, Served, Sums, Wanted, collect};
use crate::admin::{Admin, reply};
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use paceline_routing::nearest::nearest;
use paceline_stats::rollup::Facet;
use paceline_stats::sketch::RELATIVE_ERROR;
use paceline_stats::tally::Tally;
use paceline_store::error::StoreError;
use paceline_store::store::Store;
use paceline_types::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const DAY: i64 = 86_400;

pub(crate) async fn summary(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let (window, by) = match asked(query.as_deref()) {
        Ok(asked) => asked,
        Err(bad) => return bad.into(),
    };
    let wanted = Wanted {
        now: crate::recorder::now(),
        seconds: window,
        group: by.as_ref().map(|by| by.1),
        hours: super::indicators::hours(&admin),
    };
    match admin.ask(move |store| collect(store, wanted, |_| true)).await {
        Ok(sums) => summarize(&admin, window, by.map(|by| by.0), &sums),
        Err(answer) => answer,
    }
}

/// A grouping by its name.
fn group(by: &str) -> Option<Group> {
    Some(match by {
        "provider" => (Facet::Served, |key| Some(&key.0[0])),
        "model" => (Facet::Served, |key| Some(&key.0[1])),
        "region" => (Facet::Served, |key| Some(&key.0[2])),
        "tenant" => (Facet::Tenant, |key| Some(&key.0[0])),
        "role" => (Facet::Role, |key| Some(&key.0[0])),
        "task" => (Facet::Task, |key| Some(&key.0[0])),
        _ => return None,
    })
}

type Asked = (i64, Option<(String, Group)>);

fn asked(query: Option<&str>) -> Result<Asked, BadQuery> {
    let query = Query::read(query, &["window", "by"])?;
    let by = query.parsed("by", "model, provider, tenant, role, task or region", |by| {
        Some((by.to_owned(), group(by)?))
    })?;
    Ok((query.window(DAY)?, by))
}

fn summarize(admin: &Admin, window: i64, by: Option<String>, sums: &Sums) -> Response {
    let seconds = measured_seconds(admin, window);
    let mut body = json!({
        "window_seconds": window,
        "measured_seconds": rounded(seconds),
        "quantile_relative_error": RELATIVE_ERROR,
        "overview": overview(admin, &sums.all, seconds),
        "indicators": super::indicators::indicators(admin, &sums.all, &sums.hours, window),
        "models": models(&sums.models, seconds),
        "trends": trends(&sums.steps),
        "recommendations": recommendations(&sums.all),
    });
    if let Some(by) = by {
        let rows: Vec<Value> = sums.groups.iter().map(|(name, sum)| named(&by, name, sum, seconds)).collect();
        body["groups"] = json!({"by": by, "rows": rows});
    }
    reply::json(&body)
}

/// Rates are per second of the window, or since the oldest record when that is shorter.
fn measured_seconds(admin: &Admin, window: i64) -> f64 {
    let oldest = admin.recorder.store.state().oldest.unwrap_or(admin.started_at);
    let known = (crate::recorder::now().0 - oldest.0.min(admin.started_at.0)) as f64 / 1e6;
    known.min(window as f64).max(1.0)
}

fn named(by: &str, name: &str, sum: &Tally, seconds: f64) -> Value {
    let mut row = tally(sum, seconds);
    row[by] = json!(name);
    row
}

fn models(per_model: &BTreeMap<ModelName, Tally>, seconds: f64) -> Vec<Value> {
    let row = |((model, provider), sum): (&ModelName, &Tally)| {
        let mut row = named("model", model, sum, seconds);
        row["provider"] = json!(provider);
        row
    };
    per_model.iter().map(row).collect()
}

fn overview(admin: &Admin, all: &Tally, seconds: f64) -> Value {
    let mut overview = tally(all, seconds);
    let uptime_seconds = admin.started.elapsed().as_secs();
    let (last, _) = admin.recorder.latest.last();
    let queue = &admin.recorder.queue;
    let kept = admin.recorder.store.state();
    let totals = admin.gateway.get().map(|gateway| gateway.known.ledger.totals()).unwrap_or_default();
    let in_flight = admin.gateway.get().map_or(0, |g| g.gauges.calls_in_flight.load(Ordering::Relaxed));
    let more = json!({
        "uptime_seconds": uptime_seconds,
        "uptime_formatted": uptime(uptime_seconds),
        "total_requests": totals.calls,
        "total_tokens": totals.input_tokens + totals.output_tokens,
        "last_response_time_ms": last.response_time_ms.map(rounded),
        "last_tps": last.tokens_per_second.map(rounded),
        "average_response_time_ms": all.duration_ms.mean().map(rounded),
        "ever": ever(admin),
        "calls_in_flight": in_flight,
        "records": {"kept": kept.records, "dropped": queue.dropped() + kept.dropped},
    });
    if let (Value::Object(overview), Value::Object(more)) = (&mut overview, more) {
        overview.extend(more);
    }
    overview
}

/// What all callers have used since the first start, by their accounts.
fn ever(admin: &Admin) -> Value {
    let totals = admin.gateway.get().map(|gateway| gateway.known.ledger.ever()).unwrap_or_default();
    json!({
        "calls": totals.calls,
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "cost_known_usd": dollars(i128::from(totals.cost_pico)),
    })
}

fn trends(steps: &BTreeMap<i64, Tally>) -> Vec<Value> {
    let row = |(start, sum): (&i64, &Tally)| {
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
    steps.iter().map(row).collect()
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
    let window = match Query::read(query.as_deref(), &["window"]).and_then(|query| query.window(DAY)) {
        Ok(window) => window,
        Err(bad) => return bad.into(),
    };
    let wanted = Wanted { now: crate::recorder::now(), seconds: window, group: None, hours: 0 };
    let name = model.clone();
    let found = admin.ask(move |store| find(store, wanted, &name)).await;
    match found {
        Ok(found) => one_model(&admin, &model, window, &found),
        Err(answer) => answer,
    }
}

/// What was found of a model or family, and which models there are at all.
struct Found {
    sums: Sums,
    is_family: bool,
    known: Vec<String>,
}

/// `wanted` may be a model, `provider/model`, or a family: the beginning of models' names.
fn find(store: &dyn Store, span: Wanted, wanted: &str) -> Result<Found, StoreError> {
    let exact = |of: Served<'_>| *of.model == *wanted || format!("{}/{}", of.provider, of.model) == wanted;
    let family = |of: Served<'_>| {
        of.model.starts_with(wanted) || of.model.rsplit('/').next().is_some_and(|m| m.starts_with(wanted))
    };
    let sums = collect(store, span, exact)?;
    if sums.all.calls > 0 {
        return Ok(Found { sums, is_family: false, known: Vec::new() });
    }
    let sums = collect(store, span, family)?;
    let known = if sums.all.calls > 0 {
        Vec::new()
    } else {
        collect(store, span, |_| true)?.models.into_keys().map(|(model, _)| model).collect()
    };
    Ok(Found { is_family: sums.all.calls > 0, sums, known })
}

fn one_model(admin: &Admin, wanted: &str, window: i64, found: &Found) -> Response {
    let configured = admin.gateway.get().map(|gateway| gateway.model_names()).unwrap_or_default();
    if found.sums.all.calls == 0 && !configured.iter().any(|name| name == wanted) {
        let names = found.known.iter().chain(&configured).map(String::as_str);
        let close: Vec<String> = nearest(wanted, names).into_iter().map(|name| format!("`{name}`")).collect();
        let hint =
            if close.is_empty() { String::new() } else { format!("; the closest are {}", close.join(", ")) };
        let message = format!("no call of the window was for a model `{wanted}`{hint}");
        return reply::fail(StatusCode::NOT_FOUND, "model_not_found", Some("model"), &message);
    }
    let seconds = measured_seconds(admin, window);
    reply::json(&json!({
        "model": wanted,
        "family": found.is_family,
        "window_seconds": window,
        "measured_seconds": rounded(seconds),
        "quantile_relative_error": RELATIVE_ERROR,
        "overview": tally(&found.sums.all, seconds),
        "models": models(&found.sums.models, seconds),
        "trends": trends(&found.sums.steps),
        "recommendations": recommendations(&found.sums.all),
    }))
}
