//! One call in the ledger: what was received, what was sent and when, and how it ended.

use crate::{ledger::Ledger, wire::lock};
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::time::Instant;

/// Bytes of a request body that are kept.
const BODY_MAX: usize = 256 << 10;
/// Bytes of sent text that are kept.
const TEXT_MAX: usize = 64 << 10;

/// How a call ended, or that it has not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Still being received, waited for or sent.
    #[default]
    Open,
    /// Everything meant to be sent was written to the socket.
    Completed,
    /// The simulator broke it off.
    Cut,
    /// Silent on purpose: still so, or given up after ten minutes.
    Stalled,
    /// The client went away first.
    ClientGone,
}

/// Times drawn for a call, ms after the request was complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Planned {
    /// To the first token.
    pub ttft_ms: f64,
    /// To the last token.
    pub total_ms: f64,
    /// Tokens of the whole answer, reasoning included.
    pub output_tokens: u64,
}

/// Usage in one form, whatever the dialect it was sent in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// Prompt tokens, those from and into a cache included.
    pub input_total: u64,
    /// Prompt tokens read from a cache.
    pub cache_read: u64,
    /// Prompt tokens written into a cache.
    pub cache_write: u64,
    /// Of these, the ones kept for an hour.
    pub cache_write_1h: u64,
    /// Tokens of the answer, reasoning included.
    pub output_total: u64,
    /// Tokens of reasoning.
    pub reasoning: u64,
}

/// Usage as sent, and what it says.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) raw: Value,
    pub(crate) tokens: Tokens,
}

/// What one choice has sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SentChoice {
    /// Visible text.
    pub text: String,
    /// Reasoning text.
    pub reasoning: String,
    /// Arguments of all its tool calls, one after the other.
    pub tool_arguments: String,
    /// Its finish reason, once sent.
    pub finish: Option<String>,
}

/// One call as `GET /sim/calls` shows it. Times are ms after `received_at`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CallReport {
    /// Number of the call, from 1.
    pub n: u64,
    /// The connection it came on, from 1.
    pub connection: u64,
    /// When the request was complete (head, if the body never was), Unix ms.
    pub received_at: u64,
    /// The same by the clock that only goes on: ms since the provider began.
    pub received_age_ms: f64,
    /// Method.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Query, if any.
    pub query: Option<String>,
    /// The model that answered; `None` where no model takes part.
    pub model: Option<String>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// Header lines as received; credentials only as a hash and their last four characters.
    pub headers: Vec<(String, String)>,
    /// The body exactly as received; `None` above 256 KB or when it is not UTF-8.
    pub body: Option<String>,
    /// Bytes of the body.
    pub body_bytes: u64,
    /// Hash of the body (FNV-1a, 64 bit, hex).
    pub body_fnv: String,
    /// Status sent.
    pub status: Option<u16>,
    /// The fault scripted or drawn for it.
    pub fault: Option<String>,
    /// Times and length drawn for it.
    pub planned: Option<Planned>,
    /// The first byte of the answer was written.
    pub first_byte_sent_ms: Option<f64>,
    /// The first text, reasoning or tool fragment was written.
    pub first_content_sent_ms: Option<f64>,
    /// The latest byte was written.
    pub last_byte_sent_ms: Option<f64>,
    /// Bytes of the body written, before HTTP framing.
    pub bytes_sent: u64,
    /// Times everything handed over so far had been written: the answer left in at least so many writes.
    pub writes: u64,
    /// Events written whole, `[DONE]` not counted.
    pub events_sent: u64,
    /// Events with text, reasoning or a tool fragment among them.
    pub content_events: u64,
    /// Tokens written whole, all choices; what has really been produced.
    pub tokens_sent: u64,
    /// The visible text sent by choice 0.
    pub text: String,
    /// Everything sent, per choice.
    pub choices: Vec<SentChoice>,
    /// Texts above 64 KB were not kept to their end.
    pub text_cut: bool,
    /// The usage sent, as sent.
    pub usage: Option<Value>,
    /// What that usage says, in one form for all dialects.
    pub tokens: Option<Tokens>,
    /// The finish reason sent by choice 0.
    pub finish: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// When the client's leaving was noticed.
    pub client_gone_ms: Option<f64>,
}

/// Which text of a choice a fragment belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text,
    Reasoning,
    ToolArguments,
}

/// What a piece of an answer means, noted when it is handed over and true once it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mark {
    pub(crate) bytes: u64,
    pub(crate) events: u64,
    pub(crate) content_events: u64,
    pub(crate) content: bool,
    pub(crate) tokens: u64,
    pub(crate) pieces: Vec<(usize, Part, String)>,
    pub(crate) finish: Vec<(usize, &'static str)>,
    pub(crate) usage: Option<Claim>,
    pub(crate) end: Option<Outcome>,
}

impl Mark {
    fn merge(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.events += other.events;
        self.content_events += other.content_events;
        self.content |= other.content;
        self.tokens += other.tokens;
        self.pieces.extend(other.pieces);
        self.finish.extend(other.finish);
        self.usage = other.usage.or(self.usage.take());
        self.end = other.end.or(self.end);
    }
}

/// What the request head says.
#[derive(Debug, Default)]
pub(crate) struct RequestHead {
    pub(crate) connection: u64,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
}

/// A call and the ledger it is in.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) slot: Arc<Slot>,
    ledger: Arc<Ledger>,
}

/// A call's place in the ledger.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) n: u64,
    /// Which run of the ledger it belongs to; a reset starts a new one.
    pub(crate) epoch: u64,
    pub(crate) closed: AtomicBool,
    facts: Mutex<Facts>,
}

#[derive(Debug)]
struct Facts {
    received: Instant,
    body: Option<Bytes>,
    pending: Option<Mark>,
    text_bytes: usize,
    report: CallReport,
}

impl Slot {
    pub(crate) fn new(n: u64, epoch: u64, head: RequestHead) -> Self {
        let report = CallReport {
            n,
            connection: head.connection,
            received_at: unix_ms(),
            method: head.method,
            path: head.path,
            query: head.query,
            headers: head.headers,
            ..CallReport::default()
        };
        let facts = Facts { received: Instant::now(), body: None, pending: None, text_bytes: 0, report };
        Self { n, epoch, closed: AtomicBool::new(false), facts: Mutex::new(facts) }
    }

    pub(crate) fn report(&self) -> CallReport {
        let facts = lock(&self.facts);
        let mut report = facts.report.clone();
        if let Some(body) = &facts.body {
            report.body = String::from_utf8(body.to_vec()).ok();
        }
        if let Some(first) = report.choices.first() {
            report.text.clone_from(&first.text);
            report.finish.clone_from(&first.finish);
        }
        report
    }
}

impl Call {
    pub(crate) fn new(slot: Arc<Slot>, ledger: Arc<Ledger>) -> Self {
        Self { slot, ledger }
    }

    /// A call for what is in no ledger: nobody will read it.
    pub(crate) fn unlisted(ledger: &Arc<Ledger>) -> Self {
        Self::new(Arc::new(Slot::new(0, u64::MAX, RequestHead::default())), Arc::clone(ledger))
    }

    pub(crate) fn n(&self) -> u64 {
        self.slot.n
    }

    fn edit<T>(&self, change: impl FnOnce(&mut CallReport) -> T) -> T {
        change(&mut lock(&self.slot.facts).report)
    }

    /// The request is complete: its clock starts.
    pub(crate) fn received(&self, body: &Bytes) -> Instant {
        let kept = if body.len() <= BODY_MAX { body.len() } else { 0 };
        let now = Instant::now();
        {
            let mut facts = lock(&self.slot.facts);
            facts.received = now;
            facts.report.received_at = unix_ms();
            facts.report.received_age_ms = self.ledger.age_ms(now);
            facts.report.body_bytes = body.len() as u64;
            facts.report.body_fnv = crate::hash::hex(body);
            // A copy: the body may be a window into a much larger read buffer.
            facts.body = (body.len() <= BODY_MAX).then(|| Bytes::copy_from_slice(body));
        }
        self.ledger.grow(&self.slot, kept);
        now
    }

    pub(crate) fn model(&self, model: &str, stream: bool) {
        self.edit(|report| {
            report.model = Some(model.to_owned());
            report.stream = stream;
        });
    }

    pub(crate) fn status(&self, status: u16) {
        self.edit(|report| report.status = Some(status));
    }

    pub(crate) fn fault(&self, text: &str) {
        self.edit(|report| report.fault = (!text.is_empty()).then(|| text.to_owned()));
    }

    pub(crate) fn planned(&self, planned: Planned) {
        self.edit(|report| report.planned = Some(planned));
    }

    pub(crate) fn stalled(&self, stalled: bool) {
        self.edit(|report| report.outcome = if stalled { Outcome::Stalled } else { Outcome::Open });
    }

    pub(crate) fn queue(&self, mark: Mark) {
        lock(&self.slot.facts).pending.get_or_insert_default().merge(mark);
    }

    /// Some of what was handed over has been written.
    pub(crate) fn writing(&self, now: Instant) {
        let mut facts = lock(&self.slot.facts);
        let ms = since(facts.received, now);
        facts.report.first_byte_sent_ms.get_or_insert(ms);
        facts.report.last_byte_sent_ms = Some(ms);
    }

    /// Everything handed over so far has been written.
    pub(crate) fn flushed(&self, now: Instant) {
        let mut facts = lock(&self.slot.facts);
        let Some(mark) = facts.pending.take() else { return };
        let end = mark.end;
        facts.sent(mark, now);
        drop(facts);
        if let Some(outcome) = end {
            self.close(outcome);
        }
    }

    /// The first close counts; later ones change nothing.
    pub(crate) fn close(&self, outcome: Outcome) {
        if self.slot.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        let (tokens, weight) = {
            let mut facts = lock(&self.slot.facts);
            facts.pending = None;
            facts.report.outcome = outcome;
            if outcome == Outcome::ClientGone {
                facts.report.client_gone_ms = Some(since(facts.received, Instant::now()));
            }
            (facts.report.tokens.unwrap_or_default(), facts.text_bytes)
        };
        self.ledger.closed(&self.slot, outcome, tokens, weight);
    }
}

impl Facts {
    fn sent(&mut self, mark: Mark, now: Instant) {
        let ms = since(self.received, now);
        let report = &mut self.report;
        if mark.content {
            report.first_content_sent_ms.get_or_insert(ms);
        }
        report.writes += 1;
        report.bytes_sent += mark.bytes;
        report.events_sent += mark.events;
        report.content_events += mark.content_events;
        report.tokens_sent += mark.tokens;
        if let Some(claim) = mark.usage {
            report.tokens = Some(claim.tokens);
            report.usage = Some(claim.raw);
        }
        for (choice, part, text) in mark.pieces {
            if self.text_bytes + text.len() > TEXT_MAX {
                report.text_cut = true;
                continue;
            }
            self.text_bytes += text.len();
            let sent = choice_at(&mut report.choices, choice);
            match part {
                Part::Text => sent.text.push_str(&text),
                Part::Reasoning => sent.reasoning.push_str(&text),
                Part::ToolArguments => sent.tool_arguments.push_str(&text),
            }
        }
        for (choice, finish) in mark.finish {
            choice_at(&mut report.choices, choice).finish = Some(finish.to_owned());
        }
    }
}

fn choice_at(choices: &mut Vec<SentChoice>, index: usize) -> &mut SentChoice {
    if choices.len() <= index {
        choices.resize_with(index + 1, SentChoice::default);
    }
    &mut choices[index]
}

/// Ms between two moments, to the microsecond.
pub(crate) fn since(start: Instant, end: Instant) -> f64 {
    end.saturating_duration_since(start).as_micros() as f64 / 1_000.0
}

pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_millis() as u64)
}
