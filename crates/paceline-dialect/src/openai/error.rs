//! Errors as OpenAI's clients expect them.

use serde::Serialize;

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
