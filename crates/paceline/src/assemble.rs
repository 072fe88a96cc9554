//! From the configuration as it is meant to what each room receives.

use crate::admin::models::Source;
use crate::config::{Auth, Config, Model, OnClientCancel, Provider};
use crate::prices::Prices;
use crate::redact::Secrets;
use paceline_gateway::config::{Credential, GatewayConfig, KeyConfig, OnCancel, ProviderConfig};
use paceline_http::proxy::Proxy;
use paceline_http::{Origin, OriginConfig, Tls};
use paceline_routing::directory::{ModelEntry, ProviderEntry};
use paceline_routing::plan::Patience;
use paceline_types::record::Caller;
use paceline_types::secret::Secret;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// The tenant and workspace of calls that carry no key.
pub const DEFAULT_TENANT: &str = "default";

/// Takes in the simulated provider in process; alone, its models are the configuration's.
pub fn add_simulated(config: &mut Config, address: SocketAddr, models: &[String]) {
    config.add_simulated(address);
    if config.models.is_empty() && config.providers.len() == 1 && config.simulated {
        config.models.extend(models.iter().map(|name| Model::simulated(name)));
    }
}

/// What the gateway receives.
pub fn gateway(config: &Config) -> GatewayConfig {
    let mut trusts: HashMap<Option<PathBuf>, Arc<Tls>> = HashMap::new();
    let providers = config.providers.iter().map(|provider| {
        let tls = trusts.entry(provider.ca_file.clone());
        let tls = tls.or_insert_with(|| Arc::new(Tls::new(provider.ca_file.clone())));
        provider_config(config, provider, Arc::clone(tls))
    });
    let server = &config.server;
    GatewayConfig {
        providers: providers.collect(),
        models: config.models.iter().filter_map(|model| model_entry(config, model)).collect(),
        prices: Arc::new(Prices::new(config)),
        keys: config.keys.iter().map(key).collect(),
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
    }
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
    KeyConfig { secret: key.key.clone(), caller: Arc::new(caller) }
}

fn patience(config: &Config, provider: &Provider, model: Option<&Model>) -> Patience {
    let timeouts = config.effective_timeouts(provider, model);
    Patience {
        first_token: timeouts.first_token,
        idle: timeouts.idle,
        total: timeouts.total,
        stream_total: timeouts.stream_total,
    }
}

fn provider_config(config: &Config, provider: &Provider, tls: Arc<Tls>) -> ProviderConfig {
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
        (Auth::Key, Some(secret)) => Credential::Key(secret.clone()),
        (Auth::Key | Auth::None, _) => Credential::None,
    };
    ProviderConfig {
        entry: ProviderEntry {
            name: provider.name.as_str().into(),
            region: provider.region.as_deref().map(Into::into),
            model_prefixes: provider.kind.model_prefixes,
            patience: patience(config, provider, None),
        },
        kind: provider.kind,
        origin: Origin::new(origin),
        base_path: provider.url.path.clone(),
        credential,
        credential_source: provider.key_source.as_ref().map(ToString::to_string).unwrap_or_default(),
        headers: provider.headers.clone(),
        on_cancel: match provider.on_client_cancel {
            OnClientCancel::Abort => OnCancel::Abort,
            OnClientCancel::Drain => OnCancel::Drain(provider.drain_max),
        },
    }
}

/// `None` for a model none of whose providers exist, which the configuration has refused before.
fn model_entry(config: &Config, model: &Model) -> Option<ModelEntry> {
    let place = |name: &str| config.providers.iter().position(|provider| provider.name == name);
    let targets: Vec<_> = model
        .targets
        .iter()
        .filter_map(|target| {
            let at = place(&target.provider)?;
            Some((at, target.model.as_str().into(), patience(config, &config.providers[at], Some(model))))
        })
        .collect();
    let aliases = model.aliases.iter().map(|alias| alias.as_str().into()).collect();
    (!targets.is_empty()).then(|| ModelEntry { name: model.name.as_str().into(), aliases, targets })
}

/// How each provider is asked for its models.
pub fn sources(gateway: &GatewayConfig) -> Vec<Source> {
    let source = |provider: &ProviderConfig| {
        let mut head = format!(
            "GET {}{}/models HTTP/1.1\r\nhost: {}\r\naccept: application/json\r\naccept-encoding: identity\r\n",
            provider.origin.target_prefix(),
            provider.base_path,
            provider.origin.host_header()
        );
        if let Credential::Key(secret) = &provider.credential {
            head.push_str("authorization: Bearer ");
            head.push_str(secret.expose());
            head.push_str("\r\n");
        }
        head.push_str(&provider.origin.proxy_lines());
        for (name, value) in &provider.headers {
            for part in [name.as_str(), ": ", value.as_str(), "\r\n"] {
                head.push_str(part);
            }
        }
        head.push_str("\r\n");
        Source {
            provider: provider.entry.name.to_string(),
            origin: Arc::clone(&provider.origin),
            head: head.into_bytes(),
        }
    };
    let asks = |provider: &&ProviderConfig| !matches!(provider.credential, Credential::Passthrough);
    gateway.providers.iter().filter(asks).map(source).collect()
}
