//! Limits, budgets, keys and deployments: what is used, and what is near.

use super::data::Data;
use super::parts::{Block, Tone, bold, cut, dim, faint, meter, plain, stacked};
use super::read::{NONE, count, first, list, number, percent, seconds_between, span, text, time, usd};
use super::table::{Cell, Column, figure, label, table};
use ratatui::text::{Line, Span};
use serde_json::Value;

const WINDOWS: [(&str, &str); 3] = [
    ("calls_per_minute", "calls a minute"),
    ("tokens_per_minute", "tokens a minute"),
    ("concurrent", "at once"),
];
const BUDGETS: [(&str, &str); 2] = [("budget_day", "today"), ("budget_month", "this month")];
const KEYS: [Column; 7] = [
    label("key", 0),
    label("tenant", 1),
    label("workspace", 4),
    label("state", 0),
    label("limits", 2),
    label("budget", 2),
    label("models", 5),
];
const DEPLOYMENTS: [Column; 8] = [
    label("deployment", 0),
    label("state", 0),
    figure("in flight", 0),
    figure("in line", 3),
    figure("failures", 2),
    figure("TTFT p50", 1),
    figure("p99", 4),
    figure("learned limit", 5),
];

/// The page, `width` wide.
pub(super) fn page(data: &Data, width: usize) -> Vec<Line<'static>> {
    let blocks = [
        Block::new(
            "Limits and budgets",
            "of keys, workspaces, tenants, models, providers",
            scopes(data, width),
        ),
        Block::new("Keys", "changes: paceline keys", keys(data, width)),
        Block::new("Deployments", "whether they may be asked", deployments(data, width)),
    ];
    stacked(blocks, width)
}

fn used(name: &str, share: f64, words: &str, note: &str, width: usize) -> Line<'static> {
    let label = (width * 5 / 12).clamp(18, 30);
    let wide = (width / 6).clamp(8, 30);
    let mut spans = vec![plain(format!("{:<label$}", cut(name, label - 1)))];
    spans.extend(meter(share, wide));
    spans.push(Span::styled(format!(" {:>6}", percent(Some(share))), Tone::of_share(share).style()));
    spans.push(plain(format!("  {words}")));
    spans.push(faint(format!("  {note}")));
    Line::from(spans)
}

fn budget(name: &str, budget: &Value, now: &str, width: usize) -> Line<'static> {
    let at = |name: &str| number(budget, name).unwrap_or(0.0);
    let spent = at("/spent_usd") + at("/reserved_usd");
    let limit = at("/limit_usd");
    let share = if limit > 0.0 { spent / limit } else { 1.0 };
    let anew = seconds_between(now, text(budget, "/resets_at"))
        .map_or_else(String::new, |left| format!("anew in {}", span(left)));
    let note = if budget["nearly_used"] == true { format!("nearly used, {anew}") } else { anew };
    used(name, share, &format!("{} of {}", usd(Some(spent)), usd(Some(limit))), &note, width)
}

/// All budgets, the nearest first.
pub(super) fn budgets(data: &Data, width: usize) -> Vec<Line<'static>> {
    let mut found = Vec::new();
    for scope in list(&data.limits, "/scopes") {
        for (field, words) in BUDGETS {
            let one = &scope[field];
            if one.is_object() {
                let name = format!("{} {} {words}", text(scope, "/kind"), text(scope, "/name"));
                let share = number(one, "/spent_usd").unwrap_or(0.0)
                    / number(one, "/limit_usd").unwrap_or(1.0).max(1e-9);
                found.push((share, budget(&name, one, data.now(), width)));
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().take(4).map(|(_, line)| line).collect()
}

fn scopes(data: &Data, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for scope in list(&data.limits, "/scopes") {
        let mut head = vec![
            Span::styled(text(scope, "/name").to_owned(), bold()),
            faint(format!(" {}", text(scope, "/kind"))),
        ];
        let refused = number(scope, "/refused").unwrap_or(0.0);
        if refused > 0.0 {
            let words = format!("  {} refused since the start", count(Some(refused)));
            head.push(Span::styled(words, Tone::Near.style()));
        }
        if let Some(shadowed) = number(scope, "/shadow/would_have_refused") {
            head.push(faint(format!("  shadow: would have refused {}", count(Some(shadowed)))));
        }
        lines.push(Line::from(head));
        for (field, words) in WINDOWS {
            let one = &scope[field];
            let (Some(is), Some(limit)) = (number(one, "/used"), number(one, "/limit")) else { continue };
            let waiting = number(one, "/waiting").filter(|many| *many > 0.0);
            let note = waiting.map_or_else(String::new, |many| format!("{} wait", count(Some(many))));
            let figures = format!("{} of {}", count(Some(is)), count(Some(limit)));
            lines.push(used(&format!("  {words}"), is / limit.max(1.0), &figures, &note, width));
        }
        for (field, words) in BUDGETS {
            if scope[field].is_object() {
                lines.push(budget(&format!("  budget {words}"), &scope[field], data.now(), width));
            }
        }
    }
    if lines.is_empty() {
        lines.push(Line::styled(
            "no limit is set: [tenants.default] in paceline.toml, or under [[keys]]",
            dim(),
        ));
    }
    lines
}

fn keys(data: &Data, width: usize) -> Vec<Line<'static>> {
    let short =
        [("calls_per_minute", "calls/min"), ("tokens_per_minute", "tok/min"), ("concurrent", "at once")];
    let row = |key: &Value| {
        let limits = short.iter().filter_map(|(field, words)| {
            Some(format!("{} {words}", count(Some(key["limits"][*field].as_f64()?))))
        });
        let budgets =
            [("day_usd", "a day"), ("month_usd", "a month")].into_iter().filter_map(|(field, words)| {
                number(&key["budget"], &format!("/{field}"))
                    .map(|limit| format!("{} {words}", usd(Some(limit))))
            });
        let state = text(key, "/state");
        let models: Vec<&str> = list(key, "/models").iter().filter_map(Value::as_str).collect();
        vec![
            Cell::styled(text(key, "/name"), bold()),
            text(key, "/tenant").into(),
            text(key, "/workspace").into(),
            Cell::styled(state, Tone::of(state).style()),
            limits.collect::<Vec<_>>().join(", ").into(),
            budgets.collect::<Vec<_>>().join(", ").into(),
            if models.is_empty() { "all".into() } else { models.join(" ").into() },
        ]
    };
    let rows: Vec<_> = list(&data.keys, "/keys").iter().map(row).collect();
    if rows.is_empty() {
        return vec![Line::styled("callers need no key; make one: paceline keys create", dim())];
    }
    let table = table(&KEYS, &rows, None, width);
    std::iter::once(table.head).chain(table.rows).collect()
}

/// A deployment that may not be asked as usual.
pub(super) fn gate(place: &Value) -> Line<'static> {
    let state = text(place, "/state");
    let words = match state {
        "rate_limited" => "asks for no more calls",
        "failing" => "fails; left alone, then tried with one call",
        "key_refused" => "refuses our key: check it and the account",
        "slow_start" => "back, and given calls slowly",
        "probing" => "tried with one call",
        other => other,
    };
    let left = number(place, "/left_alone_ms");
    let left = left.map_or_else(String::new, |ms| format!(", for {} more", time(Some(ms))));
    Line::from(vec![
        Tone::of(state).mark(),
        plain(format!(" {}", text(place, "/deployment"))),
        faint(format!("  {words}{left}")),
    ])
}

fn deployments(data: &Data, width: usize) -> Vec<Line<'static>> {
    let row = |place: &Value| {
        let at = |name: &str| number(place, name);
        let state = text(place, "/state");
        let left = at("/left_alone_ms").map_or_else(String::new, |ms| format!(" {}", time(Some(ms))));
        let from = first(place, &["key_from"]);
        let name = text(place, "/deployment");
        let is_many =
            list(&data.limits, "/deployments").iter().filter(|one| text(one, "/deployment") == name).count()
                > 1;
        let name = if is_many && from != NONE { format!("{name} ({from})") } else { name.to_owned() };
        vec![
            name.into(),
            Cell::styled(format!("{}{left}", state.replace('_', " ")), Tone::of(state).style()),
            count(at("/in_flight")).into(),
            count(at("/waiting")).into(),
            count(at("/failures_in_a_row")).into(),
            time(at("/ttft_p50_ms")).into(),
            time(at("/ttft_p99_ms")).into(),
            count(at("/learned_limit")).into(),
        ]
    };
    let rows: Vec<_> = list(&data.limits, "/deployments").iter().map(row).collect();
    if rows.is_empty() {
        return vec![Line::styled("no deployment has been called since the start", dim())];
    }
    let table = table(&DEPLOYMENTS, &rows, None, width);
    std::iter::once(table.head).chain(table.rows).collect()
}
