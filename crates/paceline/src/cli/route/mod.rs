//! `paceline route`: what routes decide and why, and what others would have decided.

mod explain;
mod replay;

use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct RouteArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say which model a call would get and why, or why a past call got its model.
    Explain(explain::ExplainArgs),
    /// Let a route decide past calls again: what it would have cost, how fast and how good it would have been.
    Replay(replay::ReplayArgs),
}

pub(crate) fn run(args: &RouteArgs) -> ExitCode {
    match &args.what {
        What::Explain(args) => explain::run(args),
        What::Replay(args) => replay::run(args),
    }
}
