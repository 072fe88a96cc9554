//! Routes: named policies over models, and `auto`, which is there unless somebody else has the name.

use super::excerpt::shown;
use super::links::{Known, Meaning, tier_index, tier_name};
use super::models::{check_name, fallback};
use super::problem::Fault;
use super::report::join;
use super::resolve::Desk;
use super::typed;
use super::values::{Link, Origin, Route, RouteModel, Router, Routing};
use paceline_routing::route::{Cascade, RoutePolicy};
use paceline_types::decision::{Strategy, Weights};
use std::collections::BTreeMap;

mod candidates;
mod router;

pub(super) use candidates::Ground;

/// The route that is always there.
const AUTO: &str = "auto";
/// Models that a message names at most.
const MAX_SHOWN: usize = 8;

/// `[routing]`.
pub(super) fn routing(written: &typed::Routing, desk: &mut Desk<'_>) -> Routing {
    let given = ["latency_weight", "accuracy_weight", "cost_weight"].map(|name| format!("routing.{name}"));
    let given: Vec<&String> = given.iter().filter(|path| desk.report.given(path)).collect();
    let weights = shares([written.latency_weight, written.accuracy_weight, written.cost_weight]);
    if let (None, Some(at)) = (weights, given.last()) {
        desk.report.error(at, no_weight());
    }
    Routing {
        enabled: written.enabled,
        strategy: match written.strategy {
            Some(strategy) => meant(strategy),
            None if given.is_empty() => Strategy::Balanced,
            None => Strategy::Custom,
        },
        weights: weights.unwrap_or_else(|| RoutePolicy::default().weights),
        reliability_threshold: written.reliability_threshold,
        explore: written.explore,
    }
}

/// Weights of latency, quality and cost, divided by their sum; `None` where all are 0.
fn shares(weights: [f64; 3]) -> Option<Weights> {
    let sum: f64 = weights.iter().sum();
    let [latency, quality, cost] = weights.map(|weight| (weight / sum) as f32);
    (sum > 0.0).then_some(Weights { latency, quality, cost })
}

fn no_weight() -> Fault {
    Fault::new("all weights are 0, so no model would be better than another")
        .help("give at least one of latency, quality and cost a weight")
}

fn meant(written: typed::Strategy) -> Strategy {
    match written {
        typed::Strategy::LowestLatency => Strategy::LowestLatency,
        typed::Strategy::HighestQuality => Strategy::HighestQuality,
        typed::Strategy::CostEffective => Strategy::CostEffective,
        typed::Strategy::Balanced => Strategy::Balanced,
        typed::Strategy::Adaptive => Strategy::Adaptive,
        typed::Strategy::Custom => Strategy::Custom,
    }
}

/// What routes are made with.
pub(super) struct Bench<'a> {
    pub routing: &'a Routing,
    pub ground: Ground<'a>,
    pub known: &'a Known<'a>,
}

/// Routes in the order of the file, then those of the environment by name, then `auto`.
pub(super) fn resolve(
    written: BTreeMap<String, typed::Route>,
    bench: &Bench<'_>,
    desk: &mut Desk<'_>,
) -> Vec<Route> {
    let mut written: Vec<(String, typed::Route)> = written.into_iter().collect();
    written.sort_by_key(|(name, _)| match desk.report.origin(&join("routes", name)) {
        Origin::File { offset, .. } => *offset,
        _ => usize::MAX,
    });
    let mut names: BTreeMap<String, String> =
        written.iter().map(|(name, _)| (name.clone(), name.clone())).collect();
    for (name, entry) in &written {
        claim(name, &entry.aliases, &mut names, bench.known, desk);
    }
    let mut shelf = router::Shelf::default();
    let mut routes: Vec<Route> = Vec::new();
    for (name, entry) in written {
        routes.extend(route(name, entry, bench, &names, &mut shelf, desk));
    }
    let taken = names.contains_key(AUTO) || bench.known.models.contains_key(AUTO);
    if bench.routing.enabled && !taken {
        let models = bench.ground.everything().0;
        if !models.is_empty() {
            let policy = policy(&typed::Route::default(), "", bench.routing, desk);
            routes.push(Route {
                name: AUTO.into(),
                aliases: Vec::new(),
                models,
                everything: true,
                fallback: Vec::new(),
                fallback_on_content_filter: false,
                policy,
                baseline: None,
                router: None,
            });
        }
    }
    routes
}

/// Notes the names of a route and reports those that somebody has already.
fn claim(
    route: &str,
    aliases: &[String],
    names: &mut BTreeMap<String, String>,
    known: &Known<'_>,
    desk: &mut Desk<'_>,
) {
    let path = join("routes", route);
    check_name(route, &path, "route", desk);
    if let Some(owner) = owner(route, known, desk) {
        desk.report.error(&path, taken(route, &owner));
    }
    for (index, alias) in aliases.iter().enumerate() {
        let at = desk.item(&format!("{path}.aliases"), index);
        check_name(alias, &at, "route", desk);
        let owner = match names.get(alias) {
            Some(owner) if owner == route => {
                let fault = Fault::new(format!("`{}` already is a name of this route", shown(alias)));
                desk.report.error(&at, fault);
                continue;
            }
            Some(owner) => {
                let line = desk.report.line_of(&join("routes", owner));
                Some(format!("the route `{}`{line}", shown(owner)))
            }
            None => owner(alias, known, desk),
        };
        match owner {
            Some(owner) => desk.report.error(&at, taken(alias, &owner)),
            None => drop(names.insert(alias.clone(), route.to_owned())),
        }
    }
}

/// Which model or tier has that name.
fn owner(name: &str, known: &Known<'_>, desk: &Desk<'_>) -> Option<String> {
    if let Some(tier) = tier_index(name) {
        return Some(format!("the tier `{}`", tier_name(tier)));
    }
    let model = known.models.get(name)?;
    let line = desk.report.line_of(&join("models", model));
    Some(format!("the model `{}`{line}", shown(model)))
}

fn taken(name: &str, owner: &str) -> Fault {
    Fault::new(format!("the name `{}` is taken by {owner}", shown(name)))
        .help("give one of the two another name")
}

fn route(
    name: String,
    entry: typed::Route,
    bench: &Bench<'_>,
    names: &BTreeMap<String, String>,
    shelf: &mut router::Shelf,
    desk: &mut Desk<'_>,
) -> Option<Route> {
    let path = join("routes", &name);
    let policy = policy(&entry, &path, bench.routing, desk);
    let everything = entry.models.is_empty();
    let mut models = if everything {
        all(&path, bench, desk)
    } else {
        bench.ground.listed(&entry.models, &path, bench.known, names, desk)
    };
    let fallback = fallback(&entry.fallback, &format!("{path}.fallback"), bench.known, desk);
    if models.is_empty() {
        return None;
    }
    let baseline = entry.baseline.and_then(|text| baseline(&text, &path, &models, bench.known, desk));
    let router = entry.router.and_then(|file| shelf.open(&file, &path, &mut models, desk));
    if policy.cascade.is_some() && models.len() < 2 {
        let fault = Fault::new("this has no effect, because the route has one model only");
        desk.report.warn(&format!("{path}.cascade"), fault);
    }
    Some(Route {
        name,
        aliases: entry.aliases,
        models,
        everything,
        fallback,
        fallback_on_content_filter: entry.fallback_on_content_filter,
        policy: RoutePolicy { learned: router.as_ref().map(Router::quality), ..policy },
        baseline,
        router,
    })
}

/// Everything there is, for a route that names no models.
fn all(path: &str, bench: &Bench<'_>, desk: &mut Desk<'_>) -> Vec<RouteModel> {
    let (models, more) = bench.ground.everything();
    if more > 0 {
        let message = format!("the route is made of all models, and the last {more} of them are left out");
        let fault = Fault::new(message).help("name those it is to choose from: `models = [\"…\"]`");
        desk.report.warn(path, fault);
    }
    let told = ["models", "tiers", "providers"].iter().any(|table| desk.report.has_errors_about(table));
    if models.is_empty() && !told {
        let fault = Fault::new("the route has no models: there are none in `[models]`, and no tier has any");
        desk.report.error(path, fault.help("name some: `models = [\"provider/upstream-name\"]`"));
    }
    models
}

fn policy(entry: &typed::Route, path: &str, routing: &Routing, desk: &mut Desk<'_>) -> RoutePolicy {
    let (strategy, weights) = strategy(entry, path, routing, desk);
    RoutePolicy {
        strategy,
        weights,
        reliability_threshold: entry.reliability_threshold.unwrap_or(routing.reliability_threshold),
        max_latency_ms: entry.max_latency_ms.map(|ms| ms as f64),
        max_cost_usd: entry.max_cost_usd,
        min_quality: entry.min_quality,
        explore: entry.explore.unwrap_or(routing.explore),
        explore_within: entry.explore_within,
        affinity: entry.affinity,
        learned: None,
        cascade: cascade(entry.cascade.as_ref()),
    }
}

/// The strategy and the weights of `custom`.
fn strategy(entry: &typed::Route, path: &str, routing: &Routing, desk: &mut Desk<'_>) -> (Strategy, Weights) {
    let written = entry.strategy.map(meant);
    let own = [entry.weights.latency, entry.weights.quality, entry.weights.cost];
    if own.iter().all(Option::is_none) {
        return (written.unwrap_or(routing.strategy), routing.weights);
    }
    let at = format!("{path}.weights");
    if let Some(other) = written.filter(|strategy| *strategy != Strategy::Custom) {
        let message = format!("the weights are those of `custom`, but the strategy is `{}`", other.as_str());
        desk.report.error(&at, Fault::new(message).help("take `strategy` or `weights` out"));
    }
    let weights = shares(own.map(Option::unwrap_or_default));
    if weights.is_none() {
        desk.report.error(&at, no_weight());
    }
    (Strategy::Custom, weights.unwrap_or(routing.weights))
}

fn cascade(written: Option<&typed::Cascade>) -> Option<Cascade> {
    let on = match written? {
        typed::Cascade::Whether(false) => return None,
        typed::Cascade::Whether(true) => &typed::Check::ALL,
        typed::Cascade::Table(table) => table.on.as_slice(),
    };
    Some(Cascade {
        on_empty: on.contains(&typed::Check::Empty),
        on_length: on.contains(&typed::Check::Length),
        on_refusal: on.contains(&typed::Check::Refusal),
        on_invalid_json: on.contains(&typed::Check::InvalidJson),
    })
}

/// The place of the baseline among a route's models.
fn baseline(
    text: &str,
    path: &str,
    models: &[RouteModel],
    known: &Known<'_>,
    desk: &mut Desk<'_>,
) -> Option<usize> {
    let fault = match known.meaning(text, desk) {
        Ok(Meaning::One(link)) => match models.iter().position(|model| is_it(model, &link)) {
            Some(at) => return Some(at),
            None => Fault::new(format!("`{}` is none of the route's models", shown(text))),
        },
        Ok(Meaning::Tier(_)) => Fault::new("a baseline is one model, not a tier"),
        Ok(Meaning::Broken) => return None,
        Err(fault) => {
            desk.report.error(&format!("{path}.baseline"), fault);
            return None;
        }
    };
    let help = format!("one of {}", named(models.iter().map(|model| model.link.to_string())));
    desk.report.error(&format!("{path}.baseline"), fault.help(&help));
    None
}

fn is_it(model: &RouteModel, link: &Link) -> bool {
    model.link == *link
        || matches!(link, Link::Place(place) if model.targets.iter().any(|(target, _)| target == place))
}

/// Names for a sentence.
fn named(names: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = names.map(|name| format!("`{}`", shown(&name))).collect();
    let more = if all.len() > MAX_SHOWN { ", …" } else { "" };
    all.iter().take(MAX_SHOWN).cloned().collect::<Vec<_>>().join(", ") + more
}
