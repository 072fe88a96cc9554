//! What once went wrong and must not again.

use crate::Folder;
use crate::records::{entry, names, records, start_ms};
use paceline_stats::bucket::Level;
use paceline_stats::rollup::Facet;
use paceline_store::sqlite::{CONTROL, HISTORY, Settings, SqliteStore, copy};
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
