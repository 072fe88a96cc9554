//! From the rules of a configuration to scopes: which of them a caller, a model and a provider have.

use crate::config::GatewayConfig;
use crate::gateway::Known;
use crate::scope::{Kind, Scope};
use paceline_types::id::Name;
use paceline_types::record::Caller;
use paceline_types::rules::{Budget, Limits, Rights};
use std::collections::HashMap;
use std::sync::Arc;

/// The scopes of tenants and workspaces, made once for all of their keys.
pub(crate) struct Caps<'a> {
    known: &'a Known,
    tenants: HashMap<Name, Arc<Scope>>,
    workspaces: HashMap<(Name, Name), Arc<Scope>>,
}

impl<'a> Caps<'a> {
    pub(crate) fn new(config: &GatewayConfig, known: &'a Known) -> Self {
        let tenant = |(name, limits, budget): &(Name, Limits, Budget)| {
            Some((Arc::clone(name), scope(known, Kind::Tenant, Arc::clone(name), limits, budget)?))
        };
        let workspace = |((tenant, name), limits, budget): &((Name, Name), Limits, Budget)| {
            let both = format!("{tenant}/{name}").into();
            let scope = scope(known, Kind::Workspace, both, limits, budget)?;
            Some(((Arc::clone(tenant), Arc::clone(name)), scope))
        };
        Self {
            known,
            tenants: config.tenants.iter().filter_map(tenant).collect(),
            workspaces: config.workspaces.iter().filter_map(workspace).collect(),
        }
    }

    /// What limits a caller: its key, its workspace, its tenant, where they have rules.
    pub(crate) fn of(&self, caller: &Caller, rights: &Rights) -> Vec<Arc<Scope>> {
        let own = caller
            .key
            .as_ref()
            .and_then(|key| scope(self.known, Kind::Key, Arc::clone(key), &rights.limits, &rights.budget));
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
            let scope = scope(self.known, Kind::Model, Arc::clone(&name), &model.limits, &none)?;
            Some((name, scope))
        });
        limited.collect()
    }

    /// For each provider its limits, where it has any.
    pub(crate) fn providers(&self, config: &GatewayConfig) -> Vec<Option<Arc<Scope>>> {
        let none = Budget::default();
        let provider = |provider: &crate::config::ProviderConfig| {
            scope(self.known, Kind::Provider, Arc::clone(&provider.entry.name), &provider.limits, &none)
        };
        config.providers.iter().map(provider).collect()
    }
}

fn scope(known: &Known, kind: Kind, name: Name, limits: &Limits, budget: &Budget) -> Option<Arc<Scope>> {
    if limits.is_none() && budget.is_none() {
        return None;
    }
    let (used, _) = known.scopes.used(kind, &name);
    Some(Arc::new(Scope { kind, name, limits: *limits, budget: *budget, used }))
}
