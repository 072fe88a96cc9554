//! The newest records, in memory, bounded in number: the oldest gives way.

use crate::filter::Filter;
use paceline_types::id::CallId;
use paceline_types::record::CallRecord;
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A page of calls, newest first.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The calls.
    pub calls: Vec<Arc<CallRecord>>,
    /// Where the next page begins; `None` when this was the last.
    pub next: Option<u64>,
}

/// The newest records in the order in which their calls ended.
#[derive(Debug)]
pub struct MemoryStore {
    keep: usize,
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    records: VecDeque<Arc<CallRecord>>,
    /// The number of the next record; the oldest kept one has this less the number kept.
    next: u64,
}

impl MemoryStore {
    /// A store for the newest `keep` records.
    pub fn new(keep: usize) -> Self {
        Self { keep: keep.max(1), inner: RwLock::default() }
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps `records`, in order.
    pub fn append(&self, records: impl IntoIterator<Item = Arc<CallRecord>>) {
        let mut inner = self.write();
        for record in records {
            if inner.records.len() == self.keep {
                inner.records.pop_front();
            }
            inner.records.push_back(record);
            inner.next += 1;
        }
    }

    /// How many are kept, and how many ever came.
    pub fn counts(&self) -> (usize, u64) {
        let inner = self.read();
        (inner.records.len(), inner.next)
    }

    /// One record.
    pub fn get(&self, id: CallId) -> Option<Arc<CallRecord>> {
        self.read().records.iter().rev().find(|record| record.id == id).map(Arc::clone)
    }

    /// Up to `limit` records that `filter` takes, newest first, beginning below `cursor`.
    pub fn page(&self, filter: &Filter, limit: usize, cursor: Option<u64>) -> Page {
        let inner = self.read();
        let oldest = inner.next - inner.records.len() as u64;
        let from = cursor.unwrap_or(inner.next).clamp(oldest, inner.next);
        let mut page = Page::default();
        for number in (oldest..from).rev() {
            let record = &inner.records[(number - oldest) as usize];
            if !filter.takes(record) {
                continue;
            }
            if page.calls.len() == limit {
                // One more exists: the next page begins with it.
                page.next = Some(number + 1);
                break;
            }
            page.calls.push(Arc::clone(record));
        }
        page
    }
}
