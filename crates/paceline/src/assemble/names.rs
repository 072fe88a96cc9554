//! What the names of a configuration mean, for commands that call nobody.

use super::{chains, patience};
use crate::config::{Config, Provider};
use crate::prices::Prices;
use paceline_routing::board::Board;
use paceline_routing::directory::{Directory, ProviderEntry};
use paceline_routing::place::Fleet;
use paceline_types::time::Timestamp;
use std::sync::Arc;
use std::time::Instant;

/// The models, tiers, roles and routes of a configuration, as the gateway would know them at `at`, without keys.
pub fn directory(config: &Config, board: &Board, at: Timestamp, now: Instant) -> Directory {
    let entry = |provider: &Provider| ProviderEntry {
        name: provider.name.as_str().into(),
        keys: vec![0],
        region: provider.region.as_deref().map(Into::into),
        model_prefixes: provider.kind.model_prefixes,
        patience: patience(config, provider, None),
    };
    let providers = config.providers.iter().map(entry).collect();
    let models = chains::models(config);
    Directory::new(providers, &models, Arc::new(Prices::new(config)), Arc::new(Fleet::new(now)))
        .with_tiers(&chains::tiers(config))
        .with_roles(&chains::roles(config))
        .with_routes(&chains::routes(config), board, at)
}
