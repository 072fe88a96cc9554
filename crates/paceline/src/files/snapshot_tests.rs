//! Snapshots through simulated days: names, content, restarts, full disks, jumping clocks.

use super::{Measured, SnapshotSettings, Snapshots, Sums};
use crate::files::own::tests::Folder;
use crate::files::zone::Zone;
use paceline_stats::tally::Tally;
use paceline_types::time::Timestamp;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::fs;
use std::time::Duration;

const SECOND: i64 = 1_000_000;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn later(at: Timestamp, seconds: i64) -> Timestamp {
    Timestamp(at.0 + seconds * SECOND)
}

/// Calls: when they ended, their model, ms, tokens in and out.
type Call = (Timestamp, &'static str, f64, u64, u64);

/// Remembers calls, and since when the process runs.
#[derive(Default)]
struct World {
    calls: RefCell<Vec<Call>>,
    started: Cell<Timestamp>,
}

impl World {
    fn sums(&self, from: Timestamp, until: Timestamp) -> Sums {
        let mut sums = Sums::default();
        for (ended, model, ms, input, output) in self.calls.borrow().iter() {
            if (from..until).contains(ended) {
                let mut tally = Tally {
                    calls: 1,
                    ok: 1,
                    input_tokens: *input,
                    output_tokens: *output,
                    ..Tally::default()
                };
                tally.duration_ms.add(*ms);
                sums.all.merge(&tally);
                sums.by_model.entry((*model).to_owned()).or_default().merge(&tally);
            }
        }
        sums
    }
}

impl Measured for World {
    fn between(&self, from: Timestamp, until: Timestamp) -> Option<Sums> {
        Some(self.sums(from, until))
    }

    fn since_start(&self) -> Sums {
        self.sums(self.started.get(), Timestamp(i64::MAX))
    }
}

fn settings(zone: &str, renew: Option<u64>) -> SnapshotSettings {
    SnapshotSettings {
        zone: Zone::parse(zone).unwrap(),
        renew: renew.map(Duration::from_secs),
        keep_hourly_days: Some(30),
        keep_daily_days: Some(400),
    }
}

/// Runs from `now` until `until`, a turn a minute, as a process that started at `world.started`.
fn run(snapshots: &mut Snapshots, world: &World, now: &mut Timestamp, until: Timestamp) -> Vec<String> {
    let mut written = Vec::new();
    while *now < until {
        *now = later(*now, 60);
        let up = Duration::from_micros((now.0 - world.started.get().0) as u64);
        let turn = snapshots.turn(*now, up, world);
        assert_eq!(turn.problem, None);
        written.extend(turn.written);
    }
    written
}

fn read(folder: &Folder, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.path().join(name)).unwrap()).unwrap()
}

#[test]
fn an_hour_and_a_day_have_exactly_the_fixed_names() {
    let (folder, world) = (Folder::new(), World::default());
    let mut now = at("2026-10-24T20:30:00Z");
    world.started.set(now);
    *world.calls.borrow_mut() = vec![
        (at("2026-10-24T20:40:00Z"), "small", 100.0, 10, 5),
        (at("2026-10-24T21:10:00Z"), "small", 1234.5, 70, 30),
        (at("2026-10-24T21:59:59.999Z"), "large", 400.25, 1000, 200),
        (at("2026-10-24T22:00:00Z"), "large", 1.0, 1, 1),
    ];
    let mut snapshots = Snapshots::new(folder.path(), settings("Europe/Berlin", None));
    let written = run(&mut snapshots, &world, &mut now, at("2026-10-24T22:05:00Z"));
    assert_eq!(
        written,
        ["hourly_20261024_22.json", "hourly_20261024_23.json", "daily_20261024.json"],
        "Berlin's day ends at 22:00 UTC"
    );
    let hour = read(&folder, "hourly_20261024_23.json");
    let p50 = hour["response_times"]["p50"].clone();
    assert!((p50.as_f64().unwrap() - 1234.5).abs() < 12.4 || (p50.as_f64().unwrap() - 400.25).abs() < 4.1);
    assert_eq!(
        hour,
        json!({
            "uptime_seconds": 5460,
            "uptime_formatted": "1h 31m 0s",
            "response_times": {
                "avg": 817.375, "min": 400.25, "max": 1234.5, "p50": p50, "p95": 1234.5, "p99": 1234.5, "count": 2
            },
            "token_usage": {
                "total_tokens": 1300,
                "prompt_tokens": 1070,
                "completion_tokens": 230,
                "by_model": { "large": 1200, "small": 100 }
            },
            "period": { "start": "2026-10-24T23:00:00.000000+02:00", "end": "2026-10-25T00:00:00.000000+02:00" },
            "since_start": {
                "response_times": hour["since_start"]["response_times"],
                "token_usage": {
                    "total_tokens": 1317,
                    "prompt_tokens": 1081,
                    "completion_tokens": 236,
                    "by_model": { "large": 1202, "small": 115 }
                }
            },
            "saved_at": "2026-10-25T00:01:00.000000+02:00",
            "version": "1.0"
        })
    );
    assert_eq!(hour["since_start"]["response_times"]["count"], 4);
    let day = read(&folder, "daily_20261024.json");
    assert_eq!(day["response_times"]["count"], 3, "the call at 00:00 is the next day's");
    assert_eq!(day["period"]["start"], "2026-10-24T00:00:00.000000+02:00");
    assert_eq!(day.get("since_start"), None);
}

#[test]
fn an_hour_without_calls_is_told_with_nulls_and_one_before_the_start_is_not() {
    let (folder, world) = (Folder::new(), World::default());
    let mut now = at("2026-05-01T20:30:00Z");
    world.started.set(now);
    let mut snapshots = Snapshots::new(folder.path(), settings("UTC", None));
    let written = run(&mut snapshots, &world, &mut now, at("2026-05-01T21:05:00Z"));
    assert_eq!(written, ["hourly_20260501_20.json"]);
    let none =
        json!({ "avg": null, "min": null, "max": null, "p50": null, "p95": null, "p99": null, "count": 0 });
    let hour = read(&folder, "hourly_20260501_20.json");
    assert_eq!(hour["response_times"], none);
    assert_eq!(hour["token_usage"]["by_model"], json!({}));
}

#[test]
fn the_hour_that_comes_again_is_in_one_file_with_the_first() {
    let (folder, world) = (Folder::new(), World::default());
    let mut now = at("2026-10-24T23:50:00Z");
    world.started.set(now);
    for minute in 0..180 {
        world.calls.borrow_mut().push((later(at("2026-10-25T00:00:00Z"), minute * 60), "m", 10.0, 1, 1));
    }
    let mut snapshots = Snapshots::new(folder.path(), settings("Europe/Berlin", Some(300)));
    run(&mut snapshots, &world, &mut now, at("2026-10-25T02:10:00Z"));
    let hour = read(&folder, "hourly_20261025_02.json");
    assert_eq!(hour["response_times"]["count"], 120);
    assert_eq!(
        hour["period"],
        json!({ "start": "2026-10-25T02:00:00.000000+02:00", "end": "2026-10-25T03:00:00.000000+01:00" })
    );
}

#[test]
fn the_running_hour_is_renewed_and_what_was_down_is_caught_up() {
    let (folder, world) = (Folder::new(), World::default());
    let mut now = at("2026-05-01T20:00:00Z");
    world.started.set(now);
    for hour in 0..12 {
        world.calls.borrow_mut().push((later(now, hour * 3600 + 90), "m", 10.0, 1, 1));
    }
    let mut snapshots = Snapshots::new(folder.path(), settings("UTC", Some(600)));
    run(&mut snapshots, &world, &mut now, at("2026-05-01T20:25:00Z"));
    assert_eq!(read(&folder, "hourly_20260501_20.json")["response_times"]["count"], 1);
    let up = Duration::from_mins(1);
    let last = snapshots.last(now, up, &world);
    assert_eq!(last.written, ["hourly_20260501_20.json", "daily_20260501.json"]);
    // Down until the next morning: hours with calls of which another process knows are written, others not.
    let mut now = at("2026-05-02T09:30:00Z");
    world.started.set(now);
    let mut snapshots = Snapshots::new(folder.path(), settings("UTC", None));
    let written = snapshots.turn(now, Duration::ZERO, &world).written;
    assert_eq!(written.len(), 12 + 1, "{written:?}");
    assert_eq!(written[4], "hourly_20260502_00.json");
    assert_eq!(written.last().unwrap(), "daily_20260501.json");
    assert_eq!(run(&mut snapshots, &world, &mut now, at("2026-05-02T09:55:00Z")), [""; 0]);
}

#[test]
fn a_file_is_replaced_only_by_one_that_knows_more() {
    let (folder, world) = (Folder::new(), World::default());
    let begin = at("2026-05-01T20:00:00Z");
    let mut now = begin;
    world.started.set(now);
    for minute in 1..50 {
        world.calls.borrow_mut().push((later(now, minute * 60), "m", 10.0, 1, 1));
    }
    let mut snapshots = Snapshots::new(folder.path(), settings("UTC", Some(60)));
    run(&mut snapshots, &world, &mut now, later(begin, 1800));
    // A restart that remembers nothing.
    let forgetful = World::default();
    forgetful.started.set(now);
    forgetful.calls.borrow_mut().push((later(now, 5), "m", 10.0, 1, 1));
    let mut snapshots = Snapshots::new(folder.path(), settings("UTC", Some(60)));
    run(&mut snapshots, &forgetful, &mut now, later(begin, 3700));
    let count = |name: &str| read(&folder, name)["response_times"]["count"].clone();
    assert_eq!(count("hourly_20260501_20.json"), 49);
    // The clock an hour ahead for a while: the hour is written too early, and whole once it is over.
    let (folder, mut now) = (Folder::new(), begin);
    let mut snapshots = Snapshots::new(folder.path(), settings("UTC", None));
    let so_far = World::default();
    *so_far.calls.borrow_mut() = world.calls.borrow()[..10].to_vec();
    so_far.started.set(begin);
    run(&mut snapshots, &so_far, &mut now, later(begin, 600));
    let ahead = snapshots.turn(later(now, 3600), Duration::from_mins(10), &so_far);
    assert_eq!(ahead.written, ["hourly_20260501_20.json"]);
    run(&mut snapshots, &world, &mut now, later(begin, 3700));
    assert_eq!(read(&folder, "hourly_20260501_20.json")["response_times"]["count"], 49);
}

#[test]
fn a_disk_that_refuses_is_told_and_tried_again() {
    let (folder, world) = (Folder::new(), World::default());
    let mut now = at("2026-05-01T20:59:00Z");
    world.started.set(now);
    let inner = folder.path().join("metrics");
    fs::write(&inner, b"a file where the folder should be").unwrap();
    let mut snapshots = Snapshots::new(&inner, settings("UTC", None));
    let mut turn = |seconds: i64| {
        now = later(now, seconds);
        snapshots.turn(now, Duration::from_micros((now.0 - world.started.get().0) as u64), &world)
    };
    let first = turn(120);
    assert!(first.problem.unwrap().contains("hourly_20260501_20.json") && first.written.is_empty());
    assert_eq!(turn(30).problem, None, "not at once");
    assert_eq!(turn(31).problem, None, "tried again, and told already");
    fs::remove_file(&inner).unwrap();
    assert_eq!(turn(61).written, ["hourly_20260501_20.json"]);
    assert_eq!(turn(61).written, [""; 0]);
    fs::remove_dir_all(&inner).unwrap();
    fs::write(&inner, b"a file once more").unwrap();
    assert!(turn(3600).problem.is_some(), "another trouble is told again");
}

#[test]
fn old_files_and_leftovers_go() {
    let (folder, world) = (Folder::new(), World::default());
    let names =
        [".hourly_20260501_20.json.tmp", "hourly_20260331_20.json", "daily_20250331.json", "other.json"];
    for name in names {
        fs::write(folder.path().join(name), b"{}").unwrap();
    }
    let now = at("2026-05-01T20:30:00Z");
    let mut snapshots = Snapshots::new(folder.path(), settings("UTC", None));
    assert_eq!(folder.names().len(), 3);
    assert_eq!(snapshots.turn(now, Duration::ZERO, &world).removed, 1);
    assert_eq!(folder.names(), ["daily_20250331.json", "other.json"]);
}
