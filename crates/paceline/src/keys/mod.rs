//! Callers' keys that were made while Paceline runs, and the audit log beside them.
//!
//! A key is kept as a hash with a secret of the data folder; its value is told once, to who made it. What is here is a
//! copy of what the store has, for the gateway and for lists; changes go to the store first.

#[cfg(test)]
mod tests;
pub(crate) mod value;

use crate::config::Config;
use crate::recorder::now;
use paceline_gateway::config::{HashKey, KeyConfig, KeyValue};
use paceline_store::control::{Control, Deed, MAX_KEYS, StoredKey};
use paceline_store::error::StoreError;
use paceline_types::id::Name;
use paceline_types::record::Caller;
use paceline_types::rules::Rights;
use paceline_types::time::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Why a key was not made or changed.
#[derive(Debug)]
pub(crate) enum KeyError {
    /// There is none of that name.
    Missing(String),
    /// There is one of that name.
    Taken(String),
    /// It is in the configuration file.
    InFile(String),
    /// It was taken back.
    Revoked(String),
    /// Nobody could administer any more.
    NoAdmin,
    /// There is no room.
    TooMany,
    /// The store did not take it.
    Store(StoreError),
    /// The system gave no random numbers.
    Random(std::io::Error),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "there is no key named `{name}`; GET /v1/keys lists all"),
            Self::Taken(name) => {
                write!(f, "there is a key named `{name}`; choose another name, or rotate that one")
            }
            Self::InFile(name) => write!(
                f,
                "the key `{name}` is in the configuration ([[keys]]) and is changed there; a reload takes it over"
            ),
            Self::Revoked(name) => {
                write!(f, "the key `{name}` was revoked, which is for good; create one of that name anew")
            }
            Self::NoAdmin => f.write_str(
                "with keys and without an admin key nobody could administer this Paceline: set PACELINE_ADMIN_KEY and \
                 restart it, or set server.keys_required = false",
            ),
            Self::TooMany => write!(f, "there are {MAX_KEYS} keys, which is the most; revoke some"),
            Self::Store(error) => error.fmt(f),
            Self::Random(error) => write!(f, "no random numbers from the system: {error}"),
        }
    }
}

impl From<StoreError> for KeyError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What somebody wants a key to be.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) name: Name,
    pub(crate) tenant: Name,
    pub(crate) workspace: Name,
    pub(crate) rights: Rights,
}

/// Who did something, and what is to be said of it besides its name.
#[derive(Clone, Debug)]
pub(crate) struct By {
    pub(crate) who: &'static str,
    pub(crate) detail: String,
}

/// What is known of the store's keys.
struct State {
    hash_key: HashKey,
    stored: BTreeMap<Name, StoredKey>,
    /// What keys are hashed with is the store's own.
    settled: bool,
    /// There may be keys that could not be read yet.
    unread: bool,
}

/// All keys that were made here.
pub struct Keys {
    control: Arc<dyn Control>,
    state: Mutex<State>,
    /// One change at a time.
    turn: Mutex<()>,
}

impl Keys {
    /// Reads what is kept. A disk that does not answer is no reason not to start: until it does, calls need a key, and
    /// only those of the configuration are known.
    ///
    /// # Errors
    /// When what is kept is damaged or of a later version: to go on without it would let everybody in.
    pub fn open(control: Arc<dyn Control>, random: [u8; 32]) -> Result<Self, StoreError> {
        let state = State {
            hash_key: HashKey(random),
            stored: BTreeMap::new(),
            settled: false,
            unread: control.exists(),
        };
        let keys = Self { control, state: Mutex::new(state), turn: Mutex::default() };
        match keys.read() {
            Err(error) if error.is_final() || matches!(error, StoreError::Damaged(_)) => Err(error),
            _ => Ok(keys),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all is known.
    pub(crate) fn is_settled(&self) -> bool {
        self.state().settled
    }

    /// Reads what is kept, where that is not done yet.
    pub(crate) fn read(&self) -> Result<(), StoreError> {
        let (settled, random) = {
            let state = self.state();
            (state.settled, state.hash_key.0)
        };
        if settled {
            return Ok(());
        }
        let hash_key = HashKey(self.control.hash_key(random)?);
        let stored = self.control.keys()?.into_iter().map(|key| (Arc::clone(&key.name), key)).collect();
        *self.state() = State { hash_key, stored, settled: true, unread: false };
        Ok(())
    }

    /// Whether keys outlive the process.
    pub(crate) fn last(&self) -> bool {
        self.control.lasts()
    }

    /// What keys are hashed with.
    pub(crate) fn hash_key(&self) -> HashKey {
        self.state().hash_key
    }

    /// Whether there are keys, or may be: revoked ones count, or the last revocation would open the door to all.
    pub(crate) fn any(&self) -> bool {
        let state = self.state();
        state.unread || !state.stored.is_empty()
    }

    /// All, by name.
    pub(crate) fn all(&self) -> Vec<StoredKey> {
        self.state().stored.values().cloned().collect()
    }

    /// One.
    pub(crate) fn get(&self, name: &str) -> Option<StoredKey> {
        self.state().stored.get(name).cloned()
    }

    /// As the gateway takes them; a key of the configuration goes before one of its name here.
    pub(crate) fn for_gateway(&self, config: &Config) -> Vec<KeyConfig> {
        let state = self.state();
        let named: std::collections::HashSet<&str> =
            config.keys.iter().map(|key| key.name.as_str()).collect();
        let live =
            state.stored.values().filter(|key| key.revoked_at.is_none() && !named.contains(&*key.name));
        live.flat_map(key_configs).collect()
    }

    /// Makes a key; its value is returned and nowhere else.
    pub(crate) fn create(&self, wanted: Wanted, by: &By) -> Result<(String, StoredKey), KeyError> {
        let _turn = self.turn();
        self.read()?;
        if self.get(&wanted.name).is_some_and(|key| key.revoked_at.is_none()) {
            return Err(KeyError::Taken(wanted.name.to_string()));
        }
        self.make_room(&wanted.name)?;
        let value = value::new().map_err(KeyError::Random)?;
        let (now, Wanted { name, tenant, workspace, rights }) = (now(), wanted);
        let key = StoredKey {
            name,
            tenant,
            workspace,
            hash: self.hash_key().hash(&value),
            ending: value::ending(&value),
            old: None,
            created_at: now,
            changed_at: now,
            revoked_at: None,
            rights,
        };
        self.put(&key, "key.create", by)?;
        Ok((value, key))
    }

    /// Changes a key as `change` says, from what it is; `change` may refuse.
    pub(crate) fn update<E: From<KeyError>>(
        &self,
        name: &str,
        change: impl FnOnce(&StoredKey) -> Result<(Wanted, By), E>,
    ) -> Result<StoredKey, E> {
        let _turn = self.turn();
        let before = self.live(name)?;
        let (wanted, by) = change(&before)?;
        let Wanted { name: _, tenant, workspace, rights } = wanted;
        let key = StoredKey { tenant, workspace, rights, changed_at: now(), ..before };
        self.put(&key, "key.update", &by).map_err(KeyError::from)?;
        Ok(key)
    }

    /// Gives a key a new value; the old one works on for `overlap`.
    pub(crate) fn rotate(
        &self,
        name: &str,
        overlap: Duration,
        by: &By,
    ) -> Result<(String, StoredKey), KeyError> {
        let _turn = self.turn();
        let before = self.live(name)?;
        let value = value::new().map_err(KeyError::Random)?;
        let now = now();
        let until = Timestamp(now.0.saturating_add(overlap.as_micros() as i64));
        let key = StoredKey {
            hash: self.hash_key().hash(&value),
            ending: value::ending(&value),
            old: (!overlap.is_zero()).then_some((before.hash, until)),
            changed_at: now,
            ..before
        };
        self.put(&key, "key.rotate", by)?;
        Ok((value, key))
    }

    /// Takes a key back, for good. Again: nothing happens.
    pub(crate) fn revoke(&self, name: &str, by: &By) -> Result<StoredKey, KeyError> {
        let _turn = self.turn();
        let before = match self.live(name) {
            Err(KeyError::Revoked(_)) => {
                return self.get(name).ok_or_else(|| KeyError::Missing(name.to_owned()));
            }
            other => other?,
        };
        let now = now();
        let key = StoredKey { revoked_at: Some(now), changed_at: now, old: None, ..before };
        self.put(&key, "key.revoke", by)?;
        Ok(key)
    }

    /// Adds to the audit log.
    pub(crate) fn note(&self, deed: &Deed) -> Result<(), StoreError> {
        self.control.note(deed)
    }

    /// The newest of the audit log.
    pub(crate) fn audit(&self, limit: usize, before: Option<i64>) -> Result<Vec<Deed>, StoreError> {
        self.control.audit(limit, before)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key that was not revoked.
    fn live(&self, name: &str) -> Result<StoredKey, KeyError> {
        self.read()?;
        match self.get(name) {
            None => Err(KeyError::Missing(name.to_owned())),
            Some(key) if key.revoked_at.is_some() => Err(KeyError::Revoked(name.to_owned())),
            Some(key) => Ok(key),
        }
    }

    /// Where there are too many, the one that was revoked first is forgotten.
    fn make_room(&self, name: &str) -> Result<(), KeyError> {
        let oldest = {
            let state = self.state();
            if state.stored.len() < MAX_KEYS || state.stored.contains_key(name) {
                return Ok(());
            }
            let revoked =
                state.stored.values().filter_map(|key| Some((key.revoked_at?, Arc::clone(&key.name))));
            revoked.min().ok_or(KeyError::TooMany)?.1
        };
        self.control.remove_key(&oldest)?;
        self.state().stored.remove(&oldest);
        Ok(())
    }

    fn put(&self, key: &StoredKey, action: &str, by: &By) -> Result<(), StoreError> {
        let deed = Deed {
            id: 0,
            at: key.changed_at,
            who: by.who.to_owned(),
            action: action.to_owned(),
            object: key.name.to_string(),
            detail: by.detail.clone(),
        };
        self.control.put_key(key, &deed)?;
        self.state().stored.insert(Arc::clone(&key.name), key.clone());
        Ok(())
    }
}

/// A key, and the value it had before with the end of that.
fn key_configs(key: &StoredKey) -> impl Iterator<Item = KeyConfig> + use<> {
    let caller = Arc::new(Caller {
        tenant: Arc::clone(&key.tenant),
        workspace: Arc::clone(&key.workspace),
        key: Some(Arc::clone(&key.name)),
    });
    let old = key.old.map(|(hash, until)| {
        let ends = key.rights.expires_at.map_or(until, |end| end.min(until));
        let rights = Arc::new(Rights { expires_at: Some(ends), ..key.rights.clone() });
        KeyConfig { value: KeyValue::Hashed(hash), caller: Arc::clone(&caller), rights }
    });
    let rights = Arc::new(key.rights.clone());
    [KeyConfig { value: KeyValue::Hashed(key.hash), caller, rights }].into_iter().chain(old)
}
