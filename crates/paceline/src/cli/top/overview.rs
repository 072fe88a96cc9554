//! The overview: state, the last minute, the window's figures, cost, indicators, gates, errors, the latest calls.

use super::advice::advice;
use super::data::Data;
use super::limits::{budgets, gate};
use super::parts::{Block, Tone, beside, bold, cut, dim, faint, plain, spark, stacked, wrapped};
use super::read::{
    NONE, count, first, list, number, percent, rate, seconds_between, span, speed, text, time, usd, words,
};
use ratatui::text::{Line, Span};
use serde_json::Value;

/// From here on there are two columns.
const WIDE: usize = 118;
const LATEST: usize = 8;
/// Columns of the names at the left.
const NAME: usize = 12;

/// The page, `width` wide.
pub(super) fn page(data: &Data, window: &str, width: usize) -> Vec<Line<'static>> {
    let is_wide = width >= WIDE;
    let half = if is_wide { (width - 3) / 2 } else { width };
    let now = Block::new("Last minute", "", now(data, width));
    let figures = Block::new(format!("Last {window}"), "over time, to now", figures(data, width));
    let money = Block::new("Cost", text(&data.costs, "/time_zone"), cost(data, half));
    let indicators = Block::new("Indicators", format!("last {window}"), indicators(data, half));
    let gates = Block::new("Fallbacks and gates", "", gates(data));
    let errors = Block::new("Last errors", "and what to do", errors(data, half));
    let latest = Block::new("Latest calls", "UTC", latest(data, half));
    if !is_wide {
        return stacked([now, figures, indicators, money, gates, errors, latest], width);
    }
    let mut lines = stacked([now, figures], width);
    lines.push(Line::default());
    let left = stacked([money, gates, latest], half);
    let right = stacked([indicators, errors], half);
    lines.extend(beside(&left, &right, width));
    lines
}

/// How Paceline is, for the head of every page.
pub(super) fn state(data: &Data) -> Vec<Span<'static>> {
    let up = text(&data.pulse, "/uptime_formatted");
    let status = text(&data.ready, "/status");
    let degraded = list(&data.ready, "/degraded");
    let is_simulated = |one: &Value| matches!(text(one, "/part"), "providers" | "demo");
    let (tone, words) = match status {
        _ if data.lost.is_some() => (Tone::Bad, "not answering"),
        "" => (Tone::Unknown, "…"),
        "ready" if degraded.is_empty() => (Tone::Good, "serving"),
        "ready" if degraded.iter().all(is_simulated) => (Tone::Near, "serving simulated models"),
        "ready" => (Tone::Near, "serving, degraded"),
        other => (Tone::Near, other),
    };
    let mut spans = vec![tone.mark(), plain(" "), Span::styled(words.to_owned(), bold())];
    if !up.is_empty() {
        spans.extend([faint("  up "), plain(up)]);
    }
    spans
}

/// A name and what is to be said of it.
fn row(name: &str, spans: Vec<Span<'static>>) -> Line<'static> {
    let mut all = vec![faint(format!("{name:<NAME$} "))];
    all.extend(spans);
    Line::from(all)
}

/// Pairs of figure and word, as many as there is room for.
fn pairs(parts: &[(String, &str)], width: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (value, word) in parts {
        let part = [Span::styled(value.clone(), bold()), faint(format!(" {word}"))];
        let wide: usize = part.iter().map(Span::width).sum();
        match lines.last_mut() {
            Some(line) if line.width() + 3 + wide <= width => {
                line.spans.push(plain("   "));
                line.spans.extend(part);
            }
            _ => lines.push(Line::from(part.to_vec())),
        }
    }
    lines
}

fn now(data: &Data, width: usize) -> Vec<Line<'static>> {
    let recent = &data.pulse["recent"];
    let parts = [
        (rate(number(recent, "/calls_per_second")), "calls"),
        (percent(number(recent, "/error_rate")), "errors"),
        (count(number(&data.pulse, "/calls_in_flight")), "in flight"),
        (time(number(recent, "/response_time_ms/p95")), "p95"),
        (time(number(recent, "/ttft_ms/p50")), "TTFT p50"),
        (rate(number(recent, "/tokens_per_second")), "tokens out"),
        (speed(number(&data.pulse, "/last_tps")), "last answer"),
    ];
    pairs(&parts, width)
}

/// Values of the steps of the series; steps without calls are 0.
fn steps(series: &Value, name: &str) -> Vec<f64> {
    let (Some(step), since, until) =
        (number(series, "/step_seconds"), text(series, "/since"), text(series, "/until"))
    else {
        return Vec::new();
    };
    let wide = seconds_between(since, until).unwrap_or(0).max(0);
    // The API has at most 150 steps.
    let many = (wide as f64 / step.max(1.0)).ceil().clamp(1.0, 200.0) as usize;
    let mut values = vec![0.0; many];
    for one in list(series, "/steps") {
        let offset = seconds_between(since, text(one, "/start")).unwrap_or(0).max(0);
        let at = (offset as f64 / step.max(1.0)) as usize;
        if let (Some(slot), Some(value)) = (values.get_mut(at), number(one, name)) {
            *slot = value;
        }
    }
    values
}

fn figures(data: &Data, width: usize) -> Vec<Line<'static>> {
    let all = &data.series["overview"];
    let spread = |name: &str, show: fn(Option<f64>) -> String| {
        let at = |q: &str| show(number(all, &format!("/{name}/{q}")));
        let grade = text(all, &format!("/{name}/grade/word"));
        let grade = Span::styled(format!("  {grade}"), Tone::of(grade).style());
        let tail = [faint("  p95 "), plain(at("p95")), faint("  p99 "), plain(at("p99")), grade];
        let mut spans = vec![faint("p50 "), Span::styled(at("p50"), bold())];
        spans.extend(tail);
        spans
    };
    let many = |name: &str, word: &str| faint(format!("  {} {word}", count(number(all, name))));
    let rows = [
        (
            "calls",
            "/calls",
            vec![
                Span::styled(count(number(all, "/calls")), bold()),
                faint(format!("  {}", rate(number(all, "/calls_per_second")))),
                many("/canceled", "canceled"),
                many("/refused", "refused"),
            ],
        ),
        (
            "error rate",
            "/errors",
            vec![
                Span::styled(percent(number(all, "/error_rate")), bold()),
                many("/errors", "errors"),
                many("/partial", "partial"),
            ],
        ),
        ("response", "/response_time_p95_ms", spread("response_time_ms", time)),
        ("first token", "/ttft_p95_ms", spread("ttft_ms", time)),
        (
            "speed",
            "/output_tokens_per_second_p50",
            vec![
                Span::styled(speed(number(all, "/output_tokens_per_second/p50")), bold()),
                faint(format!("  {} out", rate(number(all, "/tokens_per_second")))),
                many("/tokens/total", "tokens"),
            ],
        ),
        ("cost", "/cost_known_usd", vec![Span::styled(usd(number(all, "/cost_known_usd")), bold())]),
    ];
    // All charts begin at the same place.
    let begin =
        rows.iter().map(|(_, _, spans)| spans.iter().map(Span::width).sum::<usize>()).max().unwrap_or(0);
    let room = width.saturating_sub(NAME + 1 + begin + 2);
    let line = |(name, series, mut spans): (&str, &str, Vec<Span<'static>>)| {
        let used: usize = spans.iter().map(Span::width).sum();
        if room >= 12 {
            spans.push(plain(" ".repeat(begin - used + 2)));
            spans.push(Span::styled(spark(&steps(&data.series, series), room), Tone::of("ok").style()));
        }
        row(name, spans)
    };
    rows.into_iter().map(line).collect()
}

fn cost(data: &Data, width: usize) -> Vec<Line<'static>> {
    let money = |at: &str| usd(number(&data.costs, at));
    let mut lines = pairs(
        &[
            (money("/today/cost_known_usd"), "today"),
            (money("/today/forecast_usd"), "by midnight"),
            (money("/yesterday/cost_known_usd"), "yesterday"),
            (money("/month/cost_known_usd"), "this month"),
            (money("/month/forecast_usd"), "by its end"),
        ],
        width,
    );
    let unknown = number(&data.costs, "/today/cost_unknown_calls").unwrap_or(0.0);
    if unknown > 0.0 {
        lines.push(Line::styled(
            format!("{} calls without a price today", count(Some(unknown))),
            Tone::Near.style(),
        ));
    }
    let found = budgets(data, width);
    if found.is_empty() && !data.limits.is_null() {
        lines.push(Line::styled("no budget is set", dim()));
    }
    lines.extend(found);
    lines
}

fn indicators(data: &Data, width: usize) -> Vec<Line<'static>> {
    let value = |row: &Value, at: &str| match text(row, "/unit") {
        "ms" => time(number(row, at)),
        _ => percent(number(row, at)),
    };
    let line = |row: &Value| {
        let state = text(row, "/state");
        let mut spans = vec![
            Tone::of(state).mark(),
            plain(format!(" {:<19}", words(text(row, "/name")))),
            Span::styled(format!("{:>8} ", value(row, "/value")), bold()),
            Span::styled(format!(" {state:<9}"), Tone::of(state).style()),
            faint(format!(" target {:<8}", value(row, "/target"))),
        ];
        let used: usize = spans.iter().map(Span::width).sum();
        // A beginning of a sentence says less than none.
        let said = text(row, "/words");
        if width > used + 30 {
            spans.push(faint(format!(" {}", cut(said, width - used - 1))));
        }
        Line::from(spans)
    };
    let mut lines: Vec<_> = list(&data.summary, "/indicators").iter().map(line).collect();
    for row in list(&data.summary, "/recommendations") {
        for (at, words) in wrapped(text(row, "/text"), width.saturating_sub(2)).into_iter().enumerate() {
            lines.push(Line::from(vec![faint(if at == 0 { "→ " } else { "  " }), plain(words)]));
        }
    }
    lines
}

fn gates(data: &Data) -> Vec<Line<'static>> {
    let all = list(&data.limits, "/deployments");
    let away: Vec<&Value> = all.iter().filter(|one| text(one, "/state") != "ready").collect();
    let mut lines = vec![Line::from(vec![
        Span::styled(count(number(&data.series, "/overview/fallbacks")), bold()),
        faint(" further tries, "),
        Span::styled(count(number(&data.limits, "/waiting_for_providers")), bold()),
        faint(" waiting for a provider now"),
    ])];
    if away.is_empty() {
        lines.push(Line::from(vec![
            Tone::Good.mark(),
            plain(format!(" all {} deployments may be asked", all.len())),
        ]));
    }
    lines.extend(away.into_iter().map(gate));
    lines
}

fn errors(data: &Data, width: usize) -> Vec<Line<'static>> {
    let calls = list(&data.errors, "/calls");
    if calls.is_empty() {
        let words = if data.errors.is_null() { "…" } else { "no call has failed" };
        return vec![Line::styled(words, dim())];
    }
    let mut lines = Vec::new();
    for call in calls.iter().take(4) {
        let ago = seconds_between(text(call, "/started_at"), data.now()).map_or_else(|| NONE.into(), span);
        lines.push(Line::from(vec![
            Tone::Bad.mark(),
            plain(format!(" {} ", first(call, &["error_code", "error_kind", "status"]))),
            faint(format!(" {ago} ago ")),
            faint(format!(" {}", first(call, &["deployment", "requested_model"]))),
        ]));
        lines.push(Line::styled(format!("  {}", cut(advice(call), width.saturating_sub(2))), dim()));
    }
    lines
}

fn latest(data: &Data, width: usize) -> Vec<Line<'static>> {
    if data.calls.is_empty() {
        let words = if data.has_calls { "no call yet" } else { "…" };
        return vec![Line::styled(words, dim())];
    }
    let calls: Vec<&Value> = data.calls.iter().take(LATEST).collect();
    let table = super::calls::table_of(&calls, width);
    std::iter::once(table.head).chain(table.rows).collect()
}
