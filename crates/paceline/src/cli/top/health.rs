//! The program itself: state, store, rings, process.

use super::data::Data;
use super::overview::state;
use super::parts::{Block, Tone, beside, faint, meter, plain, stacked};
use super::read::{bytes, count, list, number, text, time};
use crate::metrics::names;
use ratatui::text::{Line, Span};

/// Records that may wait for the recorder, and for the disk.
const RING: f64 = 16_384.0;
const PENDING: f64 = 65_536.0;
/// From here on there are two columns.
const WIDE: usize = 110;

fn fact(name: &str, value: impl Into<String>) -> Line<'static> {
    Line::from(vec![faint(format!("{name:<24}")), plain(value)])
}

fn filled(name: &str, used: Option<f64>, limit: f64) -> Line<'static> {
    let mut line = fact(name, format!("{:<16}", format!("{} of {}", count(used), count(Some(limit)))));
    line.spans.extend(meter(used.unwrap_or(0.0) / limit, 10));
    line
}

/// The page, `width` wide.
pub(super) fn page(data: &Data, width: usize) -> Vec<Line<'static>> {
    let (ready, metrics) = (&data.ready, &data.metrics);
    let value = |family: names::Family| metrics[family.name].as_f64();
    let mut about = vec![
        Line::from(state(data)),
        fact("address", data.url.as_str()),
        fact("version", text(ready, "/version")),
        fact(
            "providers",
            list(ready, "/providers").iter().filter_map(|one| one.as_str()).collect::<Vec<_>>().join(", "),
        ),
        fact("calls since start", count(number(&data.pulse, "/totals/calls"))),
        fact("calls in flight", count(number(&data.pulse, "/calls_in_flight"))),
    ];
    for one in list(ready, "/degraded") {
        let words = format!("{}: {}", text(one, "/part"), text(one, "/detail"));
        about.push(Line::from(Span::styled(words, Tone::Near.style())));
    }
    let storage = text(ready, "/storage/state");
    let why = text(ready, "/storage/reason");
    let store = vec![
        Line::from(vec![
            faint(format!("{:<24}", "state")),
            Tone::of(storage).mark(),
            plain(format!(" {}", if why.is_empty() { storage } else { why })),
        ]),
        fact("records kept", count(number(ready, "/records/kept"))),
        fact("on disk", bytes(number(ready, "/storage/bytes"))),
        filled("waiting for the disk", number(ready, "/storage/pending_records"), PENDING),
        fact("given up", count(value(names::STORAGE_DROPPED))),
        fact("damaged reads", count(value(names::STORAGE_DAMAGED))),
    ];
    let connections = count(value(names::CONNECTIONS));
    let refused = count(value(names::CONNECTIONS_REFUSED));
    let process = vec![
        filled("ring of records", value(names::RECORDS_WAITING), RING),
        fact("records dropped", count(value(names::RECORDS_DROPPED))),
        fact("events dropped", count(value(names::EVENTS_DROPPED))),
        fact("captures dropped", count(value(names::BODIES_DROPPED))),
        fact("connections", format!("{connections}, {refused} refused")),
        fact("models without a price", count(value(names::PRICE_UNKNOWN))),
        fact("memory", bytes(value(names::RESIDENT))),
        fact("processor time", time(value(names::CPU).map(|seconds| seconds * 1e3))),
    ];
    let about = Block::new("State", "", about);
    let store = Block::new("Store", "", store);
    let process = Block::new("Rings and process", "", process);
    if width < WIDE {
        return stacked([about, store, process], width);
    }
    let half = (width - 3) / 2;
    beside(&stacked([about], half), &stacked([store, process], half), width)
}
