//! An answer in one piece: held until whole, so that a broken one can still become an error, then passed on or told in the
//! caller's dialect.

use crate::call::Call;
use crate::headers::{self, put};
use crate::refuse::Fail;
use crate::step::attempt::{Outcome, Trouble, commit, name_answer};
use crate::step::cascade::{self, Check};
use crate::step::compose::Tongues;
use crate::step::inflate::{self, Packing};
use crate::step::limits::Limits;
use crate::step::observe::DocumentWatch;
use crate::step::relay::{Relay, Watch};
use crate::step::tell::{self, translated_headers};
use crate::upstream::Upstream;
use bytes::Bytes;
use http::header::HeaderName;
use http::{Response, StatusCode};
use paceline_dialect::neutral::about::About;
use paceline_dialect::openai::answer::Learned;
use paceline_dialect::openai::error::kind;
use paceline_dialect::translate::Answer;
use paceline_http::Exchange;
use paceline_types::error::ErrorKind;
use paceline_types::record::{Dialect, Operation, Status};
use std::future::poll_fn;
use std::sync::Arc;

/// An answer in one piece is held until it is whole, up to so many bytes; then it goes on as it comes.
const HELD_DOCUMENT: usize = 256 * 1024;
/// The longest document that is packed, or that is read as a whole.
const MAX_WHOLE: usize = 32 << 20;

/// How an answer in one piece comes and how it goes on.
pub(crate) struct Form {
    pub(crate) packing: Packing,
    pub(crate) tongues: Tongues,
    /// For the writer of the caller's dialect, where it is another.
    pub(crate) about: Option<About>,
    /// The caller asked for a stream.
    pub(crate) stream: bool,
    /// An answer that the provider's content filter ended is none: another model is left.
    pub(crate) flees_filter: bool,
    /// What it must hold, where a better model is left.
    pub(crate) check: Option<Check>,
    /// It is no answer of a model, and is passed on unread.
    pub(crate) unread: bool,
}

/// What was found out about a whole answer.
struct Read {
    body: Bytes,
    learned: Learned,
    /// It is an error.
    failure: Option<ErrorKind>,
    /// What of it is not told to the caller.
    untold: Vec<String>,
}

/// Reads the body until its end or until `limit` bytes are at hand; `true` at the end.
pub(crate) async fn fill(exchange: &mut Exchange, limit: usize) -> Result<bool, paceline_http::HttpError> {
    while !exchange.is_ended() && exchange.out.len() <= limit {
        poll_fn(|cx| exchange.poll_more(cx)).await?;
    }
    Ok(exchange.is_ended())
}

/// Takes an answer in one piece.
pub(crate) async fn document(
    call: &mut Call,
    upstream: Arc<Upstream>,
    mut exchange: Exchange,
    limits: Limits,
    form: Form,
) -> Result<Outcome, Trouble> {
    let is_passed = form.unread || form.tongues.are_one() && form.tongues.provider == Dialect::OpenAi;
    // What is packed, or read as a whole, cannot be looked at before it is whole.
    let must_be_whole = form.packing == Packing::Gzip || !is_passed || call.generate.is_some();
    let must_be_whole = must_be_whole || form.check.is_some();
    let held = if must_be_whole { MAX_WHOLE } else { HELD_DOCUMENT };
    let filled = match call.watch.wait_until(limits.total_deadline(), fill(&mut exchange, held)).await {
        None => return Err(limits.late_total(&upstream.name).into()),
        Some(Err(error)) => return Err(upstream.no_answer(&error).into()),
        Some(Ok(filled)) => filled,
    };
    if !filled && must_be_whole {
        return Err(inflate::too_long(&upstream.name).into());
    }
    if !filled {
        let mut relay = Relay::new(exchange, upstream, Watch::Document(DocumentWatch::default()), limits);
        relay.must_end(true);
        return Ok(commit(call, relay));
    }
    let mut body = exchange.out.split().freeze();
    if form.packing == Packing::Gzip {
        body = inflate::document(&upstream.name, &body)?;
    }
    let read = if is_passed { look(body) } else { understand(&body, &form) };
    let read = read.ok_or_else(|| garbage(&upstream))?;
    let mut answer = Response::new(upstream.redact_if(read.failure.is_some(), read.body));
    let mut headers = std::mem::take(&mut exchange.head.headers);
    headers::strip_down(&mut headers);
    if form.about.is_some() {
        translated_headers(&mut headers, form.stream);
    }
    if let Some(kind) = read.failure {
        *answer.status_mut() = StatusCode::BAD_GATEWAY;
        *answer.headers_mut() = headers;
        call.note(|record| record.error_code.clone_from(&read.learned.error_code));
        let message = format!("provider {} answered 200 with an error inside", upstream.name);
        let fail = Fail::upstream(StatusCode::BAD_GATEWAY, kind, "provider_failed", message);
        // The provider's words, where the caller speaks its dialect.
        let answer = form.tongues.are_one().then_some(answer);
        return Err(Trouble { fail, answer, should_retry: None });
    }
    *answer.status_mut() = exchange.head.status;
    if form.flees_filter && read.learned.finish_reason.as_deref() == Some(CONTENT_FILTER) {
        *answer.headers_mut() = headers;
        return Err(Trouble { fail: filtered(&upstream.name), answer: Some(answer), should_retry: None });
    }
    let finish = read.learned.finish_reason.as_deref();
    let why = form.check.and_then(|check| cascade::why_not(&check, answer.body(), finish));
    if let Some(why) = why {
        name_answer(call, &mut headers);
        *answer.headers_mut() = headers;
        return Err(cascade::keep(call, answer, read.learned, why).into());
    }
    if !read.untold.is_empty() {
        let known = call.warning.take().map_or_else(String::new, |known| format!("{known}; "));
        call.warning = Some(format!("{known}of the answer not told: {}", read.untold.join(", ")).into());
    }
    name_answer(call, &mut headers);
    *answer.headers_mut() = headers;
    let learned = read.learned;
    note_learned(call, &learned);
    call.provider_done();
    let cost = learned.cost.or_else(|| call.priced(call.seen()?, learned.usage.as_ref()));
    if let (true, Some(cost)) = (call.snapshot.config.answer_headers, cost) {
        put(answer.headers_mut(), HeaderName::from_static("x-paceline-cost-usd"), &cost.to_string());
    }
    call.note(|record| {
        record.status = Status::Ok;
        record.http_status = answer.status().as_u16();
    });
    Ok(Outcome::Whole(answer))
}

/// What an answer of OpenAI's dialect says that concerns us.
fn look(body: Bytes) -> Option<Read> {
    let mut watch = DocumentWatch::default();
    watch.feed(&body);
    if !watch.finish() {
        return None;
    }
    let learned = watch.learned().clone();
    let failure = learned.error.then(|| kind(502, learned.error_code.as_deref()));
    Some(Read { body, learned, failure, untold: Vec::new() })
}

/// Reads an answer of any dialect, and writes it for the caller.
fn understand(body: &Bytes, form: &Form) -> Option<Read> {
    let mut answer = Answer::new(form.tongues.provider, false);
    let about = form.about.clone().unwrap_or_default();
    let told = tell::document(&mut answer, body, form.tongues, &about, form.stream)?;
    let failure = told.failure.map(|failure| failure.kind);
    Some(Read { body: told.body, learned: answer.learned().clone(), failure, untold: told.untold })
}

/// What a filtered answer says of its end.
pub(crate) const CONTENT_FILTER: &str = "content_filter";

/// The provider's content filter ended an answer.
pub(crate) fn filtered(provider: &str) -> Fail {
    let message = format!("the content filter of provider {provider} ended the answer");
    Fail::upstream(StatusCode::BAD_REQUEST, ErrorKind::ContentFilter, CONTENT_FILTER, message)
}

fn garbage(upstream: &Upstream) -> Fail {
    let message = format!(
        "provider {}: its answer is not JSON of its dialect; check that base_url is an API of kind `{}`",
        upstream.name, upstream.kind
    );
    Fail::upstream(StatusCode::BAD_GATEWAY, ErrorKind::Garbage, "provider_garbage", message)
}

/// Notes what an answer said of itself.
pub(crate) fn note_learned(call: &mut Call, learned: &Learned) {
    let bytes = call.request_bytes;
    call.cost_reported = learned.cost.is_some();
    call.note(|record| {
        let known = !matches!(record.operation, Operation::Passthrough | Operation::CountTokens);
        record.usage = learned.usage.or_else(|| known.then(|| learned.estimate(bytes)));
        record.cost = learned.cost;
        record.finish_reason.clone_from(&learned.finish_reason);
        if learned.error_code.is_some() {
            record.error_code.clone_from(&learned.error_code);
        }
    });
}
