//! The Prometheus text format (version 0.0.4).

use crate::admin::Admin;
use crate::board::Counters;
use crate::metrics::names::{self, Family};
use paceline_stats::histogram::Histogram;
use paceline_stats::rollup::Names;
use paceline_types::error::ErrorKind;
use std::fmt::{Display, Write};
use std::sync::atomic::Ordering;

/// The content type of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

struct Page(String);

impl Page {
    fn head(&mut self, family: Family) {
        let Family { name, kind, help } = family;
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "{name}{suffix}");
        for (at, (label, text)) in labels.iter().enumerate() {
            let open = if at == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{open}{label}=\"{}\"", escaped(text));
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn single(&mut self, family: Family, value: impl Display) {
        self.head(family);
        self.sample(family.name, "", &[], value);
    }

    fn histogram(&mut self, family: Family, labels: &[(&str, &str)], histogram: &Histogram) {
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

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn who(key: &Names) -> [(&'static str, &str); 3] {
    [("provider", &key.provider), ("model", &key.model), ("tenant", &key.tenant)]
}

/// Cells that differ only by names which are no labels are added up.
fn by_labels(cells: Vec<(Names, Counters)>) -> Vec<(Names, Counters)> {
    let mut sums: Vec<(Names, Counters)> = Vec::new();
    for (key, counters) in cells {
        match sums.iter_mut().find(|(other, _)| who(other) == who(&key)) {
            Some((_, sum)) => sum.merge(&counters),
            None => sums.push((key, counters)),
        }
    }
    sums
}

/// The whole page.
pub fn render(admin: &Admin) -> String {
    let mut page = Page(String::with_capacity(16 * 1024));
    process(&mut page, admin);
    gateway(&mut page, admin);
    let cells = by_labels(admin.recorder.board.counters());
    page.head(names::CALLS);
    for (key, counters) in &cells {
        for ((operation, status, error), count) in &counters.calls {
            let ends = [
                ("operation", operation.as_str()),
                ("status", status.as_str()),
                ("error", error.map_or("", ErrorKind::as_str)),
            ];
            let labels: Vec<_> = who(key).into_iter().chain(ends).collect();
            page.sample(names::CALLS.name, "", &labels, count);
        }
    }
    page.head(names::ATTEMPTS);
    for (key, counters) in &cells {
        for (error, count) in &counters.attempts {
            let end = ("error", error.map_or("", ErrorKind::as_str));
            let labels: Vec<_> = who(key).into_iter().chain([end]).collect();
            page.sample(names::ATTEMPTS.name, "", &labels, count);
        }
    }
    histograms(&mut page, &cells);
    sums(&mut page, &cells);
    page.0
}

fn histograms(page: &mut Page, cells: &[(Names, Counters)]) {
    page.head(names::DURATION);
    for (key, counters) in cells.iter().filter(|(_, c)| c.duration.count() > 0) {
        page.histogram(names::DURATION, &who(key), &counters.duration);
    }
    page.head(names::FIRST_TOKEN);
    for (key, counters) in cells.iter().filter(|(_, c)| c.first_token.count() > 0) {
        page.histogram(names::FIRST_TOKEN, &who(key), &counters.first_token);
    }
}

fn sums(page: &mut Page, cells: &[(Names, Counters)]) {
    page.head(names::TOKENS);
    for (key, counters) in cells {
        for (kind, count) in ["input", "output", "cache_read", "reasoning"].iter().zip(counters.tokens) {
            let labels: Vec<_> = who(key).into_iter().chain([("type", *kind)]).collect();
            page.sample(names::TOKENS.name, "", &labels, count);
        }
    }
    page.head(names::COST);
    for (key, counters) in cells {
        page.sample(names::COST.name, "", &who(key), counters.cost_pico as f64 / 1e12);
    }
    page.head(names::COST_UNKNOWN);
    for (key, counters) in cells {
        page.sample(names::COST_UNKNOWN.name, "", &who(key), counters.cost_unknown);
    }
    page.head(names::OVERHEAD);
    for (key, counters) in cells {
        page.sample(names::OVERHEAD.name, "", &who(key), counters.overhead_seconds);
    }
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
    page.single(names::RECORDS, admin.recorder.board.last().1);
    page.single(names::RECORDS_DROPPED, queue.dropped());
    page.single(names::RECORDS_WAITING, queue.waiting());
    let Some(gateway) = admin.gateway.get() else { return };
    let gauges = &gateway.gauges;
    page.single(names::ACCEPTED, gauges.calls_accepted.load(Ordering::Relaxed));
    page.single(names::IN_FLIGHT, gauges.calls_in_flight.load(Ordering::Relaxed));
    page.single(names::CONNECTIONS, gauges.connections.load(Ordering::Relaxed));
    page.single(names::CONNECTIONS_REFUSED, gauges.connections_refused.load(Ordering::Relaxed));
    let totals = gateway.ledger.totals();
    page.single(names::LEDGER_CALLS, totals.calls);
    page.head(names::LEDGER_TOKENS);
    for (kind, count) in [("input", totals.input_tokens), ("output", totals.output_tokens)] {
        page.sample(names::LEDGER_TOKENS.name, "", &[("type", kind)], count);
    }
}
