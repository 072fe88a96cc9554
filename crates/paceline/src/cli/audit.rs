//! `paceline audit`: what administrators did, and who was kept from it.

use super::Where;
use super::client::get;
use super::out::{self, fail, say, tell};
use clap::Args;
use serde_json::Value;
use std::process::ExitCode;

/// A detail longer than this is cut on the page; `--json` has it whole.
const DETAIL: usize = 80;

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// How many entries, the newest first.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u16,
    /// Entries before this number only: where a page before ended.
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    #[command(flatten)]
    place: Where,
}

pub(crate) fn run(args: &AuditArgs) -> ExitCode {
    let before = args.before.map(|id| format!("&before={id}")).unwrap_or_default();
    let value = match get(&args.place, &format!("/v1/audit?limit={}{before}", args.limit)) {
        Ok(value) => value,
        Err(error) => return fail(error),
    };
    if args.place.json {
        say(format_args!("{value:#}\n"));
        return ExitCode::SUCCESS;
    }
    let entries = value["audit"].as_array().map_or(&[][..], Vec::as_slice);
    if entries.is_empty() {
        say("nothing yet\n");
    } else {
        let rows: Vec<_> = entries.iter().map(row).collect();
        say(out::table(&["time (UTC)", "who", "what", "on", "detail"], &[], &rows, out::color()));
    }
    if let Some(next) = value["next_before"].as_i64() {
        tell(format_args!("older ones: --before {next}\n"));
    }
    if let Some(note) = value["storage_note"].as_str() {
        tell(format_args!("{note}\n"));
    }
    ExitCode::SUCCESS
}

fn row(entry: &Value) -> Vec<String> {
    let text = |name: &str| super::tree::plain(entry[name].as_str().unwrap_or("-"));
    let at = text("at").get(..19).unwrap_or("-").replace('T', " ");
    let detail = match &entry["detail"] {
        Value::Object(members) if members.is_empty() => String::new(),
        detail => super::tree::plain(&detail.to_string()),
    };
    let short: String = detail.chars().take(DETAIL).collect();
    let detail = if short.len() < detail.len() { format!("{short}…") } else { detail };
    vec![at, text("who"), text("action"), text("object"), detail]
}
