//! The lines of the operations log: one JSON object each, with the fixed names of the specification.

use super::event::{Event, error_text, moment, seconds};
use crate::files::zone::{Second, Zone};
use paceline_types::measure;
use paceline_types::money::Cost;
use paceline_types::record::{CallRecord, Operation, Status};
use paceline_types::time::Timestamp;
use paceline_types::tokens::UsageSource;
use serde::Serialize;
use std::collections::BTreeSet;

/// Who acts when no role is known.
pub(super) const SYSTEM: &str = "system";

/// Lines that are to be written, each with its end.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The text.
    pub(super) text: Vec<u8>,
    /// How many.
    pub(super) count: u64,
    /// The seconds of the last beginning and the last end.
    pub(super) seconds: [Option<Second>; 2],
}

impl Lines {
    /// Adds a line; text that JSON cannot say does not exist in our types.
    fn push(&mut self, row: &impl Serialize) {
        let begin = self.text.len();
        if serde_json::to_writer(&mut self.text, row).is_err() {
            self.text.truncate(begin);
            return;
        }
        self.text.push(b'\n');
        self.count += 1;
    }

    /// Beginning and end in words.
    fn times(&mut self, start: Timestamp, end: Timestamp, zone: &Zone) -> [String; 2] {
        let mut times = [start, end].into_iter().zip(&mut self.seconds).map(|(at, known)| match known {
            Some(second) if second.holds(at) => second.iso(at),
            _ => known.insert(zone.second(at)).iso(at),
        });
        [times.next().unwrap_or_default(), times.next().unwrap_or_default()]
    }

    /// Adds an event.
    pub(super) fn event(&mut self, event: &Event, zone: &Zone) {
        self.push(&EventRow {
            timestamp: zone.iso(event.at),
            event_type: event.kind.as_str(),
            agent: event.agent.as_deref().unwrap_or(SYSTEM),
            model: event.model.as_deref().unwrap_or(SYSTEM),
            details: &event.details,
        });
    }

    /// Adds a call that is over, of a session and a task where it has them.
    pub(super) fn call(
        &mut self,
        record: &CallRecord,
        session_id: Option<&str>,
        parent: Option<&str>,
        zone: &Zone,
    ) {
        let labels = record.labels.as_deref();
        let said = |f: fn(&paceline_types::record::Labels) -> Option<&str>| labels.and_then(f);
        let target = record.target.as_deref();
        let failed = record.status != Status::Ok;
        let error = error_text(record.error_kind, record.error_code.as_deref());
        let [start_time, end_time] = self.times(record.started_at, moment(record, record.duration), zone);
        let error = if failed { error.or_else(|| Some(record.status.as_str().to_owned())) } else { None };
        self.push(&OperationRow {
            agent: said(|l| l.role.as_deref()).unwrap_or(SYSTEM),
            model: target.map(|t| &*t.model).or(record.requested_model.as_deref()).unwrap_or(SYSTEM),
            operation_type: match record.operation {
                Operation::Passthrough => "API_CALL",
                _ => "MODEL_INVOKE",
            },
            start_time,
            end_time,
            duration_seconds: seconds(record.duration),
            status: if failed { "failed" } else { "completed" },
            details: CallDetails {
                call_id: record.id.to_string(),
                parent,
                session_id,
                session: said(|l| l.session.as_deref()),
                task: said(|l| l.task.as_deref()),
                task_type: said(|l| l.task_type.as_deref()),
                operation: said(|l| l.operation.as_deref()).unwrap_or(record.operation.as_str()),
                user: said(|l| l.user.as_deref()),
                trace_id: said(|l| l.trace_id.as_deref()),
                tenant: &record.caller.tenant,
                workspace: &record.caller.workspace,
                provider: target.map(|t| &*t.provider),
                deployment: target.map(|t| &*t.name),
                stream: record.stream,
                attempt: record.attempts.len(),
                call_status: record.status.as_str(),
                http_status: (record.http_status != 0).then_some(record.http_status),
                ttft_seconds: record.first_token.map(seconds),
            },
            result: record.usage.map(|usage| CallResult {
                input_tokens: usage.input_tokens,
                output_tokens: usage.output_tokens,
                cache_read_tokens: usage.cache_read_tokens,
                reasoning_tokens: usage.reasoning_tokens,
                tokens_source: usage.source,
                output_tokens_per_second: measure::tokens_per_second(record)
                    .map(|rate| (rate * 1e3).round() / 1e3),
                cost_usd: record.cost,
                finish_reason: record.finish_reason.as_deref(),
            }),
            error,
        });
    }

    /// Adds a task or session that is over.
    pub(super) fn span(&mut self, span: &SpanEnd<'_>, zone: &Zone) {
        let failed = span.last_failed || span.failed_tasks > 0;
        let [start_time, end_time] = self.times(span.start, span.end, zone);
        self.push(&OperationRow {
            agent: span.agent,
            model: span.model,
            operation_type: if span.is_session { "SESSION" } else { "TASK_EXECUTION" },
            start_time,
            end_time,
            duration_seconds: span.end.0.saturating_sub(span.start.0).max(0) as f64 / 1e6,
            status: if failed { "failed" } else { "completed" },
            details: SpanDetails {
                id: span.id,
                parent: span.parent,
                session: span.session,
                task: span.task,
                tenant: span.tenant,
                workspace: span.workspace,
                agents: span.agents,
                calls: span.sums.calls,
                failed_calls: span.sums.failed_calls,
                ended: span.ended,
            },
            result: Some(SpanResult {
                input_tokens: span.sums.input_tokens,
                output_tokens: span.sums.output_tokens,
                cost_usd: span.sums.cost(),
                calls_with_unknown_cost: span.sums.cost_unknown,
            }),
            error: failed.then(|| match span.failed_tasks {
                0 => "its last call failed".to_owned(),
                1 => "one of its tasks failed".to_owned(),
                many => format!("{many} of its tasks failed"),
            }),
        });
    }
}

/// What the calls of a task or session come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) calls: u64,
    pub(super) failed_calls: u64,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cost_pico: i128,
    pub(super) cost_unknown: u64,
}

impl Sums {
    pub(super) fn add(&mut self, record: &CallRecord) {
        self.calls += 1;
        self.failed_calls += u64::from(record.status != Status::Ok);
        let Some(usage) = &record.usage else { return };
        self.input_tokens += usage.input_tokens;
        self.output_tokens += usage.output_tokens;
        match record.cost {
            Some(cost) => self.cost_pico += i128::from(cost.0),
            None => self.cost_unknown += 1,
        }
    }

    fn cost(&self) -> Option<Cost> {
        i64::try_from(self.cost_pico).ok().map(Cost)
    }
}

/// A task or session at its end.
pub(super) struct SpanEnd<'a> {
    pub(super) is_session: bool,
    pub(super) id: &'a str,
    pub(super) parent: Option<&'a str>,
    pub(super) session: Option<&'a str>,
    pub(super) task: Option<&'a str>,
    pub(super) tenant: &'a str,
    pub(super) workspace: &'a str,
    pub(super) agent: &'a str,
    pub(super) model: &'a str,
    pub(super) agents: &'a BTreeSet<Box<str>>,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) sums: Sums,
    /// Whether the call that ended last failed.
    pub(super) last_failed: bool,
    pub(super) failed_tasks: u64,
    pub(super) ended: &'static str,
}

#[derive(Serialize)]
struct EventRow<'a> {
    timestamp: String,
    event_type: &'a str,
    agent: &'a str,
    model: &'a str,
    details: &'a serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize)]
struct OperationRow<'a, D, R> {
    agent: &'a str,
    model: &'a str,
    operation_type: &'static str,
    start_time: String,
    end_time: String,
    duration_seconds: f64,
    status: &'static str,
    details: D,
    result: Option<R>,
    error: Option<String>,
}

#[derive(Serialize)]
struct CallDetails<'a> {
    call_id: String,
    parent: Option<&'a str>,
    session_id: Option<&'a str>,
    session: Option<&'a str>,
    task: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<&'a str>,
    operation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    tenant: &'a str,
    workspace: &'a str,
    provider: Option<&'a str>,
    deployment: Option<&'a str>,
    stream: bool,
    /// How many there were: the last one's number.
    attempt: usize,
    call_status: &'static str,
    http_status: Option<u16>,
    ttft_seconds: Option<f64>,
}

#[derive(Serialize)]
struct CallResult<'a> {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_tokens: u64,
    reasoning_tokens: u64,
    tokens_source: UsageSource,
    output_tokens_per_second: Option<f64>,
    cost_usd: Option<Cost>,
    finish_reason: Option<&'a str>,
}

#[derive(Serialize)]
struct SpanDetails<'a> {
    id: &'a str,
    parent: Option<&'a str>,
    session: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<&'a str>,
    tenant: &'a str,
    workspace: &'a str,
    agents: &'a BTreeSet<Box<str>>,
    calls: u64,
    failed_calls: u64,
    ended: &'static str,
}

#[derive(Serialize)]
struct SpanResult {
    input_tokens: u64,
    output_tokens: u64,
    cost_usd: Option<Cost>,
    calls_with_unknown_cost: u64,
}
