//! Compares a tree with the schema and reports all that does not fit, each at its place.

use super::excerpt::{looks_secret, names_a_secret, shown};
use super::problem::Fault;
use super::report::{Report, join, name_of};
use super::suggest::did_you_mean;
use serde_json::{Map, Value};

/// More names than these are listed only where no other help is at hand.
const LISTED_AT_MOST: usize = 8;

/// Reports what does not fit and takes it out of the tree, so that the rest can be judged too.
pub(super) fn check(schema: &Value, value: &mut Value, path: &str, report: &mut Report) -> bool {
    let Some(schema) = choice(schema, value) else { return true };
    if !kind_fits(schema, value) {
        report.error(path, wrong_kind(schema, value, path));
        return false;
    }
    match value {
        Value::Object(map) => check_table(schema, map, path, report),
        Value::Array(items) => {
            let item = &schema["items"];
            let most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
            if items.len() as u64 > most {
                report.error(
                    path,
                    Fault::new(format!("the list has {} entries, at most {most} are taken", items.len())),
                );
                return false;
            }
            let mut index = 0;
            items.retain_mut(|value| {
                let path = format!("{path}[{index}]");
                index += 1;
                check(item, value, &path, report)
            });
            // A list that lost its items to their problems must not be told to be empty as well.
            let fits = index as u64 >= schema["minItems"].as_u64().unwrap_or(0);
            if !fits {
                report.error(path, Fault::new("the list is empty").help("name at least one"));
            }
            true
        }
        Value::String(text) => check_choice(schema, text, path, report),
        Value::Number(_) => check_range(schema, value, path, report),
        _ => true,
    }
}

/// Of several forms of a setting the one that the value is of; the last if it is none.
fn choice<'a>(schema: &'a Value, value: &Value) -> Option<&'a Value> {
    let Some(choices) = schema.get("anyOf").and_then(Value::as_array) else {
        return schema.is_object().then_some(schema);
    };
    choices.iter().find(|form| kind_fits(form, value)).or(choices.last())
}

fn kind_fits(schema: &Value, value: &Value) -> bool {
    match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        _ => true,
    }
}

fn check_table(schema: &Value, map: &mut Map<String, Value>, path: &str, report: &mut Report) -> bool {
    let properties = schema["properties"].as_object();
    let others = &schema["additionalProperties"];
    map.retain(|name, value| {
        let path = join(path, name);
        match properties.and_then(|known| known.get(name)) {
            Some(schema) => check(schema, value, &path, report),
            None if others.is_object() => check(others, value, &path, report),
            None => {
                let known = properties.into_iter().flat_map(Map::keys).map(String::as_str);
                report.error(&path, unknown(name, known, &path));
                false
            }
        }
    });
    true
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>, path: &str) -> Fault {
    let known: Vec<&str> = known.collect();
    let plain = name.to_ascii_lowercase().replace('-', "_");
    if names_a_secret(name) && known.iter().any(|known| known.ends_with("key_env")) {
        let stem = if path.starts_with("providers") { "api_key" } else { "key" };
        let stem = if path.starts_with("server") { "admin_key" } else { stem };
        return Fault::new("keys are not written into the file, which is copied, shown and committed").help(
            &format!("put the key into an environment variable or a file, and name it: `{stem}_env = \"NAME\"` or `{stem}_file = \"PATH\"`"),
        );
    }
    let elsewhere = || {
        let place = home_of(&plain)?;
        Some(format!("`{plain}` belongs in {place}"))
    };
    let list = || {
        let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        Some(format!("settings here: {}", known.join(", ")))
    };
    let near = did_you_mean(name, known.iter().copied());
    Fault::new("there is no such setting").maybe_help(near.or_else(elsewhere).or_else(list))
}

/// The table where a setting of that name stands.
fn home_of(name: &str) -> Option<&'static str> {
    let schema = super::schema::schema();
    let tables = ["server", "timeouts", "records", "log"];
    let shown = ["`[server]`", "`[timeouts]`", "`[records]`", "`[log]`"];
    let found = tables
        .iter()
        .position(|table| schema.pointer(&format!("/properties/{table}/properties/{name}")).is_some());
    if let Some(index) = found {
        return Some(shown[index]);
    }
    let provider = "/properties/providers/additionalProperties/properties";
    if schema.pointer(&format!("{provider}/{name}")).is_some() {
        return Some("a provider, e.g. `[providers.openai]`");
    }
    schema["properties"]
        .get(name)
        .is_some()
        .then_some("the top level of the file, before the first `[table]`, or as a table of its own")
}

fn check_choice(schema: &Value, text: &str, path: &str, report: &mut Report) -> bool {
    let Some(allowed) = schema["enum"].as_array() else { return true };
    let allowed: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
    if allowed.contains(&text) {
        return true;
    }
    let list = allowed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let near = did_you_mean(text, allowed.iter().copied());
    let fault = if allowed.len() > LISTED_AT_MOST {
        Fault::new(format!("there is no {} `{}`", name_of(path), shown(text)))
            .maybe_help(near.or_else(|| Some(format!("there are: {list}"))))
    } else {
        Fault::new(format!("`{}` is none of {list}", shown(text))).maybe_help(near)
    };
    report.error(path, fault);
    false
}

fn check_range(schema: &Value, value: &Value, path: &str, report: &mut Report) -> bool {
    if schema["type"] == "number" {
        return check_fraction(schema, value, path, report);
    }
    let bound = |name: &str| schema[name].as_f64().map(|bound| bound as i128);
    let (least, most) = (bound("minimum").unwrap_or(0), bound("maximum").unwrap_or(i64::MAX.into()));
    let number = value.as_i64().map(i128::from).or(value.as_u64().map(i128::from)).unwrap_or(-1);
    if (least..=most).contains(&number) {
        return true;
    }
    out_of_range(schema, &format!("{least} to {most}"), path, report)
}

fn check_fraction(schema: &Value, value: &Value, path: &str, report: &mut Report) -> bool {
    let (least, most) =
        (schema["minimum"].as_f64().unwrap_or(f64::MIN), schema["maximum"].as_f64().unwrap_or(f64::MAX));
    if value.as_f64().is_some_and(|number| (least..=most).contains(&number)) {
        return true;
    }
    out_of_range(schema, &format!("{least} to {most}"), path, report)
}

fn out_of_range(schema: &Value, range: &str, path: &str, report: &mut Report) -> bool {
    let unit = unit(path);
    let mut fault = Fault::new(format!("the value is out of range: {range}{unit}"));
    match schema.get("x-default").or(schema.get("default")) {
        Some(Value::String(words)) if words == "required" => {}
        Some(Value::String(words)) => fault = fault.help(&format!("the default is {words}")),
        Some(number) => fault = fault.help(&format!("the default is {number}")),
        None => {}
    }
    report.error(path, fault);
    false
}

fn unit(path: &str) -> &'static str {
    match path {
        _ if path.ends_with("_ms") => " milliseconds",
        _ if path.ends_with("_bytes") => " bytes",
        _ => "",
    }
}

fn wrong_kind(schema: &Value, value: &Value, path: &str) -> Fault {
    let wanted = match schema["type"].as_str() {
        Some("object") if path.starts_with("models.") && !path.ends_with(".shadow") => {
            "`\"provider/model\"` or a table"
        }
        Some("object") if path.ends_with(".cascade") => "true, false or a table",
        Some("object") => "a table",
        Some("array") if path == "keys" => "a list of tables (`[[keys]]`)",
        Some("array") => "a list",
        Some("boolean") => "true or false",
        Some("integer") => "a whole number",
        Some("number") => "a number",
        _ => "text in quotes",
    };
    let found = match value {
        Value::Null => "a date",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    };
    Fault::new(format!("this must be {wanted}, not {found}")).maybe_help(mend(schema, value, path))
}

/// How the value given would be written rightly, where that can be told.
fn mend(schema: &Value, value: &Value, path: &str) -> Option<String> {
    let name = name_of(path);
    // An item of a list is written without a name.
    let name = if name.starts_with('[') { String::new() } else { format!("{name} = ") };
    if path == "server.listen" && value.is_number() {
        return Some(format!("write `listen = \"127.0.0.1:{value}\"`"));
    }
    match (schema["type"].as_str()?, value) {
        ("integer", Value::String(text)) => {
            let text = text.trim();
            let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
            let number: u64 = digits.parse().ok()?;
            let factor = match text[digits.len()..].trim() {
                "" => 1,
                "ms" if path.ends_with("_ms") => 1,
                "s" if path.ends_with("_ms") => 1000,
                "m" | "min" if path.ends_with("_ms") => 60_000,
                "KB" | "K" | "KiB" if path.ends_with("_bytes") => 1 << 10,
                "MB" | "M" | "MiB" if path.ends_with("_bytes") => 1 << 20,
                _ => return None,
            };
            Some(format!("write `{name}{}`", number.checked_mul(factor)?))
        }
        ("number", Value::String(text)) => {
            let text = text.trim();
            let plain = text.parse::<f64>().ok();
            let percent = || Some(text.strip_suffix('%')?.trim().parse::<f64>().ok()? / 100.0);
            Some(format!("write `{name}{}`", plain.or_else(percent)?))
        }
        ("boolean", Value::String(text)) => {
            let text = text.to_ascii_lowercase();
            let yes = match text.as_str() {
                "true" | "yes" | "on" => true,
                "false" | "no" | "off" => false,
                _ => return None,
            };
            Some(format!("write `{name}{yes}`"))
        }
        ("array", Value::String(text)) if !looks_secret(text) && text.len() < 80 => {
            Some(format!("write `{name}[{text:?}]`"))
        }
        ("object", Value::Array(_)) if path.starts_with("models.") => {
            Some(format!("write `{name}{{ targets = […] }}`"))
        }
        ("string", Value::Number(number)) => Some(format!("write `{name}\"{number}\"`")),
        _ => None,
    }
}
