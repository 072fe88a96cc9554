//! The answer on its way to the caller: whole events as they come, and the truth about how they end.

use crate::body::BoxError;
use crate::call::Call;
use crate::config::OnCancel;
use crate::drain::cut_off;
use crate::refuse::Fail;
use crate::step::attempt::Trouble;
use crate::step::ending::{defect, drain, finish_aside};
use crate::step::inflate::Inflate;
use crate::step::limits::Limits;
use crate::step::observe::{DocumentWatch, EventWatch, Unreadable};
use crate::step::whole::{CONTENT_FILTER, filtered};
use crate::tape::Tape;
use crate::upstream::Upstream;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use paceline_http::Exchange;
use paceline_http::clock;
use paceline_routing::plan::SLOW_AFTER;
use paceline_types::error::ErrorKind;
use paceline_types::record::Dialect;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// How much is held, and how long, while another target could still be tried.
const HELD_BYTES: usize = 64 * 1024;
const HELD_TIME: Duration = Duration::from_secs(5);

/// Who looks at the bytes.
pub(crate) enum Watch {
    /// A stream of events.
    Events(EventWatch),
    /// One JSON document.
    Document(DocumentWatch),
    /// Nobody.
    Nothing,
}

pub(crate) type Step = Poll<Option<Result<Frame<Bytes>, BoxError>>>;

/// An answer under way. It owns its call: dropped before the end, it is the caller who went away.
pub(crate) struct Relay(Option<Parts>);

pub(crate) struct Parts {
    pub(crate) call: Option<Call>,
    /// What the caller speaks.
    pub(crate) caller: Dialect,
    /// Where what the caller gets is copied to.
    pub(crate) tape: Option<Box<Tape>>,
    pub(crate) exchange: Exchange,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) watch: Watch,
    pub(crate) limits: Limits,
    pub(crate) last_byte: Instant,
    /// Bytes in the exchange's buffer were not looked at yet.
    pub(crate) fresh: bool,
    /// Whole events held back before the commit.
    pub(crate) held: Vec<Bytes>,
    pub(crate) over: bool,
    /// An end without the dialect's end mark is a failure.
    pub(crate) must_end: bool,
    /// The request, where its tokens may have to be counted.
    pub(crate) request: Option<Bytes>,
    /// The stream comes packed.
    pub(crate) inflate: Option<Box<Inflate>>,
    /// What breaks the connection once what went before has been written.
    pub(crate) breaking: Option<String>,
}

impl Relay {
    pub(crate) fn new(exchange: Exchange, upstream: Arc<Upstream>, watch: Watch, limits: Limits) -> Self {
        let parts = Parts {
            call: None,
            caller: Dialect::OpenAi,
            tape: None,
            exchange,
            upstream,
            watch,
            limits,
            last_byte: clock::now(),
            fresh: true,
            held: Vec::new(),
            over: false,
            must_end: false,
            request: None,
            inflate: None,
            breaking: None,
        };
        Self(Some(parts))
    }

    /// Whether an end without end mark is a failure: so for calls, not for raw passing.
    pub(crate) fn must_end(&mut self, must: bool) {
        if let Some(parts) = &mut self.0 {
            parts.must_end = must;
        }
    }

    /// The stream comes packed and is unpacked on its way.
    pub(crate) fn inflate(&mut self) {
        if let Some(parts) = &mut self.0 {
            parts.inflate = Some(Box::default());
        }
    }

    /// Keeps the request for counting, should the provider report no usage.
    pub(crate) fn count_with(&mut self, request: Bytes) {
        if let Some(parts) = &mut self.0 {
            parts.request = Some(request);
        }
    }

    /// Takes over the call.
    pub(crate) fn own(&mut self, mut call: Call) {
        call.watch.pause(clock::now());
        if let Some(parts) = &mut self.0 {
            parts.tape = call.tape.take();
            parts.caller = call.dialect;
            parts.call = Some(call);
        }
    }

    /// Status and headers of the answer; the headers are taken.
    pub(crate) fn take_head(&mut self) -> (StatusCode, HeaderMap) {
        let head = self.0.as_mut().map(|parts| &mut parts.exchange.head);
        head.map_or_else(Default::default, |head| (head.status, std::mem::take(&mut head.headers)))
    }

    /// Ends it here, also at a provider that is read on without callers.
    pub(crate) fn abort(&mut self) {
        if let Some(mut parts) = self.0.take() {
            parts.cancel();
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.as_ref().is_none_or(|parts| parts.over && parts.breaking.is_none())
    }

    /// The exact length of what is still to come, where it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        let parts = self.0.as_ref()?;
        match parts.watch {
            Watch::Events(_) => None,
            _ => parts.exchange.remaining().map(|left| left + parts.exchange.out.len() as u64),
        }
    }

    /// Reads on until there is content, an error, or enough was held: what is decided before the commit.
    ///
    /// `flees_filter`: an answer that the provider's content filter ends before it begins is none.
    pub(crate) async fn hold(&mut self, flees_filter: bool) -> Result<(), Trouble> {
        let Some(parts) = &mut self.0 else { return Ok(()) };
        let limits = &parts.limits;
        let late = limits.first_token_deadline().min(limits.total_deadline());
        let patience_ends = (clock::now() + HELD_TIME).min(late);
        loop {
            let bytes = parts.look().map_err(Trouble::from)?;
            if !bytes.is_empty() {
                parts.held.push(bytes);
            }
            let Watch::Events(watch) = &parts.watch else { return Ok(()) };
            if watch.error && watch.stamps.first.is_none() {
                return Err(parts.event_error().into());
            }
            let is_filtered = watch.stream.learned().finish_reason.as_deref() == Some(CONTENT_FILTER);
            if flees_filter && is_filtered && watch.stamps.first.is_none() {
                return Err(filtered(&parts.upstream.name).into());
            }
            let held: usize = parts.held.iter().map(Bytes::len).sum();
            if watch.stamps.first.is_some() || watch.done || held > HELD_BYTES || clock::now() > patience_ends
            {
                return Ok(());
            }
            let exchange = &mut parts.exchange;
            let more = poll_fn(|cx| match exchange.poll_more(cx) {
                Poll::Pending if exchange.poll_deadline(cx, patience_ends).is_ready() => Poll::Ready(None),
                other => other.map(Some),
            });
            match more.await {
                None if clock::now() >= late => {
                    return Err(parts.limits.late_head(&parts.upstream.name).into());
                }
                None => return Ok(()),
                Some(Ok(true)) => {
                    parts.fresh = true;
                    parts.last_byte = clock::now();
                }
                Some(Ok(false)) => return Err(parts.truncated(None).into()),
                Some(Err(error)) => return Err(parts.truncated(Some(&error)).into()),
            }
        }
    }

    /// The next piece for the caller.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Step {
        let Some(parts) = &mut self.0 else { return Poll::Ready(None) };
        if let Some(call) = &mut parts.call {
            call.watch.resume();
        }
        if let Some(reason) = parts.breaking.take() {
            return Poll::Ready(Some(Err(reason.into())));
        }
        let step = catch_unwind(AssertUnwindSafe(|| parts.step(cx)));
        let step = step.unwrap_or_else(|_| parts.fail(&defect()));
        parts.copy(&step);
        if parts.breaking.is_some() {
            cx.waker().wake_by_ref();
        }
        if let Some(call) = &mut parts.call {
            if let (Watch::Events(watch), true) = (&parts.watch, parts.must_end)
                && let Some(first) = watch.stamps.first
            {
                call.first_content(first);
            }
            call.watch.pause(clock::now());
        }
        step
    }
}

impl Parts {
    fn step(&mut self, cx: &mut Context<'_>) -> Step {
        loop {
            if self.over {
                return Poll::Ready(None);
            }
            if !self.held.is_empty() {
                return frame(self.held.remove(0));
            }
            if !self.fresh && self.has_end_mark() {
                self.end_well();
                self.let_go();
                return Poll::Ready(None);
            }
            if std::mem::take(&mut self.fresh) {
                let mut bytes = match self.take() {
                    Ok(bytes) => bytes,
                    Err(fail) => return self.fail(&fail),
                };
                if self.exchange.is_ended() && self.lacks_its_end() {
                    bytes = [&bytes[..], &self.take_last()].concat().into();
                }
                if self.exchange.is_ended() && self.is_broken_document() {
                    let fail = self.truncated(None);
                    return self.fail(&fail);
                }
                if self.has_end_mark() || (self.is_done() && self.exchange.is_ended()) {
                    self.end_well();
                    self.let_go();
                }
                if !bytes.is_empty() {
                    return frame(bytes);
                }
                continue;
            }
            if self.is_cut() {
                return self.fail(&cut_off());
            }
            match self.exchange.poll_more(cx) {
                Poll::Ready(Ok(true)) => {
                    self.fresh = true;
                    self.last_byte = clock::now();
                }
                Poll::Ready(Ok(false)) => return self.ended(),
                Poll::Ready(Err(_)) if self.told_error() => self.end_well(),
                Poll::Ready(Err(error)) => {
                    let fail = self.truncated(Some(&error));
                    return self.fail(&fail);
                }
                Poll::Pending => {
                    let (deadline, fail) = self.deadline();
                    if self.exchange.poll_deadline(cx, deadline).is_pending() {
                        return Poll::Pending;
                    }
                    let fail = fail(&self.limits, &self.upstream.name);
                    return self.fail(&fail);
                }
            }
        }
    }

    /// Copies what goes to a caller whose bodies are captured; with the last piece the copy is handed on.
    fn copy(&mut self, step: &Step) {
        let Some(tape) = &mut self.tape else { return };
        if let Poll::Ready(Some(Ok(frame))) = step
            && let Some(data) = frame.data_ref()
        {
            tape.answer(data);
        }
        if self.over {
            self.tape = None;
        }
    }

    /// Looks at what came, before the commit.
    pub(crate) fn look(&mut self) -> Result<Bytes, Fail> {
        self.fresh = false;
        self.take()
    }

    /// What of the bytes that came goes to the caller now.
    fn take(&mut self) -> Result<Bytes, Fail> {
        match &mut self.watch {
            Watch::Events(watch) => {
                let bytes = match &mut self.inflate {
                    Some(inflate) => {
                        inflate.feed(&self.upstream.name, &self.exchange.out.split())?;
                        &mut inflate.plain
                    }
                    None => &mut self.exchange.out,
                };
                let name = &self.upstream.name;
                watch.take(bytes, self.last_byte, &self.upstream).map_err(|wrong| unreadable(name, wrong))
            }
            Watch::Document(watch) => {
                let bytes = self.exchange.out.split().freeze();
                watch.feed(&bytes);
                Ok(bytes)
            }
            Watch::Nothing => Ok(self.exchange.out.split().freeze()),
        }
    }

    /// What is left at the provider's end, and the end that its dialect leaves out.
    fn take_last(&mut self) -> Bytes {
        match &mut self.watch {
            Watch::Events(watch) => {
                let bytes =
                    self.inflate.as_mut().map_or(&mut self.exchange.out, |inflate| &mut inflate.plain);
                watch.take_last(bytes, self.last_byte, &self.upstream)
            }
            Watch::Document(_) | Watch::Nothing => Bytes::new(),
        }
    }

    /// Whether the caller is still to be told the end of what its provider ends without a mark.
    fn lacks_its_end(&self) -> bool {
        matches!(&self.watch, Watch::Events(watch) if watch.is_told() && !watch.done && !watch.error)
    }

    /// Whether the dialect's own end was seen.
    pub(crate) fn is_done(&self) -> bool {
        match &self.watch {
            Watch::Events(watch) => {
                watch.done || (!self.upstream.done_mark && watch.stream.is_complete() && !watch.is_garbled())
            }
            Watch::Document(_) | Watch::Nothing => true,
        }
    }

    /// Whether a document that must be whole has ended and is not.
    fn is_broken_document(&mut self) -> bool {
        match &mut self.watch {
            Watch::Document(watch) => self.must_end && !watch.finish(),
            _ => false,
        }
    }

    /// Whether the stream's own end mark went by: nothing after it is waited for.
    pub(crate) fn has_end_mark(&self) -> bool {
        matches!(&self.watch, Watch::Events(watch) if watch.done && self.must_end)
    }

    /// The caller has everything; what the connection still holds is read aside, so that it can be used again.
    pub(crate) fn let_go(&mut self) {
        if self.exchange.is_ended() {
            return;
        }
        if let (Some(exchange), Ok(runtime)) = (self.exchange.detach(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn(finish_aside(exchange));
        }
    }

    /// When patience ends now, and how that is told.
    fn deadline(&self) -> (Instant, fn(&Limits, &str) -> Fail) {
        let limits = &self.limits;
        let mut next: (Instant, fn(&Limits, &str) -> Fail) = match &self.watch {
            // A model may tell its role and then think: until its first content only the time for that counts.
            Watch::Events(watch) if self.must_end && limits.stream && watch.stamps.first.is_none() => {
                (limits.first_token_deadline(), Limits::late_first_token)
            }
            _ => (self.last_byte + limits.patience.idle, Limits::late_idle),
        };
        if let Some(slow) = self.slow_deadline()
            && slow < next.0
        {
            next = (slow, Limits::late_slow);
        }
        if limits.total_deadline() < next.0 {
            next = (limits.total_deadline(), Limits::late_total);
        }
        next
    }

    /// When the stream will have been too slow, if nothing more comes.
    fn slow_deadline(&self) -> Option<Instant> {
        let least = self.limits.patience.least_tokens_per_s;
        let Watch::Events(watch) = &self.watch else { return None };
        let first = watch.stamps.first.filter(|_| least > 0.0 && self.must_end)?;
        let tokens = watch.stream.learned().estimate(0).output_tokens;
        let earned = Duration::from_secs_f64((tokens as f64 / least).min(1e6));
        Some(first + earned.max(SLOW_AFTER))
    }

    /// Whether the provider has told an error in the stream.
    pub(crate) fn told_error(&self) -> bool {
        matches!(&self.watch, Watch::Events(watch) if watch.error)
    }

    /// The provider has ended its answer.
    fn ended(&mut self) -> Step {
        if self.is_broken_document() {
            let fail = self.truncated(None);
            return self.fail(&fail);
        }
        let last = self.take_last();
        let told = self.told_error();
        if !self.must_end && last.is_empty() {
            // Raw bytes go on to the last, whole event or not.
            let rest = self.exchange.out.split().freeze();
            self.end_well();
            return if rest.is_empty() { Poll::Ready(None) } else { frame(rest) };
        }
        // An error that the provider told in the stream is its end: it is not told twice.
        if self.is_done() || !self.must_end || told {
            self.end_well();
            return if last.is_empty() { Poll::Ready(None) } else { frame(last) };
        }
        let fail = self.truncated(None);
        self.fail(&fail)
    }
}

fn unreadable(provider: &str, wrong: Unreadable) -> Fail {
    let (code, message) = match wrong {
        Unreadable::TooLong => ("event_too_long", format!("provider {provider}: an event is over 16 MB")),
        Unreadable::Frame(why) => {
            ("broken_frame", format!("provider {provider}: the stream is damaged, {why}"))
        }
    };
    Fail::upstream(StatusCode::BAD_GATEWAY, ErrorKind::Garbage, code, message)
}

pub(crate) fn frame(bytes: Bytes) -> Step {
    Poll::Ready(Some(Ok(Frame::data(bytes))))
}

impl Drop for Relay {
    fn drop(&mut self) {
        let Some(mut parts) = self.0.take().filter(|parts| !parts.over) else { return };
        if parts.is_cut() {
            // A caller that takes nothing could not be told.
            let _ = parts.fail(&cut_off());
            return;
        }
        let tape = parts.tape.take();
        if let (OnCancel::Drain(limit), Ok(runtime), false) =
            (parts.upstream.on_cancel, tokio::runtime::Handle::try_current(), std::thread::panicking())
            && let Some((place, left)) = parts.drain_place(limit)
        {
            runtime.spawn(drain(parts, left, place));
            return;
        }
        parts.cancel();
        // After the record: whoever finds the bodies finds their call.
        drop(tape);
    }
}
