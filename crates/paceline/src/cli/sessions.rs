//! `paceline sessions`: the sessions of a running Paceline or of operations logs, or all that is in one.

use super::client::{encoded, get};
use super::out::{self, count, fail, say, tell};
use super::{Where, tree};
use crate::files::operations::read::{Bad, Entries, LoggedEvent, Operation, OperationKind, Outcome};
use crate::files::operations::tree::{Forest, Node, forest};
use crate::files::zone::Zone;
use clap::Args;
use paceline_types::money::Cost;
use paceline_types::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Calls of one session that are asked for at most.
const MOST_CALLS: usize = 20_000;
/// Calls asked for at once.
const PAGE: usize = 1000;

#[derive(Debug, Args)]
pub(crate) struct SessionsArgs {
    /// Everything in one session: its label, or in a log also its id.
    #[arg(value_name = "SESSION")]
    session: Option<String>,
    /// Read operations logs instead of asking: files, or folders with performance_… files.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["url", "window"])]
    log: Vec<PathBuf>,
    /// How far back: 15m, 24h, 30d.
    #[arg(long, value_name = "TIME", default_value = "24h")]
    window: String,
    /// How many sessions.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u16,
    /// The time zone of times on the page, and of times in logs that tell none: an IANA name, or `local`.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: String,
    #[command(flatten)]
    place: Where,
}

pub(crate) fn run(args: &SessionsArgs) -> ExitCode {
    let zone = match Zone::parse(&args.zone) {
        Ok(zone) => zone,
        Err(error) => {
            fail(error);
            return ExitCode::from(super::MISUSED);
        }
    };
    let done = match (&args.session, args.log.is_empty()) {
        (None, true) => list(args, &zone),
        (Some(session), true) => one(args, session, &zone),
        (_, false) => offline(args, &zone),
    };
    match done {
        Ok(page) => {
            say(page);
            ExitCode::SUCCESS
        }
        Err(error) => fail(error),
    }
}

fn list(args: &SessionsArgs, zone: &Zone) -> Result<String, String> {
    let path = format!("/v1/sessions?window={}&limit={}", encoded(&args.window), args.limit);
    let value = get(&args.place, &path)?;
    if args.place.json {
        return Ok(format!("{value:#}\n"));
    }
    let sessions = value["sessions"].as_array().map_or(&[][..], Vec::as_slice);
    if sessions.is_empty() {
        return Ok(format!(
            "no sessions in the last {} (calls name theirs with x-paceline-session)\n",
            args.window
        ));
    }
    let rows: Vec<_> = sessions.iter().map(|session| line(session, zone)).collect();
    let head = [zone.name(), "session", "time", "calls", "tasks", "errors", "in", "out", "USD", "roles"];
    let page = out::table(&head, &[2, 3, 4, 5, 6, 7, 8], &rows, out::color());
    Ok(page)
}

fn line(session: &Value, zone: &Zone) -> Vec<String> {
    let number = |name: &str| session[name].as_u64().map_or("-".into(), count);
    let began = session["started_at"].as_str().and_then(Timestamp::parse_rfc3339);
    let roles = session["roles"].as_array().into_iter().flatten().filter_map(Value::as_str);
    vec![
        began.map_or("-".into(), |at| tree::date(at, zone)),
        tree::plain(session["session"].as_str().unwrap_or("-")),
        session["duration_ms"].as_f64().map_or("-".into(), |ms| tree::lasted(ms / 1000.0)),
        number("calls"),
        count(session["tasks"].as_array().map_or(0, Vec::len) as u64),
        number("errors"),
        number("input_tokens"),
        number("output_tokens"),
        session["cost_usd"].as_str().unwrap_or("-").to_owned(),
        roles.map(tree::plain).collect::<Vec<_>>().join(", "),
    ]
}

/// One session of a running Paceline, put together from its calls.
fn one(args: &SessionsArgs, session: &str, zone: &Zone) -> Result<String, String> {
    let (mut entries, mut cursor) = (Entries::default(), String::new());
    loop {
        let path = format!("/v1/calls?session={}&limit={PAGE}{cursor}", encoded(session));
        let value = get(&args.place, &path)?;
        for call in value["calls"].as_array().into_iter().flatten() {
            entries.operations.extend(operation(call));
            entries.events.extend(events(call));
        }
        let next = value["next_cursor"].as_str();
        match next.filter(|_| entries.operations.len() < MOST_CALLS) {
            Some(next) => cursor = format!("&cursor={}", encoded(next)),
            None => {
                if next.is_some() {
                    tell(format_args!("the newest {} calls only\n", count(entries.operations.len() as u64)));
                }
                break;
            }
        }
    }
    if entries.operations.is_empty() {
        return Err(format!("there is no call of a session `{}`", tree::plain(session)));
    }
    let mut found = forest(&entries);
    found.nodes.iter_mut().for_each(settle);
    Ok(if args.place.json { whole(&found, &entries) } else { trees(&found.nodes, zone) })
}

fn text(call: &Value, name: &str) -> Option<String> {
    call[name].as_str().map(str::to_owned)
}

/// A call of the admin side as an operation. Labels mean the same session only within a workspace.
fn operation(call: &Value) -> Option<Operation> {
    let start = Timestamp::parse_rfc3339(call["started_at"].as_str()?)?;
    let lasted = call["duration_ms"].as_f64().unwrap_or(0.0).clamp(0.0, 1e12);
    let place = format!("{}/{}", call["tenant"], call["workspace"]);
    let (session, task) = (text(call, "session"), text(call, "task"));
    let session_id = session.as_ref().map(|label| format!("session {place} {label}"));
    let task_id =
        task.as_ref().map(|label| format!("task {place} {} {label}", session.as_deref().unwrap_or("")));
    let usage = |name: &str| call["usage"][name].as_u64();
    let failed = call["status"].as_str() != Some("ok");
    let error =
        text(call, "error_code").or_else(|| text(call, "error_kind")).or_else(|| text(call, "status"));
    Some(Operation {
        kind: OperationKind::Call,
        id: text(call, "id"),
        parent: task_id.or_else(|| session_id.clone()),
        session_id,
        session,
        task,
        agent: text(call, "role").unwrap_or_else(|| "system".into()),
        model: text(call, "model").or_else(|| text(call, "requested_model")).unwrap_or_else(|| "-".into()),
        start,
        end: Timestamp(start.0.saturating_add((lasted * 1000.0).round() as i64)),
        outcome: if failed { Outcome::Failed } else { Outcome::Completed },
        tokens: (usage("input_tokens").unwrap_or(0), usage("output_tokens").unwrap_or(0)),
        has_tokens: usage("input_tokens").is_some(),
        cost: call["cost_usd"].as_str().and_then(Cost::parse_usd),
        error: error.filter(|_| failed),
    })
}

/// Attempts after which the call went on elsewhere.
fn events(call: &Value) -> Vec<LoggedEvent> {
    let Some(start) = call["started_at"].as_str().and_then(Timestamp::parse_rfc3339) else {
        return Vec::new();
    };
    let attempts = call["attempts"].as_array().map_or(&[][..], Vec::as_slice);
    let before_last = attempts.len().saturating_sub(1);
    let failed = attempts.iter().take(before_last).filter(|attempt| attempt["error_kind"].is_string());
    let event = |attempt: &Value| {
        let ended = attempt["ended_ms"].as_f64().unwrap_or(0.0).clamp(0.0, 1e12);
        let event_type = match attempt["error_kind"].as_str() {
            Some("rate_limited") => "RATE_LIMIT",
            Some("timeout") => "TIMEOUT",
            _ => "PROVIDER_ERROR",
        };
        let error = text(attempt, "error_code").or_else(|| text(attempt, "error_kind"));
        let details = [
            ("call_id", call["id"].clone()),
            ("attempt", attempt["n"].clone()),
            ("from", attempt["deployment"].clone()),
            ("error_message", json!(error)),
        ];
        LoggedEvent {
            timestamp: Timestamp(start.0.saturating_add((ended * 1000.0) as i64)),
            event_type: event_type.into(),
            agent: text(call, "role").unwrap_or_else(|| "system".into()),
            model: text(call, "model").unwrap_or_else(|| "system".into()),
            details: details.map(|(name, value)| (name.to_owned(), value)).into_iter().collect::<Map<_, _>>(),
        }
    };
    failed.map(event).collect()
}

/// Where no line tells how a task or session ended: as its last call did, or the tasks in it.
fn settle(node: &mut Node) {
    node.children.iter_mut().for_each(settle);
    if node.kind == OperationKind::Call {
        return;
    }
    let last = node.children.iter().max_by_key(|child| child.end_time);
    let failed_task = node
        .children
        .iter()
        .any(|child| child.kind == OperationKind::Task && child.status == Outcome::Failed);
    let failed = failed_task || last.is_some_and(|last| last.status == Outcome::Failed);
    node.status = if failed { Outcome::Failed } else { Outcome::Completed };
}

fn trees(nodes: &[Node], zone: &Zone) -> String {
    let color = out::color();
    nodes.iter().map(|node| tree::tree(node, zone, color)).collect::<Vec<_>>().join("\n")
}

/// Everything as JSON, with what could not be read.
fn whole(found: &Forest, entries: &Entries) -> String {
    #[derive(Serialize)]
    struct Whole<'a> {
        #[serde(flatten)]
        forest: &'a Forest,
        bad: &'a [Bad],
        bad_count: u64,
        torn_lines: u64,
    }
    let (bad, bad_count) = (entries.bad.as_slice(), entries.bad_count);
    pretty(&Whole { forest: found, bad, bad_count, torn_lines: entries.torn })
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn offline(args: &SessionsArgs, zone: &Zone) -> Result<String, String> {
    let mut entries = Entries::default();
    for file in files(&args.log)? {
        entries.read_file(&file, zone).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    tell_of_bad(&entries);
    if entries.operations.is_empty() && entries.events.is_empty() {
        return Err("there is no operation or event in it".into());
    }
    let mut found = forest(&entries);
    let Some(wanted) = &args.session else {
        return Ok(if args.place.json {
            whole(&found, &entries)
        } else {
            overview(&found, args.limit, zone)
        });
    };
    found.nodes.retain(|node| node.name == *wanted || node.id.as_deref() == Some(wanted));
    if found.nodes.is_empty() {
        return Err(format!(
            "there is no `{}` in it; without a name all sessions are listed",
            tree::plain(wanted)
        ));
    }
    if args.place.json {
        // What is said of the whole log is not said of these.
        return Ok(pretty(&BTreeMap::from([("nodes", &found.nodes)])));
    }
    Ok(trees(&found.nodes, zone))
}

/// The files named, and of folders the logs in them.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let is_log = |path: &Path| {
            let begins = path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|n| n.starts_with("performance_"));
            begins && path.extension().is_some_and(|end| end == "jsonl" || end == "json")
        };
        let mut logs: Vec<PathBuf> =
            entries.flatten().map(|e| e.path()).filter(|path| is_log(path)).collect();
        if logs.is_empty() {
            return Err(format!("{}: there is no file performance_….jsonl in it", path.display()));
        }
        logs.sort();
        files.append(&mut logs);
    }
    Ok(files)
}

fn tell_of_bad(entries: &Entries) {
    for bad in &entries.bad {
        tell(format_args!("{}:{}: {}\n", bad.file, bad.line, tree::plain(&bad.why)));
    }
    let more = entries.bad_count - entries.bad.len() as u64;
    if more > 0 {
        tell(format_args!("and {} more entries that could not be read\n", count(more)));
    }
    if entries.left_out > 0 {
        tell(format_args!("{} entries were left out: too many at once\n", count(entries.left_out)));
    }
}

/// A table of the latest sessions, and what the log comes to.
fn overview(found: &Forest, limit: u16, zone: &Zone) -> String {
    let of = |kind: OperationKind| found.nodes.iter().filter(move |node| node.kind == kind);
    let sessions: Vec<&Node> = of(OperationKind::Session).collect();
    let shown: Vec<&Node> = sessions.iter().rev().take(usize::from(limit)).copied().collect();
    let mut page = String::new();
    if !shown.is_empty() {
        page.push_str(&tree::sessions(&shown, zone, out::color()));
    }
    if shown.len() < sessions.len() {
        page.push_str(&format!("and {} before: --limit {}\n", sessions.len() - shown.len(), sessions.len()));
    }
    let some = |number: usize, word: &str| match number {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{} {word}s", count(number as u64))),
    };
    let (tasks, loose) = (of(OperationKind::Task).count(), of(OperationKind::Call).count());
    let kinds = [some(sessions.len(), "session"), some(tasks, "task"), some(loose, "call")];
    let kinds = kinds.into_iter().flatten().enumerate().map(|(at, kind)| {
        let alone = at > 0 || sessions.is_empty();
        if alone { format!("{kind} without a session") } else { kind }
    });
    let calls: u64 = found.nodes.iter().map(|node| node.calls).sum();
    let failed: u64 = found.nodes.iter().map(|node| node.failed_calls).sum();
    page.push_str(&format!(
        "{}: {} calls, {} failed, under way for {} in all\n",
        kinds.collect::<Vec<_>>().join(", "),
        count(calls),
        count(failed),
        tree::lasted(found.busy_seconds)
    ));
    page
}
