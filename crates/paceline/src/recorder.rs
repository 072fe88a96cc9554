//! From the path to everything that reads records: a bounded queue that never makes a call wait, drained in batches.

use crate::bodies::{BodyKeeper, BodyQueue};
use crate::feed::Feed;
use crate::files::run::Files;
use crate::labels::Bounded;
use crate::latest::Latest;
use crate::log::Log;
use crate::metrics::series::Series;
use crate::unpriced::Unpriced;
use crossbeam_queue::ArrayQueue;
use paceline_routing::confidence::confidence;
use paceline_store::store::{Accounts, Entry, Store};
use paceline_types::capture::Captured;
use paceline_types::ports::{RecordSink, Settled};
use paceline_types::record::CallRecord;
use paceline_types::time::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, oneshot};

/// Records that wait for the recorder at most: more than two drains' worth at 60,000 calls a second.
const QUEUE: usize = 16_384;
/// How often the queue is drained.
pub(crate) const DRAIN: Duration = Duration::from_millis(100);

/// The queue between the path and the recorder.
pub struct RecordQueue {
    queue: ArrayQueue<Box<CallRecord>>,
    dropped: AtomicU64,
    /// Where answers wait for their records: who waits, and what wakes the recorder.
    waiting: Option<(ArrayQueue<oneshot::Sender<()>>, Arc<Notify>)>,
    /// Bodies that were captured, beside the records.
    pub bodies: BodyQueue,
}

impl Default for RecordQueue {
    fn default() -> Self {
        let queue = ArrayQueue::new(QUEUE);
        Self { queue, dropped: AtomicU64::new(0), waiting: None, bodies: BodyQueue::default() }
    }
}

impl RecordSink for RecordQueue {
    fn accept(&self, record: Box<CallRecord>) {
        if self.queue.push(record).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn capture(&self, captured: Box<Captured>) {
        self.bodies.push(captured);
    }

    fn settled(&self) -> Option<Settled> {
        let (waiting, wake) = self.waiting.as_ref()?;
        let (sender, kept) = oneshot::channel();
        let is_queued = waiting.push(sender).is_ok();
        wake.notify_one();
        // Without room nobody waits: more calls than that end at once only where the disk has stopped.
        Some(Box::pin(async move {
            if is_queued {
                let _ = kept.await;
            }
        }))
    }
}

impl RecordQueue {
    /// A queue whose answers wait until their records are kept.
    pub fn settling() -> Self {
        let waiting = Some((ArrayQueue::new(QUEUE), Arc::default()));
        Self { waiting, ..Self::default() }
    }

    /// Ready when somebody waits for a record.
    async fn wanted(&self) {
        match &self.waiting {
            Some((_, wake)) => wake.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Who waits.
    fn waiters(&self) -> Vec<oneshot::Sender<()>> {
        let Some((waiting, _)) = &self.waiting else { return Vec::new() };
        std::iter::from_fn(|| waiting.pop()).take(QUEUE).collect()
    }

    /// Records for which there was no room.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Records that wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }
}

/// The wall clock.
pub fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as i64)
}

/// Reads the queue and tells every reader.
pub struct Recorder {
    /// Where records come from.
    pub queue: Arc<RecordQueue>,
    /// What is known now.
    pub latest: Latest,
    /// New calls for who watches.
    pub feed: Feed,
    /// What is exported as metrics.
    pub metrics: Series,
    /// Snapshots and the operations log.
    pub files: Option<Files>,
    /// What becomes of captured bodies.
    pub bodies: BodyKeeper,
    /// Whose prices are not known.
    pub unpriced: Unpriced,
    /// All records that are kept.
    pub store: Arc<dyn Store>,
    /// The names that statistics tell apart.
    pub names: Arc<Bounded>,
    log: Arc<Log>,
    told_drops: AtomicU64,
    /// What each caller has used.
    accounts: OnceLock<Box<dyn Fn() -> Accounts + Send + Sync>>,
    /// Who learns from finished calls.
    learner: OnceLock<Learner>,
}

/// Learns from a batch of finished calls.
type Learner = Box<dyn Fn(&[Entry]) + Send + Sync>;

impl Recorder {
    /// A recorder that gives records to `store`, counted under the names that `names` tells apart.
    pub fn new(queue: Arc<RecordQueue>, store: Arc<dyn Store>, names: Arc<Bounded>, log: Arc<Log>) -> Self {
        Self {
            queue,
            latest: Latest::default(),
            feed: Feed::default(),
            metrics: Series::default(),
            files: None,
            bodies: BodyKeeper::default(),
            unpriced: Unpriced::default(),
            store,
            names,
            log,
            told_drops: AtomicU64::new(0),
            accounts: OnceLock::new(),
            learner: OnceLock::new(),
        }
    }

    /// The same, which also gives records to `files`.
    #[must_use]
    pub fn with_files(mut self, files: Files) -> Self {
        self.files = Some(files);
        self
    }

    /// Where lines for people go.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// From now on the store keeps what `accounts` tells, first for the calls whose records it already has, then with
    /// every batch of records.
    pub fn accounts_from(&self, accounts: impl Fn() -> Accounts + Send + Sync + 'static) {
        let _ = self.accounts.set(Box::new(accounts));
        self.keep_accounts();
    }

    /// Whether what callers use is kept.
    pub(crate) fn keeps_accounts(&self) -> bool {
        self.accounts.get().is_some()
    }

    /// The store keeps the accounts as they are now, where what was used before is known.
    pub(crate) fn keep_accounts(&self) {
        if let Some(accounts) = self.accounts.get() {
            self.store.keep_accounts(accounts());
        }
    }

    /// From now on `learner` sees every batch of finished calls.
    pub fn teach(&self, learner: impl Fn(&[Entry]) + Send + Sync + 'static) {
        let _ = self.learner.set(Box::new(learner));
    }

    /// Drains for ever; the caller drops the future to stop.
    pub async fn run(&self) {
        let mut tick = tokio::time::interval(DRAIN);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = tick.tick() => self.drain(),
                () = self.queue.wanted() => self.keep().await,
            }
        }
    }

    /// Lets those go on who wait for their records: all of them by one commit.
    async fn keep(&self) {
        // First who waits, then what they wait for: a record is in the queue before its caller waits.
        let waiters = self.queue.waiters();
        self.drain();
        let store = Arc::clone(&self.store);
        // Where it cannot be kept the store says so itself.
        let mut settle = tokio::task::spawn_blocking(move || store.settle());
        // Records go on being taken while a slow disk is waited for.
        let mut tick = tokio::time::interval(DRAIN);
        loop {
            tokio::select! {
                _ = &mut settle => break,
                _ = tick.tick() => self.drain(),
            }
        }
        for waiter in waiters {
            let _ = waiter.send(());
        }
    }

    /// Stores the captured bodies that wait. Waits for the disk.
    pub fn keep_bodies(&self) {
        self.bodies.keep(&self.queue.bodies, &*self.store, &self.log);
    }

    /// Takes what waits, now. Whoever asks for records calls it first, so that an answered call is found at once.
    pub fn drain(&self) {
        let waiting = self.queue.waiting();
        if waiting == 0 {
            return;
        }
        let mut batch: Vec<Arc<CallRecord>> = Vec::with_capacity(waiting);
        while batch.len() < waiting {
            let Some(mut record) = self.queue.queue.pop() else { break };
            // Worked out here, because it costs more than the decision and no call waits for it.
            if let Some(decision) = &mut record.decision {
                decision.confidence = confidence(decision).map(|sure| sure as f32);
            }
            batch.push(record.into());
        }
        self.metrics.fold(batch.iter().map(AsRef::as_ref));
        self.unpriced.look(batch.iter().map(AsRef::as_ref), &self.log);
        self.log.calls(&batch);
        self.feed.tell(&batch);
        if let Some(files) = &self.files {
            files.calls(&batch);
        }
        let entry = |record: Arc<CallRecord>| Entry { names: self.names.of(&record), record };
        let entries: Vec<Entry> = batch.into_iter().map(entry).collect();
        self.latest.fold(entries.iter().map(|entry| &*entry.record));
        if let Some(learner) = self.learner.get() {
            learner(&entries);
        }
        // A call is in its account before its record is in the queue: what is kept with these records is never behind.
        self.keep_accounts();
        self.store.append(entries);
        let dropped = self.queue.dropped();
        let told = self.told_drops.swap(dropped, Ordering::Relaxed);
        if dropped > told {
            self.log
                .warn(&format!("{} call records were dropped: the recorder cannot keep up", dropped - told));
        }
    }
}
