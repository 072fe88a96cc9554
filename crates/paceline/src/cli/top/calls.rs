//! The list of calls, and one call's waterfall.

use super::advice::advice;
use super::parts::{Block, Tone, bold, cut, dim, faint, plain, stacked};
use super::read::{NONE, clock, count, first, list, number, speed, text, time, usd};
use super::table::{Cell, Column, Table, figure, label, table};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use serde_json::Value;

const COLUMNS: [Column; 11] = [
    label("deployment", 0),
    label("UTC", 0),
    label("end", 0),
    figure("time", 0),
    figure("TTFT", 3),
    figure("in", 6),
    figure("out", 4),
    figure("tok/s", 7),
    figure("cost", 2),
    label("key", 5),
    label("role", 8),
];

/// The style of a call's status.
pub(super) fn status(call: &Value) -> Style {
    Tone::of(text(call, "/status")).style()
}

fn cells(call: &Value) -> Vec<Cell> {
    let at = |name: &str| number(call, name);
    let end = match (text(call, "/status"), list(call, "/attempts").len()) {
        ("ok", tries @ 2..) => format!("ok, {tries} tries"),
        ("ok", _) => "ok".to_owned(),
        // A provider may say what it likes.
        _ => cut(first(call, &["error_code", "error_kind", "status"]), 21),
    };
    vec![
        first(call, &["deployment", "requested_model", "operation"]).into(),
        Cell::styled(clock(text(call, "/started_at")), dim()),
        Cell::styled(end, status(call)),
        time(at("/duration_ms")).into(),
        time(at("/ttft_ms")).into(),
        count(at("/usage/input_tokens")).into(),
        count(at("/usage/output_tokens")).into(),
        at("/output_tokens_per_second").map_or(NONE.into(), |rate| format!("{rate:.0}")).into(),
        usd(at("/cost_usd")).into(),
        first(call, &["key"]).into(),
        first(call, &["role"]).into(),
    ]
}

/// The table, `width` wide.
pub(super) fn table_of(calls: &[&Value], width: usize) -> Table {
    let rows: Vec<Vec<Cell>> = calls.iter().map(|call| cells(call)).collect();
    table(&COLUMNS, &rows, None, width)
}

/// One call, `width` wide: what happened when, then the rest that is known.
pub(super) fn one(call: &Value, width: usize) -> Vec<Line<'static>> {
    let mut head = vec![Line::from(vec![
        Span::styled(text(call, "/status").to_owned(), status(call).patch(bold())),
        plain(format!("  {}", first(call, &["deployment", "requested_model"]))),
        faint(format!("  asked for as {}", first(call, &["requested_model"]))),
    ])];
    let at = |name: &str| number(call, name);
    head.push(Line::from(vec![
        faint(text(call, "/started_at").to_owned()),
        Span::styled(format!("  {}", time(at("/duration_ms"))), bold()),
        faint("  first token "),
        plain(time(at("/ttft_ms"))),
        faint("  tokens "),
        plain(format!("{} → {}", count(at("/usage/input_tokens")), count(at("/usage/output_tokens")))),
        plain(format!("  {}", usd(at("/cost_usd")))),
    ]));
    if !matches!(text(call, "/status"), "ok" | "canceled") {
        let code = first(call, &["error_code", "error_kind", "status"]);
        head.push(Line::from(vec![
            Span::styled(code.to_owned(), Tone::Bad.style()),
            plain(format!("  {}", cut(advice(call), width.saturating_sub(code.len() + 2)))),
        ]));
    }
    let id = text(call, "/id");
    let blocks = [
        Block::new(format!("Call {id}"), "", head),
        Block::new("What happened when", format!("0 to {}", time(Some(whole(call)))), waterfall(call, width)),
        Block::new("Record", "", facts(call)),
    ];
    stacked(blocks, width)
}

/// The time that the waterfall shows, in milliseconds.
fn whole(call: &Value) -> f64 {
    let ends = list(call, "/attempts").iter().filter_map(|one| number(one, "/ended_ms"));
    ends.chain(number(call, "/duration_ms")).fold(0.001, f64::max)
}

/// A part of a bar: from, until, its letter, its style.
type Part = (f64, f64, char, Style);

fn attempt_parts(call: &Value, attempt: &Value) -> Vec<Part> {
    let from = number(attempt, "/started_ms").unwrap_or(0.0);
    let ended = number(attempt, "/ended_ms").unwrap_or(from);
    let connected = from + number(attempt, "/connect_ms").unwrap_or(0.0);
    let is_bad = !text(attempt, "/error_kind").is_empty();
    let (mark, style) = if is_bad { ('x', Tone::Bad.style()) } else { ('█', Tone::Good.style()) };
    let mut parts = vec![(from, connected, 'c', Tone::Near.style())];
    match number(attempt, "/ttft_ms") {
        Some(first) => {
            parts.push((connected, from + first, '░', Style::new()));
            parts.push((from + first, ended, mark, style));
        }
        None if is_bad => parts.push((connected, ended, mark, style)),
        // An answer in one piece: the provider works until it is there.
        None if call["stream"] == false => parts.push((connected, ended, '▒', style)),
        None => parts.push((connected, ended, '░', Style::new())),
    }
    parts
}

/// What Paceline itself did: routing, and waits before and between the tries.
fn own_parts(call: &Value) -> Vec<Part> {
    let route = number(call, "/route_us").unwrap_or(0.0) / 1000.0;
    let mut parts = vec![(0.0, route, 'r', Style::new())];
    let mut last = route;
    for attempt in list(call, "/attempts") {
        let from = number(attempt, "/started_ms").unwrap_or(last);
        if from - last >= 1.0 {
            parts.push((last, from, '·', Tone::Near.style()));
        }
        last = number(attempt, "/ended_ms").unwrap_or(from);
    }
    parts
}

fn bar(parts: &[Part], whole: f64, width: usize) -> Vec<Span<'static>> {
    let mut cells = vec![(' ', Style::new()); width];
    for (from, until, mark, style) in parts {
        if until <= from {
            continue;
        }
        let begin = (from / whole * width as f64) as usize;
        let end = (until / whole * width as f64).round() as usize;
        // Something short is still something.
        let end = end.max(begin + 1).min(width);
        for cell in cells.iter_mut().take(end).skip(begin) {
            *cell = (*mark, *style);
        }
    }
    cells.into_iter().map(|(mark, style)| Span::styled(mark.to_string(), style)).collect()
}

fn waterfall(call: &Value, width: usize) -> Vec<Line<'static>> {
    let whole = whole(call);
    let attempts = list(call, "/attempts");
    let names = attempts.iter().map(|one| text(one, "/deployment").len() + 2);
    let name = names.max().unwrap_or(0).clamp(10, width / 3);
    let row = |label: &str, parts: &[Part], note: String| {
        let mut spans = vec![plain(format!("{:<name$}", cut(label, name - 1)))];
        spans.extend(bar(parts, whole, width.saturating_sub(name)));
        [Line::from(spans), Line::styled(format!("  {note}"), dim())]
    };
    let waited = number(call, "/queue_ms").unwrap_or(0.0);
    let route = number(call, "/route_us").map(|us| us / 1000.0);
    let route = route.map_or_else(
        || NONE.into(),
        |ms| if ms < 1.0 { format!("{:.0} µs", ms * 1e3) } else { time(Some(ms)) },
    );
    let own = format!("routing {route}, waited {}", time(Some(waited)));
    let mut lines = row("Paceline", &own_parts(call), own).to_vec();
    for attempt in attempts {
        let how = first(attempt, &["error_code", "error_kind"]);
        let how = if how == NONE {
            number(attempt, "/http_status").map_or_else(String::new, |status| status.to_string())
        } else {
            how.to_owned()
        };
        let at = |name: &str| time(number(attempt, name));
        let mut note =
            format!("{} {how}, {} to {}", text(attempt, "/reason"), at("/started_ms"), at("/ended_ms"));
        if number(attempt, "/ttft_ms").is_some() {
            note.push_str(&format!(", first token after {}", at("/ttft_ms")));
        }
        if number(attempt, "/retry_after_ms").is_some() {
            note.push_str(&format!(", asked to wait {}", at("/retry_after_ms")));
        }
        lines.extend(row(text(attempt, "/deployment"), &attempt_parts(call, attempt), note));
    }
    lines.push(Line::styled(
        "r routing  · wait  c connecting  ░ to the first token  █ ▒ answer  x failed",
        dim(),
    ));
    lines
}

/// Fields of the record that are known and not said above.
fn facts(call: &Value) -> Vec<Line<'static>> {
    const NAMES: [&str; 14] = [
        "key",
        "tenant",
        "workspace",
        "role",
        "task",
        "session",
        "user",
        "operation",
        "dialect",
        "finish_reason",
        "http_status",
        "cache",
        "region",
        "trace_id",
    ];
    let said = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let fact = |name: &str, value: String| {
        Line::from(vec![faint(format!("{:<15}", name.replace('_', " "))), plain(value)])
    };
    let mut lines: Vec<Line<'static>> =
        NAMES.iter().filter_map(|name| Some(fact(name, said(&call[*name])?))).collect();
    let at = |name: &str| number(call, name);
    lines.push(fact("speed", speed(at("/output_tokens_per_second"))));
    lines.push(fact("own work", time(at("/overhead_ms"))));
    for (name, value) in call["tags"].as_object().into_iter().flatten() {
        lines.push(fact(&format!("tag {name}"), said(value).unwrap_or_default()));
    }
    lines
}
