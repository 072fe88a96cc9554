//! `GET /v1/calls`: find calls; `GET /v1/calls/{id}`: one whole.

use crate::admin::query::{BadQuery, Query};
use crate::admin::{Admin, reply};
use crate::config::StorageKind;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use paceline_store::filter::Filter;
use paceline_types::error::ErrorKind;
use paceline_types::id::CallId;
use paceline_types::money::Cost;
use paceline_types::record::{CallRecord, Status};
use paceline_types::time::Timestamp;
use serde::Serialize;
use std::sync::Arc;

/// A filter by the words of a query string.
///
/// # Errors
/// In words, when one is not known or means nothing.
pub(crate) fn filter_of(text: &str) -> Result<Filter, String> {
    let read = Query::read(Some(text), &PARAMETERS).and_then(|query| filter(&query, crate::recorder::now()));
    read.map_err(BadQuery::message)
}

/// Everything that can be asked.
pub(crate) const PARAMETERS: [&str; 20] = [
    "window",
    "since",
    "until",
    "model",
    "provider",
    "route",
    "role",
    "task",
    "tenant",
    "workspace",
    "key",
    "session",
    "user",
    "tag",
    "status",
    "error_kind",
    "cache",
    "min_cost_usd",
    "min_duration_ms",
    "limit",
];
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1000;

#[derive(Serialize)]
struct Listed<'a> {
    calls: Vec<&'a CallRecord>,
    next_cursor: Option<String>,
}

pub(crate) async fn list(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let (filter, limit, below) = match asked(query.as_deref()) {
        Ok(asked) => asked,
        Err(bad) => return bad.into(),
    };
    match admin.ask(move |store| store.page(&filter, limit, below)).await {
        Ok(page) => {
            let calls = page.calls.iter().map(AsRef::as_ref).collect();
            reply::json(&Listed { calls, next_cursor: page.next.map(|id| id.to_string()) })
        }
        Err(answer) => answer,
    }
}

fn asked(query: Option<&str>) -> Result<(Filter, usize, Option<CallId>), BadQuery> {
    let known: Vec<&str> = PARAMETERS.into_iter().chain(["cursor"]).collect();
    let query = Query::read(query, &known)?;
    let filter = filter(&query, crate::recorder::now())?;
    let limit = query
        .parsed("limit", "a number from 1 to 1000", |text| {
            text.parse().ok().filter(|n| (1..=MAX_LIMIT).contains(n))
        })?
        .unwrap_or(DEFAULT_LIMIT);
    let below = query.parsed("cursor", "a next_cursor of an answer before", CallId::parse)?;
    Ok((filter, limit, below))
}

pub(crate) fn filter(query: &Query, now: Timestamp) -> Result<Filter, BadQuery> {
    let owned = |name: &str| query.text(name).map(str::to_owned);
    let mut since = query.time("since")?;
    if query.text("window").is_some() {
        let from = Timestamp(now.0 - query.window(0)? * 1_000_000);
        since = Some(since.map_or(from, |since| since.max(from)));
    }
    let pair = |text: &str| text.split_once(':').map(|(key, value)| (key.to_owned(), value.to_owned()));
    let kinds = format!("one of {}", ErrorKind::ALL.map(ErrorKind::as_str).join(", "));
    let kind = |text: &str| ErrorKind::ALL.iter().any(|kind| kind.as_str() == text).then(|| text.to_owned());
    Ok(Filter {
        since,
        until: query.time("until")?,
        model: owned("model"),
        provider: owned("provider"),
        routed: false,
        unpriced: false,
        scored: false,
        route: owned("route"),
        role: owned("role"),
        task: owned("task"),
        session: owned("session"),
        user: owned("user"),
        tenant: owned("tenant"),
        workspace: owned("workspace"),
        key: owned("key"),
        tag: query.parsed("tag", "key:value", pair)?,
        status: query.parsed("status", "ok, error, partial, canceled or refused", Status::parse)?,
        error_kind: query.parsed("error_kind", &kinds, kind)?,
        cache: owned("cache"),
        min_cost: query.parsed("min_cost_usd", "an amount like 0.01", Cost::parse_usd)?,
        min_duration_ms: query.parsed("min_duration_ms", "a whole number", |text| text.parse().ok())?,
    })
}

pub(crate) async fn one(State(admin): State<Arc<Admin>>, Path(id): Path<String>) -> Response {
    let found = match CallId::parse(&id) {
        Some(id) => admin.ask(move |store| store.get(id)).await,
        None => Ok(None),
    };
    match found {
        Ok(Some(record)) => return reply::json(&*record),
        Ok(None) => {}
        Err(answer) => return answer,
    }
    not_found(&admin, &id)
}

/// The answer for an id that nobody knows, or no more.
pub(crate) fn not_found(admin: &Admin, id: &str) -> Response {
    let kept = admin.recorder.store.state().records;
    let setting = match admin.loaded.load().config.storage.kind {
        StorageKind::Disk => "storage.records_days, storage.max_mb",
        StorageKind::Memory => "records.keep",
    };
    let message = format!("there is no call `{id}` among the {kept} that are kept ({setting})");
    reply::fail(StatusCode::NOT_FOUND, "call_not_found", None, &message)
}
