//! `paceline capture`: the bodies of the next calls are kept, for whoever has to find out what went wrong.

use super::Where;
use super::client::{delete, encoded, get, post_json};
use super::out::{self, fail, say};
use clap::Args;
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct CaptureArgs {
    /// The name of the key whose calls are captured [default: calls without a key, where none are configured].
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// How many calls, 1 to 1000.
    #[arg(long, value_name = "N", default_value_t = 10)]
    calls: u32,
    /// How long at most: 90s, 10m, 24h.
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = seconds)]
    time: u64,
    /// Show the captures under way.
    #[arg(long, conflicts_with_all = ["key", "calls", "time", "end"])]
    list: bool,
    /// End the capture.
    #[arg(long, conflicts_with_all = ["calls", "time"])]
    end: bool,
    #[command(flatten)]
    place: Where,
}

/// Seconds of `90s`, `10m`, `24h`.
fn seconds(text: &str) -> Result<u64, String> {
    crate::span::seconds(text).ok_or_else(|| format!("`{text}` is no time like 90s, 10m or 24h"))
}

pub(crate) fn run(args: &CaptureArgs) -> ExitCode {
    let answer = if args.list {
        get(&args.place, "/v1/captures")
    } else if args.end {
        let key = args.key.as_deref().map_or_else(String::new, |key| format!("/{}", encoded(key)));
        delete(&args.place, &format!("/v1/captures{key}"))
    } else {
        let asked = json!({ "key": args.key, "calls": args.calls, "expires_in_s": args.time });
        post_json(&args.place, "/v1/captures", &asked)
    };
    match answer {
        Ok(value) if args.place.json => say(format_args!("{value:#}\n")),
        Ok(value) if args.list => say(list(&value)),
        Ok(value) if args.end => say(format_args!("The capture of {} has ended.\n", whose(&value))),
        Ok(value) => say(started(&value)),
        Err(error) => return fail(error),
    }
    ExitCode::SUCCESS
}

/// Whose calls.
fn whose(value: &Value) -> String {
    value["key"].as_str().map_or("calls without a key".into(), |key| format!("calls of key {key}"))
}

fn time(value: &Value) -> String {
    match value["expires_in_s"].as_u64().unwrap_or(0) {
        seconds if seconds >= 7200 => format!("{} h", seconds.div_ceil(3600)),
        seconds if seconds >= 120 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{seconds} s"),
    }
}

fn started(value: &Value) -> String {
    let filter = value["key"].as_str().map_or_else(String::new, |key| format!(" key={key}"));
    format!(
        "The bodies of the next {} {} are captured, for {} at most: redacted, and kept {} days.\n\
         Which they are: paceline calls{filter}\nSee one: paceline calls ID --body\n",
        out::count(value["calls_left"].as_u64().unwrap_or(0)),
        whose(value),
        time(value),
        value["kept_days"],
    )
}

fn list(value: &Value) -> String {
    let captures = value["captures"].as_array().map_or(&[][..], Vec::as_slice);
    if captures.is_empty() {
        return "no capture is under way\n".into();
    }
    let row = |one: &Value| vec![whose(one), one["calls_left"].to_string(), time(one)];
    let rows: Vec<_> = captures.iter().map(row).collect();
    out::table(&["whose", "left", "ends in"], &[1, 2], &rows, out::color())
}

/// The bodies of one call.
pub(super) fn bodies(value: &Value) -> String {
    let mut page = String::new();
    for (name, none) in [("request", "no body was sent"), ("answer", "nothing was sent back")] {
        let body = &value[name];
        let Some(length) = body["bytes"].as_u64() else {
            page.push_str(&format!("{name}: {none}\n"));
            continue;
        };
        let kind = body["content_type"].as_str().unwrap_or("no content type");
        let cut = if body["cut"] == true { ", cut" } else { "" };
        page.push_str(&format!("{name}: {kind}, {} bytes{cut}\n", out::count(length)));
        match body["text"].as_str() {
            Some(text) => page.push_str(&visible(text)),
            None => page.push_str("(no text: only its type and length are kept)"),
        }
        page.push_str("\n\n");
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// A text whose control characters cannot move the cursor of whoever looks at it.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for found in text.chars() {
        match found {
            '\r' => {}
            other if other.is_control() && !matches!(other, '\n' | '\t') => {
                out.extend(other.escape_default());
            }
            other => out.push(other),
        }
    }
    out
}
