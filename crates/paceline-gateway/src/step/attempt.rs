//! One try at one place.
//!
//! This is the one place of the commit: what is returned as an [`Outcome`] goes to the caller, and from then on nothing
//! is tried again.

use crate::body::AnswerBody;
use crate::call::Call;
use crate::headers::{self, put};
use crate::held::Held;
use crate::patience;
use crate::pipeline::Answer;
use crate::refuse::{Fail, tell_retry, tell_wait};
use crate::step::inflate::{self, Packing, packing};
use crate::step::limits::Limits;
use crate::step::observe::{DocumentWatch, EventWatch};
use crate::step::quota;
use crate::step::read::Ask;
use crate::step::relay::{Relay, Watch};
use crate::upstream::{Upstream, classify, splice};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use paceline_dialect::openai::answer::Learned;
use paceline_http::{Exchange, Marks};
use paceline_routing::plan::{Patience, Target};
use paceline_types::error::{ErrorKind, Retry};
use paceline_types::record::{Attempt, AttemptReason, Operation, Status};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// An answer in one piece is held until it is whole, up to so many bytes; then it goes on as it comes.
const HELD_DOCUMENT: usize = 256 * 1024;
/// The longest packed document.
const MAX_PACKED: usize = 32 << 20;
/// How long the body of an error answer may take.
const ERROR_PATIENCE: Duration = Duration::from_secs(5);
/// How much of an error answer is read.
const MAX_ERROR: usize = 64 * 1024;

/// What the caller gets.
pub(crate) enum Outcome {
    /// Everything at hand.
    Whole(Response<Bytes>),
    /// A head, and a body that comes.
    Coming(Response<()>, Box<Relay>),
}

impl Outcome {
    /// The answer; the call goes with it, or is closed.
    pub(crate) fn into_answer(self, mut call: Call) -> Answer {
        match self {
            Self::Whole(response) => {
                if let Some(tape) = &mut call.tape {
                    tape.answered(response.headers());
                    tape.answer(response.body());
                }
                call.close(Instant::now());
                response.map(AnswerBody::whole)
            }
            Self::Coming(head, mut relay) => {
                if let Some(tape) = &mut call.tape {
                    tape.answered(head.headers());
                }
                relay.own(call);
                head.map(|()| AnswerBody::Relay(relay))
            }
        }
    }
}

/// A target that did not answer well.
pub(crate) struct Trouble {
    pub(crate) fail: Fail,
    /// The provider's own answer, to be passed on when nothing better is left.
    pub(crate) answer: Option<Response<Bytes>>,
    /// What the provider says of another try (`x-should-retry`).
    pub(crate) should_retry: Option<bool>,
}

impl From<Fail> for Trouble {
    fn from(fail: Fail) -> Self {
        Self { fail, answer: None, should_retry: None }
    }
}

impl Trouble {
    /// The caller should wait so long at least.
    pub(crate) fn wait_at_least(&mut self, left: Duration) {
        let ms = (left.as_millis() as u64).max(1);
        if self.fail.retry_after_ms.is_some_and(|told| told >= ms) {
            return;
        }
        self.fail.retry_after_ms = Some(ms);
        if let Some(answer) = &mut self.answer {
            tell_wait(answer.headers_mut(), ms);
        }
    }

    /// What could be tried was tried here: SDKs that try again would only multiply it. Where a time is known after which
    /// it may work, they are told that.
    pub(crate) fn tell_whether_to_retry(&mut self) {
        let should = match self.fail.kind {
            ErrorKind::RateLimited | ErrorKind::Overloaded if self.fail.retry_after_ms.is_some() => true,
            kind if kind.retry() != Retry::Never => false,
            _ => return,
        };
        self.fail.should_retry = Some(should);
        if let Some(answer) = &mut self.answer {
            tell_retry(answer.headers_mut(), should);
        }
    }
}

/// An attempt begins, at a place that is held for it.
pub(crate) fn begin(call: &mut Call, target: &Target, reason: AttemptReason, held: Held) {
    call.held = Some(held);
    let now = call.offset(Instant::now());
    call.reached_provider |= call.marks.sent.is_some();
    call.marks = Marks::default();
    call.may_drain(target.provider);
    (call.price, call.cost_reported) = (target.price.clone(), false);
    call.note(|record| {
        record.target = Some(Arc::clone(&target.deployment));
        record.error_code = None;
        if record.attempts.is_empty() {
            record.attempts.reserve_exact(1);
        }
        record.attempts.push(Attempt::begin(reason, Arc::clone(&target.deployment), now));
    });
}

/// It failed: the record and the place know.
pub(crate) fn end_badly(call: &mut Call, fail: &Fail) {
    let at = Instant::now();
    let now = call.offset(at);
    if let Some(mut held) = call.held.take()
        && !fail.callers_time
    {
        let wait = fail.retry_after_ms.map(Duration::from_millis);
        held.failed(fail.kind, fail.status.as_u16(), wait, at);
    }
    call.note(|record| {
        let code = record.error_code.clone().or_else(|| Some(fail.code.into()));
        if let Some(attempt) = record.attempts.last_mut() {
            attempt.ended = now;
            attempt.error_kind = Some(fail.kind);
            attempt.error_code = code;
            attempt.retry_after_ms = fail.retry_after_ms;
        }
    });
}

/// Nothing is left to try: the provider's own words where there are any, else ours.
pub(crate) fn give_up(call: &mut Call, trouble: Trouble) -> Result<Outcome, Fail> {
    match trouble.answer {
        Some(mut answer) => {
            call.note_failure(&trouble.fail);
            call.note(|record| record.http_status = answer.status().as_u16());
            name_answer(call, answer.headers_mut());
            Ok(Outcome::Whole(answer))
        }
        None => Err(trouble.fail),
    }
}

/// One try at one target. `more`: another target is left, so the head is held until the answer shows itself good.
pub(crate) async fn one(call: &mut Call, target: &Target, ask: &Ask, more: bool) -> Result<Outcome, Trouble> {
    let upstream = Arc::clone(&call.snapshot.upstreams[target.provider]);
    let operation = call.record().map_or(Operation::Chat, |record| record.operation);
    let stream = ask.asked.stream && operation == Operation::Chat;
    let edits = ask.asked.edits(&target.deployment.upstream_model, stream && upstream.asks_for_usage);
    let strip_usage = stream && upstream.asks_for_usage && !ask.asked.include_usage;
    let pieces = splice(&ask.body, edits);
    let length = pieces.iter().map(Bytes::len).sum();
    let key = call.held.as_ref().map_or(0, |held| held.key);
    let head = upstream.head(key, operation, &ask.headers, length, &call.snapshot);
    let patience = if more { impatient(call, target.patience) } else { target.patience };
    let limits = Limits::new(call.started, Instant::now(), patience, stream, call.allowed);
    let mut exchange = send(call, &upstream, &limits, &head, &pieces).await?;
    let status = exchange.head.status;
    let packing = packing(&upstream.name, &mut exchange.head.headers)?;
    if !status.is_success() {
        return Err(Box::pin(error_answer(call, &upstream, exchange, &limits, packing)).await);
    }
    if is_events(&exchange.head.headers) {
        let collect = upstream.keeps_usage_secret.load(Ordering::Relaxed);
        let watch = Watch::Events(EventWatch::new(strip_usage, collect));
        let mut relay = Relay::new(exchange, upstream, watch, limits);
        relay.must_end(true);
        if packing == Packing::Gzip {
            relay.inflate();
        }
        if collect {
            relay.count_with(ask.body.clone());
        }
        if more {
            Box::pin(call.watch.wait(relay.hold())).await?;
        }
        return Ok(commit(call, relay));
    }
    document(call, upstream, exchange, limits, packing).await
}

/// The least time a first token gets before another place is asked.
const LEAST_PATIENCE: Duration = Duration::from_secs(2);

/// Where another place is left, a first token that takes three times as long as 99 % of them is not waited for.
fn impatient(call: &Call, patience: Patience) -> Patience {
    let usual = call.held.as_ref().and_then(|held| held.place.load.percentile(0.99));
    let first_token = match usual.filter(|_| patience.first_token_auto) {
        Some(usual) => patience.first_token.min((usual * 3).max(LEAST_PATIENCE)),
        None => patience.first_token,
    };
    Patience { first_token, ..patience }
}

/// Sends a request and waits for the head of its answer.
async fn send(
    call: &mut Call,
    upstream: &Upstream,
    limits: &Limits,
    head: &[u8],
    pieces: &[Bytes],
) -> Result<Exchange, Fail> {
    let client = Arc::clone(&call.worker.client);
    call.marks = Marks::default();
    let sending = client.send(&upstream.origin, head, pieces, &mut call.marks);
    let outcome = call.watch.wait_until(limits.head_deadline(), sending).await;
    note_marks(call);
    match outcome {
        None => Err(limits.late_head(&upstream.name)),
        Some(Err(error)) => Err(upstream.no_answer(&error)),
        Some(Ok(exchange)) => {
            let status = exchange.head.status.as_u16();
            call.note(|record| {
                if let Some(attempt) = record.attempts.last_mut() {
                    attempt.http_status = status;
                }
            });
            Ok(exchange)
        }
    }
}

/// Notes when things happened to the last attempt.
pub(crate) fn note_marks(call: &mut Call) {
    let marks = call.marks;
    let connected = marks.connected.map(|at| call.offset(at));
    let head = marks.head.map(|at| call.offset(at));
    call.note(|record| {
        if let Some(attempt) = record.attempts.last_mut() {
            (attempt.connected, attempt.head) = (connected, head);
        }
    });
}

pub(crate) fn is_events(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    kind.get(..17).is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"))
}

/// From here on the answer is the caller's.
pub(crate) fn commit(call: &mut Call, mut relay: Relay) -> Outcome {
    let mut head = Response::new(());
    let (status, mut headers) = relay.take_head();
    *head.status_mut() = status;
    headers::strip_down(&mut headers);
    name_answer(call, &mut headers);
    *head.headers_mut() = headers;
    let status = head.status().as_u16();
    call.note(|record| record.http_status = status);
    Outcome::Coming(head, Box::new(relay))
}

/// The headers that say what happened.
pub(crate) fn name_answer(call: &mut Call, headers: &mut HeaderMap) {
    quota::tell(headers, &call.told);
    if !call.snapshot.config.answer_headers {
        return;
    }
    let Some(record) = call.record() else { return };
    let (target, tries) = (record.target.clone(), record.attempts.len());
    let Some(target) = target else { return };
    put(headers, HeaderName::from_static("x-paceline-model"), &target.model);
    let provider = call.snapshot.upstreams.iter().find(|upstream| upstream.name == target.provider);
    if let Some(value) = provider.and_then(|upstream| upstream.header_name.clone()) {
        headers.insert(HeaderName::from_static("x-paceline-provider"), value);
    }
    headers.insert(HeaderName::from_static("x-paceline-attempts"), HeaderValue::from(tries));
    headers.insert(HeaderName::from_static("x-paceline-cache"), HeaderValue::from_static("off"));
}

/// Reads the body until its end or until `limit` bytes are at hand; `true` at the end.
async fn fill(exchange: &mut Exchange, limit: usize) -> Result<bool, paceline_http::HttpError> {
    while !exchange.is_ended() && exchange.out.len() <= limit {
        poll_fn(|cx| exchange.poll_more(cx)).await?;
    }
    Ok(exchange.is_ended())
}

/// An answer in one piece: held until whole, so that a broken one can still become an error, then passed on.
async fn document(
    call: &mut Call,
    upstream: Arc<Upstream>,
    mut exchange: Exchange,
    limits: Limits,
    packing: Packing,
) -> Result<Outcome, Trouble> {
    // What is packed cannot be looked at before it is whole.
    let held = if packing == Packing::Gzip { MAX_PACKED } else { HELD_DOCUMENT };
    let filled = match call.watch.wait_until(limits.total_deadline(), fill(&mut exchange, held)).await {
        None => return Err(limits.late_total(&upstream.name).into()),
        Some(Err(error)) => return Err(upstream.no_answer(&error).into()),
        Some(Ok(filled)) => filled,
    };
    let mut watch = DocumentWatch::default();
    if !filled && packing == Packing::Gzip {
        return Err(inflate::too_long(&upstream.name).into());
    }
    if !filled {
        let mut relay = Relay::new(exchange, upstream, Watch::Document(watch), limits);
        relay.must_end(true);
        return Ok(commit(call, relay));
    }
    let mut body = exchange.out.split().freeze();
    if packing == Packing::Gzip {
        body = inflate::document(&upstream.name, &body)?;
    }
    watch.feed(&body);
    if !watch.finish() {
        let message = format!(
            "provider {}: its answer is not JSON; check that base_url is an OpenAI-compatible API",
            upstream.name
        );
        return Err(
            Fail::upstream(StatusCode::BAD_GATEWAY, ErrorKind::Garbage, "provider_garbage", message).into()
        );
    }
    let learned = watch.learned();
    let mut answer = Response::new(upstream.redact_if(learned.error, body));
    let mut headers = std::mem::take(&mut exchange.head.headers);
    headers::strip_down(&mut headers);
    if learned.error {
        *answer.status_mut() = StatusCode::BAD_GATEWAY;
        *answer.headers_mut() = headers;
        let kind = classify(StatusCode::BAD_GATEWAY, learned.error_code.as_deref());
        call.note(|record| record.error_code.clone_from(&learned.error_code));
        let message = "the provider answered 200 with an error inside";
        let fail = Fail::upstream(StatusCode::BAD_GATEWAY, kind, "provider_failed", message);
        return Err(Trouble { fail, answer: Some(answer), should_retry: None });
    }
    *answer.status_mut() = exchange.head.status;
    name_answer(call, &mut headers);
    *answer.headers_mut() = headers;
    note_learned(call, learned);
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

/// Notes what an answer said of itself.
pub(crate) fn note_learned(call: &mut Call, learned: &Learned) {
    let bytes = call.request_bytes;
    call.cost_reported = learned.cost.is_some();
    call.note(|record| {
        let known = record.operation != Operation::Passthrough;
        record.usage = learned.usage.or_else(|| known.then(|| learned.estimate(bytes)));
        record.cost = learned.cost;
        record.finish_reason.clone_from(&learned.finish_reason);
        if learned.error_code.is_some() {
            record.error_code.clone_from(&learned.error_code);
        }
    });
}

/// An answer with an error status: read, classified, our key cut out of it.
pub(crate) async fn error_answer(
    call: &mut Call,
    upstream: &Upstream,
    mut exchange: Exchange,
    limits: &Limits,
    packing: Packing,
) -> Trouble {
    let status = exchange.head.status;
    // The status says enough: a body that is cut or does not come changes nothing of it.
    let patience = limits.total_deadline().min(Instant::now() + ERROR_PATIENCE);
    let _ = call.watch.wait_until(patience, fill(&mut exchange, MAX_ERROR)).await;
    let mut body = exchange.out.split().freeze();
    if packing == Packing::Gzip {
        body = inflate::document(&upstream.name, &body).unwrap_or_default();
    }
    let mut watch = DocumentWatch::default();
    watch.feed(&body);
    watch.finish();
    let code = watch.learned().error_code.clone();
    let kind = classify(status, code.as_deref());
    call.note(|record| record.error_code = code);
    if status.is_redirection() || status.is_informational() {
        let message = format!(
            "provider {} answered with a redirect ({status}), which is not followed; check base_url",
            upstream.name
        );
        return Fail::upstream(StatusCode::BAD_GATEWAY, ErrorKind::Garbage, "provider_redirect", message)
            .into();
    }
    if kind == ErrorKind::ProviderAuth && !upstream.passthrough && matches!(status.as_u16(), 401 | 403) {
        let said = message_of(&upstream.redact(&body));
        let key = call.held.as_ref().map_or(0, |held| held.key);
        return upstream.refused_us(key, status, said.as_deref()).into();
    }
    let asked = patience::asked(&exchange.head.headers, &body, crate::worker::wall());
    let should_retry = patience::should_retry(&exchange.head.headers);
    let mut headers = std::mem::take(&mut exchange.head.headers);
    headers::strip_down(&mut headers);
    let mut answer = Response::new(upstream.redact_if(true, body));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    let message = format!("provider {} answered {status}", upstream.name);
    let mut fail = Fail::upstream(status, kind, "provider_error", message);
    fail.retry_after_ms = asked.map(|wait| wait.as_millis() as u64);
    Trouble { fail, answer: Some(answer), should_retry }
}

/// The message of an error envelope, cut to what a person reads.
fn message_of(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = value.pointer("/error/message").or_else(|| value.get("message"))?.as_str()?;
    Some(text[..text.floor_char_boundary(300)].to_owned())
}
