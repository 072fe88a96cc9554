//! What it brings to ask who still has a prompt's beginning: conversations at four providers of one model, each with a cache
//! of its own, seeded; and that a beginning which everybody shares does not bury one provider.

#![expect(clippy::expect_used, reason = "a helper of a test may fail like the test")]

mod dice;

use dice::Dice;
use paceline_routing::board::Board;
use paceline_routing::chain::{Link, Place};
use paceline_routing::choose::{Choice, Spot, choose};
use paceline_routing::directory::{Directory, ProviderEntry};
use paceline_routing::estimate::Prior;
use paceline_routing::need::{Abilities, Need};
use paceline_routing::place::{Fleet, Policy};
use paceline_routing::plan::{Patience, Pick, Plan};
use paceline_routing::question::Question;
use paceline_routing::route::{CandidateEntry, Route, RouteEntry, RoutePolicy};
use paceline_types::ports::PriceBook;
use paceline_types::price::{Price, Rate, Rates};
use paceline_types::time::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PROVIDERS: usize = 4;
/// How long a provider keeps a prompt after its last use.
const KEPT_MS: u64 = 300_000;
const OUTPUT: u64 = 200;
const FIRST_MS: f64 = 300.0;
/// Reading a prompt token that is not there yet.
const READ_MS: f64 = 0.25;
const TOKEN_MS: f64 = 8.0;
/// 2026-11-01T00:00:00Z in microseconds.
const START_US: i64 = 1_793_491_200_000_000;

/// 3 dollars a million prompt tokens, a tenth of it where they are cached, 15 for answers.
#[derive(Debug)]
struct Listed;

impl PriceBook for Listed {
    fn price(&self, _: &str, _: &str) -> Option<Arc<Price>> {
        let cache_read = Some(Rate(300_000));
        Some(Arc::new(Price::always(Rates {
            input: Rate(3_000_000),
            output: Rate(15_000_000),
            cache_read,
            ..Rates::default()
        })))
    }
}

fn route(affinity: bool, began: Instant) -> Arc<Route> {
    let patience = Patience::even(Duration::from_mins(1));
    let provider = |at: usize| ProviderEntry {
        name: format!("p{at}").as_str().into(),
        keys: vec![0],
        region: None,
        model_prefixes: &[],
        patience,
    };
    let place = |at: usize| Place { provider: at, upstream: "m".into(), patience, weight: 1 };
    let candidate = CandidateEntry {
        link: Link { model: "m".into(), places: (0..PROVIDERS).map(place).collect() },
        pick: Pick::LeastLoaded,
        can: Abilities::ALL,
        context: None,
        max_output: None,
        prior: Prior { ttft_ms: FIRST_MS, tpot_ms: TOKEN_MS, quality: 0.8 },
        learned: None,
    };
    let entry = RouteEntry {
        name: "auto".into(),
        aliases: Vec::new(),
        candidates: vec![candidate],
        fallback: Vec::new(),
        fallback_on_content_filter: false,
        policy: RoutePolicy { affinity, ..RoutePolicy::default() },
        baseline: None,
    };
    let fleet = Arc::new(Fleet::new(began));
    let providers = (0..PROVIDERS).map(provider).collect();
    let directory = Directory::new(providers, &[], Arc::new(Listed), fleet);
    let directory = directory.with_routes(&[entry], &Board::default(), Timestamp(START_US));
    Arc::clone(directory.routes()[0])
}

/// A call that is to be made.
#[derive(Clone, Copy)]
struct Turn {
    /// Whose it is: its beginning is that of the calls before.
    conversation: u64,
    number: u64,
    tokens: u64,
}

enum Event {
    Asks(Turn),
    /// Its first token came after so many milliseconds.
    Answered(Arc<Plan>, Spot, f64),
}

/// What came of all calls.
#[derive(Default)]
struct Sums {
    calls: u64,
    usd: f64,
    prompt: u64,
    cached: u64,
    firsts: Vec<f64>,
    by_provider: [u64; PROVIDERS],
}

impl Sums {
    fn cached_share(&self) -> f64 {
        self.cached as f64 / self.prompt as f64
    }

    fn largest_share(&self) -> f64 {
        self.by_provider.iter().copied().max().unwrap_or_default() as f64 / self.calls as f64
    }

    fn percentile(&self, share: f64) -> f64 {
        let mut all = self.firsts.clone();
        all.sort_by(f64::total_cmp);
        all[(all.len() as f64 * share) as usize]
    }

    fn mean(&self) -> f64 {
        self.firsts.iter().sum::<f64>() / self.calls as f64
    }
}

impl std::fmt::Display for Sums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} calls, ${:.4}, {:.0} % of the prompts cached, first token {:.0} ms in the mean, p95 {:.0} ms, largest share {:.0} %",
            self.calls,
            self.usd,
            self.cached_share() * 100.0,
            self.mean(),
            self.percentile(0.95),
            self.largest_share() * 100.0
        )
    }
}

/// What happens, by its time and in the order in which it was planned.
struct World {
    route: Arc<Route>,
    began: Instant,
    dice: Dice,
    due: BTreeMap<(u64, u64), Event>,
    planned: u64,
    /// What providers have: tokens, and when they were last used.
    caches: HashMap<(usize, u64), (u64, u64)>,
    /// Calls under way at each.
    under_way: [u64; PROVIDERS],
    /// So many calls at once make a provider half as fast.
    crowd: f64,
    /// Whether all conversations begin alike.
    shared: bool,
    sums: Sums,
}

impl World {
    fn new(affinity: bool, crowd: f64, shared: bool) -> Self {
        let began = Instant::now();
        Self {
            route: route(affinity, began),
            began,
            dice: Dice(7),
            due: BTreeMap::new(),
            planned: 0,
            caches: HashMap::new(),
            under_way: [0; PROVIDERS],
            crowd,
            shared,
            sums: Sums::default(),
        }
    }

    fn plan(&mut self, ms: u64, event: Event) {
        self.planned += 1;
        self.due.insert((ms, self.planned), event);
    }

    fn run(mut self, turns: u64) -> Sums {
        while let Some(((ms, _), event)) = self.due.pop_first() {
            match event {
                Event::Asks(turn) => {
                    self.ask(ms, turn);
                    if turn.number + 1 < turns {
                        let next = Turn { number: turn.number + 1, tokens: turn.tokens + 700, ..turn };
                        let later = ms + 20_000 + self.dice.below(100_000);
                        self.plan(later, Event::Asks(next));
                    }
                }
                Event::Answered(plan, spot, first_ms) => {
                    let now = self.began + Duration::from_millis(ms);
                    let load = &spot.place(&plan).load;
                    load.sample(Duration::from_secs_f64(first_ms / 1000.0), now);
                    load.leave();
                    self.under_way[plan.targets[spot.target].provider] -= 1;
                }
            }
        }
        self.sums
    }

    fn ask(&mut self, ms: u64, turn: Turn) {
        let now = self.began + Duration::from_millis(ms);
        let at = Timestamp(START_US + ms as i64 * 1000);
        let beginning = if self.shared { 1 } else { turn.conversation };
        let prefix = beginning.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let need = Need { input_tokens: turn.tokens, output_tokens: Some(OUTPUT), ..Need::default() };
        let policy = Policy::default();
        let question =
            Question { need: &need, now, at, prefix: Some(prefix), learned: None, policy: &policy };
        let dice = &mut self.dice;
        let decided = self.route.decide(&question, &mut || dice.even()).expect("somebody may take it");
        let plan = Arc::new(decided.plan);
        let Choice::Go(spot) = choose(&plan, &[], None, now, &policy, &mut || dice.even()) else {
            panic!("somebody may be asked")
        };
        let provider = plan.targets[spot.target].provider;
        let kept = self.caches.get(&(provider, beginning)).filter(|(_, used)| ms - used <= KEPT_MS);
        let cached = kept.map_or(0, |(tokens, _)| *tokens.min(&turn.tokens));
        let has = if self.shared { 2000 } else { turn.tokens };
        self.caches.insert((provider, beginning), (has, ms));
        let crowded = 1.0 + self.under_way[provider] as f64 / self.crowd;
        let first_ms = (FIRST_MS + READ_MS * (turn.tokens - cached) as f64) * crowded;
        self.route.saw(prefix, decided.numbers[spot.target], at);
        spot.place(&plan).load.enter();
        self.under_way[provider] += 1;
        let ends = ms + (first_ms + TOKEN_MS * OUTPUT as f64) as u64;
        self.plan(ends, Event::Answered(plan, spot, first_ms));
        let sums = &mut self.sums;
        sums.calls += 1;
        sums.prompt += turn.tokens;
        sums.cached += cached;
        sums.usd += ((turn.tokens - cached) * 30 + cached * 3 + OUTPUT * 150) as f64 / 1e7;
        sums.firsts.push(first_ms);
        sums.by_provider[provider] += 1;
    }
}

/// Conversations that begin evenly over so many milliseconds.
fn conversations(world: &mut World, count: u64, over_ms: u64) {
    for conversation in 0..count {
        let begins = conversation * over_ms / count;
        world.plan(begins, Event::Asks(Turn { conversation: conversation + 1, number: 0, tokens: 2500 }));
    }
}

#[test]
fn a_conversation_stays_where_its_beginning_is_and_that_saves() {
    let sums = [false, true].map(|affinity| {
        let mut world = World::new(affinity, 50.0, false);
        conversations(&mut world, 300, 600_000);
        world.run(10)
    });
    let [without, with] = &sums;
    println!("without: {without}\nwith:    {with}");
    assert_eq!((without.calls, with.calls), (3000, 3000));
    assert!(with.cached_share() > 0.75 && without.cached_share() < 0.6, "{without}; {with}");
    assert!(with.usd < 0.7 * without.usd && with.mean() < 0.8 * without.mean(), "{without}; {with}");
    assert!(with.largest_share() < 0.35, "{with}");
}

#[test]
fn a_beginning_that_all_share_does_not_bury_a_provider() {
    let sums = [false, true].map(|affinity| {
        let mut world = World::new(affinity, 8.0, true);
        conversations(&mut world, 2000, 120_000);
        world.run(3)
    });
    let [without, with] = &sums;
    println!("without: {without}\nwith:    {with}");
    assert!(with.percentile(0.95) < 1.5 * without.percentile(0.95), "{without}; {with}");
    assert!(with.largest_share() < 0.6, "{with}");
}
