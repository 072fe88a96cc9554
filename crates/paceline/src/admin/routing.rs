//! What routes decide and what that came to: `/v1/models/recommendations`, `/v1/routing/stats`.

use super::query::{BadQuery, Query};
use super::{Admin, reply};
use crate::recorder::now;
use crate::routing_sums::RoutingSums;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use paceline_gateway::{DEFAULT_ROUTE, Gateway, TOP_N, decision_answer, features};
use paceline_routing::need::{FEATURES, Need};
use paceline_routing::route::Route;
use paceline_store::filter::Filter;
use paceline_types::decision::Decision;
use paceline_types::id::CallId;
use paceline_types::time::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Decisions that one answer looks at, and how many of them at once.
const MAX_DECISIONS: usize = 20_000;
const PAGE: usize = 2_000;
/// A day.
const DAY: i64 = 86_400;

pub(crate) async fn recommend(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let mut known = FEATURES.to_vec();
    known.extend(["prompt", "route", "top_n"]);
    let query = match Query::read(query.as_deref(), &known) {
        Ok(query) => query,
        Err(bad) => return bad.into(),
    };
    let body = known.iter().filter_map(|name| Some(((*name).to_owned(), Value::from(query.text(name)?))));
    recommended(&admin, &body.collect())
}

pub(crate) async fn recommend_by_body(State(admin): State<Arc<Admin>>, body: Bytes) -> Response {
    match serde_json::from_slice::<Map<String, Value>>(&body) {
        Ok(body) => recommended(&admin, &body),
        Err(error) => {
            let message = format!("the body is no JSON object: {error}");
            reply::fail(StatusCode::BAD_REQUEST, "invalid_json", None, &message)
        }
    }
}

fn recommended(admin: &Admin, body: &Map<String, Value>) -> Response {
    let Some(gateway) = admin.gateway.get() else { return reply::json(&json!({})) };
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let name = text("route").or_else(|| text("model")).unwrap_or(DEFAULT_ROUTE);
    let Some(route) = gateway.route(name) else { return no_route(gateway, name) };
    let prompt = text("prompt").unwrap_or_default();
    let mut need = Need { input_tokens: (prompt.len() as u64).div_ceil(4), ..Need::default() };
    let read = features(body).map_err(|message| ("features".to_owned(), message)).and_then(|features| {
        features
            .iter()
            .try_for_each(|(name, value)| need.feature(name, value).map_err(|bad| (bad.name, bad.what)))
    });
    if let Err((name, what)) = read {
        return BadQuery::new(&name, format!("`{name}`: {what}")).into();
    }
    let known = |name: &&String| {
        FEATURES.contains(&name.as_str()) || ["prompt", "route", "model", "top_n"].contains(&name.as_str())
    };
    if let Some(name) = body.keys().find(|name| !known(name)) {
        let message =
            format!("there is no field `{name}`; there are prompt, route, top_n, {}", FEATURES.join(", "));
        return BadQuery::new(name, message).into();
    }
    let top_n = body.get("top_n").and_then(|top| top.as_u64().or_else(|| top.as_str()?.parse().ok()));
    match gateway.recommend(&route, &need, prompt) {
        Ok(decision) => {
            let mut answer = decision_answer(&decision, top_n.map_or(TOP_N, |top| top.min(32) as usize));
            answer["cache"] = json!({"would": "off", "why": "no response cache is in use"});
            reply::json(&answer)
        }
        Err(none) => {
            let rejected: Vec<Value> = none
                .rejected
                .iter()
                .map(|(who, why)| json!({"model": who.model, "provider": who.provider, "reason": why.as_str(), "words": why.words()}))
                .collect();
            let words: Vec<String> = none
                .rejected
                .iter()
                .take(8)
                .map(|(who, why)| format!("{} {}", who.name, why.words()))
                .collect();
            reply::json(&json!({
                "selected_model": null,
                "route": name,
                "reasoning": format!("no model can take this call: {}", words.join("; ")),
                "optimization_type": "none",
                "alternatives": [],
                "rejected": rejected,
            }))
        }
    }
}

fn no_route(gateway: &Gateway, name: &str) -> Response {
    let names: Vec<String> = gateway.routes().iter().map(|route| format!("`{}`", route.name)).collect();
    let there = if names.is_empty() {
        "there are none".to_owned()
    } else {
        format!("there are {}", names.join(", "))
    };
    let message = format!("there is no route `{name}`; {there} ([routes] in the configuration)");
    reply::fail(StatusCode::NOT_FOUND, "route_not_found", Some("route"), &message)
}

pub(crate) async fn stats(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let now = now();
    let asked = Query::read(query.as_deref(), &["window", "since", "until", "route"]).and_then(|query| {
        Ok((query.span(DAY, now)?, query.time("until")?, query.text("route").map(str::to_owned)))
    });
    let ((from, to), until, route) = match asked {
        Ok(asked) => asked,
        Err(bad) => return bad.into(),
    };
    let routes = admin.gateway.get().map(|gateway| gateway.routes()).unwrap_or_default();
    let since = Some(Timestamp::from_millis(from * 1000));
    // Without `until` also what has begun in this very second.
    let filter = Filter { since, until, routed: true, route, ..Filter::default() };
    let names: BTreeMap<String, String> =
        routes.iter().filter_map(|route| Some((route.name.to_string(), baseline_name(route)?))).collect();
    let found = admin.ask(move |store| {
        let mut sums = RoutingSums::default();
        let (mut below, mut seen): (Option<CallId>, usize) = (None, 0);
        loop {
            let page = store.page(&filter, PAGE, below)?;
            seen += page.calls.len();
            for call in &page.calls {
                let usage = call.usage;
                sums.add(call, |decision| baseline(&routes, decision, usage, call.started_at));
            }
            below = page.next;
            if below.is_none() || seen >= MAX_DECISIONS {
                return Ok((sums, below.is_some()));
            }
        }
    });
    match found.await {
        Ok((sums, more)) => {
            let mut answer = sums.json(&names);
            answer["since"] = json!(since);
            answer["until"] = json!(until.filter(|until| *until < now).unwrap_or(now));
            answer["window_seconds"] = json!(to - from);
            answer["only_the_latest"] = json!(more);
            answer["routes"] = json!(names.keys().collect::<Vec<_>>());
            reply::json(&answer)
        }
        Err(answer) => answer,
    }
}

fn baseline_name(route: &Route) -> Option<String> {
    Some(route.candidates.get(route.baseline)?.targets.first()?.deployment.model.to_string())
}

/// What the baseline of the decision's route would have cost for the call's tokens, in US dollars, and how long it was
/// expected to take, in milliseconds.
fn baseline(
    routes: &[Arc<Route>],
    decision: &Decision,
    usage: Option<paceline_types::tokens::Usage>,
    at: Timestamp,
) -> Option<(f64, f64)> {
    let route = routes.iter().find(|route| route.name == decision.route)?;
    let target = route.candidates.get(route.baseline)?.targets.first()?;
    let usage = usage?;
    let expected = decision.candidates.iter().find(|one| one.deployment.name == target.deployment.name)?;
    let usd = paceline_routing::estimate::cost_usd(
        target.price.as_ref()?,
        usage.input_tokens,
        0,
        usage.output_tokens,
        f64::from(expected.expected_latency_ms),
        at,
    )?;
    Some((usd, f64::from(expected.expected_latency_ms)))
}
