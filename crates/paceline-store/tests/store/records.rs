//! Records of all kinds, made from a seed.

use paceline_stats::rollup::Names;
use paceline_store::store::Entry;
use paceline_types::decision::{Decision, Predicted, Refusal, Scored, Strategy, Weights};
use paceline_types::deployment::Deployment;
use paceline_types::error::ErrorKind;
use paceline_types::id::{CallId, Name};
use paceline_types::money::Cost;
use paceline_types::record::{
    Attempt, AttemptReason, CacheState, CallRecord, Caller, Dialect, Labels, Operation, Status,
};
use paceline_types::time::{Offset, Timestamp};
use paceline_types::tokens::{Usage, UsageSource};
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

/// When the first record starts, in milliseconds: 37 hours ago, so that minutes are still told apart.
pub(crate) fn start_ms() -> u64 {
    static START: LazyLock<u64> = LazyLock::new(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        now.as_millis() as u64 - 37 * 3_600_000
    });
    *START
}

/// `SplitMix64`: the same seed, the same records.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.roll() % most
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(3) > 0).then(|| make(self))
    }

    /// A number of any size.
    fn number(&mut self) -> u64 {
        let bits = self.below(41);
        self.roll() >> 23 >> (41 - bits)
    }
}

fn text(dice: &mut Dice, of: &str, most: u64) -> Box<str> {
    format!("{of}-{}", dice.below(most)).into()
}

pub(crate) fn names(record: &CallRecord) -> Names {
    let target = record.target.as_deref();
    let labels = record.labels.as_deref();
    let name = |text: Option<&str>| Name::from(text.unwrap_or_default());
    Names {
        provider: name(target.map(|t| &*t.provider)),
        model: name(target.map(|t| &*t.model)),
        tenant: Arc::clone(&record.caller.tenant),
        role: name(labels.and_then(|l| l.role.as_deref())),
        task: name(labels.and_then(|l| l.task.as_deref())),
        region: name(target.and_then(|t| t.region.as_deref())),
    }
}

pub(crate) fn entry(record: CallRecord) -> Entry {
    let names = names(&record);
    Entry { record: Arc::new(record), names }
}

fn deployment(dice: &mut Dice) -> Deployment {
    let provider = text(dice, "provider", 3);
    let upstream = text(dice, "vendor/upstream", 4);
    Deployment {
        name: format!("{provider}/{upstream}").into(),
        provider: (*provider).into(),
        model: (*text(dice, "model", 5)).into(),
        upstream_model: (*upstream).into(),
        region: dice.maybe(|dice| (*text(dice, "region", 2)).into()),
    }
}

fn usage(dice: &mut Dice) -> Usage {
    Usage {
        input_tokens: dice.number(),
        output_tokens: dice.number(),
        cache_read_tokens: dice.below(100),
        cache_write_tokens: dice.below(3),
        reasoning_tokens: dice.below(100),
        cache_write_1h_tokens: dice.below(2) * dice.below(50),
        source: dice.one(&[UsageSource::Reported, UsageSource::Counted, UsageSource::Estimated]),
    }
}

fn labels(dice: &mut Dice) -> Labels {
    Labels {
        role: dice.maybe(|dice| text(dice, "role", 4)),
        task: dice.maybe(|dice| text(dice, "task", 40)),
        task_type: dice.maybe(|dice| text(dice, "type", 3)),
        operation: dice.maybe(|dice| text(dice, "operation", 2)),
        session: dice.maybe(|dice| text(dice, "session é\u{1f}", 500)),
        user: dice.maybe(|dice| text(dice, "user", 300)),
        trace_id: dice.maybe(|dice| format!("{:032x}", dice.roll()).into()),
        tags: (0..dice.below(3)).map(|n| (format!("tag{n}").into(), text(dice, "", 4))).collect(),
    }
}

fn attempt(dice: &mut Dice, reason: AttemptReason, deployment: Arc<Deployment>) -> Attempt {
    let mut attempt = Attempt::begin(reason, deployment, Offset(dice.number()));
    attempt.http_status = dice.one(&[0, 200, 429, 500]);
    attempt.error_kind = dice.maybe(|dice| dice.one(&ErrorKind::ALL));
    attempt.error_code = dice.maybe(|dice| text(dice, "code", 3));
    attempt.retry_after_ms = dice.maybe(Dice::number);
    attempt.connected = dice.maybe(|dice| Offset(dice.number()));
    attempt.head = dice.maybe(|dice| Offset(dice.number()));
    attempt.first_token = dice.maybe(|dice| Offset(dice.number()));
    attempt.ended = Offset(dice.number());
    attempt.usage = dice.maybe(usage);
    attempt.cost = dice.maybe(|dice| Cost(dice.number() as i64));
    attempt
}

fn decision(dice: &mut Dice) -> Decision {
    let share = |dice: &mut Dice| dice.below(1000) as f32 / 1000.0;
    let scored = |dice: &mut Dice| Scored {
        deployment: Arc::new(deployment(dice)),
        score: share(dice),
        latency: share(dice),
        quality: share(dice),
        cost: share(dice),
        reliability: share(dice),
        expected_latency_ms: dice.below(90_000) as f32,
        expected_cost_usd: dice.maybe(share),
        expected_quality: share(dice),
        spread: [share(dice), share(dice), share(dice)],
    };
    Decision {
        route: (*text(dice, "route", 3)).into(),
        strategy: dice.one(&Strategy::ALL),
        weights: Weights { latency: share(dice), quality: share(dice), cost: share(dice) },
        candidates: (0..dice.below(4)).map(|_| scored(dice)).collect(),
        rejected: (0..dice.below(3)).map(|_| (Arc::new(deployment(dice)), dice.one(&Refusal::ALL))).collect(),
        chosen: dice.below(2) as u16,
        propensity: share(dice),
        confidence: dice.maybe(share),
        input_tokens: dice.below(100_000) as u32,
        output_tokens: dice.below(9000) as u32,
        escalated: dice.below(2) == 0,
        predicted: dice.maybe(|dice| Predicted {
            router: dice.number(),
            task: dice.maybe(|dice| (*text(dice, "kind", 3)).into()),
            quality: share(dice),
        }),
    }
}

/// Record `n`, which started `n` times `step_ms` after [`start_ms`].
pub(crate) fn record(dice: &mut Dice, n: u64, step_ms: u64) -> CallRecord {
    let ms = start_ms() + n * step_ms;
    let target = dice.maybe(|dice| Arc::new(deployment(dice)));
    let other = dice.maybe(|dice| {
        let place = Arc::new(deployment(dice));
        attempt(dice, AttemptReason::First, place)
    });
    let last = target.clone().map(|target| attempt(dice, AttemptReason::Fallback, target));
    let caller = Caller {
        tenant: (*text(dice, "tenant", 3)).into(),
        workspace: (*text(dice, "workspace", 2)).into(),
        key: dice.maybe(|dice| (*text(dice, "key", 3)).into()),
    };
    CallRecord {
        id: CallId::new(ms, dice.number(), dice.one(&[7, 0xffff_ffff])),
        started_at: Timestamp(ms as i64 * 1000 + dice.below(1000) as i64),
        caller: Arc::new(caller),
        labels: dice.maybe(labels).filter(|l| *l != Labels::default()).map(Box::new),
        operation: dice.one(&[Operation::Chat, Operation::Embeddings, Operation::Passthrough]),
        dialect: dice.one(&[Dialect::OpenAi, Dialect::Raw]),
        stream: dice.below(2) == 0,
        requested_model: dice.maybe(|dice| (*text(dice, "model", 9)).into()),
        decision: dice.maybe(decision).map(Box::new),
        target,
        status: dice.one(&[
            Status::Ok,
            Status::Ok,
            Status::Error,
            Status::Partial,
            Status::Canceled,
            Status::Refused,
        ]),
        error_kind: dice.maybe(|dice| dice.one(&ErrorKind::ALL)),
        error_code: dice.maybe(|dice| text(dice, "code", 3)),
        http_status: dice.one(&[0, 200, 502]),
        finish_reason: dice.maybe(|dice| text(dice, "finish", 2)),
        cache: CacheState::Off,
        usage: dice.maybe(usage),
        cost: dice.maybe(|dice| Cost(dice.number() as i64)),
        duration: Offset(dice.number()),
        queue: Offset(dice.below(2)),
        route: Offset(dice.below(9000)),
        worked: Offset(dice.below(90_000)),
        first_token: dice.maybe(|dice| Offset(dice.number())),
        last_token: dice.maybe(|dice| Offset(dice.number())),
        itl_p99: dice.maybe(|dice| Offset(dice.number())),
        attempts: other.into_iter().chain(last).collect(),
        quality: None,
    }
}

/// `count` records, in about the order of time: now and then a long call ends late.
pub(crate) fn records(seed: u64, count: u64, step_ms: u64) -> Vec<CallRecord> {
    let mut dice = Dice(seed);
    let mut all: Vec<CallRecord> = (0..count).map(|n| record(&mut dice, n, step_ms)).collect();
    for at in 0..all.len() {
        if dice.below(20) == 0 {
            let later = (at + dice.below(50) as usize).min(all.len() - 1);
            all.swap(at, later);
        }
    }
    all
}
