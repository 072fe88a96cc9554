//! `paceline sim`: the simulated provider as a server of its own.

use super::out::{self, fail, say, tell};
use clap::Args;
use paceline_sim::{SimConfig, SimServer};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    /// Address to listen on; port 0 lets the system choose.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8421")]
    listen: SocketAddr,
    /// The seed of answers and delays: the same seed, the same answers.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Models and their behaviour (TOML; see docs/sim.md).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Serve nothing; write so many made-up call records of the last days into the folder --data, to see what history
    /// of that size takes and how fast it answers.
    #[arg(long, value_name = "N", requires = "data")]
    fill: Option<u64>,
    /// The data folder for --fill; no Paceline may be using it.
    #[arg(long, value_name = "DIR", requires = "fill")]
    data: Option<PathBuf>,
    /// With --fill: over how many days the records lie, 30 at most.
    #[arg(long, value_name = "DAYS", requires = "fill", default_value_t = 30.0, value_parser = days)]
    days: f64,
    /// With --fill: JSON for machines.
    #[arg(long, requires = "fill")]
    json: bool,
}

fn days(text: &str) -> Result<f64, String> {
    let days = text.parse::<f64>().ok().filter(|days| *days > 0.0 && *days <= 30.0);
    days.ok_or_else(|| "days are a number above 0, 30 at most".to_owned())
}

/// Fills a folder with history and says what it took.
fn fill(args: &SimArgs, data: &Path, count: u64) -> ExitCode {
    let progress = |made: u64| {
        if out::error_color() {
            tell(format_args!("\r{} of {} records", out::count(made), out::count(count)));
        }
    };
    let filled = match crate::fill::fill(data, count, args.days, args.seed.unwrap_or(1), progress) {
        Ok(filled) => filled,
        Err(error) => return fail(error),
    };
    if out::error_color() {
        tell("\r                                        \r");
    }
    let each = |value: f64| value / count.max(1) as f64;
    let store_us = each(filled.keeping_seconds) * 1e6;
    let seconds = filled.took.as_secs_f64();
    let bytes = each(filled.state.bytes as f64);
    if args.json {
        let rate = count as f64 / seconds;
        say(format_args!(
            "{:#}\n",
            serde_json::json!({
                "records": filled.state.records, "seconds": seconds, "records_per_second": rate,
                "cpu_us_per_record": store_us, "bytes": filled.state.bytes, "bytes_per_record": bytes,
            })
        ));
        return ExitCode::SUCCESS;
    }
    say(format_args!(
        "{} records in {} after {seconds:.1} s: {} records/s, {store_us:.2} µs CPU each to keep, {bytes:.0} bytes each on disk ({} MB)\n\
         Look at them: paceline serve --data {}\n",
        out::count(filled.state.records),
        data.display(),
        out::count((count as f64 / seconds) as u64),
        out::count(filled.state.bytes >> 20),
        data.display(),
    ));
    ExitCode::SUCCESS
}

pub(crate) fn run(args: &SimArgs) -> ExitCode {
    if let (Some(count), Some(data)) = (args.fill, &args.data) {
        return fill(args, data, count);
    }
    let mut config = SimConfig::default();
    if let Some(path) = &args.config {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return fail(format_args!("{}: {error}", path.display())),
        };
        config = match toml::from_str(&text) {
            Ok(config) => config,
            Err(error) => return fail(format_args!("{}: {error}", path.display())),
        };
    }
    config.seed = args.seed.unwrap_or(config.seed);
    if let Err(problem) = config.check() {
        return fail(problem);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(format_args!("no runtime: {error}")),
    };
    runtime.block_on(async {
        match SimServer::bind(args.listen, config).await {
            Ok(server) => {
                say(format_args!("listening on http://{}\n", server.addr()));
                let stop = async {
                    let _ = tokio::signal::ctrl_c().await;
                };
                server.run(stop).await;
                ExitCode::SUCCESS
            }
            Err(error) => fail(format_args!("cannot listen on {}: {error}", args.listen)),
        }
    })
}
