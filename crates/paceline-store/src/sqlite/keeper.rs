//! What may wait for a disk to flush: checkpoints, and the copy of the accounts. On a thread of its own, so that a slow
//! disk does not hold up the records.

use super::folder::{CONTROL, Folder, HISTORY};
use super::live::Live;
use super::writer::{accounts, put_accounts};
use crate::error::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::sync::Arc;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_secs(1);
/// The log of changes is brought into the file at this size …
const WAL_BYTES: u64 = 8 << 20;
/// … or after this time.
const WAL_AGE: Duration = Duration::from_secs(10);

pub(super) fn run(live: &Live, folder: &Folder) {
    let mut connection: Option<Connection> = None;
    let (mut last, mut epoch) = (Instant::now(), folder.epoch());
    loop {
        live.pause(TICK);
        let stop = live.is_stopping();
        if std::mem::replace(&mut epoch, folder.epoch()) != folder.epoch() {
            connection = None;
        }
        let wal = folder.path().join(format!("{HISTORY}-wal"));
        let bytes = std::fs::metadata(wal).map_or(0, |metadata| metadata.len());
        if bytes >= WAL_BYTES || last.elapsed() >= WAL_AGE {
            last = Instant::now();
            // A failure here loses nothing: the log grows, and the writer meets the same disk and says so.
            if checkpoint(&mut connection, folder).is_err() {
                connection = None;
            }
        }
        if stop {
            return;
        }
    }
}

fn checkpoint(connection: &mut Option<Connection>, folder: &Folder) -> Result<(), StoreError> {
    let history = match connection {
        Some(history) => history,
        None => connection.insert(open(folder)?),
    };
    history.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    copy_accounts(history, folder)
}

/// Opens history where it is; to make it is the writer's.
fn open(folder: &Folder) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(folder.path().join(HISTORY), flags)?)
}

/// The accounts beside history: if that is damaged one day, they are not lost with it.
fn copy_accounts(history: &Connection, folder: &Folder) -> Result<(), StoreError> {
    let all = accounts(history, "account")?;
    let mut control = folder.control()?;
    let transaction = control.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    put_accounts(&transaction, "account_copy", &all)?;
    transaction.commit()?;
    control.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// At the end: everything into the file.
pub(super) fn close(folder: &Folder) -> Result<(), StoreError> {
    let history = open(folder)?;
    history.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    copy_accounts(&history, folder)
}

/// The copy of the accounts.
pub(super) fn copied_accounts(folder: &Folder) -> Result<crate::store::Accounts, StoreError> {
    if !folder.path().join(CONTROL).exists() {
        return Ok(Vec::new());
    }
    accounts(&folder.control()?, "account_copy")
}

/// Ready to be run on a thread.
pub(super) fn start(live: Arc<Live>, folder: Arc<Folder>) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("paceline-keep".into()).spawn(move || run(&live, &folder))
}
