//! Errors of Ollama: one sentence.

use crate::neutral::event::Failure;
use crate::neutral::json::Json;
use paceline_types::error::ErrorKind;
use std::borrow::Cow;

/// What an error answer means.
pub fn read(status: u16, body: &[u8]) -> Failure {
    let whole = serde_json::from_slice::<Json<'_>>(body).ok();
    failure(whole.and_then(|whole| whole.member("error")).as_ref(), Some(status))
}

/// What an error means; `status` where it came with one.
pub(crate) fn failure(told: Option<&Json<'_>>, status: Option<u16>) -> Failure {
    // Its compatible side and services in front of it send an object.
    let message = told.and_then(|told| match told.member("message") {
        Some(inner) => inner.text().map(Cow::into_owned),
        None => told.text().map(Cow::into_owned),
    });
    let kind = kind(status, message.as_deref().unwrap_or_default());
    Failure { kind, code: None, message: message.map(Into::into), retry_after_ms: None }
}

fn kind(status: Option<u16>, message: &str) -> ErrorKind {
    let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
    match status {
        _ if says(&["context length", "context window", "maximum context"]) => ErrorKind::ContextTooLong,
        // Tools, thought or pictures, which other models can.
        Some(400) if message.contains("does not support") => ErrorKind::Unsupported,
        Some(401..=403) => ErrorKind::ProviderAuth,
        Some(404) => ErrorKind::NotFound,
        None if says(&["try pulling it"]) => ErrorKind::NotFound,
        Some(408 | 504) => ErrorKind::Timeout,
        Some(413) => ErrorKind::TooLarge,
        Some(429) => ErrorKind::RateLimited,
        Some(400..=499) => ErrorKind::BadRequest,
        _ => ErrorKind::ProviderFailed,
    }
}
