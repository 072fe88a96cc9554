//! The guard of one call: owns the growing record and closes it exactly once, whatever happens.

use crate::config::OnCancel;
use crate::gateway::{Gauges, Party, Snapshot};
use crate::held::Held;
use crate::lease::{Leases, Told, Took};
use crate::refuse::Fail;
use crate::scope::Days;
use crate::step::cascade::{Check, Kept};
use crate::step::generate::Generate;
use crate::step::route::Routed;
use crate::tape::Tape;
use crate::worker::Worker;
use paceline_http::Marks;
use paceline_http::clock;
use paceline_types::error::ErrorKind;
use paceline_types::id::CallId;
use paceline_types::measure;
use paceline_types::money::Cost;
use paceline_types::price::{Price, Tariff};
use paceline_types::record::{Attempt, CacheState, CallRecord, Caller, Dialect, Operation, Status};
use paceline_types::rules::Priority;
use paceline_types::time::{Offset, Timestamp};
use paceline_types::tokens::Usage;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Tells work from waiting.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    resumed: Instant,
    worked: Duration,
}

impl Stopwatch {
    /// Work goes on.
    pub(crate) fn resume(&mut self) {
        self.resumed = clock::now();
    }

    /// Work stops: somebody is waited for.
    pub(crate) fn pause(&mut self, now: Instant) {
        self.worked += now.saturating_duration_since(self.resumed);
        self.resumed = now;
    }

    /// Waits for `future`, and counts only the time in which it works.
    pub(crate) async fn wait<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut waiting = false;
        poll_fn(|cx| {
            if std::mem::take(&mut waiting) {
                self.resume();
            }
            let outcome = future.as_mut().poll(cx);
            if outcome.is_pending() {
                waiting = true;
                self.pause(clock::now());
            }
            outcome
        })
        .await
    }

    /// As [`Stopwatch::wait`], until `deadline` at most.
    pub(crate) async fn wait_until<F: Future>(&mut self, deadline: Instant, future: F) -> Option<F::Output> {
        let deadline = tokio::time::Instant::from_std(deadline);
        self.wait(tokio::time::timeout_at(deadline, future)).await.ok()
    }
}

/// What a call and the task that carries it beyond its caller's patience tell each other.
#[derive(Debug, Default)]
pub(crate) struct Outlive {
    /// The caller has gone.
    pub(crate) gone: AtomicBool,
    /// How long the provider being asked may go on then, in milliseconds; 0 not at all.
    pub(crate) drain_ms: AtomicU64,
    /// When draining ends, once the caller has gone.
    pub(crate) until: OnceLock<Instant>,
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts about one call")]
/// A call under way. Dropped unclosed, it closes as canceled, or as an internal error when a panic drops it.
pub(crate) struct Call {
    pub(crate) worker: Arc<Worker>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) started: Instant,
    pub(crate) watch: Stopwatch,
    /// What the caller speaks.
    pub(crate) dialect: Dialect,
    /// Where another model is left, it is asked when the content filter of one ends its answer.
    pub(crate) flees_filter: bool,
    /// What its route decided, until it is answered.
    pub(crate) routed: Option<Box<Routed>>,
    /// What the answer of a cheap model is checked for, until one was.
    pub(crate) check: Option<Check>,
    /// The answer that did not hold.
    pub(crate) kept: Option<Box<Kept>>,
    /// What answers cost that did not hold.
    pub(crate) paid_before: Cost,
    /// It asks for a text with the decision beside it.
    pub(crate) generate: Option<Box<Generate>>,
    /// What of the request did not cross to the present target.
    pub(crate) warning: Option<Box<str>>,
    /// Targets that were passed over, and why.
    pub(crate) skipped: Option<Box<str>>,
    /// Bytes of the request, for estimates.
    pub(crate) request_bytes: u64,
    /// When things happened to the present attempt.
    pub(crate) marks: Marks,
    /// An attempt before the present one was sent to a provider.
    pub(crate) reached_provider: bool,
    /// Where calls may go on without their caller.
    pub(crate) outlive: Option<Arc<Outlive>>,
    /// The place of the present attempt.
    pub(crate) held: Option<Held>,
    /// Who is let in first.
    pub(crate) priority: Priority,
    /// How long the caller itself allows.
    pub(crate) allowed: Option<Duration>,
    /// What the tokens of the present target cost.
    pub(crate) price: Option<Arc<Price>>,
    /// The provider itself said what the call cost.
    pub(crate) cost_reported: bool,
    /// Where the bodies are copied to, when somebody asked to see them.
    pub(crate) tape: Option<Box<Tape>>,
    /// Who calls.
    pub(crate) party: Arc<Party>,
    /// What is held of scopes; of it the first so many are the caller's own, the others the target's.
    pub(crate) leases: Option<Leases>,
    pub(crate) callers_leases: usize,
    /// Money that is promised to the call on its caller's account.
    pub(crate) promised: Cost,
    /// A copy that nobody asked for: its caller pays for it, and its caller's budgets do not see it.
    pub(crate) is_shadow: bool,
    /// How the caller's limits stand.
    pub(crate) told: [Option<Told>; 2],
    record: Option<Box<CallRecord>>,
}

/// The record of a call that begins.
fn begun(
    (id, started_at): (CallId, Timestamp),
    caller: &Arc<Caller>,
    operation: Operation,
    dialect: Dialect,
) -> CallRecord {
    CallRecord {
        id,
        started_at,
        caller: Arc::clone(caller),
        labels: None,
        operation,
        dialect,
        stream: false,
        requested_model: None,
        decision: None,
        target: None,
        status: Status::Ok,
        error_kind: None,
        error_code: None,
        http_status: 0,
        finish_reason: None,
        cache: CacheState::Off,
        usage: None,
        cost: None,
        duration: Offset(0),
        queue: Offset(0),
        route: Offset(0),
        worked: Offset(0),
        first_token: None,
        last_token: None,
        itl_p99: None,
        attempts: Vec::new(),
        quality: None,
    }
}

impl Call {
    pub(crate) fn open(
        worker: Arc<Worker>,
        snapshot: Arc<Snapshot>,
        (operation, dialect): (Operation, Dialect),
        party: &Arc<Party>,
    ) -> Self {
        let mut call = Self::untaped(worker, snapshot, (operation, dialect), party);
        if party.capture.takes()
            && let Some(record) = &call.record
        {
            let (sink, caller) = (Arc::clone(&call.worker.gateway.sink), Arc::clone(&party.caller));
            call.tape = Some(Box::new(Tape::new(sink, record.id, record.started_at, caller)));
        }
        call
    }

    /// A call whose bodies are not captured, whoever asked to see them.
    pub(crate) fn untaped(
        worker: Arc<Worker>,
        snapshot: Arc<Snapshot>,
        (operation, dialect): (Operation, Dialect),
        party: &Arc<Party>,
    ) -> Self {
        let started = clock::now();
        let (id, started_at) = worker.next_id();
        Gauges::add(&worker.gateway.gauges.calls_accepted);
        Gauges::add(&worker.gateway.gauges.calls_in_flight);
        worker.under_way.begin(id, &party.caller);
        let record = begun((id, started_at), &party.caller, operation, dialect);
        let watch = Stopwatch { resumed: started, worked: Duration::ZERO };
        let record = Some(Box::new(record));
        Self {
            worker,
            snapshot,
            started,
            watch,
            dialect,
            flees_filter: false,
            routed: None,
            check: None,
            kept: None,
            paid_before: Cost(0),
            generate: None,
            warning: None,
            skipped: None,
            request_bytes: 0,
            marks: Marks::default(),
            reached_provider: false,
            outlive: None,
            held: None,
            priority: Priority::default(),
            allowed: None,
            price: None,
            cost_reported: false,
            tape: None,
            party: Arc::clone(party),
            leases: None,
            callers_leases: 0,
            promised: Cost(0),
            is_shadow: false,
            told: [None, None],
            record,
        }
    }

    /// The record, to be filled. After the call is closed it is a scratch that nobody reads.
    pub(crate) fn record(&mut self) -> Option<&mut CallRecord> {
        self.record.as_deref_mut()
    }

    /// The record as it stands; `None` after the call is closed.
    pub(crate) fn seen(&self) -> Option<&CallRecord> {
        self.record.as_deref()
    }

    /// Fills the record.
    pub(crate) fn note(&mut self, fill: impl FnOnce(&mut CallRecord)) {
        if let Some(record) = &mut self.record {
            fill(record);
        }
    }

    /// The distance of `at` from the call's start.
    pub(crate) fn offset(&self, at: Instant) -> Offset {
        Offset(at.saturating_duration_since(self.started).as_nanos() as u64)
    }

    /// The caller has gone; what is under way is only read to its end.
    pub(crate) fn is_alone(&self) -> bool {
        self.outlive.as_ref().is_some_and(|outlive| outlive.gone.load(Ordering::Relaxed))
    }

    /// Notes how long this provider may be read when the caller has gone.
    pub(crate) fn may_drain(&self, provider: usize) {
        if let Some(outlive) = &self.outlive {
            let limit = match self.snapshot.upstreams[provider].on_cancel {
                OnCancel::Abort => 0,
                OnCancel::Drain(limit) => limit.as_millis() as u64,
            };
            outlive.drain_ms.store(limit, Ordering::Relaxed);
        }
    }

    /// Notes why the call failed.
    pub(crate) fn note_failure(&mut self, fail: &Fail) {
        self.note(|record| {
            record.status = match fail.kind {
                ErrorKind::Canceled => Status::Canceled,
                _ if fail.refused => Status::Refused,
                _ => Status::Error,
            };
            record.error_kind = Some(fail.kind);
            record.error_code.get_or_insert_with(|| fail.code.into());
            record.http_status = fail.status.as_u16();
        });
    }

    /// Waiting since `began` was for room, not for an answer.
    pub(crate) fn note_queue(&mut self, began: Instant) {
        let waited = clock::now().saturating_duration_since(began).as_nanos() as u64;
        self.note(|record| record.queue.0 += waited);
    }

    /// The first content came at `first`: the place works, and need not wait for the end to hear of it.
    pub(crate) fn first_content(&mut self, first: Instant) {
        let Some(held) = &mut self.held else { return };
        let began =
            self.record.as_ref().and_then(|record| record.attempts.last()).map(|attempt| attempt.started);
        let ttft = first.saturating_duration_since(self.started);
        let ttft = began.map(|began| ttft.saturating_sub(Duration::from_nanos(began.0)));
        held.answered(ttft, first);
    }

    /// What the call's end tells about the place it was at.
    fn tell_place(&mut self, record: &CallRecord, now: Instant) {
        let Some(mut held) = self.held.take() else { return };
        let Some(attempt) = record.attempts.last() else { return };
        match (record.status, record.error_kind) {
            (Status::Ok, _) => {
                let until = match record.first_token {
                    Some(first) => Some(first),
                    None => record.usage.map(|usage| spread(attempt, record, usage.output_tokens)),
                };
                let ttft = until.map(|until| Duration::from_nanos(until.0.saturating_sub(attempt.started.0)));
                let ttft = ttft.filter(|_| record.operation == Operation::Chat);
                if let Some(usage) = record.usage.filter(|_| ttft.is_some()) {
                    held.place.load.output(usage.output_tokens);
                }
                held.answered(ttft, now);
            }
            (Status::Partial | Status::Error, Some(kind)) => {
                held.failed(kind, attempt.http_status, None, now);
            }
            (Status::Canceled, _) if record.first_token.is_some() => held.answered(None, now),
            _ => {}
        }
    }

    /// What `usage` costs in `record` by the present target's price; `None` where that is not known.
    pub(crate) fn priced(&self, record: &CallRecord, usage: Option<&Usage>) -> Option<Cost> {
        let tariff = Tariff { took: measure::provider_time(record), ..Tariff::default() };
        Some(self.price.as_ref()?.cost(usage?, record.started_at, tariff)?.total())
    }

    /// The provider has done its work: what comes until the call's end is not its time.
    pub(crate) fn provider_done(&mut self) {
        let now = self.offset(clock::now());
        self.note(|record| {
            if let Some(attempt) = record.attempts.last_mut() {
                attempt.ended = now;
            }
        });
    }

    /// What was reserved becomes what the call took.
    fn settle(&mut self, record: &CallRecord, sent: bool, now: Instant) {
        let money = match record.cost {
            None if sent && is_untold(record) => self.promised,
            cost => cost.unwrap_or_default(),
        };
        // The clock was read at the start.
        let wall = Timestamp(record.started_at.0.saturating_add_unsigned(record.duration.0 / 1000));
        let days = Days(&*self.snapshot.config.calendar);
        if !self.is_shadow {
            self.party.account.spend(self.promised, money, wall, days);
        }
        if let Some(mut leases) = self.leases.take() {
            let tokens = record.usage.map_or(0, |usage| usage.input_tokens + usage.output_tokens);
            let took = match (sent, is_untold(record)) {
                (false, _) => Took::Nothing,
                (true, true) => Took::Unknown,
                (true, false) => Took::Known(tokens, money),
            };
            leases.settle(took, now, wall);
        }
    }

    /// Closes the call: the record goes its way, the counts are settled.
    pub(crate) fn close(&mut self, now: Instant) {
        let Some(mut record) = self.record.take() else { return };
        self.watch.pause(now);
        record.duration = self.offset(now);
        record.worked = Offset(self.watch.worked.as_nanos() as u64);
        if self.is_alone() {
            record.status = Status::Canceled;
            record.error_kind = Some(ErrorKind::Canceled);
        }
        let sent = self.reached_provider || self.marks.sent.is_some();
        let generates = !matches!(record.operation, Operation::Passthrough | Operation::CountTokens);
        let estimates = sent && generates && record.status == Status::Canceled;
        if record.usage.is_none() && estimates {
            record.usage =
                Some(paceline_dialect::openai::answer::Learned::default().estimate(self.request_bytes));
        }
        // What ended badly has an error of its own, and with it all that is known of it.
        let ends = record.attempts.last().is_some_and(|last| last.error_kind.is_none());
        if let Some(last) = record.attempts.last_mut().filter(|last| last.ended == last.started) {
            last.ended = record.duration;
        }
        if !self.cost_reported {
            record.cost = self.priced(&record, record.usage.as_ref());
        }
        if let Some(last) = record.attempts.last_mut().filter(|_| ends) {
            last.usage = record.usage;
            last.cost = record.cost;
            last.error_kind = last.error_kind.or(record.error_kind);
        }
        if self.paid_before.0 > 0 {
            let own = record.cost.unwrap_or_default();
            record.cost = Some(Cost(own.0.saturating_add(self.paid_before.0)));
        }
        self.tell_place(&record, now);
        self.party.account.settle(record.usage.as_ref(), record.cost);
        self.settle(&record, sent, now);
        let gateway = &self.worker.gateway;
        Gauges::remove(&gateway.gauges.calls_in_flight);
        let id = record.id;
        gateway.sink.accept(record);
        // After the record: whoever does not find the call here finds that, or there is none.
        self.worker.under_way.end(id);
        // After the record: whoever finds the bodies finds their call.
        self.tape = None;
    }
}

/// Whether a raw call was answered by a provider that did not tell what it used in a form that is known.
fn is_untold(record: &CallRecord) -> bool {
    record.operation == Operation::Passthrough
        && record.usage.is_none()
        && matches!(record.status, Status::Ok | Status::Partial | Status::Canceled)
}

/// When the first token of an answer in one piece would have come: a first token takes about as long as twelve others.
fn spread(attempt: &Attempt, record: &CallRecord, output_tokens: u64) -> Offset {
    let took = record.duration.0.saturating_sub(attempt.started.0);
    Offset(attempt.started.0 + (took as f64 / (1.0 + output_tokens as f64 / 12.0)) as u64)
}

impl Drop for Call {
    fn drop(&mut self) {
        let Some(record) = &mut self.record else { return };
        if std::thread::panicking() {
            record.status = Status::Error;
            record.error_kind = Some(ErrorKind::Internal);
        } else {
            record.status = Status::Canceled;
            record.error_kind = Some(ErrorKind::Canceled);
        }
        self.close(clock::now());
    }
}
