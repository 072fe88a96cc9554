//! The tables on disk, their versions, and how long what is in each is kept.

use crate::error::StoreError;
use rusqlite::Connection;
use std::path::Path;

/// The version of history's format that this code writes.
pub const VERSION: i64 = HISTORY.len() as i64;

/// From this version on history has bodies.
pub(super) const WITH_BODIES: i64 = 2;

/// From this version on history has the quality of answers.
pub(super) const WITH_QUALITY: i64 = 4;

/// Marks our files (`PRAGMA application_id`): "pace".
const APPLICATION: i64 = 0x7061_6365;

/// Bytes of a page: columns are read in few steps, and a small commit writes little.
const PAGE: i64 = 8192;

/// What brings history of one version to the next; a file of version `n` is brought on from the `n`th.
///
/// A step is never changed once it was released. The way back is the copy that `paceline backup` made.
const HISTORY: [&str; 4] = [
    include_str!("history_1.sql"),
    include_str!("history_2.sql"),
    include_str!("history_3.sql"),
    include_str!("history_4.sql"),
];

/// The same for the small file of what must never be lost with damaged history: its versions are counted apart.
const CONTROL: [&str; 3] =
    [include_str!("control_1.sql"), include_str!("control_2.sql"), include_str!("control_3.sql")];

/// How long what is in a table is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// `storage.records_days`, or less by `storage.max_mb`.
    Records,
    /// `storage.bodies_days`, or less by their size.
    Bodies,
    /// By its level: see `paceline_stats::rollup::KEEP_SECONDS`.
    Rollups,
    /// One row for each thing of the configuration, or each key: does not grow.
    Bounded,
    /// 400 days, and a number of the newest: see `crate::control`.
    Audit,
}

/// Every table with its retention: a table that is not here fails a test.
pub const TABLES: [(&str, Retention); 13] = [
    ("tail", Retention::Records),
    ("segment", Retention::Records),
    ("segment_column", Retention::Records),
    ("patch", Retention::Records),
    ("gap", Retention::Records),
    ("body", Retention::Bodies),
    ("rollup", Retention::Rollups),
    ("account", Retention::Bounded),
    ("meta", Retention::Bounded),
    ("account_copy", Retention::Bounded),
    ("secret", Retention::Bounded),
    ("caller_key", Retention::Bounded),
    ("audit", Retention::Audit),
];

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    History,
    Control,
}

impl Which {
    fn steps(self) -> &'static [&'static str] {
        match self {
            Self::History => &HISTORY,
            Self::Control => &CONTROL,
        }
    }
}

fn pragma(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    Ok(connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?)
}

/// The version of an open file; 0 while it has no tables.
pub(super) fn version(connection: &Connection) -> Result<i64, StoreError> {
    pragma(connection, "user_version")
}

/// The version of an open file that is known here.
///
/// # Errors
/// When another program or a later version made it. Nothing was changed then.
pub(super) fn known_version(connection: &Connection, file: &Path, which: Which) -> Result<i64, StoreError> {
    let (found, known) = (version(connection)?, which.steps().len() as i64);
    let is_empty = |connection: &Connection| {
        connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get::<_, bool>(0))
    };
    if pragma(connection, "application_id")? != APPLICATION && !(found == 0 && is_empty(connection)?) {
        return Err(StoreError::Foreign(file.to_owned()));
    }
    if found > known {
        return Err(StoreError::Newer { file: file.to_owned(), found, known });
    }
    Ok(found)
}

/// Makes or brings on the tables of a file.
pub(crate) fn migrate(connection: &mut Connection, file: &Path, which: Which) -> Result<(), StoreError> {
    let steps = which.steps();
    let known = steps.len() as i64;
    let found = known_version(connection, file, which)?;
    if found == 0 {
        // Both must be said before the first table is made.
        connection.execute_batch(&format!("PRAGMA page_size = {PAGE}; PRAGMA auto_vacuum = INCREMENTAL;"))?;
    }
    // Always: a copy made by `VACUUM INTO` begins without a log of changes.
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Damaged(format!("{} cannot have a log of changes", file.display())));
    }
    if found == known {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Another connection may have been faster.
    let found = version(&transaction)?;
    for step in steps.iter().skip(found as usize) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}
