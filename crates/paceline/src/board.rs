//! What is known now: a fold of records, nothing else.

use crate::labels::Bounded;
use paceline_stats::histogram::{FIRST_TOKEN_SECONDS, Histogram, SECONDS};
use paceline_stats::rollup::Key;
use paceline_types::error::ErrorKind;
use paceline_types::measure;
use paceline_types::record::{CallRecord, Operation, Status};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many combinations of names are told apart; of further ones role and task are left out, and when there is no
/// room even for that, they count together as `other`. A combination takes up to half a megabyte after a month.
pub const MAX_CELLS: usize = 128;

/// What a combination of names came to.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Since start.
    pub total: Counters,
}

/// Counts since start, for metrics.
#[derive(Clone, Debug)]
pub struct Counters {
    /// Calls by operation, end and what went wrong.
    pub calls: BTreeMap<(Operation, Status, Option<ErrorKind>), u64>,
    /// Attempts by what went wrong.
    pub attempts: BTreeMap<Option<ErrorKind>, u64>,
    /// Tokens: input, output, cache read, reasoning.
    pub tokens: [u64; 4],
    /// Cost in pico-dollars.
    pub cost_pico: i128,
    /// Answered calls whose cost is not known.
    pub cost_unknown: u64,
    /// Seconds of answered calls.
    pub duration: Histogram,
    /// Seconds to the first token.
    pub first_token: Histogram,
    /// Seconds of Paceline's own work.
    pub overhead_seconds: f64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            calls: BTreeMap::new(),
            attempts: BTreeMap::new(),
            tokens: [0; 4],
            cost_pico: 0,
            cost_unknown: 0,
            duration: Histogram::new(&SECONDS),
            first_token: Histogram::new(&FIRST_TOKEN_SECONDS),
            overhead_seconds: 0.0,
        }
    }
}

impl Counters {
    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (key, count) in &other.calls {
            *self.calls.entry(*key).or_default() += count;
        }
        for (key, count) in &other.attempts {
            *self.attempts.entry(*key).or_default() += count;
        }
        for (sum, count) in self.tokens.iter_mut().zip(other.tokens) {
            *sum += count;
        }
        self.cost_pico += other.cost_pico;
        self.cost_unknown += other.cost_unknown;
        self.duration.merge(&other.duration);
        self.first_token.merge(&other.first_token);
        self.overhead_seconds += other.overhead_seconds;
    }

    fn add(&mut self, record: &CallRecord) {
        *self.calls.entry((record.operation, record.status, record.error_kind)).or_default() += 1;
        for attempt in &record.attempts {
            *self.attempts.entry(attempt.error_kind).or_default() += 1;
        }
        if let Some(usage) = &record.usage {
            let counts =
                [usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.reasoning_tokens];
            for (sum, count) in self.tokens.iter_mut().zip(counts) {
                *sum += count;
            }
            match record.cost {
                Some(cost) => self.cost_pico += i128::from(cost.0),
                None => self.cost_unknown += 1,
            }
        }
        if record.status == Status::Ok {
            self.duration.add(record.duration.ms() / 1000.0);
        }
        if let Some(ms) = measure::ttft_ms(record) {
            self.first_token.add(ms / 1000.0);
        }
        self.overhead_seconds += measure::overhead_ms(record) / 1000.0;
    }
}

/// What the last answered call was like (M2).
#[derive(Clone, Copy, Debug, Default)]
pub struct Last {
    /// Its response time in milliseconds.
    pub response_time_ms: Option<f64>,
    /// Its output tokens per second.
    pub tokens_per_second: Option<f64>,
}

#[derive(Debug, Default)]
struct Inner {
    cells: HashMap<Key, Cell>,
    last: Last,
    folded: u64,
}

/// The board.
#[derive(Debug, Default)]
pub struct Board {
    inner: Mutex<Inner>,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Folds records.
    pub fn fold<'a>(&self, records: impl Iterator<Item = (&'a CallRecord, &'a Key)>, names: &Bounded) {
        let mut inner = self.lock();
        for (record, key) in records {
            // Without room, first the callers' own labels give way, then the names.
            let fits =
                |key: &Key| names.is_own(key) || inner.cells.len() < MAX_CELLS || inner.cells.contains_key(key);
            let key = [key.clone(), key.without_labels()].into_iter().find(fits).unwrap_or_else(Key::other);
            inner.cells.entry(key).or_insert_with(|| Cell { total: Counters::default() }).total.add(record);
            inner.folded += 1;
            if record.status == Status::Ok {
                inner.last = Last {
                    response_time_ms: Some(record.duration.ms()),
                    tokens_per_second: measure::tokens_per_second(record),
                };
            }
        }
    }

    /// The last answered call, and how many records were folded.
    pub fn last(&self) -> (Last, u64) {
        let inner = self.lock();
        (inner.last, inner.folded)
    }

    /// Counts since start per cell, in a steady order.
    pub fn counters(&self) -> Vec<(Key, Counters)> {
        let inner = self.lock();
        let mut all: Vec<_> =
            inner.cells.iter().map(|(key, cell)| (key.clone(), cell.total.clone())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}
