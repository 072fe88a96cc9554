//! The configuration room: reads `paceline.toml`, environment and flags into one checked [`Config`].

pub(crate) mod asked;
mod aws;
mod chains;
mod check;
mod detect;
mod entries;
mod env;
mod excerpt;
mod files;
mod indicators;
mod links;
mod models;
mod prices;
mod problem;
mod providers;
mod reference;
mod report;
mod resolve;
mod rights;
mod roles;
mod routes;
mod schema;
mod secrets;
mod server;
pub mod show;
mod suggest;
mod survive;
mod tiers;
mod tree;
mod typed;
mod url;
mod values;

pub use chains::{By, ChainLink};
pub use problem::{ConfigError, Problem};
pub use reference::reference;
pub(crate) use report::join;
pub use resolve::resolve;
pub use schema::json_schema;
pub use url::{BaseUrl, Proxy};
pub use values::{
    Auth, Budgets, CallerKey, Config, Files, KeySource, Level, Link, Log, Model, OnClientCancel, Origin,
    OwnPrice, Paid, Provider, Records, Role, Route, RouteModel, Router, Routing, Server, Shadow, Storage,
    StorageKind, TIERS, Target, Tenant, Tier, TimeoutOverrides, Timeouts, Workspace,
};

use problem::Fault;
use std::path::{Path, PathBuf};

/// The file that is read when no other is named.
pub const DEFAULT_FILE: &str = "paceline.toml";

/// All that a configuration is made from.
pub struct Sources<'a> {
    /// Path and text of the file.
    pub file: Option<(&'a Path, &'a str)>,
    /// The value of an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Names of all environment variables, to find ours that mean nothing.
    pub env_names: &'a [String],
    /// Flags of the command line.
    pub flags: Flags,
}

/// Flags of the command line that are settings.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen HOST:PORT`
    pub listen: Option<String>,
    /// `--data DIR`
    pub data: Option<PathBuf>,
}

/// A configuration that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is meant.
    pub config: Config,
    /// What is doubtful.
    pub warnings: Vec<Problem>,
    /// The file that was read.
    pub file: Option<PathBuf>,
}

/// Reads the file and the environment of this process.
///
/// Without a path, `PACELINE_CONFIG` names the file; without that, `paceline.toml` in the working folder is
/// read if it is there. A file that is named must be there.
pub fn load(flags: Flags, config_path: Option<&Path>) -> Result<Loaded, ConfigError> {
    let env = |name: &str| std::env::var(name).ok();
    let env_names: Vec<String> =
        std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    load_with(flags, config_path, &env, &env_names)
}

/// Like [`load`], with the environment given.
pub fn load_with(
    flags: Flags,
    config_path: Option<&Path>,
    env: &dyn Fn(&str) -> Option<String>,
    env_names: &[String],
) -> Result<Loaded, ConfigError> {
    let by_env = env("PACELINE_CONFIG").filter(|path| !path.trim().is_empty()).map(PathBuf::from);
    let (key, path) = match (config_path, by_env) {
        (Some(path), _) => ("--config", Some(path.to_owned())),
        (None, Some(path)) => ("PACELINE_CONFIG", Some(path)),
        (None, None) => (DEFAULT_FILE, Path::new(DEFAULT_FILE).exists().then(|| DEFAULT_FILE.into())),
    };
    let text = match &path {
        None => None,
        Some(path) => Some(secrets::read_small(path, tree::BYTES_AT_MOST as u64).map_err(|reason| {
            let fault = Fault::new(format!("the file {} {reason}", path.display()));
            ConfigError { problems: vec![Problem::new(key, fault)] }
        })?),
    };
    let file = path.as_deref().zip(text.as_deref());
    resolve(&Sources { file, env, env_names, flags })
}
