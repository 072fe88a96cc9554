//! What one measurement counts.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::error::{Context, Error, Result};

const LONGEST_NS: u64 = 120_000_000_000;

/// Counts and latencies of one window.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    /// Calls that ended in the window.
    pub(crate) calls: u64,
    /// Calls that failed, at any time.
    pub(crate) failures: u64,
    /// The first failure, in words.
    pub(crate) first_failure: Option<String>,
    /// Kept connections found closed when the next call wanted them.
    pub(crate) reconnects: u64,
    /// From the (intended) start to the last byte.
    whole_ns: Histogram<u64>,
    /// From the (intended) start to the end of the first event.
    first_ns: Histogram<u64>,
    /// How late the generator itself started calls.
    late_ns: Histogram<u64>,
}

impl Tally {
    fn new() -> Result<Self> {
        let histogram = || Histogram::new_with_bounds(1_000, LONGEST_NS, 3).context("histogram");
        Ok(Self {
            calls: 0,
            failures: 0,
            first_failure: None,
            reconnects: 0,
            whole_ns: histogram()?,
            first_ns: histogram()?,
            late_ns: histogram()?,
        })
    }

    /// A quantile of the whole call, ms.
    pub(crate) fn whole_ms(&self, quantile: f64) -> f64 {
        self.whole_ns.value_at_quantile(quantile) as f64 / 1e6
    }

    /// A quantile of the time to the first event, ms.
    pub(crate) fn first_ms(&self, quantile: f64) -> f64 {
        self.first_ns.value_at_quantile(quantile) as f64 / 1e6
    }

    /// A quantile of the generator's own lateness, ms.
    pub(crate) fn late_ms(&self, quantile: f64) -> f64 {
        self.late_ns.value_at_quantile(quantile) as f64 / 1e6
    }

    /// Notes the latencies of one call.
    pub(crate) fn note(&mut self, whole: Duration, first: Duration) {
        self.whole_ns.saturating_record(whole.as_nanos() as u64);
        self.first_ns.saturating_record(first.as_nanos() as u64);
    }

    /// Notes how late a call was started.
    pub(crate) fn note_late(&mut self, late: Duration) {
        self.late_ns.saturating_record(late.as_nanos() as u64);
    }
}

/// What workers and driver share; one thread.
pub(super) struct Shared {
    /// Calls count now.
    pub(super) counting: Cell<bool>,
    /// No further call is to be started.
    pub(super) stop: Cell<bool>,
    left: Cell<u64>,
    tally: RefCell<Tally>,
}

impl Shared {
    /// Lets at most `calls` be started.
    pub(super) fn new(calls: u64) -> Result<Self> {
        Ok(Self {
            counting: Cell::new(false),
            stop: Cell::new(false),
            left: Cell::new(calls),
            tally: RefCell::new(Tally::new()?),
        })
    }

    /// Whether one more call may be started; counts it.
    pub(super) fn admit(&self) -> bool {
        if self.stop.get() {
            return false;
        }
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    /// Works on the tally.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Tally) -> T) -> T {
        work(&mut self.tally.borrow_mut())
    }

    /// Notes a failure; the first one ends the measurement, as its figures are worth nothing.
    pub(super) fn failed(&self, error: &Error) {
        self.stop.set(true);
        self.with(|tally| {
            tally.failures += 1;
            tally.first_failure.get_or_insert_with(|| error.to_string());
        });
    }

    /// What was counted so far.
    pub(super) fn counted(&self) -> Tally {
        self.tally.borrow().clone()
    }
}
