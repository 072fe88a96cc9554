//! What every store can do.

use crate::bodies::Bodies;
use crate::error::StoreError;
use crate::filter::Filter;
use crate::session::Session;
use paceline_stats::bucket::Level;
use paceline_stats::rollup::{Facet, Key, Names};
use paceline_stats::tally::Tally;
use paceline_types::id::{CallId, Name};
use paceline_types::money::Cost;
use paceline_types::record::CallRecord;
use paceline_types::time::Timestamp;
use std::sync::Arc;

/// One finished call, and the names under which it is counted.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The record.
    pub record: Arc<CallRecord>,
    /// The names under which it is counted, bounded.
    pub names: Names,
}

/// A page of calls, newest first.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The calls.
    pub calls: Vec<Arc<CallRecord>>,
    /// The next page holds calls below this id; `None` when this was the last.
    pub next: Option<CallId>,
}

/// What was learned about a call after its end. What is `None` stays as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// Which call.
    pub id: CallId,
    /// What it cost, by a price that was not known then.
    pub cost: Option<Cost>,
    /// How good the answer was, 0 to 1; the last word counts.
    pub quality: Option<f32>,
    /// Who says so.
    pub source: String,
}

/// What one caller has used since the first start, never less than the records say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Calls closed.
    pub calls: u64,
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Generated tokens.
    pub output_tokens: u64,
    /// Known cost in pico-dollars.
    pub cost_pico: i64,
    /// What of it counts for budgets.
    pub spent: Spent,
}

/// Spent in a day and a month of budgets, and promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// When the day began.
    pub day_start: Timestamp,
    /// Spent in it, in pico-dollars.
    pub day_pico: i64,
    /// When the month began.
    pub month_start: Timestamp,
    /// Spent in it, in pico-dollars.
    pub month_pico: i64,
    /// Promised to calls under way, in pico-dollars.
    pub open_pico: i64,
}

impl Spent {
    /// The later of two; of the same day and month the one with more.
    #[must_use]
    pub fn max(&self, other: &Self) -> Self {
        let later = |a: (Timestamp, i64), b: (Timestamp, i64)| a.max(b);
        let day = later((self.day_start, self.day_pico), (other.day_start, other.day_pico));
        let month = later((self.month_start, self.month_pico), (other.month_start, other.month_pico));
        Self {
            day_start: day.0,
            day_pico: day.1,
            month_start: month.0,
            month_pico: month.1,
            open_pico: self.open_pico.max(other.open_pico),
        }
    }
}

impl Account {
    /// The larger of each count: counts only grow, so of two copies the later one has more.
    #[must_use]
    pub fn max(&self, other: &Self) -> Self {
        Self {
            calls: self.calls.max(other.calls),
            input_tokens: self.input_tokens.max(other.input_tokens),
            output_tokens: self.output_tokens.max(other.output_tokens),
            cost_pico: self.cost_pico.max(other.cost_pico),
            spent: self.spent.max(&other.spent),
        }
    }
}

/// Whose account: tenant, workspace, key (empty where no key is asked for).
pub type AccountName = (Name, Name, Name);

/// All accounts.
pub type Accounts = Vec<(AccountName, Account)>;

/// How a store fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Why it cannot keep what it is given, while that is so.
    pub degraded: Option<String>,
    /// Records that can be asked for.
    pub records: u64,
    /// Records that are not on disk yet.
    pub pending: u64,
    /// Records that were given up because there was no room.
    pub dropped: u64,
    /// Blocks and segments that could not be read.
    pub damaged: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// When the oldest record started.
    pub oldest: Option<Timestamp>,
}

/// A span of time whose sums are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// From, inclusive.
    pub from: Timestamp,
    /// Until, exclusive; `None` for everything since, stamps ahead of the clock included.
    pub until: Option<Timestamp>,
    /// How calls are told apart.
    pub facet: Facet,
    /// The widest bucket that may be taken.
    pub widest: Level,
    /// The wall clock.
    pub now: Timestamp,
}

/// Takes the sums of one bucket and key: the bucket's level and start (Unix seconds).
pub type TakeTally<'a> = &'a mut dyn FnMut(Level, i64, &Key, &Tally);

/// A place where call records are kept.
///
/// What is asked may take as long as a disk takes: not for the threads that carry calls. [`Store::append`] never waits.
pub trait Store: Send + Sync {
    /// Takes finished calls. Never waits for a disk; beyond its bound the oldest that are not yet on disk are given up
    /// and counted.
    fn append(&self, entries: Vec<Entry>);

    /// Waits until everything appended before is where a killed process does not lose it.
    fn settle(&self) -> Result<(), StoreError>;

    /// One record.
    fn get(&self, id: CallId) -> Result<Option<Arc<CallRecord>>, StoreError>;

    /// Up to `limit` records that `filter` takes, newest first, with ids below `below`.
    fn page(&self, filter: &Filter, limit: usize, below: Option<CallId>) -> Result<Page, StoreError>;

    /// The sums of a window, bucket by bucket in no order; each call that its facet counts, counts once.
    fn tallies(&self, window: &Window, take: TakeTally<'_>) -> Result<(), StoreError>;

    /// The newest `limit` sessions of the calls that `filter` takes, by the end of their last call. Bounded in the calls
    /// and sessions looked at: of very many, the oldest are left out.
    fn sessions(&self, filter: &Filter, limit: usize) -> Result<Vec<Session>, StoreError>;

    /// Notes what was learned later; ids that are not there are passed over. Returns how many were there.
    fn patch(&self, patches: &[Patch]) -> Result<usize, StoreError>;

    /// Keeps bodies, redacted before. Waits for the disk; on an error any of them may be kept, and to give them again does
    /// no harm.
    fn keep_bodies(&self, all: &[Bodies]) -> Result<(), StoreError>;

    /// The bodies of a call, where they were captured and are still kept.
    fn bodies(&self, id: CallId) -> Result<Option<Bodies>, StoreError>;

    /// Gives the accounts as they stand, to be kept with the next records.
    fn keep_accounts(&self, accounts: Accounts);

    /// The accounts as they were kept.
    fn accounts(&self) -> Result<Accounts, StoreError>;

    /// How it fares.
    fn state(&self) -> State;

    /// Stops: what was appended is kept, then nothing is taken any more.
    fn stop(&self);
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn append(&self, entries: Vec<Entry>) {
        (**self).append(entries);
    }

    fn settle(&self) -> Result<(), StoreError> {
        (**self).settle()
    }

    fn get(&self, id: CallId) -> Result<Option<Arc<CallRecord>>, StoreError> {
        (**self).get(id)
    }

    fn page(&self, filter: &Filter, limit: usize, below: Option<CallId>) -> Result<Page, StoreError> {
        (**self).page(filter, limit, below)
    }

    fn tallies(&self, window: &Window, take: TakeTally<'_>) -> Result<(), StoreError> {
        (**self).tallies(window, take)
    }

    fn sessions(&self, filter: &Filter, limit: usize) -> Result<Vec<Session>, StoreError> {
        (**self).sessions(filter, limit)
    }

    fn patch(&self, patches: &[Patch]) -> Result<usize, StoreError> {
        (**self).patch(patches)
    }

    fn keep_bodies(&self, all: &[Bodies]) -> Result<(), StoreError> {
        (**self).keep_bodies(all)
    }

    fn bodies(&self, id: CallId) -> Result<Option<Bodies>, StoreError> {
        (**self).bodies(id)
    }

    fn keep_accounts(&self, accounts: Accounts) {
        (**self).keep_accounts(accounts);
    }

    fn accounts(&self) -> Result<Accounts, StoreError> {
        (**self).accounts()
    }

    fn state(&self) -> State {
        (**self).state()
    }

    fn stop(&self) {
        (**self).stop();
    }
}
