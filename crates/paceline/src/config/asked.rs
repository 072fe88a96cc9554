//! A key that is asked for by HTTP, read as the configuration reads one: the same names, ranges and advice.

use super::check::check;
use super::env::Env;
use super::problem::Fault;
use super::report::Report;
use super::resolve::{Desk, is_label};
use super::rights::{self, Reach};
use super::{Config, Flags, Problem, Sources, typed};
use crate::keys::Wanted;
use paceline_types::rules::Rights;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

/// The settings of a key, without where its value comes from.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut schema = super::schema::schema()["properties"]["keys"]["items"].clone();
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.retain(|name, _| name != "key_env" && name != "key_file");
    }
    schema
});

/// Reads a key.
///
/// # Errors
/// With everything that is wrong with it; at least one problem.
pub(crate) fn key(asked: &Map<String, Value>, config: &Config) -> Result<Wanted, Vec<Problem>> {
    let mut value = Value::Object(asked.clone());
    let mut report = Report::new(None);
    check(&SCHEMA, &mut value, "", &mut report);
    let entry = serde_json::from_value::<typed::CallerKey>(value).unwrap_or_else(|_| {
        report.error("", Fault::new("the key cannot be read"));
        typed::CallerKey::default()
    });
    for (name, text) in [("name", &entry.name), ("tenant", &entry.tenant), ("workspace", &entry.workspace)] {
        if !is_label(text) && !report.has_errors_about(name) {
            let fault = Fault::new("this is no name: letters, digits, `.`, `_`, `-`, at most 64");
            report.error(name, if text.is_empty() { Fault::new("a name is needed") } else { fault });
        }
    }
    if entry.name == "admin" {
        report.error("name", Fault::new("`admin` is the name of the admin key").help("choose another name"));
    }
    let sources = Sources { file: None, env: &|_| None, env_names: &[], flags: Flags::default() };
    let mut desk = Desk {
        env: Env::new(&sources),
        base: PathBuf::new(),
        report,
        detected: BTreeMap::new(),
        detect: false,
    };
    let rights = rights::rights(&entry, "", &config.budgets.zone, &Reach::of(config), &mut desk);
    let (problems, ..) = desk.report.finish();
    if !problems.is_empty() {
        return Err(problems);
    }
    let text = |text: &str| text.into();
    let (name, tenant, workspace) = (text(&entry.name), text(&entry.tenant), text(&entry.workspace));
    Ok(Wanted { name, tenant, workspace, rights: Arc::unwrap_or_clone(rights) })
}

/// A key as it would be written: what [`key`] reads back.
pub(crate) fn written(wanted: &Wanted) -> Map<String, Value> {
    let Rights { models, expires_at, limits, budget, priority } = &wanted.rights;
    // An amount came from such a number, whose shortest text it was.
    let dollars = |cost: paceline_types::money::Cost| cost.to_string().parse::<f64>().ok();
    let mut out = json!({
        "name": &*wanted.name,
        "tenant": &*wanted.tenant,
        "workspace": &*wanted.workspace,
        "models": models.iter().map(|pattern| &**pattern).collect::<Vec<_>>(),
        "expires": expires_at,
        "priority": priority.as_str(),
        "limits": super::show::limits_json(limits),
        "budget": {
            "day_usd": budget.day.and_then(dollars),
            "month_usd": budget.month.and_then(dollars),
            "soft": budget.soft,
            "shadow": budget.shadow,
        },
    });
    without_nulls(&mut out);
    match out {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Lays `patch` over `value`: members of objects one by one, null takes away (RFC 7396).
pub(crate) fn merge(value: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, new) in patch {
        match (new, value.get_mut(name)) {
            (Value::Null, _) => drop(value.remove(name)),
            (Value::Object(new), Some(Value::Object(old))) => merge(old, new),
            _ => {
                let mut new = new.clone();
                without_nulls(&mut new);
                value.insert(name.clone(), new);
            }
        }
    }
}

fn without_nulls(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_, value| !value.is_null());
        members.values_mut().for_each(without_nulls);
    }
}
