//! `paceline calls`: the latest calls, or one whole.

use super::Where;
use super::client::{encoded, get};
use super::out::{self, fail, say, time};
use crate::admin::CALLS_PARAMETERS;
use clap::Args;
use paceline_types::grade::{self, Grade};
use serde_json::Value;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct CallsArgs {
    /// One call by its id; else filters as name=value, e.g. model=gpt-4o status=error.
    #[arg(value_name = "ID | NAME=VALUE")]
    what: Vec<String>,
    /// Show what was captured of the call's bodies (`paceline capture`).
    #[arg(long)]
    body: bool,
    /// How far back: 15m, 24h, 30d.
    #[arg(long, value_name = "TIME")]
    window: Option<String>,
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u16,
    /// Where a page before ended.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[command(flatten)]
    place: Where,
}

pub(crate) fn run(args: &CallsArgs) -> ExitCode {
    let path = match path(args) {
        Ok(path) => path,
        Err(error) => {
            fail(error);
            return ExitCode::from(super::MISUSED);
        }
    };
    let value = match get(&args.place, &path) {
        Ok(value) => value,
        Err(error) => return fail(error),
    };
    if args.place.json {
        say(format_args!("{value:#}\n"));
    } else if args.body {
        say(super::capture::bodies(&value));
    } else if value.get("calls").is_some() {
        let is_narrowed = !args.what.is_empty() || args.window.is_some() || args.cursor.is_some();
        say(list(&value, is_narrowed, out::color()));
    } else {
        say(one(&value));
    }
    ExitCode::SUCCESS
}

fn path(args: &CallsArgs) -> Result<String, String> {
    if let [id] = args.what.as_slice()
        && !id.contains('=')
    {
        let body = if args.body { "/body" } else { "" };
        return Ok(format!("/v1/calls/{}{body}", encoded(id)));
    }
    if args.body {
        return Err("bodies are shown of one call: paceline calls ID --body".into());
    }
    let mut path = format!("/v1/calls?limit={}", args.limit);
    for part in &args.what {
        let Some((name, value)) = part.split_once('=') else {
            return Err(format!("`{part}` is neither a filter (name=value) nor the only id"));
        };
        if !CALLS_PARAMETERS.contains(&name) {
            return Err(format!("`{name}` is no filter; there are {}", CALLS_PARAMETERS.join(", ")));
        }
        path.push_str(&format!("&{name}={}", encoded(value)));
    }
    for (name, value) in [("window", &args.window), ("cursor", &args.cursor)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", encoded(value)));
        }
    }
    Ok(path)
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or("-").to_owned()
}

fn list(value: &Value, is_narrowed: bool, color: bool) -> String {
    let calls = value["calls"].as_array().map_or(&[][..], Vec::as_slice);
    if calls.is_empty() {
        return if is_narrowed { "no such calls\n" } else { "no calls yet\n" }.into();
    }
    let row = |call: &Value| {
        let tokens = |name: &str| call["usage"][name].as_u64().map_or("-".into(), out::count);
        let status = match call["error_code"].as_str() {
            Some(code) => format!("{} ({code})", text(call, "status")),
            None => text(call, "status"),
        };
        let started = text(call, "started_at");
        vec![
            started.get(..23).unwrap_or("-").replace('T', " "),
            call["requested_model"].as_str().or(call["operation"].as_str()).unwrap_or("-").to_owned(),
            text(call, "provider"),
            time(call["duration_ms"].as_f64()),
            time(call["ttft_ms"].as_f64()),
            tokens("input_tokens"),
            tokens("output_tokens"),
            call["output_tokens_per_second"].as_f64().map_or("-".into(), |rate| format!("{rate:.0}")),
            text(call, "cost_usd"),
            status,
            text(call, "id"),
        ]
    };
    let head = ["UTC", "model", "provider", "time", "TTFT", "in", "out", "tok/s", "USD", "status", "id"];
    let rows: Vec<_> = calls.iter().map(row).collect();
    let mut page = out::table(&head, &[3, 4, 5, 6, 7, 8], &rows, color);
    if let Some(cursor) = value["next_cursor"].as_str() {
        page.push_str(&format!("more: --cursor {cursor}\n"));
    }
    page
}

/// How good a field of a whole answer is, where it is one that people feel.
fn graded(name: &str, field: &Value) -> Option<Grade> {
    let number = field.as_f64()?;
    match name {
        "duration_ms" => Some(grade::response_time(number / 1000.0)),
        "ttft_ms" => Some(grade::ttft(number / 1000.0)),
        "output_tokens_per_second" => Some(grade::tokens_per_second(number)),
        _ => None,
    }
}

/// A grade beside its number.
fn words(grade: Grade) -> String {
    let between = if grade.advice.is_empty() { "" } else { ": " };
    format!("  {}{between}{}", grade.word, grade.advice)
}

/// One call, a line a field, what is not known left out.
fn one(value: &Value) -> String {
    let mut page = String::new();
    let Some(fields) = value.as_object() else { return page };
    let is_whole = value["status"] == "ok";
    for (name, field) in fields {
        match field {
            Value::Null => {}
            Value::Object(inner) if inner.is_empty() => {}
            Value::Object(_) => page.push_str(&format!("{name:<26}{field}\n")),
            Value::String(text) => page.push_str(&format!("{name:<26}{text}\n")),
            Value::Array(rows) => {
                for row in rows {
                    let known = row.as_object().into_iter().flatten().filter(|(_, v)| !v.is_null());
                    let parts: Vec<String> = known.map(|(k, v)| format!("{k}={v}")).collect();
                    page.push_str(&format!("{:<26}{}\n", name.trim_end_matches('s'), parts.join(" ")));
                }
            }
            other => {
                let grade = graded(name, other).filter(|_| is_whole).map_or(String::new(), words);
                page.push_str(&format!("{name:<26}{other}{grade}\n"));
            }
        }
    }
    page
}
