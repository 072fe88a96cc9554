//! What is known now: a fold of records, nothing else.

use crate::labels::Bounded;
use paceline_stats::ladder::Ladder;
use paceline_stats::tally::Tally;
use paceline_types::id::Name;
use paceline_types::measure;
use paceline_types::record::{CallRecord, Status};
use paceline_types::time::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many combinations of names are told apart; of further ones role and task are left out, and when there is no
/// room even for that, they count together as `other`. A combination takes up to half a megabyte after a month.
pub const MAX_CELLS: usize = 128;

/// The names by which calls are told apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellKey {
    /// Who served; empty when nobody did.
    pub provider: Name,
    /// The model asked for, as the configuration knows it; empty when unknown.
    pub model: Name,
    /// The tenant.
    pub tenant: Name,
    /// The role; empty without one.
    pub role: Name,
    /// The task; empty without one.
    pub task: Name,
    /// The region; empty without one.
    pub region: Name,
}

/// What a combination of names came to.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// Over time.
    pub ladder: Ladder,
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
    cells: HashMap<CellKey, Cell>,
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

    /// Folds records that ended about `now`.
    pub fn fold<'a>(&self, records: impl Iterator<Item = &'a CallRecord>, now: Timestamp, names: &Bounded) {
        let mut inner = self.lock();
        for record in records {
            let key = names.key(record);
            // Without room, first the callers' own labels give way, then the names.
            let fits = |key: &CellKey| {
                names.is_own(key) || inner.cells.len() < MAX_CELLS || inner.cells.contains_key(key)
            };
            let key = [key.clone(), names.without_labels(&key)]
                .into_iter()
                .find(fits)
                .unwrap_or_else(|| names.other());
            inner.cells.entry(key).or_default().ladder.add(record, now);
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

    /// What the last `seconds` came to, added up by `group` (a cell may belong to none).
    pub fn tallies(
        &self,
        now: Timestamp,
        seconds: i64,
        group: impl Fn(&CellKey) -> Option<String>,
    ) -> BTreeMap<String, Tally> {
        let mut sums: BTreeMap<String, Tally> = BTreeMap::new();
        for (key, cell) in &mut self.lock().cells {
            let Some(name) = group(key) else { continue };
            cell.ladder.advance(now);
            let tally = cell.ladder.window(now, seconds);
            if tally.calls > 0 {
                sums.entry(name).or_default().merge(&tally);
            }
        }
        sums
    }

    /// The last `seconds` slot by slot (Unix seconds of its start), of the cells that `takes`.
    pub fn trend(
        &self,
        now: Timestamp,
        seconds: i64,
        takes: impl Fn(&CellKey) -> bool,
    ) -> BTreeMap<i64, Tally> {
        let mut slots: BTreeMap<i64, Tally> = BTreeMap::new();
        for (key, cell) in &mut self.lock().cells {
            if takes(key) {
                cell.ladder.advance(now);
                cell.ladder.each(now, seconds, |start, tally| slots.entry(start).or_default().merge(tally));
            }
        }
        slots
    }
}
