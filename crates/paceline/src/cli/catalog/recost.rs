//! `paceline catalog recost`: costs of calls whose price was not known when they were made.

use crate::cli::Where;
use crate::cli::client::{encoded, post};
use crate::cli::out::{count, fail, say};
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct RecostArgs {
    /// How far back: 24h, 30d.
    #[arg(long, value_name = "TIME", default_value = "30d")]
    window: String,
    /// Address of the running Paceline [default: what the configuration says it listens on].
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The configuration file it runs with.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &RecostArgs, json: bool) -> ExitCode {
    let place = Where { url: args.url.clone(), config: args.config.clone(), json };
    let path = format!("/v1/costs/recalculate?window={}", encoded(&args.window));
    match post(&place, &path) {
        Ok(value) if json => say(format_args!("{value:#}\n")),
        Ok(value) => say(page(&value)),
        Err(error) => return fail(error),
    }
    ExitCode::SUCCESS
}

fn page(value: &Value) -> String {
    let number = |name: &str| count(value[name].as_u64().unwrap_or(0));
    let mut page = format!(
        "{} calls had no cost; {} have one now: ${}\n",
        number("unknown"),
        number("priced"),
        value["cost_usd"].as_str().unwrap_or("0"),
    );
    for (name, calls) in value["still_unknown"].as_object().into_iter().flatten() {
        page.push_str(&format!("no price for {name}: {} calls\n", count(calls.as_u64().unwrap_or(0))));
    }
    page
}
