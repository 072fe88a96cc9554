//! An answer with an error status: read, classified, and told without our keys.

use crate::call::Call;
use crate::headers;
use crate::patience;
use crate::refuse::Fail;
use crate::step::attempt::Trouble;
use crate::step::compose::Tongues;
use crate::step::inflate::{self, Packing};
use crate::step::limits::Limits;
use crate::step::tell;
use crate::step::whole::fill;
use crate::upstream::Upstream;
use http::{Response, StatusCode};
use paceline_dialect::neutral::event::Failure;
use paceline_dialect::translate;
use paceline_http::Exchange;
use paceline_http::clock;
use paceline_types::error::ErrorKind;
use std::time::Duration;

/// How long the body of an error answer may take.
const ERROR_PATIENCE: Duration = Duration::from_secs(5);
/// How much of an error answer is read.
const MAX_ERROR: usize = 64 * 1024;

/// An answer with an error status: read, classified, our key cut out of it.
pub(crate) async fn error_answer(
    call: &mut Call,
    upstream: &Upstream,
    mut exchange: Exchange,
    limits: &Limits,
    (packing, tongues): (Packing, Tongues),
) -> Trouble {
    let status = exchange.head.status;
    // The status says enough: a body that is cut or does not come changes nothing of it.
    let patience = limits.total_deadline().min(clock::now() + ERROR_PATIENCE);
    let _ = call.watch.wait_until(patience, fill(&mut exchange, MAX_ERROR)).await;
    let mut body = exchange.out.split().freeze();
    if packing == Packing::Gzip {
        body = inflate::document(&upstream.name, &body).unwrap_or_default();
    }
    let error_type = exchange.head.headers.get("x-amzn-errortype");
    let error_type = error_type.and_then(|kind| kind.to_str().ok()).map(str::to_owned);
    let told = translate::read_error(tongues.provider, status.as_u16(), error_type.as_deref(), &body);
    let kind = told.kind;
    call.note(|record| record.error_code.clone_from(&told.code));
    if status.is_redirection() || status.is_informational() {
        let message = format!(
            "provider {} answered with a redirect ({status}), which is not followed; check base_url",
            upstream.name
        );
        return Fail::upstream(StatusCode::BAD_GATEWAY, ErrorKind::Garbage, "provider_redirect", message)
            .into();
    }
    // Some services tell of a key that is none as of a bad request. What is only used up comes as 402 or 429.
    let is_key = kind == ErrorKind::ProviderAuth && !matches!(status.as_u16(), 402 | 429);
    if is_key && !upstream.passthrough {
        let said = message_of(&told, upstream);
        let key = call.held.as_ref().map_or(0, |held| held.key);
        return upstream.refused_us(key, status, said.as_deref()).into();
    }
    let asked = patience::asked(&exchange.head.headers, &body, crate::worker::wall())
        .or_else(|| told.retry_after_ms.map(Duration::from_millis));
    let should_retry = patience::should_retry(&exchange.head.headers);
    let mut fail = if tongues.are_one() {
        Fail::upstream(
            status,
            kind,
            "provider_error",
            format!("provider {} answered {status}", upstream.name),
        )
    } else {
        translated(&told, upstream, status)
    };
    fail.retry_after_ms = asked.map(|wait| wait.as_millis() as u64);
    let answer = tongues.are_one().then(|| {
        let mut headers = std::mem::take(&mut exchange.head.headers);
        headers::strip_down(&mut headers);
        let mut answer = Response::new(upstream.redact_if(true, body));
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        answer
    });
    Trouble { fail, answer, should_retry }
}

/// What another dialect's error is in the caller's: its class decides the status, its words go on.
fn translated(told: &Failure, upstream: &Upstream, status: StatusCode) -> Fail {
    let known = match (told.kind, status.as_u16()) {
        // What is used up and what fails keeps the number callers know it by.
        (ErrorKind::ProviderAuth, 402 | 429) => 429,
        (ErrorKind::ProviderFailed, 529) => 503,
        (ErrorKind::ProviderFailed, status @ 500..=599) => status,
        (kind, _) => kind.status(),
    };
    let status = StatusCode::from_u16(known).unwrap_or(StatusCode::BAD_GATEWAY);
    Fail::upstream(status, told.kind, "provider_error", tell::said(told, upstream))
}

/// The provider's words, cut to what a person reads, without our keys.
fn message_of(told: &Failure, upstream: &Upstream) -> Option<String> {
    let message = told.message.as_deref()?;
    let clean = upstream.redact(message.as_bytes());
    let text = String::from_utf8_lossy(&clean);
    Some(text[..text.floor_char_boundary(300)].to_owned())
}
