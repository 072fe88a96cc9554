//! Replays of logs whose truth is known: three models, each with its own time, length, price and quality, and estimates that
//! begin wrong.

use super::*;
use crate::chain::Link;
use crate::estimate::Prior;
use crate::need::{Abilities, Need};
use crate::place::{Place, PlaceName};
use crate::plan::{Patience, Pick, Target, TargetFacts};
use paceline_types::decision::{Refusal, Strategy};
use paceline_types::error::ErrorKind;
use paceline_types::money::Cost;
use paceline_types::price::{Price, Rate, Rates};
use paceline_types::record::{Attempt, AttemptReason, CacheState, Caller, Dialect, Labels, Status};
use paceline_types::time::Offset;
use paceline_types::tokens::Usage;
use std::time::Duration;

/// A model: what is expected of it, and how it is.
struct Made {
    name: &'static str,
    prior: Prior,
    usd_per_million: u64,
    context: Option<u64>,
    ttft_ms: f64,
    tpot_ms: f64,
    output: f64,
    quality: f64,
    answers: f64,
}

const MODELS: [Made; 3] = [
    Made {
        name: "large",
        prior: Prior { ttft_ms: 700.0, tpot_ms: 15.0, quality: 0.9 },
        usd_per_million: 15,
        context: None,
        ttft_ms: 900.0,
        tpot_ms: 20.0,
        output: 400.0,
        quality: 0.95,
        answers: 0.97,
    },
    Made {
        name: "middle",
        prior: Prior { ttft_ms: 500.0, tpot_ms: 10.0, quality: 0.85 },
        usd_per_million: 5,
        context: None,
        ttft_ms: 300.0,
        tpot_ms: 12.0,
        output: 250.0,
        quality: 0.6,
        answers: 0.95,
    },
    Made {
        name: "small",
        prior: Prior { ttft_ms: 200.0, tpot_ms: 5.0, quality: 0.7 },
        usd_per_million: 1,
        context: Some(4000),
        ttft_ms: 250.0,
        tpot_ms: 3.0,
        output: 120.0,
        quality: 0.55,
        answers: 0.99,
    },
];

const START: i64 = 1_800_000_000_000_000;
/// Calls begin so far apart that each has ended before the next.
const APART_US: i64 = 60_000_000;

fn target(one: &Made, now: Instant) -> Target {
    let name = PlaceName { provider: "p".into(), key: 0, model: one.name.into() };
    let rate = |usd: u64| Rate(usd * 1_000_000);
    let usd = one.usd_per_million;
    let rates = Rates { input: rate(usd), output: rate(usd * 4), ..Rates::default() };
    let facts = TargetFacts {
        provider: 0,
        deployment: deployment(one.name),
        patience: Patience::even(Duration::from_mins(1)),
        price: Some(Arc::new(Price::always(rates))),
        places: vec![Arc::new(Place::new(name, now))],
        weight: 1,
    };
    Target::new(0, facts)
}

fn deployment(name: &str) -> Arc<Deployment> {
    Arc::new(Deployment {
        name: format!("p/{name}").into(),
        provider: "p".into(),
        model: name.into(),
        upstream_model: name.into(),
        region: None,
    })
}

fn route(policy: RoutePolicy, board: &Board, now: Instant) -> Route {
    let candidate = |one: &Made| {
        let target = target(one, now);
        board.expect(&target.deployment.provider, &target.deployment.upstream_model, one.prior);
        Candidate {
            targets: vec![target],
            pick: Pick::First,
            can: if one.name == "small" { Abilities::TOOLS } else { Abilities::ALL },
            context: one.context,
            max_output: None,
            prior: one.prior,
            learned: None,
        }
    };
    let entry = RouteEntry {
        name: "auto".into(),
        aliases: Vec::new(),
        candidates: Vec::new(),
        fallback: Vec::<Link>::new(),
        fallback_on_content_filter: false,
        policy,
        baseline: None,
    };
    let candidates = MODELS.iter().map(candidate).collect();
    Route::new(&entry, candidates, Vec::new(), board, Timestamp(START))
}

fn policy(strategy: Strategy) -> RoutePolicy {
    RoutePolicy { strategy, ..RoutePolicy::default() }
}

/// Knuth's linear congruential generator, its upper bits.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn usd(model: usize, input: f64, output: f64) -> f64 {
    (input + 4.0 * output) * MODELS[model].usd_per_million as f64 / 1e6
}

/// A call that a model answers, or not.
fn record(n: u64, decision: Option<Decision>, model: usize, input: u64, dice: &mut Dice) -> CallRecord {
    let one = &MODELS[model];
    let answered = dice.roll() < one.answers;
    let output = (one.output * (0.5 + dice.roll())).round();
    let ms = (one.ttft_ms + one.tpot_ms * output) * (0.8 + 0.4 * dice.roll());
    let usage = Usage { input_tokens: input, output_tokens: output as u64, ..Usage::default() };
    let at = START + n as i64 * APART_US;
    let duration = Offset(if answered { (ms * 1e6) as u64 } else { 50_000_000 });
    let mut attempt = Attempt::begin(AttemptReason::First, deployment(one.name), Offset(0));
    attempt.ended = duration;
    attempt.usage = answered.then_some(usage);
    attempt.error_kind = (!answered).then_some(ErrorKind::ProviderFailed);
    CallRecord {
        id: CallId::new(at as u64 / 1000, n, 7),
        started_at: Timestamp(at),
        caller: Arc::new(Caller { tenant: "t".into(), workspace: "w".into(), key: None }),
        labels: None,
        operation: Operation::Chat,
        dialect: Dialect::OpenAi,
        stream: false,
        requested_model: Some("auto".into()),
        decision: decision.map(Box::new),
        target: Some(deployment(one.name)),
        status: if answered { Status::Ok } else { Status::Error },
        error_kind: attempt.error_kind,
        error_code: None,
        http_status: if answered { 200 } else { 502 },
        finish_reason: None,
        cache: CacheState::Off,
        usage: attempt.usage,
        cost: answered.then(|| Cost((usd(model, input as f64, output) * 1e12).round() as i64)),
        duration,
        queue: Offset(0),
        route: Offset(0),
        worked: Offset(0),
        first_token: None,
        last_token: None,
        itl_p99: None,
        quality: None,
        attempts: vec![attempt],
    }
}

/// What really is to be expected, summed over calls: cost, time and share of answers, quality.
#[derive(Clone, Copy, Default)]
struct Truth([f64; 4]);

impl Truth {
    fn add(&mut self, model: usize, input: u64, chance: f64) {
        let one = &MODELS[model];
        let ms = one.ttft_ms + one.tpot_ms * one.output;
        let a = one.answers * chance;
        let each = [a * usd(model, input as f64, one.output), a * ms, a, a * one.quality];
        self.0.iter_mut().zip(each).for_each(|(sum, value)| *sum += value);
    }

    /// By metric.
    fn of(&self, metric: usize, calls: f64) -> f64 {
        let [cost, ms, answered, quality] = self.0;
        [cost / calls, ms / answered, quality / calls][metric]
    }
}

struct Log {
    records: Vec<Arc<CallRecord>>,
    /// In the order of [`Who::ALL`], without the baseline.
    truth: [Truth; 4],
}

/// How a log comes to explore.
#[derive(Clone, Copy, PartialEq)]
enum Explores {
    /// As its route does by itself.
    Itself,
    /// So often, all others alike.
    Share(f64),
}

/// A log of so many calls that `by` decided, and the truth of `other`.
fn log(calls: u64, by: RoutePolicy, explores: Explores, other: RoutePolicy, seed: u64) -> Log {
    let now = Instant::now();
    let board = Board::default();
    let (mine, theirs) = (route(by, &board, now), route(other, &board, now));
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut made = Log { records: Vec::new(), truth: [Truth::default(); 4] };
    let health = Policy::default();
    for n in 0..calls {
        let at = Timestamp(START + n as i64 * APART_US);
        let long = dice.roll() < 0.3;
        let input = (if long { 5000.0 } else { 200.0 } + dice.roll() * 1000.0) as u64;
        let need = Need { input_tokens: input, ..Need::default() };
        let question = Question { need: &need, now, at, prefix: None, learned: None, policy: &health };
        mine.learn(&board, at);
        theirs.learn(&board, at);
        let mut decision = mine.decide(&question, &mut || dice.roll()).unwrap().decision;
        if let Explores::Share(share) = explores {
            let others = decision.candidates.len() - 1;
            let drawn = dice.roll();
            let away = drawn < share;
            decision.chosen =
                if away { 1 + ((drawn / share * others as f64) as u16).min(others as u16 - 1) } else { 0 };
            decision.propensity = if away { share / others as f64 } else { 1.0 - share } as f32;
        }
        let number = |one: &Deployment| MODELS.iter().position(|made| *made.name == *one.model).unwrap();
        let would = theirs.decide(&question, &mut || 1.0).unwrap().decision;
        made.truth[0].add(number(&would.taken().unwrap().deployment), input, 1.0);
        made.truth[1].add(if long { 1 } else { 2 }, input, 1.0);
        made.truth[2].add(0, input, 1.0);
        let fits = if long { 2 } else { 3 };
        (0..fits).for_each(|model| made.truth[3].add(model, input, 1.0 / f64::from(fits as u8)));
        let model = number(&decision.taken().unwrap().deployment);
        let mut record = record(n, Some(decision), model, input, &mut dice);
        let quality = f32::from(u8::from(dice.roll() < MODELS[model].quality));
        record.quality = (record.status == Status::Ok).then_some(quality);
        board.fold(std::iter::once(&record));
        if let Some(quality) = record.quality {
            let ended = Timestamp(at.0 + record.duration.0 as i64 / 1000);
            board.scored(&"p".into(), &MODELS[model].name.into(), quality.into(), None, ended);
        }
        made.records.push(Arc::new(record));
    }
    made
}

fn replay<'a>(policy: RoutePolicy, records: impl IntoIterator<Item = &'a Arc<CallRecord>>) -> Report {
    let now = Instant::now();
    let route = route(policy, &Board::default(), now);
    let mut replay = Replay::new(&route, Box::new(|_| None), now);
    records.into_iter().for_each(|record| replay.take(record));
    replay.finish()
}

fn share(report: &Report, who: Who, model: &str) -> f64 {
    let name = format!("p/{model}");
    report.rows[who as usize]
        .shares
        .iter()
        .find(|(known, _)| **known == *name)
        .map_or(0.0, |(_, share)| *share)
}

#[test]
fn a_policy_that_explored_replays_to_its_own_mean() {
    let policy = RoutePolicy { explore: 0.02, explore_within: 1.0, ..policy(Strategy::Balanced) };
    let made = log(1500, policy.clone(), Explores::Itself, policy.clone(), 3);
    let report = replay(policy, &made.records);
    assert_eq!((report.calls, report.decided, report.explored), (1500, 1500, 1500));
    let weighed = report.rows[0].weighed.as_ref().unwrap();
    assert!(weighed.effective > 1499.0 && (weighed.covered - 1.0).abs() < 1e-6, "{weighed:?}");
    for metric in [Metric::Latency, Metric::Quality, Metric::Score] {
        let recorded = report.recorded.means[metric as usize].unwrap().value;
        let importance = weighed.importance[metric as usize].unwrap();
        assert!((importance.value / recorded - 1.0).abs() < 1e-6, "{metric:?} {importance:?} {recorded}");
        let (low, high) = weighed.robust[metric as usize].unwrap().range.unwrap();
        assert!((low..high).contains(&recorded), "{metric:?} {low} {high} {recorded}");
    }
    let (low, high) = weighed.against().unwrap().range.unwrap();
    // Costs are exact in records and in single precision in decisions.
    assert!(low <= 1e-8 && high >= -1e-8, "{low} {high}");
}

/// Models differ in the length of their answers; where they were tried by chance that is known of those who were not taken.
#[test]
fn what_was_tried_tells_how_long_answers_are() {
    let same = policy(Strategy::CostEffective);
    let made = log(3000, same.clone(), Explores::Share(0.2), same.clone(), 11);
    let report = replay(same, &made.records);
    for (who, truth) in Who::ALL.into_iter().zip(&made.truth) {
        let (said, is) = (report.rows[who as usize].direct[0].unwrap().value, truth.of(0, 3000.0));
        // What is expected is of answers: up to 5 % of calls had none.
        assert!((-0.02..0.08).contains(&(said / is - 1.0)), "{who:?}: {said} {is}");
    }
}

/// Nine in ten intervals hold the truth: over 40 logs, four who decide, three metrics, both ways of weighing and the sharper of the two, where the
/// log allows any. With so many intervals, and few calls behind those of logs that explore little, .86 is wide enough a limit.
#[test]
fn intervals_hold_the_truth() {
    let mut held = [(0.0, 0.0); 3];
    let mut refused = 0;
    for seed in 0..40 {
        let share = [0.02, 0.05, 0.1, 0.2][seed as usize % 4];
        let other = policy(Strategy::HighestQuality);
        let made = log(1200, policy(Strategy::CostEffective), Explores::Share(share), other.clone(), seed);
        let report = replay(other, &made.records);
        for (row, truth) in report.rows.iter().zip(&made.truth) {
            let Ok(weighed) = &row.weighed else {
                refused += 1;
                continue;
            };
            for metric in 0..3 {
                let truth = truth.of(metric, 1200.0);
                let figures = [
                    weighed.importance[metric],
                    weighed.robust[metric],
                    weighed.sharper(Metric::ALL[metric]),
                ];
                for (held, figure) in held.iter_mut().zip(figures) {
                    let (low, high) = figure.unwrap().range.unwrap();
                    held.0 += f64::from(u8::from((low..=high).contains(&truth)));
                    held.1 += 1.0;
                }
            }
        }
    }
    let all = held.map(|(held, of)| held / of);
    println!("importance, doubly robust, sharper: {all:.3?} of {}; refused {refused}", held[0].1);
    assert!(held[0].1 > 300.0 && refused > 0, "{held:?} {refused}");
    assert!(all.iter().all(|held| (0.85..0.96).contains(held)), "{all:?}");
}

#[test]
fn a_log_without_chance_gives_expectations_and_says_why() {
    let other = policy(Strategy::HighestQuality);
    let mut made = log(300, policy(Strategy::CostEffective), Explores::Itself, other.clone(), 5);
    let report = replay(other.clone(), &made.records);
    let row = &report.rows[0];
    assert!(matches!(row.weighed, Err(Doubt::Deterministic { agreement }) if agreement < 0.9), "{row:?}");
    assert!(row.direct.iter().all(Option::is_some) && row.against_recorded.unwrap().value > 0.5);
    assert!(row.weighed.as_ref().unwrap_err().to_string().contains("every propensity is 1"));
    for record in &mut made.records {
        let mut plain = (**record).clone();
        plain.decision = None;
        *record = Arc::new(plain);
    }
    let report = replay(other, &made.records);
    assert_eq!((report.decided, report.rows[0].weighed.clone()), (0, Err(Doubt::NoDecisions)));
    assert!(report.left_out.no_tokens > 0, "failures without tokens and without a decision say nothing");
    assert_eq!(report.calls + report.left_out.total(), 300);
}

#[test]
fn a_policy_that_does_what_was_done_needs_no_chance() {
    let same = policy(Strategy::CostEffective);
    let made = log(300, same.clone(), Explores::Itself, same.clone(), 6);
    let report = replay(same, &made.records);
    let row = &report.rows[0];
    assert!(row.agreement.unwrap() > 0.999);
    let quality = row.weighed.as_ref().unwrap().importance[Metric::Quality as usize].unwrap();
    assert!((quality.value - report.recorded.means[2].unwrap().value).abs() < 1e-9);
}

#[test]
fn controls_stand_in_their_order() {
    let made = log(400, policy(Strategy::Balanced), Explores::Share(0.2), policy(Strategy::Balanced), 9);
    let report = replay(policy(Strategy::Balanced), &made.records);
    let cost = |who: Who| report.rows[who as usize].direct[0].unwrap().value;
    for who in Who::ALL {
        assert!(
            cost(Who::Cheapest) <= cost(who) + 1e-12 && cost(Who::Strongest) >= cost(who) - 1e-12,
            "{who:?}"
        );
        let shares: f64 = report.rows[who as usize].shares.iter().map(|(_, share)| share).sum();
        assert!((shares - 1.0).abs() < 1e-9, "{who:?} {shares}");
    }
    assert!(cost(Who::Cheapest) < cost(Who::Shuffled) && cost(Who::Shuffled) < cost(Who::Strongest));
    assert!((share(&report, Who::Strongest, "large") - 1.0).abs() < 1e-9);
    assert!((share(&report, Who::Baseline, "large") - 1.0).abs() < 1e-9, "the strongest where none is named");
    assert!(share(&report, Who::Cheapest, "middle") > 0.2, "small does not take long prompts");
    assert!((report.rows[Who::Baseline as usize].against_baseline.unwrap().value).abs() < 1e-9);
    assert!(report.rows[Who::Cheapest as usize].against_baseline.unwrap().value < -0.7);
}

/// Bad answers of the favourite begin at once and end much later: until then nobody knows.
#[test]
fn nothing_is_known_before_it_ended() {
    let mut dice = Dice(1);
    let mut records = Vec::new();
    let second = |n: u64, at: i64, lasts: u64, quality: Option<f32>, dice: &mut Dice| {
        let mut one = record(n, None, 0, 500, dice);
        one.quality = quality;
        one.started_at = Timestamp(START + at * 1_000_000);
        one.duration = Offset(lasts * 1_000_000_000);
        one.attempts[0].ended = one.duration;
        (one.status, one.error_kind, one.attempts[0].error_kind) = (Status::Ok, None, None);
        one.usage = Some(Usage { input_tokens: 500, output_tokens: 50, ..Usage::default() });
        Arc::new(one)
    };
    for n in 0..60 {
        records.push(second(n, 1, 1000, Some(0.0), &mut dice));
    }
    for n in 0..100 {
        records.push(second(100 + n, 10 + n as i64, 1, None, &mut dice));
        records.push(second(300 + n, 1002 + n as i64, 1, None, &mut dice));
    }
    let report = replay(policy(Strategy::HighestQuality), &records);
    assert_eq!(report.calls, 260);
    let large = share(&report, Who::Policy, "large");
    assert!((large - 160.0 / 260.0).abs() < 1e-9, "{large}");
}

#[test]
fn what_kept_candidates_out_keeps_them_out_again() {
    let made = log(1, policy(Strategy::CostEffective), Explores::Itself, policy(Strategy::Balanced), 2);
    let decided = made.records[0].decision.as_deref().unwrap();
    let go = |rejected: &[(&str, Refusal)]| {
        let mut decision = decided.clone();
        decision.rejected = rejected.iter().map(|(name, why)| (deployment(name), *why)).collect();
        decision.input_tokens = 300;
        let one = record(0, Some(decision), 0, 300, &mut Dice(4));
        replay(policy(Strategy::CostEffective), &[Arc::new(one)])
    };
    let taken = |report: &Report| report.rows[0].shares.first().map(|(name, _)| name.to_string());
    assert_eq!(taken(&go(&[])).as_deref(), Some("p/small"));
    assert_eq!(taken(&go(&[("other", Refusal::Vision)])).as_deref(), Some("p/middle"), "small cannot see");
    assert_eq!(taken(&go(&[("small", Refusal::LeftAlone)])).as_deref(), Some("p/middle"));
    let report = go(&["small", "middle", "large"].map(|name| (name, Refusal::NotNamed)));
    assert!(report.rows.iter().all(|row| row.refused == 1 && row.calls == 0), "{report:?}");
}

#[test]
fn a_policys_own_limits_refuse() {
    let made = log(50, policy(Strategy::Balanced), Explores::Itself, policy(Strategy::Balanced), 8);
    let strict = RoutePolicy { max_cost_usd: Some(1e-9), ..policy(Strategy::Balanced) };
    let report = replay(strict, &made.records);
    assert_eq!((report.rows[0].refused, report.rows[0].calls), (report.calls, 0));
    assert_eq!(report.rows[0].weighed, Err(Doubt::NoCalls));
    assert_eq!(report.rows[Who::Cheapest as usize].refused, 0, "controls know no limits");
}

#[test]
fn what_says_nothing_is_left_out_and_counted() {
    let mut dice = Dice(3);
    let mut one = |n: u64, status, kind, operation| {
        let mut one = record(n, None, 1, 100, &mut dice);
        (one.status, one.error_kind, one.operation) = (status, kind, operation);
        one.labels = Some(Box::new(Labels::default()));
        Arc::new(one)
    };
    let records = [
        one(0, Status::Canceled, Some(ErrorKind::Canceled), Operation::Chat),
        one(1, Status::Refused, Some(ErrorKind::RateLimited), Operation::Chat),
        one(2, Status::Error, Some(ErrorKind::BadRequest), Operation::Chat),
        one(3, Status::Ok, None, Operation::Embeddings),
    ];
    let report = replay(RoutePolicy::default(), &records);
    assert_eq!((report.calls, report.left_out.canceled, report.left_out.not_the_models), (0, 1, 2));
    assert_eq!(report.rows[0].weighed, Err(Doubt::NoCalls));
}
