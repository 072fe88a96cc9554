//! `POST /v1/feedback`: how good the answer to a call was, by whoever used it. Routes learn from it.

use crate::admin::{Admin, calls, reply};
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use paceline_gateway::Asker;
use paceline_store::error::StoreError;
use paceline_store::store::{Patch, Store};
use paceline_types::id::CallId;
use paceline_types::record::{CallRecord, Operation, Status};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// The longest body, in bytes.
const MAX_BODY: usize = 4096;
/// The longest source, in bytes.
const MAX_SOURCE: usize = 128;
/// What a body looks like.
const FORM: &str = "{\"call_id\": \"…\", \"score\": 0.8}, or instead of `score` one of \"thumbs\": \"up\" or \"down\", \
     \"accepted\": true or false, \"edited\": the share of the answer that was changed, 0 to 1; \"source\" may say who judged";

/// What is said of an answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    call_id: String,
    score: Option<f64>,
    thumbs: Option<Thumbs>,
    accepted: Option<bool>,
    edited: Option<f64>,
    source: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Thumbs {
    Up,
    Down,
}

/// A body that says nothing: the member, and why.
type Bad = (Option<&'static str>, String);

impl Said {
    fn read(body: &Bytes) -> Result<Self, Bad> {
        let said: Self = serde_json::from_slice(body)
            .map_err(|error| (None, format!("the body must be {FORM}: {error}")))?;
        if said.source.as_ref().is_some_and(|source| source.len() > MAX_SOURCE) {
            return Err((Some("source"), format!("`source` must have at most {MAX_SOURCE} bytes")));
        }
        Ok(said)
    }

    /// The quality, 0 to 1.
    fn quality(&self) -> Result<f32, Bad> {
        let judged = |good: bool| if good { 1.0 } else { 0.0 };
        let all = [
            ("score", self.score),
            ("thumbs", self.thumbs.map(|thumbs| judged(matches!(thumbs, Thumbs::Up)))),
            ("accepted", self.accepted.map(judged)),
            ("edited", self.edited),
        ];
        let mut given = all.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
        let (Some((name, value)), None) = (given.next(), given.next()) else {
            return Err((None, format!("the body must have exactly one judgement: {FORM}")));
        };
        if !(0.0..=1.0).contains(&value) {
            return Err((Some(name), format!("`{name}` must be 0 to 1, not {value}")));
        }
        Ok(if name == "edited" { 1.0 - value } else { value } as f32)
    }
}

/// What became of it.
enum Done {
    Unknown,
    Unanswered(Status),
    Scored(Arc<CallRecord>),
}

pub(crate) async fn score(
    State(admin): State<Arc<Admin>>,
    Extension(asker): Extension<Asker>,
    body: Bytes,
) -> Response {
    if body.len() > MAX_BODY {
        let message = format!("the body is over {MAX_BODY} bytes, and must be {FORM}");
        return reply::fail(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", None, &message);
    }
    let (said, quality) = match Said::read(&body).and_then(|said| said.quality().map(|q| (said, q))) {
        Ok(read) => read,
        Err((name, message)) => {
            return reply::fail(StatusCode::BAD_REQUEST, "invalid_parameter", name, &message);
        }
    };
    let Some(id) = CallId::parse(&said.call_id) else { return not_there(&admin, &asker, &said.call_id) };
    let source = said.source.map_or_else(|| "feedback".into(), |source| format!("feedback: {source}"));
    let patch = Patch { id, cost: None, quality: Some(quality), source };
    let who = asker.clone();
    // Before the store is asked: a call that ends meanwhile has a record by then.
    let by = admin.gateway.get().and_then(|gateway| gateway.caller_under_way(id));
    let is_under_way = by.is_some_and(|caller| asker.may_know(&caller));
    match admin.ask(move |store| keep(store, &who, &patch)).await {
        Ok(Done::Scored(before)) => {
            let record = CallRecord { quality: Some(quality), ..CallRecord::clone(&before) };
            // One call teaches once, however often it is judged.
            if let (Some(gateway), None) = (admin.gateway.get(), before.quality) {
                gateway.scored(std::iter::once(&record));
            }
            let target = record.target.as_deref();
            reply::json(&json!({
                "call_id": said.call_id,
                "quality": record.quality_json(),
                "model": target.map(|target| &target.model),
                "provider": target.map(|target| &target.provider),
            }))
        }
        Ok(Done::Unanswered(status)) => {
            let message = format!(
                "no model answered call `{}` (its status is {}): there is nothing to judge",
                said.call_id,
                status.as_str()
            );
            reply::fail(StatusCode::CONFLICT, "call_not_answered", Some("call_id"), &message)
        }
        Ok(Done::Unknown) if is_under_way => {
            let message = format!("call `{}` has not ended: judge it when its answer is whole", said.call_id);
            reply::fail(StatusCode::CONFLICT, "call_not_finished", Some("call_id"), &message)
        }
        Ok(Done::Unknown) => not_there(&admin, &asker, &said.call_id),
        Err(answer) => answer,
    }
}

/// Keeps it beside the call's record, where there is one that the asker may know of.
fn keep(store: &dyn Store, asker: &Asker, patch: &Patch) -> Result<Done, StoreError> {
    let Some(record) = store.get(patch.id)?.filter(|record| asker.may_know(&record.caller)) else {
        return Ok(Done::Unknown);
    };
    if !is_answered(&record) {
        return Ok(Done::Unanswered(record.status));
    }
    let known = store.patch(std::slice::from_ref(patch))?;
    Ok(if known == 0 { Done::Unknown } else { Done::Scored(record) })
}

/// Whether a model answered. Of a caller who left that is so once there was something to read.
fn is_answered(record: &CallRecord) -> bool {
    let said = match record.status {
        Status::Ok | Status::Partial => true,
        Status::Canceled => record.first_token.is_some(),
        Status::Error | Status::Refused => false,
    };
    said && record.target.is_some() && record.operation != Operation::CountTokens
}

fn not_there(admin: &Admin, asker: &Asker, id: &str) -> Response {
    let shown = &id[..id.floor_char_boundary(64)];
    if asker.own.is_none() {
        return calls::not_found(admin, shown);
    }
    let message = format!("there is no call `{shown}` of this key that is kept");
    reply::fail(StatusCode::NOT_FOUND, "call_not_found", Some("call_id"), &message)
}
