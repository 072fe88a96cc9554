//! History read by another process than the one that writes it, or by none: export, training, and copies.

use super::folder::{self, CONTROL, HISTORY};
use super::live::Live;
use super::{bodies, read, schema};
use crate::bodies::Bodies;
use crate::error::StoreError;
use crate::filter::Filter;
use paceline_types::id::CallId;
use paceline_types::record::CallRecord;
use rusqlite::Connection;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// History that is only read. The process that writes it goes on undisturbed.
pub struct History {
    connection: Connection,
    /// Nothing waits here; what another process has not written yet is not seen.
    live: Live,
}

impl History {
    /// Opens the history in a data folder.
    ///
    /// # Errors
    /// When there is none, it cannot be read, or a later version wrote it.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        let file = data.join(HISTORY);
        if !file.exists() {
            return Err(StoreError::NoHistory(data.to_owned()));
        }
        let cannot = |error| named(error, || format!("cannot read {}", file.display()));
        let connection = folder::reader(data).map_err(cannot)?;
        schema::known_version(&connection, &file, schema::Which::History).map_err(cannot)?;
        Ok(Self { connection, live: Live::new(Duration::ZERO) })
    }

    /// Gives all records that `filter` takes, in pieces, about in the order of time, until `take` says `false`.
    pub fn each(
        &self,
        filter: &Filter,
        take: &mut dyn FnMut(Vec<Arc<CallRecord>>) -> bool,
    ) -> Result<(), StoreError> {
        read::each(&self.live, &self.connection, filter, take)
    }

    /// The bodies of a call, where they were captured and are not older than `keep`.
    pub fn bodies(&self, id: CallId, keep: Duration) -> Result<Option<Bodies>, StoreError> {
        bodies::get(Some(&self.connection), keep, id)
    }

    /// Blocks that could not be read so far.
    pub fn damaged(&self) -> u64 {
        self.live.state().damaged
    }
}

/// What the database refused, with the file it is about: here nobody else says which.
fn named(error: StoreError, what: impl FnOnce() -> String) -> StoreError {
    match error {
        StoreError::Database(error) => StoreError::Io(what(), std::io::Error::other(error)),
        other => other,
    }
}

/// Makes an empty file that is its owner's alone: the copy is written into it.
fn private(copy: &Path) -> std::io::Result<()> {
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(copy).map(drop)
}

/// Copies the store's files to another folder, as of one moment, while they are written. Returns the copies.
///
/// # Errors
/// When there is nothing to copy, the other folder has such files already, or its disk does not take them.
pub fn copy(data: &Path, to: &Path) -> Result<Vec<PathBuf>, StoreError> {
    History::open(data)?;
    std::fs::create_dir_all(to)
        .map_err(|error| StoreError::Io(format!("cannot make the folder {}", to.display()), error))?;
    let names = [HISTORY, CONTROL];
    if let Some(copy) = names.iter().map(|name| to.join(name)).find(|copy| copy.exists()) {
        let taken = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(StoreError::Io(format!("cannot copy to {}; name another folder", copy.display()), taken));
    }
    let mut copies = Vec::new();
    for name in names {
        let (from, copy) = (data.join(name), to.join(name));
        if !from.exists() {
            continue;
        }
        copies.push(copy.clone());
        if let Err(error) = copy_file(&from, &copy) {
            // Half a copy would be taken for a whole one, and be in the way of the next.
            for copy in copies {
                let _ = std::fs::remove_file(copy);
            }
            return Err(named(error, || format!("cannot copy {} to {}", from.display(), copy.display())));
        }
    }
    Ok(copies)
}

fn copy_file(from: &Path, copy: &Path) -> Result<(), StoreError> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags)?;
    source.busy_timeout(Duration::from_secs(10))?;
    let refused = |error| StoreError::Io(format!("cannot write {}", copy.display()), error);
    private(copy).map_err(refused)?;
    // One read transaction: the copy is of one moment, whatever is written meanwhile.
    source.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    std::fs::File::open(copy).and_then(|file| file.sync_all()).map_err(refused)
}
