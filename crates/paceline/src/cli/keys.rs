//! `paceline keys`: callers' keys of a running Paceline.

use super::Where;
use super::client::{encoded, get, send};
use super::out::{self, fail, say, tell};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key; it is shown this once.
    Create(ChangeArgs),
    /// List all keys, those of the configuration too.
    List(ListArgs),
    /// Show what one key may do.
    Show(NameArgs),
    /// Change what a key may do; what is not named stays.
    Update(ChangeArgs),
    /// Give a key a new value; it is shown this once.
    Rotate(RotateArgs),
    /// Take a key back, at once and for good.
    Revoke(NameArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Args)]
struct NameArgs {
    /// Name of the key.
    name: String,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Args)]
struct RotateArgs {
    /// Name of the key.
    name: String,
    /// How long the old value works on: 15m, 24h, 7d.
    #[arg(long, value_name = "TIME")]
    overlap: Option<String>,
    #[command(flatten)]
    place: Where,
}

/// What a key is to be. `none` takes a limit away.
#[derive(Debug, Args)]
struct ChangeArgs {
    /// Name of the key in records and reports.
    name: String,
    /// Tenant that its calls belong to.
    #[arg(long)]
    tenant: Option<String>,
    /// Workspace that its calls belong to.
    #[arg(long)]
    workspace: Option<String>,
    /// Models it may name, e.g. smart,openai/*; `all` for all.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    models: Option<Vec<String>>,
    /// When it ends: 30d from now, or 2027-01-31; `never`.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Calls in any 60 seconds, or `none`.
    #[arg(long, value_name = "N")]
    calls_per_minute: Option<String>,
    /// Input and output tokens in any 60 seconds, or `none`.
    #[arg(long, value_name = "N")]
    tokens_per_minute: Option<String>,
    /// Calls under way at once, or `none`.
    #[arg(long, value_name = "N")]
    concurrent: Option<String>,
    /// US dollars a day, or `none`.
    #[arg(long, value_name = "USD")]
    budget_day: Option<String>,
    /// US dollars a month, or `none`.
    #[arg(long, value_name = "USD")]
    budget_month: Option<String>,
    /// Who waits longer where calls have to wait: interactive or batch.
    #[arg(long)]
    priority: Option<String>,
    #[command(flatten)]
    place: Where,
}

pub(crate) fn run(args: &KeysArgs) -> ExitCode {
    let (place, done) = match &args.command {
        KeysCommand::Create(args) => {
            let asked = asked(args).map(|mut asked| {
                asked.insert("name".into(), json!(args.name));
                asked
            });
            let done = asked.map(|asked| send("POST", &args.place, "/v1/keys", Some(&Value::Object(asked))));
            (&args.place, done)
        }
        KeysCommand::List(args) => (&args.place, Ok(get(&args.place, "/v1/keys"))),
        KeysCommand::Show(args) => (&args.place, Ok(get(&args.place, &path(&args.name)))),
        KeysCommand::Update(args) => {
            let change = |asked| send("PATCH", &args.place, &path(&args.name), Some(&Value::Object(asked)));
            (&args.place, asked(args).map(change))
        }
        KeysCommand::Rotate(args) => {
            let body = args.overlap.as_ref().map(|overlap| json!({ "overlap": overlap }));
            let path = format!("{}/rotate", path(&args.name));
            (&args.place, Ok(send("POST", &args.place, &path, body.as_ref())))
        }
        KeysCommand::Revoke(args) => (&args.place, Ok(send("DELETE", &args.place, &path(&args.name), None))),
    };
    let value = match done {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => return fail(error),
        Err(error) => {
            fail(error);
            return ExitCode::from(super::MISUSED);
        }
    };
    if place.json {
        say(format_args!("{value:#}\n"));
    } else if let Some(keys) = value["keys"].as_array() {
        say(list(keys, out::color()));
    } else {
        say(one(&value));
    }
    if let (false, Some(note)) = (place.json, value["storage_note"].as_str()) {
        tell(format_args!("{note}\n"));
    }
    ExitCode::SUCCESS
}

fn path(name: &str) -> String {
    format!("/v1/keys/{}", encoded(name).replace('/', "%2F"))
}

/// The body of a request to make or change a key; null takes away.
fn asked(args: &ChangeArgs) -> Result<Map<String, Value>, String> {
    let mut asked = Map::new();
    for (name, value) in
        [("tenant", &args.tenant), ("workspace", &args.workspace), ("priority", &args.priority)]
    {
        if let Some(value) = value {
            asked.insert(name.into(), json!(value));
        }
    }
    if let Some(models) = &args.models {
        let all = models.iter().any(|name| name == "all");
        asked.insert("models".into(), if all { Value::Null } else { json!(models) });
    }
    if let Some(end) = &args.expires {
        asked.insert("expires".into(), if end == "never" { Value::Null } else { json!(end) });
    }
    let limits = [
        ("calls_per_minute", &args.calls_per_minute),
        ("tokens_per_minute", &args.tokens_per_minute),
        ("concurrent", &args.concurrent),
    ];
    let limits = numbers(&limits, |text| text.parse::<u64>().ok().map(|number| json!(number)))?;
    let budget = [("day_usd", &args.budget_day), ("month_usd", &args.budget_month)];
    let budget = numbers(&budget, |text| text.parse::<f64>().ok().map(|number| json!(number)))?;
    for (name, members) in [("limits", limits), ("budget", budget)] {
        if !members.is_empty() {
            asked.insert(name.into(), Value::Object(members));
        }
    }
    Ok(asked)
}

fn numbers(
    given: &[(&str, &Option<String>)],
    read: impl Fn(&str) -> Option<Value>,
) -> Result<Map<String, Value>, String> {
    let mut members = Map::new();
    for (name, text) in given {
        let Some(text) = text else { continue };
        let value = match text.trim() {
            "none" => Value::Null,
            number => read(number).ok_or_else(|| format!("`{number}` is no number ({name})"))?,
        };
        members.insert((*name).to_owned(), value);
    }
    Ok(members)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("-")
}

fn list(keys: &[Value], color: bool) -> String {
    if keys.is_empty() {
        return "no keys: calls need none. Make one with `paceline keys create NAME`\n".into();
    }
    let row = |key: &Value| {
        let place = key["key_from"].as_str().map(|from| format!("from {from}"));
        let place = place.unwrap_or_else(|| format!("…{}", text(key, "ends_in")));
        let end = key["expires_at"].as_str().and_then(|end| end.get(..10)).unwrap_or("-");
        let state = match text(key, "state") {
            state @ ("revoked" | "expired") => out::paint(state, "31", color),
            state => state.to_owned(),
        };
        vec![
            text(key, "name").to_owned(),
            state,
            format!("{}/{}", text(key, "tenant"), text(key, "workspace")),
            place,
            end.to_owned(),
            rights(key),
        ]
    };
    let rows: Vec<_> = keys.iter().map(row).collect();
    out::table(&["key", "state", "workspace", "value", "ends", "may"], &[], &rows, color)
}

/// What a key may do, in a few words.
fn rights(key: &Value) -> String {
    let mut said = Vec::new();
    let models: Vec<&str> =
        key["models"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !models.is_empty() {
        said.push(models.join(", "));
    }
    for (pointer, unit) in [
        ("/limits/calls_per_minute", "calls/min"),
        ("/limits/tokens_per_minute", "tokens/min"),
        ("/limits/concurrent", "at once"),
    ] {
        said.extend(
            key.pointer(pointer).and_then(Value::as_u64).map(|n| format!("{} {unit}", out::count(n))),
        );
    }
    for (pointer, unit) in [("/budget/day_usd", "a day"), ("/budget/month_usd", "a month")] {
        said.extend(key.pointer(pointer).and_then(Value::as_str).map(|usd| format!("${usd} {unit}")));
    }
    if key["priority"] == "batch" {
        said.push("batch".into());
    }
    if said.is_empty() { "everything".into() } else { said.join("; ") }
}

fn one(key: &Value) -> String {
    let mut page = String::new();
    if let Some(value) = key["key"].as_str() {
        page.push_str(&format!("{value}\n\nThis is the only time it is shown.\n\n"));
    }
    let mut row = |name: &str, text: &str| page.push_str(&format!("{name:<10} {text}\n"));
    row("key", text(key, "name"));
    row("state", text(key, "state"));
    row("workspace", &format!("{}/{}", text(key, "tenant"), text(key, "workspace")));
    match key["key_from"].as_str() {
        Some(from) => row("value", &format!("from {from}, in the configuration")),
        None => row("value", &format!("…{}", text(key, "ends_in"))),
    }
    row("may", &rights(key));
    for (name, member) in [
        ("ends", "expires_at"),
        ("created", "created_at"),
        ("changed", "changed_at"),
        ("revoked", "revoked_at"),
        ("old value", "old_value_until"),
    ] {
        if let Some(at) = key[member].as_str() {
            let until = if member == "old_value_until" { "works until " } else { "" };
            row(name, &format!("{until}{at}"));
        }
    }
    page
}
