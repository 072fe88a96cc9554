//! Keys and the audit log in `control.db`: few changes, each on disk before it is answered.

use super::folder::{CONTROL, Folder};
use super::writer::wall;
use crate::control::{Control, Deed, KEEP_AUDIT, MAX_AUDIT, StoredKey};
use crate::error::StoreError;
use paceline_types::money::Cost;
use paceline_types::rules::{Budget, Limits, Priority, Rights};
use paceline_types::time::Timestamp;
use rusqlite::{Connection, Row, params};
use std::sync::{Arc, Mutex, PoisonError};

/// Old entries of the audit log that go with each new one at most.
const FORGOTTEN: i64 = 64;

/// See [`Control`].
#[derive(Debug)]
pub struct SqliteControl {
    folder: Arc<Folder>,
    connection: Mutex<Option<Connection>>,
}

impl SqliteControl {
    pub(super) fn new(folder: Arc<Folder>) -> Self {
        Self { folder, connection: Mutex::new(None) }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut slot = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => self.folder.control()?,
        };
        let outcome = work(&mut connection);
        // After a failure the file is opened anew.
        if outcome.is_ok() {
            *slot = Some(connection);
        }
        outcome
    }
}

impl Control for SqliteControl {
    fn lasts(&self) -> bool {
        true
    }

    fn exists(&self) -> bool {
        let file = self.folder.path().join(CONTROL);
        std::fs::metadata(file).is_ok_and(|file| file.len() > 0)
    }

    fn hash_key(&self, new: [u8; 32]) -> Result<[u8; 32], StoreError> {
        self.with(|control| {
            let sql = "INSERT INTO secret (name, value) VALUES ('keys', ?1) ON CONFLICT (name) DO NOTHING";
            control.execute(sql, [new])?;
            let sql = "SELECT value FROM secret WHERE name = 'keys'";
            let found: Vec<u8> = control.query_row(sql, [], |row| row.get(0))?;
            found.try_into().map_err(|_| StoreError::Damaged("the secret of keys in control.db".into()))
        })
    }

    fn keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        self.with(|control| {
            let mut statement = control.prepare_cached(
                "SELECT name, tenant, workspace, hash, ending, old_hash, old_until, created_at, changed_at, revoked_at,
                   models, expires_at, priority, calls_per_minute, tokens_per_minute, concurrent, limits_shadow,
                   day, month, soft, budget_shadow
                 FROM caller_key ORDER BY name",
            )?;
            let rows = statement.query_map([], stored)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn put_key(&self, key: &StoredKey, deed: &Deed) -> Result<(), StoreError> {
        self.with(|control| {
            let transaction = control.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            put(&transaction, key)?;
            note(&transaction, deed)?;
            Ok(transaction.commit()?)
        })
    }

    fn remove_key(&self, name: &str) -> Result<(), StoreError> {
        self.with(|control| {
            control.execute("DELETE FROM caller_key WHERE name = ?1", [name])?;
            Ok(())
        })
    }

    fn note(&self, deed: &Deed) -> Result<(), StoreError> {
        self.with(|control| {
            let transaction = control.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            note(&transaction, deed)?;
            Ok(transaction.commit()?)
        })
    }

    fn audit(&self, limit: usize, before: Option<i64>) -> Result<Vec<Deed>, StoreError> {
        self.with(|control| {
            let mut statement = control.prepare_cached(
                "SELECT id, at, who, action, object, detail FROM audit WHERE id < ?1 AND at >= ?2
                 ORDER BY id DESC LIMIT ?3",
            )?;
            let wanted = params![before.unwrap_or(i64::MAX), oldest(), limit as i64];
            let rows = statement.query_map(wanted, |row| {
                Ok(Deed {
                    id: row.get(0)?,
                    at: Timestamp(row.get(1)?),
                    who: row.get(2)?,
                    action: row.get(3)?,
                    object: row.get(4)?,
                    detail: row.get(5)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// Entries before this moment are too old.
fn oldest() -> i64 {
    wall().0 - KEEP_AUDIT.as_micros() as i64
}

fn note(control: &Connection, deed: &Deed) -> Result<(), StoreError> {
    let Deed { id: _, at, who, action, object, detail } = deed;
    control.execute(
        "INSERT INTO audit (at, who, action, object, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![at.0, who, action, object, detail],
    )?;
    let last = control.last_insert_rowid();
    // Numbers go up with time: what is too old, or too much, is at the beginning.
    control.execute(
        "DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY id LIMIT ?1) AND (at < ?2 OR id <= ?3)",
        params![FORGOTTEN, oldest(), last - MAX_AUDIT as i64],
    )?;
    Ok(())
}

fn put(control: &Connection, key: &StoredKey) -> Result<(), StoreError> {
    let Rights { models, expires_at, limits, budget, priority } = &key.rights;
    let number = |value: Option<u64>| value.map(|value| i64::try_from(value).unwrap_or(i64::MAX));
    let micros = |at: Option<Timestamp>| at.map(|at| at.0);
    let (old_hash, old_until) = key.old.unzip();
    control.execute(
        "INSERT OR REPLACE INTO caller_key (name, tenant, workspace, hash, ending, old_hash, old_until, created_at,
           changed_at, revoked_at, models, expires_at, priority, calls_per_minute, tokens_per_minute, concurrent,
           limits_shadow, day, month, soft, budget_shadow)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
        params![
            &*key.name,
            &*key.tenant,
            &*key.workspace,
            key.hash,
            key.ending,
            old_hash,
            micros(old_until),
            key.created_at.0,
            key.changed_at.0,
            micros(key.revoked_at),
            models.join("\n"),
            micros(*expires_at),
            priority.as_str(),
            number(limits.calls_per_minute),
            number(limits.tokens_per_minute),
            number(limits.concurrent),
            limits.shadow,
            budget.day.map(|cost| cost.0),
            budget.month.map(|cost| cost.0),
            budget.soft,
            budget.shadow,
        ],
    )?;
    Ok(())
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredKey> {
    let name = |at: usize| row.get::<_, String>(at).map(|text| text.as_str().into());
    let time = |at: usize| row.get::<_, Option<i64>>(at).map(|micros| micros.map(Timestamp));
    let number = |at: usize| row.get::<_, Option<i64>>(at).map(|value| value.map(i64::unsigned_abs));
    let cost = |at: usize| row.get::<_, Option<i64>>(at).map(|value| value.map(Cost));
    let (old_hash, old_until): (Option<[u8; 32]>, _) = (row.get(5)?, time(6)?);
    Ok(StoredKey {
        name: name(0)?,
        tenant: name(1)?,
        workspace: name(2)?,
        hash: row.get(3)?,
        ending: row.get(4)?,
        old: old_hash.zip(old_until),
        created_at: Timestamp(row.get(7)?),
        changed_at: Timestamp(row.get(8)?),
        revoked_at: time(9)?,
        rights: Rights {
            models: row.get::<_, String>(10)?.lines().map(Into::into).collect(),
            expires_at: time(11)?,
            // A word that is not known is of a later version: the more careful one is meant.
            priority: Priority::parse(&row.get::<_, String>(12)?).unwrap_or(Priority::Batch),
            limits: Limits {
                calls_per_minute: number(13)?,
                tokens_per_minute: number(14)?,
                concurrent: number(15)?,
                shadow: row.get(16)?,
            },
            budget: Budget { day: cost(17)?, month: cost(18)?, soft: row.get(19)?, shadow: row.get(20)? },
        },
    })
}
