//! The JSON Schema made from the types in `typed.rs`, for editors and for our own checks.

use super::typed;
use paceline_dialect::provider::KINDS;
use paceline_stats::indicator::Core;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

static SCHEMA: LazyLock<Value> = LazyLock::new(make);

/// The JSON Schema (draft 7) of `paceline.toml`.
pub fn json_schema() -> Value {
    SCHEMA.clone()
}

/// The same, without a copy.
pub(super) fn schema() -> &'static Value {
    &SCHEMA
}

fn make() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<typed::File>().to_value();
    tidy(&mut schema);
    let kinds: Vec<&str> = KINDS.iter().map(|row| row.name).collect();
    if let Some(kind) = schema.pointer_mut("/properties/providers/additionalProperties/properties/kind") {
        kind["enum"] = json!(kinds);
    }
    indicators(&mut schema);
    schema
}

/// Defaults and ranges of the indicators, from the table of them.
fn indicators(schema: &mut Value) {
    for core in Core::ALL {
        let limits = core.limits();
        for (name, value) in
            [("target", limits.target), ("warning", limits.warning), ("critical", limits.critical)]
        {
            let path = format!("/properties/indicators/properties/{}/properties/{name}", core.name());
            let Some(setting) = schema.pointer_mut(&path) else { continue };
            (setting["x-default"], setting["minimum"]) = (number(value), json!(0));
            setting["maximum"] = number(core.most());
        }
    }
}

/// A whole number as people write it, without a fraction.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 { json!(value as i64) } else { json!(value) }
}

/// TOML has no null, formats of Rust's integers mean nothing to editors, and doc comments are wrapped.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.remove("format");
            if map.get("default").is_some_and(Value::is_null) {
                map.remove("default");
            }
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".into(), only);
                }
            }
            unwrap_single_choice(map);
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            if let Some(Value::Object(inner)) = map.get_mut("default") {
                inner.retain(|_, value| !value.is_null());
            }
            require(map);
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// What has no default is asked for by editors; our own words for it are in `resolve.rs` and `models.rs`.
fn require(map: &mut Map<String, Value>) {
    let Some(Value::Object(properties)) = map.get_mut("properties") else { return };
    let mut names = Vec::new();
    for (name, property) in properties.iter_mut().filter(|(_, property)| property["x-default"] == "required")
    {
        names.push(json!(name));
        if let Value::Object(property) = property {
            property.remove("default");
        }
    }
    if !names.is_empty() {
        map.insert("required".into(), Value::Array(names));
    }
}

/// An optional enum arrives as a choice between it and null.
fn unwrap_single_choice(map: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = map.get_mut("anyOf") else { return };
    choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
    if choices.len() == 1
        && let Some(Value::Object(only)) = choices.pop()
    {
        map.remove("anyOf");
        for (key, value) in only {
            map.entry(key).or_insert(value);
        }
    }
}
