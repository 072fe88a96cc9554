//! The reference of all settings as Markdown, made from the schema.

use super::env::{Setting, settings_of};
use paceline_dialect::provider::KINDS;
use serde_json::Value;
use std::fmt::Write;

/// Tables with fixed names, in the order of the reference.
const TABLES: [&str; 14] = [
    "server",
    "timeouts",
    "retry",
    "health",
    "queue",
    "records",
    "storage",
    "files",
    "catalog",
    "log",
    "tiers",
    "routing",
    "budgets",
    "indicators",
];

/// One table of settings per table of the file: name, variable, default, range, meaning.
pub fn reference() -> String {
    let schema = super::schema::schema();
    let mut out = String::new();
    let root = settings_of(schema);
    let top: Vec<&Setting> = root.iter().filter(|setting| setting.path.len() == 1).collect();
    section(&mut out, "Top level", "Before the first `[table]` of the file.", &top, "PACELINE_");
    for table in TABLES {
        let rows: Vec<&Setting> = root.iter().filter(|setting| setting.path[0] == table).collect();
        let mut about = description(&schema["properties"][table]);
        // Tables in the table say themselves what they are about.
        for (name, inner) in schema["properties"][table]["properties"].as_object().into_iter().flatten() {
            if inner["properties"].is_object() {
                let _ = write!(about, "\n\n* `{name}`: {}", description(inner));
            }
        }
        section(&mut out, &format!("`[{table}]`"), &about, &rows, "PACELINE_");
    }
    let properties = &schema["properties"];
    let provider = &properties["providers"]["additionalProperties"];
    let forms = properties["models"]["additionalProperties"]["anyOf"].as_array();
    let model = forms.and_then(|forms| forms.iter().find(|form| form["type"] == "object"));
    let entries = [
        ("`[providers.NAME]`", &properties["providers"], Some(provider), "PACELINE_PROVIDERS_NAME_"),
        ("`[models]`", &properties["models"], model, "PACELINE_MODELS_NAME_"),
        (
            "`[routes.NAME]`",
            &properties["routes"],
            Some(&properties["routes"]["additionalProperties"]),
            "PACELINE_ROUTES_NAME_",
        ),
        (
            "`[roles.NAME]`",
            &properties["roles"],
            Some(&properties["roles"]["additionalProperties"]),
            "PACELINE_ROLES_NAME_",
        ),
        (
            "`[prices]`",
            &properties["prices"],
            Some(&properties["prices"]["additionalProperties"]),
            "PACELINE_PRICES_NAME_",
        ),
        ("`[[keys]]`", &properties["keys"], Some(&properties["keys"]["items"]), "PACELINE_KEYS_NAME_"),
        (
            "`[tenants.NAME]`",
            &properties["tenants"],
            Some(&properties["tenants"]["additionalProperties"]),
            "",
        ),
        (
            "`[workspaces.\"TENANT/NAME\"]`",
            &properties["workspaces"],
            Some(&properties["workspaces"]["additionalProperties"]),
            "",
        ),
    ];
    for (title, about, entry, prefix) in entries {
        let settings = entry.map(settings_of).unwrap_or_default();
        let rows: Vec<&Setting> = settings.iter().filter(|setting| setting.path[0] != "timeouts").collect();
        section(&mut out, title, &description(about), &rows, prefix);
        if rows.len() < settings.len() {
            let _ = writeln!(
                out,
                "| `timeouts` | `{prefix}TIMEOUTS_…` | as the wider ones | | A table with the keys of `[timeouts]`. |"
            );
        }
    }
    services(&mut out);
    out
}

fn services(out: &mut String) {
    out.push_str("\n### Services\n\nThe values of `kind`: what each brings along.\n\n");
    out.push_str("| Kind | Service | Address | Key from | Address from |\n|---|---|---|---|---|\n");
    let code = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        if names.is_empty() { "–".into() } else { names.join(", ") }
    };
    for row in KINDS {
        let address = match (row.name, row.base_url) {
            ("sim", _) => "in this process".into(),
            ("bedrock", _) => "of its region".into(),
            (_, "") => "must be given".into(),
            (_, address) => format!("`{address}`"),
        };
        let (keys, places) = (code(row.key_env), code(row.base_url_env));
        let _ = writeln!(out, "| `{}` | {} | {address} | {keys} | {places} |", row.name, row.title);
    }
}

fn section(out: &mut String, title: &str, about: &str, rows: &[&Setting], prefix: &str) {
    let gap = if out.is_empty() { "" } else { "\n" };
    let _ = writeln!(out, "{gap}### {title}\n\n{about}\n");
    out.push_str("| Setting | Variable | Default | Range | Meaning |\n|---|---|---|---|---|\n");
    for setting in rows {
        // Below a table of the file the table's name is in the title.
        let below = usize::from(title.starts_with("`[") && prefix == "PACELINE_");
        let name = setting.path.get(below..).unwrap_or_default().join(".");
        let variable = format!("{prefix}{}", setting.suffix());
        let has_none = prefix.is_empty() || prefix.contains("_KEYS_") && name == "name";
        let variable = if has_none { "–".into() } else { format!("`{variable}`") };
        let _ = writeln!(
            out,
            "| `{name}` | {variable} | {} | {} | {} |",
            default(&setting.schema),
            range(&setting.schema),
            description(&setting.schema)
        );
    }
}

fn description(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('|', "\\|")
}

fn default(schema: &Value) -> String {
    match (schema.get("x-default"), schema.get("default")) {
        (Some(Value::String(words)), _) => words.clone(),
        (Some(value), _) => format!("`{value}`"),
        (None, None) => "–".into(),
        (None, Some(Value::Array(items))) if items.is_empty() => "`[]`".into(),
        (None, Some(Value::Object(map))) if map.is_empty() => "`{}`".into(),
        (None, Some(value)) => format!("`{value}`"),
    }
}

fn range(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> =
            words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect();
        // The table of services is shown by itself.
        return if words.len() > 8 { "a service".into() } else { words.join(", ") };
    }
    if schema["anyOf"].as_array().is_some_and(|forms| forms.iter().any(|form| form["type"] == "boolean")) {
        return "`true`, `false`, table".into();
    }
    match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
        (Some(least), Some(most)) => format!("{least}–{most}"),
        _ => match schema["type"].as_str() {
            Some("boolean") => "`true`, `false`".into(),
            Some("array") => "list of texts".into(),
            Some("object") => "names and texts".into(),
            _ => "text".into(),
        },
    }
}
