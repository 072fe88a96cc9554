//! `paceline check`: whether a configuration is valid, and what it means.

use super::out::{self, say, tell};
use crate::config::{self, Flags, show};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Configuration file [default: paceline.toml, if it is there].
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// The same, as for serve.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// JSON for machines.
    #[arg(long)]
    json: bool,
    /// Print the JSON Schema of the file, for editors, and nothing else.
    #[arg(long)]
    schema: bool,
}

pub(crate) fn run(args: &CheckArgs) -> ExitCode {
    if args.schema {
        say(format_args!("{:#}\n", config::json_schema()));
        return ExitCode::SUCCESS;
    }
    let path = args.file.as_deref().or(args.config.as_deref());
    match config::load(Flags::default(), path) {
        Ok(loaded) if args.json => {
            say(format_args!("{:#}\n", show::render_json(&loaded)));
            ExitCode::SUCCESS
        }
        Ok(loaded) => {
            say(show::render(&loaded, out::color()));
            ExitCode::SUCCESS
        }
        Err(error) if args.json => {
            say(format_args!("{:#}\n", json!({"valid": false, "problems": error.problems})));
            ExitCode::from(super::FAILED)
        }
        Err(error) => {
            tell(error.render(out::error_color()));
            ExitCode::from(super::FAILED)
        }
    }
}
