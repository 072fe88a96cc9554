//! Lays flags and environment variables over what the file says.

use super::problem::Fault;
use super::report::{Report, join};
use super::suggest::nearest;
use super::values::Origin;
use super::{Flags, Sources};
use serde_json::{Map, Number, Value};
use std::collections::BTreeSet;

/// What every name of ours begins with.
const PREFIX: &str = "PACELINE_";

/// Names that are ours without being settings of the file.
const ELSEWHERE: &[&str] = &["PACELINE_CONFIG", "PACELINE_LISTEN", super::typed::ADMIN_KEY_ENV];

/// The environment: a variable that is empty counts as not set.
#[derive(Clone, Copy)]
pub(super) struct Env<'a> {
    get: &'a dyn Fn(&str) -> Option<String>,
    names: &'a [String],
}

impl<'a> Env<'a> {
    pub(super) fn new(sources: &Sources<'a>) -> Self {
        Self { get: sources.env, names: sources.env_names }
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.get)(name).filter(|value| !value.trim().is_empty())
    }

    /// The first of the names that is set, with its value.
    pub(super) fn first(&self, names: &[&'static str]) -> Option<(&'static str, String)> {
        names.iter().find_map(|name| Some((*name, self.get(name)?)))
    }

    /// Variables whose names begin so and go on, with their values, sorted.
    pub(super) fn starting(&self, prefix: &str) -> Vec<(String, String)> {
        let longer = |name: &&String| name.len() > prefix.len() && name.starts_with(prefix);
        let names: BTreeSet<&String> = self.names.iter().filter(longer).collect();
        names.into_iter().filter_map(|name| Some((name.clone(), self.get(name)?))).collect()
    }

    /// Our names that are set, sorted.
    fn ours(&self) -> BTreeSet<&'a str> {
        let ours = self.names.iter().map(String::as_str).filter(|name| name.starts_with(PREFIX));
        ours.filter(|name| self.get(name).is_some()).collect()
    }
}

/// A setting of the file that has a name of its own: its path below the root or an entry.
pub(super) struct Setting {
    pub path: Vec<String>,
    pub schema: Value,
}

impl Setting {
    /// The name behind `PACELINE_` or behind the entry's name.
    pub(super) fn suffix(&self) -> String {
        env_name(&self.path.join("_"))
    }
}

/// Tables whose entries have names of the user's own.
const ENTRIES: [&str; 7] = ["providers", "models", "routes", "roles", "keys", "tenants", "workspaces"];

/// All settings below a schema of a table, lists of entries left out.
pub(super) fn settings_of(schema: &Value) -> Vec<Setting> {
    let mut found = Vec::new();
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        if inner["properties"].is_object() {
            for mut setting in settings_of(inner) {
                setting.path.insert(0, name.clone());
                found.push(setting);
            }
        } else if !ENTRIES.contains(&name.as_str()) || inner["items"]["type"] == "string" {
            found.push(Setting { path: vec![name.clone()], schema: inner.clone() });
        }
    }
    found
}

/// A name as it stands in a variable's name.
pub(super) fn env_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(plain).collect()
}

/// Lays the settings with fixed names over the tree: plain names, `PACELINE_` names, flags.
pub(super) fn fixed(
    tree: &mut Map<String, Value>,
    schema: &Value,
    env: &Env<'_>,
    flags: &Flags,
    report: &mut Report,
) {
    plain_log_level(tree, env, report);
    for (name, path) in PLAIN_SWITCHES {
        plain(tree, env, report, name, path, switch);
    }
    for (name, path) in PLAIN_NUMBERS {
        plain(tree, env, report, name, path, number);
    }
    for setting in settings_of(schema) {
        let mut name = format!("{PREFIX}{}", setting.suffix());
        let mut value = env.get(&name);
        if value.is_none() && setting.path == ["server", "listen"] {
            name = "PACELINE_LISTEN".into();
            value = env.get(&name);
        }
        if let Some(text) = value {
            lay(tree, &setting, "", &name, &text, report);
        }
    }
    if let Some(listen) = &flags.listen {
        let origin = Origin::Flag("--listen");
        put(tree, &["server".into(), "listen".into()], "", Value::String(listen.clone()), &origin, report);
    }
    if let Some(data) = &flags.data {
        let value = Value::String(data.to_string_lossy().into_owned());
        put(tree, &["data".into()], "", value, &Origin::Flag("--data"), report);
    }
}

fn plain_log_level(tree: &mut Map<String, Value>, env: &Env<'_>, report: &mut Report) {
    let Some(text) = env.get("LOG_LEVEL") else { return };
    let level = match text.trim().to_ascii_lowercase().as_str() {
        level @ ("off" | "error" | "warn" | "info" | "debug" | "trace") => level.to_owned(),
        "warning" => "warn".into(),
        "critical" | "fatal" => "error".into(),
        _ => {
            let fault = Fault::new("this level is not known, so the variable is ignored");
            report.warn_env("LOG_LEVEL", fault.help("off, error, warn, info, debug or trace"));
            return;
        }
    };
    let origin = Origin::Env("LOG_LEVEL".into());
    put(tree, &["log".into(), "level".into()], "", Value::String(level), &origin, report);
}

/// Plain variables that are true or false, and the setting each is.
const PLAIN_SWITCHES: [(&str, [&str; 2]); 2] = [
    ("ENABLE_PERFORMANCE_LOGGING", ["files", "operations_log"]),
    ("ENABLE_MODEL_ROUTING", ["routing", "enabled"]),
];

/// Plain variables that are numbers, and the setting each is.
const PLAIN_NUMBERS: [(&str, [&str; 2]); 4] = [
    ("ROUTING_LATENCY_WEIGHT", ["routing", "latency_weight"]),
    ("ROUTING_ACCURACY_WEIGHT", ["routing", "accuracy_weight"]),
    ("ROUTING_COST_WEIGHT", ["routing", "cost_weight"]),
    ("ROUTING_RELIABILITY_THRESHOLD", ["routing", "reliability_threshold"]),
];

/// Lays a plain variable over the tree; other software may have one of that name, so what cannot be read is ignored.
fn plain(
    tree: &mut Map<String, Value>,
    env: &Env<'_>,
    report: &mut Report,
    name: &str,
    path: [&str; 2],
    read: fn(&str) -> Result<Value, Fault>,
) {
    let Some(text) = env.get(name) else { return };
    match read(text.trim()) {
        Ok(value) => {
            put(tree, &path.map(str::to_owned), "", value, &Origin::Env(name.to_owned()), report);
        }
        Err(fault) => {
            let message = format!("{}, so the variable is ignored", fault.message);
            report.warn_env(name, Fault { message, ..fault });
        }
    }
}

fn switch(text: &str) -> Result<Value, Fault> {
    let fault = || Fault::new("this is neither true nor false").help("true or false");
    yes_or_no(text).map(Value::Bool).ok_or_else(fault)
}

fn number(text: &str) -> Result<Value, Fault> {
    let number = text.parse::<f64>().ok().filter(|number| *number >= 0.0).and_then(Number::from_f64);
    number.map(Value::Number).ok_or_else(|| Fault::new("this is no number of 0 or more").help("e.g. 0.4"))
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Lays the settings of entries (`PACELINE_PROVIDERS_<NAME>_…`, models, keys) over the tree. Gives back
/// our names that mean nothing.
pub(super) fn entries(
    tree: &mut Map<String, Value>,
    schema: &Value,
    env: &Env<'_>,
    report: &mut Report,
) -> Vec<String> {
    let fixed: BTreeSet<String> =
        settings_of(schema).iter().map(|setting| format!("{PREFIX}{}", setting.suffix())).collect();
    let mut left: Vec<&str> = env.ours().into_iter().filter(|name| !fixed.contains(*name)).collect();
    let groups = super::entries::groups(schema);
    // What makes an entry comes first, so that the rest finds it.
    for only_making in [true, false] {
        left.retain(|name| !groups.iter().any(|group| group.lay(tree, name, env, only_making, report)));
    }
    left.retain(|name| !ELSEWHERE.contains(name) && !of_kubernetes(name));
    left.into_iter().map(str::to_owned).collect()
}

/// Kubernetes sets these in every pod beside a service named `paceline`.
fn of_kubernetes(name: &str) -> bool {
    ["PACELINE_SERVICE_HOST", "PACELINE_SERVICE_PORT", "PACELINE_PORT"].contains(&name)
        || name.starts_with("PACELINE_SERVICE_PORT_")
        || name.starts_with("PACELINE_PORT_")
}

/// Warns of names that mean nothing, unless the configuration itself names them as holders of a key.
pub(super) fn warn_unknown(left: &[String], tree: &Map<String, Value>, schema: &Value, report: &mut Report) {
    let mut held = BTreeSet::new();
    texts(&Value::Object(tree.clone()), &mut held);
    let mut known: Vec<String> = ELSEWHERE.iter().map(|name| (*name).to_owned()).collect();
    known.extend(settings_of(schema).iter().map(|setting| format!("{PREFIX}{}", setting.suffix())));
    known.extend(super::entries::groups(schema).iter().flat_map(|group| group.names(tree)));
    for name in left.iter().filter(|name| !held.contains(*name)) {
        let near = nearest(name, known.iter().map(String::as_str));
        let near = near.first().map(|name| format!("did you mean `{name}`?"));
        let fault = Fault::new("there is no setting of that name, so the variable is ignored");
        report.warn_env(name, fault.maybe_help(near));
    }
}

fn texts(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            found.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(map) => map.values().for_each(|item| texts(item, found)),
        _ => {}
    }
}

/// Puts the text of a variable into the tree as the value that the setting takes.
pub(super) fn lay(
    tree: &mut Map<String, Value>,
    setting: &Setting,
    table: &str,
    name: &str,
    text: &str,
    report: &mut Report,
) {
    match value_of(&setting.schema, text) {
        Ok(value) => put(tree, &setting.path, table, value, &Origin::Env(name.to_owned()), report),
        Err(fault) => report.error_env(name, fault),
    }
}

/// The forms that a setting may have, where it has several.
fn forms(schema: &Value) -> impl Iterator<Item = &Value> {
    schema["anyOf"].as_array().into_iter().flatten()
}

fn value_of(schema: &Value, text: &str) -> Result<Value, Fault> {
    let text = text.trim();
    let parts = || text.split(',').map(str::trim).filter(|part| !part.is_empty());
    match schema["type"].as_str() {
        Some("boolean") => {
            yes_or_no(text).map(Value::Bool).ok_or_else(|| Fault::new("this must be true or false"))
        }
        Some("integer") => match text.parse::<i64>() {
            Ok(number) => Ok(Value::Number(number.into())),
            Err(_) => Err(Fault::new("this must be a whole number, without a unit")),
        },
        Some("number") => match text.parse::<f64>().ok().and_then(Number::from_f64) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(Fault::new("this must be a number, without a unit")),
        },
        Some("array") => Ok(Value::Array(parts().map(|part| Value::String(part.to_owned())).collect())),
        Some("object") => {
            let pair = |part: &str| {
                let (key, value) = part.split_once('=')?;
                Some((key.trim().to_owned(), Value::String(value.trim().to_owned())))
            };
            let pairs: Option<Map<String, Value>> = parts().map(pair).collect();
            pairs.map(Value::Object).ok_or_else(|| Fault::new("this must be `name=value,name=value`"))
        }
        _ if forms(schema).any(|form| form["type"] == "boolean") && yes_or_no(text).is_some() => {
            Ok(yes_or_no(text).into())
        }
        _ if schema["enum"].is_array() => Ok(Value::String(text.to_ascii_lowercase())),
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// Sets a value in the tree and notes where it comes from. A table of the file that is no table stays as
/// it is: the check tells.
pub(super) fn put(
    tree: &mut Map<String, Value>,
    path: &[String],
    table: &str,
    value: Value,
    origin: &Origin,
    report: &mut Report,
) {
    let [name, rest @ ..] = path else { return };
    let here = join(table, name);
    if rest.is_empty() {
        let inside = format!("{here}[");
        let below = format!("{here}.");
        report.origins.retain(|path, _| !path.starts_with(&inside) && !path.starts_with(&below));
        report.origins.insert(here.clone(), origin.clone());
        if let Some(other) = instead_of(name) {
            tree.remove(&other);
            report.origins.remove(&join(table, &other));
        }
        tree.insert(name.clone(), value);
        return;
    }
    report.origins.entry(here.clone()).or_insert_with(|| origin.clone());
    if let Value::Object(inner) = tree.entry(name.clone()).or_insert_with(|| Value::Object(Map::new())) {
        put(inner, rest, &here, value, origin, report);
    }
}

/// A key comes from a variable or from a file: the one that is laid over takes the place of the other.
fn instead_of(name: &str) -> Option<String> {
    if let Some(stem) = name.strip_suffix("key_env") {
        return Some(format!("{stem}key_file"));
    }
    name.strip_suffix("key_file").map(|stem| format!("{stem}key_env"))
}
