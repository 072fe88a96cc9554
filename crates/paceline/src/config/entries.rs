//! Environment names of entries: `PACELINE_PROVIDERS_<NAME>_<SETTING>`, and the same for models, routes, roles and keys.

use super::env::{Env, Setting, env_name, lay, put, settings_of};
use super::report::{Report, join};
use super::values::Origin;
use serde_json::{Map, Value, json};

/// One kind of entries: its names are the user's own.
pub(super) struct Group {
    table: &'static str,
    settings: Vec<Setting>,
    /// Settings that make a new entry; the others only change one that is there.
    making: &'static [&'static str],
    /// Variables that hold a secret itself: their ending, and the setting that names them.
    secret: Option<(&'static str, &'static str)>,
}

/// Providers, models, routes, roles and keys.
pub(super) fn groups(schema: &Value) -> [Group; 5] {
    let provider = &schema["properties"]["providers"]["additionalProperties"];
    let forms = &schema["properties"]["models"]["additionalProperties"]["anyOf"];
    let model = forms.as_array().and_then(|forms| forms.iter().find(|form| form["type"] == "object"));
    let key = &schema["properties"]["keys"]["items"];
    [
        Group {
            table: "providers",
            settings: settings_of(provider),
            making: &["BASE_URL", "API_KEY", "API_KEY_ENV", "API_KEY_FILE", "KIND"],
            secret: Some(("API_KEY", "api_key_env")),
        },
        Group {
            table: "models",
            settings: model.map(settings_of).unwrap_or_default(),
            making: &["TARGETS", ""],
            secret: None,
        },
        Group {
            table: "routes",
            settings: settings_of(&schema["properties"]["routes"]["additionalProperties"]),
            making: &["MODELS", "STRATEGY"],
            secret: None,
        },
        Group {
            table: "roles",
            settings: settings_of(&schema["properties"]["roles"]["additionalProperties"]),
            making: &["MODEL", "TIER"],
            secret: None,
        },
        Group {
            table: "keys",
            settings: settings_of(key).into_iter().filter(|setting| setting.path != ["name"]).collect(),
            making: &["KEY", "KEY_ENV", "KEY_FILE"],
            secret: Some(("KEY", "key_env")),
        },
    ]
}

impl Group {
    fn prefix(&self) -> String {
        format!("PACELINE_{}_", env_name(self.table))
    }

    /// The names that the entries of the tree have, for suggestions.
    pub(super) fn names(&self, tree: &Map<String, Value>) -> Vec<String> {
        let mut names = Vec::new();
        for entry in self.entries(tree) {
            let start = format!("{}{}", self.prefix(), env_name(&entry));
            names.extend(self.settings.iter().map(|setting| format!("{start}_{}", setting.suffix())));
        }
        names
    }

    /// Lays one variable over the tree if it is of this group; true when it is done with.
    pub(super) fn lay(
        &self,
        tree: &mut Map<String, Value>,
        name: &str,
        env: &Env<'_>,
        only_making: bool,
        report: &mut Report,
    ) -> bool {
        let prefix = self.prefix();
        let (Some(rest), Some(text)) = (name.strip_prefix(&prefix), env.get(name)) else { return false };
        let Some((entry, suffix, exists)) = self.split(rest, tree) else { return false };
        let makes = self.making.contains(&suffix.as_str());
        let its_turn = makes || (exists && !only_making);
        if !its_turn || (suffix.is_empty() && !text.contains('/')) {
            return false;
        }
        let origin = Origin::Env(name.to_owned());
        let Some((table, path)) = self.open(tree, &entry, &origin, report) else { return true };
        if let Some((_, setting)) = self.secret.filter(|(ending, _)| *ending == suffix) {
            put(table, &[setting.to_owned()], &path, json!(name), &origin, report);
            return true;
        }
        let wanted = if suffix.is_empty() { "TARGETS" } else { suffix.as_str() };
        if let Some(setting) = self.settings.iter().find(|setting| setting.suffix() == wanted) {
            lay(table, setting, &path, name, &text, report);
        }
        true
    }

    /// What stands behind the prefix, as the name of an entry and the ending of a setting. An entry that is
    /// there wins over a longer ending.
    fn split(&self, rest: &str, tree: &Map<String, Value>) -> Option<(String, String, bool)> {
        let mut endings: Vec<String> = self.settings.iter().map(Setting::suffix).collect();
        endings.extend(self.secret.map(|(ending, _)| ending.to_owned()));
        endings.sort_by_key(|ending| std::cmp::Reverse(ending.len()));
        let mut splits: Vec<(&str, String)> = Vec::new();
        for ending in endings {
            if let Some(front) = rest.strip_suffix(&ending).and_then(|front| front.strip_suffix('_'))
                && !front.is_empty()
            {
                splits.push((front, ending));
            }
        }
        if self.making.contains(&"") && !rest.is_empty() {
            splits.push((rest, String::new()));
        }
        let there = self.entries(tree);
        for (front, ending) in &splits {
            if let Some(entry) = there.iter().find(|entry| env_name(entry) == *front) {
                return Some((entry.clone(), ending.clone(), true));
            }
        }
        let (front, ending) = splits.into_iter().next()?;
        let name = front.to_ascii_lowercase();
        // Names of roles are words of callers, which write them so more often than not.
        Some((if self.table == "roles" { name } else { name.replace('_', "-") }, ending, false))
    }

    fn entries(&self, tree: &Map<String, Value>) -> Vec<String> {
        match tree.get(self.table) {
            Some(Value::Object(map)) => map.keys().cloned().collect(),
            Some(Value::Array(items)) => {
                items.iter().filter_map(|item| item["name"].as_str()).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The table of an entry, made if it is not there, and its path.
    fn open<'t>(
        &self,
        tree: &'t mut Map<String, Value>,
        entry: &str,
        origin: &Origin,
        report: &mut Report,
    ) -> Option<(&'t mut Map<String, Value>, String)> {
        let empty = if self.table == "keys" { json!([]) } else { json!({}) };
        report.origins.entry(self.table.to_owned()).or_insert_with(|| origin.clone());
        match tree.entry(self.table).or_insert(empty) {
            Value::Object(map) => {
                let path = join(self.table, entry);
                report.origins.entry(path.clone()).or_insert_with(|| origin.clone());
                let value = map.entry(entry).or_insert_with(|| json!({}));
                if value.is_string() {
                    *value = json!({ "targets": [value.clone()] });
                }
                Some((value.as_object_mut()?, path))
            }
            Value::Array(items) => {
                let found = items.iter().position(|item| item["name"].as_str() == Some(entry));
                let index = found.unwrap_or(items.len());
                let path = format!("{}[{index}]", self.table);
                if found.is_none() {
                    report.origins.insert(path.clone(), origin.clone());
                    items.push(json!({ "name": entry }));
                }
                Some((items.get_mut(index)?.as_object_mut()?, path))
            }
            _ => None,
        }
    }
}
