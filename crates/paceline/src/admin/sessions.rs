//! `GET /v1/sessions`: what the calls of each session come to.

use crate::admin::calls::{PARAMETERS, filter};
use crate::admin::query::{BadQuery, Query};
use crate::admin::shape::{dollars, rounded};
use crate::admin::{Admin, reply};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use paceline_store::filter::Filter;
use paceline_store::session::Session;
use paceline_types::time::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// How far back without a window or a time: a day.
const DAY_US: i64 = 86_400_000_000;
const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 1000;

pub(crate) async fn list(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let (filter, limit) = match asked(query.as_deref()) {
        Ok(asked) => asked,
        Err(bad) => return bad.into(),
    };
    match admin.ask(move |store| store.sessions(&filter, limit)).await {
        Ok(sessions) => {
            let rows: Vec<Value> = sessions.iter().map(row).collect();
            reply::json(&json!({"sessions": rows, "next_cursor": null}))
        }
        Err(answer) => answer,
    }
}

fn asked(query: Option<&str>) -> Result<(Filter, usize), BadQuery> {
    let query = Query::read(query, &PARAMETERS)?;
    let now = crate::recorder::now();
    let mut filter = filter(&query, now)?;
    filter.since = filter.since.or(Some(Timestamp(now.0 - DAY_US)));
    let limit = query.parsed("limit", "a number from 1 to 1000", |text| {
        text.parse().ok().filter(|n| (1..=MAX_LIMIT).contains(n))
    })?;
    Ok((filter, limit.unwrap_or(DEFAULT_LIMIT)))
}

fn row(session: &Session) -> Value {
    let known = session.cost_unknown == 0;
    json!({
        "session": session.name,
        "started_at": session.started_at,
        "ended_at": session.ended_at,
        "duration_ms": rounded((session.ended_at.0 - session.started_at.0) as f64 / 1000.0),
        "calls": session.calls,
        "tasks": session.tasks,
        "roles": session.roles,
        "errors": session.errors,
        "input_tokens": session.input_tokens,
        "output_tokens": session.output_tokens,
        "cost_usd": known.then(|| dollars(session.cost_pico)),
        "cost_known_usd": dollars(session.cost_pico),
    })
}
