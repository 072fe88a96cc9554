//! The columns of a table of calls: each name, type and meaning once, for CSV and Parquet.

use paceline_types::error::ErrorKind;
use paceline_types::measure;
use paceline_types::money::Cost;
use paceline_types::record::{CallRecord, Labels};
use paceline_types::time::{Offset, Timestamp};
use paceline_types::tokens::Usage;
use serde::Serialize;
use std::borrow::Cow;

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One of a few words, or a name that returns in many rows.
    Name,
    /// Text that differs from row to row.
    Text,
    Int,
    Float,
    Bool,
    Time,
    Money,
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Text(Cow<'a, str>),
    Int(i64),
    Float(f64),
    Bool(bool),
    Time(Timestamp),
    Money(Cost),
}

/// One column.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether a cell may be [`Value::Null`].
    pub(crate) optional: bool,
    /// Whether somebody else chose the text: a caller or a provider. A spreadsheet must not take it for a formula.
    pub(crate) foreign: bool,
    pub(crate) value: fn(&CallRecord) -> Value<'_>,
}

impl Column {
    const fn always(name: &'static str, kind: Kind, value: fn(&CallRecord) -> Value<'_>) -> Self {
        Self { name, kind, optional: false, foreign: false, value }
    }

    const fn maybe(name: &'static str, kind: Kind, value: fn(&CallRecord) -> Value<'_>) -> Self {
        Self { name, kind, optional: true, foreign: false, value }
    }

    /// Text that a caller or a provider wrote.
    const fn foreign(mut self) -> Self {
        self.foreign = true;
        self
    }
}

/// All columns, in the order of the record's JSON.
pub(crate) const COLUMNS: &[Column] = &[
    Column::always("id", Kind::Text, |r| owned(r.id.to_string())),
    Column::always("started_at", Kind::Time, |r| Value::Time(r.started_at)),
    Column::always("tenant", Kind::Name, |r| text(&r.caller.tenant)),
    Column::always("workspace", Kind::Name, |r| text(&r.caller.workspace)),
    Column::maybe("key", Kind::Name, |r| maybe(r.caller.key.as_deref())),
    Column::maybe("role", Kind::Name, |r| label(r, |l| l.role.as_deref())).foreign(),
    Column::maybe("task", Kind::Name, |r| label(r, |l| l.task.as_deref())).foreign(),
    Column::maybe("task_type", Kind::Name, |r| label(r, |l| l.task_type.as_deref())).foreign(),
    Column::maybe("session", Kind::Name, |r| label(r, |l| l.session.as_deref())).foreign(),
    Column::maybe("user", Kind::Name, |r| label(r, |l| l.user.as_deref())).foreign(),
    Column::maybe("trace_id", Kind::Text, |r| label(r, |l| l.trace_id.as_deref())).foreign(),
    Column::maybe("region", Kind::Name, |r| maybe(r.target.as_ref().and_then(|t| t.region.as_deref()))),
    Column::always("operation", Kind::Name, operation).foreign(),
    Column::always("dialect", Kind::Name, |r| word(&r.dialect)),
    Column::always("stream", Kind::Bool, |r| Value::Bool(r.stream)),
    Column::maybe("requested_model", Kind::Name, |r| maybe(r.requested_model.as_deref())).foreign(),
    Column::maybe("route", Kind::Name, |r| maybe(r.decision.as_ref().map(|d| &*d.route))),
    Column::maybe("strategy", Kind::Name, |r| maybe(r.decision.as_ref().map(|d| d.strategy.as_str()))),
    Column::maybe("model", Kind::Name, |r| maybe(r.target.as_ref().map(|t| &*t.model))).foreign(),
    Column::maybe("provider", Kind::Name, |r| maybe(r.target.as_ref().map(|t| &*t.provider))),
    Column::maybe("deployment", Kind::Name, |r| maybe(r.target.as_ref().map(|t| &*t.name))).foreign(),
    Column::always("status", Kind::Name, |r| text(r.status.as_str())),
    Column::maybe("error_kind", Kind::Name, |r| maybe(r.error_kind.map(ErrorKind::as_str))),
    Column::maybe("error_code", Kind::Name, |r| maybe(r.error_code.as_deref())).foreign(),
    Column::maybe("http_status", Kind::Int, |r| match r.http_status {
        0 => Value::Null,
        status => Value::Int(status.into()),
    }),
    Column::maybe("finish_reason", Kind::Name, |r| maybe(r.finish_reason.as_deref())).foreign(),
    Column::always("cache", Kind::Name, |r| text(r.cache.as_str())),
    Column::maybe("decision", Kind::Text, |r| match &r.decision {
        Some(decision) => json(decision),
        None => Value::Null,
    })
    .foreign(),
    Column::maybe("input_tokens", Kind::Int, |r| tokens(r, |u| u.input_tokens)),
    Column::maybe("output_tokens", Kind::Int, |r| tokens(r, |u| u.output_tokens)),
    Column::maybe("cache_read_tokens", Kind::Int, |r| tokens(r, |u| u.cache_read_tokens)),
    Column::maybe("cache_write_tokens", Kind::Int, |r| tokens(r, |u| u.cache_write_tokens)),
    Column::maybe("cache_write_1h_tokens", Kind::Int, |r| tokens(r, |u| u.cache_write_1h_tokens)),
    Column::maybe("reasoning_tokens", Kind::Int, |r| tokens(r, |u| u.reasoning_tokens)),
    Column::maybe("usage_source", Kind::Name, |r| r.usage.as_ref().map_or(Value::Null, |u| word(&u.source))),
    Column::maybe("cost_usd", Kind::Money, |r| r.cost.map_or(Value::Null, Value::Money)),
    Column::always("duration_ms", Kind::Float, |r| offset(r.duration)),
    Column::always("queue_ms", Kind::Float, |r| offset(r.queue)),
    Column::maybe("ttft_ms", Kind::Float, |r| number(measure::ttft_ms(r))),
    Column::maybe("tpot_ms", Kind::Float, |r| number(measure::tpot_ms(r))),
    Column::maybe("itl_p99_ms", Kind::Float, |r| r.itl_p99.map_or(Value::Null, offset)),
    Column::always("route_us", Kind::Float, |r| rounded(r.route.0 as f64 / 1e3)),
    Column::maybe("output_tokens_per_second", Kind::Float, |r| number(measure::tokens_per_second(r))),
    Column::always("overhead_ms", Kind::Float, |r| rounded(measure::overhead_ms(r))),
    Column::always("attempt_count", Kind::Int, |r| int(r.attempts.len() as u64)),
    Column::always("attempts", Kind::Text, |r| json(&r.attempts_json())),
    Column::maybe("quality", Kind::Float, |r| r.quality_json().map_or(Value::Null, Value::Float)),
    Column::always("tags", Kind::Text, |r| json(&r.tags_json())),
];

fn text(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

fn owned(text: String) -> Value<'static> {
    Value::Text(Cow::Owned(text))
}

fn maybe(value: Option<&str>) -> Value<'_> {
    value.map_or(Value::Null, text)
}

fn label(record: &CallRecord, of: fn(&Labels) -> Option<&str>) -> Value<'_> {
    maybe(record.labels.as_deref().and_then(of))
}

fn operation(record: &CallRecord) -> Value<'_> {
    let said = record.labels.as_deref().and_then(|labels| labels.operation.as_deref());
    text(said.unwrap_or(record.operation.as_str()))
}

/// Counts beyond 2⁶³ do not happen; should one be claimed, the largest number stands for it.
fn int(count: u64) -> Value<'static> {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn tokens(record: &CallRecord, of: fn(&Usage) -> u64) -> Value<'static> {
    record.usage.as_ref().map_or(Value::Null, |usage| int(of(usage)))
}

/// Three decimals, as in the record's JSON.
fn rounded(value: f64) -> Value<'static> {
    Value::Float((value * 1000.0).round() / 1000.0)
}

fn number(value: Option<f64>) -> Value<'static> {
    value.map_or(Value::Null, rounded)
}

fn offset(value: Offset) -> Value<'static> {
    rounded(value.ms())
}

/// JSON as text. Writing our own types into memory does not fail; a cell that did would be empty, never half.
fn json<T: Serialize>(value: &T) -> Value<'static> {
    owned(serde_json::to_string(value).unwrap_or_default())
}

/// The word of a type whose words stand in its JSON only.
fn word<T: Serialize>(value: &T) -> Value<'static> {
    let quoted = serde_json::to_string(value).unwrap_or_default();
    owned(quoted.trim_matches('"').to_owned())
}
