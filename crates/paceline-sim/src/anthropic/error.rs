//! Errors as Anthropic writes them.

use crate::{exchange::Reply, fault::Fault};
use serde_json::{Value, json};

/// Type and sentence that go with a status.
fn usual(status: u16) -> (&'static str, &'static str) {
    match status {
        401 => ("authentication_error", "invalid x-api-key"),
        402 => ("billing_error", "Your credit balance is too low to access the API."),
        403 => ("permission_error", "Your API key may not use this model."),
        404 => ("not_found_error", "Not found"),
        409 => ("conflict_error", "The request conflicts with another one."),
        413 => ("request_too_large", "Request exceeds the maximum size"),
        429 => ("rate_limit_error", "This request would exceed your organization's rate limit."),
        504 => ("timeout_error", "The request timed out."),
        503 | 529 => ("overloaded_error", "Overloaded"),
        500.. => ("api_error", "Internal server error"),
        _ => ("invalid_request_error", "The request is not valid."),
    }
}

fn envelope(status: u16, message: Option<&str>, code: Option<&str>, request: Option<u64>) -> Value {
    let (kind, sentence) = usual(status);
    let mut error = json!({"type": kind, "message": message.unwrap_or(sentence)});
    if let Some(code) = code {
        error["details"] = json!({"error_code": code});
    }
    let request_id = request.map(super::request_id);
    json!({"type": "error", "error": error, "request_id": request_id})
}

/// An error answer to call `n`.
pub(crate) fn reply(status: u16, message: &str, n: u64) -> Reply {
    Reply::json(status, envelope(status, Some(message), None, Some(n)).to_string())
}

/// The error answer a fault asks for.
pub(crate) fn faulty(fault: &Fault, status: u16, message: Option<&str>, n: u64) -> Reply {
    Reply::json(status, envelope(status, message, fault.code.as_deref(), Some(n)).to_string())
}

/// The error in a stream: the usual overload.
pub(crate) fn in_stream(fault: &Fault) -> String {
    envelope(529, None, fault.code.as_deref(), None).to_string()
}
