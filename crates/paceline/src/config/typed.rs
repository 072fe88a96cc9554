//! The settings as they are written: their names, units, ranges and defaults.
//!
//! The doc comments are the documentation: the JSON Schema for editors, the reference in
//! `docs/configuration.md` and the checks of ranges and names are all made from these types.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod kept;
mod models;
mod rights;
mod routes;
mod speaks;
mod survive;

pub use kept::StorageKind;
pub(super) use kept::{Catalog, Files, OwnPrice, Storage};
pub(super) use models::{Model, ModelTable, Pick, Role, Shadow, TargetEntry, Tiers};
pub(super) use rights::{Budget, Budgets, Limits, Priority, Scope, UnknownPrice};
pub(super) use routes::{Cascade, Check, Route, Routing, Strategy};
pub(super) use speaks::Speaks;
pub(super) use survive::{Health, Queue, Retry};

/// Settings of Paceline. Everything is optional; an empty file is valid.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "paceline.toml")]
pub(super) struct File {
    /// Folder for what Paceline keeps on disk. A relative path starts from this file's folder.
    pub data: String,
    /// The listener and its limits.
    pub server: Server,
    /// How long a call may take, in milliseconds. A provider or a model may have its own
    /// `timeouts` with the same keys.
    pub timeouts: Timeouts,
    /// Trying again when a provider fails.
    pub retry: Retry,
    /// When a deployment (provider, key and model) is left alone.
    pub health: Health,
    /// Waiting for room.
    pub queue: Queue,
    /// Call records kept in memory.
    pub records: Records,
    /// Call records and statistics kept on disk, in the folder `data`.
    pub storage: Storage,
    /// Files for people and their tools in the folder `data`: snapshots of what was measured in `metrics`,
    /// the operations log in `logs`.
    pub files: Files,
    /// Prices, limits and capabilities of models beside those that are built in.
    pub catalog: Catalog,
    /// Prices of your own, by `provider/model` with the model's name at the provider. They win over all lists.
    pub prices: BTreeMap<String, OwnPrice>,
    /// Lines for people on standard error.
    pub log: Log,
    /// Providers by name. The name is the part before the slash in `provider/model`.
    pub providers: BTreeMap<String, Provider>,
    /// Models by the name that callers use.
    pub models: BTreeMap<String, Model>,
    /// Classes of models by size, `tier1` the largest: what is tried when a model of the class fails, and names that
    /// callers may write. A class that is not given is made of the providers' models in the catalogue.
    pub tiers: Tiers,
    /// How routes choose where they do not say it themselves.
    pub routing: Routing,
    /// Routes by the name that callers use: each chooses one of its models for every call. Where no model is called
    /// `auto` there is always a route of that name, made of all models.
    pub routes: BTreeMap<String, Route>,
    /// Roles (agents) by name, and what their calls get that name no model, or `auto`. Names compare without case, and
    /// `-`, `_` and space alike. `MODEL_<ROLE>` and `TIER_<ROLE>` are honoured too.
    pub roles: BTreeMap<String, Role>,
    /// Keys of callers. With none, callers need no key.
    #[schemars(length(max = 10_000))]
    pub keys: Vec<CallerKey>,
    /// Limits and budgets of tenants by name: of all keys of a tenant together.
    pub tenants: BTreeMap<String, Scope>,
    /// Limits and budgets of workspaces by `"tenant/workspace"`: of all keys of a workspace together.
    pub workspaces: BTreeMap<String, Scope>,
    /// What all budgets have in common.
    pub budgets: Budgets,
    /// The core indicators: what is good, what needs a look, what is bad. `target`, `warning` and `critical` are
    /// worse one after the other; each indicator may be a table in one line, e.g.
    /// `error_rate = { target = 0.01, warning = 0.02, critical = 0.05 }`.
    pub indicators: Indicators,
}

impl Default for File {
    fn default() -> Self {
        Self {
            data: "paceline-data".into(),
            server: Server::default(),
            timeouts: Timeouts::default(),
            retry: Retry::default(),
            health: Health::default(),
            queue: Queue::default(),
            records: Records::default(),
            storage: Storage::default(),
            files: Files::default(),
            catalog: Catalog::default(),
            prices: BTreeMap::new(),
            log: Log::default(),
            providers: BTreeMap::new(),
            models: BTreeMap::new(),
            tiers: Tiers::default(),
            routing: Routing::default(),
            routes: BTreeMap::new(),
            roles: BTreeMap::new(),
            keys: Vec::new(),
            tenants: BTreeMap::new(),
            workspaces: BTreeMap::new(),
            budgets: Budgets::default(),
            indicators: Indicators::default(),
        }
    }
}

/// The listener and its limits.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Server {
    /// Address and port to listen on. An address that others can reach needs an admin key.
    pub listen: String,
    /// Environment variable that holds the admin key.
    pub admin_key_env: String,
    /// File that holds the admin key; instead of `admin_key_env`.
    pub admin_key_file: Option<String>,
    /// Threads that carry calls.
    #[schemars(range(min = 1, max = 256), extend("x-default" = "one per usable core"))]
    pub workers: Option<u64>,
    /// Open client connections at most; more are answered 503.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: u64,
    /// Request body at most, in bytes, also after decompression.
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub max_body_bytes: u64,
    /// Request head at most, in bytes.
    #[schemars(range(min = 1024, max = 65536))]
    pub max_head_bytes: u64,
    /// Time for a client to send its whole request head, in milliseconds.
    #[schemars(range(min = 100, max = 60_000))]
    pub head_timeout_ms: u64,
    /// How long calls under way may go on at a stop (SIGTERM, SIGINT), in milliseconds; those that have not ended then
    /// are told so.
    #[schemars(range(min = 0, max = 3_600_000))]
    pub drain_ms: u64,
    /// How much of `drain_ms` new connections are still taken, so that load balancers see `/health/ready` answer 503
    /// before they are refused.
    #[schemars(range(min = 0, max = 3_600_000))]
    pub drain_ready_ms: u64,
    /// Origins of web pages that may call Paceline from a browser, e.g. `https://app.example.com`;
    /// `*` alone means all.
    #[schemars(length(max = 1000))]
    pub cors_origins: Vec<String>,
    /// Further host names under which browsers may address Paceline, beside the address it listens
    /// on and `localhost`.
    #[schemars(length(max = 1000))]
    pub allowed_hosts: Vec<String>,
    /// Whether answers carry `x-paceline-*` headers.
    pub answer_headers: bool,
    /// Whether to add the providers whose keys or addresses are in the environment.
    #[schemars(extend("x-default" = "true without `[providers]` in the file, else false"))]
    pub detect: Option<bool>,
    /// Whether calls need a key. With `false` calls without one are taken although there are keys, on a loopback address
    /// only: the first step from no keys to keys. A key that nobody has is refused either way.
    #[schemars(extend("x-default" = "true with keys, else false"))]
    pub keys_required: Option<bool>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8420".into(),
            admin_key_env: ADMIN_KEY_ENV.into(),
            admin_key_file: None,
            workers: None,
            max_connections: 10_000,
            max_body_bytes: 33_554_432,
            max_head_bytes: 65_536,
            head_timeout_ms: 10_000,
            drain_ms: 120_000,
            drain_ready_ms: 0,
            cors_origins: Vec::new(),
            allowed_hosts: Vec::new(),
            answer_headers: true,
            detect: None,
            keys_required: None,
        }
    }
}

/// The variable that holds the admin key unless another is named.
pub(super) const ADMIN_KEY_ENV: &str = "PACELINE_ADMIN_KEY";

/// How long a call may take, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Timeouts {
    /// To open a connection, TLS included.
    #[schemars(range(min = 1, max = 86_400_000), extend("x-default" = 5000))]
    pub connect_ms: Option<u64>,
    /// Until the first content of a stream; 600000 for models marked as reasoning.
    #[schemars(range(min = 1, max = 86_400_000), extend("x-default" = 60_000))]
    pub first_token_ms: Option<u64>,
    /// Between two pieces of a stream, from its first content on.
    #[schemars(range(min = 1, max = 86_400_000), extend("x-default" = 60_000))]
    pub idle_ms: Option<u64>,
    /// A whole answer that is not streamed.
    #[schemars(range(min = 1, max = 86_400_000), extend("x-default" = 60_000))]
    pub total_ms: Option<u64>,
    /// A whole stream.
    #[schemars(range(min = 1, max = 86_400_000), extend("x-default" = 180_000))]
    pub stream_total_ms: Option<u64>,
    /// A whole answer, streamed or not, and its first content, of a model marked as reasoning.
    #[schemars(range(min = 1, max = 86_400_000), extend("x-default" = 600_000))]
    pub reasoning_total_ms: Option<u64>,
    /// Whether a first token that takes three times as long as 99 % of the last ones did is given up earlier than
    /// `first_token_ms`, where another deployment is left to be asked.
    #[schemars(extend("x-default" = true))]
    pub first_token_auto: Option<bool>,
    /// The fewest tokens a second of a stream, over all of it from 10 seconds on; 0 is no such limit.
    #[schemars(range(min = 0, max = 10_000), extend("x-default" = 0))]
    pub min_tokens_per_s: Option<f64>,
}

/// Call records kept in memory.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Records {
    /// How many of the newest call records are kept where `storage.kind` is `memory`.
    #[schemars(range(min = 100, max = 1_000_000))]
    pub keep: u64,
}

impl Default for Records {
    fn default() -> Self {
        Self { keep: 10_000 }
    }
}

/// Lines for people on standard error.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    /// The least important lines that are still written. `LOG_LEVEL` is honoured too.
    pub level: Level,
    /// Readable lines of single calls per second at most; 0 writes none.
    #[schemars(range(min = 0, max = 100_000))]
    pub calls_per_second: u64,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: Level::Info, calls_per_second: 20 }
    }
}

/// How important a line must be to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[expect(missing_docs, reason = "the names say it; schema and reference list them in one line")]
pub enum Level {
    Off,
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// One provider.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Provider {
    /// The service, a name of the table of services (`openai`, `groq`, `ollama` …), or
    /// `compatible` for any other server that speaks OpenAI's dialect.
    #[schemars(extend("x-default" = "the provider's name if it is a service, else compatible"))]
    pub kind: Option<String>,
    /// What it speaks, where that is not what its kind says: `openai`, `anthropic`, `gemini`, `bedrock`, `ollama` (its own
    /// chat instead of the OpenAI-compatible one).
    #[schemars(extend("x-default" = "what the service speaks"))]
    pub dialect: Option<Speaks>,
    /// Whether it takes OpenAI's responses at `/responses` besides. Where it does not, they are translated.
    #[schemars(extend("x-default" = "what the service does"))]
    pub responses: Option<bool>,
    /// Version of Azure's interface, e.g. `2024-10-21`: asks at its paths that name the deployment. Without it, at those that
    /// are OpenAI's own (`/openai/v1`).
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$"))]
    pub api_version: Option<String>,
    /// The output limit, in tokens, for a call that has none where the dialect needs one (Anthropic's).
    #[schemars(range(min = 1, max = 1_000_000))]
    pub default_max_tokens: u64,
    /// Address up to and with the version segment, e.g. `https://api.openai.com/v1`.
    #[schemars(extend("x-default" = "the service's address"))]
    pub base_url: Option<String>,
    /// Environment variable that holds the key.
    #[schemars(extend("x-default" = "the service's variable"))]
    pub api_key_env: Option<String>,
    /// File that holds the key; instead of `api_key_env`.
    pub api_key_file: Option<String>,
    /// Environment variables that hold further keys of the same provider: calls take turns among all of them, and a key
    /// that is limited or refused is left out.
    #[schemars(length(max = 64))]
    pub more_api_keys_env: Vec<String>,
    /// Whose credential is sent: `key` the configured one, `passthrough` the caller's own, `none`
    /// no credential.
    #[schemars(extend("x-default" = "key if there is one, else none"))]
    pub auth: Option<Auth>,
    /// Profile of AWS's shared files (`~/.aws`) whose credentials sign requests to Bedrock.
    #[schemars(extend("x-default" = "`AWS_PROFILE`, else the usual search: environment, files, container, instance"))]
    pub aws_profile: Option<String>,
    /// What happens to the upstream call when the client goes away: `abort` closes it at once,
    /// `drain` reads on so that the usage is known.
    pub on_client_cancel: OnClientCancel,
    /// How long a drain may take, in milliseconds.
    #[schemars(range(min = 0, max = 600_000))]
    pub drain_max_ms: u64,
    /// Headers added to every request to this provider. Not for secrets.
    pub headers: BTreeMap<String, String>,
    /// Where the provider runs, as written to the records, e.g. `eu-west`; of Bedrock, the region that is asked.
    pub region: Option<String>,
    /// File with the certificates (PEM) of the authorities to trust, instead of the system's.
    pub ca_file: Option<String>,
    /// HTTP proxy to reach the provider by, e.g. `http://proxy:3128`; `none` goes directly.
    #[schemars(extend("x-default" = "`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`"))]
    pub proxy: Option<String>,
    /// Allows `http://` to a public host together with a key.
    pub allow_insecure: bool,
    /// Unused connections kept open per worker.
    #[schemars(range(min = 0, max = 65_536))]
    pub max_idle_connections: u64,
    /// How long an unused connection is kept, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub idle_connection_ms: u64,
    /// How old a connection may get, in milliseconds, so that changes of DNS are seen.
    #[schemars(range(min = 1000, max = 86_400_000))]
    pub max_connection_age_ms: u64,
    /// Timeouts of this provider; what is not given is as in `[timeouts]`.
    pub timeouts: Timeouts,
    /// How much of this provider may be used at a time, by all callers together.
    pub limits: Limits,
}

impl Default for Provider {
    fn default() -> Self {
        Self {
            kind: None,
            dialect: None,
            responses: None,
            api_version: None,
            default_max_tokens: 8192,
            base_url: None,
            api_key_env: None,
            api_key_file: None,
            more_api_keys_env: Vec::new(),
            auth: None,
            aws_profile: None,
            on_client_cancel: OnClientCancel::Abort,
            drain_max_ms: 30_000,
            headers: BTreeMap::new(),
            region: None,
            ca_file: None,
            proxy: None,
            allow_insecure: false,
            max_idle_connections: 256,
            idle_connection_ms: 60_000,
            max_connection_age_ms: 300_000,
            timeouts: Timeouts::default(),
            limits: Limits::default(),
        }
    }
}

/// Whose credential is sent to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "described where it is used, as one line of the reference")]
pub enum Auth {
    Key,
    Passthrough,
    None,
}

/// What happens to the upstream call when the client goes away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "described where it is used, as one line of the reference")]
pub enum OnClientCancel {
    #[default]
    Abort,
    Drain,
}

/// The key of one caller.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CallerKey {
    /// Name of the key in records and reports.
    #[serde(default)]
    #[schemars(extend("x-default" = "required"))]
    pub name: String,
    /// Environment variable that holds the key.
    pub key_env: Option<String>,
    /// File that holds the key; instead of `key_env`.
    pub key_file: Option<String>,
    /// Tenant that the calls belong to.
    #[serde(default = "default_owner")]
    pub tenant: String,
    /// Workspace that the calls belong to.
    #[serde(default = "default_owner")]
    pub workspace: String,
    /// Models that the key may name, as callers write them; a final `*` stands for any ending, e.g. `openai/*`.
    #[serde(default)]
    #[schemars(length(max = 256), extend("x-default" = "all"))]
    pub models: Vec<String>,
    /// When the key ends: a date (its first moment) or a moment as `2027-01-31T18:00:00+01:00`.
    #[schemars(extend("x-default" = "never"))]
    pub expires: Option<String>,
    /// Where calls have to wait: `interactive` ones go before `batch` ones.
    #[serde(default)]
    pub priority: Priority,
    /// How much may be used at a time.
    #[serde(default)]
    pub limits: Limits,
    /// How much may be spent.
    #[serde(default)]
    pub budget: Budget,
}

fn default_owner() -> String {
    "default".into()
}

/// The core indicators. Defaults and ranges are filled in from the one table of them, in `paceline-stats`.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Indicators {
    /// Response time below which 95 % of the answers of the window stay, in milliseconds.
    pub response_time_ms: Indicator,
    /// Share of decisions that chose as well as could be told afterwards.
    pub selection_accuracy: Indicator,
    /// Share of calls that the response cache answered, of those it was asked for.
    pub cache_hit_rate: Indicator,
    /// Share of the known cost that went to whole answers.
    pub cost_efficiency: Indicator,
    /// Share of calls that should have been answered and were not.
    pub error_rate: Indicator,
}

impl Indicators {
    /// In the order of the table.
    pub(super) fn all(&self) -> [&Indicator; 5] {
        let Self { response_time_ms, selection_accuracy, cache_hit_rate, cost_efficiency, error_rate } = self;
        [response_time_ms, selection_accuracy, cache_hit_rate, cost_efficiency, error_rate]
    }
}

/// The limits of one indicator.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Indicator {
    /// `fixed` limits, or `auto`: learned from the hours before, once there are 24.
    pub mode: IndicatorMode,
    /// What is aimed at.
    pub target: Option<f64>,
    /// From here on it needs a look.
    pub warning: Option<f64>,
    /// From here on it is bad.
    pub critical: Option<f64>,
}

/// Where limits come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum IndicatorMode {
    #[default]
    Fixed,
    Auto,
}
