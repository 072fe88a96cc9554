//! `/v1/limits`: what is used of limits and budgets, and how the deployments fare.

use crate::admin::{Admin, reply};
use axum::extract::State;
use axum::response::Response;
use paceline_gateway::{PlaceView, ScopeView};
use paceline_types::money::Cost;
use paceline_types::time::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) async fn limits(State(admin): State<Arc<Admin>>) -> Response {
    let Some(gateway) = admin.gateway.get() else { return reply::json(&json!({})) };
    reply::json(&json!({
        "scopes": gateway.scope_views().iter().map(scope).collect::<Vec<_>>(),
        "deployments": gateway.places().iter().filter(|place| place.is_told()).map(place).collect::<Vec<_>>(),
        "waiting_for_providers": gateway.waiting(),
    }))
}

fn place(place: &PlaceView) -> Value {
    let ms = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
    json!({
        "deployment": crate::events::place(&place.provider, &place.model),
        "key_from": place.key,
        "state": place.state,
        "left_alone_ms": place.left.map(|left| left.as_millis() as u64),
        "failures_in_a_row": place.failures,
        "in_flight": place.in_flight,
        "learned_limit": place.limit,
        "waiting": place.waiting,
        "ttft_p50_ms": place.ttft.map(|(half, _)| ms(half).round()),
        "ttft_p99_ms": place.ttft.map(|(_, most)| ms(most).round()),
        "calls_10s": place.tries.0,
        "further_tries_10s": place.tries.1,
    })
}

fn scope(scope: &ScopeView) -> Value {
    let limits = &scope.limits;
    let mut out = json!({
        "kind": scope.kind.as_str(),
        "name": scope.name,
        "refused": scope.refused,
    });
    let windows = [
        ("calls_per_minute", limits.calls_per_minute, scope.calls),
        ("tokens_per_minute", limits.tokens_per_minute, scope.tokens),
        ("concurrent", limits.concurrent, u64::from(scope.in_flight)),
    ];
    for (name, limit, used) in windows {
        if let Some(limit) = limit {
            out[name] = json!({ "used": used, "limit": limit });
        }
    }
    if limits.concurrent.is_some() {
        out["concurrent"]["waiting"] = json!(scope.waiting);
    }
    for (name, limit, spent) in
        [("budget_day", scope.budget.day, scope.day), ("budget_month", scope.budget.month, scope.month)]
    {
        if let Some(limit) = limit {
            out[name] = budget(limit, spent, scope);
        }
    }
    if limits.shadow || scope.budget.shadow {
        out["shadow"] = json!({ "would_have_refused": scope.shadowed });
    }
    out
}

fn budget(limit: Cost, (spent, resets_at): (Cost, Timestamp), scope: &ScopeView) -> Value {
    json!({
        "spent_usd": spent,
        "reserved_usd": scope.reserved,
        "limit_usd": limit,
        "resets_at": resets_at.rfc3339(),
        "nearly_used": (spent.0 + scope.reserved.0) as f64 >= limit.0 as f64 * scope.budget.soft,
    })
}
