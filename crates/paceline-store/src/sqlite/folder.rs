//! The data folder: who has it, and the files in it.

use super::schema::{self, Which};
use crate::error::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// History: call records and their sums.
pub const HISTORY: &str = "history.db";
/// What must survive damaged history.
pub const CONTROL: &str = "control.db";
/// Who has the folder.
const LOCK: &str = "paceline.lock";

/// What to do about a folder in which nothing can be made.
const UNUSABLE: &str = "the data folder cannot be used; name one that can be written to (--data DIR), or set \
                        storage.kind = \"memory\"";

/// How long a statement waits for another process that has the file locked.
const BUSY: Duration = Duration::from_millis(500);

/// Magic numbers of file systems without working locks for SQLite's WAL (statfs(2)), with their names.
const NETWORK: [(u64, &str); 6] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
];

/// A folder that this process has for itself, until it is given back or dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// How often a broken file was put aside: connections of an earlier time are of the wrong file.
    epoch: AtomicU64,
    /// Holding the file open holds the lock; the system gives it back when the process ends, however it ends.
    lock: Mutex<Option<File>>,
}

fn io(what: &str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let what = format!("{what} {}", path.display());
    move |error| StoreError::Io(what, error)
}

impl Folder {
    /// Makes the folder where it is not there, and takes it.
    pub(crate) fn take(path: &Path) -> Result<Self, StoreError> {
        // Records name people: a folder made here is its owner's alone.
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(path).map_err(io(&format!("{UNUSABLE}: cannot make"), path))?;
        let stat = rustix::fs::statfs(path).map_err(std::io::Error::from);
        let kind = stat.map_err(io("cannot look at the data folder", path))?.f_type;
        let magic = kind as u64 & 0xffff_ffff;
        if let Some((_, name)) = NETWORK.iter().find(|(number, _)| *number == magic) {
            return Err(StoreError::NetworkFolder(path.to_owned(), name));
        }
        let file = path.join(LOCK);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&file);
        let mut lock = open.map_err(io(&format!("{UNUSABLE}: cannot open"), &file))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = lock.read_to_string(&mut text);
                return Err(StoreError::InUse(path.to_owned(), text.trim().parse().ok()));
            }
            Err(TryLockError::Error(error)) => return Err(io("cannot lock", &file)(error)),
        }
        // For people and for the message of a second instance; the lock does not depend on it.
        let _ = lock.set_len(0);
        let _ = lock.rewind();
        let _ = writeln!(lock, "{}", std::process::id());
        Ok(Self { path: path.to_owned(), epoch: AtomicU64::new(0), lock: Mutex::new(Some(lock)) })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the folder back: another process may take it from now on.
    pub(crate) fn give_back(&self) {
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// How often a broken file was put aside.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Opens history to write; a file that is no database is put aside and a new one begun.
    pub(crate) fn history(&self, full_sync: bool) -> Result<(Connection, Option<PathBuf>), StoreError> {
        let file = self.path.join(HISTORY);
        // A new one is its owner's alone, also in a folder that is not: records name people. What hinders it here hinders
        // the database too, and is told there. Who gave an older one to others meant it.
        let begin = || drop(OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file));
        begin();
        match open(&file, Which::History, full_sync) {
            Err(StoreError::Database(error)) if is_damage(&error) => {
                let aside = put_aside(&file)?;
                self.epoch.fetch_add(1, Ordering::AcqRel);
                begin();
                open(&file, Which::History, full_sync).map(|connection| (connection, Some(aside)))
            }
            other => other.map(|connection| (connection, None)),
        }
    }

    /// Opens history to write where it is well.
    pub(crate) fn well_history(&self, full_sync: bool) -> Result<Connection, StoreError> {
        open(&self.path.join(HISTORY), Which::History, full_sync)
    }

    /// Opens the small file to write. A broken one stays where it is: with no keys, calls would need none.
    pub(crate) fn control(&self) -> Result<Connection, StoreError> {
        let file = self.path.join(CONTROL);
        // Before the first byte: hashes of keys are the owner's alone, also in a folder that is not.
        let mut options = OpenOptions::new();
        let made = options.write(true).create(true).truncate(false).mode(0o600).open(&file);
        let private = made.and_then(|open| open.set_permissions(Permissions::from_mode(0o600)));
        private.map_err(io("cannot open", &file))?;
        match open(&file, Which::Control, true) {
            Err(StoreError::Database(error)) if is_damage(&error) => {
                let text = format!(
                    "{} ({error}); keys of callers are in it: put back a copy of it, or move it away to go on without them",
                    file.display()
                );
                Err(StoreError::Damaged(text))
            }
            other => other,
        }
    }
}

fn open(file: &Path, which: Which, full_sync: bool) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(file)?;
    connection.busy_timeout(BUSY)?;
    schema::migrate(&mut connection, file, which)?;
    connection.pragma_update(None, "synchronous", if full_sync { "FULL" } else { "NORMAL" })?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Opens history to read.
pub(crate) fn reader(folder: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(folder.join(HISTORY), flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Whether the file itself is broken.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt)
    )
}

/// Renames a broken file and what belongs to it; the first free number is taken.
fn put_aside(file: &Path) -> Result<PathBuf, StoreError> {
    let named = |suffix: &str| PathBuf::from(format!("{}{suffix}", file.display()));
    let free = (1..1000).map(|n| named(&format!(".damaged-{n}"))).find(|path| !path.exists());
    let aside =
        free.ok_or_else(|| StoreError::Damaged(format!("{} and no room to put it aside", file.display())))?;
    std::fs::rename(file, &aside).map_err(io("cannot put aside", file))?;
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::rename(named(suffix), format!("{}{suffix}", aside.display()));
    }
    Ok(aside)
}
