//! Routes as `paceline check` prints them: how they weigh, what they choose from, what those models can.

use super::super::{Config, Route, RouteModel, Routing};
use paceline_routing::need::Abilities;
use paceline_routing::route::Cascade;
use paceline_routing::score::base;
use paceline_types::decision::{Strategy, Weights};
use serde_json::{Value, json};

/// Abilities as the catalogue writes them.
const ABILITIES: [(Abilities, &str); 6] = [
    (Abilities::VISION, "vision"),
    (Abilities::AUDIO, "audio"),
    (Abilities::CODE, "code"),
    (Abilities::TOOLS, "tools"),
    (Abilities::SCHEMA, "structured_output"),
    (Abilities::REASONING, "reasoning"),
];

fn abilities(can: Abilities) -> Vec<&'static str> {
    ABILITIES.into_iter().filter(|(ability, _)| can.has(*ability)).map(|(_, word)| word).collect()
}

pub(super) fn route_rows(config: &Config) -> Vec<Vec<String>> {
    config.routes.iter().flat_map(|route| rows(config, route)).collect()
}

fn rows(config: &Config, route: &Route) -> Vec<Vec<String>> {
    let mut notes = Vec::new();
    if !route.aliases.is_empty() {
        notes.push(format!("also called {}", route.aliases.join(", ")));
    }
    let mut lines = Vec::new();
    if config.routing.enabled {
        notes.insert(0, weighing(route));
        notes.extend(limits(route, &config.routing));
        lines.extend(
            groups(&route.models).into_iter().map(|(names, can)| format!("{}: {can}", names.join(", "))),
        );
        lines.extend(choices(route));
    } else {
        let names: Vec<String> = config.chain_of_route(route).into_iter().map(|link| link.name).collect();
        lines.push(names.join(", then "));
        notes.insert(0, "a list, as `routing.enabled` is false".into());
    }
    if config.routing.enabled && !route.fallback.is_empty() {
        let names: Vec<String> = route.fallback.iter().map(ToString::to_string).collect();
        lines.push(format!("else {}", names.join(", ")));
    }
    let first = vec![route.name.clone(), notes.join(", ")];
    [first].into_iter().chain(lines.into_iter().map(|line| vec![String::new(), line])).collect()
}

/// The strategy with its weights.
fn weighing(route: &Route) -> String {
    let Weights { latency, quality, cost } = base(route.policy.strategy, route.policy.weights);
    let moved = if route.policy.strategy == Strategy::Adaptive { ", moved by the call" } else { "" };
    let [latency, quality, cost] = [latency, quality, cost].map(|weight| (weight * 100.0).round());
    format!(
        "{} (latency {latency} %, quality {quality} %, cost {cost} %{moved})",
        route.policy.strategy.as_str()
    )
}

/// What a model must keep to.
fn limits(route: &Route, routing: &Routing) -> Vec<String> {
    let policy = &route.policy;
    let mut said = Vec::new();
    said.extend(policy.max_latency_ms.map(|ms| format!("at most {ms} ms")));
    said.extend(policy.max_cost_usd.map(|usd| format!("at most ${usd} a call")));
    said.extend(policy.min_quality.map(|quality| format!("quality {quality} or more")));
    if policy.reliability_threshold.to_bits() != routing.reliability_threshold.to_bits() {
        said.push(format!("reliability {} or more", policy.reliability_threshold));
    }
    if policy.explore > 0.0 {
        said.push(format!("{} % of its calls explore", policy.explore * 100.0));
    }
    if !policy.affinity {
        said.push("no affinity".into());
    }
    said
}

/// What else of it is no default.
fn choices(route: &Route) -> Vec<String> {
    let mut said = Vec::new();
    let baseline = route.baseline.and_then(|at| route.models.get(at));
    said.extend(baseline.map(|model| format!("baseline {}", model.link)));
    said.extend(route.router.as_ref().map(|router| {
        let known = route.models.iter().filter(|model| model.learned.is_some()).count();
        format!("router {} knows {known} of {} models", router.path.display(), route.models.len())
    }));
    said.extend(route.policy.cascade.map(|cascade| format!("cascade on {}", checks(cascade).join(", "))));
    if route.fallback_on_content_filter {
        said.push("falls back on content filters too".into());
    }
    said
}

/// Names of models that can the same, with what they can.
fn groups(models: &[RouteModel]) -> Vec<(Vec<String>, String)> {
    let mut groups: Vec<(Vec<String>, String)> = Vec::new();
    for model in models {
        let can = match abilities(model.can) {
            _ if !model.known => "not in the catalogue, believed to be able to do anything".to_owned(),
            can if can.is_empty() => "text only".to_owned(),
            can => can.join(", "),
        };
        match groups.iter_mut().find(|(_, known)| *known == can) {
            Some((names, _)) => names.push(model.link.to_string()),
            None => groups.push((vec![model.link.to_string()], can)),
        }
    }
    groups
}

fn checks(cascade: Cascade) -> Vec<&'static str> {
    let checks = [
        (cascade.on_empty, "empty"),
        (cascade.on_length, "length"),
        (cascade.on_refusal, "refusal"),
        (cascade.on_invalid_json, "invalid_json"),
    ];
    checks.into_iter().filter(|(on, _)| *on).map(|(_, word)| word).collect()
}

/// A weight as people write it.
fn rounded(weight: f32) -> f64 {
    (f64::from(weight) * 1e4).round() / 1e4
}

pub(super) fn routing_json(routing: &Routing) -> Value {
    json!({
        "enabled": routing.enabled,
        "strategy": routing.strategy.as_str(),
        "latency_weight": rounded(routing.weights.latency),
        "accuracy_weight": rounded(routing.weights.quality),
        "cost_weight": rounded(routing.weights.cost),
        "reliability_threshold": routing.reliability_threshold,
        "explore": routing.explore,
    })
}

pub(super) fn routes_json(config: &Config) -> Vec<Value> {
    config.routes.iter().map(route_json).collect()
}

fn route_json(route: &Route) -> Value {
    let policy = &route.policy;
    let weights = base(policy.strategy, policy.weights);
    let baseline = route.baseline.and_then(|at| route.models.get(at));
    json!({
        "name": route.name,
        "aliases": route.aliases,
        "models": route.models.iter().map(model_json).collect::<Vec<_>>(),
        "everything": route.everything,
        "strategy": policy.strategy.as_str(),
        "weights": {
            "latency": rounded(weights.latency),
            "quality": rounded(weights.quality),
            "cost": rounded(weights.cost),
        },
        "reliability_threshold": policy.reliability_threshold,
        "max_latency_ms": policy.max_latency_ms,
        "max_cost_usd": policy.max_cost_usd,
        "min_quality": policy.min_quality,
        "explore": policy.explore,
        "explore_within": policy.explore_within,
        "affinity": policy.affinity,
        "router": route.router.as_ref().map(|router| json!({
            "file": router.path.display().to_string(),
            "mark": router.model.mark(),
        })),
        "baseline": baseline.map(|model| model.link.to_string()),
        "fallback": route.fallback.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "fallback_on_content_filter": route.fallback_on_content_filter,
        "cascade": policy.cascade.map(checks),
    })
}

fn model_json(model: &RouteModel) -> Value {
    json!({
        "name": model.link.to_string(),
        "targets": model.targets.iter().map(|(target, _)| target.to_string()).collect::<Vec<_>>(),
        "in_catalog": model.known,
        "can": abilities(model.can),
        "context": model.context,
        "max_output": model.max_output,
        "prior": {
            "ttft_ms": model.prior.ttft_ms,
            "tpot_ms": model.prior.tpot_ms,
            "quality": model.prior.quality,
        },
        "learned": model.learned.is_some(),
    })
}
