//! Errors of the responses dialect. Its envelope is OpenAI's own ([`crate::openai::error`]); in a stream they are events.

use crate::neutral::event::Failure;
use crate::neutral::fold::short;
use crate::neutral::json::Json;
use crate::neutral::write::object;
use crate::openai;
use paceline_types::error::ErrorKind;
use serde::Deserialize;

/// What an error object, or an event that is one, holds.
#[derive(Default, Deserialize)]
pub(crate) struct Told<'a> {
    #[serde(borrow, default)]
    code: Option<Json<'a>>,
    #[serde(borrow, default)]
    message: Option<Json<'a>>,
    #[serde(borrow, default)]
    r#type: Option<Json<'a>>,
}

impl<'a> Told<'a> {
    /// From an object; of anything else nothing is known but that it stands for an error.
    pub(crate) fn of(json: &Json<'a>) -> Self {
        let mut members = json.open().unwrap_or_default();
        let message = if json.is_string() { Some(json.clone()) } else { members.take("message") };
        Self { code: members.take("code"), message, r#type: members.take("type") }
    }

    /// What it means.
    pub(crate) fn failure(&self) -> Failure {
        let text = |json: &Option<Json<'_>>| {
            let json = json.as_ref()?;
            let text = if json.is_string() { json.text()? } else { json.get().into() };
            Some(text.into_owned())
        };
        // The event itself is of the type `error`, which says nothing.
        let of_type = || text(&self.r#type).filter(|kind| kind != "error");
        let code = text(&self.code).or_else(of_type).unwrap_or_default();
        let message = text(&self.message);
        Failure {
            kind: kind(&code, message.as_deref().unwrap_or_default()),
            code: short(&code),
            message: message.map(Into::into),
            retry_after_ms: None,
        }
    }
}

/// What a code means that came inside an answer with status 200.
fn kind(code: &str, message: &str) -> ErrorKind {
    match code {
        "context_length_exceeded" => ErrorKind::ContextTooLong,
        _ if message.contains("exceeds the context window") => ErrorKind::ContextTooLong,
        "rate_limit_exceeded" | "rate_limit_error" => ErrorKind::RateLimited,
        "authentication_error" | "permission_error" => ErrorKind::ProviderAuth,
        "content_filter" | "cyber_policy_violation" => ErrorKind::ContentFilter,
        _ if code.contains("policy") => ErrorKind::ContentFilter,
        "vector_store_timeout" => ErrorKind::Timeout,
        "server_error" | "failed_to_download_image" => ErrorKind::ProviderFailed,
        "model_not_found" => ErrorKind::NotFound,
        _ if code.starts_with("invalid_") || code.contains("image") => ErrorKind::BadRequest,
        _ => openai::error::kind(openai::error::status_of(Some(code)), Some(code)),
    }
}

/// The event that tells why a stream ends without its end mark. `sequence_number` is the number of the next event, which
/// the writer of the stream knows ([`Writer::next_number`](super::write_answer::Writer::next_number)).
pub fn event(message: &str, param: Option<&str>, code: &str, sequence_number: u64) -> Vec<u8> {
    let mut out = b"event: error\ndata: ".to_vec();
    object(&mut out, |o| {
        o.text("type", "error");
        o.text("code", code);
        o.text("message", message);
        match param {
            Some(param) => o.text("param", param),
            None => o.raw("param", "null"),
        }
        o.number("sequence_number", sequence_number);
    });
    out.extend_from_slice(b"\n\n");
    out
}
