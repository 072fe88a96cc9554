//! What the names that callers write mean.

use crate::board::Board;
use crate::chain::{Chain, Link, Place, RoleEntry, role_key};
use crate::nearest::nearest;
use crate::place::{Fleet, PlaceName};
use crate::plan::{Patience, Plan, Shadow, Target, TargetFacts};
use crate::route::{Candidate, CandidateEntry, MAX_CANDIDATES, Route, RouteEntry};
use paceline_types::deployment::Deployment;
use paceline_types::id::Name;
use paceline_types::ports::PriceBook;
use paceline_types::rules::Limits;
use paceline_types::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// How many plans for names outside the configuration are kept ready.
const MAX_LEARNED: usize = 1024;

/// The longest model name taken, in bytes.
pub const MAX_NAME: usize = 256;

/// Names by which a call leaves the choice of its model to its role, where no model is called so.
pub const LEFT_TO_ROLE: [&str; 2] = ["auto", "role"];

/// What is known of a provider here.
#[derive(Clone, Debug)]
pub struct ProviderEntry {
    /// Its name: `name/model` reaches any model of it.
    pub name: Name,
    /// What tells its keys apart, one for each; at least one, also where it needs none.
    pub keys: Vec<u64>,
    /// Where it computes.
    pub region: Option<Name>,
    /// How names of its own models begin.
    pub model_prefixes: &'static [&'static str],
    /// How long to wait for it.
    pub patience: Patience,
}

/// A model of the configuration.
#[derive(Clone, Debug)]
pub struct ModelEntry {
    /// What callers write.
    pub name: Name,
    /// Other names for it.
    pub aliases: Vec<Name>,
    /// What a call of it gets.
    pub chain: Chain,
    /// How much of it may be used at a time.
    pub limits: Limits,
}

/// A name nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownModel {
    /// The closest known ones, the likeliest first.
    pub closest: Vec<String>,
}

/// Why a call has no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfound {
    /// It names no model, and carries no role.
    Nothing,
    /// It leaves the model to its role by a name of [`LEFT_TO_ROLE`], and carries none.
    NoRole,
    /// Its role has no model; the roles that have one, the likeliest first.
    Role(Vec<String>),
    /// Nobody knows its model.
    Model(UnknownModel),
}

/// What a name leads to.
#[derive(Clone, Debug)]
pub enum Found {
    /// Targets in their order.
    Plan(Arc<Plan>),
    /// Candidates, of which each call chooses.
    Route(Arc<Route>),
}

/// All names.
#[derive(Debug)]
pub struct Directory {
    prices: Arc<dyn PriceBook>,
    fleet: Arc<Fleet>,
    providers: Vec<ProviderEntry>,
    /// Configured names and aliases, and tiers.
    known: HashMap<Name, Arc<Plan>>,
    /// Names of the configuration in its order, without aliases and tiers.
    listed: Vec<Name>,
    /// Plans of roles, by [`role_key`].
    roles: HashMap<String, Arc<Plan>>,
    /// Routes by name and alias; a model or tier of that name wins.
    routes: HashMap<Name, Arc<Route>>,
    role_names: Vec<Name>,
    /// Plans made for names that lead to a provider without being configured.
    learned: RwLock<HashMap<Name, Arc<Plan>>>,
}

impl Directory {
    /// Builds the directory; `models` must refer to providers by their place in `providers`. Each target gets what its
    /// tokens cost by `prices` and what is known of its places by `fleet`.
    pub fn new(
        providers: Vec<ProviderEntry>,
        models: &[ModelEntry],
        prices: Arc<dyn PriceBook>,
        fleet: Arc<Fleet>,
    ) -> Self {
        let mut directory = Self {
            prices,
            fleet,
            providers,
            known: HashMap::new(),
            listed: Vec::new(),
            roles: HashMap::new(),
            routes: HashMap::new(),
            role_names: Vec::new(),
            learned: RwLock::default(),
        };
        for model in models {
            let plan = Arc::new(directory.plan(&model.chain));
            for name in std::iter::once(&model.name).chain(&model.aliases) {
                directory.known.insert(Arc::clone(name), Arc::clone(&plan));
            }
            directory.listed.push(Arc::clone(&model.name));
        }
        directory
    }

    /// The same with tiers, which are models except where a model is called so; one without models is left out.
    #[must_use]
    pub fn with_tiers(mut self, tiers: &[ModelEntry]) -> Self {
        for tier in tiers.iter().filter(|tier| !tier.chain.links.is_empty()) {
            let plan = Arc::new(self.plan(&tier.chain));
            self.known.entry(Arc::clone(&tier.name)).or_insert(plan);
        }
        self
    }

    /// The same with roles.
    #[must_use]
    pub fn with_roles(mut self, roles: &[RoleEntry]) -> Self {
        for role in roles.iter().filter(|role| !role.chain.links.is_empty()) {
            let plan = Arc::new(self.plan(&role.chain));
            self.roles.insert(role_key(&role.name), plan);
            self.role_names.push(Arc::clone(&role.name));
        }
        self
    }

    /// The same with routes, which know what `board` knows at `at`; one without candidates is left out.
    #[must_use]
    pub fn with_routes(mut self, entries: &[RouteEntry], board: &Board, at: Timestamp) -> Self {
        for entry in entries {
            let candidates: Vec<Candidate> = entry
                .candidates
                .iter()
                .filter_map(|one| self.candidate(one, board))
                .take(MAX_CANDIDATES)
                .collect();
            if candidates.is_empty() {
                continue;
            }
            let fallback = entry.fallback.iter().zip(0..).flat_map(|(link, group)| self.targets(link, group));
            let route = Arc::new(Route::new(entry, candidates, fallback.collect(), board, at));
            for name in std::iter::once(&entry.name).chain(&entry.aliases) {
                self.routes.insert(Arc::clone(name), Arc::clone(&route));
            }
        }
        self
    }

    fn candidate(&self, entry: &CandidateEntry, board: &Board) -> Option<Candidate> {
        let targets: Vec<Target> = self.targets(&entry.link, 0).collect();
        for target in &targets {
            board.expect(&target.deployment.provider, &target.deployment.upstream_model, entry.prior);
        }
        (!targets.is_empty()).then_some(Candidate {
            targets,
            pick: entry.pick,
            can: entry.can,
            context: entry.context,
            max_output: entry.max_output,
            prior: entry.prior,
            learned: entry.learned,
        })
    }

    /// The route of that name.
    pub fn route(&self, name: &str) -> Option<&Arc<Route>> {
        self.routes.get(name)
    }

    /// All routes, each once, by name.
    pub fn routes(&self) -> Vec<&Arc<Route>> {
        let mut routes: Vec<_> =
            self.routes.iter().filter(|(name, route)| **name == route.name).map(|(_, route)| route).collect();
        routes.sort_by(|a, b| a.name.cmp(&b.name));
        routes
    }

    fn plan(&self, chain: &Chain) -> Plan {
        let targets = chain.links.iter().zip(0..).flat_map(|(link, group)| self.targets(link, group));
        let shadow = chain.shadow.as_ref().map(|(link, share)| {
            let targets = self.targets(link, 0).collect();
            Shadow { targets: Arc::new(Plan { targets, ..Plan::default() }), share: *share }
        });
        Plan {
            targets: targets.collect(),
            fallback_on_content_filter: chain.fallback_on_content_filter,
            pick: chain.pick,
            shadow,
        }
    }

    fn targets(&self, link: &Link, group: u16) -> impl Iterator<Item = Target> {
        link.places.iter().map(move |place| self.target(&link.model, place, group))
    }

    fn target(&self, model: &Name, place: &Place, group: u16) -> Target {
        let entry = &self.providers[place.provider];
        let deployment = Deployment {
            name: format!("{}/{}", entry.name, place.upstream).into(),
            provider: Arc::clone(&entry.name),
            model: Arc::clone(model),
            upstream_model: Arc::clone(&place.upstream),
            region: entry.region.clone(),
        };
        let held = |key: &u64| {
            self.fleet.place(PlaceName {
                provider: Arc::clone(&deployment.provider),
                key: *key,
                model: Arc::clone(&deployment.upstream_model),
            })
        };
        let facts = TargetFacts {
            provider: place.provider,
            price: self.prices.price(&deployment.provider, &deployment.upstream_model),
            places: entry.keys.iter().map(held).collect(),
            deployment: Arc::new(deployment),
            patience: place.patience,
            weight: place.weight,
        };
        Target::new(group, facts)
    }

    /// The names of the configuration, in its order.
    pub fn listed(&self) -> &[Name] {
        &self.listed
    }

    /// The providers, in their order.
    pub fn providers(&self) -> &[ProviderEntry] {
        &self.providers
    }

    /// What a call gets that names `name` and carries `role`.
    ///
    /// A model that is named wins. What names none, or a name of [`LEFT_TO_ROLE`], gets what its role gets, where it has
    /// one, else what the route of that name decides; where there is neither, these names are names like all others.
    ///
    /// # Errors
    /// When there is nothing for it.
    pub fn choose(&self, name: Option<&str>, role: Option<&str>) -> Result<Found, Unfound> {
        let leaves = |name: &str| LEFT_TO_ROLE.contains(&name) && !self.known.contains_key(name);
        let named = name.filter(|name| !leaves(name) || self.roles.is_empty());
        let plan = |plan: Result<Arc<Plan>, UnknownModel>| plan.map(Found::Plan);
        let routed = |name: &str| {
            let is_model = self.known.contains_key(name);
            self.routes.get(name).filter(|_| !is_model).map(|route| Found::Route(Arc::clone(route)))
        };
        match (named, role) {
            (Some(name), _) => match routed(name) {
                Some(found) => Ok(found),
                None => plan(self.find(name)).map_err(|unknown| match leaves(name) {
                    true if role.is_none() => Unfound::NoRole,
                    true => Unfound::Role(Vec::new()),
                    false => Unfound::Model(unknown),
                }),
            },
            (None, Some(role)) => {
                self.role(role).map(Found::Plan).ok_or_else(|| Unfound::Role(self.roles_near(role)))
            }
            (None, None) => match name {
                Some(name) => routed(name).ok_or(Unfound::NoRole),
                None => Err(Unfound::Nothing),
            },
        }
    }

    /// The plan of a role.
    pub fn role(&self, role: &str) -> Option<Arc<Plan>> {
        if self.roles.is_empty() { None } else { self.roles.get(&role_key(role)).cloned() }
    }

    /// All roles, those first that are written like this one.
    fn roles_near(&self, role: &str) -> Vec<String> {
        let all = || self.role_names.iter().map(|name| &**name);
        let mut names = nearest(role, all());
        let rest: Vec<&str> = all().filter(|name| !names.contains(name)).collect();
        names.extend(rest);
        names.into_iter().map(str::to_owned).collect()
    }

    /// What `name` means: a configured model, alias or tier; `provider/model`; a model whose name tells its provider; with
    /// one provider and no configured models, anything.
    ///
    /// # Errors
    /// With the closest names, when it means nothing.
    pub fn find(&self, name: &str) -> Result<Arc<Plan>, UnknownModel> {
        if let Some(plan) = self.known.get(name) {
            return Ok(Arc::clone(plan));
        }
        if let Some(plan) = self.learned.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(Arc::clone(plan));
        }
        let Some((provider, upstream)) = self.lead(name) else { return Err(self.unknown(name)) };
        let patience = self.providers[provider].patience;
        let place = Place { provider, upstream: upstream.into(), patience, weight: 1 };
        let plan = Arc::new(Plan { targets: vec![self.target(&name.into(), &place, 0)], ..Plan::default() });
        let mut learned = self.learned.write().unwrap_or_else(PoisonError::into_inner);
        if learned.len() < MAX_LEARNED {
            learned.insert(name.into(), Arc::clone(&plan));
        }
        Ok(plan)
    }

    /// The provider a name outside the configuration leads to, and the model's name there.
    fn lead<'a>(&self, name: &'a str) -> Option<(usize, &'a str)> {
        if name.is_empty() || name.len() > MAX_NAME {
            return None;
        }
        if let Some((first, rest)) = name.split_once('/')
            && let Some(at) = self.providers.iter().position(|p| &*p.name == first)
            && !rest.is_empty()
        {
            return Some((at, rest));
        }
        let owns = |p: &ProviderEntry| p.model_prefixes.iter().any(|prefix| name.starts_with(prefix));
        let owner = self.providers.iter().position(owns);
        // Who lists models means those; who lists none means whatever the one provider has.
        let only = self.providers.len() == 1 && self.listed.is_empty();
        owner.or(only.then_some(0)).map(|at| (at, name))
    }

    fn unknown(&self, name: &str) -> UnknownModel {
        let known = self.known.keys().chain(self.routes.keys()).map(|name| &**name);
        let mut closest: Vec<String> = nearest(name, known).into_iter().map(str::to_owned).collect();
        if closest.is_empty() {
            closest = self.listed.iter().take(3).map(ToString::to_string).collect();
        }
        if closest.is_empty() {
            closest = self.providers.iter().take(3).map(|p| format!("{}/{name}", p.name)).collect();
        }
        UnknownModel { closest }
    }
}

#[cfg(test)]
#[path = "directory_test.rs"]
mod tests;
