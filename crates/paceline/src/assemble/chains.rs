//! Models, tiers, routes and roles as the directory of names takes them.

use super::patience;
use crate::config::{ChainLink, Config, Model, Route, RouteModel, TIERS, Target};
use paceline_routing::chain::{Chain, Link, Place, RoleEntry};
use paceline_routing::directory::LEFT_TO_ROLE;
use paceline_routing::directory::ModelEntry;
use paceline_routing::route::{CandidateEntry, RouteEntry};
use paceline_types::rules::Limits;

/// The configured models.
pub(super) fn models(config: &Config) -> Vec<ModelEntry> {
    let entry = |model: &Model| ModelEntry {
        name: model.name.as_str().into(),
        aliases: model.aliases.iter().map(|alias| alias.as_str().into()).collect(),
        chain: chain(config, &config.chain_of(model)),
        limits: model.limits,
    };
    config.models.iter().map(entry).filter(|entry| !entry.chain.links.is_empty()).collect()
}

/// `tier1` to `tier4`.
pub(super) fn tiers(config: &Config) -> Vec<ModelEntry> {
    let entry = |index: usize| ModelEntry {
        name: format!("tier{}", index + 1).into(),
        aliases: Vec::new(),
        chain: chain(config, &config.chain_of_tier(index)),
        limits: Limits::default(),
    };
    (0..TIERS).map(entry).collect()
}

/// The routes, where routes choose.
pub(super) fn routes(config: &Config) -> Vec<RouteEntry> {
    let entry = |route: &Route| RouteEntry {
        name: route.name.as_str().into(),
        aliases: route.aliases.iter().map(|alias| alias.as_str().into()).collect(),
        candidates: route.models.iter().map(|model| candidate(config, model)).collect(),
        fallback: route
            .fallback
            .iter()
            .map(|one| {
                let (model, targets) = config.targets_of(one);
                link(config, &one.to_string(), model, &targets)
            })
            .collect(),
        fallback_on_content_filter: route.fallback_on_content_filter,
        policy: route.policy.clone(),
        baseline: route.baseline,
    };
    if config.routing.enabled { config.routes.iter().map(entry).collect() } else { Vec::new() }
}

fn candidate(config: &Config, model: &RouteModel) -> CandidateEntry {
    let own = config.targets_of(&model.link).0;
    let targets: Vec<(&Target, u32)> =
        model.targets.iter().map(|(target, weight)| (target, *weight)).collect();
    CandidateEntry {
        link: link(config, &model.link.to_string(), own, &targets),
        pick: own.map(|own| own.pick).unwrap_or_default(),
        can: model.can,
        context: model.context,
        max_output: model.max_output,
        prior: model.prior,
        learned: model.learned,
    }
}

/// The routes as plain lists, where routes do not choose: names like tiers.
///
/// A name that leaves the model to the call's role goes on to do so where there are roles.
pub(super) fn lists(config: &Config) -> Vec<ModelEntry> {
    if config.routing.enabled {
        return Vec::new();
    }
    let entries = config.routes.iter().flat_map(|route| {
        let chain = Chain {
            fallback_on_content_filter: route.fallback_on_content_filter,
            shadow: None,
            ..chain(config, &config.chain_of_route(route))
        };
        std::iter::once(&route.name).chain(&route.aliases).map(move |name| ModelEntry {
            name: name.as_str().into(),
            aliases: Vec::new(),
            chain: chain.clone(),
            limits: Limits::default(),
        })
    });
    entries.filter(|entry| config.roles.is_empty() || !LEFT_TO_ROLE.contains(&&*entry.name)).collect()
}

/// The roles.
pub(super) fn roles(config: &Config) -> Vec<RoleEntry> {
    let entry = |role: &crate::config::Role| RoleEntry {
        name: role.name.as_str().into(),
        chain: chain(config, &config.chain_of_role(role)),
    };
    config.roles.iter().map(entry).collect()
}

/// A chain behaves as its first model says.
fn chain(config: &Config, links: &[ChainLink<'_>]) -> Chain {
    let first = links.first().and_then(|link| link.model);
    let shadow = first.and_then(|model| model.shadow.as_ref()).map(|shadow| {
        let (model, targets) = config.targets_of(&shadow.link);
        (link(config, &shadow.link.to_string(), model, &targets), shadow.share)
    });
    let links = links.iter().map(|one| link(config, &one.name, one.model, &one.targets));
    Chain {
        links: links.filter(|link| !link.places.is_empty()).collect(),
        fallback_on_content_filter: first.is_some_and(|model| model.fallback_on_content_filter),
        pick: first.map(|model| model.pick).unwrap_or_default(),
        shadow: shadow.filter(|(link, _)| !link.places.is_empty()),
    }
}

fn link(config: &Config, name: &str, model: Option<&Model>, targets: &[(&Target, u32)]) -> Link {
    let place = |(target, weight): &(&Target, u32)| {
        let provider = config.providers.iter().position(|provider| provider.name == target.provider)?;
        Some(Place {
            provider,
            upstream: target.model.as_str().into(),
            patience: patience(config, config.providers.get(provider)?, model),
            weight: *weight,
        })
    };
    Link { model: name.into(), places: targets.iter().filter_map(place).collect() }
}
