//! What is no history and must not be lost with it: callers' keys and the audit log.

use crate::error::StoreError;
use paceline_types::id::Name;
use paceline_types::rules::Rights;
use paceline_types::time::Timestamp;
use std::time::Duration;

/// Keys that are kept at most; the revoked ones that are oldest give way.
pub const MAX_KEYS: usize = 10_000;

/// How long entries of the audit log are kept.
pub const KEEP_AUDIT: Duration = Duration::from_hours(400 * 24);

/// Entries of the audit log that are kept at most.
pub const MAX_AUDIT: usize = 100_000;

/// A caller's key as it is kept: its value is nowhere.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredKey {
    /// Its name in records; unique.
    pub name: Name,
    /// Tenant of its calls.
    pub tenant: Name,
    /// Workspace of its calls.
    pub workspace: Name,
    /// Its hash with [`Control::hash_key`].
    pub hash: [u8; 32],
    /// Its last characters, for lists.
    pub ending: String,
    /// The value before the last rotation, and until when it works.
    pub old: Option<([u8; 32], Timestamp)>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub changed_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// What it may do.
    pub rights: Rights,
}

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Its number: later ones are greater. 0 while it has none.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub who: String,
    /// What was done, e.g. `key.create`.
    pub action: String,
    /// To what.
    pub object: String,
    /// More about it, as JSON, without secrets.
    pub detail: String,
}

/// Where keys and the audit log are kept. What is asked may take as long as a disk takes.
pub trait Control: Send + Sync {
    /// Whether what is kept outlives the process.
    fn lasts(&self) -> bool;

    /// Whether something may have been kept before.
    fn exists(&self) -> bool;

    /// What keys are hashed with; `new` where there is nothing yet.
    fn hash_key(&self, new: [u8; 32]) -> Result<[u8; 32], StoreError>;

    /// All keys, by name.
    fn keys(&self) -> Result<Vec<StoredKey>, StoreError>;

    /// Keeps a key, in place of one of that name; with what is to be said of it, both or neither.
    fn put_key(&self, key: &StoredKey, deed: &Deed) -> Result<(), StoreError>;

    /// Forgets a key, to make room.
    fn remove_key(&self, name: &str) -> Result<(), StoreError>;

    /// Adds to the audit log.
    fn note(&self, deed: &Deed) -> Result<(), StoreError>;

    /// The newest entries of the audit log with numbers below `before`, newest first.
    fn audit(&self, limit: usize, before: Option<i64>) -> Result<Vec<Deed>, StoreError>;
}
