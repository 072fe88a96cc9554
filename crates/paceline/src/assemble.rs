//! From the configuration as it is meant to what each room receives.

use crate::admin::models::Source;
use crate::aws::Signings;
use crate::calendar::ZoneCalendar;
use crate::config::{Auth, Config, KeySource, Model, OnClientCancel, Provider};
use crate::keys::Keys;
use crate::prices::Prices;
use crate::redact::Secrets;
use paceline_gateway::config::{
    Credential, GatewayConfig, KeyConfig, KeyRule, KeyValue, OnCancel, ProviderConfig, ProviderKey,
};
use paceline_http::proxy::Proxy;
use paceline_http::{Origin, OriginConfig, Tls};
use paceline_routing::directory::ProviderEntry;
use paceline_routing::plan::Patience;
use paceline_types::record::{Caller, Dialect};
use paceline_types::secret::Secret;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

mod chains;
mod names;

pub use names::directory;

/// The tenant and workspace of calls that carry no key.
pub const DEFAULT_TENANT: &str = "default";

/// Takes in the simulated provider in process; alone, its models are the configuration's, without short names that
/// routes have.
pub fn add_simulated(config: &mut Config, address: SocketAddr, models: &[String]) {
    config.add_simulated(address);
    if config.models.is_empty() && config.providers.len() == 1 && config.simulated {
        let routes = config.routes.iter();
        let taken: Vec<&String> =
            routes.flat_map(|route| std::iter::once(&route.name).chain(&route.aliases)).collect();
        let model = |name: &String| {
            let mut model = Model::simulated(name);
            model.aliases.retain(|alias| !taken.contains(&alias));
            model
        };
        config.models.extend(models.iter().map(model));
    }
}

/// What the gateway receives.
pub fn gateway(config: &Config, keys: &Keys, signings: &Signings) -> GatewayConfig {
    let mut trusts: HashMap<Option<PathBuf>, Arc<Tls>> = HashMap::new();
    let providers = config.providers.iter().map(|provider| {
        let tls = trusts.entry(provider.ca_file.clone());
        let tls = tls.or_insert_with(|| Arc::new(Tls::new(provider.ca_file.clone())));
        provider_config(config, provider, Arc::clone(tls), signings)
    });
    let server = &config.server;
    let mut gateway = GatewayConfig {
        providers: providers.collect(),
        models: chains::models(config),
        tiers: chains::tiers(config).into_iter().chain(chains::lists(config)).collect(),
        roles: chains::roles(config),
        routes: chains::routes(config),
        prices: Arc::new(Prices::new(config)),
        keys: Vec::new(),
        hash_key: keys.hash_key(),
        key_rule: KeyRule::Required,
        tenants: config
            .tenants
            .iter()
            .map(|one| (one.name.as_str().into(), one.limits, one.budget))
            .collect(),
        workspaces: config
            .workspaces
            .iter()
            .map(|one| ((one.tenant.as_str().into(), one.name.as_str().into()), one.limits, one.budget))
            .collect(),
        calendar: Arc::new(ZoneCalendar(config.budgets.zone.clone())),
        refuse_unknown_price: config.budgets.refuse_unknown_price,
        admin_key: server.admin_key.clone(),
        open: server.listen.ip().is_loopback(),
        max_body: server.max_body_bytes,
        max_head: server.max_head_bytes,
        head_timeout: server.head_timeout,
        max_connections: server.max_connections,
        cors_origins: server.cors_origins.clone(),
        allowed_hosts: server.allowed_hosts.clone(),
        answer_headers: server.answer_headers,
        anonymous: DEFAULT_TENANT.into(),
        policy: config.policy,
    };
    set_keys(&mut gateway, config, keys);
    gateway
}

/// The keys of the configuration and those that were made while Paceline ran.
pub fn set_keys(gateway: &mut GatewayConfig, config: &Config, keys: &Keys) {
    gateway.hash_key = keys.hash_key();
    gateway.keys = config.keys.iter().map(key).chain(keys.for_gateway(config)).collect();
    gateway.key_rule = key_rule(config, !config.keys.is_empty() || keys.any());
}

/// Everything secret in the configuration: what no stored text may show.
pub fn secrets(config: &Config) -> Secrets {
    let callers = config.keys.iter().map(|key| key.key.expose());
    let admin = config.server.admin_key.iter().map(Secret::expose);
    let providers = config.providers.iter().flat_map(|provider| {
        let proxy = provider.proxy.as_ref().and_then(|proxy| proxy.credential.as_ref());
        let headers = provider.headers.iter().filter(|(name, _)| carries_secret(name));
        // With and without the scheme before it.
        let values =
            headers.flat_map(|(_, value)| [value.as_str(), value.rsplit(' ').next().unwrap_or_default()]);
        provider.key.iter().chain(proxy).map(Secret::expose).chain(values)
    });
    Secrets::new(callers.chain(admin).chain(providers))
}

/// Whether a header of that name carries a credential.
fn carries_secret(name: &str) -> bool {
    ["key", "token", "secret", "auth", "cookie", "password", "credential"]
        .iter()
        .any(|part| name.contains(part))
}

fn key(key: &crate::config::CallerKey) -> KeyConfig {
    let caller = Caller {
        tenant: key.tenant.as_str().into(),
        workspace: key.workspace.as_str().into(),
        key: Some(key.name.as_str().into()),
    };
    let value = KeyValue::Plain(key.key.clone());
    KeyConfig { value, caller: Arc::new(caller), rights: Arc::clone(&key.rights) }
}

/// Whether calls need a key: as it is set, else where there are keys.
fn key_rule(config: &Config, any: bool) -> KeyRule {
    match (config.server.keys_required, any) {
        (Some(true), _) | (None, true) => KeyRule::Required,
        (Some(false), true) => KeyRule::Optional,
        (Some(false) | None, false) => KeyRule::Unused,
    }
}

fn patience(config: &Config, provider: &Provider, model: Option<&Model>) -> Patience {
    let timeouts = config.effective_timeouts(provider, model);
    Patience {
        first_token: timeouts.first_token,
        first_token_auto: timeouts.first_token_auto,
        idle: timeouts.idle,
        total: timeouts.total,
        stream_total: timeouts.stream_total,
        least_tokens_per_s: timeouts.min_tokens_per_s,
    }
}

fn provider_keys(provider: &Provider) -> Vec<ProviderKey> {
    let first = provider.key.iter().map(|secret| (secret, provider.key_source.as_ref()));
    let more = provider.more_keys.iter().map(|(secret, source)| (secret, Some(source)));
    let key = |(secret, source): (&Secret, Option<&KeySource>)| ProviderKey {
        secret: secret.clone(),
        source: source.map_or_else(|| "its key".to_owned(), ToString::to_string),
    };
    first.chain(more).map(key).collect()
}

/// What tells keys apart, also from one that takes another's place: a hash that stays in the process.
fn key_ids(credential: &Credential) -> Vec<u64> {
    match credential {
        Credential::Keys(keys) => keys
            .iter()
            .map(|key| {
                let mut hasher = DefaultHasher::new();
                key.secret.hash(&mut hasher);
                hasher.finish()
            })
            .collect(),
        Credential::Signed(_) | Credential::Passthrough | Credential::None => vec![0],
    }
}

fn provider_config(
    config: &Config,
    provider: &Provider,
    tls: Arc<Tls>,
    signings: &Signings,
) -> ProviderConfig {
    let proxy = provider.proxy.as_ref();
    let origin = OriginConfig {
        https: provider.url.https,
        host: provider.url.host.clone(),
        port: provider.url.port,
        proxy: proxy.map(|p| Proxy { host: p.host.clone(), port: p.port, credentials: p.credential.clone() }),
        tls,
        connect_timeout: provider.timeouts.connect,
        max_idle: provider.max_idle_connections,
        idle_timeout: provider.idle_connection,
        max_age: provider.max_connection_age,
    };
    let credential = match (&provider.auth, &provider.key) {
        (Auth::Passthrough, _) => Credential::Passthrough,
        (Auth::Key, Some(_)) => Credential::Keys(provider_keys(provider)),
        (Auth::Key, None) if let Some(aws) = &provider.aws => {
            Credential::Signed(signings.get(aws.profile.as_deref(), &aws.region))
        }
        (Auth::Key | Auth::None, _) => Credential::None,
    };
    ProviderConfig {
        entry: ProviderEntry {
            name: provider.name.as_str().into(),
            keys: key_ids(&credential),
            region: provider.region.as_deref().map(Into::into),
            model_prefixes: provider.kind.model_prefixes,
            patience: patience(config, provider, None),
        },
        kind: provider.kind,
        dialect: provider.dialect,
        responses: provider.responses,
        api_version: provider.api_version.clone(),
        default_max_tokens: provider.default_max_tokens,
        origin: Origin::new(origin),
        base_path: provider.url.path.clone(),
        credential,
        headers: provider.headers.clone(),
        on_cancel: match provider.on_client_cancel {
            OnClientCancel::Abort => OnCancel::Abort,
            OnClientCancel::Drain => OnCancel::Drain(provider.drain_max),
        },
        limits: provider.limits,
    }
}

/// How each provider is asked for its models.
pub fn sources(gateway: &GatewayConfig) -> Vec<Source> {
    let source = |provider: &ProviderConfig| {
        let (query, version) = match provider.dialect {
            // A region's list needs another service of AWS.
            Dialect::Bedrock => return None,
            Dialect::Anthropic => ("?limit=1000", "anthropic-version: 2023-06-01\r\n"),
            Dialect::Gemini => ("?pageSize=1000", ""),
            _ => ("", ""),
        };
        let mut head = format!(
            "GET {}{}/models{query} HTTP/1.1\r\nhost: {}\r\naccept: application/json\r\naccept-encoding: identity\r\n{version}",
            provider.origin.target_prefix(),
            provider.base_path,
            provider.origin.host_header()
        );
        if let Credential::Keys(keys) = &provider.credential
            && let Some(key) = keys.first()
        {
            head.push_str(&provider.kind.key_header.line(key.secret.expose()));
        }
        head.push_str(&provider.origin.proxy_lines());
        for (name, value) in &provider.headers {
            for part in [name.as_str(), ": ", value.as_str(), "\r\n"] {
                head.push_str(part);
            }
        }
        head.push_str("\r\n");
        Some(Source {
            provider: provider.entry.name.to_string(),
            origin: Arc::clone(&provider.origin),
            head: head.into_bytes(),
        })
    };
    let asks = |provider: &&ProviderConfig| !matches!(provider.credential, Credential::Passthrough);
    gateway.providers.iter().filter(asks).filter_map(source).collect()
}
