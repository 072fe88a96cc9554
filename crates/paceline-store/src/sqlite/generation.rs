//! Sums that are not on disk yet.

use paceline_stats::bucket::Level;
use paceline_stats::rollup::{Buckets, Names, ended};
use paceline_stats::tally::Sample;
use paceline_types::record::CallRecord;
use std::time::{Duration, Instant};

/// Sums go to disk once in a while …
const MAX_AGE: Duration = Duration::from_mins(1);
/// … or after so many records.
const MAX_RECORDS: u64 = 131_072;

/// Sums of the records since the sums before went to disk.
#[derive(Clone, Debug)]
pub(crate) struct Generation {
    pub(crate) number: u64,
    /// Calls that ended lately, by minute, and those that ended before minutes are kept, by hour.
    pub(crate) sums: [Buckets; 2],
    pub(crate) records: u64,
    opened: Instant,
}

impl Generation {
    pub(crate) fn new(number: u64) -> Self {
        let sums = [Buckets::new(Level::Minute), Buckets::new(Level::Hour)];
        Self { number, sums, records: 0, opened: Instant::now() }
    }

    /// Adds a call; minutes are told apart of those that ended at `minutes_from` (Unix seconds) or later.
    pub(crate) fn add(&mut self, record: &CallRecord, names: &Names, minutes_from: i64) {
        let at = ended(record).seconds();
        let sums = &mut self.sums[usize::from(at < minutes_from)];
        sums.add_sample(&Sample::of(record), at, names);
        self.records += 1;
    }

    /// They have so many records that they go to disk.
    pub(crate) fn is_full(&self) -> bool {
        self.records >= MAX_RECORDS
    }

    /// They began so long ago that they go to disk.
    pub(crate) fn is_old(&self) -> bool {
        self.opened.elapsed() >= MAX_AGE
    }
}
