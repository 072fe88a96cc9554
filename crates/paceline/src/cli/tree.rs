//! Sessions, tasks and calls on the page: a table of sessions, and a tree of what is in one.

use super::out::{self, count, time};
use crate::admin::shape::uptime;
use crate::files::operations::read::{LoggedEvent, OperationKind, Outcome};
use crate::files::operations::tree::Node;
use crate::files::zone::Zone;
use paceline_types::time::Timestamp;
use serde_json::Value;

/// Names longer than this are cut, so that the columns stay on the screen.
const WIDEST: usize = 48;

/// Names and messages come from callers: no control character of theirs reaches a terminal, and they stay short.
pub(super) fn plain(text: &str) -> String {
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut short: String = text.chars().take(WIDEST).map(clean).collect();
    if text.chars().nth(WIDEST).is_some() {
        short.pop();
        short.push('…');
    }
    short
}

/// `340 ms`, `1.23 s`, from two minutes on `16m 28s`.
pub(super) fn lasted(seconds: f64) -> String {
    if seconds >= 120.0 { uptime(seconds.round() as u64) } else { time(Some(seconds * 1000.0)) }
}

/// `2025-07-21 22:20:00`.
pub(super) fn date(at: Timestamp, zone: &Zone) -> String {
    zone.iso(at).get(..19).unwrap_or("-").replace('T', " ")
}

fn tokens(node: &Node, number: u64) -> String {
    if node.input_tokens + node.output_tokens == 0 { "-".into() } else { count(number) }
}

/// Known cost, with a mark where some of it is not known.
fn dollars(node: &Node) -> String {
    match (node.cost_usd, node.cost_unknown) {
        (None, _) => "-".into(),
        (Some(cost), 0) => cost.to_string(),
        (Some(cost), _) => format!("{cost}+"),
    }
}

fn roles(node: &Node, into: &mut Vec<String>) {
    let name = plain(&node.agent);
    if node.agent != "system" && !into.contains(&name) {
        into.push(name);
    }
    node.children.iter().for_each(|child| roles(child, into));
}

/// A table of sessions.
pub(super) fn sessions(nodes: &[&Node], zone: &Zone, color: bool) -> String {
    let row = |node: &&Node| {
        let mut names = Vec::new();
        roles(node, &mut names);
        let tasks = node.children.iter().filter(|child| child.kind == OperationKind::Task).count();
        vec![
            date(node.start_time, zone),
            plain(&node.name),
            lasted(node.duration_seconds),
            count(node.calls),
            count(tasks as u64),
            count(node.failed_calls),
            count(node.input_tokens),
            count(node.output_tokens),
            dollars(node),
            word(node.status).into(),
            names.join(", "),
        ]
    };
    let rows: Vec<_> = nodes.iter().map(row).collect();
    let head =
        [zone.name(), "session", "time", "calls", "tasks", "errors", "in", "out", "USD", "status", "roles"];
    out::table(&head, &[2, 3, 4, 5, 6, 7, 8], &rows, color)
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "ok",
        Outcome::Failed => "failed",
        Outcome::Unfinished => "unfinished",
    }
}

/// A node with everything in it.
pub(super) fn tree(root: &Node, zone: &Zone, color: bool) -> String {
    let mut rows = vec![row(root, "system", String::new(), zone)];
    branches(root, "", zone, &mut rows);
    let head = [date(root.start_time, zone), zone.name().to_owned()];
    let head = [&*head[0], &*head[1], "time", "in", "out", "USD", "status"];
    let mut page = out::table(&head, &[2, 3, 4, 5], &rows, color);
    if root.calls > 0 && root.kind != OperationKind::Call {
        page.push_str(&summary(root));
    }
    page
}

/// How the time of a session or task divides.
fn summary(root: &Node) -> String {
    let share = if root.duration_seconds > 0.0 { root.busy_seconds / root.duration_seconds } else { 1.0 };
    let calls = if root.calls == 1 { "1 call".into() } else { format!("{} calls", count(root.calls)) };
    let beside = if root.call_seconds > root.busy_seconds + 0.0005 {
        format!("; side by side they add up to {}", lasted(root.call_seconds))
    } else {
        String::new()
    };
    let failed =
        if root.failed_calls > 0 { format!(", {} failed", root.failed_calls) } else { String::new() };
    let unknown = match root.cost_unknown {
        0 => String::new(),
        1 => "; the cost of 1 call is not known".into(),
        many => format!("; the cost of {} calls is not known", count(many)),
    };
    format!(
        "{calls}{failed}: under way for {} of {} ({:.0} %){beside}{unknown}\n",
        lasted(root.busy_seconds),
        lasted(root.duration_seconds),
        share * 100.0
    )
}

/// What is below a node, by time: its children and what happened to it.
fn branches(node: &Node, indent: &str, zone: &Zone, rows: &mut Vec<Vec<String>>) {
    let events = node.events.iter().filter(|event| event.event_type != "CREW_INIT");
    let mut below: Vec<(Timestamp, Result<&Node, &LoggedEvent>)> =
        events.map(|e| (e.timestamp, Err(e))).collect();
    below.extend(node.children.iter().map(|child| (child.start_time, Ok(child))));
    below.sort_by_key(|(at, _)| *at);
    let last = below.len().saturating_sub(1);
    for (at, (_, one)) in below.into_iter().enumerate() {
        let (branch, further) = if at == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        match one {
            Ok(child) => {
                rows.push(row(child, &node.agent, format!("{indent}{branch}"), zone));
                branches(child, &format!("{indent}{further}"), zone, rows);
            }
            Err(event) => rows.push(happened(event, &format!("{indent}{branch}"), zone)),
        }
    }
}

fn clock(at: Timestamp, zone: &Zone) -> String {
    zone.iso(at).get(11..23).unwrap_or("-").to_owned()
}

/// The line of a node; who acted is not said again where the line above says it.
fn row(node: &Node, above: &str, branch: String, zone: &Zone) -> Vec<String> {
    let name = plain(&node.name);
    let title = match node.kind {
        OperationKind::Session => format!("session {name}"),
        OperationKind::Task => format!("task {name}"),
        OperationKind::Call => name,
    };
    let is_said = node.agent == "system" || node.agent == above;
    let agent = if is_said { String::new() } else { format!(" ({})", plain(&node.agent)) };
    let status = match &node.error {
        Some(error) => format!("{}: {}", word(node.status), plain(error)),
        None => word(node.status).to_owned(),
    };
    vec![
        branch + &title + &agent,
        clock(node.start_time, zone),
        lasted(node.duration_seconds),
        tokens(node, node.input_tokens),
        tokens(node, node.output_tokens),
        dollars(node),
        status,
    ]
}

/// The line of an event: its type, and what its details say.
fn happened(event: &LoggedEvent, branch: &str, zone: &Zone) -> Vec<String> {
    let detail = |name: &str| match event.details.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(plain(text)),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let secs = |name: &str| event.details.get(name).and_then(Value::as_f64).map(lasted);
    let parts = [
        detail("attempt").map(|n| format!("attempt {n}")),
        detail("from").map(|from| format!("from {from}")),
        detail("to").map(|to| format!("to {to}")),
        secs("seconds").map(|time| format!("after {time}")),
        detail("error_message").or_else(|| detail("reason")),
    ];
    let said: Vec<String> = parts.into_iter().flatten().collect();
    vec![
        format!("{branch}! {}", plain(&event.event_type)),
        clock(event.timestamp, zone),
        secs("delay").unwrap_or_default(),
        String::new(),
        String::new(),
        String::new(),
        said.join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use super::{lasted, plain};

    #[test]
    fn names_are_harmless_and_times_read_well() {
        assert_eq!(plain("a\x1b[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
        let long = plain(&"ä".repeat(100));
        assert_eq!((long.chars().count(), long.ends_with('…')), (48, true));
        assert_eq!([lasted(0.34), lasted(1.234), lasted(988.4)], ["340 ms", "1.23 s", "16m 28s"]);
    }
}
