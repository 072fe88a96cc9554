//! The log as a whole: its thread, its files, what it loses and how that is told.

use super::event::{Event, EventKind};
use super::read::{Entries, Outcome};
use super::tests::{IDLE, record};
use super::tree::{Forest, forest};
use super::{OperationsLog, OperationsSettings};
use crate::files::own::Keep;
use crate::files::own::tests::Folder;
use crate::files::zone::Zone;
use paceline_types::time::Timestamp;
use serde_json::json;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

fn settings(folder: &Folder, max_file_bytes: u64) -> OperationsSettings {
    OperationsSettings {
        enabled: true,
        folder: folder.path().to_owned(),
        zone: Zone::utc(),
        idle: IDLE,
        max_file_bytes,
        keep: Keep::default(),
    }
}

/// All that was written, files in any order.
fn read_all(folder: &Folder) -> (Entries, Forest) {
    let mut entries = Entries::default();
    for name in folder.names().iter().rev() {
        entries.read_file(&folder.path().join(name), &Zone::utc()).unwrap();
    }
    let forest = forest(&entries);
    (entries, forest)
}

#[test]
fn the_thread_writes_and_closes_over_several_files() {
    let folder = Folder::new();
    let log = OperationsLog::start(settings(&folder, 4000));
    let now = crate::recorder::now().0;
    for number in 0..40u64 {
        let task = format!("t{}", number % 4);
        log.calls(&[Arc::new(record(number, now + number as i64, Some("run"), Some(&task)))]);
        assert!(log.flush(PATIENCE));
    }
    log.event(Event::new(Timestamp(now), EventKind::Cooldown, json!({ "deployment": "sim/small-1" })));
    assert!(log.close(PATIENCE));
    assert_eq!((log.dropped(), log.lost_lines(), log.take_problem()), (0, 0, None));
    assert!(folder.names().len() > 3, "{:?}", folder.names());
    for name in folder.names() {
        assert!(fs::read(folder.path().join(name)).unwrap().ends_with(b"\n"));
    }
    let (entries, forest) = read_all(&folder);
    assert_eq!((entries.bad_count, forest.nodes.len(), forest.nodes[0].calls), (0, 1, 40));
    assert_eq!((forest.nodes[0].children.len(), forest.nodes[0].status), (4, Outcome::Completed));
    assert_eq!(forest.events[0].event_type, "COOLDOWN");
    // After the end everything is counted as dropped and nobody waits.
    log.calls(&[Arc::new(record(99, now, None, None))]);
    assert_eq!(log.dropped(), 1);
}

#[test]
fn switched_off_it_writes_nothing_and_closes_what_was_open() {
    let folder = Folder::new();
    let off = OperationsSettings { enabled: false, ..settings(&folder, 1 << 20) };
    let log = OperationsLog::start(off.clone());
    log.calls(&[Arc::new(record(1, 0, Some("run"), None))]);
    assert!(log.flush(PATIENCE));
    assert_eq!(folder.names(), [""; 0]);
    assert!(log.set(settings(&folder, 1 << 20)));
    log.calls(&[Arc::new(record(2, crate::recorder::now().0, Some("run"), None))]);
    assert!(log.set(off));
    assert!(log.flush(PATIENCE));
    let (_, forest) = read_all(&folder);
    assert_eq!((forest.nodes.len(), forest.nodes[0].status), (1, Outcome::Completed));
    assert!(log.close(PATIENCE));
}

#[test]
fn what_was_lost_is_told_in_the_log() {
    let folder = Folder::new();
    let place = folder.path().join("logs");
    fs::write(&place, b"a file where the folder should be").unwrap();
    let mut broken = settings(&folder, 1 << 20);
    broken.folder.clone_from(&place);
    let log = OperationsLog::start(broken);
    log.calls(&[Arc::new(record(1, 0, None, None))]);
    assert!(log.flush(PATIENCE));
    assert!(log.take_problem().unwrap().contains("logs"));
    assert_eq!(log.lost_lines(), 1);
    // Another folder is tried at once.
    assert!(log.set(settings(&folder, 1 << 20)));
    log.calls(&[Arc::new(record(2, 0, None, None))]);
    assert!(log.close(PATIENCE));
    fs::remove_file(&place).unwrap();
    let (entries, _) = read_all(&folder);
    let gap = entries.events.iter().find(|event| event.event_type == "LOG_GAP").unwrap();
    assert_eq!((&gap.details["lines"], &gap.details["calls"]), (&json!(1), &json!(0)));
    assert_eq!(entries.operations.len(), 1);
}
