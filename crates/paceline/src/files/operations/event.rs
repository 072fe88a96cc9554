//! What may stand in the operations log beside operations: the types of events, and which a call's attempts come to.

use paceline_types::error::ErrorKind;
use paceline_types::id::Name;
use paceline_types::record::{Attempt, AttemptReason, CallRecord};
use paceline_types::time::{Offset, Timestamp};
use serde_json::{Map, Value, json};

/// The types of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A session (a crew) began with its first call. `id`, `session`, `agents` seen so far.
    CrewInit,
    /// A provider said that there are too many requests. `attempt`, `delay` (seconds until the next attempt of the call,
    /// null without one), `retry_after_seconds`, `error_message`.
    RateLimit,
    /// A call went on at another deployment. `from`, `to`, `reason`, `fallback_attempt` (1 for the first).
    ModelFallback,
    /// A time limit passed. `attempt`, `seconds` waited, `error_message` (which limit).
    Timeout,
    /// A provider failed otherwise: status 5xx, no connection, a broken or senseless answer, our key refused. `attempt`,
    /// `seconds`, `error_kind`, `http_status`, `error_message`.
    ProviderError,
    /// A deployment is left alone for a while. `deployment`, `key` (where its key comes from), `seconds`, `reason`.
    Cooldown,
    /// The log is not whole: `lines` could not be written, or `calls` came faster than they could be.
    LogGap,
}

impl EventKind {
    /// All types, for documentation.
    pub const ALL: [Self; 7] = [
        Self::CrewInit,
        Self::RateLimit,
        Self::ModelFallback,
        Self::Timeout,
        Self::ProviderError,
        Self::Cooldown,
        Self::LogGap,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CrewInit => "CREW_INIT",
            Self::RateLimit => "RATE_LIMIT",
            Self::ModelFallback => "MODEL_FALLBACK",
            Self::Timeout => "TIMEOUT",
            Self::ProviderError => "PROVIDER_ERROR",
            Self::Cooldown => "COOLDOWN",
            Self::LogGap => "LOG_GAP",
        }
    }
}

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// The role concerned; `None` is written as `system`.
    pub agent: Option<Box<str>>,
    /// The model concerned; `None` is written as `system`.
    pub model: Option<Name>,
    /// The rest.
    pub details: Map<String, Value>,
}

impl Event {
    /// An event of Paceline itself. `details` that are no object are left out.
    pub fn new(at: Timestamp, kind: EventKind, details: Value) -> Self {
        let details = if let Value::Object(details) = details { details } else { Map::new() };
        Self { at, kind, agent: None, model: None, details }
    }
}

/// The moment of an offset in a call.
pub(super) fn moment(record: &CallRecord, offset: Offset) -> Timestamp {
    Timestamp(record.started_at.0.saturating_add_unsigned(offset.0 / 1000))
}

/// Seconds with six decimals.
pub(super) fn seconds(of: Offset) -> f64 {
    (of.0 / 1000) as f64 / 1e6
}

/// The kind of an error, with its code where that says more.
pub(super) fn error_text(kind: Option<ErrorKind>, code: Option<&str>) -> Option<String> {
    match (kind.map(ErrorKind::as_str), code) {
        (Some(kind), Some(code)) if kind != code => Some(format!("{kind}: {code}")),
        (Some(kind), _) => Some(kind.to_owned()),
        (None, code) => code.map(str::to_owned),
    }
}

/// What happened on the way of a call, in the order of time.
pub(super) fn of_call(record: &CallRecord) -> Vec<Event> {
    let mut events = Vec::new();
    let mut fallbacks = 0;
    let mut before: Option<&Attempt> = None;
    for (at, attempt) in record.attempts.iter().enumerate() {
        let next = record.attempts.get(at + 1);
        if let Some(before) = before.filter(|_| attempt.reason == AttemptReason::Fallback) {
            fallbacks += 1;
            events.push(fallback(record, before, attempt, fallbacks));
        }
        events.extend(failure(record, at + 1, attempt, next));
        before = Some(attempt);
    }
    events
}

fn of_attempt(record: &CallRecord, at: Offset, kind: EventKind, attempt: &Attempt, details: Value) -> Event {
    let mut event = Event::new(moment(record, at), kind, details);
    event.agent = record.labels.as_deref().and_then(|labels| labels.role.clone());
    event.model = Some(attempt.deployment.model.clone());
    event
}

fn fallback(record: &CallRecord, from: &Attempt, to: &Attempt, number: usize) -> Event {
    let details = json!({
        "fallback_attempt": number,
        "from": from.deployment.name,
        "to": to.deployment.name,
        "reason": error_text(from.error_kind, from.error_code.as_deref()),
    });
    of_attempt(record, to.started, EventKind::ModelFallback, to, details)
}

fn failure(record: &CallRecord, number: usize, attempt: &Attempt, next: Option<&Attempt>) -> Option<Event> {
    // What ends a call after its last attempt had begun to answer is told by the call.
    let of_record = (record.error_kind, record.error_code.as_deref());
    let (kind, code) = match (attempt.error_kind, next) {
        (None, None) => of_record,
        (kind, _) => (kind, attempt.error_code.as_deref()),
    };
    let event = match kind? {
        ErrorKind::RateLimited => EventKind::RateLimit,
        ErrorKind::Timeout => EventKind::Timeout,
        ErrorKind::ProviderFailed
        | ErrorKind::ProviderAuth
        | ErrorKind::Connect
        | ErrorKind::Truncated
        | ErrorKind::Garbage => EventKind::ProviderError,
        _ => return None,
    };
    let mut details = json!({
        "attempt": number,
        "deployment": attempt.deployment.name,
        "error_message": error_text(kind, code),
    });
    match event {
        EventKind::RateLimit => {
            details["delay"] = json!(next.map(|next| seconds(next.started.since(attempt.ended))));
            details["retry_after_seconds"] = json!(attempt.retry_after_ms.map(|ms| ms as f64 / 1e3));
        }
        EventKind::Timeout => details["seconds"] = json!(seconds(attempt.ended.since(attempt.started))),
        _ => {
            details["seconds"] = json!(seconds(attempt.ended.since(attempt.started)));
            details["error_kind"] = json!(kind);
            details["http_status"] = json!((attempt.http_status != 0).then_some(attempt.http_status));
        }
    }
    Some(of_attempt(record, attempt.ended, event, attempt, details))
}
