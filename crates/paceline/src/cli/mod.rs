//! The command line: one file a command.

mod audit;
mod backup;
mod calls;
mod capture;
mod catalog;
mod check;
mod client;
mod export;
mod feedback;
mod keys;
mod out;
mod route;
mod router;
mod serve;
mod sessions;
mod sim;
mod stats;
mod top;
mod tree;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// It did not work.
const FAILED: u8 = 1;
/// It was called in a wrong way.
const MISUSED: u8 = 2;

/// One binary between applications and LLM providers: it measures every call.
#[derive(Debug, Parser)]
#[command(name = "paceline", version, about, long_about = None, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the gateway (what `paceline` alone does).
    Serve(serve::ServeArgs),
    /// Check a configuration and show what it means.
    Check(check::CheckArgs),
    /// Start a simulated provider: to try everything without a key.
    Sim(sim::SimArgs),
    /// Find calls of a running Paceline.
    Calls(calls::CallsArgs),
    /// Say how good the answer to a call was: routes learn from it.
    Feedback(feedback::FeedbackArgs),
    /// Keep the bodies of the next calls of a running Paceline, redacted and for some days.
    Capture(capture::CaptureArgs),
    /// List sessions of a running Paceline or of operations logs, or show all that is in one.
    Sessions(sessions::SessionsArgs),
    /// Make, list, change, rotate and revoke keys of callers.
    Keys(keys::KeysArgs),
    /// Show what administrators did.
    Audit(audit::AuditArgs),
    /// Copy the data folder, also while Paceline runs.
    Backup(backup::BackupArgs),
    /// Write call records as CSV, JSON lines or Parquet.
    Export(export::ExportArgs),
    /// Show what a running Paceline measured.
    Stats(stats::StatsArgs),
    /// Watch a running Paceline in the terminal, live.
    Top(top::TopArgs),
    /// Look up models and prices, and compare price lists.
    Catalog(catalog::CatalogArgs),
    /// Show what routes decide and why, and what others would have decided.
    Route(route::RouteArgs),
    /// Learn which model a prompt needs, and prove it.
    Router(router::RouterArgs),
}

/// Which running Paceline is asked.
#[derive(Debug, Args)]
struct Where {
    /// Address of the running Paceline [default: what the configuration says it listens on].
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The configuration file it runs with.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// JSON for machines.
    #[arg(long)]
    json: bool,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let started = Instant::now();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(MISUSED) } else { ExitCode::SUCCESS };
        }
    };
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => serve::run(args, started),
        Command::Check(args) => check::run(&args),
        Command::Sim(args) => sim::run(&args),
        Command::Calls(args) => calls::run(&args),
        Command::Feedback(args) => feedback::run(&args),
        Command::Capture(args) => capture::run(&args),
        Command::Sessions(args) => sessions::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Stats(args) => stats::run(&args),
        Command::Top(args) => top::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Catalog(args) => catalog::run(&args),
        Command::Route(args) => route::run(&args),
        Command::Router(args) => router::run(&args),
    }
}
