//! What a store on disk must do besides: last, refuse what it must, forget what is old.

use crate::Folder;
use crate::contract::bodies;
use crate::records::{entry, names, records, start_ms};
use paceline_store::error::StoreError;
use paceline_store::filter::Filter;
use paceline_store::sqlite::{HISTORY, History, Retention, Settings, SqliteStore, TABLES, VERSION, copy};
use paceline_store::store::{Patch, Store};
use paceline_types::id::CallId;
use paceline_types::money::Cost;
use paceline_types::record::CallRecord;
use rusqlite::Connection;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

pub(crate) fn settings(folder: &Folder) -> Settings {
    Settings {
        segment: 500,
        keep: Duration::from_hours(24 * 36_500),
        ..Settings::new(&folder.0, Arc::new(names))
    }
}

fn open(settings: Settings) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(settings, Box::new(|_, text| eprintln!("{text}")))
}

fn listed(store: &SqliteStore) -> Vec<String> {
    let page = store.page(&Filter::default(), 100_000, None).unwrap();
    page.calls.iter().map(|record| format!("{record:?}")).collect()
}

/// An answer was scored.
fn score(record: &CallRecord, quality: f32) -> Patch {
    Patch { id: record.id, cost: None, quality: Some(quality), source: "test".into() }
}

/// The calls that an export has a quality of.
fn exported_scores(folder: &Folder) -> Vec<(CallId, f32)> {
    let mut found = Vec::new();
    let mut take = |records: Vec<Arc<CallRecord>>| {
        found.extend(records.iter().filter_map(|record| Some((record.id, record.quality?))));
        true
    };
    History::open(&folder.0).unwrap().each(&Filter::default(), &mut take).unwrap();
    found
}

#[test]
fn everything_is_there_after_a_restart() {
    let folder = Folder::new("restart");
    let store = open(settings(&folder)).unwrap();
    let all = records(11, 2300, 20);
    for (at, piece) in all.chunks(100).enumerate() {
        store.append(piece.iter().cloned().map(entry).collect());
        if at == 11 {
            store.tidy().unwrap();
        }
    }
    store.settle().unwrap();
    assert_eq!(store.patch(&[score(&all[7], 0.8), score(&all[2299], 0.1)]).unwrap(), 2);
    let (before, state) = (listed(&store), store.state());
    store.stop();
    drop(store);
    let store = open(settings(&folder)).unwrap();
    assert_eq!(listed(&store), before);
    assert_eq!(store.get(all[7].id).unwrap().unwrap().quality, Some(0.8));
    assert_eq!(exported_scores(&folder).len(), 2);
    assert_eq!((store.state().records, store.state().oldest), (2300, state.oldest));
    assert_eq!(before.len(), 2300);
}

#[test]
fn a_second_process_is_refused_by_name() {
    let folder = Folder::new("twice");
    let _store = open(settings(&folder)).unwrap();
    let error = open(settings(&folder)).err().expect("refused");
    assert!(error.is_final());
    let text = error.to_string();
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    assert!(text.contains(&folder.0.display().to_string()), "{text}");
}

#[test]
fn a_later_version_is_refused_and_left_alone() {
    let folder = Folder::new("later");
    drop(open(settings(&folder)).unwrap());
    let file = folder.0.join(HISTORY);
    Connection::open(&file).unwrap().pragma_update(None, "user_version", VERSION + 1).unwrap();
    let error = open(settings(&folder)).err().expect("refused");
    assert!(error.is_final() && error.to_string().contains("later version"), "{error}");
    let found: i64 =
        Connection::open(&file).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(found, VERSION + 1);
}

#[test]
fn damaged_history_is_put_aside_and_accounts_stay() {
    let folder = Folder::new("damaged");
    let store = open(settings(&folder)).unwrap();
    let name = || ("t".into(), "w".into(), "k".into());
    let account = paceline_store::store::Account { calls: 7, ..Default::default() };
    store.keep_accounts(vec![(name(), account.clone())]);
    store.append(records(12, 50, 1).into_iter().map(entry).collect());
    store.settle().unwrap();
    store.stop();
    drop(store);
    std::fs::write(folder.0.join(HISTORY), b"this is no database, but it was one before the disk failed")
        .unwrap();
    let store = open(settings(&folder)).unwrap();
    assert!(folder.0.join("history.db.damaged-1").exists());
    assert_eq!(listed(&store).len(), 0);
    assert_eq!(store.accounts().unwrap(), [(name(), account)]);
    store.append(records(13, 5, 1).into_iter().map(entry).collect());
    store.settle().unwrap();
    assert_eq!(listed(&store).len(), 5);
}

#[test]
fn one_damaged_block_hides_its_own_records_only() {
    let folder = Folder::new("block");
    let store = open(settings(&folder)).unwrap();
    for piece in records(14, 3000, 5).chunks(100) {
        store.append(piece.iter().cloned().map(entry).collect());
        store.settle().unwrap();
    }
    store.tidy().unwrap();
    let whole = listed(&store).len();
    let other = Connection::open(folder.0.join(HISTORY)).unwrap();
    // Segment 2, column 17.
    let changed =
        other.execute("UPDATE segment_column SET data = zeroblob(9) WHERE key = 2 * 128 + 17", []).unwrap();
    assert_eq!((whole, changed), (3000, 1));
    let left = listed(&store).len();
    assert!((2300..3000).contains(&left), "{left}");
    assert!(store.state().damaged > 0);
}

#[test]
fn old_records_go_and_the_file_gets_smaller() {
    let folder = Folder::new("retention");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64;
    // Ten days of records that end today; two days are kept.
    let step = 10 * 86_400_000 / 20_000;
    let mut all = records(15, 20_000, step);
    let shift = now as i64 - (start_ms() + 20_000 * step) as i64;
    for record in &mut all {
        let (ms, count, worker) = record.id.parts();
        record.id = CallId::new(ms.saturating_add_signed(shift), count, worker);
        record.started_at.0 += shift * 1000;
    }
    let store = open(settings(&folder)).unwrap();
    for piece in all.chunks(500) {
        store.append(piece.iter().cloned().map(entry).collect());
        store.settle().unwrap();
    }
    store.tidy().unwrap();
    let scores: Vec<Patch> = all.iter().step_by(50).map(|record| score(record, 0.5)).collect();
    assert_eq!(store.patch(&scores).unwrap(), 400);
    store.stop();
    drop(store);
    let store = open(Settings { keep: Duration::from_hours(48), ..settings(&folder) }).unwrap();
    store.tidy().unwrap();
    let left = listed(&store).len();
    let on_disk = scores_on_disk(&folder);
    assert!(
        on_disk == exported_scores(&folder).len() && (80..92).contains(&on_disk),
        "{on_disk} scores are left"
    );
    // Two days are 4,000 records; a segment goes when its newest record is too old.
    assert!((4000..4600).contains(&left), "{left} are left");
    assert_eq!(store.state().records as usize, left);
    store.stop();
    drop(store);
    // A cap on the bytes lets go still more.
    let store = open(Settings { max_bytes: 400_000, ..settings(&folder) }).unwrap();
    store.tidy().unwrap();
    assert!(listed(&store).len() < left);
    store.stop();
    drop(store);
    // Records that never became a segment go too, and what is known of them.
    let folder = Folder::new("retention-tail");
    let store = open(settings(&folder)).unwrap();
    store.append(all[19_900..].iter().cloned().map(entry).collect());
    store.patch(&scores[398..]).unwrap();
    assert_eq!(scores_on_disk(&folder), 2);
    store.stop();
    drop(store);
    let store = open(Settings { keep: Duration::ZERO, ..settings(&folder) }).unwrap();
    store.tidy().unwrap();
    assert_eq!((listed(&store).len(), scores_on_disk(&folder)), (0, 0));
}

fn scores_on_disk(folder: &Folder) -> usize {
    let file = Connection::open(folder.0.join(HISTORY)).unwrap();
    file.query_row("SELECT count(*) FROM patch", [], |row| row.get::<_, i64>(0)).unwrap() as usize
}

#[test]
fn what_was_learned_goes_with_its_record() {
    let folder = Folder::new("learned");
    let patches = || -> i64 {
        let file = Connection::open(folder.0.join(HISTORY)).unwrap();
        file.query_row("SELECT count(*) FROM patch", [], |row| row.get(0)).unwrap()
    };
    // Too few for a segment, and enough for some; all are of 37 hours ago.
    for (count, segment) in [(40, 500), (2000, 500)] {
        let store = open(Settings { segment, ..settings(&folder) }).unwrap();
        let all = records(22, count, 1);
        store.append(all.iter().cloned().map(entry).collect());
        store.tidy().unwrap();
        let learned = |record: &CallRecord| Patch {
            id: record.id,
            cost: Some(Cost(7)),
            quality: None,
            source: "x".into(),
        };
        store.patch(&all.iter().step_by(3).map(learned).collect::<Vec<_>>()).unwrap();
        store.tidy().unwrap();
        assert!(patches() > 10, "{count}: what is learned of records that are kept stays");
        store.stop();
        drop(store);
        let store = open(Settings { keep: Duration::from_hours(36), ..settings(&folder) }).unwrap();
        store.tidy().unwrap();
        assert_eq!((store.state().records, patches()), (0, 0), "{count}");
    }
}

#[test]
fn a_copy_made_while_records_come_is_whole_and_can_be_served() {
    let (folder, backup) = (Folder::new("copied"), Folder::new("copy"));
    let store = Arc::new(open(settings(&folder)).unwrap());
    let all = records(17, 4000, 3);
    store.append(all[..2000].iter().cloned().map(entry).collect());
    store.tidy().unwrap();
    let writing = Arc::clone(&store);
    let rest = all[2000..].to_vec();
    let writer = std::thread::spawn(move || {
        for piece in rest.chunks(50) {
            writing.append(piece.iter().cloned().map(entry).collect());
            writing.settle().unwrap();
        }
    });
    let copies = copy(&folder.0, &backup.0).unwrap();
    writer.join().unwrap();
    assert!(copies[0].ends_with(HISTORY));
    assert!(copy(&folder.0, &backup.0).is_err(), "a copy is never written over");
    let restored = open(settings(&backup)).unwrap();
    let found = listed(&restored);
    assert!((2000..=4000).contains(&found.len()), "{}", found.len());
    let whole = listed(&store);
    assert!(found.iter().all(|record| whole.contains(record)));
    // What is exported is what is there.
    let mut exported = Vec::new();
    let history = History::open(&folder.0).unwrap();
    store.settle().unwrap();
    let mut take = |records: Vec<Arc<CallRecord>>| {
        exported.extend(records.iter().map(|record| format!("{record:?}")));
        true
    };
    history.each(&Filter::default(), &mut take).unwrap();
    exported.sort();
    let mut whole = whole;
    whole.sort();
    assert_eq!(exported, whole);
    assert!(History::open(&folder.0.join("nowhere")).is_err());
}

#[test]
fn a_file_of_the_first_version_is_brought_on() {
    let folder = Folder::new("first");
    let store = open(settings(&folder)).unwrap();
    let all = records(19, 40, 3);
    store.append(all.iter().cloned().map(entry).collect());
    store.patch(&[Patch { cost: Some(Cost(77)), quality: None, ..score(&all[3], 0.0) }]).unwrap();
    let before = listed(&store);
    store.stop();
    drop(store);
    let file = Connection::open(folder.0.join(HISTORY)).unwrap();
    let newer = ["day_start", "day_cost", "month_start", "month_cost", "open"];
    let newer = newer.map(|column| format!("ALTER TABLE account DROP COLUMN {column};")).concat();
    let quality = "ALTER TABLE patch DROP COLUMN quality; ALTER TABLE patch DROP COLUMN quality_source;";
    file.execute_batch(&format!("DROP TABLE body; {newer} {quality} PRAGMA user_version = 1")).unwrap();
    drop(file);
    // What only reads, reads it as it is.
    assert_eq!(exported_scores(&folder), []);
    let scored = Filter { scored: true, ..Filter::default() };
    History::open(&folder.0).unwrap().each(&scored, &mut |_| panic!("nothing is scored")).unwrap();
    let store = open(settings(&folder)).unwrap();
    assert_eq!(listed(&store), before);
    store.keep_bodies(&[bodies(1, "new")]).unwrap();
    assert!(store.bodies(bodies(1, "").id).unwrap().is_some());
    let version = |name: &str| -> i64 {
        let file = Connection::open(folder.0.join(name)).unwrap();
        file.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    };
    store.stop();
    assert_eq!((version(HISTORY), version("control.db")), (VERSION, 3));
}

/// How many bodies a file holds.
fn body_rows(folder: &Folder) -> i64 {
    let file = Connection::open(folder.0.join(HISTORY)).unwrap();
    file.query_row("SELECT count(*) FROM body", [], |row| row.get(0)).unwrap()
}

#[test]
fn bodies_survive_a_restart_and_go_without_a_trace_when_they_are_old() {
    let folder = Folder::new("forgotten");
    let store = open(settings(&folder)).unwrap();
    let (old, young) = (bodies(0, &"words of long ago, ".repeat(3000)), bodies(30 * 3_600_000, "young"));
    store.keep_bodies(&[old.clone(), young.clone()]).unwrap();
    store.stop();
    drop(store);
    let holds = |text: &[u8]| {
        let bytes = std::fs::read(folder.0.join(HISTORY)).unwrap();
        bytes.windows(text.len()).any(|window| window == text)
    };
    assert!(holds(b"words of long ago"));
    let store = open(settings(&folder)).unwrap();
    assert_eq!(store.bodies(old.id).unwrap(), Some(old.clone()));
    store.stop();
    drop(store);
    // Twelve hours are kept; the old ones are of 37 hours ago.
    let store = open(Settings { keep_bodies: Duration::from_hours(12), ..settings(&folder) }).unwrap();
    store.tidy().unwrap();
    assert_eq!((store.bodies(old.id).unwrap(), store.bodies(young.id).unwrap()), (None, Some(young)));
    store.stop();
    assert_eq!(body_rows(&folder), 1);
    assert!(!holds(b"words of long ago"), "also pages that are free do not show it");
}

#[test]
fn of_too_many_bodies_the_oldest_go() {
    let folder = Folder::new("bodies-bound");
    // Bodies take a quarter of a small history.
    let small = Settings { max_bytes: 400_000, ..settings(&folder) };
    let store = open(small).unwrap();
    let all: Vec<_> = (0..30).map(|n| bodies(n, &"x".repeat(10_000))).collect();
    store.keep_bodies(&all).unwrap();
    store.tidy().unwrap();
    assert_eq!(store.bodies(all[0].id).unwrap(), None);
    assert!(store.bodies(all[29].id).unwrap().is_some());
    let left = body_rows(&folder);
    assert!((5..=9).contains(&left), "{left} of 10 kB are left of 100 kB");
    // A copy holds them too.
    let backup = Folder::new("bodies-copy");
    copy(&folder.0, &backup.0).unwrap();
    assert_eq!(body_rows(&backup), left);
}

#[test]
fn every_table_has_a_retention() {
    let folder = Folder::new("tables");
    let store = open(settings(&folder)).unwrap();
    store.append(records(16, 5, 1).into_iter().map(entry).collect());
    store.stop();
    let mut found = Vec::new();
    for file in ["history.db", "control.db"] {
        let database = Connection::open(folder.0.join(file)).unwrap();
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let mut statement = database.prepare(sql).unwrap();
        let names = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        found.extend(names.map(Result::unwrap));
    }
    let mut known: Vec<&str> = TABLES.iter().map(|(name, _)| *name).collect();
    found.sort();
    known.sort_unstable();
    assert_eq!(found, known);
    assert!(TABLES.iter().any(|(_, retention)| *retention == Retention::Rollups));
}

#[test]
fn while_the_disk_takes_nothing_the_oldest_are_given_up_counted_and_noted() {
    let folder = Folder::new("locked");
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let usual = Settings::new(&folder.0, Arc::new(names));
    let told_to = Box::new(move |urgent, text: &str| tell.lock().unwrap().push((urgent, text.to_owned())));
    let store = SqliteStore::open(usual, told_to).unwrap();
    let other = Connection::open(folder.0.join(HISTORY)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let sample = records(21, 1, 1).remove(0);
    let (started, _, worker) = sample.id.parts();
    let many = 70_000_u64;
    for first in (0..many).step_by(1000) {
        let one = |n: u64| {
            let id = CallId::new(started, n, worker);
            entry(CallRecord { id, ..sample.clone() })
        };
        store.append((first..first + 1000).map(one).collect());
    }
    assert!(store.settle().is_err(), "the disk is another's");
    let state = store.state();
    assert!(state.degraded.as_deref().is_some_and(|why| why.contains("locked")), "{state:?}");
    assert_eq!(state.pending + state.dropped, many);
    assert!(state.dropped >= many - 65_536 && state.pending > 10_000, "{state:?}");
    // What waits can be asked for all the while.
    assert_eq!(store.page(&Filter::default(), 10, None).unwrap().calls.len(), 10);
    other.execute_batch("ROLLBACK").unwrap();
    while store.settle().is_err() {}
    let after = store.state();
    assert_eq!((after.degraded, after.pending, after.records), (None, 0, state.pending));
    let noted: i64 = other.query_row("SELECT SUM(n) FROM gap", [], |row| row.get(0)).unwrap();
    assert_eq!(noted.unsigned_abs(), after.dropped);
    let told = told.lock().unwrap();
    let over =
        (true, format!("call records are written again; {} of them were given up meanwhile", after.dropped));
    assert_eq!(
        (told.len(), told.last()),
        (2, Some(&over)),
        "told when it began and when it was over: {told:?}"
    );
}
