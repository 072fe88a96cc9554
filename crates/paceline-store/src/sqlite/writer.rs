//! The one thread that writes history: records as they come, then their sums, then segments; and deletes what is old.

use super::folder::{Folder, HISTORY, is_damage};
use super::live::{Live, Work};
use super::seal::Place;
use super::{Settings, retention, roll, seal};
use crate::column::write::Columns;
use crate::error::StoreError;
use crate::store::{Account, AccountName, Accounts, Spent};
use paceline_types::id::CallId;
use paceline_types::record::CallRecord;
use paceline_types::time::Timestamp;
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a failed write waits before it is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// The longest the writer sleeps: sums and retention have their turn also without calls.
const IDLE: Duration = Duration::from_secs(5);

/// While there is upkeep left to do.
const SOON: Duration = Duration::from_millis(50);
/// How long upkeep that failed waits.
const UPKEEP_RETRY: Duration = Duration::from_secs(10);
/// How long the end tries to write what is left.
const LAST_TRIES: Duration = Duration::from_secs(5);
/// A log of changes of so many bytes is long.
const LONG_LOG: u64 = 64 << 20;

/// Says what people should know: a level (`true`: it needs attention) and a text.
pub type Tell = Box<dyn Fn(bool, &str) + Send + Sync>;

pub(super) struct Writer {
    pub(super) live: Arc<Live>,
    pub(super) folder: Arc<Folder>,
    pub(super) settings: Settings,
    pub(super) tell: Arc<Tell>,
    /// `None` until it could be opened, and again after damage.
    pub(super) history: Option<Connection>,
    /// The accounts as they are on disk.
    pub(super) accounts: HashMap<AccountName, Account>,
    pub(super) tidied: Option<Instant>,
    pub(super) pen: Arc<Mutex<()>>,
    /// What was on disk at the start has been counted.
    pub(super) stocked: bool,
    /// Retention has more to do.
    pub(super) more: bool,
    /// When upkeep failed, while it does.
    pub(super) upkeep: Option<Instant>,
    pub(super) log_tried: Option<Instant>,
}

impl Writer {
    /// Opens what is there. A disk that does not answer is told and tried again later.
    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        match self.history() {
            Ok(()) => Ok(()),
            Err(error) if error.is_final() => Err(error),
            Err(error) => {
                self.trouble(&error);
                Ok(())
            }
        }
    }

    /// Runs until it is told to stop and all is written, or cannot be.
    pub(super) fn run(mut self) {
        // Records are not worth a call's time: whoever carries calls goes first.
        let _ = rustix::process::setpriority_process(None, 10);
        let mut stop_until: Option<Instant> = None;
        loop {
            let turn = catch_unwind(AssertUnwindSafe(|| self.turn()));
            let outcome = turn.unwrap_or_else(|_| {
                // What a defect has left half done is with the connection that is dropped here.
                self.history = None;
                Err(StoreError::Damaged("a defect in the store; please report it".into()))
            });
            let failed = outcome.is_err();
            if let Err(error) = outcome {
                self.trouble(&error);
                // Also at the end: a disk that refuses is not asked without pause.
                std::thread::sleep(RETRY);
            }
            if self.live.is_stopping() {
                let until = *stop_until.get_or_insert_with(|| Instant::now() + LAST_TRIES);
                if self.live.state().pending == 0 && !failed || Instant::now() > until {
                    break;
                }
            }
        }
        let lost = self.live.stopped();
        if lost > 0 {
            (self.tell)(
                true,
                &format!("{lost} call records could not be written before the end and are lost"),
            );
        }
    }

    /// Waits for work and does it.
    fn turn(&mut self) -> Result<(), StoreError> {
        // First, because what is found there changes how the work is counted.
        self.history()?;
        let work = self.live.work(if self.more { SOON } else { IDLE });
        if let Err(error) = self.write(&work) {
            self.live.give_back(work);
            return Err(error);
        }
        self.live.written(&work);
        // Who waits for it is answered at once, also where it failed a moment ago.
        let wanted = work.stop || work.roll || work.tidy;
        if wanted || self.upkeep.is_none_or(|failed| failed.elapsed() >= UPKEEP_RETRY) {
            self.upkeep(&work);
        }
        Ok(())
    }

    /// What can wait. A failure here loses nothing: it is told once, and tried again later.
    fn upkeep(&mut self, work: &Work) {
        match self.organise(work) {
            Ok(()) => self.upkeep = None,
            Err(error) => {
                if let StoreError::Database(error) = &error
                    && is_damage(error)
                {
                    self.history = None;
                }
                if self.upkeep.replace(Instant::now()).is_none() {
                    (self.tell)(true, &format!("history cannot be put in order for now: {error}"));
                }
                self.live.tidy_failed(&error.to_string());
            }
        }
    }

    fn trouble(&mut self, error: &StoreError) {
        if let StoreError::Database(error) = error
            && is_damage(error)
        {
            self.history = None;
        }
        if self.live.failed(&error.to_string()) {
            (self.tell)(true, &format!("call records wait in memory: {error}"));
        }
    }

    /// The connection; opened where it is not.
    fn history(&mut self) -> Result<(), StoreError> {
        if self.history.is_some() {
            return Ok(());
        }
        let (connection, aside) = self.folder.history(self.settings.flush)?;
        if let Some(aside) = &aside {
            let text = format!("history was damaged and put aside as {}; a new one begins", aside.display());
            (self.tell)(true, &text);
        }
        let known = accounts(&connection, "account")?;
        // Once: what was opened before is in memory already, and a new file has nothing.
        if !self.stocked {
            roll::take_stock(&connection, &self.live, &self.settings.names)?;
            self.stocked = true;
        } else if aside.is_some() {
            self.live.begun_anew();
        }
        self.accounts = known.into_iter().collect();
        self.history = Some(connection);
        Ok(())
    }

    /// One commit: records, accounts, what was given up.
    fn write(&mut self, work: &Work) -> Result<(), StoreError> {
        let changed: Vec<_> = work.accounts.iter().flatten().cloned().collect();
        let changed: Accounts =
            changed.into_iter().filter(|(name, account)| self.accounts.get(name) != Some(account)).collect();
        let was_degraded = self.live.state().degraded.is_some();
        let _pen = self.pen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(history) = &mut self.history else { return Err(StoreError::Stopped) };
        if work.records.is_empty() && changed.is_empty() && work.gap == 0 && !was_degraded {
            return Ok(());
        }
        let transaction = history.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        if !work.records.is_empty() {
            let mut records: Vec<(CallId, &CallRecord)> =
                work.records.iter().map(|(id, record)| (*id, &**record)).collect();
            // What is a segment's worth at once needs no tail.
            if records.len() >= self.settings.segment / 2 {
                records.sort_by_key(|(id, _)| *id);
                segment(&transaction, &records, work.generation)?;
            } else {
                insert(&transaction, &records, work.generation)?;
            }
        }
        put_accounts(&transaction, "account", &changed)?;
        if work.gap > 0 {
            let mut statement = transaction.prepare_cached(
                "INSERT INTO gap (at, n) VALUES (?1, ?2) ON CONFLICT (at) DO UPDATE SET n = n + excluded.n",
            )?;
            statement.execute(params![wall().0, work.gap as i64])?;
        }
        // Something is written even when there is nothing to write: only so it is known that the disk is well again.
        if was_degraded {
            transaction
                .execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('well', ?1)", [wall().0])?;
        }
        transaction.commit()?;
        self.accounts.extend(changed);
        if was_degraded {
            let lost = match work.gap {
                0 => String::new(),
                gap => format!("; {gap} of them were given up meanwhile"),
            };
            (self.tell)(work.gap > 0, &format!("call records are written again{lost}"));
        }
        Ok(())
    }

    /// Sums, retention, segments, the log of changes.
    fn organise(&mut self, work: &Work) -> Result<(), StoreError> {
        let _pen = self.pen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(history) = &mut self.history else { return Ok(()) };
        while let Some(generation) = self.live.ripe() {
            roll::roll(history, &generation, wall())?;
            self.live.rolled(generation.number);
        }
        if work.stop {
            return Ok(());
        }
        // Before new segments: it is what makes room. A step is small, so that records never wait long.
        let due =
            work.tidy || self.more || self.tidied.is_none_or(|at| at.elapsed() >= self.settings.tidy_every);
        if due {
            self.more = retention::step(history, &self.settings, &self.live, wall())?;
            while self.more && work.tidy {
                self.more = retention::step(history, &self.settings, &self.live, wall())?;
            }
            if !self.more {
                self.tidied = Some(Instant::now());
            }
        }
        while seal::step(history, &self.live, self.settings.segment)? && !self.live.is_stopping() {
            // The cap holds also while much is written.
            self.more |= retention::used_bytes(history)? > self.settings.max_bytes;
        }
        shorten_log(history, self.folder.path(), &mut self.log_tried)?;
        if work.tidy {
            self.live.tidied();
        }
        Ok(())
    }
}

/// Begins the log of changes anew where it has grown long: commits that follow each other closely never let the keeper
/// do it. A reader that holds it up is waited for half a second, and again some seconds later.
fn shorten_log(history: &Connection, folder: &Path, tried: &mut Option<Instant>) -> Result<(), StoreError> {
    let bytes = std::fs::metadata(folder.join(format!("{HISTORY}-wal"))).map_or(0, |file| file.len());
    if bytes < LONG_LOG || tried.is_some_and(|at| at.elapsed() < UPKEEP_RETRY) {
        return Ok(());
    }
    *tried = Some(Instant::now());
    history.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// Records as columns, and what is said of them beside.
fn columns(records: &[(CallId, &CallRecord)], generation: u64) -> Option<(Columns, Place)> {
    let (first, record) = records.first()?;
    let (mut ids, mut times) = ((*first, *first), (record.started_at.0, record.started_at.0));
    let mut columns = Columns::with_room(records.len());
    for (id, record) in records {
        ids = (ids.0.min(*id), ids.1.max(*id));
        times = (times.0.min(record.started_at.0), times.1.max(record.started_at.0));
        columns.push(record);
    }
    Some((columns, Place { rows: records.len(), ids, times, generation }))
}

/// Writes sorted records as one segment.
fn segment(
    history: &Connection,
    records: &[(CallId, &CallRecord)],
    generation: u64,
) -> Result<(), StoreError> {
    let Some((mut columns, place)) = columns(records, generation) else { return Ok(()) };
    seal::put(history, &place, &mut columns)
}

/// Appends records to the tail as one block.
fn insert(
    history: &Connection,
    records: &[(CallId, &CallRecord)],
    generation: u64,
) -> Result<(), StoreError> {
    let Some((columns, place)) = columns(records, generation) else { return Ok(()) };
    let data = columns.block();
    let mut statement = history.prepare_cached(
        "INSERT INTO tail (generation, n, id_min, id_max, t_min, t_max, crc, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    statement.execute(params![
        generation as i64,
        place.rows as i64,
        place.ids.0.to_bytes(),
        place.ids.1.to_bytes(),
        place.times.0,
        place.times.1,
        crc32fast::hash(&data),
        data,
    ])?;
    Ok(())
}

/// Reads the accounts of a table.
pub(super) fn accounts(connection: &Connection, table: &str) -> Result<Accounts, StoreError> {
    let sql = format!(
        "SELECT tenant, workspace, key, calls, input, output, cost, day_start, day_cost, month_start, month_cost, open FROM {table}"
    );
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([], |row| {
        let name = |at: usize| row.get::<_, String>(at).map(|text| text.as_str().into());
        let count = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
        let account = Account {
            calls: count(3)?,
            input_tokens: count(4)?,
            output_tokens: count(5)?,
            cost_pico: row.get(6)?,
            spent: Spent {
                day_start: Timestamp(row.get(7)?),
                day_pico: row.get(8)?,
                month_start: Timestamp(row.get(9)?),
                month_pico: row.get(10)?,
                open_pico: row.get(11)?,
            },
        };
        Ok(((name(0)?, name(1)?, name(2)?), account))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes accounts to a table. Counts only grow: a smaller one is of somebody who did not know the whole.
pub(super) fn put_accounts(
    connection: &Connection,
    table: &str,
    accounts: &Accounts,
) -> Result<(), StoreError> {
    if accounts.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO {table} (tenant, workspace, key, calls, input, output, cost, day_start, day_cost, month_start,
           month_cost, open) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (tenant, workspace, key) DO UPDATE SET calls = max(calls, excluded.calls),
           input = max(input, excluded.input), output = max(output, excluded.output), cost = max(cost, excluded.cost),
           day_cost = CASE WHEN excluded.day_start > day_start THEN excluded.day_cost
             WHEN excluded.day_start = day_start THEN max(day_cost, excluded.day_cost) ELSE day_cost END,
           day_start = max(day_start, excluded.day_start),
           month_cost = CASE WHEN excluded.month_start > month_start THEN excluded.month_cost
             WHEN excluded.month_start = month_start THEN max(month_cost, excluded.month_cost) ELSE month_cost END,
           month_start = max(month_start, excluded.month_start), open = excluded.open"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    for ((tenant, workspace, key), account) in accounts {
        let Account { calls, input_tokens, output_tokens, cost_pico, spent } = account;
        let counts = [*calls as i64, *input_tokens as i64, *output_tokens as i64, *cost_pico];
        let [calls, input, output, cost] = counts;
        statement.execute(params![
            &**tenant,
            &**workspace,
            &**key,
            calls,
            input,
            output,
            cost,
            spent.day_start.0,
            spent.day_pico,
            spent.month_start.0,
            spent.month_pico,
            spent.open_pico,
        ])?;
    }
    Ok(())
}

/// The wall clock.
pub(super) fn wall() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(since.unwrap_or_default().as_micros() as i64)
}
