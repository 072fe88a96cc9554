//! Errors of Bedrock's runtime: answers, and exceptions in a stream.

use crate::neutral::event::Failure;
use crate::neutral::fold::short;
use crate::neutral::json::{Json, Members};
use paceline_types::error::ErrorKind;
use std::borrow::Cow;

/// What an error answer means; `error_type`: its header `x-amzn-ErrorType`.
pub fn read(status: u16, error_type: Option<&str>, body: &[u8]) -> Failure {
    failure(error_type, Some(status), body)
}

/// What an error means; `status` where it came with one.
pub(crate) fn failure(error_type: Option<&str>, status: Option<u16>, body: &[u8]) -> Failure {
    let mut members = Members::read(body).unwrap_or_default();
    let mut text = |key: &str| members.take(key).as_ref().and_then(Json::text).map(Cow::into_owned);
    let told = error_type.map(str::to_owned).or_else(|| text("__type")).or_else(|| text("code"));
    let name = told.as_deref().map(bare).unwrap_or_default();
    let message = text("message").or_else(|| text("Message")).or_else(|| text("originalMessage"));
    Failure {
        kind: kind(name, status, message.as_deref().unwrap_or_default()),
        code: short(name),
        message: message.map(Into::into),
        retry_after_ms: None,
    }
}

/// The name without what stands around it: `com.amazon…#Name:http://…`.
fn bare(told: &str) -> &str {
    let told = told.split(':').next().unwrap_or_default();
    told.rsplit('#').next().unwrap_or_default().trim()
}

fn kind(name: &str, status: Option<u16>, message: &str) -> ErrorKind {
    // Exceptions in streams begin with a small letter.
    let lower = name.to_ascii_lowercase();
    let name = lower.strip_suffix("exception").unwrap_or(&lower);
    match name {
        "throttling" | "modelnotready" | "toomanyrequests" => ErrorKind::RateLimited,
        "servicequotaexceeded" | "accessdenied" | "unrecognizedclient" | "optinrequired" => {
            ErrorKind::ProviderAuth
        }
        _ if name.contains("signature") || name.contains("token") || name.contains("credential") => {
            ErrorKind::ProviderAuth
        }
        "resourcenotfound" => ErrorKind::NotFound,
        "modeltimeout" => ErrorKind::Timeout,
        "modelerror" | "modelstreamerror" | "internalserver" | "serviceunavailable" => {
            ErrorKind::ProviderFailed
        }
        "validation" if is_about_length(message) => ErrorKind::ContextTooLong,
        "validation" if is_about_model(message) => ErrorKind::NotFound,
        "validation" => ErrorKind::BadRequest,
        _ => of_status(status),
    }
}

const fn of_status(status: Option<u16>) -> ErrorKind {
    match status {
        Some(401..=403) => ErrorKind::ProviderAuth,
        Some(404) => ErrorKind::NotFound,
        Some(408 | 504) => ErrorKind::Timeout,
        Some(413) => ErrorKind::TooLarge,
        Some(424) => ErrorKind::ProviderFailed,
        Some(429) => ErrorKind::RateLimited,
        Some(400..=499) => ErrorKind::BadRequest,
        _ => ErrorKind::ProviderFailed,
    }
}

/// A prompt that is too long comes as a request that is not valid, in the words of the model's maker.
fn is_about_length(message: &str) -> bool {
    const WORDS: [&str; 5] = [
        "input is too long",
        "prompt is too long",
        "too many input tokens",
        "maximum context length",
        "exceed context limit",
    ];
    let message = message.to_ascii_lowercase();
    WORDS.iter().any(|words| message.contains(words))
}

/// A model that is not offered like this is nothing the caller said wrong.
fn is_about_model(message: &str) -> bool {
    message.contains("model identifier is invalid") || message.contains("on-demand throughput isn")
}
