//! The settings as they are meant: plain values that the rooms receive, every default filled in.

use super::typed;
use super::url::{BaseUrl, Proxy};
use crate::files::zone::Zone;
use paceline_catalog::Document;
use paceline_dialect::provider::Kind;
use paceline_routing::place::Policy;
use paceline_stats::indicator::{Core, Rule};
use paceline_types::machine::MachineHour;
use paceline_types::price::Rates;
use paceline_types::record::Dialect;
use paceline_types::rules::Limits;
use paceline_types::secret::Secret;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

mod models;
mod rights;
mod routes;

pub use models::{Link, Model, Role, Shadow, TIERS, Target, Tier};
pub use rights::{Budgets, CallerKey, Tenant, Workspace};
pub use routes::{Route, RouteModel, Router, Routing};
pub use typed::{Auth, Level, OnClientCancel, StorageKind};

/// Everything that was set, found or assumed.
#[derive(Clone, Debug)]
pub struct Config {
    /// The listener and its limits.
    pub server: Server,
    /// Timeouts where neither provider nor model has its own.
    pub timeouts: Timeouts,
    /// How calls survive failures and crowds.
    pub policy: Policy,
    /// Call records kept in memory.
    pub records: Records,
    /// Call records and statistics kept on disk.
    pub storage: Storage,
    /// Snapshots and the operations log.
    pub files: Files,
    /// The user's catalogue.
    pub catalog: Option<Arc<Document>>,
    /// The user's own prices.
    pub prices: Vec<OwnPrice>,
    /// Lines for people.
    pub log: Log,
    /// Providers in the order of the file, then those found in the environment in the order of the
    /// table of services.
    pub providers: Vec<Provider>,
    /// Models in the order of the file.
    pub models: Vec<Model>,
    /// `tier1` to `tier4`.
    pub tiers: [Tier; TIERS],
    /// What all routes have in common.
    pub routing: Routing,
    /// Routes in the order of the file, then those of the environment by name, then `auto` where nobody made it.
    pub routes: Vec<Route>,
    /// Roles in the order of the file, then those of the environment by name.
    pub roles: Vec<Role>,
    /// Keys of callers in the order of the file; with none, callers need no key.
    pub keys: Vec<CallerKey>,
    /// What tenants may use, by name.
    pub tenants: Vec<Tenant>,
    /// What workspaces may use, by name.
    pub workspaces: Vec<Workspace>,
    /// What all budgets have in common.
    pub budgets: Budgets,
    /// The limits of the core indicators, in the order of [`Core::ALL`].
    pub indicators: [Rule; Core::ALL.len()],
    /// Folder for what is kept on disk.
    pub data: PathBuf,
    /// Whether the simulated provider is to be started in process, because there is no other or
    /// because the file asks for it by `[providers.sim]` without an address.
    pub simulated: bool,
    /// Whether all of it is a demo: providers, callers and history are made up. No setting; `paceline demo` says so.
    pub demo: bool,
    /// Where each setting that is not a default comes from, by its dotted path.
    pub origins: BTreeMap<String, Origin>,
    /// The settings with fixed names that were given, as text.
    pub(super) set: BTreeMap<String, String>,
    pub(super) simulated_template: Option<Box<Provider>>,
}

impl Config {
    /// The provider of that name.
    pub fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// The model of that name or alias.
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name || model.aliases.iter().any(|alias| alias == name))
    }

    /// Where a setting comes from, e.g. `server.listen`.
    pub fn origin(&self, path: &str) -> &Origin {
        self.origins.get(path).unwrap_or(&Origin::Default)
    }

    /// The timeouts of a call to a provider for a model (none: a model that is not configured).
    ///
    /// The nearest wins: the model's own, `reasoning_total` for models that think, the provider's, the
    /// general ones.
    pub fn effective_timeouts(&self, provider: &Provider, model: Option<&Model>) -> Timeouts {
        let mut timeouts = provider.timeouts;
        let Some(model) = model else { return timeouts };
        let own = &model.timeouts;
        timeouts.reasoning_total = own.reasoning_total.unwrap_or(timeouts.reasoning_total);
        if model.reasoning {
            timeouts.first_token = timeouts.reasoning_total;
            timeouts.total = timeouts.reasoning_total;
            timeouts.stream_total = timeouts.reasoning_total;
        }
        own.over(timeouts)
    }

    /// Takes in the simulated provider that was started in process and listens on `address`.
    pub fn add_simulated(&mut self, address: SocketAddr) {
        if let Some(mut provider) = self.simulated_template.take() {
            provider.url = BaseUrl::local(address);
            provider.base_url = provider.url.to_string();
            self.providers.push(*provider);
        }
    }
}

/// The listener and its limits.
#[derive(Clone, Debug)]
pub struct Server {
    /// Address and port to listen on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Key of the admin side.
    pub admin_key: Option<Secret>,
    /// Where the admin key comes from.
    pub admin_key_source: Option<KeySource>,
    /// Threads that carry calls.
    pub workers: usize,
    /// Open client connections at most.
    pub max_connections: usize,
    /// Request body at most, in bytes.
    pub max_body_bytes: usize,
    /// Request head at most, in bytes.
    pub max_head_bytes: usize,
    /// Time to the end of a request head.
    pub head_timeout: Duration,
    /// How long calls under way may go on at a stop.
    pub drain: Duration,
    /// How much of it new connections are still taken.
    pub drain_ready: Duration,
    /// Origins that may call from a browser: `*` alone, or `scheme://host[:port]` in lower case.
    pub cors_origins: Vec<String>,
    /// Further host names accepted from browsers, in lower case without port.
    pub allowed_hosts: Vec<String>,
    /// Whether answers carry `x-paceline-*` headers.
    pub answer_headers: bool,
    /// Whether providers were looked for in the environment.
    pub detect: bool,
    /// Whether calls need a key; `None`: where there are keys.
    pub keys_required: Option<bool>,
}

/// Call records and statistics kept on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storage {
    /// On disk, or in memory only.
    pub kind: StorageKind,
    /// How long a record may wait before it is written; zero: its answer waits for it.
    pub window: Duration,
    /// How long records are kept.
    pub keep: Duration,
    /// How long captured bodies are kept.
    pub keep_bodies: Duration,
    /// Bytes that history may take.
    pub max_bytes: u64,
}

/// Snapshots and the operations log.
#[derive(Clone, Debug, PartialEq)]
pub struct Files {
    /// Whose hours, days and clocks.
    pub zone: Zone,
    /// Whether snapshots are written.
    pub snapshots: bool,
    /// How often those of the running hour and day are renewed; `None`: when it is over.
    pub renew: Option<Duration>,
    /// Days that snapshots of hours are kept.
    pub keep_hourly_days: u32,
    /// Days that snapshots of days are kept.
    pub keep_daily_days: u32,
    /// Whether the operations log is written.
    pub operations: bool,
    /// How long a session or task may be silent.
    pub idle: Duration,
    /// Bytes of a file of the operations log.
    pub max_file_bytes: u64,
    /// Days that these files are kept.
    pub operations_days: u32,
    /// Bytes of all of them.
    pub max_total_bytes: u64,
}

/// What calls of one model cost at one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPrice {
    /// Name of a configured provider.
    pub provider: String,
    /// The model's name there.
    pub model: String,
    /// What is paid.
    pub paid: Paid,
}

/// What is paid for a model's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paid {
    /// Its tokens.
    Tokens(Rates),
    /// The time of the machine it runs on.
    Machine(MachineHour),
}

/// How long a call may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timeouts {
    /// To open a connection, TLS included.
    pub connect: Duration,
    /// Until the first content of a stream.
    pub first_token: Duration,
    /// Between two pieces of a stream, from its first content on.
    pub idle: Duration,
    /// A whole answer that is not streamed.
    pub total: Duration,
    /// A whole stream.
    pub stream_total: Duration,
    /// A whole answer of a model that thinks.
    pub reasoning_total: Duration,
    /// Whether a first token that is unusually late is given up earlier, where another place is left.
    pub first_token_auto: bool,
    /// The fewest tokens a second of a stream; 0: any.
    pub min_tokens_per_s: f64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_token: Duration::from_mins(1),
            idle: Duration::from_mins(1),
            total: Duration::from_mins(1),
            stream_total: Duration::from_mins(3),
            reasoning_total: Duration::from_mins(10),
            first_token_auto: true,
            min_tokens_per_s: 0.0,
        }
    }
}

/// Timeouts of one provider or model; what is `None` is taken from the next wider place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TimeoutOverrides {
    /// To open a connection, TLS included.
    pub connect: Option<Duration>,
    /// Until the first content of a stream.
    pub first_token: Option<Duration>,
    /// Between two pieces of a stream, from its first content on.
    pub idle: Option<Duration>,
    /// A whole answer that is not streamed.
    pub total: Option<Duration>,
    /// A whole stream.
    pub stream_total: Option<Duration>,
    /// A whole answer of a model that thinks.
    pub reasoning_total: Option<Duration>,
    /// Whether a first token that is unusually late is given up earlier, where another place is left.
    pub first_token_auto: Option<bool>,
    /// The fewest tokens a second of a stream; 0: any.
    pub min_tokens_per_s: Option<f64>,
}

impl TimeoutOverrides {
    /// These where given, else `wider`.
    pub fn over(&self, wider: Timeouts) -> Timeouts {
        Timeouts {
            connect: self.connect.unwrap_or(wider.connect),
            first_token: self.first_token.unwrap_or(wider.first_token),
            idle: self.idle.unwrap_or(wider.idle),
            total: self.total.unwrap_or(wider.total),
            stream_total: self.stream_total.unwrap_or(wider.stream_total),
            reasoning_total: self.reasoning_total.unwrap_or(wider.reasoning_total),
            first_token_auto: self.first_token_auto.unwrap_or(wider.first_token_auto),
            min_tokens_per_s: self.min_tokens_per_s.unwrap_or(wider.min_tokens_per_s),
        }
    }
}

impl From<typed::Timeouts> for TimeoutOverrides {
    fn from(written: typed::Timeouts) -> Self {
        let ms = |value: Option<u64>| value.map(Duration::from_millis);
        Self {
            connect: ms(written.connect_ms),
            first_token: ms(written.first_token_ms),
            idle: ms(written.idle_ms),
            total: ms(written.total_ms),
            stream_total: ms(written.stream_total_ms),
            reasoning_total: ms(written.reasoning_total_ms),
            first_token_auto: written.first_token_auto,
            min_tokens_per_s: written.min_tokens_per_s,
        }
    }
}

/// Call records kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Records {
    /// How many of the newest.
    pub keep: usize,
}

/// Lines for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least important lines that are still written.
    pub level: Level,
    /// Lines of single calls per second at most; 0 writes none.
    pub calls_per_second: u32,
}

/// Whose requests AWS is told they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aws {
    /// The profile of the shared files, where one is set.
    pub profile: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
}

/// One place that serves models.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name in `name/model`, records and metrics.
    pub name: String,
    /// The service it is.
    pub kind: &'static Kind,
    /// What it speaks.
    pub dialect: Dialect,
    /// It takes OpenAI's responses besides.
    pub responses: bool,
    /// The version of Azure's interface whose paths name the deployment, where one is set.
    pub api_version: Option<String>,
    /// The output limit for a call that has none where the dialect needs one, tokens.
    pub default_max_tokens: u64,
    /// Address up to and with the version segment, without a slash at the end.
    pub base_url: String,
    /// The same address in parts.
    pub url: BaseUrl,
    /// The key to send, if any.
    pub key: Option<Secret>,
    /// Where the key comes from.
    pub key_source: Option<KeySource>,
    /// Further keys, and where they come from.
    pub more_keys: Vec<(Secret, KeySource)>,
    /// Whose credential is sent.
    pub auth: Auth,
    /// What its requests are signed with, where they are.
    pub aws: Option<Aws>,
    /// What happens when the client goes away.
    pub on_client_cancel: OnClientCancel,
    /// How long a drain may take.
    pub drain_max: Duration,
    /// Headers added to every request, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Where it runs.
    pub region: Option<String>,
    /// Certificates of the authorities to trust instead of the system's; was readable at the start.
    pub ca_file: Option<PathBuf>,
    /// The proxy to go by; `NO_PROXY` is already taken into account.
    pub proxy: Option<Proxy>,
    /// Unused connections kept open per worker.
    pub max_idle_connections: usize,
    /// How long an unused connection is kept.
    pub idle_connection: Duration,
    /// How old a connection may get.
    pub max_connection_age: Duration,
    /// Its timeouts: its own over the general ones.
    pub timeouts: Timeouts,
    /// How much of it may be used at a time.
    pub limits: Limits,
    /// The variable by which it was found in the environment, if it is not in the file.
    pub detected_by: Option<String>,
}

/// Where a secret comes from; the name of the place, never the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// An environment variable.
    Env(String),
    /// A file.
    File(PathBuf),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => f.write_str(name),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line.
    Flag(&'static str),
    /// An environment variable.
    Env(String),
    /// The configuration file.
    File {
        /// Line, from 1.
        line: usize,
        /// Offset in bytes, for the order of entries.
        offset: usize,
    },
    /// Nowhere: the default.
    Default,
}
