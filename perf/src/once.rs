//! Single steps for profilers: a fixed load, a configuration.

use std::fs;
use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::time::Instant;

use hyper::Uri;

use crate::cases::Case;
use crate::error::{Context, Result, fail};
use crate::load::{self, Plan, Target};
use crate::subject::{self, Upstream};

/// Settings of the `load` command.
#[derive(Debug, clap::Args)]
pub(crate) struct LoadArgs {
    /// Where: http://HOST:PORT/v1/chat/completions.
    #[arg(long)]
    url: Uri,
    /// How many calls.
    #[arg(long, default_value_t = 1_000)]
    calls: u64,
    /// What is called: its model, prompt and expected answer. Its pace and upstream do not matter here.
    #[arg(long, value_enum, default_value = "small")]
    case: Case,
    /// Connections; each makes one call after the other.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Do not ask for the usage of streams.
    #[arg(long)]
    plain_streams: bool,
}

/// Sends the calls, checks every answer, and says how it went.
pub(crate) async fn load(args: LoadArgs) -> Result<()> {
    if args.url.scheme_str() != Some("http") {
        return fail("the load speaks plain http only");
    }
    let host = args.url.host().context("the URL needs a host")?;
    let port = args.url.port_u16().unwrap_or(80);
    let address = (host, port).to_socket_addrs().context(host)?.next().context("the host has no address")?;
    let target = Target { address, path: args.url.path().to_owned() };
    let plan = Plan::new(&target, args.case.exchange(!args.plain_streams));
    let start = Instant::now();
    let tally = load::fixed(plan, args.connections, args.calls).await?;
    if let Some(failure) = &tally.first_failure {
        return fail(format!("after {} good calls: {failure}", tally.calls));
    }
    crate::say(format!(
        "{} calls, all answers right, {:.3} s, p50 {:.3} ms, p99 {:.3} ms",
        tally.calls,
        start.elapsed().as_secs_f64(),
        tally.whole_ms(0.5),
        tally.whole_ms(0.99)
    ));
    Ok(())
}

/// Settings of the `config` command.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgs {
    /// Folder for `paceline.toml`, its key file and its data; made when missing.
    #[arg(long)]
    dir: PathBuf,
    /// Where Paceline is to listen on 127.0.0.1.
    #[arg(long)]
    listen: u16,
    /// The upstream's port on 127.0.0.1.
    #[arg(long)]
    upstream: u16,
    /// The authority's certificate when the upstream speaks TLS.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
}

/// Writes the configuration and prints the arguments to serve with it.
pub(crate) fn config(args: &ConfigArgs) -> Result<()> {
    fs::create_dir_all(&args.dir).context(args.dir.display())?;
    let dir = args.dir.canonicalize().context(args.dir.display())?;
    let upstream = Upstream { port: args.upstream, ca: args.tls_ca.clone() };
    crate::say(subject::paceline(args.listen, &upstream, &dir)?.join(" "));
    Ok(())
}
