//! What the path needs to know, as plain values; where they come from is not its business.

use arc_swap::ArcSwapOption;
use paceline_dialect::bedrock::sign::Signer;
use paceline_dialect::provider::Kind;
use paceline_http::Origin;
use paceline_routing::chain::RoleEntry;
use paceline_routing::directory::{ModelEntry, ProviderEntry};
use paceline_routing::place::Policy;
use paceline_routing::route::RouteEntry;
use paceline_types::id::Name;
use paceline_types::ports::{Calendar, PriceBook};
use paceline_types::record::{Caller, Dialect};
use paceline_types::rules::{Budget, Limits, Rights};
use paceline_types::secret::Secret;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Which credential a provider gets.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Ours; with several, calls take turns.
    Keys(Vec<ProviderKey>),
    /// Ours, by which each request is signed (AWS).
    Signed(Arc<Signing>),
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

/// What signs requests, as it is known now; whoever finds credentials puts it in.
#[derive(Debug, Default)]
pub struct Signing {
    signer: ArcSwapOption<Signer>,
    lacks: ArcSwapOption<String>,
}

impl Signing {
    /// There are credentials.
    pub fn set(&self, signer: Signer) {
        self.signer.store(Some(Arc::new(signer)));
        self.lacks.store(None);
    }

    /// There are none, and why.
    pub fn lacks(&self, why: String) {
        self.lacks.store(Some(Arc::new(why)));
        self.signer.store(None);
    }

    /// What signs now.
    ///
    /// # Errors
    /// Where there are no credentials: why, as far as is known.
    pub(crate) fn signer(&self) -> Result<Arc<Signer>, Arc<String>> {
        let unknown = || Arc::new("they are being looked for".to_owned());
        self.signer.load_full().ok_or_else(|| self.lacks.load_full().unwrap_or_else(unknown))
    }
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
    pub kind: &'static Kind,
    /// What it speaks.
    pub dialect: Dialect,
    /// It takes OpenAI's responses at `/responses` besides.
    pub responses: bool,
    /// The version of Azure's interface whose paths name the deployment, where it is asked by those.
    pub api_version: Option<String>,
    /// The output limit where a caller sets none and the dialect needs one, tokens.
    pub default_max_tokens: u64,
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
    /// How much of it may be used at a time.
    pub limits: Limits,
}

/// What keys are hashed with. A search by hash tells nothing about keys by its time, and a hash tells nothing to who does
/// not have this.
#[derive(Clone, Copy)]
pub struct HashKey(pub [u8; 32]);

impl HashKey {
    /// What a key is looked up by.
    pub fn hash(&self, key: &str) -> [u8; 32] {
        *blake3::keyed_hash(&self.0, key.as_bytes()).as_bytes()
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(…)")
    }
}

/// How a key is known here.
#[derive(Clone, Debug)]
pub enum KeyValue {
    /// The key itself.
    Plain(Secret),
    /// Its hash by [`HashKey::hash`].
    Hashed([u8; 32]),
}

/// Whether calls need a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyRule {
    /// There are none: what a call carries is not looked at.
    #[default]
    Unused,
    /// A call without a key is taken; one with a key that nobody has is not.
    Optional,
    /// Every call needs one.
    Required,
}

/// One caller's key. While an old value of a rotated key goes on, it is a second one with an end.
#[derive(Clone, Debug)]
pub struct KeyConfig {
    /// Its value.
    pub value: KeyValue,
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
    /// Routes: named policies over models.
    pub routes: Vec<RouteEntry>,
    /// What tokens cost.
    pub prices: Arc<dyn PriceBook>,
    /// Callers' keys.
    pub keys: Vec<KeyConfig>,
    /// What keys are hashed with.
    pub hash_key: HashKey,
    /// Whether calls need one.
    pub key_rule: KeyRule,
    /// What all keys of a tenant may use together.
    pub tenants: Vec<(Name, Limits, Budget)>,
    /// What all keys of a workspace (tenant, workspace) may use together.
    pub workspaces: Vec<((Name, Name), Limits, Budget)>,
    /// When days and months of budgets begin and end.
    pub calendar: Arc<dyn Calendar>,
    /// Whether a call whose price is not known is refused where a budget would have to count it.
    pub refuse_unknown_price: bool,
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
