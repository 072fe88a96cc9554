//! `paceline route`: decisions of routes.

mod replay;

use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct RouteArgs {
    #[command(subcommand)]
    what: What,
    /// JSON for machines.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Let a route decide past calls again: what it would have cost, how fast and how good it would have been.
    Replay(replay::ReplayArgs),
}

pub(crate) fn run(args: &RouteArgs) -> ExitCode {
    match &args.what {
        What::Replay(what) => replay::run(what, args.json),
    }
}
