//! The operations log: `logs/performance_YYYYMMDD_HHMMSS.jsonl`, a JSON object a line.
//!
//! Operations are calls (`MODEL_INVOKE`, raw ones `API_CALL`), tasks (`TASK_EXECUTION`) and sessions (`SESSION`), each
//! written once when it is over, with both its times; events tell what happened between. A call names its task and its
//! session (`details.parent`, `details.session_id`), a task its session, so that the tree can be read back whatever order
//! lines have: [`read`] does it. Names and numbers only: no text of prompts or answers.
//!
//! Nobody waits for this log: calls go to a thread of its own through a bounded queue, and what does not fit is counted
//! and told in the log itself (`LOG_GAP`).

mod disk;
pub mod event;
mod line;
mod nest;
pub mod read;
pub mod tree;

use super::own::Keep;
use super::zone::Zone;
use crate::recorder::now;
use disk::Disk;
use event::{Event, EventKind};
use line::Lines;
use nest::{Ended, Nest};
use paceline_types::record::CallRecord;
use serde_json::json;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Calls that wait to be written; further ones are left out and counted.
const CALLS: usize = 16_384;
/// Batches and events that wait.
const ENTRIES: usize = 1024;
/// Text is written at the latest when there is so much of it.
const CHUNK: usize = 256 << 10;
/// How often it is looked for what is over.
const TICK: Duration = Duration::from_secs(1);

/// Settings of the operations log.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationsSettings {
    /// Whether it is written (`ENABLE_PERFORMANCE_LOGGING`).
    pub enabled: bool,
    /// Where: `<data>/logs`.
    pub folder: PathBuf,
    /// Whose midnight and whose clock.
    pub zone: Zone,
    /// Sessions and tasks are over when nothing was heard of them for so long.
    pub idle: Duration,
    /// A file of so many bytes is followed by a new one.
    pub max_file_bytes: u64,
    /// How long files are kept, and how many bytes of them (the open one comes on top).
    pub keep: Keep,
}

/// What the thread is given.
enum Entry {
    Calls(Vec<Arc<CallRecord>>),
    Event(Box<Event>),
    Settings(Box<OperationsSettings>),
    /// Everything before has been written when this is answered.
    Mark(SyncSender<()>),
    /// Close what is open and end.
    End(SyncSender<()>),
}

#[derive(Default)]
struct Shared {
    enabled: AtomicBool,
    waiting: AtomicUsize,
    dropped: AtomicU64,
    lost_lines: AtomicU64,
    problem: Mutex<Option<String>>,
}

/// Writes the log.
pub struct OperationsLog {
    entries: SyncSender<Entry>,
    shared: Arc<Shared>,
}

impl OperationsLog {
    /// Starts the thread. Without one everything is counted as dropped.
    pub fn start(settings: OperationsSettings) -> Self {
        let (entries, waiting) = sync_channel(ENTRIES);
        let shared = Arc::new(Shared::default());
        shared.enabled.store(settings.enabled, Ordering::Relaxed);
        let mut thread = Thread::new(settings, Arc::clone(&shared));
        let _ = std::thread::Builder::new().name("paceline-operations".into()).spawn(move || {
            crate::process::background();
            thread.run(waiting);
        });
        Self { entries, shared }
    }

    /// Calls that are over. Never waits.
    pub fn calls(&self, batch: &[Arc<CallRecord>]) {
        if batch.is_empty() || !self.shared.enabled.load(Ordering::Relaxed) {
            return;
        }
        let room = CALLS.saturating_sub(self.shared.waiting.load(Ordering::Relaxed)).min(batch.len());
        let (taken, left) = batch.split_at(room);
        let mut dropped = left.len();
        if !taken.is_empty() {
            self.shared.waiting.fetch_add(taken.len(), Ordering::Relaxed);
            if self.entries.try_send(Entry::Calls(taken.to_vec())).is_err() {
                self.shared.waiting.fetch_sub(taken.len(), Ordering::Relaxed);
                dropped = batch.len();
            }
        }
        if dropped > 0 {
            self.shared.dropped.fetch_add(dropped as u64, Ordering::Relaxed);
        }
    }

    /// Something happened. Never waits.
    pub fn event(&self, event: Event) {
        if self.shared.enabled.load(Ordering::Relaxed)
            && self.entries.try_send(Entry::Event(event.into())).is_err()
        {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Other settings, from now on. Switched off, it closes what is open. Whether there was room to say so.
    pub fn set(&self, settings: OperationsSettings) -> bool {
        self.shared.enabled.store(settings.enabled, Ordering::Relaxed);
        self.entries.try_send(Entry::Settings(settings.into())).is_ok()
    }

    /// Calls and events that did not fit into the queue, since start.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Lines that the disk did not take, since start.
    pub fn lost_lines(&self) -> u64 {
        self.shared.lost_lines.load(Ordering::Relaxed)
    }

    /// What went wrong with the disk, told once: for the log for people.
    pub fn take_problem(&self) -> Option<String> {
        self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Waits until what was given is written, `patience` at most. Whether it is.
    pub fn flush(&self, patience: Duration) -> bool {
        self.told(Entry::Mark, patience)
    }

    /// Closes all tasks and sessions, writes everything and ends the thread; waits `patience` at most. Whether it is
    /// done. What comes later is dropped.
    pub fn close(&self, patience: Duration) -> bool {
        self.told(Entry::End, patience)
    }

    fn told(&self, entry: fn(SyncSender<()>) -> Entry, patience: Duration) -> bool {
        let (reached, mark) = sync_channel(1);
        self.entries.try_send(entry(reached)).is_ok() && mark.recv_timeout(patience).is_ok()
    }
}

/// The writing side.
struct Thread {
    settings: OperationsSettings,
    shared: Arc<Shared>,
    nest: Nest,
    disk: Disk,
    lines: Lines,
    /// Dropped calls and lost lines of which the log tells already.
    told: (u64, u64),
}

impl Thread {
    fn new(settings: OperationsSettings, shared: Arc<Shared>) -> Self {
        let nest = Nest::new(settings.zone.clone(), settings.idle);
        let zone = settings.zone.clone();
        let disk = Disk::new(&settings.folder, zone, settings.max_file_bytes, settings.keep);
        Self { settings, shared, nest, disk, lines: Lines::default(), told: (0, 0) }
    }

    fn run(&mut self, entries: Receiver<Entry>) {
        loop {
            match entries.recv_timeout(TICK) {
                Ok(Entry::End(reached)) => {
                    self.end(Ended::Shutdown);
                    // What comes from here on finds nobody, and is counted.
                    drop(entries);
                    let _ = reached.send(());
                    return;
                }
                Ok(entry) => self.take(entry),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.end(Ended::Shutdown),
            }
            self.tick();
        }
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Calls(batch) => {
                for record in &batch {
                    self.nest.call(record, now(), &mut self.lines);
                    if self.lines.text.len() >= CHUNK {
                        self.write();
                    }
                }
                self.shared.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
            }
            Entry::Event(event) => self.lines.event(&event, &self.settings.zone),
            Entry::Settings(settings) => self.set(*settings),
            Entry::Mark(reached) => {
                self.write();
                let _ = reached.send(());
            }
            Entry::End(_) => {}
        }
    }

    fn set(&mut self, settings: OperationsSettings) {
        if !settings.enabled {
            self.end(Ended::Shutdown);
        }
        self.nest.set(settings.zone.clone(), settings.idle);
        let zone = settings.zone.clone();
        self.disk.set(&settings.folder, zone, settings.max_file_bytes, settings.keep);
        self.settings = settings;
    }

    fn tick(&mut self) {
        let now = now();
        self.nest.tick(now, &mut self.lines);
        self.write();
        self.disk.tick(now);
    }

    fn end(&mut self, ended: Ended) {
        self.nest.close(ended, &mut self.lines);
        self.write();
        self.disk.close();
    }

    /// Writes what is there, and before it what is missing.
    fn write(&mut self) {
        let now = now();
        let missing = (self.shared.dropped.load(Ordering::Relaxed), self.disk.lost());
        let (calls, lines) = (missing.0 - self.told.0, missing.1 - self.told.1);
        if (calls > 0 || lines > 0) && self.disk.is_well(now) {
            let gap = Event::new(now, EventKind::LogGap, json!({ "calls": calls, "lines": lines }));
            self.lines.event(&gap, &self.settings.zone);
        }
        self.disk.append(&mut self.lines, now);
        if self.disk.lost() == missing.1 && self.disk.is_well(now) {
            self.told = missing;
        }
        self.shared.lost_lines.store(self.disk.lost(), Ordering::Relaxed);
        if let Some(problem) = self.disk.take_problem() {
            *self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
        }
    }
}

#[cfg(test)]
mod log_tests;
#[cfg(test)]
mod tests;
