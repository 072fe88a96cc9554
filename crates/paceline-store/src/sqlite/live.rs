//! What is not on disk yet, shared by who appends, who reads and who writes. Nobody waits for a disk under its lock.

use super::generation::Generation;
use crate::error::StoreError;
use crate::store::{Accounts, Entry, State};
use paceline_stats::bucket::Level;
use paceline_stats::rollup::{Bucket, Facet, kept};
use paceline_types::decision::{Decision, Scored};
use paceline_types::id::CallId;
use paceline_types::record::{Attempt, CallRecord};
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Records that wait for the disk at most. Beyond, the oldest are given up and counted.
const MAX_PENDING: usize = 65_536;
/// Bytes that they may take.
const MAX_PENDING_BYTES: usize = 64 << 20;
/// Damaged blocks that are told apart.
const MAX_DAMAGED: usize = 1000;
/// A commit takes so many at most.
pub(crate) const BATCH: usize = 16_384;
/// So many waiting records are written before the window has passed.
const EAGER: usize = 1000;
/// How long [`Live::settle`] waits for a disk that does not answer.
const SETTLE: Duration = Duration::from_secs(30);

/// A record that is not on disk.
#[derive(Debug)]
struct Pending {
    /// The sums it is counted in.
    generation: u64,
    /// About the bytes that it takes.
    weight: usize,
    /// Its id, so that sorting needs no look at the record.
    id: CallId,
    record: Arc<CallRecord>,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
struct Inner {
    /// Not on disk, the oldest first.
    pending: VecDeque<Pending>,
    pending_bytes: usize,
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
    damaged: HashSet<String>,
    degraded: Option<String>,
    /// When what has waited longest must be on its way.
    due: Option<Instant>,
    /// Somebody waits for records, or for sums.
    hurry: bool,
    roll: bool,
    /// Somebody waits for all that can be put in order.
    tidy: bool,
    /// Why upkeep failed, for who waits for it.
    upkeep: Option<String>,
    stop: bool,
    stopped: bool,
    records: i64,
    oldest: Option<i64>,
}

/// About the bytes that a record takes in memory.
fn weight(record: &CallRecord) -> usize {
    let labels = record.labels.as_deref().map_or(0, |labels| {
        let tags = labels.tags.iter().map(|(name, value)| name.len() + value.len() + 64).sum::<usize>();
        let texts = [&labels.role, &labels.task, &labels.task_type, &labels.operation, &labels.session];
        let more = [&labels.user, &labels.trace_id];
        let texts = texts.into_iter().chain(more).flatten().map(|text| text.len() + 16);
        size_of_val(labels) + tags + texts.sum::<usize>()
    });
    let attempts = record.attempts.len() * size_of::<Attempt>();
    let decision = record.decision.as_ref().map_or(0, |decision| {
        size_of::<Decision>() + decision.candidates.len() * size_of::<Scored>() + decision.rejected.len() * 16
    });
    size_of::<CallRecord>() + size_of::<Pending>() + 64 + labels + attempts + decision
}

impl Inner {
    /// Whether something waits to be written.
    fn has_work(&self) -> bool {
        !self.pending.is_empty() || self.accounts.is_some()
    }

    /// What waits is to be on its way within `window`; returns whether nothing was due before.
    fn soon(&mut self, window: Duration) -> bool {
        let is_first = self.due.is_none();
        if is_first {
            self.due = Some(Instant::now() + window);
        }
        is_first
    }

    /// Takes the oldest that wait away.
    fn take(&mut self, count: usize) {
        let taken = self.pending.drain(..count.min(self.pending.len()));
        let weight: usize = taken.map(|pending| pending.weight).sum();
        self.pending_bytes = self.pending_bytes.saturating_sub(weight);
    }

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

/// Sums of a generation: its number, and level, start and sums of each bucket.
pub(crate) type OpenSums = (u64, Vec<(Level, i64, Bucket)>);

/// What the writer finds to do.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Records of one generation, with their ids.
    pub(crate) records: Vec<(CallId, Arc<CallRecord>)>,
    pub(crate) generation: u64,
    /// How many were ever given up or written before these.
    first: u64,
    pub(crate) accounts: Option<Accounts>,
    pub(crate) gap: u64,
    pub(crate) stop: bool,
    /// Somebody waits for the sums to be on disk.
    pub(crate) roll: bool,
    pub(crate) tidy: bool,
}

impl Live {
    /// `window`: how long a record may wait. The first generation is `next`; `unrolled` is what was found on disk and is
    /// in no sum there.
    pub(crate) fn new(window: Duration) -> Self {
        let inner = Inner {
            pending: VecDeque::new(),
            pending_bytes: 0,
            appended: 0,
            settled: 0,
            closed: VecDeque::new(),
            present: Generation::new(1),
            accounts: None,
            gap: 0,
            dropped: 0,
            damaged: HashSet::new(),
            degraded: None,
            due: None,
            hurry: false,
            roll: false,
            tidy: false,
            upkeep: None,
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
                sums.widen(more);
            }
        }
        inner.present.records += early.iter().map(|generation| generation.records).sum::<u64>();
        inner.present.number = number;
        inner.pending.iter_mut().for_each(|pending| pending.generation = number);
        if unrolled.records > 0 {
            inner.closed.push_back(Arc::new(unrolled));
        }
        inner.records = records;
        inner.oldest = oldest;
    }

    /// Takes records.
    pub(crate) fn append(&self, entries: Vec<Entry>) {
        // In a pass of its own, that asks memory for many records at once.
        let looks: Vec<(usize, CallId)> =
            entries.iter().map(|entry| (weight(&entry.record), entry.record.id)).collect();
        let mut inner = self.lock();
        let count = entries.len() as u64;
        if inner.stop {
            inner.dropped += count;
            return;
        }
        if inner.present.is_full() || inner.present.is_old() {
            inner.close();
        }
        let inner = &mut *inner;
        let minutes_from = kept(super::writer::wall())[Level::Minute as usize];
        let generation = inner.present.number;
        for (Entry { record, names }, (weight, id)) in entries.into_iter().zip(looks) {
            inner.present.add(&record, &names, minutes_from);
            inner.pending_bytes += weight;
            inner.pending.push_back(Pending { generation, weight, id, record });
        }
        inner.appended += count;
        while inner.pending.len() > MAX_PENDING || inner.pending_bytes > MAX_PENDING_BYTES {
            inner.take(1);
            inner.settled += 1;
            inner.gap += 1;
            inner.dropped += 1;
        }
        if inner.soon(self.window) || inner.pending.len() >= EAGER {
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
                || inner.due.is_some_and(|due| due <= now && inner.has_work());
            if ready || now >= until {
                break;
            }
            let next = inner.due.filter(|_| inner.has_work()).map_or(until, |due| due.min(until));
            let wait = next.saturating_duration_since(now);
            inner = self.wake.wait_timeout(inner, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        let generation = inner.pending.front().map_or(0, |pending| pending.generation);
        let same = inner.pending.iter().take(BATCH).take_while(|pending| pending.generation == generation);
        Work {
            records: same.map(|pending| (pending.id, Arc::clone(&pending.record))).collect(),
            generation,
            first: inner.settled,
            accounts: inner.accounts.take(),
            gap: inner.gap,
            stop: inner.stop,
            roll: inner.roll,
            tidy: inner.tidy,
        }
    }

    /// The work is on disk.
    pub(crate) fn written(&self, work: &Work) {
        let mut inner = self.lock();
        // Some may have been given up meanwhile.
        let gone = (inner.settled - work.first) as usize;
        let count = work.records.len().saturating_sub(gone);
        inner.take(count);
        inner.settled += count as u64;
        inner.gap -= work.gap.min(inner.gap);
        // What was given up while it was being written is there all the same.
        let saved = gone.min(work.records.len()) as u64;
        inner.gap = inner.gap.saturating_sub(saved);
        inner.dropped = inner.dropped.saturating_sub(saved);
        inner.records += work.records.len() as i64;
        if let (None, Some((_, first))) = (inner.oldest, work.records.first()) {
            inner.oldest = Some(first.started_at.0);
        }
        inner.degraded = None;
        inner.hurry &= !inner.pending.is_empty();
        if !inner.has_work() {
            inner.due = None;
        }
        self.done.notify_all();
    }

    /// The work was not done: what was taken for it is there again.
    pub(crate) fn give_back(&self, work: Work) {
        let mut inner = self.lock();
        if let (None, Some(accounts)) = (&inner.accounts, work.accounts) {
            inner.accounts = Some(accounts);
        }
    }

    /// Records cannot be written; returns whether this is news.
    pub(crate) fn failed(&self, why: &str) -> bool {
        let mut inner = self.lock();
        let news = inner.degraded.is_none();
        inner.degraded = Some(why.to_owned());
        self.done.notify_all();
        news
    }

    /// History was put aside and begins anew.
    pub(crate) fn begun_anew(&self) {
        let mut inner = self.lock();
        (inner.records, inner.oldest) = (0, None);
    }

    /// The oldest sums that take no more records, once all their records are on disk.
    pub(crate) fn ripe(&self) -> Option<Arc<Generation>> {
        let mut inner = self.lock();
        let aged = inner.present.is_old() || inner.stop || std::mem::take(&mut inner.roll);
        if aged && inner.present.records > 0 {
            inner.close();
        }
        let oldest = inner.closed.front()?;
        let waiting = inner.pending.front().is_some_and(|pending| pending.generation <= oldest.number);
        (!waiting).then(|| Arc::clone(oldest))
    }

    /// The sums of a generation are on disk.
    pub(crate) fn rolled(&self, number: u64) {
        let mut inner = self.lock();
        inner.closed.retain(|generation| generation.number > number);
        self.done.notify_all();
    }

    /// Records that are not on disk and that `takes`.
    pub(crate) fn pending(&self, takes: impl Fn(&CallRecord) -> bool) -> Vec<Arc<CallRecord>> {
        let inner = self.lock();
        let all = inner.pending.iter().map(|pending| &pending.record);
        all.filter(|record| takes(record)).map(Arc::clone).collect()
    }

    /// The sums of a facet that may not be on disk, from a start on (Unix seconds), by generation.
    pub(crate) fn sums(&self, facet: Facet, from: i64) -> Vec<OpenSums> {
        let inner = self.lock();
        let open = |generation: &Generation| {
            let buckets = generation.sums.iter().flat_map(|sums| {
                let all = sums.iter().filter(move |(of, start, _)| *of == facet && *start >= from);
                all.map(|(_, start, bucket)| (sums.level(), start, bucket.clone()))
            });
            (generation.number, buckets.collect())
        };
        inner.closed.iter().map(|closed| open(closed)).chain([open(&inner.present)]).collect()
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
            if let (true, Some(why)) = (open, inner.upkeep.take()) {
                return Err(StoreError::Io(why, std::io::Error::other("not in the sums")));
            }
            if let (Some(why), true) = (&inner.degraded, inner.settled < target) {
                return Err(StoreError::Io(why.clone(), std::io::Error::other("not written")));
            }
        }
    }

    /// Waits until all is in order: sums, segments, retention.
    pub(crate) fn tidy(&self) -> Result<(), StoreError> {
        self.settle(true)?;
        let mut inner = self.lock();
        (inner.tidy, inner.upkeep) = (true, None);
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
        match inner.upkeep.take() {
            Some(why) => Err(StoreError::Io(why, std::io::Error::other("not in order"))),
            None => Ok(()),
        }
    }

    /// It could not be put in order.
    pub(crate) fn tidy_failed(&self, why: &str) {
        let mut inner = self.lock();
        (inner.tidy, inner.roll) = (false, false);
        inner.upkeep = Some(why.to_owned());
        self.done.notify_all();
    }

    /// All is in order.
    pub(crate) fn tidied(&self) {
        self.lock().tidy = false;
        self.done.notify_all();
    }

    /// Gives the accounts for the next commit, which is within the window also where there are no records for it.
    pub(crate) fn keep_accounts(&self, accounts: Accounts) {
        let mut inner = self.lock();
        inner.accounts = Some(accounts);
        if inner.soon(self.window) {
            self.wake.notify_one();
        }
    }

    /// A block could not be read; each counts once.
    pub(crate) fn count_damage(&self, error: &StoreError) {
        let mut inner = self.lock();
        if inner.damaged.len() < MAX_DAMAGED {
            inner.damaged.insert(error.to_string());
        }
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

    /// The writer has ended; returns how many records it leaves behind.
    pub(crate) fn stopped(&self) -> usize {
        let mut inner = self.lock();
        inner.stopped = true;
        let lost = inner.pending.len();
        inner.dropped += lost as u64;
        inner.take(lost);
        self.done.notify_all();
        lost
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
            damaged: inner.damaged.len() as u64,
            bytes: 0,
            oldest: inner.oldest.map(paceline_types::time::Timestamp),
        }
    }
}
