//! `paceline sim`: the simulated provider as a server of its own.

use super::out::{fail, say};
use clap::Args;
use paceline_sim::{SimConfig, SimServer};
use std::net::SocketAddr;
use std::path::PathBuf;
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
}

pub(crate) fn run(args: &SimArgs) -> ExitCode {
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
