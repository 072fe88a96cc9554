//! From models, tiers and roles to the chains that are tried.

use super::values::{Config, Link, Model, Role, Route, Target};
use paceline_catalog::ModelTier;
use paceline_routing::chain::MAX_LINKS;
use std::collections::BTreeSet;

/// How a model came into a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// It is what was asked for.
    Name,
    /// By the list of the model that was asked for.
    List,
    /// By a tier.
    Tier(ModelTier),
}

/// One model of a chain, with those of its targets that no model before it has.
#[derive(Clone, Debug)]
pub struct ChainLink<'a> {
    /// Its name in records.
    pub name: String,
    /// The model, where the configuration has it.
    pub model: Option<&'a Model>,
    /// How it came in.
    pub by: By,
    /// Target and weight, in the order they are tried; at least one.
    pub targets: Vec<(&'a Target, u32)>,
}

impl Config {
    /// What is tried for a model: itself, its own list, its tier's models.
    pub fn chain_of(&self, model: &Model) -> Vec<ChainLink<'_>> {
        let Some(own) = self.models.iter().find(|other| other.name == model.name) else { return Vec::new() };
        let mut chain = Chain::new(self);
        chain.push(own.name.as_str(), Some(own), weighted(own), By::Name);
        if own.fallback_enabled {
            chain.add(&own.fallback, By::List);
            chain.add_tier(own.tier);
        }
        chain.links
    }

    /// What is tried for a tier, counted from 0: its models.
    pub fn chain_of_tier(&self, index: usize) -> Vec<ChainLink<'_>> {
        let mut chain = Chain::new(self);
        chain.add_tier(u8::try_from(index + 1).ok().and_then(ModelTier::new));
        chain.links
    }

    /// What is tried for a role: its model, that model's own list, its tier's models. A provider's model without a name
    /// of its own has no tier but the role's.
    pub fn chain_of_role(&self, role: &Role) -> Vec<ChainLink<'_>> {
        let mut chain = Chain::new(self);
        let Some(own) = self.roles.iter().find(|other| other.name == role.name) else { return Vec::new() };
        chain.add(own.model.as_slice(), By::Name);
        let model = chain.links.first().and_then(|first| first.model);
        if model.is_none_or(|model| model.fallback_enabled) {
            chain.add(model.map_or(&[], |model| &model.fallback), By::List);
            chain.add_tier(own.tier.or_else(|| model?.tier));
        }
        chain.links
    }

    /// What is tried for a route that does not choose: its models as they are listed, then its fallback.
    pub fn chain_of_route<'a>(&'a self, route: &'a Route) -> Vec<ChainLink<'a>> {
        let mut chain = Chain::new(self);
        for model in &route.models {
            chain.add(std::slice::from_ref(&model.link), By::Name);
        }
        chain.add(&route.fallback, By::List);
        chain.links
    }

    /// The names under which calls can be recorded whatever callers write: models, and providers' models of chains.
    pub fn model_names(&self) -> BTreeSet<String> {
        let lists = self.models.iter().flat_map(|model| &model.fallback);
        let shadows = self.models.iter().filter_map(|model| Some(&model.shadow.as_ref()?.link));
        let tiers = self.tiers.iter().flat_map(|tier| &tier.links);
        let roles = self.roles.iter().filter_map(|role| role.model.as_ref());
        let chosen = self.routes.iter().flat_map(|route| route.models.iter().map(|model| &model.link));
        let routes = chosen.chain(self.routes.iter().flat_map(|route| &route.fallback));
        let links = lists.chain(shadows).chain(tiers).chain(roles).chain(routes).map(ToString::to_string);
        self.models.iter().map(|model| model.name.clone()).chain(links).collect()
    }

    /// The model and its targets that a link means.
    pub fn targets_of<'a>(&'a self, link: &'a Link) -> (Option<&'a Model>, Vec<(&'a Target, u32)>) {
        match link {
            Link::Place(target) => (None, vec![(target, 1)]),
            Link::Model(name) => {
                let model = self.models.iter().find(|model| model.name == *name);
                (model, model.map(weighted).unwrap_or_default())
            }
        }
    }
}

fn weighted(model: &Model) -> Vec<(&Target, u32)> {
    model.targets.iter().zip(model.weights.iter().copied()).collect()
}

/// A chain as it grows.
struct Chain<'a> {
    config: &'a Config,
    links: Vec<ChainLink<'a>>,
    seen: BTreeSet<&'a Target>,
}

impl<'a> Chain<'a> {
    fn new(config: &'a Config) -> Self {
        Self { config, links: Vec::new(), seen: BTreeSet::new() }
    }

    /// Adds models; what is there already and what goes beyond [`MAX_LINKS`] is left out.
    fn add(&mut self, links: &'a [Link], by: By) {
        for link in links {
            let (model, targets) = self.config.targets_of(link);
            self.push(&link.to_string(), model, targets, by);
        }
    }

    fn add_tier(&mut self, tier: Option<ModelTier>) {
        let Some(tier) = tier else { return };
        let links = self.config.tiers.get(usize::from(tier.number()) - 1).map_or(&[][..], |tier| &tier.links);
        self.add(links, By::Tier(tier));
    }

    fn push(&mut self, name: &str, model: Option<&'a Model>, targets: Vec<(&'a Target, u32)>, by: By) {
        if self.links.len() == MAX_LINKS {
            return;
        }
        let targets: Vec<_> = targets.into_iter().filter(|(target, _)| self.seen.insert(target)).collect();
        if !targets.is_empty() {
            self.links.push(ChainLink { name: name.to_owned(), model, by, targets });
        }
    }
}
