//! One try at one place.
//!
//! This is the one place of the commit: what is returned as an [`Outcome`] goes to the caller, and from then on nothing
//! is tried again.

use crate::body::AnswerBody;
use crate::call::Call;
use crate::headers::{self, put};
use crate::held::Held;
use crate::letter::Letter;
use crate::pipeline::Answer;
use crate::refuse::{Fail, tell_retry, tell_seconds, tell_wait};
use crate::step::compose::{about, compose};
use crate::step::failure::error_answer;
use crate::step::inflate::{Packing, packing};
use crate::step::limits::Limits;
use crate::step::observe::EventWatch;
use crate::step::quota;
use crate::step::read::Ask;
use crate::step::relay::{Relay, Watch};
use crate::step::route;
use crate::step::tell::{Teller, translated_headers};
use crate::step::whole::{Form, document};
use crate::upstream::Upstream;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use paceline_dialect::translate::Framing;
use paceline_http::clock;
use paceline_http::{Exchange, Marks};
use paceline_routing::plan::{Patience, Target};
use paceline_types::error::{ErrorKind, Retry};
use paceline_types::record::{Attempt, AttemptReason, Dialect, Operation};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

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
                call.close(clock::now());
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
        let wait = self.fail.retry_after_ms.map(Duration::from_millis);
        let is_over_soon = matches!(self.fail.kind, ErrorKind::RateLimited | ErrorKind::Overloaded)
            || self.fail.status == StatusCode::SERVICE_UNAVAILABLE;
        let should = match self.fail.kind {
            _ if is_over_soon && wait.is_some() => wait <= Some(quota::SHORT_WAIT),
            kind if kind.retry() != Retry::Never => false,
            _ => return,
        };
        self.fail.should_retry = Some(should);
        if let Some(answer) = &mut self.answer {
            let headers = answer.headers_mut();
            tell_retry(headers, should);
            // A time that was told in a form that callers may not know.
            let has = |name: &str| headers.contains_key(name);
            match self.fail.retry_after_ms.filter(|_| is_over_soon && !has("retry-after")) {
                Some(ms) if has("retry-after-ms") => tell_seconds(headers, ms),
                Some(ms) => tell_wait(headers, ms),
                None => {}
            }
        }
    }
}

/// An attempt begins, at a place that is held for it.
pub(crate) fn begin(call: &mut Call, target: &Target, reason: AttemptReason, held: Held) {
    call.held = Some(held);
    let now = call.offset(clock::now());
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
    let at = clock::now();
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
    let composed = compose(call, &upstream, target, ask, stream)?;
    let tongues = composed.tongues;
    let letter = Letter {
        operation,
        tongues,
        model: &target.deployment.upstream_model,
        stream,
        headers: &ask.headers,
        body: &composed.pieces,
    };
    let key = call.held.as_ref().map_or(0, |held| held.key);
    let head = upstream.head(key, &letter, &call.snapshot)?;
    let patience = if more { impatient(call, target.patience) } else { target.patience };
    let limits = Limits::new(call.started, clock::now(), patience, stream, call.allowed);
    let mut exchange = send(call, &upstream, &limits, &head, &composed.pieces).await?;
    let status = exchange.head.status;
    let packing = packing(&upstream.name, &mut exchange.head.headers)?;
    if !status.is_success() {
        return Err(Box::pin(error_answer(call, &upstream, exchange, &limits, (packing, tongues))).await);
    }
    if !is_events(&exchange.head.headers, tongues.provider) {
        let about = (!tongues.are_one()).then(|| about(call, target, ask, tongues.provider));
        let flees_filter = more && call.flees_filter;
        let unread = operation == Operation::CountTokens;
        let check = call.check.filter(|_| more);
        let form = Form { packing, tongues, about, stream, flees_filter, check, unread };
        return Box::pin(document(call, upstream, exchange, limits, form)).await;
    }
    let collect = upstream.keeps_usage_secret.load(Ordering::Relaxed);
    let mut teller = None;
    if !tongues.are_one() {
        translated_headers(&mut exchange.head.headers, true);
        teller = Some(Box::new(Teller::new(tongues.caller, about(call, target, ask, tongues.provider))));
    }
    let watch = EventWatch::new(tongues.provider, composed.strips_usage, collect, teller);
    let mut relay = Relay::new(exchange, upstream, Watch::Events(watch), limits);
    relay.must_end(true);
    if packing == Packing::Gzip {
        relay.inflate();
    }
    if collect {
        relay.count_with(ask.body.clone());
    }
    if more {
        Box::pin(call.watch.wait(relay.hold(call.flees_filter))).await?;
    }
    Ok(commit(call, relay))
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

/// Whether an answer comes as a stream of the dialect's events.
pub(crate) fn is_events(headers: &HeaderMap, dialect: Dialect) -> bool {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let events = Framing::media_type(dialect).as_bytes();
    kind.get(..events.len()).is_some_and(|start| start.eq_ignore_ascii_case(events))
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
    if let Some(warning) = &call.warning {
        put(headers, HeaderName::from_static("x-paceline-warning"), warning);
    }
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
    route::name_answer(call, headers);
    headers.insert(HeaderName::from_static("x-paceline-attempts"), HeaderValue::from(tries));
    if let Some(skipped) = &call.skipped {
        put(headers, HeaderName::from_static("x-paceline-skipped"), skipped);
    }
    headers.insert(HeaderName::from_static("x-paceline-cache"), HeaderValue::from_static("off"));
}
