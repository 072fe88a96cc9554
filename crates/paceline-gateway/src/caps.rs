//! From the rules of a configuration to scopes: which of them a caller, a model and a provider have.

use crate::config::GatewayConfig;
use crate::gateway::Known;
use crate::scope::{Days, Kind, Scope, locked};
use paceline_routing::spend::Spend;
use paceline_types::id::Name;
use paceline_types::record::Caller;
use paceline_types::rules::{Budget, Limits, Rights};
use std::collections::HashMap;
use std::sync::Arc;

/// The scopes of tenants and workspaces, made once for all of their keys.
pub(crate) struct Caps<'a> {
    known: &'a Known,
    days: Days<'a>,
    tenants: HashMap<Name, Arc<Scope>>,
    workspaces: HashMap<(Name, Name), Arc<Scope>>,
}

impl<'a> Caps<'a> {
    pub(crate) fn new(config: &'a GatewayConfig, known: &'a Known) -> Self {
        let days = Days(&*config.calendar);
        let tenant = |(name, limits, budget): &(Name, Limits, Budget)| {
            Some((Arc::clone(name), scope(known, Kind::Tenant, Arc::clone(name), limits, budget, days)?))
        };
        let workspace = |((tenant, name), limits, budget): &((Name, Name), Limits, Budget)| {
            let both = format!("{tenant}/{name}").into();
            let scope = scope(known, Kind::Workspace, both, limits, budget, days)?;
            Some(((Arc::clone(tenant), Arc::clone(name)), scope))
        };
        Self {
            known,
            days,
            tenants: config.tenants.iter().filter_map(tenant).collect(),
            workspaces: config.workspaces.iter().filter_map(workspace).collect(),
        }
    }

    /// What limits a caller: its key, its workspace, its tenant, where they have rules.
    pub(crate) fn of(&self, caller: &Caller, rights: &Rights) -> Vec<Arc<Scope>> {
        let own = caller.key.as_ref().and_then(|key| {
            scope(self.known, Kind::Key, Arc::clone(key), &rights.limits, &rights.budget, self.days)
        });
        let workspace = (Arc::clone(&caller.tenant), Arc::clone(&caller.workspace));
        let workspace = self.workspaces.get(&workspace).map(Arc::clone);
        let tenant = self.tenants.get(&caller.tenant).map(Arc::clone);
        [own, workspace, tenant].into_iter().flatten().collect()
    }

    /// Models that are limited.
    pub(crate) fn models(&self, config: &GatewayConfig) -> HashMap<Name, Arc<Scope>> {
        let none = Budget::default();
        let limited = config.models.iter().filter_map(|model| {
            let name = Arc::clone(&model.name);
            let scope = scope(self.known, Kind::Model, Arc::clone(&name), &model.limits, &none, self.days)?;
            Some((name, scope))
        });
        limited.collect()
    }

    /// For each provider its limits, where it has any.
    pub(crate) fn providers(&self, config: &GatewayConfig) -> Vec<Option<Arc<Scope>>> {
        let none = Budget::default();
        let provider = |provider: &crate::config::ProviderConfig| {
            scope(
                self.known,
                Kind::Provider,
                Arc::clone(&provider.entry.name),
                &provider.limits,
                &none,
                self.days,
            )
        };
        config.providers.iter().map(provider).collect()
    }
}

fn scope(
    known: &Known,
    kind: Kind,
    name: Name,
    limits: &Limits,
    budget: &Budget,
    days: Days<'_>,
) -> Option<Arc<Scope>> {
    if limits.is_none() && budget.is_none() {
        return None;
    }
    let (used, is_new) = known.scopes.used(kind, &name);
    let wall = crate::worker::wall();
    if is_new && !budget.is_none() {
        // What was spent before the budget was there counts too.
        let mut spend = locked(&used.spend);
        for ((tenant, workspace, key), standing) in known.ledger.accounts() {
            let counts = match kind {
                Kind::Key => key == name,
                Kind::Workspace => *format!("{tenant}/{workspace}") == *name,
                Kind::Tenant => tenant == name,
                Kind::Model | Kind::Provider => false,
            };
            if counts {
                let settled = Spend { reserved_pico: 0, ..standing.spend };
                spend.restore(&settled, wall, &days);
            }
        }
    }
    Some(Arc::new(Scope { kind, name, limits: *limits, budget: *budget, used }))
}
