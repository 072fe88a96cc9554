//! Plausible call records for the past: so that people can see what their own history will cost and how fast it answers.

mod dice;
mod draft;

pub(crate) use dice::Dice;
pub(crate) use draft::{Draft, Ending, Place, made, place};

use crate::labels::Bounded;
use paceline_store::error::StoreError;
use paceline_store::sqlite::{Settings, SqliteStore};
use paceline_store::store::{Accounts, Entry, State, Store};
use paceline_types::deployment::Deployment;
use paceline_types::error::ErrorKind;
use paceline_types::id::Name;
use paceline_types::record::{CallRecord, Caller, Labels, Status};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Records are kept so many days by default.
const DAYS: f64 = 30.0;
/// Records given to the store at once.
const CHUNK: usize = 8192;
/// No more records wait for the disk than this.
const WAITING: u64 = 32_768;

/// The share of the calls that each gets, and what it is like.
const MODELS: [(u64, Place); 8] = [
    (18, place("openai", "gpt-4o", 2.5, 10.0, 420.0, 11.0)),
    (26, place("openai", "gpt-4o-mini", 0.15, 0.6, 330.0, 8.0)),
    (8, place("openai", "text-embedding-3-small", 0.02, 0.0, 90.0, 0.0)),
    (9, place("mistral", "mistral-small-latest", 0.1, 0.3, 260.0, 7.0)),
    (16, place("groq", "llama-3.1-8b-instant", 0.05, 0.08, 110.0, 1.4)),
    (9, place("groq", "llama-3.3-70b-versatile", 0.59, 0.79, 190.0, 3.4)),
    (9, place("deepseek", "deepseek-chat", 0.27, 1.1, 700.0, 21.0)),
    (5, place("vllm", "house-model", 0.0, 0.0, 150.0, 16.0)),
];

const ROLES: [&str; 5] = ["researcher", "writer", "reviewer", "pricing_strategist", "assistant"];
const TASKS: [&str; 6] = ["answer", "summarise", "classify", "extract", "plan", "translate"];

/// What is shared by many records.
struct World {
    callers: Vec<Arc<Caller>>,
    deployments: Vec<Arc<Deployment>>,
    requested: Vec<Name>,
}

impl World {
    fn new() -> Self {
        let callers = (0..12).flat_map(|tenant| {
            (0..2).map(move |workspace| {
                Arc::new(Caller {
                    tenant: format!("tenant-{tenant}").into(),
                    workspace: if workspace == 0 { "production".into() } else { "staging".into() },
                    key: Some(format!("key-{tenant}-{workspace}").into()),
                })
            })
        });
        Self {
            callers: callers.collect(),
            deployments: MODELS.iter().map(|(_, place)| Arc::new(place.deployment())).collect(),
            requested: MODELS.iter().map(|(_, place)| place.model.into()).collect(),
        }
    }

    /// Call `n` of `count`.
    fn record(&self, dice: &mut Dice, n: u64, ms: u64) -> CallRecord {
        let at = pick_model(dice);
        let stream = !MODELS[at].1.embeds() && dice.below(10) < 6;
        // Some callers call far more than others.
        let share = dice.below(self.callers.len() as u64) * dice.below(self.callers.len() as u64);
        let caller = Arc::clone(&self.callers[share as usize / self.callers.len()]);
        let draft = Draft {
            n,
            ms,
            caller,
            deployment: Arc::clone(&self.deployments[at]),
            requested: Arc::clone(&self.requested[at]),
            stream,
            ending: ending(dice),
            slower: 1.0,
        };
        made(dice, &MODELS[at].1, draft, |dice| labels(dice, n))
    }
}

fn pick_model(dice: &mut Dice) -> usize {
    let mut left = dice.below(MODELS.iter().map(|(share, _)| share).sum());
    let fits = |(share, _): &(u64, Place)| {
        let fits = left < *share;
        left = left.saturating_sub(*share);
        fits
    };
    MODELS.iter().position(fits).unwrap_or(0)
}

fn ending(dice: &mut Dice) -> Ending {
    match dice.below(1000) {
        0..=9 => (Status::Error, Some(ErrorKind::RateLimited), 429),
        10..=15 => (Status::Error, Some(ErrorKind::ProviderFailed), 502),
        16..=18 => (Status::Error, Some(ErrorKind::Timeout), 504),
        19..=21 => (Status::Partial, Some(ErrorKind::Truncated), 200),
        22..=27 => (Status::Canceled, Some(ErrorKind::Canceled), 200),
        28..=30 => (Status::Refused, Some(ErrorKind::BadRequest), 400),
        _ => (Status::Ok, None, 200),
    }
}

fn labels(dice: &mut Dice, n: u64) -> Labels {
    // About eight calls a session, sessions overlapping.
    let session = (n / 8).saturating_sub(dice.below(40));
    let role = ROLES[dice.below(ROLES.len() as u64) as usize];
    Labels {
        role: Some(role.into()),
        task: Some(TASKS[dice.below(TASKS.len() as u64) as usize].into()),
        session: Some(format!("session-{session:x}").into()),
        user: Some(format!("user-{}", dice.below(20_000)).into()),
        trace_id: (dice.below(3) == 0).then(|| format!("{:016x}{:016x}", dice.roll(), dice.roll()).into()),
        tags: vec![("env".into(), if dice.below(5) == 0 { "staging".into() } else { "production".into() })],
        ..Labels::default()
    }
}

/// What came of a fill.
#[derive(Clone, Debug)]
pub struct Filled {
    /// How long it took.
    pub took: Duration,
    /// CPU seconds of keeping: of the store's threads, and of giving the records to it.
    pub keeping_seconds: f64,
    /// What is there now.
    pub state: State,
}

/// Writes `count` records of the last `days` (at most 30), more by day than by night, into `data`.
///
/// # Errors
/// When the folder cannot be used or its disk does not take them.
pub fn fill(
    data: &Path,
    count: u64,
    days: f64,
    seed: u64,
    progress: impl Fn(u64),
) -> Result<Filled, StoreError> {
    let world = World::new();
    let mut dice = Dice(seed);
    let days = days.clamp(0.0, DAYS);
    let span = (days * 86_400_000.0) as u64;
    let start = (crate::recorder::now().millis() as u64).saturating_sub(span);
    let records = (0..count).map(|n| world.record(&mut dice, n, start + when(n, count, days)));
    let models = MODELS.iter().map(|(_, place)| place.model);
    write(data, models, records, Vec::new, progress)
}

/// Writes records, the oldest first, and then what their callers have used, into `data`.
///
/// # Errors
/// When the folder cannot be used or its disk does not take them.
pub(crate) fn write<'a>(
    data: &Path,
    models: impl Iterator<Item = &'a str>,
    mut records: impl Iterator<Item = CallRecord>,
    accounts: impl FnOnce() -> Accounts,
    progress: impl Fn(u64),
) -> Result<Filled, StoreError> {
    let names = Arc::new(Bounded::default());
    names.configured(models);
    let known = Arc::clone(&names);
    let settings = Settings {
        // What is made is kept, also what is a moment older than the usual 30 days.
        keep: Duration::from_hours(24 * 31),
        max_bytes: u64::MAX,
        ..Settings::new(data, Arc::new(move |record| known.of(record)))
    };
    let store = SqliteStore::open(settings, Box::new(|_, _| {}))?;
    let began = Instant::now();
    let mut giving_seconds = 0.0;
    let mut made = 0;
    let entry = |record: CallRecord| Entry { names: names.of(&record), record: Arc::new(record) };
    let mut chunk: Vec<Entry> = records.by_ref().take(CHUNK).map(entry).collect();
    let mut accounts = Some(accounts);
    while !chunk.is_empty() {
        let next: Vec<Entry> = records.by_ref().take(CHUNK).map(entry).collect();
        // Accounts are in one commit with the last records.
        if let Some(accounts) = accounts.take_if(|_| next.is_empty()) {
            store.keep_accounts(accounts());
        }
        made += chunk.len() as u64;
        let before = crate::process::thread_cpu_seconds();
        store.append(std::mem::replace(&mut chunk, next));
        giving_seconds += crate::process::thread_cpu_seconds() - before;
        if store.state().pending > WAITING {
            store.settle()?;
            progress(made);
        }
    }
    store.tidy()?;
    let state = store.state();
    let threads = ["paceline-store", "paceline-keep"].map(crate::process::cpu_seconds_of);
    let keeping_seconds = giving_seconds + threads.iter().sum::<f64>();
    let took = began.elapsed();
    store.stop();
    // The log of changes is in the file now.
    let state = State { bytes: store.state().bytes, ..state };
    Ok(Filled { took, keeping_seconds, state })
}

/// When call `n` of `count` starts, in milliseconds after the first: days are three times as busy as nights.
fn when(n: u64, count: u64, days: f64) -> u64 {
    let at = n as f64 / count as f64 * days;
    if days < 1.0 {
        return (at * 86_400_000.0) as u64;
    }
    let day = at.floor();
    let part = at - day;
    // The share of a day's calls until `part` is part - sin(2π part) / 4π; its inverse is near enough by two steps.
    let tau = std::f64::consts::TAU;
    let mut time = part;
    for _ in 0..3 {
        time = part + (tau * time).sin() / (2.0 * tau);
    }
    ((day + time).min(days) * 86_400_000.0) as u64
}
