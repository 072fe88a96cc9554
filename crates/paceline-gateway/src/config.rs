//! What the path needs to know, as plain values; where they come from is not its business.

use paceline_dialect::compatible::Compatible;
use paceline_http::Origin;
use paceline_routing::chain::RoleEntry;
use paceline_routing::directory::{ModelEntry, ProviderEntry};
use paceline_routing::place::Policy;
use paceline_types::id::Name;
use paceline_types::ports::PriceBook;
use paceline_types::record::Caller;
use paceline_types::rules::Rights;
use paceline_types::secret::Secret;
use std::sync::Arc;
use std::time::Duration;

/// Which credential a provider gets.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Ours; with several, calls take turns.
    Keys(Vec<ProviderKey>),
    /// The caller's own.
    Passthrough,
    /// None.
    None,
}

/// One of our keys at a provider.
#[derive(Clone, Debug)]
pub struct ProviderKey {
    /// Its value.
    pub secret: Secret,
    /// Where it comes from, for messages (`OPENAI_API_KEY`); never its value.
    pub source: String,
}

/// What happens to the provider's answer when the caller goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnCancel {
    /// The connection is closed at once.
    Abort,
    /// The answer is read to its end, for so long at most, to learn the true usage.
    Drain(Duration),
}

/// One provider.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// What the directory knows of it.
    pub entry: ProviderEntry,
    /// How it differs from OpenAI.
    pub kind: &'static Compatible,
    /// Where it is.
    pub origin: Arc<Origin>,
    /// The path before `/chat/completions`, e.g. `/v1`; empty or with a leading and without a final slash.
    pub base_path: String,
    /// Which credential it gets.
    pub credential: Credential,
    /// Fixed headers it gets besides.
    pub headers: Vec<(String, String)>,
    /// What happens when the caller goes away.
    pub on_cancel: OnCancel,
}

/// One caller's key.
#[derive(Clone, Debug)]
pub struct KeyConfig {
    /// Its value.
    pub secret: Secret,
    /// Who it is.
    pub caller: Arc<Caller>,
    /// What it may do.
    pub rights: Arc<Rights>,
}

/// Everything.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Providers.
    pub providers: Vec<ProviderConfig>,
    /// Configured models.
    pub models: Vec<ModelEntry>,
    /// `tier1` to `tier4`: names that callers may write where no model has them.
    pub tiers: Vec<ModelEntry>,
    /// Roles, for calls that leave their model to them.
    pub roles: Vec<RoleEntry>,
    /// What tokens cost.
    pub prices: Arc<dyn PriceBook>,
    /// Callers' keys; when there are any, calls need one.
    pub keys: Vec<KeyConfig>,
    /// The key of the admin side; when there is one, that side needs it, and it may call.
    pub admin_key: Option<Secret>,
    /// Whether calls without a key are taken (only where nobody else can reach the address).
    pub open: bool,
    /// The longest request body, in bytes, before and after decompression.
    pub max_body: usize,
    /// The longest request head, in bytes.
    pub max_head: usize,
    /// How long a request head may take.
    pub head_timeout: Duration,
    /// Connections at once.
    pub max_connections: usize,
    /// Origins that browsers may call from.
    pub cors_origins: Vec<String>,
    /// Host names a browser may use for this address besides addresses and `localhost`.
    pub allowed_hosts: Vec<String>,
    /// Whether answers carry `x-paceline-*` headers.
    pub answer_headers: bool,
    /// The tenant and workspace of calls without a key.
    pub anonymous: Name,
    /// How calls survive what providers do.
    pub policy: Policy,
}
