//! Errors of Gemini's dialect, both ways.

use crate::neutral::event::Failure;
use crate::neutral::fold::short;
use crate::neutral::json::Json;
use crate::neutral::write::object;
use paceline_types::error::ErrorKind;
use std::borrow::Cow;

/// The longest wait that is believed, milliseconds.
const LONGEST_WAIT: f64 = 7.0 * 86_400_000.0;

/// What an error answer means. Some come wrapped in an array of one.
pub fn read(status: u16, body: &[u8]) -> Failure {
    let whole = serde_json::from_slice::<Json<'_>>(body).ok();
    let whole = whole.map(|whole| match whole.split() {
        Some(list) => list.into_iter().next().unwrap_or(whole),
        None => whole,
    });
    failure(whole.and_then(|whole| whole.member("error")).as_ref(), Some(status))
}

/// What the details of an error tell.
#[derive(Default)]
struct Details {
    reason: Option<String>,
    wait_ms: Option<u64>,
    per_day: bool,
}

/// What an error object means; `status` where it came with one.
pub(crate) fn failure(told: Option<&Json<'_>>, status: Option<u16>) -> Failure {
    let text = |key: &str| told.and_then(|told| told.member(key)?.text().map(Cow::into_owned));
    let word = text("status").unwrap_or_default();
    let message = text("message").or_else(|| told?.text().map(Cow::into_owned));
    let own = told.and_then(|told| told.member("code")?.unsigned());
    // An error in a stream comes with 200, and says itself what it would have been.
    let status = own.and_then(|own| u16::try_from(own).ok()).or(status.filter(|&status| status >= 400));
    let details = told.and_then(|told| told.member("details")).map(|list| details(&list)).unwrap_or_default();
    let kind = kind(&word, status, message.as_deref().unwrap_or_default(), &details);
    let code = details.reason.as_deref().and_then(short).or_else(|| short(&word));
    // The wait that comes with a quota of a day is that of the minute.
    let retry_after_ms = details.wait_ms.filter(|_| !details.per_day);
    Failure { kind, code, message: message.map(Into::into), retry_after_ms }
}

fn details(list: &Json<'_>) -> Details {
    let mut told = Details::default();
    for detail in list.split().unwrap_or_default() {
        let kind = detail.member("@type");
        match kind.as_ref().map_or("", Json::inner).rsplit('.').next().unwrap_or_default() {
            "ErrorInfo" => told.reason = detail.member("reason").and_then(|r| r.text().map(Cow::into_owned)),
            "RetryInfo" => told.wait_ms = detail.member("retryDelay").and_then(|delay| wait(&delay.text()?)),
            "QuotaFailure" => {
                for violation in detail.member("violations").and_then(|list| list.split()).unwrap_or_default()
                {
                    let quota = violation.member("quotaId").or_else(|| violation.member("quotaMetric"));
                    told.per_day |= quota.is_some_and(|quota| quota.inner().contains("PerDay"));
                }
            }
            _ => {}
        }
    }
    told
}

/// `45.837906927s` in milliseconds, upwards: a call a moment too early is refused again.
fn wait(delay: &str) -> Option<u64> {
    let seconds: f64 = delay.strip_suffix('s')?.parse().ok()?;
    let milliseconds = (seconds * 1000.0).ceil();
    (0.0..=LONGEST_WAIT).contains(&milliseconds).then_some(milliseconds as u64)
}

fn kind(word: &str, status: Option<u16>, message: &str, details: &Details) -> ErrorKind {
    let key = matches!(details.reason.as_deref(), Some("API_KEY_INVALID" | "API_KEY_EXPIRED"))
        || message.contains("API key not valid")
        || message.contains("API key expired");
    match (word, status) {
        // A bad key comes as a bad request.
        _ if key => ErrorKind::ProviderAuth,
        ("RESOURCE_EXHAUSTED", _) | (_, Some(429)) if details.per_day => ErrorKind::ProviderAuth,
        ("RESOURCE_EXHAUSTED", _) | (_, Some(429)) => ErrorKind::RateLimited,
        ("INVALID_ARGUMENT", _) | (_, Some(400))
            if message.contains("exceeds the maximum number of tokens") =>
        {
            ErrorKind::ContextTooLong
        }
        ("INVALID_ARGUMENT", _) if message.contains("payload size exceeds") => ErrorKind::TooLarge,
        // Where the account may be used from, or that it is not paid for.
        ("FAILED_PRECONDITION" | "UNAUTHENTICATED" | "PERMISSION_DENIED", _) => ErrorKind::ProviderAuth,
        ("NOT_FOUND", _) => ErrorKind::NotFound,
        ("INVALID_ARGUMENT" | "OUT_OF_RANGE", _) => ErrorKind::BadRequest,
        ("DEADLINE_EXCEEDED", _) => ErrorKind::Timeout,
        // Nobody here took the call back, and a conflict passes.
        ("UNAVAILABLE" | "INTERNAL" | "CANCELLED" | "ABORTED", _) => ErrorKind::ProviderFailed,
        (_, Some(401..=403)) => ErrorKind::ProviderAuth,
        (_, Some(404)) => ErrorKind::NotFound,
        (_, Some(408 | 504)) => ErrorKind::Timeout,
        (_, Some(413)) => ErrorKind::TooLarge,
        (_, Some(409 | 499)) => ErrorKind::ProviderFailed,
        (_, Some(400..=499)) => ErrorKind::BadRequest,
        _ => ErrorKind::ProviderFailed,
    }
}

/// The dialect's word for a status.
const fn word_of_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        400..=498 => "INVALID_ARGUMENT",
        502 | 503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}

/// Writes the envelope; `code` is Paceline's stable one.
pub fn envelope(status: u16, message: &str, code: &str) -> Vec<u8> {
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.object("error", |error| {
            error.number("code", u64::from(status));
            error.text("message", message);
            error.text("status", word_of_status(status));
            error.array("details", |list| {
                list.object(|info| {
                    info.text("@type", "type.googleapis.com/google.rpc.ErrorInfo");
                    info.text("reason", code);
                    info.text("domain", "paceline");
                });
            });
        });
    });
    out
}
