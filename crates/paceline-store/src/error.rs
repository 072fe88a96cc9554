//! Why the store did not do what it was asked.

use std::fmt;
use std::path::PathBuf;

/// What went wrong, for the person who must act.
#[derive(Debug)]
pub enum StoreError {
    /// Another process has the folder; its process id where it could be read.
    InUse(PathBuf, Option<u32>),
    /// The folder is on a file system shared over a network.
    NetworkFolder(PathBuf, &'static str),
    /// A later version of Paceline wrote the files.
    Newer {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: i64,
        /// The latest version known here.
        known: i64,
    },
    /// A database of another program is where ours should be.
    Foreign(PathBuf),
    /// No history is in the folder.
    NoHistory(PathBuf),
    /// The file system refused something.
    Io(String, std::io::Error),
    /// The database refused something.
    Database(rusqlite::Error),
    /// What is on disk cannot be read.
    Damaged(String),
    /// The store was stopped.
    Stopped,
}

impl StoreError {
    /// Whether starting must be refused: waiting would not help.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::InUse(..) | Self::NetworkFolder(..) | Self::Newer { .. } | Self::Foreign(_))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(folder, pid) => {
                write!(f, "the data folder {} is in use by another Paceline", folder.display())?;
                if let Some(pid) = pid {
                    write!(f, " (process {pid})")?;
                }
                f.write_str("; stop it, or give this one a folder of its own")
            }
            Self::NetworkFolder(folder, kind) => write!(
                f,
                "the data folder {} is on {kind}, where the store's locks do not work; choose a local folder",
                folder.display()
            ),
            Self::Newer { file, found, known } => write!(
                f,
                "{} was written by a later version of Paceline (format {found}, this one knows {known}); start that version, or give this one another folder",
                file.display()
            ),
            Self::Foreign(file) => {
                write!(f, "{} is a database of another program; name another data folder", file.display())
            }
            Self::NoHistory(folder) => write!(
                f,
                "there is no history in {}: name the folder that Paceline keeps its data in",
                folder.display()
            ),
            Self::Io(what, error) => write!(f, "{what}: {error}"),
            Self::Database(error) => write!(f, "the store's database: {error}"),
            Self::Damaged(what) => write!(f, "the store is damaged: {what}"),
            Self::Stopped => f.write_str("the store has stopped"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}
