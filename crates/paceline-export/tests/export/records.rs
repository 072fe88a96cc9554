//! Records with every field varied.

use paceline_types::deployment::Deployment;
use paceline_types::error::ErrorKind;
use paceline_types::id::{CallId, Name};
use paceline_types::money::Cost;
use paceline_types::record::{
    Attempt, AttemptReason, CacheState, CallRecord, Caller, Dialect, Labels, Operation, Status,
};
use paceline_types::time::{Offset, Timestamp};
use paceline_types::tokens::{Usage, UsageSource};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use std::sync::Arc;

/// Text as callers write it: ordinary, empty, or made to break a table or a spreadsheet.
fn text() -> impl Strategy<Value = Box<str>> {
    let nasty = prop::sample::select(vec![
        "",
        "=1+1",
        "+49",
        "-2",
        "@sum",
        "\tx",
        "\r",
        "\nx",
        "'",
        "''quoted",
        "'=1",
        "＝1",
        "a,b",
        "say \"hi\"",
        "two\r\nlines",
        " space ",
        "null",
        "NULL",
        "é漢😀",
        "\u{0}nul",
    ]);
    let free = "\\PC{0,20}".prop_map(String::into_boxed_str);
    prop_oneof![nasty.prop_map(Box::from), "[a-z]{1,8}".prop_map(String::into_boxed_str), free]
}

fn name() -> impl Strategy<Value = Name> {
    text().prop_map(Name::from)
}

/// From nothing to a year, in nanoseconds.
fn offset() -> impl Strategy<Value = Offset> {
    prop_oneof![Just(0), 0..5_000_000_000u64, 0..31_536_000_000_000_000u64].prop_map(Offset)
}

fn deployment() -> impl Strategy<Value = Arc<Deployment>> {
    (name(), name(), name(), name(), of(name())).prop_map(
        |(name, provider, model, upstream_model, region)| {
            Arc::new(Deployment { name, provider, model, upstream_model, region })
        },
    )
}

fn usage() -> impl Strategy<Value = Usage> {
    let count = || prop_oneof![Just(0), 0..100_000u64, Just(i64::MAX as u64)];
    let source =
        prop::sample::select(vec![UsageSource::Reported, UsageSource::Counted, UsageSource::Estimated]);
    (prop::array::uniform6(count()), source).prop_map(
        |(
            [input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, hour, reasoning_tokens],
            source,
        )| {
            Usage {
                cache_write_1h_tokens: hour,
                input_tokens,
                output_tokens,
                cache_read_tokens,
                cache_write_tokens,
                reasoning_tokens,
                source,
            }
        },
    )
}

fn cost() -> impl Strategy<Value = Cost> {
    prop_oneof![Just(0), Just(1), Just(i64::MAX), 0..10_000_000_000_000i64].prop_map(Cost)
}

fn error_kind() -> impl Strategy<Value = Option<ErrorKind>> {
    of(prop::sample::select(ErrorKind::ALL.to_vec()))
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let reason = prop::sample::select(vec![AttemptReason::First, AttemptReason::Fallback]);
    let outcome = (any::<u16>(), error_kind(), of(text()), of(any::<u64>()), of(usage()), of(cost()));
    let times = (offset(), of(offset()), of(offset()), of(offset()), offset());
    (reason, deployment(), outcome, times).prop_map(|(reason, deployment, outcome, times)| {
        let (http_status, error_kind, error_code, retry_after_ms, usage, cost) = outcome;
        let (started, connected, head, first_token, ended) = times;
        Attempt {
            reason,
            deployment,
            http_status,
            error_kind,
            error_code,
            retry_after_ms,
            started,
            connected,
            head,
            first_token,
            ended,
            usage,
            cost,
        }
    })
}

fn labels() -> impl Strategy<Value = Labels> {
    let ours = (of(text()), of(text()), of(text()), of(text()));
    let theirs = (of(text()), of(text()), of(text()), btree_map(text(), text(), 0..4));
    (ours, theirs).prop_map(|((role, task, task_type, operation), (session, user, trace_id, tags))| Labels {
        role,
        task,
        task_type,
        operation,
        session,
        user,
        trace_id,
        tags: tags.into_iter().collect(),
    })
}

fn caller() -> impl Strategy<Value = Arc<Caller>> {
    (name(), name(), of(name()))
        .prop_map(|(tenant, workspace, key)| Arc::new(Caller { tenant, workspace, key }))
}

fn status() -> impl Strategy<Value = Status> {
    prop::sample::select(vec![Status::Ok, Status::Error, Status::Partial, Status::Canceled, Status::Refused])
}

fn operation() -> impl Strategy<Value = (Operation, Dialect)> {
    let operation =
        prop::sample::select(vec![Operation::Chat, Operation::Embeddings, Operation::Passthrough]);
    (operation, prop::sample::select(vec![Dialect::OpenAi, Dialect::Raw]))
}

/// One record; nothing about it needs to make sense together.
pub(crate) fn record() -> impl Strategy<Value = CallRecord> {
    let id = (any::<u64>(), any::<u64>(), any::<u32>()).prop_map(|(ms, n, w)| CallId::new(ms, n, w));
    let started_at = prop_oneof![Just(0), 0..253_402_300_800_000_000i64].prop_map(Timestamp);
    let who = (id, started_at, caller(), of(labels()), of(name()), of(deployment()));
    let what = (operation(), any::<bool>(), status(), error_kind(), of(text()), any::<u16>(), of(text()));
    let sums = (of(usage()), of(cost()), vec(attempt(), 0..4), of(0f32..=1.0));
    let times = (offset(), offset(), offset(), offset(), of(offset()), of(offset()), of(offset()));
    (who, what, sums, times).prop_map(|(who, what, sums, times)| {
        let (id, started_at, caller, labels, requested_model, target) = who;
        let ((operation, dialect), stream, status, error_kind, error_code, http_status, finish_reason) = what;
        let (usage, cost, attempts, quality) = sums;
        let (duration, queue, route, worked, first_token, last_token, itl_p99) = times;
        CallRecord {
            id,
            started_at,
            caller,
            labels: labels.map(Box::new),
            operation,
            dialect,
            stream,
            requested_model,
            decision: None,
            target,
            status,
            error_kind,
            error_code,
            http_status,
            finish_reason,
            cache: CacheState::Off,
            usage,
            cost,
            duration,
            queue,
            route,
            worked,
            first_token,
            last_token,
            itl_p99,
            attempts,
            quality,
        }
    })
}

/// A few records.
pub(crate) fn records() -> impl Strategy<Value = Vec<Arc<CallRecord>>> {
    vec(record().prop_map(Arc::new), 0..12)
}

/// `count` records, always the same ones.
pub(crate) fn many(count: usize) -> Vec<Arc<CallRecord>> {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let strategy = record();
    (0..count).map(|_| Arc::new(strategy.new_tree(&mut runner).unwrap().current())).collect()
}
