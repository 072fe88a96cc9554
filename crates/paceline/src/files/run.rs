//! Files while the program runs: what is given to the operations log, and when snapshots are written.

use super::operations::event::Event;
use super::operations::{OperationsLog, OperationsSettings};
use super::own::Keep;
use super::snapshot::{Measured, SnapshotSettings, Snapshots, Sums};
use crate::config::Config;
use crate::log::Log;
use crate::recorder::now;
use paceline_stats::bucket::Level;
use paceline_stats::rollup::{Facet, KEEP_SECONDS};
use paceline_store::store::{Store, Window};
use paceline_types::record::CallRecord;
use paceline_types::time::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often it is looked for what is due.
pub const TURN: Duration = Duration::from_secs(2);
/// How long the end waits for the operations log.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Both kinds of files.
pub struct Files {
    operations: OperationsLog,
    snapshots: Mutex<Option<Snapshots>>,
    started: Instant,
    started_at: Timestamp,
}

impl Files {
    /// Begins. What a disk refuses is told later, and tried again.
    pub fn new(config: &Config, started: Instant, started_at: Timestamp) -> Self {
        let operations = OperationsLog::start(operations(config));
        Self { operations, snapshots: Mutex::new(snapshots(config)), started, started_at }
    }

    /// From now on as `config` says.
    pub fn set(&self, config: &Config) {
        self.operations.set(operations(config));
        *self.snapshots.lock().unwrap_or_else(PoisonError::into_inner) = snapshots(config);
    }

    /// Takes finished calls; never waits.
    pub fn calls(&self, records: &[Arc<CallRecord>]) {
        self.operations.calls(records);
    }

    /// Something happened beside calls; never waits.
    pub fn event(&self, event: Event) {
        self.operations.event(event);
    }

    /// Writes what is due. Waits for the disk.
    pub fn turn(&self, store: &dyn Store, log: &Log) {
        if let Some(problem) = self.operations.take_problem() {
            log.warn(&problem);
        }
        let measured = FromStore { store, started_at: self.started_at };
        let mut snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(snapshots) = &mut *snapshots
            && let Some(problem) = snapshots.turn(now(), self.started.elapsed(), &measured).problem
        {
            log.warn(&problem);
        }
    }

    /// At the end: what is open is closed and written.
    pub fn close(&self, store: &dyn Store, log: &Log) {
        self.operations.close(LAST_WORDS);
        let measured = FromStore { store, started_at: self.started_at };
        let mut snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(snapshots) = &mut *snapshots
            && let Some(problem) = snapshots.last(now(), self.started.elapsed(), &measured).problem
        {
            log.warn(&problem);
        }
    }

    /// Calls and lines that the operations log has not taken.
    pub fn operations_lost(&self) -> u64 {
        self.operations.dropped() + self.operations.lost_lines()
    }
}

fn operations(config: &Config) -> OperationsSettings {
    let files = &config.files;
    OperationsSettings {
        enabled: files.operations,
        folder: config.data.join("logs"),
        zone: files.zone.clone(),
        idle: files.idle,
        max_file_bytes: files.max_file_bytes,
        keep: Keep { days: Some(files.operations_days), bytes: Some(files.max_total_bytes) },
    }
}

fn snapshots(config: &Config) -> Option<Snapshots> {
    let files = &config.files;
    let settings = SnapshotSettings {
        zone: files.zone.clone(),
        renew: files.renew,
        keep_hourly_days: Some(files.keep_hourly_days),
        keep_daily_days: Some(files.keep_daily_days),
    };
    files.snapshots.then(|| Snapshots::new(&config.data.join("metrics"), settings))
}

/// What was measured, as the store knows it.
struct FromStore<'a> {
    store: &'a dyn Store,
    started_at: Timestamp,
}

impl FromStore<'_> {
    fn sums(&self, from: Timestamp, until: Option<Timestamp>) -> Option<Sums> {
        let mut sums = Sums::default();
        let window = Window { from, until, facet: Facet::Served, widest: Level::Day, now: now() };
        let read = self.store.tallies(&window, &mut |_, _, key, tally| {
            sums.all.merge(tally);
            let model = &key.0[1];
            if !model.is_empty() {
                sums.by_model.entry(model.to_string()).or_default().merge(tally);
            }
        });
        read.ok().map(|()| sums)
    }
}

impl Measured for FromStore<'_> {
    fn between(&self, from: Timestamp, until: Timestamp) -> Option<Sums> {
        // Minutes are known for two days, then whole hours.
        let old = from.seconds() < now().seconds() - KEEP_SECONDS[Level::Minute as usize];
        let whole = |at: Timestamp| Level::Hour.floor(at.seconds()) == at.seconds();
        if old && !(whole(from) && whole(until)) {
            return None;
        }
        self.sums(from, Some(until))
    }

    fn since_start(&self) -> Sums {
        // To the minute: what a process before this one did in the minute of the start counts too.
        self.sums(self.started_at, None).unwrap_or_default()
    }
}
