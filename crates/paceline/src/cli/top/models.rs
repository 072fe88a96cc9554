//! Models beside each other, sorted by any column.

use super::data::Data;
use super::parts::{Tone, bold, dim};
use super::read::{count, list, number, percent, text, time, usd};
use super::screen::{Screen, View};
use super::table::{Cell, Column, Table, figure, label, table};
use serde_json::Value;
use std::cmp::Ordering;

/// A column and the figure it is sorted by; the name has none.
const COLUMNS: [(Column, &str); 12] = [
    (label("model", 0), ""),
    (figure("calls", 0), "/calls"),
    (figure("errors", 0), "/error_rate"),
    (figure("p50", 1), "/response_time_ms/p50"),
    (figure("p95", 0), "/response_time_ms/p95"),
    (figure("p99", 5), "/response_time_ms/p99"),
    (figure("TTFT p50", 2), "/ttft_ms/p50"),
    (figure("tok/s", 3), "/output_tokens_per_second/p50"),
    (figure("tokens in", 8), "/tokens/input"),
    (figure("out", 7), "/tokens/output"),
    (figure("cost", 1), "/cost_known_usd"),
    (label("grade", 6), "/response_time_ms/p50"),
];

/// The column that is sorted by at first.
pub(super) const BY_CALLS: usize = 1;

/// The column after this one.
pub(super) fn next_column(column: usize) -> usize {
    (column + 1) % COLUMNS.len()
}

/// `provider/model`.
fn name(row: &Value) -> String {
    let (model, provider) = (text(row, "/model"), text(row, "/provider"));
    let is_whole = provider.is_empty() || model.starts_with(&format!("{provider}/"));
    if is_whole { model.to_owned() } else { format!("{provider}/{model}") }
}

/// The name that calls of a row are found by.
pub(super) fn asked_as(row: &Value) -> &str {
    text(row, "/model")
}

/// The rows that are shown, in their order.
pub(super) fn rows<'a>(data: &'a Data, screen: &Screen) -> Vec<&'a Value> {
    let filter = screen.filter_of(View::Models);
    let mut rows: Vec<&Value> =
        list(&data.summary, "/models").iter().filter(|row| filter.takes(&name(row))).collect();
    let (column, down) = screen.sort;
    let at = COLUMNS.get(column).map_or("", |column| column.1);
    rows.sort_by(|a, b| {
        if at.is_empty() {
            let order = name(a).cmp(&name(b));
            return if down { order.reverse() } else { order };
        }
        // What is not known stands at the end either way.
        match (number(a, at), number(b, at)) {
            (Some(a), Some(b)) if down => b.total_cmp(&a),
            (Some(a), Some(b)) => a.total_cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    });
    rows
}

fn cells(row: &Value) -> Vec<Cell> {
    let number = |at: &str| number(row, at);
    let errors = number("/error_rate");
    let tone = match errors {
        Some(share) if share >= 0.1 => Tone::Bad.style(),
        Some(share) if share >= 0.05 => Tone::Near.style(),
        _ => ratatui::style::Style::new(),
    };
    let cost = if number("/cost_unknown_calls") == number("/calls") {
        Cell::styled("no price", dim())
    } else {
        usd(number("/cost_known_usd")).into()
    };
    let grade = text(row, "/response_time_ms/grade/word");
    vec![
        Cell::styled(name(row), bold()),
        count(number("/calls")).into(),
        Cell::styled(percent(errors), tone),
        time(number("/response_time_ms/p50")).into(),
        time(number("/response_time_ms/p95")).into(),
        time(number("/response_time_ms/p99")).into(),
        time(number("/ttft_ms/p50")).into(),
        number("/output_tokens_per_second/p50").map_or("–".into(), |rate| format!("{rate:.0}")).into(),
        count(number("/tokens/input")).into(),
        count(number("/tokens/output")).into(),
        cost,
        Cell::styled(grade, Tone::of(grade).style()),
    ]
}

/// The table, `width` wide.
pub(super) fn page(data: &Data, screen: &Screen, width: usize) -> Table {
    let rows: Vec<Vec<Cell>> = rows(data, screen).into_iter().map(cells).collect();
    table(&COLUMNS.map(|column| column.0), &rows, Some(screen.sort), width)
}
