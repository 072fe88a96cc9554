//! Calls in, log out, tree back: the same tree, whatever the labels, the order, the files and the moment of a crash.

use super::event::EventKind;
use super::line::Lines;
use super::nest::{Ended, MAX_SESSIONS, MAX_TASKS, Nest};
use super::read::{Entries, OperationKind, Outcome};
use super::tree::{Node, forest};
use crate::files::zone::Zone;
use paceline_types::deployment::Deployment;
use paceline_types::error::ErrorKind;
use paceline_types::id::CallId;
use paceline_types::money::Cost;
use paceline_types::record::{
    Attempt, AttemptReason, CacheState, CallRecord, Caller, Dialect, Labels, Operation, Status,
};
use paceline_types::time::{Offset, Timestamp};
use paceline_types::tokens::{Usage, UsageSource};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const SECOND: i64 = 1_000_000;
pub(super) const IDLE: Duration = Duration::from_mins(10);

fn deployment(provider: &str, model: &str) -> Arc<Deployment> {
    Arc::new(Deployment {
        name: format!("{provider}/{model}-1").into(),
        provider: provider.into(),
        model: model.into(),
        upstream_model: format!("{model}-1").into(),
        region: None,
    })
}

/// A good call of a second.
pub(super) fn record(number: u64, start: i64, session: Option<&str>, task: Option<&str>) -> CallRecord {
    let labels = Labels {
        role: Some("analyst".into()),
        session: session.map(Into::into),
        task: task.map(Into::into),
        ..Labels::default()
    };
    CallRecord {
        id: CallId::new(0, number, 7),
        started_at: Timestamp(start),
        caller: Arc::new(Caller { tenant: "default".into(), workspace: "default".into(), key: None }),
        labels: Some(labels.into()),
        operation: Operation::Chat,
        dialect: Dialect::OpenAi,
        stream: false,
        requested_model: Some("small".into()),
        decision: None,
        target: Some(deployment("sim", "small")),
        status: Status::Ok,
        error_kind: None,
        error_code: None,
        http_status: 200,
        finish_reason: Some("stop".into()),
        cache: CacheState::Off,
        usage: Some(Usage {
            input_tokens: 10,
            output_tokens: 5,
            source: UsageSource::Reported,
            ..Usage::default()
        }),
        cost: Some(Cost(1_000_000)),
        duration: Offset(1_000_000_000),
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

fn end_of(record: &CallRecord) -> Timestamp {
    Timestamp(record.started_at.0 + (record.duration.0 / 1000) as i64)
}

fn nest() -> Nest {
    Nest::new(Zone::parse("Europe/Berlin").unwrap(), IDLE)
}

/// The log of calls, each heard of when it ended; closed at the end if asked.
fn log(records: &[CallRecord], close: bool) -> Vec<u8> {
    let (mut nest, mut lines) = (nest(), Lines::default());
    for record in records {
        nest.call(record, end_of(record), &mut lines);
    }
    if close {
        nest.close(Ended::Shutdown, &mut lines);
        assert_eq!(nest.open(), (0, 0));
    }
    lines.text
}

fn read(text: &[u8]) -> Entries {
    let mut entries = Entries::default();
    entries.read("log", text, &Zone::utc()).unwrap();
    entries
}

fn rows(text: &[u8]) -> Vec<Value> {
    text.split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|l| serde_json::from_slice(l).unwrap())
        .collect()
}

/// What a place in the tree came to: begin, end, calls, failed calls, tokens, outcome.
type Sum = (i64, i64, u64, u64, u64, Outcome);

/// Every session, task and call by its path of kind, name and id.
fn places(nodes: &[Node], above: &str, into: &mut BTreeMap<String, Sum>) {
    for node in nodes {
        let path = format!("{above}/{:?} {} {}", node.kind, node.name, node.id.as_deref().unwrap());
        let tokens = node.input_tokens + node.output_tokens;
        let sum = (node.start_time.0, node.end_time.0, node.calls, node.failed_calls, tokens, node.status);
        places(&node.children, &path, into);
        assert!(into.insert(path, sum).is_none());
    }
}

/// A session or task as the reference sees it.
#[derive(Clone, Default)]
struct Group {
    members: Vec<usize>,
    parent: Option<usize>,
    label: String,
    is_task: bool,
}

/// The expected tree, by a second way: groups first, then what is in them.
fn expected(records: &[CallRecord]) -> BTreeMap<String, Sum> {
    let mut groups: Vec<Group> = Vec::new();
    let mut open: BTreeMap<(String, Option<String>, Option<String>), usize> = BTreeMap::new();
    let mut above: Vec<Vec<usize>> = Vec::new();
    for (at, record) in records.iter().enumerate() {
        let labels = record.labels.as_deref().unwrap();
        let tenant = record.caller.tenant.to_string();
        let (session, task) =
            (labels.session.as_deref().map(str::to_owned), labels.task.as_deref().map(str::to_owned));
        let last = |groups: &[Group], group: usize| {
            groups[group].members.iter().map(|m| end_of(&records[*m]).0).max().unwrap()
        };
        let mut path = Vec::new();
        for (is_task, label) in [(false, &session), (true, &task)] {
            let Some(label) = label else { continue };
            let key = (tenant.clone(), session.clone(), is_task.then(|| label.clone()));
            let is_new = open
                .get(&key)
                .is_none_or(|group| record.started_at.0 > last(&groups, *group) + IDLE.as_micros() as i64);
            if is_new {
                if !is_task {
                    open.retain(|(t, s, _), _| !(*t == tenant && *s == session));
                }
                let parent = path.first().copied();
                groups.push(Group { parent, label: label.clone(), is_task, ..Group::default() });
                open.insert(key.clone(), groups.len() - 1);
            }
            let group = open[&key];
            groups[group].members.push(at);
            path.push(group);
        }
        above.push(path);
    }
    let failed = |at: &usize| records[*at].status != Status::Ok;
    let last_failed = |group: &Group| {
        let last = group.members.iter().enumerate().max_by_key(|(n, at)| (end_of(&records[**at]), *n));
        failed(last.unwrap().1)
    };
    let sum = |members: &[usize], is_failed: bool| {
        let tokens =
            members.iter().filter_map(|at| records[*at].usage).map(|u| u.input_tokens + u.output_tokens);
        (
            members.iter().map(|at| records[*at].started_at.0).min().unwrap(),
            members.iter().map(|at| end_of(&records[*at]).0).max().unwrap(),
            members.len() as u64,
            members.iter().filter(|at| failed(at)).count() as u64,
            tokens.sum::<u64>(),
            if is_failed { Outcome::Failed } else { Outcome::Completed },
        )
    };
    let name = |group: &Group| {
        let (kind, word) = if group.is_task { ("Task", "task") } else { ("Session", "session") };
        format!("/{kind} {} {word}-{}", group.label, records[group.members[0]].id)
    };
    let mut all = BTreeMap::new();
    for (at, group) in groups.iter().enumerate() {
        let above = group.parent.map_or(String::new(), |parent| name(&groups[parent]));
        let inner = groups.iter().any(|task| task.parent == Some(at) && last_failed(task));
        all.insert(above + &name(group), sum(&group.members, inner || last_failed(group)));
    }
    for (at, path) in above.iter().enumerate() {
        let above: String = path.iter().map(|group| name(&groups[*group])).collect();
        all.insert(format!("{above}/Call small {}", records[at].id), sum(&[at], failed(&at)));
    }
    all
}

fn calls() -> impl Strategy<Value = Vec<CallRecord>> {
    let label = |word: &'static str| prop::option::of((0..3u8).prop_map(move |n| format!("{word}{n}")));
    let call = (
        label("crew "),
        label("täsk \"\n"),
        0..2u8,
        0..400i64,
        0..120_000u64,
        0..4u8,
        prop::option::of(0..99u64),
    );
    prop::collection::vec(call, 1..40).prop_map(|calls| {
        let mut now = 1_790_000_000 * SECOND;
        let mut records = Vec::new();
        for (number, (session, task, tenant, gap, ms, end, tokens)) in calls.into_iter().enumerate() {
            now += gap * SECOND;
            let mut one = record(number as u64, now, session.as_deref(), task.as_deref());
            one.caller =
                Arc::new(Caller { tenant: format!("t{tenant}").into(), workspace: "w".into(), key: None });
            one.duration = Offset(ms * 1_000_000 + 1234);
            one.status = [Status::Ok, Status::Error, Status::Ok, Status::Canceled][usize::from(end)];
            one.usage =
                tokens.map(|tokens| Usage { input_tokens: tokens, output_tokens: 1, ..Usage::default() });
            records.push(one);
        }
        records.sort_by_key(end_of);
        records
    })
}

proptest! {
    #[test]
    fn the_tree_reads_back(records in calls()) {
        let entries = read(&log(&records, true));
        prop_assert_eq!((entries.bad_count, entries.torn), (0, 0), "{:?}", &entries.bad);
        let forest = forest(&entries);
        let mut found = BTreeMap::new();
        places(&forest.nodes, "", &mut found);
        prop_assert_eq!(found, expected(&records));
        let whole: f64 = records.iter().map(|r| (r.duration.0 / 1000) as f64 / 1e6).sum();
        prop_assert!((forest.call_seconds - whole).abs() < 1e-3);
        prop_assert!(forest.busy_seconds <= forest.call_seconds + 1e-6);
        for node in &forest.nodes {
            prop_assert!(node.busy_seconds <= node.duration_seconds + 1e-6);
        }
    }

    /// A process that ends at any byte: every whole line counts, nothing is bad, and what has no end is unfinished.
    #[test]
    fn a_crash_costs_the_torn_line_only(records in calls(), cut in 0f64..1.0) {
        let text = log(&records, false);
        let text = &text[..(text.len() as f64 * cut) as usize];
        let entries = read(text);
        prop_assert_eq!(entries.bad_count, 0, "{:?}", &entries.bad);
        let whole = text.split(|b| *b == b'\n').count() - 1;
        // A cut between a line and its end loses nothing.
        let told = entries.operations.len() + entries.events.len();
        prop_assert!(told == whole || told == whole + 1);
        let forest = forest(&entries);
        let calls: u64 = forest.nodes.iter().map(|node| node.calls).sum();
        prop_assert_eq!(calls, entries.operations.iter().filter(|o| o.kind == OperationKind::Call).count() as u64);
        let ended: BTreeSet<&String> =
            entries.operations.iter().filter(|o| o.kind != OperationKind::Call).filter_map(|o| o.id.as_ref()).collect();
        let mut nodes: Vec<&Node> = forest.nodes.iter().collect();
        while let Some(node) = nodes.pop() {
            nodes.extend(&node.children);
            let has_end = node.kind == OperationKind::Call || ended.contains(node.id.as_ref().unwrap());
            prop_assert_eq!(node.status == Outcome::Unfinished, !has_end);
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(text in prop::collection::vec(any::<u8>(), 0..300), array: bool) {
        let text = if array { [b"[", &text[..]].concat() } else { text };
        let _ = forest(&read(&text));
    }
}

#[test]
fn a_call_has_exactly_the_fixed_names_and_its_place() {
    let mut call = record(1, 1_790_000_000 * SECOND + 123_456, Some("run 7"), Some("forecast"));
    call.first_token = Some(Offset(250_000_000));
    let text = log(&[call.clone()], true);
    let rows = rows(&text);
    let kinds: Vec<&str> = rows
        .iter()
        .map(|row| row["operation_type"].as_str().or(row["event_type"].as_str()).unwrap())
        .collect();
    assert_eq!(kinds, ["CREW_INIT", "MODEL_INVOKE", "TASK_EXECUTION", "SESSION"]);
    for row in &rows[1..] {
        let names: BTreeSet<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
        let fixed =
            "agent model operation_type start_time end_time duration_seconds status details result error";
        assert_eq!(names, fixed.split(' ').collect::<BTreeSet<_>>());
    }
    let invoke = &rows[1];
    assert_eq!(
        (&invoke["agent"], &invoke["model"], &invoke["status"], &invoke["error"]),
        (&json!("analyst"), &json!("small"), &json!("completed"), &Value::Null)
    );
    assert_eq!(invoke["start_time"], "2026-09-21T16:13:20.123456+02:00");
    assert_eq!(invoke["end_time"], "2026-09-21T16:13:21.123456+02:00");
    assert_eq!(invoke["duration_seconds"], 1.0);
    assert_eq!(invoke["details"]["call_id"], call.id.to_string());
    assert_eq!(invoke["details"]["parent"], rows[2]["details"]["id"]);
    assert_eq!(invoke["details"]["ttft_seconds"], 0.25);
    assert_eq!(rows[2]["details"]["parent"], rows[3]["details"]["id"]);
    assert_eq!((&rows[2]["agent"], &rows[3]["agent"]), (&json!("analyst"), &json!("system")));
    assert_eq!(invoke["result"]["output_tokens"], 5);
    assert_eq!(invoke["result"]["cost_usd"], "0.000001");
    let names: BTreeSet<String> = rows[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["agent", "details", "event_type", "model", "timestamp"].map(str::to_owned).into());
    assert_eq!(rows[0]["details"]["agents"], json!(["analyst"]));
}

#[test]
fn attempts_become_events() {
    let mut call = record(1, 0, Some("run"), None);
    let ms = |ms: u64| Offset(ms * 1_000_000);
    let attempt = |reason, at: &str, from: u64, to: u64, kind: Option<ErrorKind>| {
        let mut attempt = Attempt::begin(reason, deployment(at, "small"), ms(from));
        (attempt.ended, attempt.error_kind) = (ms(to), kind);
        attempt
    };
    call.attempts = vec![
        attempt(AttemptReason::First, "a", 0, 100, Some(ErrorKind::RateLimited)),
        attempt(AttemptReason::Fallback, "b", 350, 1350, Some(ErrorKind::Timeout)),
        attempt(AttemptReason::Fallback, "c", 1350, 1400, Some(ErrorKind::ProviderFailed)),
        attempt(AttemptReason::Fallback, "d", 1400, 2000, None),
    ];
    call.attempts[0].retry_after_ms = Some(1500);
    call.attempts[0].error_code = Some("slow_down".into());
    call.attempts[2].http_status = 503;
    call.duration = ms(2000);
    let rows = rows(&log(&[call.clone()], false));
    let event = |kind: &str| rows.iter().find(|row| row["event_type"] == kind).unwrap();
    let limit = event("RATE_LIMIT");
    assert_eq!(limit["timestamp"], "1970-01-01T01:00:00.100000+01:00");
    assert_eq!((&limit["agent"], &limit["model"]), (&json!("analyst"), &json!("small")));
    let details = &limit["details"];
    assert_eq!(
        (&details["attempt"], &details["delay"], &details["retry_after_seconds"], &details["error_message"]),
        (&json!(1), &json!(0.25), &json!(1.5), &json!("rate_limited: slow_down"))
    );
    let fallback = &event("MODEL_FALLBACK")["details"];
    assert_eq!(
        (&fallback["from"], &fallback["to"], &fallback["fallback_attempt"]),
        (&json!("a/small-1"), &json!("b/small-1"), &json!(1))
    );
    assert_eq!(event("TIMEOUT")["details"]["seconds"], 1.0);
    assert_eq!(event("PROVIDER_ERROR")["details"]["http_status"], 503);
    assert_eq!(rows.iter().filter(|row| row["event_type"] == "MODEL_FALLBACK").count(), 3);
    assert!(rows.iter().all(|row| row["event_type"] != "COOLDOWN"));
    // They hang on the call they belong to.
    let text = log(&[call], true);
    let forest = forest(&read(&text));
    let node = &forest.nodes[0].children[0];
    assert_eq!((node.kind, node.events.len()), (OperationKind::Call, 6));
    assert_eq!(forest.nodes[0].events.len(), 1);
    assert_eq!(
        EventKind::ALL.map(EventKind::as_str).iter().collect::<BTreeSet<_>>().len(),
        EventKind::ALL.len()
    );
}

#[test]
fn what_ends_a_call_after_its_last_attempt_began_is_told() {
    let mut call = record(1, 0, None, None);
    call.attempts = vec![Attempt::begin(AttemptReason::First, deployment("a", "small"), Offset(0))];
    (call.status, call.error_kind) = (Status::Partial, Some(ErrorKind::Timeout));
    call.error_code = Some("idle_timeout".into());
    let rows = rows(&log(&[call], false));
    assert_eq!(rows[0]["event_type"], "TIMEOUT");
    assert_eq!((&rows[1]["status"], &rows[1]["error"]), (&json!("failed"), &json!("timeout: idle_timeout")));
}

#[test]
fn silence_ends_tasks_and_sessions_and_the_same_label_begins_anew() {
    let (mut nest, mut lines) = (nest(), Lines::default());
    let first = record(1, 0, Some("run"), Some("a"));
    nest.call(&first, end_of(&first), &mut lines);
    let later = record(2, 300 * SECOND, Some("run"), Some("b"));
    nest.call(&later, end_of(&later), &mut lines);
    nest.tick(Timestamp(600 * SECOND), &mut lines);
    assert_eq!(nest.open(), (1, 2));
    nest.tick(Timestamp(601 * SECOND), &mut lines);
    assert_eq!(nest.open(), (1, 1), "task a was heard of at 1 s");
    // A clock that is set back keeps it, and does not keep it for ever.
    nest.tick(Timestamp(-9000 * SECOND), &mut lines);
    assert_eq!(nest.open(), (1, 1));
    nest.tick(Timestamp(-8400 * SECOND), &mut lines);
    assert_eq!(nest.open(), (0, 0));
    let again = record(3, 2000 * SECOND, Some("run"), None);
    nest.call(&again, end_of(&again), &mut lines);
    let forest = forest(&read(&lines.text));
    let told: Vec<(&str, Outcome, u64)> =
        forest.nodes.iter().map(|node| (node.name.as_str(), node.status, node.calls)).collect();
    assert_eq!(told, [("run", Outcome::Completed, 2), ("run", Outcome::Unfinished, 1)]);
}

#[test]
fn more_sessions_and_tasks_than_there_is_room_for_close_the_longest_silent() {
    let (mut nest, mut lines) = (nest(), Lines::default());
    for number in 0..MAX_SESSIONS as u64 + 10 {
        let call = record(number, number as i64, Some(&format!("s{number}")), None);
        nest.call(&call, Timestamp(number as i64), &mut lines);
    }
    assert_eq!(nest.open().0, MAX_SESSIONS);
    for number in 0..MAX_TASKS as u64 + 10 {
        let call = record(9999 + number, number as i64, None, Some(&format!("t{number}")));
        nest.call(&call, Timestamp(number as i64), &mut lines);
    }
    assert_eq!(nest.open().1, MAX_TASKS);
    let ended: Vec<Value> =
        rows(&lines.text).into_iter().filter(|row| row["details"]["ended"] == "room").collect();
    assert_eq!(ended.len(), 20);
    assert_eq!(ended[0]["details"]["session"], "s0");
    assert_eq!(ended[19]["details"]["task"], "t9");
}

#[test]
fn a_retry_that_succeeds_completes_its_task_and_a_last_failure_fails_it() {
    let mut calls: Vec<CallRecord> = [("a", true), ("a", false), ("b", false), ("b", true)]
        .iter()
        .zip(0..)
        .map(|((task, failed), number)| {
            let mut call = record(number, number as i64 * 2 * SECOND, Some("run"), Some(task));
            if *failed {
                (call.status, call.error_kind) = (Status::Error, Some(ErrorKind::ProviderFailed));
            }
            call
        })
        .collect();
    calls[0].usage = None;
    let forest = forest(&read(&log(&calls, true)));
    let run = &forest.nodes[0];
    let tasks: Vec<(&str, Outcome)> = run.children.iter().map(|t| (t.name.as_str(), t.status)).collect();
    assert_eq!(tasks, [("a", Outcome::Completed), ("b", Outcome::Failed)]);
    assert_eq!((run.status, run.error.as_deref()), (Outcome::Failed, Some("one of its tasks failed")));
    assert_eq!((run.calls, run.failed_calls, run.duration_seconds, run.call_seconds), (4, 2, 7.0, 4.0));
}
