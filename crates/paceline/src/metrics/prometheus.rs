//! The Prometheus text format (version 0.0.4).

use crate::admin::Admin;
use crate::metrics::names::{self, Family};
use crate::metrics::series::{Cell, Counts};
use crate::metrics::space::{STATUSES, error_word};
use paceline_stats::histogram::Histogram;
use std::borrow::Cow;
use std::fmt::{Display, Write};
use std::sync::atomic::Ordering;

/// The content type of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page being written.
#[derive(Debug)]
pub struct Page(String);

impl Page {
    /// Begins a family; its samples follow.
    pub fn head(&mut self, family: Family) {
        let Family { name, kind, help } = family;
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One line.
    pub fn sample(&mut self, name: &str, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "{name}{suffix}");
        for (at, (label, text)) in labels.iter().enumerate() {
            let open = if at == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{open}{label}=\"{}\"", escaped(text));
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// A family of one sample.
    pub fn single(&mut self, family: Family, value: impl Display) {
        self.head(family);
        self.sample(family.name, "", &[], value);
    }

    /// The samples of a histogram; of one among several none before its first value.
    pub fn histogram(&mut self, family: Family, labels: &[(&str, &str)], histogram: &Histogram) {
        if histogram.count() == 0 && !labels.is_empty() {
            return;
        }
        for (bound, count) in histogram.cumulative() {
            let bound = bound.to_string();
            let with_bound: Vec<_> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
            self.sample(family.name, "_bucket", &with_bound, count);
        }
        let all: Vec<_> = labels.iter().copied().chain([("le", "+Inf")]).collect();
        self.sample(family.name, "_bucket", &all, histogram.count());
        self.sample(family.name, "_sum", labels, histogram.sum());
        self.sample(family.name, "_count", labels, histogram.count());
    }
}

fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['\\', '"', '\n']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// The labels of a cell, and the cell.
type Labelled<'a> = ([(&'static str, &'a str); 4], &'a Cell);

/// The whole page.
pub fn render(admin: &Admin) -> String {
    let mut page = Page(String::with_capacity(16 * 1024));
    process(&mut page, admin);
    gateway(&mut page, admin);
    let counts = admin.recorder.metrics.now();
    let cells: Vec<Labelled<'_>> =
        counts.own.sorted().into_iter().map(|(key, cell)| (counts.space.own(key), cell)).collect();
    calls(&mut page, &cells);
    times(&mut page, &cells);
    sums(&mut page, &cells);
    decisions(&mut page, &cells, &counts);
    counts.otel.render(&mut page, &counts.space);
    page.head(names::SERIES_DROPPED);
    for room in counts.rooms() {
        page.sample(names::SERIES_DROPPED.name, "", &[("family", room.family)], room.dropped);
    }
    page.0
}

fn calls(page: &mut Page, cells: &[Labelled<'_>]) {
    page.head(names::CALLS);
    for (who, cell) in cells {
        for (status, by_error) in STATUSES.iter().zip(&cell.calls) {
            for (error, count) in by_error.iter().enumerate().filter(|(_, count)| **count > 0) {
                let ends = [("status", status.as_str()), ("error", error_word(error))];
                let labels: Vec<_> = who.iter().copied().chain(ends).collect();
                page.sample(names::CALLS.name, "", &labels, count);
            }
        }
    }
    page.head(names::ATTEMPTS);
    for (who, cell) in cells {
        for (error, count) in cell.attempts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let labels: Vec<_> = who.iter().copied().chain([("error", error_word(error))]).collect();
            page.sample(names::ATTEMPTS.name, "", &labels, count);
        }
    }
}

fn times(page: &mut Page, cells: &[Labelled<'_>]) {
    page.head(names::DURATION);
    for (who, cell) in cells {
        page.histogram(names::DURATION, who, &cell.duration);
    }
    page.head(names::FIRST_TOKEN);
    for (who, cell) in cells {
        page.histogram(names::FIRST_TOKEN, who, &cell.first_token);
    }
}

fn sums(page: &mut Page, cells: &[Labelled<'_>]) {
    page.head(names::TOKENS);
    for (who, cell) in cells {
        for (kind, count) in ["input", "output", "cache_read", "reasoning"].iter().zip(cell.tokens) {
            let labels: Vec<_> = who.iter().copied().chain([("type", *kind)]).collect();
            page.sample(names::TOKENS.name, "", &labels, count);
        }
    }
    page.head(names::COST);
    for (who, cell) in cells {
        page.sample(names::COST.name, "", who, cell.cost_pico as f64 / 1e12);
    }
    page.head(names::COST_UNKNOWN);
    for (who, cell) in cells {
        page.sample(names::COST_UNKNOWN.name, "", who, cell.cost_unknown);
    }
    page.head(names::OVERHEAD);
    for (who, cell) in cells {
        page.sample(names::OVERHEAD.name, "", who, cell.overhead_seconds);
    }
}

/// What the cache and the choice of a target came to.
fn decisions(page: &mut Page, cells: &[Labelled<'_>], counts: &Counts) {
    page.single(names::CACHE_HITS, counts.cache_hits);
    page.single(names::CACHE_MISSES, counts.cache_misses);
    page.head(names::ROUTED);
    for (who, cell) in cells.iter().filter(|(_, cell)| cell.routed > 0) {
        page.sample(names::ROUTED.name, "", who, cell.routed);
    }
    page.head(names::ROUTING_TIME);
    page.histogram(names::ROUTING_TIME, &[], &counts.decisions);
    page.single(names::OPTIMIZED, counts.decisions.count());
    page.head(names::OPTIMIZATION_TIME);
    page.histogram(names::OPTIMIZATION_TIME, &[], &counts.decisions);
}

fn process(page: &mut Page, admin: &Admin) {
    page.head(names::BUILD_INFO);
    page.sample(names::BUILD_INFO.name, "", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.single(names::START_TIME, admin.started_at.millis() as f64 / 1000.0);
    if let Some((cpu_seconds, resident)) = crate::process::usage() {
        page.single(names::CPU, cpu_seconds);
        page.single(names::RESIDENT, resident);
    }
}

fn gateway(page: &mut Page, admin: &Admin) {
    let queue = &admin.recorder.queue;
    page.single(names::RECORDS, admin.recorder.latest.last().1);
    page.single(names::RECORDS_DROPPED, queue.dropped());
    page.single(names::RECORDS_WAITING, queue.waiting());
    storage(page, admin);
    let Some(gateway) = admin.gateway.get() else { return };
    let gauges = &gateway.gauges;
    page.single(names::ACCEPTED, gauges.calls_accepted.load(Ordering::Relaxed));
    page.single(names::IN_FLIGHT, gauges.calls_in_flight.load(Ordering::Relaxed));
    page.single(names::SHADOWS_SKIPPED, gauges.shadows_skipped.load(Ordering::Relaxed));
    page.single(names::CONNECTIONS, gauges.connections.load(Ordering::Relaxed));
    page.single(names::CONNECTIONS_REFUSED, gauges.connections_refused.load(Ordering::Relaxed));
    super::limits::render(page, gateway, &admin.notices);
    let totals = gateway.known.ledger.totals();
    page.single(names::LEDGER_CALLS, totals.calls);
    page.head(names::LEDGER_TOKENS);
    for (kind, count) in [("input", totals.input_tokens), ("output", totals.output_tokens)] {
        page.sample(names::LEDGER_TOKENS.name, "", &[("type", kind)], count);
    }
}

fn storage(page: &mut Page, admin: &Admin) {
    let state = admin.recorder.store.state();
    page.single(names::STORAGE_DEGRADED, u8::from(state.degraded.is_some()));
    page.single(names::STORAGE_RECORDS, state.records);
    page.single(names::STORAGE_PENDING, state.pending);
    page.single(names::STORAGE_DROPPED, state.dropped);
    page.single(names::STORAGE_DAMAGED, state.damaged);
    page.single(names::STORAGE_BYTES, state.bytes);
    page.single(names::BODIES_DROPPED, admin.recorder.queue.bodies.dropped());
    page.single(names::PRICE_UNKNOWN, admin.recorder.unpriced.count());
}
