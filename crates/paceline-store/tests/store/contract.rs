//! The contract: what any store answers, whatever it is made of. Each store runs the same checks against a plain list.

use crate::Folder;
use crate::records::{Dice, entry, names, records, start_ms};
use paceline_stats::bucket::Level;
use paceline_stats::rollup::{Facet, Key};
use paceline_stats::tally::{Sample, Tally};
use paceline_store::bodies::{Bodies, Body};
use paceline_store::filter::Filter;
use paceline_store::memory::MemoryStore;
use paceline_store::sqlite::{Settings, SqliteStore};
use paceline_store::store::{Account, Patch, Spent, Store, Window};
use paceline_types::error::ErrorKind;
use paceline_types::id::CallId;
use paceline_types::money::Cost;
use paceline_types::record::{CallRecord, Status};
use paceline_types::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A store under test, and what brings it to another state of rest: what is asked must be answered alike in each.
struct Subject {
    store: Box<dyn Store>,
    rest: Box<dyn Fn()>,
}

fn memory() -> Subject {
    Subject { store: Box::new(MemoryStore::new(1_000_000)), rest: Box::new(|| {}) }
}

fn sqlite(folder: &Folder) -> Subject {
    let settings = Settings {
        segment: 700,
        keep: std::time::Duration::from_hours(24 * 36_500),
        ..Settings::new(&folder.0, Arc::new(names))
    };
    let store = Arc::new(SqliteStore::open(settings, Box::new(|_, text| eprintln!("{text}"))).unwrap());
    let resting = Arc::clone(&store);
    Subject { store: Box::new(store), rest: Box::new(move || resting.tidy().unwrap()) }
}

/// Runs a check on every store.
fn every(name: &str, check: impl Fn(&Subject)) {
    check(&memory());
    check(&sqlite(&Folder::new(name)));
}

fn append(subject: &Subject, records: &[CallRecord], piece: usize) {
    for piece in records.chunks(piece) {
        subject.store.append(piece.iter().cloned().map(entry).collect());
    }
}

fn filters(dice: &mut Dice, sample: &CallRecord) -> Vec<Filter> {
    let labels = sample.labels.as_deref();
    let text = |text: Option<&str>| Some(text.unwrap_or("nothing has this").to_owned());
    let model = sample.target.as_ref().map_or("model-7".to_owned(), |target| match dice.below(3) {
        0 => target.name.to_string(),
        1 => target.model.to_string(),
        _ => target.upstream_model.to_string(),
    });
    let at = |n: u64| Some(Timestamp((start_ms() + n) as i64 * 1000));
    let none = Filter::default;
    vec![
        none(),
        Filter { session: text(labels.and_then(|l| l.session.as_deref())), ..none() },
        Filter { user: text(labels.and_then(|l| l.user.as_deref())), ..none() },
        Filter { task: text(labels.and_then(|l| l.task.as_deref())), status: Some(Status::Ok), ..none() },
        Filter { role: text(labels.and_then(|l| l.role.as_deref())), ..none() },
        Filter {
            tag: labels.and_then(|l| l.tags.first()).map(|(k, v)| (k.to_string(), v.to_string())),
            ..none()
        },
        Filter { model: Some(model), ..none() },
        Filter { provider: text(Some("provider-1")), min_duration_ms: Some(100_000), ..none() },
        Filter {
            tenant: text(Some(&sample.caller.tenant)),
            key: text(sample.caller.key.as_deref()),
            ..none()
        },
        Filter { workspace: text(Some(&sample.caller.workspace)), status: Some(sample.status), ..none() },
        Filter { error_kind: text(sample.error_kind.map(ErrorKind::as_str)), ..none() },
        Filter { error_kind: text(Some("no such kind")), ..none() },
        Filter { cache: text(Some("off")), since: at(dice.below(9000)), ..none() },
        Filter { min_cost: Some(sample.cost.unwrap_or(Cost(1 << 39))), ..none() },
        Filter { since: at(1000), until: at(1000 + dice.below(5000)), ..none() },
        Filter { unpriced: true, ..none() },
        Filter { routed: true, ..none() },
        Filter { scored: true, ..none() },
        Filter { route: text(Some("no such route")), ..none() },
        Filter { route: sample.decision.as_ref().map(|decision| decision.route.to_string()), ..none() },
    ]
}

/// All pages of a filter.
fn all_pages(subject: &Subject, filter: &Filter, limit: usize) -> Vec<String> {
    let mut all = Vec::new();
    let mut below = None;
    loop {
        let page = subject.store.page(filter, limit, below).unwrap();
        assert!(page.calls.len() == limit || page.next.is_none(), "only the last page may be short");
        all.extend(page.calls.iter().map(|record| format!("{record:?}")));
        below = page.next;
        if below.is_none() {
            return all;
        }
    }
}

#[test]
fn pages_and_single_calls_are_those_of_a_plain_list() {
    let records = records(1, 3000, 3);
    every("pages", |subject| {
        append(subject, &records, 90);
        let mut sorted: Vec<&CallRecord> = records.iter().collect();
        sorted.sort_by_key(|record| std::cmp::Reverse(record.id));
        // Asked at once, after a commit, and after sealing.
        for round in 0..3 {
            match round {
                1 => subject.store.settle().unwrap(),
                2 => (subject.rest)(),
                _ => {}
            }
            let mut dice = Dice(round);
            for _ in 0..12 {
                let sample = &records[dice.below(3000) as usize];
                let found = subject.store.get(sample.id).unwrap().expect("kept");
                assert_eq!(format!("{found:?}"), format!("{sample:?}"));
                for filter in filters(&mut dice, sample) {
                    let wanted = sorted.iter().filter(|record| filter.takes(record));
                    let wanted: Vec<String> = wanted.map(|record| format!("{record:?}")).collect();
                    let limit = 1 + dice.below(300) as usize;
                    let pages = wanted.len() / limit;
                    if pages < 40 {
                        assert_eq!(all_pages(subject, &filter, limit), wanted, "{filter:?}, round {round}");
                    }
                }
            }
            let unknown = CallId::new(start_ms() + 5, u64::MAX, 1);
            assert!(subject.store.get(unknown).unwrap().is_none());
        }
        assert_eq!(subject.store.state().records, 3000);
    });
}

type Sums = BTreeMap<Key, Tally>;

fn sums(subject: &Subject, facet: Facet, from: Timestamp, until: Option<Timestamp>, now: Timestamp) -> Sums {
    let mut sums = Sums::new();
    let window = Window { from, until, facet, widest: Level::Day, now };
    let mut take = |_: Level, _: i64, key: &Key, tally: &Tally| {
        sums.entry(key.clone()).or_default().merge(tally);
    };
    subject.store.tallies(&window, &mut take).unwrap();
    sums
}

fn expect(records: &[CallRecord], facet: Facet, from: Timestamp, until: Option<Timestamp>) -> Sums {
    let mut sums = Sums::new();
    for record in records {
        let at = Level::Minute.floor(paceline_stats::rollup::ended(record).seconds());
        if at >= Level::Minute.floor(from.seconds())
            && until.is_none_or(|until| at < until.seconds())
            && let Some(key) = facet.key(&names(record))
        {
            sums.entry(key).or_default().add(&Sample::of(record));
        }
    }
    sums
}

/// Sums of floats depend on their order in the last digits: everything else must be the same.
fn same(a: &Sums, b: &Sums) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (one, other) in a.values().zip(b.values()) {
        let plain = |tally: &Tally| {
            let spreads = [&tally.duration_ms, &tally.ttft_ms, &tally.tpot_ms, &tally.overhead_ms];
            let spreads = spreads.map(|s| (s.count(), s.min(), s.max(), s.quantile(0.5), s.quantile(0.99)));
            (tally.calls, tally.errors, tally.input_tokens, tally.cost_pico, tally.cost_unknown, spreads)
        };
        assert_eq!(plain(one), plain(other));
    }
}

#[test]
fn sums_of_any_window_count_each_call_once() {
    // One call each 47 seconds: a day and a half.
    let records = records(2, 2800, 47_000);
    let now = Timestamp::from_millis((start_ms() + 2800 * 47_000) as i64);
    every("sums", |subject| {
        append(subject, &records[..2000], 333);
        (subject.rest)();
        append(subject, &records[2000..], 100);
        for round in 0..3 {
            match round {
                1 => subject.store.settle().unwrap(),
                2 => (subject.rest)(),
                _ => {}
            }
            for (hours, facet) in [1, 5, 24, 30].into_iter().zip(Facet::ALL) {
                let from = Timestamp(now.0 - hours * 3_600_000_000);
                same(&sums(subject, facet, from, None, now), &expect(&records, facet, from, None));
                let until = Some(Timestamp(Level::Minute.floor(now.seconds() - 1800) * 1_000_000));
                same(&sums(subject, facet, from, until, now), &expect(&records, facet, from, until));
            }
        }
    });
}

#[test]
fn what_is_learned_later_is_seen_everywhere() {
    let mut records = records(3, 1500, 100);
    let now = Timestamp::from_millis((start_ms() + 1500 * 100) as i64);
    every("patches", |subject| {
        append(subject, &records, 200);
        (subject.rest)();
        let unknown: Vec<CallId> =
            records.iter().filter(|r| r.cost.is_none()).map(|r| r.id).take(40).collect();
        let patches: Vec<Patch> = unknown
            .iter()
            .enumerate()
            .map(|(n, id)| Patch {
                id: *id,
                cost: Some(Cost((1 << 42) + n as i64)),
                quality: None,
                source: "test".into(),
            })
            .collect();
        assert_eq!(subject.store.patch(&patches).unwrap(), 40);
        let absent =
            Patch { id: CallId::new(1, 1, 1), cost: Some(Cost(1)), quality: None, source: "test".into() };
        assert_eq!(subject.store.patch(&[absent]).unwrap(), 0);
        for round in 0..2 {
            let found = subject.store.get(unknown[7]).unwrap().unwrap();
            assert_eq!(found.cost, Some(Cost((1 << 42) + 7)));
            let unpriced = Filter { unpriced: true, ..Filter::default() };
            assert!(
                all_pages(subject, &unpriced, 90)
                    .iter()
                    .all(|text| !text.contains(&format!("{:?}", unknown[7])))
            );
            let dear = Filter { min_cost: Some(Cost(1 << 42)), ..Filter::default() };
            assert_eq!(all_pages(subject, &dear, 7).len(), 40, "round {round}");
            let from = Timestamp(now.0 - 3_600_000_000);
            let cost =
                |facet| sums(subject, facet, from, None, now).values().map(|sum| sum.cost_pico).sum::<i128>();
            let counted = records.iter().filter(|r| r.usage.is_some() || unknown.contains(&r.id));
            let late =
                |id: CallId| unknown.iter().position(|known| *known == id).map(|n| (1 << 42) + n as i64);
            let wanted: i128 =
                counted.map(|r| i128::from(late(r.id).unwrap_or(r.cost.map_or(0, |cost| cost.0)))).sum();
            assert_eq!((cost(Facet::Served), cost(Facet::Tenant)), (wanted, wanted));
            (subject.rest)();
        }
    });
    records.clear();
}

#[test]
fn quality_and_cost_that_are_learned_later_do_not_erase_each_other() {
    let mut records = records(9, 1500, 100);
    records.sort_by_key(|record| record.id);
    every("quality", |subject| {
        append(subject, &records, 200);
        let patch = |at: usize, cost: Option<i64>, quality| Patch {
            id: records[at].id,
            cost: cost.map(Cost),
            quality,
            source: "test".into(),
        };
        let absent = Patch { id: CallId::new(1, 1, 1), ..patch(0, None, Some(0.5)) };
        // Right after the calls, also two of one call at once; then after they were sealed.
        let first =
            [patch(3, Some(7), None), patch(3, None, Some(0.25)), patch(900, None, Some(1.0)), absent];
        assert_eq!(subject.store.patch(&first).unwrap(), 3);
        (subject.rest)();
        let second = [patch(900, Some(8), None), patch(3, None, Some(0.75)), patch(1200, Some(9), Some(0.0))];
        assert_eq!(subject.store.patch(&second).unwrap(), 3);
        let mut wanted = records.clone();
        for (at, cost, quality) in [(3, 7, 0.75), (900, 8, 1.0), (1200, 9, 0.0)] {
            (wanted[at].cost, wanted[at].quality) = (Some(Cost(cost)), Some(quality));
        }
        wanted.reverse();
        let told = |record: &CallRecord| (record.id, record.cost, record.quality);
        for _ in 0..2 {
            let all = subject.store.page(&Filter::default(), 2000, None).unwrap().calls;
            let all: Vec<_> = all.iter().map(|record| told(record)).collect();
            assert_eq!(all, wanted.iter().map(told).collect::<Vec<_>>());
            for at in [3, 4, 900, 1200] {
                let one = subject.store.get(records[at].id).unwrap().unwrap();
                assert_eq!(told(&one), told(wanted.iter().find(|r| r.id == one.id).unwrap()));
            }
            let scored = Filter { scored: true, ..Filter::default() };
            let found = subject.store.page(&scored, 2, None).unwrap();
            let below = found.next.expect("a third");
            assert_eq!(
                found.calls.iter().map(|r| r.id).collect::<Vec<_>>(),
                [records[1200].id, records[900].id]
            );
            let last = subject.store.page(&scored, 2, Some(below)).unwrap();
            assert_eq!((last.calls.len(), last.calls[0].id, last.next), (1, records[3].id, None));
            let named = |at: &usize| records[*at].labels.as_ref().is_some_and(|l| l.session.is_some());
            let sessions = subject.store.sessions(&scored, 100).unwrap();
            let calls = [3, 900, 1200].iter().filter(|at| named(at)).count() as u64;
            assert_eq!(sessions.iter().map(|session| session.calls).sum::<u64>(), calls);
            (subject.rest)();
        }
    });
}

#[test]
fn sessions_are_the_sums_of_their_calls() {
    let records = records(8, 2500, 11);
    every("sessions", |subject| {
        append(subject, &records, 150);
        for round in 0..3 {
            match round {
                1 => subject.store.settle().unwrap(),
                2 => (subject.rest)(),
                _ => {}
            }
            let filter = Filter { tenant: Some("tenant-1".into()), ..Filter::default() };
            let found = subject.store.sessions(&filter, 10_000).unwrap();
            assert!(found.windows(2).all(|pair| pair[0].ended_at >= pair[1].ended_at));
            let named = |record: &&CallRecord| record.labels.as_ref().is_some_and(|l| l.session.is_some());
            let counted: Vec<&CallRecord> =
                records.iter().filter(|r| filter.takes(r)).filter(named).collect();
            assert_eq!(found.iter().map(|s| s.calls).sum::<u64>(), counted.len() as u64);
            let one = &found[found.len() / 2];
            let mine =
                counted.iter().filter(|r| r.labels.as_ref().unwrap().session.as_deref() == Some(&*one.name));
            let mine: Vec<_> = mine.collect();
            let tokens: u64 = mine.iter().filter_map(|r| r.usage).map(|usage| usage.output_tokens).sum();
            let cost: i128 = mine.iter().filter_map(|r| r.cost).map(|cost| i128::from(cost.0)).sum();
            assert_eq!((one.calls, one.output_tokens, one.cost_pico), (mine.len() as u64, tokens, cost));
            assert_eq!(subject.store.sessions(&filter, 3).unwrap(), found[..3]);
        }
    });
}

#[test]
fn accounts_are_those_given_last() {
    every("accounts", |subject| {
        let account = |calls| Account {
            calls,
            input_tokens: calls * 10,
            output_tokens: 3,
            cost_pico: 1 << 50,
            spent: Spent {
                day_start: Timestamp(calls as i64),
                day_pico: 100 - calls as i64,
                month_start: Timestamp(5),
                month_pico: calls as i64,
                open_pico: 9 - calls as i64,
            },
        };
        let name = |tenant: &str| (tenant.into(), "w".into(), "k".into());
        subject.store.keep_accounts(vec![(name("a"), account(1)), (name("b"), account(2))]);
        subject.store.append(records(4, 3, 1).into_iter().map(entry).collect());
        subject.store.settle().unwrap();
        subject.store.keep_accounts(vec![(name("a"), account(5)), (name("b"), account(2))]);
        subject.store.append(records(5, 3, 1).into_iter().map(entry).collect());
        subject.store.settle().unwrap();
        let mut accounts = subject.store.accounts().unwrap();
        accounts.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(accounts, [(name("a"), account(5)), (name("b"), account(2))]);
    });
}

/// Bodies of a call that began so long after the records'.
pub(crate) fn bodies(after_ms: i64, text: &str) -> Bodies {
    let ms = start_ms().saturating_add_signed(after_ms);
    let body = |text: &str| Body {
        content_type: Some("application/json".into()),
        length: 1 << 33,
        cut: true,
        text: Some(text.to_owned()),
    };
    Bodies {
        id: CallId::new(ms, 1, 1),
        started_at: Timestamp::from_millis(ms as i64),
        request: Some(body(text)),
        answer: Some(Body { content_type: None, length: 7, cut: false, text: None }),
    }
}

#[test]
fn bodies_are_found_by_their_call_as_they_were_given_first() {
    every("bodies", |subject| {
        let (one, other) = (bodies(1, "{\"ä\": \"one\"}"), Bodies { request: None, ..bodies(2, "") });
        let none = Bodies { answer: None, ..bodies(3, "no answer") };
        subject.store.keep_bodies(&[one.clone(), other.clone()]).unwrap();
        let again = Bodies { id: one.id, started_at: one.started_at, ..bodies(1, "again") };
        subject.store.keep_bodies(&[again, none.clone()]).unwrap();
        for _ in 0..2 {
            for wanted in [&one, &other, &none] {
                assert_eq!(subject.store.bodies(wanted.id).unwrap().as_ref(), Some(wanted));
            }
            assert_eq!(subject.store.bodies(bodies(4, "").id).unwrap(), None);
            (subject.rest)();
        }
    });
}

#[test]
fn bodies_that_are_too_old_are_not_shown() {
    every("old-bodies", |subject| {
        // The records begin 37 hours ago, bodies are kept seven days.
        let (old, young) = (bodies(-6 * 86_400_000, "old"), bodies(-5 * 86_400_000, "young"));
        subject.store.keep_bodies(&[young.clone(), old.clone()]).unwrap();
        for _ in 0..2 {
            assert_eq!(subject.store.bodies(old.id).unwrap(), None);
            assert_eq!(subject.store.bodies(young.id).unwrap(), Some(young.clone()));
            (subject.rest)();
        }
    });
}

#[test]
fn a_stopped_store_takes_nothing_and_counts_it() {
    every("stopped", |subject| {
        subject.store.append(records(6, 10, 1).into_iter().map(entry).collect());
        subject.store.stop();
        subject.store.append(records(7, 3, 1).into_iter().map(entry).collect());
        assert_eq!((subject.store.state().records, subject.store.state().dropped), (10, 3));
    });
}
