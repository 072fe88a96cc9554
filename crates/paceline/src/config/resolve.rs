//! From what is written to what is meant: fills defaults, fetches keys, cross-checks.

use super::check::check;
use super::detect::detect;
use super::env::{self, Env};
use super::links::Known;
use super::problem::{ConfigError, Fault};
use super::report::Report;
use super::rights::Reach;
use super::values::{CallerKey, Config, Log, Provider, Records, Storage, TimeoutOverrides, Timeouts};
use super::{
    Loaded, Sources, excerpt, files, indicators, models, prices, providers, rights, roles, routes, secrets,
    server, survive, tiers, tree, typed,
};
use crate::files::zone::Zone;
use paceline_types::rules::Rights;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What every step of resolving needs.
pub(super) struct Desk<'a> {
    pub env: Env<'a>,
    /// The folder that relative paths of the file start from.
    pub base: PathBuf,
    pub report: Report,
    /// Providers found in the environment, with the variable that gave them away.
    pub detected: BTreeMap<String, String>,
    /// Whether providers were looked for.
    pub detect: bool,
}

/// Puts file, environment and flags together and checks them. All problems are told at once.
pub fn resolve(sources: &Sources<'_>) -> Result<Loaded, ConfigError> {
    let mut report = Report::new(sources.file);
    let schema = super::schema::schema();
    let mut root = sources.file.map(|(_, text)| tree::read(text, &mut report)).unwrap_or_default();
    if report.has_errors() {
        return Err(ConfigError { problems: report.finish().0 });
    }
    let env = Env::new(sources);
    env::fixed(&mut root, schema, &env, &sources.flags, &mut report);
    let asked = root.get("server").and_then(|server| server["detect"].as_bool());
    let named = root.get("providers").and_then(Value::as_object).is_some_and(|named| !named.is_empty());
    let detected = detect(&mut root, &env, &mut report);
    let left = env::entries(&mut root, schema, &env, &mut report);
    env::warn_unknown(&left, &root, schema, &mut report);
    let mut root = Value::Object(root);
    check(schema, &mut root, "", &mut report);
    let set = given_settings(schema, &root);
    let written = serde_json::from_value::<typed::File>(root).unwrap_or_else(|_| {
        report.error("", Fault::new("the settings cannot be read"));
        typed::File::default()
    });
    let base = sources.file.and_then(|(path, _)| path.parent()).map(Path::to_owned).unwrap_or_default();
    let mut desk = Desk { env, base, report, detected, detect: asked.unwrap_or(!named) };
    let mut config = desk.config(written);
    let (problems, warnings, origins) = desk.report.finish();
    if !problems.is_empty() {
        return Err(ConfigError { problems });
    }
    config.origins = origins;
    config.set = set;
    Ok(Loaded { config, warnings, file: sources.file.map(|(path, _)| path.to_owned()) })
}

/// The settings with fixed names that are in the tree, as text.
fn given_settings(schema: &Value, root: &Value) -> BTreeMap<String, String> {
    let text = |setting: env::Setting| {
        let value = setting.path.iter().try_fold(root, |value, name| value.get(name))?;
        Some((setting.path.join("."), excerpt::shown(&value.to_string())))
    };
    env::settings_of(schema).into_iter().filter_map(text).collect()
}

impl Desk<'_> {
    fn config(&mut self, written: typed::File) -> Config {
        let timeouts = TimeoutOverrides::from(written.timeouts).over(Timeouts::default());
        self.check_timeouts("timeouts", &timeouts);
        let server = server::resolve(&written.server, self);
        let policy = survive::resolve(&written.retry, &written.health, &written.queue, self);
        let mut all = providers::resolve(written.providers, timeouts, self);
        // A simulated provider without an address, or nothing at all, means the one inside.
        let inside = all.iter().position(providers::is_inside).map(|index| all.remove(index));
        let simulated = inside.is_some() || all.is_empty();
        let template = inside.or_else(|| simulated.then(|| providers::simulated(timeouts)));
        let names: Vec<&str> = all.iter().chain(&template).map(|one: &Provider| one.name.as_str()).collect();
        let files = files::resolve(&written.files, self);
        let prices = prices::resolve(&written.prices, &names, self);
        let catalog = prices::file(written.catalog.file.as_deref(), self);
        let (listed, _) = crate::prices::catalog(catalog.as_deref());
        let everybody: Vec<&Provider> = all.iter().chain(&template).collect();
        let mut known = Known::new(everybody.iter().copied());
        let drafts = models::drafts(written.models, &mut known, self);
        let tiers = tiers::resolve(&written.tiers, &everybody, &listed, &known, self);
        known.tiers = Some(tiers.clone().map(|tier| tier.links));
        let models = models::finish(drafts, &everybody, &listed, &known, self);
        let routing = routes::routing(&written.routing, self);
        let ground =
            routes::Ground { models: &models, tiers: &tiers, providers: &everybody, catalog: &listed };
        let bench = routes::Bench { routing: &routing, ground, known: &known };
        let routes = routes::resolve(written.routes, &bench, self);
        let roles = roles::resolve(written.roles, &models, &known, self);
        let budgets = rights::budgets(&written.budgets, &files.zone, self);
        let reach = Reach::new(&models, &routes, all.iter().chain(&template));
        let keys = self.keys(&written.keys, &server, &budgets.zone, &reach);
        rights::check_required(&server, !written.keys.is_empty(), self);
        let tenants = rights::tenants(written.tenants, self);
        let workspaces = rights::workspaces(written.workspaces, self);
        rights::check_wider(&keys, &tenants, &workspaces, self);
        rights::check_strangers(&keys, &tenants, &workspaces, self);
        Config {
            data: self.data(&written.data),
            server,
            timeouts,
            policy,
            records: Records { keep: written.records.keep as usize },
            storage: Storage {
                kind: written.storage.kind,
                window: Duration::from_millis(written.storage.window_ms),
                keep: Duration::from_hours(24 * written.storage.records_days),
                keep_bodies: Duration::from_hours(24 * written.storage.bodies_days),
                max_bytes: written.storage.max_mb << 20,
            },
            log: Log { level: written.log.level, calls_per_second: written.log.calls_per_second as u32 },
            providers: all,
            files,
            catalog,
            prices,
            models,
            tiers,
            routing,
            routes,
            roles,
            keys: keys.into_iter().map(|(_, key)| key).collect(),
            tenants,
            workspaces,
            budgets,
            indicators: indicators::resolve(&written.indicators, self),
            simulated,
            demo: false,
            origins: BTreeMap::new(),
            set: BTreeMap::new(),
            simulated_template: template.map(Box::new),
        }
    }

    /// The path of an item of a list, where the file has it; else that of the list.
    pub(super) fn item(&self, list: &str, index: usize) -> String {
        let item = format!("{list}[{index}]");
        if self.report.given(&item) { item } else { list.to_owned() }
    }

    /// Where a relative path starts: given in the file, from the file's folder, else from the working folder.
    pub(super) fn base_of(&self, path: &str) -> PathBuf {
        match self.report.origin(path) {
            super::Origin::File { .. } => self.base.clone(),
            _ => PathBuf::new(),
        }
    }

    fn data(&mut self, written: &str) -> PathBuf {
        if written.trim().is_empty() {
            self.report.error("data", Fault::new("the folder has no name"));
        }
        self.base_of("data").join(written)
    }

    /// The keys, each with its place in the list as written.
    fn keys(
        &mut self,
        written: &[typed::CallerKey],
        server: &super::Server,
        zone: &Zone,
        reach: &Reach<'_>,
    ) -> Vec<(usize, CallerKey)> {
        let mut keys: Vec<(usize, CallerKey)> = Vec::new();
        for (index, entry) in written.iter().enumerate() {
            let path = format!("keys[{index}]");
            let rights = rights::rights(entry, &path, zone, reach, self);
            let Some(key) = self.key(entry, &path, rights) else { continue };
            if keys.iter().any(|(_, other)| other.name == key.name) {
                let fault = Fault::new(format!("there are two keys named `{}`", key.name));
                self.report
                    .error(&format!("{path}.name"), fault.help("records tell callers apart by this name"));
            } else if let Some((_, other)) = keys.iter().find(|(_, other)| other.key == key.key) {
                let other = if other.name.is_empty() { "another caller" } else { other.name.as_str() };
                let fault = Fault::new(format!("the key is the same as that of {other}"));
                self.report.error(&path, fault.help("give every caller a key of its own"));
            } else if server.admin_key.as_ref() == Some(&key.key) {
                let fault = Fault::new("the key is the same as the admin key");
                self.report.error(&path, fault.help("callers must not be able to use the admin side"));
            }
            keys.push((index, key));
        }
        keys
    }

    fn key(&mut self, entry: &typed::CallerKey, path: &str, rights: Arc<Rights>) -> Option<CallerKey> {
        for (name, value) in
            [("name", &entry.name), ("tenant", &entry.tenant), ("workspace", &entry.workspace)]
        {
            let path = format!("{path}.{name}");
            if name == "name" && value.is_empty() {
                if !self.report.given(&path) {
                    self.report
                        .error(&path, Fault::new("the key has no name").help("e.g. `name = \"team-a\"`"));
                }
            } else if !is_label(value) {
                let fault = Fault::new("this is no name: letters, digits, `.`, `_`, `-`, at most 64");
                self.report.error(&path, fault);
            }
        }
        let place = secrets::Place { env: entry.key_env.as_deref(), file: entry.key_file.as_deref() };
        let given = ["key_env", "key_file"].map(|name| format!("{path}.{name}"));
        match secrets::fetch(&place, &self.env, &self.base_of(&given[1])) {
            Some(Ok((key, source))) => Some(CallerKey {
                name: entry.name.clone(),
                key,
                source,
                tenant: entry.tenant.clone(),
                workspace: entry.workspace.clone(),
                rights,
            }),
            Some(Err(fault)) => {
                self.report.error(&given[usize::from(place.env.is_none())], fault);
                None
            }
            None => {
                if !given.iter().chain([&format!("{path}.key")]).any(|path| self.report.given(path)) {
                    let fault = Fault::new("there is no key");
                    self.report.error(path, fault.help("`key_env = \"NAME\"` or `key_file = \"PATH\"`"));
                }
                None
            }
        }
    }

    /// Warns of limits that can never be reached, because another one is shorter.
    pub(super) fn check_timeouts(&mut self, path: &str, timeouts: &Timeouts) {
        let pairs: [(&str, Duration, &str, Duration); 4] = [
            ("connect_ms", timeouts.connect, "total_ms", timeouts.total),
            ("connect_ms", timeouts.connect, "stream_total_ms", timeouts.stream_total),
            ("first_token_ms", timeouts.first_token, "stream_total_ms", timeouts.stream_total),
            ("idle_ms", timeouts.idle, "stream_total_ms", timeouts.stream_total),
        ];
        for (short, part, long, whole) in pairs {
            let given = [short, long].map(|name| format!("{path}.{name}"));
            let at = given.iter().find(|path| self.report.given(path));
            if let (true, Some(at)) = (part > whole, at) {
                let message = format!(
                    "`{short}` ({} ms) is longer than `{long}` ({} ms) and so has no effect",
                    part.as_millis(),
                    whole.as_millis()
                );
                self.report.warn(at, Fault::new(message));
            }
        }
    }
}

/// A name that is safe in records, metrics and addresses.
pub(super) fn is_label(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
