//! `/v1/captures`: whose next calls are captured; `GET /v1/calls/{id}/body`: what was captured of one.

use crate::admin::{Admin, calls, reply};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use paceline_gateway::{Gateway, Running};
use paceline_store::bodies::{Bodies, Body};
use paceline_types::id::CallId;
use serde::Deserialize;
use serde_json::{Value, json};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// Calls that one capture takes.
const CALLS: RangeInclusive<u32> = 1..=1000;
/// Seconds that it may last: a day, so that none is forgotten.
const SECONDS: RangeInclusive<u64> = 1..=86_400;

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    key: Option<String>,
    calls: u32,
    expires_in_s: u64,
}

impl Default for Asked {
    fn default() -> Self {
        Self { key: None, calls: 10, expires_in_s: 600 }
    }
}

pub(crate) async fn start(State(admin): State<Arc<Admin>>, body: Bytes) -> Response {
    let Some(gateway) = admin.gateway.get() else { return not_there_yet() };
    let asked = match read(&body) {
        Ok(asked) => asked,
        Err((name, message)) => return invalid(name, &message),
    };
    let time = Duration::from_secs(asked.expires_in_s);
    if let Err(unknown) = gateway.capture(asked.key.as_deref(), asked.calls, time) {
        return invalid(Some("key"), &unknown.to_string());
    }
    let whose = asked.key.as_ref().map_or("without a key".to_owned(), |key| format!("of key {key}"));
    let (calls, seconds) = (asked.calls, asked.expires_in_s);
    admin
        .recorder
        .log()
        .info(&format!("the bodies of the next {calls} calls {whose} are captured, for {seconds} s at most"));
    reply::json(&json!({
        "key": asked.key, "calls_left": calls, "expires_in_s": seconds, "kept_days": kept_days(&admin),
    }))
}

fn read(body: &Bytes) -> Result<Asked, (Option<&'static str>, String)> {
    if body.is_empty() {
        return Ok(Asked::default());
    }
    let asked: Asked = serde_json::from_slice(body).map_err(|error| {
        let message = format!(
            "the body must be like {{\"key\": \"team-a\", \"calls\": 5, \"expires_in_s\": 600}}: {error}"
        );
        (None, message)
    })?;
    let (least, most) = (CALLS.start(), CALLS.end());
    if !CALLS.contains(&asked.calls) {
        return Err((Some("calls"), format!("`calls` must be {least} to {most}, not {}", asked.calls)));
    }
    let (least, most) = (SECONDS.start(), SECONDS.end());
    if !SECONDS.contains(&asked.expires_in_s) {
        let message = format!("`expires_in_s` must be {least} to {most} (a day), not {}", asked.expires_in_s);
        return Err((Some("expires_in_s"), message));
    }
    Ok(asked)
}

pub(crate) async fn list(State(admin): State<Arc<Admin>>) -> Response {
    let row = |one: &Running| {
        let expires = one.time_left.as_secs_f64().ceil() as u64;
        json!({ "key": one.key, "calls_left": one.calls_left, "expires_in_s": expires })
    };
    let captures: Vec<Value> =
        admin.gateway.get().map(|gateway| gateway.captures()).iter().flatten().map(row).collect();
    let queue = &admin.recorder.queue.bodies;
    reply::json(&json!({ "captures": captures, "waiting": queue.waiting(), "dropped": queue.dropped() }))
}

/// Ends the capture of a key.
pub(crate) async fn end(State(admin): State<Arc<Admin>>, Path(key): Path<String>) -> Response {
    ended(&admin, Some(&key))
}

/// Ends the capture of calls without a key.
pub(crate) async fn end_keyless(State(admin): State<Arc<Admin>>) -> Response {
    ended(&admin, None)
}

fn ended(admin: &Admin, key: Option<&str>) -> Response {
    let Some(gateway) = admin.gateway.get() else { return not_there_yet() };
    if gateway.end_capture(key) {
        return reply::json(&json!({ "key": key, "ended": true }));
    }
    let running = running(gateway);
    let whose = key.map_or("of calls without a key".to_owned(), |key| format!("of `{key}`"));
    let message = format!("no capture {whose} is under way; {running}");
    reply::fail(StatusCode::NOT_FOUND, "capture_not_found", None, &message)
}

/// The captures under way, in words.
fn running(gateway: &Gateway) -> String {
    let whose = |one: Running| one.key.unwrap_or_else(|| "calls without a key".into());
    let names: Vec<String> = gateway.captures().into_iter().map(whose).collect();
    if names.is_empty() { "there is none at all".into() } else { format!("there are: {}", names.join(", ")) }
}

/// The captured bodies of one call.
pub(crate) async fn body(State(admin): State<Arc<Admin>>, Path(id): Path<String>) -> Response {
    let Some(parsed) = CallId::parse(&id) else { return calls::not_found(&admin, &id) };
    let keeper = Arc::clone(&admin);
    let found = admin.ask(move |store| {
        keeper.recorder.keep_bodies();
        match store.bodies(parsed)? {
            Some(bodies) => Ok(Ok(bodies)),
            None => store.get(parsed).map(|record| Err(record.is_some())),
        }
    });
    match found.await {
        Ok(Ok(bodies)) => reply::json(&shown(&bodies)),
        Ok(Err(true)) => {
            let days = kept_days(&admin);
            let message = format!(
                "no bodies of call `{id}` are kept: they are captured only where somebody asked before the call \
                 (`paceline capture`, POST /v1/captures), and kept {days} days (storage.bodies_days)"
            );
            reply::fail(StatusCode::NOT_FOUND, "body_not_found", None, &message)
        }
        Ok(Err(false)) => calls::not_found(&admin, &id),
        Err(answer) => answer,
    }
}

fn shown(bodies: &Bodies) -> Value {
    let side = |body: &Body| json!({ "content_type": body.content_type, "bytes": body.length, "cut": body.cut, "text": body.text });
    json!({
        "id": bodies.id.to_string(),
        "started_at": bodies.started_at,
        "request": bodies.request.as_ref().map(side),
        "answer": bodies.answer.as_ref().map(side),
    })
}

fn kept_days(admin: &Admin) -> u64 {
    admin.kept_bodies.as_secs() / 86_400
}

fn invalid(name: Option<&str>, message: &str) -> Response {
    reply::fail(StatusCode::BAD_REQUEST, "invalid_parameter", name, message)
}

fn not_there_yet() -> Response {
    let message = "the gateway is still starting; ask again in a moment";
    reply::fail(StatusCode::SERVICE_UNAVAILABLE, "starting", None, message)
}
