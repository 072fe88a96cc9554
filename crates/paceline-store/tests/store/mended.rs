//! What once went wrong and must not again.

use crate::Folder;
use crate::records::{entry, names, records, start_ms};
use paceline_stats::bucket::Level;
use paceline_stats::rollup::Facet;
use paceline_store::control::Control;
use paceline_store::sqlite::{CONTROL, HISTORY, History, Settings, SqliteStore, copy};
use paceline_store::store::{Account, Patch, Store, Window};
use paceline_types::money::Cost;
use paceline_types::time::Timestamp;
use rusqlite::Connection;
use std::sync::Arc;
use std::time::Duration;

fn settings(folder: &Folder) -> Settings {
    Settings {
        segment: 500,
        keep: Duration::from_hours(24 * 36_500),
        ..Settings::new(&folder.0, Arc::new(names))
    }
}

fn open(settings: Settings) -> SqliteStore {
    SqliteStore::open(settings, Box::new(|_, text| eprintln!("{text}"))).unwrap()
}

fn sums(store: &SqliteStore, count: u64) -> (u64, i128) {
    let now = Timestamp::from_millis((start_ms() + count * 100) as i64);
    let window = Window {
        from: Timestamp(now.0 - 7_200_000_000),
        until: None,
        facet: Facet::Served,
        widest: Level::Hour,
        now,
    };
    let mut all = (0, 0);
    store
        .tallies(&window, &mut |_, _, _, tally| {
            all.0 += tally.calls;
            all.1 += tally.cost_pico;
        })
        .unwrap();
    all
}

#[test]
fn a_restored_copy_is_in_wal_mode() {
    let (folder, backup) = (Folder::new("p-copied"), Folder::new("p-copy"));
    let store = open(settings(&folder));
    store.append(records(17, 100, 3).into_iter().map(entry).collect());
    store.tidy().unwrap();
    copy(&folder.0, &backup.0).unwrap();
    let restored = open(settings(&backup));
    restored.append(records(18, 100, 3).into_iter().map(entry).collect());
    restored.settle().unwrap();
    let mode: String = Connection::open(backup.0.join(HISTORY))
        .unwrap()
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    for (name, version) in [("p-foreign", 0), ("p-foreign-numbered", 2)] {
        let folder = Folder::new(name);
        std::fs::create_dir_all(&folder.0).unwrap();
        let file = folder.0.join(HISTORY);
        let other = Connection::open(&file).unwrap();
        other.execute_batch(&format!("CREATE TABLE visit (url); PRAGMA user_version = {version}")).unwrap();
        drop(other);
        let before = std::fs::read(&file).unwrap();
        let error = SqliteStore::open(settings(&folder), Box::new(|_, _| {})).err().expect("refused");
        assert!(error.is_final() && error.to_string().contains("of another program"), "{error}");
        let error = History::open(&folder.0).err().expect("refused").to_string();
        assert!(error.contains("history.db is a database of another program"), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
}

#[test]
fn half_a_copy_is_not_left() {
    let (folder, backup) = (Folder::new("p-half"), Folder::new("p-half-copy"));
    let store = open(settings(&folder));
    store.append(records(23, 10, 100).into_iter().map(entry).collect());
    store.settle().unwrap();
    store.stop();
    std::fs::write(folder.0.join(CONTROL), vec![7_u8; 8192]).unwrap();
    let error = copy(&folder.0, &backup.0).unwrap_err().to_string();
    assert!(error.contains("control.db to ") && error.contains("not a database"), "{error}");
    assert_eq!(std::fs::read_dir(&backup.0).unwrap().count(), 0, "it would be taken for a copy");
    std::fs::remove_file(folder.0.join(CONTROL)).unwrap();
    assert_eq!(copy(&folder.0, &backup.0).unwrap().len(), 1);
}

#[test]
fn what_is_made_is_its_owners_alone_also_in_a_folder_that_is_not() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("p-private");
    std::fs::create_dir_all(&folder.0).unwrap();
    std::fs::set_permissions(&folder.0, std::fs::Permissions::from_mode(0o755)).unwrap();
    let store = open(settings(&folder));
    store.append(records(29, 10, 100).into_iter().map(entry).collect());
    store.settle().unwrap();
    store.control().keys().unwrap();
    for name in [HISTORY, "history.db-wal", CONTROL] {
        let mode = std::fs::metadata(folder.0.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
}

#[test]
fn patches_at_once_count_once() {
    let folder = Folder::new("p-patch");
    let store = open(settings(&folder));
    let all = records(3, 1500, 100);
    store.append(all.iter().cloned().map(entry).collect());
    store.tidy().unwrap();
    let before = sums(&store, 1500).1;
    let patches: Vec<Patch> = all
        .iter()
        .filter(|r| r.cost.is_none() && r.usage.is_some())
        .take(40)
        .map(|r| Patch { id: r.id, cost: Some(Cost(1_000_000)), quality: None, source: "x".into() })
        .collect();
    let n = patches.len() as i128;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| store.patch(&patches).unwrap());
        }
    });
    assert_eq!(sums(&store, 1500).1 - before, n * 1_000_000);
}

#[test]
fn accounts_outlive_a_damaged_copy() {
    let folder = Folder::new("p-control");
    let store = open(settings(&folder));
    let name = || ("t".into(), "w".into(), "k".into());
    store.keep_accounts(vec![(name(), Account { calls: 1_000_000, ..Account::default() })]);
    store.append(records(3, 10, 100).into_iter().map(entry).collect());
    store.settle().unwrap();
    store.stop();
    drop(store);
    std::fs::write(folder.0.join(CONTROL), vec![7_u8; 8192]).unwrap();
    let store = open(settings(&folder));
    let known = store.accounts().unwrap()[0].1.calls;
    store.keep_accounts(vec![(name(), Account { calls: known + 1, ..Account::default() })]);
    store.append(records(4, 10, 100).into_iter().map(entry).collect());
    store.settle().unwrap();
    let calls: i64 = Connection::open(folder.0.join(HISTORY))
        .unwrap()
        .query_row("SELECT calls FROM account", [], |row| row.get(0))
        .unwrap();
    assert_eq!(calls, 1_000_001);
}
