//! What is not on disk yet, shared by who appends, who reads and who writes. Nobody waits for a disk under its lock.

use crate::error::StoreError;
use crate::store::{Accounts, Entry, State};
use paceline_stats::bucket::Level;
use paceline_stats::rollup::{Buckets, Names, ended, kept};
use paceline_stats::tally::Sample;
use paceline_types::record::CallRecord;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Records that wait for the disk at most; about 50 MB. Beyond, the oldest are given up and counted.
pub(crate) const MAX_PENDING: usize = 65_536;
/// A commit takes so many at most.
pub(crate) const BATCH: usize = 16_384;
/// So many waiting records are written before the window has passed.
const EAGER: usize = 1000;
/// Sums go to disk once in a while …
const GENERATION: Duration = Duration::from_mins(1);
/// … or after so many records.
const GENERATION_RECORDS: u64 = 131_072;
/// How long [`Live::settle`] waits for a disk that does not answer.
const SETTLE: Duration = Duration::from_secs(30);

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
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
struct Inner {
    /// Not on disk, the oldest first, with the generation they are counted in.
    pending: VecDeque<(u64, Entry)>,
    /// How many ever came, and how many of these have left `pending`.
    appended: u64,
    settled: u64,
    /// Sums that take no more records and wait for their records to be written.
    closed: VecDeque<Arc<Generation>>,
    present: Generation,
    accounts: Option<Accounts>,
    /// Given up since the last commit.
    gap: u64,
    dropped: u64,
    damaged: u64,
    degraded: Option<String>,
    /// When the oldest waiting record must be on its way.
    due: Option<Instant>,
    /// Somebody waits for records, or for sums.
    hurry: bool,
    roll: bool,
    /// Somebody waits for all that can be put in order.
    tidy: bool,
    stop: bool,
    stopped: bool,
    records: i64,
    oldest: Option<i64>,
}

impl Inner {
    /// The present sums take no more records.
    fn close(&mut self) {
        if self.present.records > 0 {
            let next = Generation::new(self.present.number + 1);
            self.closed.push_back(Arc::new(std::mem::replace(&mut self.present, next)));
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Live {
    inner: Mutex<Inner>,
    /// For the writer: there is something to do.
    wake: Condvar,
    /// For who waits: something was written, or could not be.
    done: Condvar,
    window: Duration,
}

/// What the writer finds to do.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Records of one generation.
    pub(crate) entries: Vec<Entry>,
    pub(crate) generation: u64,
    /// How many were ever given up or written before these.
    first: u64,
    pub(crate) accounts: Option<Accounts>,
    pub(crate) gap: u64,
    pub(crate) stop: bool,
    pub(crate) tidy: bool,
}

impl Live {
    /// `window`: how long a record may wait. The first generation is `next`; `unrolled` is what was found on disk and is
    /// in no sum there.
    pub(crate) fn new(window: Duration) -> Self {
        let inner = Inner {
            pending: VecDeque::new(),
            appended: 0,
            settled: 0,
            closed: VecDeque::new(),
            present: Generation::new(1),
            accounts: None,
            gap: 0,
            dropped: 0,
            damaged: 0,
            degraded: None,
            due: None,
            hurry: false,
            roll: false,
            tidy: false,
            stop: false,
            stopped: false,
            records: 0,
            oldest: None,
        };
        Self { inner: Mutex::new(inner), wake: Condvar::new(), done: Condvar::new(), window }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was found on disk: sums of records that no rollup has, and how many records there are.
    pub(crate) fn found(&self, unrolled: Generation, records: i64, oldest: Option<i64>) {
        let mut inner = self.lock();
        // What came while the disk could not be read is renumbered behind what is there.
        let number = unrolled.number + 1;
        let early: Vec<_> = inner.closed.drain(..).collect();
        for generation in &early {
            for (sums, more) in inner.present.sums.iter_mut().zip(&generation.sums) {
                sums.widen(more, i64::MIN / 2);
            }
        }
        inner.present.records += early.iter().map(|generation| generation.records).sum::<u64>();
        inner.present.number = number;
        inner.pending.iter_mut().for_each(|(generation, _)| *generation = number);
        if unrolled.records > 0 {
            inner.closed.push_back(Arc::new(unrolled));
        }
        inner.records = records;
        inner.oldest = oldest;
    }

    /// Takes records.
    pub(crate) fn append(&self, entries: Vec<Entry>) {
        let mut inner = self.lock();
        let count = entries.len() as u64;
        if inner.stop {
            inner.dropped += count;
            return;
        }
        if inner.present.records >= GENERATION_RECORDS || inner.present.opened.elapsed() >= GENERATION {
            inner.close();
        }
        let inner = &mut *inner;
        let minutes_from = kept(super::writer::wall())[Level::Minute as usize];
        for entry in entries {
            inner.present.add(&entry.record, &entry.names, minutes_from);
            inner.pending.push_back((inner.present.number, entry));
        }
        inner.appended += count;
        let excess = inner.pending.len().saturating_sub(MAX_PENDING);
        if excess > 0 {
            inner.pending.drain(..excess);
            inner.settled += excess as u64;
            inner.gap += excess as u64;
            inner.dropped += excess as u64;
        }
        let first = inner.due.is_none();
        if first {
            inner.due = Some(Instant::now() + self.window);
        }
        if first || inner.pending.len() >= EAGER {
            self.wake.notify_one();
        }
    }

    /// Waits until there is work, and gives it; what is given stays visible until [`Live::written`].
    pub(crate) fn work(&self, longest: Duration) -> Work {
        let mut inner = self.lock();
        let until = Instant::now() + longest;
        loop {
            let now = Instant::now();
            let ready = inner.stop
                || inner.roll
                || inner.tidy
                || inner.hurry && !inner.pending.is_empty()
                || inner.pending.len() >= EAGER
                || inner.due.is_some_and(|due| due <= now && !inner.pending.is_empty());
            if ready || now >= until {
                break;
            }
            let next = inner.due.filter(|_| !inner.pending.is_empty()).map_or(until, |due| due.min(until));
            let wait = next.saturating_duration_since(now);
            inner = self.wake.wait_timeout(inner, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        let generation = inner.pending.front().map_or(0, |(generation, _)| *generation);
        let same = inner.pending.iter().take(BATCH).take_while(|(number, _)| *number == generation);
        Work {
            entries: same.map(|(_, entry)| entry.clone()).collect(),
            generation,
            first: inner.settled,
            accounts: inner.accounts.take(),
            gap: inner.gap,
            stop: inner.stop,
            tidy: inner.tidy,
        }
    }

    /// The work is on disk.
    pub(crate) fn written(&self, work: &Work) {
        let mut inner = self.lock();
        // Some may have been given up meanwhile.
        let gone = (inner.settled - work.first) as usize;
        let count = work.entries.len().saturating_sub(gone);
        inner.pending.drain(..count);
        inner.settled += count as u64;
        inner.gap -= work.gap.min(inner.gap);
        inner.records += work.entries.len() as i64;
        if let (None, Some(first)) = (inner.oldest, work.entries.first()) {
            inner.oldest = Some(first.record.started_at.0);
        }
        inner.degraded = None;
        if inner.pending.is_empty() {
            inner.hurry = false;
            inner.due = None;
        }
        self.done.notify_all();
    }

    /// The work could not be done; returns whether this is news.
    pub(crate) fn failed(&self, work: Work, why: &str) -> bool {
        let mut inner = self.lock();
        if let (None, Some(accounts)) = (&inner.accounts, work.accounts) {
            inner.accounts = Some(accounts);
        }
        let news = inner.degraded.is_none();
        inner.degraded = Some(why.to_owned());
        self.done.notify_all();
        news
    }

    /// The oldest sums that take no more records, once all their records are on disk.
    pub(crate) fn ripe(&self) -> Option<Arc<Generation>> {
        let mut inner = self.lock();
        let aged =
            inner.present.opened.elapsed() >= GENERATION || inner.stop || std::mem::take(&mut inner.roll);
        if aged && inner.present.records > 0 {
            inner.close();
        }
        let oldest = inner.closed.front()?;
        let waiting = inner.pending.front().is_some_and(|(number, _)| *number <= oldest.number);
        (!waiting).then(|| Arc::clone(oldest))
    }

    /// The sums of a generation are on disk.
    pub(crate) fn rolled(&self, number: u64) {
        let mut inner = self.lock();
        inner.closed.retain(|generation| generation.number > number);
        self.done.notify_all();
    }

    /// Records that are not on disk.
    pub(crate) fn pending(&self) -> Vec<Arc<CallRecord>> {
        self.lock().pending.iter().map(|(_, entry)| Arc::clone(&entry.record)).collect()
    }

    /// The sums that may not be on disk.
    pub(crate) fn sums(&self) -> Vec<Arc<Generation>> {
        let inner = self.lock();
        inner.closed.iter().cloned().chain([Arc::new(inner.present.clone())]).collect()
    }

    /// Waits until all that was appended before is on disk; with `sums`, in the sums on disk too.
    pub(crate) fn settle(&self, sums: bool) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let target = inner.appended;
        let generation = inner.present.number;
        let until = Instant::now() + SETTLE;
        loop {
            let open = sums
                && (inner.present.number == generation && inner.present.records > 0
                    || inner.closed.front().is_some_and(|closed| closed.number <= generation));
            if inner.settled >= target && !open {
                return Ok(());
            }
            inner.hurry = true;
            inner.roll |= open;
            self.wake.notify_one();
            let wait = until.saturating_duration_since(Instant::now());
            if wait.is_zero() || inner.stopped {
                return Err(StoreError::Stopped);
            }
            inner = self.done.wait_timeout(inner, wait).unwrap_or_else(PoisonError::into_inner).0;
            if let (Some(why), true) = (&inner.degraded, inner.settled < target) {
                return Err(StoreError::Io(why.clone(), std::io::Error::other("not written")));
            }
        }
    }

    /// Waits until all is in order: sums, segments, retention.
    pub(crate) fn tidy(&self) -> Result<(), StoreError> {
        self.settle(true)?;
        let mut inner = self.lock();
        inner.tidy = true;
        while inner.tidy {
            if inner.stopped {
                return Err(StoreError::Stopped);
            }
            if let Some(why) = &inner.degraded {
                return Err(StoreError::Io(why.clone(), std::io::Error::other("not written")));
            }
            self.wake.notify_one();
            let wait = Duration::from_millis(50);
            inner = self.done.wait_timeout(inner, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// All is in order.
    pub(crate) fn tidied(&self) {
        self.lock().tidy = false;
        self.done.notify_all();
    }

    /// Gives the accounts for the next commit.
    pub(crate) fn keep_accounts(&self, accounts: Accounts) {
        self.lock().accounts = Some(accounts);
    }

    /// A block could not be read.
    pub(crate) fn count_damage(&self) {
        self.lock().damaged += 1;
    }

    /// Records were deleted.
    pub(crate) fn forgot(&self, records: i64, oldest: Option<i64>) {
        let mut inner = self.lock();
        inner.records -= records;
        inner.oldest = oldest;
    }

    /// Asks the writer to end.
    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.wake.notify_all();
    }

    /// The writer has ended.
    pub(crate) fn stopped(&self) {
        self.lock().stopped = true;
        self.done.notify_all();
    }

    /// Whether the writer was asked to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().stop
    }

    /// Waits a while, less when the writer is asked to end.
    pub(crate) fn pause(&self, time: Duration) {
        let inner = self.lock();
        if !inner.stop {
            drop(self.done.wait_timeout(inner, time));
        }
    }

    /// How it fares; bytes are for the caller to add.
    pub(crate) fn state(&self) -> State {
        let inner = self.lock();
        let pending = inner.pending.len() as u64;
        State {
            degraded: inner.degraded.clone(),
            records: inner.records.max(0) as u64 + pending,
            pending,
            dropped: inner.dropped,
            damaged: inner.damaged,
            bytes: 0,
            oldest: inner.oldest.map(paceline_types::time::Timestamp),
        }
    }
}
