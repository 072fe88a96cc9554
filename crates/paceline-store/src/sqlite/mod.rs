//! The embedded store: one folder, one process, two SQLite files.
//!
//! `history.db` holds records and their sums: what comes is appended to a *tail* (one row a commit) and, 16,384 records
//! later, sealed into a *segment* of sorted columns; sums of minutes, hours, days and weeks lie beside them.
//! `control.db` holds what must not be lost with damaged history: keys, the audit log, a copy of accounts. See docs/decisions/0008.

mod blocks;
mod bodies;
mod control;
mod folder;
mod generation;
mod keeper;
mod live;
mod offline;
mod patch;
mod read;
mod retention;
mod roll;
mod schema;
mod seal;
mod sessions;
mod tallies;
mod writer;

pub use control::SqliteControl;
pub use folder::{CONTROL, HISTORY};
pub use offline::{History, copy};
pub use schema::{Retention, TABLES, VERSION};
pub use writer::Tell;

use crate::bodies::{self as kept_bodies, Bodies};
use crate::error::StoreError;
use crate::filter::Filter;
use crate::session::Session;
use crate::store::{Account, AccountName, Accounts, Entry, Page, Patch, State, Store, TakeTally, Window};
use folder::Folder;
use live::Live;
use paceline_stats::rollup::Names;
use paceline_types::id::CallId;
use paceline_types::record::CallRecord;
use rusqlite::Connection;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The names under which a record is counted.
pub type NamesOf = Arc<dyn Fn(&CallRecord) -> Names + Send + Sync>;

/// Records of a segment: a column of it is read in a fraction of a millisecond, and 50 million records are 3,000 of them.
const SEGMENT: usize = 16_384;

/// How many questions read at once without opening a connection anew.
const READERS: usize = 4;

/// What the store is to do.
#[derive(Clone)]
pub struct Settings {
    /// The data folder.
    pub folder: PathBuf,
    /// How long a record may wait before it is written.
    pub window: Duration,
    /// Whether each commit waits until the disk has it, so that not even a power failure loses it.
    pub flush: bool,
    /// How long records are kept.
    pub keep: Duration,
    /// How long bodies are kept.
    pub keep_bodies: Duration,
    /// History takes no more bytes on disk; the oldest records go first.
    pub max_bytes: u64,
    /// How often what is old is looked for.
    pub tidy_every: Duration,
    /// Records of a segment.
    pub segment: usize,
    /// The names under which records found on disk are counted.
    pub names: NamesOf,
}

impl Settings {
    /// As usual: 150 ms, 30 days, 8 GiB.
    pub fn new(folder: &Path, names: NamesOf) -> Self {
        Self {
            folder: folder.to_owned(),
            window: Duration::from_millis(150),
            flush: false,
            keep: Duration::from_hours(30 * 24),
            keep_bodies: kept_bodies::KEEP,
            max_bytes: 8 << 30,
            tidy_every: Duration::from_mins(10),
            segment: SEGMENT,
            names,
        }
    }
}

/// The embedded store.
pub struct SqliteStore {
    live: Arc<Live>,
    folder: Arc<Folder>,
    settings: Settings,
    /// With the epoch of the folder in which they were opened.
    readers: Mutex<Vec<(u64, Connection)>>,
    /// Who writes: the writer, or somebody who notes what was learned later.
    pen: Arc<Mutex<()>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Takes the folder and begins to write. A disk that does not answer is no reason not to start: records then wait
    /// in memory, and `tell` says so.
    ///
    /// # Errors
    /// When another process has the folder, it is on a network, or a later version wrote it.
    pub fn open(settings: Settings, tell: Tell) -> Result<Self, StoreError> {
        let folder = Arc::new(Folder::take(&settings.folder)?);
        let live = Arc::new(Live::new(settings.window));
        let pen = Arc::new(Mutex::new(()));
        let mut writer = writer::Writer {
            live: Arc::clone(&live),
            folder: Arc::clone(&folder),
            settings: settings.clone(),
            tell: Arc::new(tell),
            history: None,
            accounts: HashMap::new(),
            tidied: None,
            pen: Arc::clone(&pen),
            stocked: false,
            more: false,
            upkeep: None,
            log_tried: None,
        };
        writer.begin()?;
        let builder = std::thread::Builder::new().name("paceline-store".into());
        let write = builder.spawn(move || writer.run());
        let keep = keeper::start(Arc::clone(&live), Arc::clone(&folder));
        let thread = |error| StoreError::Io("no thread for the store".into(), error);
        let threads = Mutex::new(vec![write.map_err(thread)?, keep.map_err(thread)?]);
        Ok(Self { live, folder, settings, readers: Mutex::default(), pen, threads })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.settings.folder
    }

    /// Keys and the audit log of the same folder.
    pub fn control(&self) -> SqliteControl {
        SqliteControl::new(Arc::clone(&self.folder))
    }

    /// Puts all in order now: sums, segments, retention; else this happens by and by.
    pub fn tidy(&self) -> Result<(), StoreError> {
        self.live.tidy()
    }

    /// Asks history, where there is one.
    fn ask<T>(
        &self,
        question: impl FnOnce(Option<&Connection>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let epoch = self.folder.epoch();
        let known = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let known = known.filter(|(of, _)| *of == epoch).map(|(_, connection)| connection);
        // A file that cannot be opened is the writer's to tell; questions are answered from memory.
        let connection = known.or_else(|| folder::reader(&self.settings.folder).ok());
        let outcome = question(connection.as_ref());
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Ok(_), Some(connection)) = (&outcome, connection)
            && readers.len() < READERS
        {
            readers.push((epoch, connection));
        }
        outcome
    }
}

impl Store for SqliteStore {
    fn append(&self, entries: Vec<Entry>) {
        self.live.append(entries);
    }

    fn settle(&self) -> Result<(), StoreError> {
        self.live.settle(false)
    }

    fn get(&self, id: CallId) -> Result<Option<Arc<CallRecord>>, StoreError> {
        self.ask(|history| read::get(&self.live, history, id))
    }

    fn page(&self, filter: &Filter, limit: usize, below: Option<CallId>) -> Result<Page, StoreError> {
        self.ask(|history| read::page(&self.live, history, filter, limit, below))
    }

    fn tallies(&self, window: &Window, take: TakeTally<'_>) -> Result<(), StoreError> {
        self.ask(|history| tallies::tallies(&self.live, history, window, take))
    }

    fn sessions(&self, filter: &Filter, limit: usize) -> Result<Vec<Session>, StoreError> {
        self.ask(|history| sessions::sessions(&self.live, history, filter, limit))
    }

    fn patch(&self, patches: &[Patch]) -> Result<usize, StoreError> {
        if patches.is_empty() {
            return Ok(0);
        }
        let mut connection = self.folder.well_history(self.settings.flush)?;
        patch::apply(&mut connection, &self.live, &self.settings.names, &self.pen, patches)
    }

    fn keep_bodies(&self, all: &[Bodies]) -> Result<(), StoreError> {
        if self.live.is_stopping() {
            return Err(StoreError::Stopped);
        }
        bodies::keep(&self.folder, &self.settings, &self.pen, all)
    }

    fn bodies(&self, id: CallId) -> Result<Option<Bodies>, StoreError> {
        self.ask(|history| bodies::get(history, self.settings.keep_bodies, id))
    }

    fn keep_accounts(&self, accounts: Accounts) {
        self.live.keep_accounts(accounts);
    }

    fn accounts(&self) -> Result<Accounts, StoreError> {
        // Without history nothing is known: to begin at the copy, or at nothing, would take away what is there.
        let unknown = || StoreError::Io("history cannot be read".into(), std::io::Error::other("not open"));
        let stored = self.ask(|history| writer::accounts(history.ok_or_else(unknown)?, "account"))?;
        let mut all: HashMap<AccountName, Account> = stored.into_iter().collect();
        // The copy is for the day on which history is damaged; where it cannot be read, history is enough.
        for (name, account) in keeper::copied_accounts(&self.folder).unwrap_or_default() {
            let known = all.entry(name).or_default();
            *known = known.max(&account);
        }
        Ok(all.into_iter().collect())
    }

    fn state(&self) -> State {
        let size = |name: &str| {
            let path = self.settings.folder.join(name);
            std::fs::metadata(path).map_or(0, |metadata| metadata.len())
        };
        State { bytes: size(HISTORY) + size("history.db-wal") + size(CONTROL), ..self.live.state() }
    }

    fn stop(&self) {
        self.live.stop();
        let threads: Vec<_> = self.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
        if threads.is_empty() {
            return;
        }
        for thread in threads {
            let _ = thread.join();
        }
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        // What fails here is done at the next start, from the log of changes.
        let _ = keeper::close(&self.folder);
        self.folder.give_back();
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.stop();
    }
}
