//! Plausible call records for the past: so that people can see what their own history will cost and how fast it answers.

use crate::labels::Bounded;
use paceline_store::error::StoreError;
use paceline_store::sqlite::{Settings, SqliteStore};
use paceline_store::store::{Entry, State, Store};
use paceline_types::deployment::Deployment;
use paceline_types::error::ErrorKind;
use paceline_types::id::{CallId, Name};
use paceline_types::money::Cost;
use paceline_types::record::{
    Attempt, AttemptReason, CacheState, CallRecord, Caller, Dialect, Labels, Operation, Status,
};
use paceline_types::time::{Offset, Timestamp};
use paceline_types::tokens::{Usage, UsageSource};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Records are kept so many days by default.
const DAYS: f64 = 30.0;
/// Records given to the store at once.
const CHUNK: u64 = 8192;
/// No more records wait for the disk than this.
const WAITING: u64 = 32_768;

/// Provider, model, share of the calls, dollars per million tokens in and out, first token and time per token in ms.
const MODELS: [(&str, &str, u64, f64, f64, f64, f64); 8] = [
    ("openai", "gpt-4o", 18, 2.5, 10.0, 420.0, 11.0),
    ("openai", "gpt-4o-mini", 26, 0.15, 0.6, 330.0, 8.0),
    ("openai", "text-embedding-3-small", 8, 0.02, 0.0, 90.0, 0.0),
    ("mistral", "mistral-small-latest", 9, 0.1, 0.3, 260.0, 7.0),
    ("groq", "llama-3.1-8b-instant", 16, 0.05, 0.08, 110.0, 1.4),
    ("groq", "llama-3.3-70b-versatile", 9, 0.59, 0.79, 190.0, 3.4),
    ("deepseek", "deepseek-chat", 9, 0.27, 1.1, 700.0, 21.0),
    ("vllm", "house-model", 5, 0.0, 0.0, 150.0, 16.0),
];

const ROLES: [&str; 5] = ["researcher", "writer", "reviewer", "pricing_strategist", "assistant"];
const TASKS: [&str; 6] = ["answer", "summarise", "classify", "extract", "plan", "translate"];

/// Steele, Lea and Flood's `SplitMix64`: small, seeded, good enough for made-up numbers.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.roll() % most.max(1)
    }

    /// About normal, mean 0, deviation 1: the sum of four even numbers.
    fn normal(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.below(1 << 20) as f64 / f64::from(1 << 20)).sum();
        (sum - 2.0) * 1.732
    }

    /// Around `middle`, the spread growing with `deviation`.
    fn around(&mut self, middle: f64, deviation: f64) -> f64 {
        middle * (self.normal() * deviation).exp()
    }
}

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
        let deployment = |(provider, model, ..): &(&str, &str, u64, f64, f64, f64, f64)| {
            Arc::new(Deployment {
                name: format!("{provider}/{model}").into(),
                provider: (*provider).into(),
                model: (*model).into(),
                upstream_model: (*model).into(),
                region: None,
            })
        };
        Self {
            callers: callers.collect(),
            deployments: MODELS.iter().map(deployment).collect(),
            requested: MODELS.iter().map(|model| model.1.into()).collect(),
        }
    }

    /// Call `n` of `count`.
    fn record(&self, dice: &mut Dice, n: u64, ms: u64) -> CallRecord {
        let at = pick_model(dice);
        let (_, _, _, price_in, price_out, first_ms, token_ms) = MODELS[at];
        let embeds = token_ms == 0.0;
        let stream = !embeds && dice.below(10) < 6;
        // Some callers call far more than others.
        let share = dice.below(self.callers.len() as u64) * dice.below(self.callers.len() as u64);
        let caller = Arc::clone(&self.callers[share as usize / self.callers.len()]);
        let (status, error_kind, http_status) = ending(dice);
        let answered = matches!(status, Status::Ok | Status::Partial);
        let input = dice.around(900.0, 1.0) as u64 + 8;
        let output = if answered && !embeds { dice.around(220.0, 0.8) as u64 + 1 } else { 0 };
        let first = dice.around(first_ms, 0.4) * 1e6;
        let duration =
            (first + output as f64 * dice.around(token_ms, 0.15) * 1e6) as u64 + dice.below(900_000);
        let usage = answered.then_some(Usage {
            input_tokens: input,
            output_tokens: output,
            cache_read_tokens: if dice.below(4) == 0 { input / 2 } else { 0 },
            cache_write_tokens: 0,
            cache_write_1h_tokens: 0,
            reasoning_tokens: 0,
            source: UsageSource::Reported,
        });
        // Dollars per million tokens are millionths of a dollar per token: pico-dollars by another million.
        let pico = |price: f64| (price * 1e6) as i64;
        let cost = usage.map(|_| Cost(input as i64 * pico(price_in) + output as i64 * pico(price_out)));
        let deployment = Arc::clone(&self.deployments[at]);
        let mut attempt =
            Attempt::begin(AttemptReason::First, Arc::clone(&deployment), Offset(dice.below(30_000) + 9000));
        let first_token = (stream && answered).then_some(Offset(first as u64));
        attempt.http_status = http_status;
        attempt.error_kind = error_kind;
        attempt.head = Some(Offset((first * 0.98) as u64));
        attempt.first_token = first_token;
        attempt.ended = Offset(duration - dice.below(9000));
        (attempt.usage, attempt.cost) = (usage, cost);
        CallRecord {
            id: CallId::new(ms, n, 0xfeed_5eed),
            started_at: Timestamp(ms as i64 * 1000 + dice.below(1000) as i64),
            caller,
            labels: Some(Box::new(labels(dice, n))),
            operation: if embeds { Operation::Embeddings } else { Operation::Chat },
            dialect: Dialect::OpenAi,
            stream,
            requested_model: Some(Arc::clone(&self.requested[at])),
            decision: None,
            target: Some(deployment),
            status,
            error_kind,
            error_code: error_kind.map(|kind| kind.as_str().into()),
            http_status,
            finish_reason: (answered && !embeds).then(|| "stop".into()),
            cache: CacheState::Off,
            usage,
            cost,
            duration: Offset(duration),
            queue: Offset(0),
            route: Offset(dice.below(4000) + 3000),
            worked: Offset(dice.below(30_000) + 30_000),
            first_token,
            last_token: first_token.map(|_| Offset(duration - dice.below(200_000))),
            itl_p99: first_token.map(|_| Offset((token_ms * 3e6) as u64 + dice.below(4_000_000))),
            attempts: vec![attempt],
            quality: None,
        }
    }
}

fn pick_model(dice: &mut Dice) -> usize {
    let mut left = dice.below(MODELS.iter().map(|model| model.2).sum());
    let fits = |model: &(&str, &str, u64, f64, f64, f64, f64)| {
        let fits = left < model.2;
        left = left.saturating_sub(model.2);
        fits
    };
    MODELS.iter().position(fits).unwrap_or(0)
}

fn ending(dice: &mut Dice) -> (Status, Option<ErrorKind>, u16) {
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
    let names = Arc::new(Bounded::default());
    names.configured(MODELS.iter().map(|model| model.1));
    let known = Arc::clone(&names);
    let settings = Settings {
        // What is made is kept, also what is a moment older than the usual 30 days.
        keep: Duration::from_hours(24 * 31),
        max_bytes: u64::MAX,
        ..Settings::new(data, Arc::new(move |record| known.of(record)))
    };
    let store = SqliteStore::open(settings, Box::new(|_, _| {}))?;
    let world = World::new();
    let mut dice = Dice(seed);
    let began = Instant::now();
    let mut giving_seconds = 0.0;
    let days = days.clamp(0.0, DAYS);
    let span = (days * 86_400_000.0) as u64;
    let start = (crate::recorder::now().millis() as u64).saturating_sub(span);
    let mut made = 0;
    while made < count {
        let until = (made + CHUNK).min(count);
        let records = (made..until).map(|n| world.record(&mut dice, n, start + when(n, count, days)));
        let entry = |record: CallRecord| Entry { names: names.of(&record), record: Arc::new(record) };
        let entries = records.map(entry).collect();
        let before = crate::process::thread_cpu_seconds();
        store.append(entries);
        giving_seconds += crate::process::thread_cpu_seconds() - before;
        made = until;
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
