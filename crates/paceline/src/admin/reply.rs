//! Answers of the admin side: JSON, and errors in the same envelope as everywhere.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use paceline_dialect::openai::error;
use serde::Serialize;

/// An error answer: `code` for programs, `message` for people.
pub(crate) fn fail(status: StatusCode, code: &str, param: Option<&str>, message: &str) -> Response {
    let body = error::envelope(message, error::kind_of_status(status.as_u16()), param, code);
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

/// What is asked for is on a disk that does not answer.
pub(crate) fn no_store(why: &str) -> Response {
    fail(StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable", None, why)
}

/// A JSON answer, indented for people who look at it in a browser or with curl.
pub(crate) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec_pretty(value) {
        Ok(body) => ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body).into_response(),
        Err(error) => fail(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", None, &error.to_string()),
    }
}

/// A JSON answer for programs alone, where indentation would be a third of many bytes.
pub(crate) fn dense(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body).into_response(),
        Err(error) => fail(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", None, &error.to_string()),
    }
}

pub(crate) async fn no_such_path(method: Method, uri: Uri) -> Response {
    let path = uri.path();
    let shown = &path[..path.floor_char_boundary(200)];
    let known = [
        "/v1/chat/completions",
        "/v1/embeddings",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/responses",
        "/v1/models",
        "/v1/models/generate",
        "/v1/models/recommendations",
        "/v1/routing/stats",
        "/v1/calls",
        "/v1/feedback",
        "/v1/captures",
        "/v1/sessions",
        "/v1/keys",
        "/v1/audit",
        "/v1/config",
        "/v1/costs",
        "/v1/live",
        "/v1/performance/series",
        "/v1/costs/recalculate",
        "/v1/performance/summary",
        "/health/live",
        "/health/ready",
        "/metrics",
    ];
    let close = paceline_routing::nearest::nearest(path, known.into_iter());
    let hint = close.first().map_or_else(
        || "see GET / for what there is; /{provider}/… reaches a provider's own paths".to_owned(),
        |path| format!("did you mean {path}?"),
    );
    fail(StatusCode::NOT_FOUND, "unknown_path", None, &format!("there is no {method} {shown} here; {hint}"))
}

pub(crate) async fn wrong_method(method: Method, uri: Uri) -> Response {
    let path = uri.path();
    let use_instead =
        if ["/reload", "/recalculate", "/rotate", "/feedback"].iter().any(|end| path.ends_with(end)) {
            "POST"
        } else if path == "/v1/keys" {
            "GET or POST"
        } else if path.starts_with("/v1/keys/") {
            "GET, PATCH or DELETE"
        } else if path == "/v1/captures" || path == "/v1/session" {
            "GET, POST or DELETE"
        } else if path.starts_with("/v1/captures/") {
            "DELETE"
        } else {
            "GET"
        };
    let message = format!("{method} is not possible at {}; use {use_instead}", uri.path());
    fail(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", None, &message)
}
