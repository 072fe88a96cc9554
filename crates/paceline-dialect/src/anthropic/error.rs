//! Errors of Anthropic's dialect, both ways.

use crate::neutral::event::Failure;
use crate::neutral::fold::short;
use crate::neutral::json::Json;
use crate::neutral::write::object;
use paceline_types::error::ErrorKind;
use serde::Deserialize;

/// The inner object of the envelope.
#[derive(Deserialize)]
pub struct Told<'a> {
    #[serde(borrow, default)]
    r#type: Option<Json<'a>>,
    #[serde(borrow, default)]
    message: Option<Json<'a>>,
    #[serde(borrow, default)]
    details: Option<Json<'a>>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    error: Option<Told<'a>>,
}

/// What an error answer means.
pub fn read(status: u16, body: &[u8]) -> Failure {
    let envelope = serde_json::from_slice::<Envelope<'_>>(body).ok();
    failure(envelope.as_ref().and_then(|envelope| envelope.error.as_ref()), Some(status))
}

/// What an error means; `status` where it came with one.
pub(crate) fn failure(told: Option<&Told<'_>>, status: Option<u16>) -> Failure {
    let text = |json: Option<&Json<'_>>| json.and_then(|json| json.text().map(std::borrow::Cow::into_owned));
    let code = text(told.and_then(|told| told.r#type.as_ref())).unwrap_or_default();
    let message = text(told.and_then(|told| told.message.as_ref()));
    let detail = told.and_then(|told| text(told.details.as_ref()?.member("error_code").as_ref()));
    let kind = kind(&code, status, message.as_deref().unwrap_or_default(), detail.as_deref());
    let code = detail.as_deref().and_then(short).or_else(|| short(&code));
    Failure { kind, code, message: message.map(Into::into), retry_after_ms: None }
}

fn kind(code: &str, status: Option<u16>, message: &str, detail: Option<&str>) -> ErrorKind {
    let too_long = || message.contains("prompt is too long") || message.contains("exceed context limit");
    match (code, status) {
        ("invalid_request_error", _) if too_long() => ErrorKind::ContextTooLong,
        // Credits that are used up come as a bad request.
        ("invalid_request_error", _) if message.contains("credit balance") => ErrorKind::ProviderAuth,
        ("authentication_error" | "billing_error" | "permission_error", _) => ErrorKind::ProviderAuth,
        ("not_found_error", _) => ErrorKind::NotFound,
        ("request_too_large", _) => ErrorKind::TooLarge,
        // A cap on spending is no limit that passes by itself.
        ("rate_limit_error", _) if detail.is_some_and(|detail| detail.contains("spend_limit")) => {
            ErrorKind::ProviderAuth
        }
        ("rate_limit_error", _) | (_, Some(429)) => ErrorKind::RateLimited,
        ("timeout_error", _) => ErrorKind::Timeout,
        ("overloaded_error" | "api_error", _) => ErrorKind::ProviderFailed,
        ("invalid_request_error", _) => ErrorKind::BadRequest,
        (_, Some(401..=403)) => ErrorKind::ProviderAuth,
        (_, Some(404)) => ErrorKind::NotFound,
        (_, Some(413)) => ErrorKind::TooLarge,
        (_, Some(408 | 504)) => ErrorKind::Timeout,
        (_, Some(400..=499)) => ErrorKind::BadRequest,
        _ => ErrorKind::ProviderFailed,
    }
}

/// The dialect's type for a status.
const fn kind_of_status(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        504 => "timeout_error",
        503 | 529 => "overloaded_error",
        _ => "api_error",
    }
}

/// Writes the envelope; `code` is Paceline's stable one.
pub fn envelope(status: u16, message: &str, code: &str) -> Vec<u8> {
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.text("type", "error");
        o.object("error", |error| {
            error.text("type", kind_of_status(status));
            error.text("message", message);
            error.object("details", |details| details.text("error_code", code));
        });
    });
    out
}
