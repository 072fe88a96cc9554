//! Keys and the audit log: what both places that keep them have in common, and what is on disk.

use crate::Folder;
use crate::disk::settings;
use paceline_store::control::{Control, Deed, KEEP_AUDIT, StoredKey};
use paceline_store::error::StoreError;
use paceline_store::memory_control::MemoryControl;
use paceline_store::sqlite::{CONTROL, SqliteStore};
use paceline_store::store::Store;
use paceline_types::money::Cost;
use paceline_types::rules::{Budget, Limits, Priority, Rights};
use paceline_types::time::Timestamp;
use rusqlite::Connection;
use std::os::unix::fs::PermissionsExt;

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(since.as_micros() as i64)
}

fn key(name: &str, byte: u8) -> StoredKey {
    StoredKey {
        name: name.into(),
        tenant: "acme".into(),
        workspace: "web".into(),
        hash: [byte; 32],
        ending: "wxyz".into(),
        old: Some(([byte + 100; 32], Timestamp(7))),
        created_at: Timestamp(1),
        changed_at: Timestamp(2),
        revoked_at: None,
        rights: Rights {
            models: vec!["smart".into(), "openai/*".into()],
            expires_at: Some(Timestamp(9)),
            limits: Limits {
                calls_per_minute: Some(60),
                tokens_per_minute: None,
                concurrent: Some(4),
                shadow: true,
            },
            budget: Budget { day: Some(Cost(12_500_000_000_001)), month: None, soft: 0.9, shadow: false },
            priority: Priority::Batch,
        },
    }
}

fn deed(action: &str, at: Timestamp) -> Deed {
    Deed {
        id: 0,
        at,
        who: "local".into(),
        action: action.into(),
        object: "x".into(),
        detail: "{\"a\":1}".into(),
    }
}

fn holds(control: &dyn Control) {
    assert_eq!(control.hash_key([1; 32]).unwrap(), [1; 32]);
    assert_eq!(control.hash_key([2; 32]).unwrap(), [1; 32], "the first one stays");
    assert!(control.keys().unwrap().is_empty() && control.audit(10, None).unwrap().is_empty());
    let mut one = key("b", 1);
    control.put_key(&one, &deed("key.create", now())).unwrap();
    control.put_key(&key("a", 2), &deed("key.create", now())).unwrap();
    (one.old, one.rights, one.revoked_at) = (None, Rights::default(), Some(Timestamp(5)));
    control.put_key(&one, &deed("key.revoke", now())).unwrap();
    assert_eq!(control.keys().unwrap(), [key("a", 2), one], "by name, each once");
    control.remove_key("b").unwrap();
    assert_eq!(control.keys().unwrap(), [key("a", 2)]);
    control.note(&deed("config.reload", now())).unwrap();
    let page = control.audit(3, None).unwrap();
    let actions: Vec<_> = page.iter().map(|deed| deed.action.as_str()).collect();
    assert_eq!(actions, ["config.reload", "key.revoke", "key.create"]);
    let rest = control.audit(3, Some(page[2].id)).unwrap();
    assert_eq!(rest.len(), 1);
    assert!(rest[0].id < page[2].id && rest[0].detail == "{\"a\":1}");
}

#[test]
fn in_memory() {
    holds(&MemoryControl::default());
}

#[test]
fn on_disk_it_is_there_after_a_restart_and_its_owners_alone() {
    let folder = Folder::new("control");
    {
        let store = SqliteStore::open(settings(&folder), Box::new(|_, _| {})).unwrap();
        holds(&store.control());
        store.stop();
    }
    let mode = std::fs::metadata(folder.0.join(CONTROL)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let store = SqliteStore::open(settings(&folder), Box::new(|_, _| {})).unwrap();
    let control = store.control();
    assert!(control.exists());
    assert_eq!(control.hash_key([3; 32]).unwrap(), [1; 32]);
    assert_eq!(control.keys().unwrap(), [key("a", 2)]);
    assert_eq!(control.audit(10, None).unwrap().len(), 4);
}

#[test]
fn old_entries_of_the_audit_log_go() {
    let folder = Folder::new("audit");
    let store = SqliteStore::open(settings(&folder), Box::new(|_, _| {})).unwrap();
    let control = store.control();
    let long_ago = Timestamp(now().0 - KEEP_AUDIT.as_micros() as i64 - 1);
    for _ in 0..3 {
        control.note(&deed("old", long_ago)).unwrap();
    }
    assert!(control.audit(10, None).unwrap().is_empty(), "too old to be told");
    control.note(&deed("new", now())).unwrap();
    // As if 100,000 had been noted.
    let file = Connection::open(folder.0.join(CONTROL)).unwrap();
    let rows = || file.query_row("SELECT count(*) FROM audit", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(rows(), 1, "too old to be kept");
    file.execute("INSERT INTO audit SELECT 100100, at, who, action, object, detail FROM audit", []).unwrap();
    control.note(&deed("newest", now())).unwrap();
    assert_eq!(rows(), 2, "the first is more than 100,000 behind");
}

#[test]
fn a_file_of_the_first_version_is_brought_on_and_a_damaged_one_is_not_put_aside() {
    let folder = Folder::new("control-versions");
    std::fs::create_dir_all(&folder.0).unwrap();
    let file = folder.0.join(CONTROL);
    let old = Connection::open(&file).unwrap();
    old.execute_batch(include_str!("../../src/sqlite/control_1.sql")).unwrap();
    old.execute("INSERT INTO account_copy VALUES ('t', 'w', 'k', 5, 0, 0, 0)", []).unwrap();
    old.pragma_update(None, "application_id", 0x7061_6365).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);
    {
        let store = SqliteStore::open(settings(&folder), Box::new(|_, _| {})).unwrap();
        assert!(store.control().keys().unwrap().is_empty());
        assert_eq!(store.accounts().unwrap()[0].1.calls, 5);
        store.stop();
    }
    std::fs::write(&file, "no database at all, and longer than a header would be".repeat(100)).unwrap();
    let store = SqliteStore::open(settings(&folder), Box::new(|_, _| {})).unwrap();
    let error = store.control().keys().unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error}");
    assert!(error.to_string().contains("put back a copy"), "{error}");
    assert!(!folder.0.join("control.db.damaged-1").exists() && file.exists());
}
