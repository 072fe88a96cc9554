//! `paceline route`: what routes decide, and why.

mod explain;

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
}

pub(crate) fn run(args: &RouteArgs) -> ExitCode {
    match &args.what {
        What::Explain(args) => explain::run(args),
    }
}
