//! Trying the plan's targets in order, until one answers.
//!
//! This is the one place of the commit: what is returned as an [`Outcome`] goes to the caller, and from then on nothing
//! is tried again.

use crate::body::AnswerBody;
use crate::call::Call;
use crate::headers::{self, put};
use crate::pipeline::Answer;
use crate::refuse::Fail;
use crate::step::inflate::{self, Packing, packing};
use crate::step::limits::Limits;
use crate::step::observe::{DocumentWatch, EventWatch};
use crate::step::read::Ask;
use crate::step::relay::{Relay, Watch};
use crate::upstream::{Upstream, classify, retry_after_ms, splice};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use paceline_dialect::openai::answer::Learned;
use paceline_http::{Exchange, Marks};
use paceline_routing::plan::{Plan, Target};
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
                call.close(Instant::now());
                response.map(AnswerBody::whole)
            }
            Self::Coming(head, mut relay) => {
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
}

impl From<Fail> for Trouble {
    fn from(fail: Fail) -> Self {
        Self { fail, answer: None }
    }
}

/// Tries the targets in order.
pub(crate) async fn run(call: &mut Call, plan: &Plan, ask: &Ask) -> Result<Outcome, Fail> {
    let mut targets = plan.targets.iter().peekable();
    let mut reason = AttemptReason::First;
    while let Some(target) = targets.next() {
        let more = targets.peek().is_some();
        begin(call, target, reason);
        let trouble = match one(call, target, ask, more).await {
            Ok(outcome) => return Ok(outcome),
            Err(trouble) => trouble,
        };
        end_badly(call, &trouble.fail);
        if more && !call.is_alone() && trouble.fail.kind.retry() != Retry::Never {
            reason = AttemptReason::Fallback;
            continue;
        }
        return give_up(call, trouble);
    }
    Err(Fail::refuse(
        StatusCode::NOT_FOUND,
        ErrorKind::NotFound,
        "model_not_found",
        "this model has no target",
    ))
}

fn begin(call: &mut Call, target: &Target, reason: AttemptReason) {
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

fn end_badly(call: &mut Call, fail: &Fail) {
    let now = call.offset(Instant::now());
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
async fn one(call: &mut Call, target: &Target, ask: &Ask, more: bool) -> Result<Outcome, Trouble> {
    let upstream = Arc::clone(&call.snapshot.upstreams[target.provider]);
    let operation = call.record().map_or(Operation::Chat, |record| record.operation);
    let stream = ask.asked.stream && operation == Operation::Chat;
    let edits = ask.asked.edits(&target.deployment.upstream_model, stream && upstream.asks_for_usage);
    let strip_usage = stream && upstream.asks_for_usage && !ask.asked.include_usage;
    let pieces = splice(&ask.body, edits);
    let length = pieces.iter().map(Bytes::len).sum();
    let head = upstream.head(operation, &ask.headers, length, &call.snapshot);
    let limits = Limits::new(call.started, Instant::now(), target.patience, stream, &ask.headers);
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
        return Err(Trouble { fail, answer: Some(answer) });
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
        return upstream.refused_us(status, said.as_deref()).into();
    }
    let retry_after_ms = retry_after_ms(&exchange.head.headers, crate::worker::wall());
    let mut headers = std::mem::take(&mut exchange.head.headers);
    headers::strip_down(&mut headers);
    let mut answer = Response::new(upstream.redact_if(true, body));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    let message = format!("provider {} answered {status}", upstream.name);
    let mut fail = Fail::upstream(status, kind, "provider_error", message);
    fail.retry_after_ms = retry_after_ms;
    Trouble { fail, answer: Some(answer) }
}

/// The message of an error envelope, cut to what a person reads.
fn message_of(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = value.pointer("/error/message").or_else(|| value.get("message"))?.as_str()?;
    Some(text[..text.floor_char_boundary(300)].to_owned())
}
