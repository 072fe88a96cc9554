//! The one thread that writes history: records as they come, then their sums, then segments; and deletes what is old.

use super::folder::{Folder, is_damage};
use super::live::{Live, Work};
use super::seal::Place;
use super::{Settings, retention, roll, seal};
use crate::column::write::Columns;
use crate::error::StoreError;
use crate::store::{Account, AccountName, Accounts};
use paceline_types::record::CallRecord;
use paceline_types::time::Timestamp;
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a failed write waits before it is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// The longest the writer sleeps: sums and retention have their turn also without calls.
const IDLE: Duration = Duration::from_secs(5);

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
}

impl Writer {
    /// Opens what is there. A disk that does not answer is told and tried again later.
    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        match self.history() {
            Ok(_) => Ok(()),
            Err(error) if error.is_final() => Err(error),
            Err(error) => {
                self.trouble(Work::default(), &error);
                Ok(())
            }
        }
    }

    /// Runs until it is told to stop and all is written, or could not be.
    pub(super) fn run(mut self) {
        // Records are not worth a call's time: whoever carries calls goes first.
        let _ = rustix::process::setpriority_process(None, 10);
        loop {
            let work = self.live.work(IDLE);
            let stop = work.stop;
            let outcome = self.write(&work).and_then(|()| {
                self.live.written(&work);
                self.organise(&work)
            });
            let failed = outcome.is_err();
            if let Err(error) = outcome {
                self.trouble(work, &error);
                self.live.pause(RETRY);
            }
            if stop && (failed || self.live.state().pending == 0) {
                break;
            }
        }
        self.live.stopped();
    }

    fn trouble(&mut self, work: Work, error: &StoreError) {
        if let StoreError::Database(error) = error
            && is_damage(error)
        {
            self.history = None;
        }
        if self.live.failed(work, &error.to_string()) {
            (self.tell)(true, &format!("call records wait in memory: {error}"));
        }
    }

    /// The connection; opened where it is not.
    fn history(&mut self) -> Result<&mut Connection, StoreError> {
        if self.history.is_none() {
            let (mut connection, aside) = self.folder.history(self.settings.flush)?;
            if let Some(aside) = aside {
                let text =
                    format!("history was damaged and put aside as {}; a new one begins", aside.display());
                (self.tell)(true, &text);
            }
            roll::take_stock(&mut connection, &self.live, &self.settings.names)?;
            self.accounts = accounts(&connection, "account")?.into_iter().collect();
            self.history = Some(connection);
        }
        self.history.as_mut().ok_or(StoreError::Stopped)
    }

    /// One commit: records, accounts, what was given up.
    fn write(&mut self, work: &Work) -> Result<(), StoreError> {
        let changed: Vec<_> = work.accounts.iter().flatten().cloned().collect();
        let changed: Accounts =
            changed.into_iter().filter(|(name, account)| self.accounts.get(name) != Some(account)).collect();
        let was_degraded = self.live.state().degraded.is_some();
        self.history()?;
        let Some(history) = &mut self.history else { return Err(StoreError::Stopped) };
        if work.entries.is_empty() && changed.is_empty() && work.gap == 0 && !was_degraded {
            return Ok(());
        }
        let transaction = history.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        if !work.entries.is_empty() {
            let mut records: Vec<&CallRecord> = work.entries.iter().map(|entry| &*entry.record).collect();
            // What is a segment's worth at once needs no tail.
            if records.len() >= self.settings.segment / 2 {
                records.sort_by_key(|record| record.id);
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
            (self.tell)(false, "call records are written again");
        }
        Ok(())
    }

    /// What can wait: sums, segments, retention.
    fn organise(&mut self, work: &Work) -> Result<(), StoreError> {
        let Some(history) = &mut self.history else { return Ok(()) };
        while let Some(generation) = self.live.ripe() {
            roll::roll(history, &generation, wall())?;
            self.live.rolled(generation.number);
        }
        if work.stop {
            return Ok(());
        }
        while seal::step(history, self.settings.segment)? && !self.live.is_stopping() {}
        let due = work.tidy || self.tidied.is_none_or(|at| at.elapsed() >= self.settings.tidy_every);
        // A step is small, so that records never wait long; while there is more to do, it goes on after each commit.
        while due && retention::step(history, &self.settings, &self.live, wall())? {
            if !work.tidy {
                return Ok(());
            }
        }
        if due {
            self.tidied = Some(Instant::now());
        }
        if work.tidy {
            self.live.tidied();
        }
        Ok(())
    }
}

/// Records as columns, and what is said of them beside.
fn columns(records: &[&CallRecord], generation: u64) -> Option<(Columns, Place)> {
    let mut columns = Columns::default();
    for record in records {
        columns.push(record);
    }
    let ids = || records.iter().map(|record| record.id);
    let times = || records.iter().map(|record| record.started_at.0);
    let place = Place {
        rows: records.len(),
        ids: (ids().min()?, ids().max()?),
        times: (times().min()?, times().max()?),
        generation,
    };
    Some((columns, place))
}

/// Writes sorted records as one segment.
fn segment(history: &Connection, records: &[&CallRecord], generation: u64) -> Result<(), StoreError> {
    let Some((mut columns, place)) = columns(records, generation) else { return Ok(()) };
    seal::put(history, &place, &mut columns)
}

/// Appends records to the tail as one block.
fn insert(history: &Connection, records: &[&CallRecord], generation: u64) -> Result<(), StoreError> {
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
    let sql = format!("SELECT tenant, workspace, key, calls, input, output, cost FROM {table}");
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([], |row| {
        let name = |at: usize| row.get::<_, String>(at).map(|text| text.as_str().into());
        let count = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
        let account = Account {
            calls: count(3)?,
            input_tokens: count(4)?,
            output_tokens: count(5)?,
            cost_pico: row.get(6)?,
        };
        Ok(((name(0)?, name(1)?, name(2)?), account))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes accounts to a table.
pub(super) fn put_accounts(
    connection: &Connection,
    table: &str,
    accounts: &Accounts,
) -> Result<(), StoreError> {
    if accounts.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT OR REPLACE INTO {table} (tenant, workspace, key, calls, input, output, cost) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    for ((tenant, workspace, key), account) in accounts {
        let Account { calls, input_tokens, output_tokens, cost_pico } = account;
        let counts = [*calls as i64, *input_tokens as i64, *output_tokens as i64, *cost_pico];
        let [calls, input, output, cost] = counts;
        statement.execute(params![&**tenant, &**workspace, &**key, calls, input, output, cost])?;
    }
    Ok(())
}

/// The wall clock.
pub(super) fn wall() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(since.unwrap_or_default().as_micros() as i64)
}
