//! Decisions: who may, who scores how, who takes it, how sure that is.

use super::*;
use crate::board::Board;
use crate::chain::Link;
use crate::confidence::confidence;
use crate::estimate::Prior;
use crate::health::HealthPolicy;
use crate::need::Abilities;
use crate::place::{Place, PlaceName, Policy};
use crate::plan::{Patience, TargetFacts};
use crate::route::{Candidate, RouteEntry, RoutePolicy};
use paceline_types::price::{Price, Rate, Rates};
use std::time::{Duration, Instant};

struct Made {
    name: &'static str,
    prior: Prior,
    usd_per_million: Option<u64>,
    can: Abilities,
    context: Option<u64>,
}

fn made(name: &'static str, ttft_ms: f64, tpot_ms: f64, quality: f64, usd_per_million: u64) -> Made {
    let prior = Prior { ttft_ms, tpot_ms, quality };
    Made { name, prior, usd_per_million: Some(usd_per_million), can: Abilities::ALL, context: None }
}

fn target(name: &str, usd_per_million: Option<u64>, now: Instant) -> Target {
    let deployment = Deployment {
        name: format!("p/{name}").into(),
        provider: "p".into(),
        model: name.into(),
        upstream_model: name.into(),
        region: None,
    };
    let place = PlaceName { provider: "p".into(), key: 0, model: name.into() };
    let rate = |usd: u64| Rate(usd * 1_000_000);
    let rates = |usd| Rates {
        input: rate(usd),
        output: rate(usd * 4),
        cache_read: Some(Rate(usd * 100_000)),
        ..Rates::default()
    };
    let facts = TargetFacts {
        provider: 0,
        deployment: Arc::new(deployment),
        patience: Patience::even(Duration::from_mins(1)),
        price: usd_per_million.map(|usd| Arc::new(Price::always(rates(usd)))),
        places: vec![Arc::new(Place::new(place, now))],
        weight: 1,
    };
    Target::new(0, facts)
}

fn route(models: &[Made], policy: RoutePolicy, board: &Board, now: Instant) -> Route {
    let entry = RouteEntry {
        name: "auto".into(),
        aliases: Vec::new(),
        candidates: Vec::new(),
        fallback: Vec::<Link>::new(),
        fallback_on_content_filter: false,
        policy,
        baseline: None,
    };
    let candidate = |one: &Made| {
        let target = target(one.name, one.usd_per_million, now);
        board.expect(&target.deployment.provider, &target.deployment.upstream_model, one.prior);
        Candidate {
            targets: vec![target],
            pick: Pick::First,
            can: one.can,
            context: one.context,
            max_output: Some(8192),
            prior: one.prior,
            learned: None,
        }
    };
    let candidates = models.iter().map(candidate).collect();
    Route::new(&entry, candidates, Vec::new(), board, AT)
}

/// Numbers in 0 to 1 that look like chance (Knuth's linear congruential generator, its upper bits).
fn seeded(mut state: u64) -> impl FnMut() -> f64 {
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

const AT: Timestamp = Timestamp(1_800_000_000_000_000);

fn three() -> Vec<Made> {
    vec![
        made("large", 900.0, 20.0, 0.9, 15),
        made("middle", 500.0, 10.0, 0.8, 5),
        made("small", 200.0, 3.0, 0.6, 1),
    ]
}

fn ask(route: &Route, features: &str, now: Instant) -> Result<Decision, NoModel> {
    let mut need = Need { input_tokens: 500, ..Need::default() };
    need.features(features).unwrap();
    let policy = Policy::default();
    let question = Question { need: &need, now, at: AT, prefix: None, learned: None, policy: &policy };
    route.decide(&question, &mut || 0.5).map(|decided| decided.decision)
}

fn winner(found: &Result<Decision, NoModel>) -> &str {
    &found.as_ref().unwrap().taken().unwrap().deployment.model
}

#[test]
fn strategies_choose_as_their_names_say() {
    let now = Instant::now();
    let route = route(&three(), RoutePolicy::default(), &Board::default(), now);
    for (strategy, model) in
        [("lowest_latency", "small"), ("highest_quality", "large"), ("cost_effective", "small")]
    {
        let found = ask(&route, &format!("strategy={strategy}"), now);
        assert_eq!(winner(&found), model, "{strategy}");
        assert_eq!(found.unwrap().strategy.as_str(), strategy);
    }
    assert_eq!(
        winner(&ask(&route, "strategy=adaptive,reasoning_requirement=1,accuracy_requirement=0.7", now)),
        "large"
    );
}

#[test]
fn constraints_are_constraints_and_reasons_are_told() {
    let now = Instant::now();
    let mut models = three();
    models[2].can = Abilities::TOOLS;
    models[1].context = Some(400);
    let route = route(&models, RoutePolicy::default(), &Board::default(), now);
    let found = ask(&route, "requires_vision", now).unwrap();
    let why: Vec<_> = found.rejected.iter().map(|(who, why)| (&*who.model, *why)).collect();
    assert_eq!(why, [("middle", Refusal::ContextWindow), ("small", Refusal::Vision)]);
    assert_eq!(found.candidates.len(), 1);
    let sentence = found.reasoning();
    assert!(sentence.contains("the only one that could be considered"), "{sentence}");
    assert!(sentence.contains("middle its context window is too small, and 1 more"), "{sentence}");
    let refused = ask(&route, "requires_vision,cost_budget=0.000001", now).unwrap_err();
    assert!(
        refused.rejected.contains(&(Arc::clone(&route.candidates[0].targets[0].deployment), Refusal::Cost))
    );
    for (feature, why) in [
        ("latency_requirement=0.01", Refusal::Latency),
        ("accuracy_requirement=0.99", Refusal::Quality),
        ("region=mars", Refusal::Region),
        ("available_models=other", Refusal::NotNamed),
        ("estimated_tokens=9000", Refusal::MaxOutput),
    ] {
        let refused = ask(&route, feature, now).unwrap_err();
        assert!(refused.rejected.iter().any(|(_, known)| *known == why), "{feature} {refused:?}");
    }
}

#[test]
fn a_further_candidate_changes_no_score_and_no_order() {
    let now = Instant::now();
    let few = route(&three(), RoutePolicy::default(), &Board::default(), now);
    let mut models = three();
    models.push(made("dreadful", 50_000.0, 500.0, 0.01, 900));
    models.push(made("instant", 1.0, 0.01, 0.02, 1));
    let many = route(&models, RoutePolicy::default(), &Board::default(), now);
    for strategy in strategies() {
        let features = format!("strategy={strategy}");
        let (few, many) = (ask(&few, &features, now).unwrap(), ask(&many, &features, now).unwrap());
        let kept: Vec<_> = many
            .candidates
            .iter()
            .filter(|one| few.candidates.iter().any(|known| known.deployment == one.deployment))
            .cloned()
            .collect();
        if strategy == "adaptive" {
            continue;
        }
        assert_eq!(kept, few.candidates, "{strategy}");
    }
}

#[test]
fn who_is_left_alone_comes_last_and_only_then() {
    let now = Instant::now();
    let route = route(&three(), RoutePolicy::default(), &Board::default(), now);
    let policy = Policy::default();
    let close = |at: usize| {
        let health = &route.candidates[at].targets[0].places[0].health;
        for _ in 0..20 {
            health.report(crate::health::Sign::Failed, now, 0.5, &HealthPolicy::default());
        }
    };
    close(0);
    let need = Need { strategy: Some(Strategy::HighestQuality), ..Need::default() };
    let question = Question { need: &need, now, at: AT, prefix: None, learned: None, policy: &policy };
    let decided = route.decide(&question, &mut || 0.5).unwrap();
    let order: Vec<&str> = decided.plan.targets.iter().map(|target| &*target.deployment.model).collect();
    assert_eq!(order, ["middle", "small", "large"]);
    assert_eq!(decided.plan.targets.iter().map(|target| target.group).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(decided.decision.rejected[0].1, Refusal::LeftAlone);
    close(1);
    close(2);
    let decided = route.decide(&question, &mut || 0.5).unwrap();
    assert_eq!((decided.plan.targets.len(), decided.decision.candidates.len()), (3, 0));
}

#[test]
fn exploring_is_bounded_logged_and_never_pinned() {
    let now = Instant::now();
    let policy = RoutePolicy { explore: 0.5, explore_within: 1.0, ..RoutePolicy::default() };
    let route = route(&three(), policy, &Board::default(), now);
    let health = Policy::default();
    let mut dice = seeded(7);
    let mut counts = [0_u32; 3];
    let mut need = Need::default();
    for _ in 0..20_000 {
        let question = Question { need: &need, now, at: AT, prefix: None, learned: None, policy: &health };
        let decision = route.decide(&question, &mut dice).unwrap().decision;
        counts[usize::from(decision.chosen)] += 1;
        let expected = if decision.chosen == 0 { 0.98 } else { 0.01 };
        assert!((decision.propensity - expected).abs() < 1e-6);
    }
    assert!((150..250).contains(&counts[1]) && (150..250).contains(&counts[2]), "{counts:?}");
    need.pinned = true;
    let question = Question { need: &need, now, at: AT, prefix: None, learned: None, policy: &health };
    assert!((0..2000).all(|_| route.decide(&question, &mut dice).unwrap().decision.chosen == 0));
}

#[test]
fn a_seen_beginning_draws_where_the_cache_is_cheaper() {
    let now = Instant::now();
    let models = [made("a", 400.0, 8.0, 0.8, 3), made("b", 400.0, 8.0, 0.8, 3)];
    let route = route(&models, RoutePolicy::default(), &Board::default(), now);
    let policy = Policy::default();
    let need = Need { input_tokens: 8000, ..Need::default() };
    let go = |prefix| {
        let question =
            Question { need: &need, now, at: AT, prefix: Some(prefix), learned: None, policy: &policy };
        let decided = route.decide(&question, &mut || 0.5).unwrap();
        (decided.decision.taken().unwrap().clone(), decided.numbers[0])
    };
    assert_eq!(&*go(9).0.deployment.model, "a", "of equals the first by name");
    let before = go(9).0.expected_cost_usd.unwrap();
    route.saw(9, 1, AT);
    let (now_b, number) = go(9);
    assert_eq!((&*now_b.deployment.model, number), ("b", 1));
    assert!(now_b.expected_cost_usd.unwrap() < before / 2.0);
    assert_eq!(&*go(10).0.deployment.model, "a", "other prompts are not drawn");
}

/// Realised scores are drawn from the truth that the estimates state; how often the chosen one is the best must be what its
/// confidence said: expected calibration error at most .05.
#[test]
fn confidence_is_how_often_the_chosen_one_is_best() {
    let now = Instant::now();
    let mut dice = seeded(11);
    let mut bins = [(0.0, 0.0, 0.0); 10];
    for _ in 0..150 {
        let mut draw = |low: f64, high: f64| low + (high - low) * dice();
        let models: Vec<Made> = (0..4)
            .map(|at| {
                let usd = [1, 2, 5, 15][at];
                made(["a", "b", "c", "d"][at], draw(100.0, 2000.0), draw(2.0, 30.0), draw(0.5, 0.98), usd)
            })
            .collect();
        let route = route(&models, RoutePolicy::default(), &Board::default(), now);
        let strategy = ["balanced", "highest_quality", "lowest_latency", "cost_effective"]
            [(draw(0.0, 4.0) as usize).min(3)];
        let decision = ask(&route, &format!("strategy={strategy},estimated_tokens=200"), now).unwrap();
        let said = confidence(&decision).unwrap();
        for _ in 0..40 {
            let mut realised: Vec<f64> = Vec::new();
            for one in &decision.candidates {
                let mut normal = || (0..12).map(|_| draw(0.0, 1.0)).sum::<f64>() - 6.0;
                let latency = f64::from(one.latency) + f64::from(one.spread[0]) * normal();
                let cost = f64::from(one.cost) + f64::from(one.spread[2]) * normal();
                let quality = if draw(0.0, 1.0) < f64::from(one.quality) { 1.0 } else { 0.0 };
                let weights = decision.weights;
                realised.push(
                    f64::from(weights.latency) * latency
                        + f64::from(weights.quality) * quality
                        + f64::from(weights.cost) * cost,
                );
            }
            let best = realised.iter().copied().fold(f64::MIN, f64::max);
            let bin = &mut bins[((said * 10.0) as usize).min(9)];
            bin.0 += 1.0;
            bin.1 += said;
            bin.2 += f64::from(u8::from(realised[0] >= best));
        }
    }
    let all: f64 = bins.iter().map(|bin| bin.0).sum();
    let ece: f64 = bins.iter().filter(|bin| bin.0 > 0.0).map(|bin| (bin.1 - bin.2).abs() / all).sum();
    assert!(ece <= 0.05, "ECE {ece:.3} {bins:?}");
    assert!(bins.iter().filter(|bin| bin.0 > 0.0).count() >= 4, "{bins:?}");
}
