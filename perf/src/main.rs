//! The runnable comparison of gateways: direct, nginx, two floors, Envoy, Paceline, in the same rounds.

mod alarm;
mod cases;
mod error;
mod floor;
mod instructions;
mod load;
mod metering;
mod once;
mod payload;
mod pin;
mod process;
mod procfs;
mod quiet;
mod report;
mod results;
mod run;
mod steps;
mod strain;
mod subject;
mod tls;
mod upstream;
mod wire;

#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

use error::{Context, Result, fail};

/// Compare what gateways cost, on this machine, in one run.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the comparison and print it as Markdown.
    Run(run::Args),
    /// Send a fixed number of checked calls to any URL, for profilers.
    Load(once::LoadArgs),
    /// Count instructions per call under valgrind.
    Instructions(instructions::Args),
    /// Show what Paceline holds out: overload, many streams, callers that do not read.
    Strain(strain::Args),
    /// Time single steps of the path, in nanoseconds per call.
    Steps(steps::Args),
    /// Write a paceline.toml for an upstream of this tool, to start Paceline by hand.
    Config(once::ConfigArgs),
    /// Serve the cheap upstream; prints its address.
    Upstream(upstream::Args),
    /// Serve a bare hyper pass-through; prints its address.
    Floor(floor::Args),
    /// Serve a hyper pass-through with metering; prints its address.
    MeteringFloor(floor::Args),
}

/// Prints a line of the result.
fn say(line: impl Display) {
    // A closed pipe means nobody reads on; nothing is left to tell.
    let _ = writeln!(std::io::stdout(), "{line}");
    let _ = std::io::stdout().flush();
}

/// Prints a line about the progress.
fn note(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

async fn dispatch(command: Command) -> Result<()> {
    match command {
        Command::Run(args) => run::run(args).await,
        Command::Load(args) => once::load(args).await,
        Command::Instructions(args) => instructions::instructions(args).await,
        Command::Strain(args) => strain::strain(args).await,
        Command::Steps(args) => steps::steps(&args),
        Command::Config(args) => once::config(&args),
        Command::Upstream(args) => upstream::serve(args).await,
        Command::Floor(args) => floor::serve(args, false).await,
        Command::MeteringFloor(args) => floor::serve(args, true).await,
    }
}

fn start(cli: Cli) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("runtime")?;
    LocalSet::new().block_on(&runtime, async {
        let mut end = signal(SignalKind::terminate()).context("signals")?;
        // Servers have no end of their own: being told to end is a good one.
        let serves =
            matches!(cli.command, Command::Upstream(_) | Command::Floor(_) | Command::MeteringFloor(_));
        // Dropping the run stops what it started.
        tokio::select! {
            ended = dispatch(cli.command) => ended,
            _ = tokio::signal::ctrl_c() => fail("interrupted"),
            _ = end.recv() => if serves { Ok(()) } else { fail("ended by signal") },
        }
    })
}

fn main() -> ExitCode {
    match start(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
