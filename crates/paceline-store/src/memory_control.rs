//! Keys and the audit log that end with the process.

use crate::control::{Control, Deed, MAX_AUDIT, StoredKey};
use crate::error::StoreError;
use paceline_types::id::Name;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// See [`Control`].
#[derive(Debug, Default)]
pub struct MemoryControl(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    hash_key: Option<[u8; 32]>,
    keys: BTreeMap<Name, StoredKey>,
    /// The oldest first.
    audit: VecDeque<Deed>,
    last: i64,
}

impl MemoryControl {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn note(&mut self, deed: &Deed) {
        self.last += 1;
        self.audit.push_back(Deed { id: self.last, ..deed.clone() });
        if self.audit.len() > MAX_AUDIT {
            self.audit.pop_front();
        }
    }
}

impl Control for MemoryControl {
    fn lasts(&self) -> bool {
        false
    }

    fn exists(&self) -> bool {
        false
    }

    fn hash_key(&self, new: [u8; 32]) -> Result<[u8; 32], StoreError> {
        Ok(*self.lock().hash_key.get_or_insert(new))
    }

    fn keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        Ok(self.lock().keys.values().cloned().collect())
    }

    fn put_key(&self, key: &StoredKey, deed: &Deed) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.keys.insert(key.name.clone(), key.clone());
        inner.note(deed);
        Ok(())
    }

    fn remove_key(&self, name: &str) -> Result<(), StoreError> {
        self.lock().keys.remove(name);
        Ok(())
    }

    fn note(&self, deed: &Deed) -> Result<(), StoreError> {
        self.lock().note(deed);
        Ok(())
    }

    fn audit(&self, limit: usize, before: Option<i64>) -> Result<Vec<Deed>, StoreError> {
        let inner = self.lock();
        let below = inner.audit.iter().rev().filter(|deed| before.is_none_or(|before| deed.id < before));
        Ok(below.take(limit).cloned().collect())
    }
}
