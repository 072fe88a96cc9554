//! The newest records, in memory, bounded in number: the oldest gives way.

use crate::bodies::{self, Bodies, MEMORY_BYTES};
use crate::error::StoreError;
use crate::filter::Filter;
use crate::session::{Session, Sessions};
use crate::store::{Accounts, Entry, Page, Patch, State, Store, TakeTally, Window};
use paceline_stats::bucket::{Level, cover};
use paceline_stats::rollup::{Buckets, Facet, ended, kept};
use paceline_types::id::CallId;
use paceline_types::record::{CallRecord, Status};
use paceline_types::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A store that ends with the process.
#[derive(Debug)]
pub struct MemoryStore {
    keep: usize,
    keep_bodies: Duration,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    records: BTreeMap<CallId, Entry>,
    levels: [Buckets; 4],
    accounts: Accounts,
    bodies: BTreeMap<CallId, Bodies>,
    body_bytes: u64,
    given_up: u64,
    stopped: bool,
    /// The hour in which old sums were forgotten last.
    cleaned: i64,
}

impl MemoryStore {
    /// A store for the newest `keep` records.
    pub fn new(keep: usize) -> Self {
        let inner = Inner {
            records: BTreeMap::new(),
            levels: Level::ALL.map(Buckets::new),
            accounts: Vec::new(),
            bodies: BTreeMap::new(),
            body_bytes: 0,
            given_up: 0,
            stopped: false,
            cleaned: 0,
        };
        Self { keep: keep.max(1), keep_bodies: bodies::KEEP, inner: Mutex::new(inner) }
    }

    /// The same, which keeps bodies for so long.
    #[must_use]
    pub fn with_bodies_for(mut self, keep: Duration) -> Self {
        self.keep_bodies = keep;
        self
    }

    /// Of what time bodies are still kept.
    fn oldest_body(&self) -> Timestamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        bodies::oldest(Timestamp(now.as_micros() as i64), self.keep_bodies)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Forgets bodies from before `oldest`, and the oldest of too many. Ids sort by time.
    fn forget_bodies(&mut self, oldest: Timestamp) {
        while let Some(first) = self.bodies.first_entry() {
            if first.get().started_at >= oldest && self.body_bytes <= MEMORY_BYTES {
                return;
            }
            self.body_bytes -= first.remove().bytes();
        }
    }

    /// Forgets sums that are older than their level keeps them, once an hour of the newest record.
    fn clean(&mut self, newest: Timestamp) {
        let hour = newest.seconds() / 3600;
        if hour <= self.cleaned {
            return;
        }
        self.cleaned = hour;
        for (level, from) in self.levels.iter_mut().zip(kept(newest)) {
            level.forget(from);
        }
    }
}

impl Store for MemoryStore {
    fn append(&self, entries: Vec<Entry>) {
        let mut inner = self.lock();
        if inner.stopped {
            inner.given_up += entries.len() as u64;
            return;
        }
        if !inner.bodies.is_empty() {
            inner.forget_bodies(self.oldest_body());
        }
        for entry in entries {
            for level in &mut inner.levels {
                level.add(&entry.record, &entry.names);
            }
            inner.clean(entry.record.started_at);
            inner.records.insert(entry.record.id, entry);
            if inner.records.len() > self.keep {
                inner.records.pop_first();
            }
        }
    }

    fn settle(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn get(&self, id: CallId) -> Result<Option<Arc<CallRecord>>, StoreError> {
        Ok(self.lock().records.get(&id).map(|entry| Arc::clone(&entry.record)))
    }

    fn page(&self, filter: &Filter, limit: usize, below: Option<CallId>) -> Result<Page, StoreError> {
        let inner = self.lock();
        let all = inner.records.values().rev().map(|entry| &entry.record);
        let mut found =
            all.filter(|record| below.is_none_or(|below| record.id < below) && filter.takes(record));
        let calls: Vec<_> = found.by_ref().take(limit).cloned().collect();
        let next = found.next().and_then(|_| calls.last().map(|record| record.id));
        Ok(Page { calls, next })
    }

    fn tallies(&self, window: &Window, take: TakeTally<'_>) -> Result<(), StoreError> {
        let inner = self.lock();
        let until = window.until.map_or(i64::MAX / 4, Timestamp::seconds);
        let newest = inner.levels[0].end().unwrap_or(0);
        for span in cover(window.from.seconds(), until.min(newest), window.widest, kept(window.now)) {
            let level = &inner.levels[span.level as usize];
            for (start, bucket) in level.within(window.facet, span) {
                for (key, tally) in bucket.iter() {
                    take(span.level, start, key, tally);
                }
            }
        }
        Ok(())
    }

    fn sessions(&self, filter: &Filter, limit: usize) -> Result<Vec<Session>, StoreError> {
        let inner = self.lock();
        let mut sessions = Sessions::default();
        for entry in inner.records.values().rev().filter(|entry| filter.takes(&entry.record)) {
            sessions.add_record(&entry.record);
        }
        Ok(sessions.newest(limit))
    }

    fn patch(&self, patches: &[Patch]) -> Result<usize, StoreError> {
        let mut inner = self.lock();
        let mut found = 0;
        for patch in patches {
            let Some(entry) = inner.records.get_mut(&patch.id) else { continue };
            found += 1;
            let before = entry.record.cost;
            let record = Arc::make_mut(&mut entry.record);
            record.cost = patch.cost.or(record.cost);
            record.quality = patch.quality.or(record.quality);
            let Some(cost) = patch.cost else { continue };
            let (names, at) = (entry.names.clone(), ended(&entry.record).seconds());
            let ok = entry.record.status == Status::Ok;
            for level in &mut inner.levels {
                let start = level.level().floor(at);
                for facet in Facet::ALL {
                    level.bucket(facet, start).recost(facet, &names, |tally| tally.recost(before, cost, ok));
                }
            }
        }
        Ok(found)
    }

    fn keep_bodies(&self, all: &[Bodies]) -> Result<(), StoreError> {
        let mut inner = self.lock();
        if inner.stopped {
            return Err(StoreError::Stopped);
        }
        for bodies in all {
            if !inner.bodies.contains_key(&bodies.id) {
                inner.body_bytes += bodies.bytes();
                inner.bodies.insert(bodies.id, bodies.clone());
            }
        }
        inner.forget_bodies(self.oldest_body());
        Ok(())
    }

    fn bodies(&self, id: CallId) -> Result<Option<Bodies>, StoreError> {
        let mut inner = self.lock();
        inner.forget_bodies(self.oldest_body());
        Ok(inner.bodies.get(&id).cloned())
    }

    fn keep_accounts(&self, accounts: Accounts) {
        self.lock().accounts = accounts;
    }

    fn accounts(&self) -> Result<Accounts, StoreError> {
        Ok(self.lock().accounts.clone())
    }

    fn state(&self) -> State {
        let inner = self.lock();
        let records = inner.records.len() as u64;
        let oldest = inner.records.values().next().map(|entry| entry.record.started_at);
        State { records, oldest, dropped: inner.given_up, ..State::default() }
    }

    fn stop(&self) {
        self.lock().stopped = true;
    }
}
