//! `paceline router`: learned routing, with its proof.

mod bench;
mod eval;
mod files;
mod predict;
mod simulate;
mod store;
mod train;

use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct RouterArgs {
    #[command(subcommand)]
    what: What,
    /// JSON for machines.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Learn quality and cost from outcomes; refused unless it beats what needs no look at the prompt.
    Train(train::TrainArgs),
    /// Write what is expected of each prompt at each model.
    Predict(predict::PredictArgs),
    /// Judge a trained router, or predictions, on outcomes: figures, intervals, the cost–quality curve.
    Eval(eval::EvalArgs),
    /// Measure how long a prediction takes.
    Bench(bench::BenchArgs),
    /// Let routers that learn call by call loose on a set, with seeds.
    Simulate(simulate::SimulateArgs),
}

pub(crate) fn run(args: &RouterArgs) -> ExitCode {
    match &args.what {
        What::Train(what) => train::run(what, args.json),
        What::Predict(what) => predict::run(what),
        What::Eval(what) => eval::run(what, args.json),
        What::Bench(what) => bench::run(what, args.json),
        What::Simulate(what) => simulate::run(what, args.json),
    }
}
