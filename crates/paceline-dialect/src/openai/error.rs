//! Errors as OpenAI's clients expect them.

use crate::neutral::event::Failure;
use crate::neutral::fold::short;
use paceline_types::error::ErrorKind;
use serde::Serialize;
use serde_json::Value;

/// The envelope `{"error": {…}}`.
#[derive(Debug, Serialize)]
struct Envelope<'a> {
    error: Inner<'a>,
}

#[derive(Debug, Serialize)]
struct Inner<'a> {
    message: &'a str,
    r#type: &'a str,
    param: Option<&'a str>,
    code: &'a str,
}

/// Writes the envelope. `kind`: OpenAI's `type`; `code`: the stable code; `param`: the field at fault.
pub fn envelope(message: &str, kind: &str, param: Option<&str>, code: &str) -> String {
    let inner = Inner { message, r#type: kind, param, code };
    serde_json::to_string(&Envelope { error: inner }).unwrap_or_default()
}

/// OpenAI's `type` for a status.
pub const fn kind_of_status(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// What an error answer, or an error in a stream (`status` 200), means.
pub fn read(status: u16, body: &[u8]) -> Failure {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    // vLLM's errors have no envelope.
    let error = value.get("error").filter(|error| error.is_object()).unwrap_or(&value);
    let word = |key: &str| match error.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let code = word("code").or_else(|| word("type"));
    let message = word("message").or_else(|| value.get("error")?.as_str().map(str::to_owned));
    let meant = if status == 200 { status_of(code.as_deref()) } else { status };
    let too_long = meant == 400 && message.as_deref().is_some_and(is_about_length);
    let kind = if too_long { ErrorKind::ContextTooLong } else { kind(meant, code.as_deref()) };
    Failure {
        kind,
        code: code.as_deref().and_then(short),
        message: message.map(Into::into),
        retry_after_ms: None,
    }
}

/// Services that copy the dialect say it in words only.
fn is_about_length(message: &str) -> bool {
    message.contains("maximum context length") || message.contains("context length exceeded")
}

/// The status that an error inside a 200 would have had.
pub fn status_of(code: Option<&str>) -> u16 {
    match code {
        Some("rate_limit_exceeded" | "429") => 429,
        Some("context_length_exceeded" | "400") => 400,
        _ => 502,
    }
}

/// What an error status means (G9's classes); `code` is the provider's own.
pub fn kind(status: u16, code: Option<&str>) -> ErrorKind {
    match (status, code.unwrap_or_default()) {
        (400 | 413, "context_length_exceeded") => ErrorKind::ContextTooLong,
        (400, "content_filter" | "content_policy_violation") => ErrorKind::ContentFilter,
        (_, "insufficient_quota" | "billing_hard_limit_reached") => ErrorKind::ProviderAuth,
        (401..=403, _) => ErrorKind::ProviderAuth,
        (404, _) => ErrorKind::NotFound,
        (413, _) => ErrorKind::TooLarge,
        (408, _) => ErrorKind::Timeout,
        (429, _) => ErrorKind::RateLimited,
        (400..=499, _) => ErrorKind::BadRequest,
        (500..=599, _) => ErrorKind::ProviderFailed,
        _ => ErrorKind::Garbage,
    }
}
