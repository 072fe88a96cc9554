//! What is known now without asking the store: the last answered call, and how many records came.

use paceline_types::measure;
use paceline_types::record::{CallRecord, Status};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the last answered call was like (M2).
#[derive(Clone, Copy, Debug, Default)]
pub struct Last {
    /// Its response time.
    pub response_time_ms: Option<f64>,
    /// Its output tokens per second.
    pub tokens_per_second: Option<f64>,
}

/// The last call, and the count.
#[derive(Debug, Default)]
pub struct Latest {
    inner: Mutex<(Last, u64)>,
}

impl Latest {
    fn lock(&self) -> MutexGuard<'_, (Last, u64)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Folds records.
    pub fn fold<'a>(&self, records: impl Iterator<Item = &'a CallRecord>) {
        let mut inner = self.lock();
        for record in records {
            inner.1 += 1;
            if record.status == Status::Ok {
                inner.0 = Last {
                    response_time_ms: Some(record.duration.ms()),
                    tokens_per_second: measure::tokens_per_second(record),
                };
            }
        }
    }

    /// The last answered call, and how many records were folded.
    pub fn last(&self) -> (Last, u64) {
        *self.lock()
    }
}
