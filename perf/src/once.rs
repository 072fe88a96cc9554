//! Single steps for profilers: a fixed load, a configuration, instructions per call.

use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hyper::Uri;

use crate::cases::{Behind, Case};
use crate::error::{Context, Result, fail};
use crate::load::{self, Plan, Target};
use crate::process::{Ready, Running};
use crate::run::{Scratch, upstream};
use crate::subject::{self, Binaries, Contestant, Subject, Upstream};

/// Valgrind slows a start about fiftyfold.
const VALGRIND_PATIENCE: Duration = Duration::from_mins(2);
/// Calls before those that count, so that pools, caches and lazy tables are filled in both runs.
const WARM_UP_CALLS: u64 = 200;

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

/// Settings of the `instructions` command.
#[derive(Debug, clap::Args)]
pub(crate) struct InstructionsArgs {
    /// Subjects.
    #[arg(long, value_delimiter = ',', default_value = "floor,metering-floor,paceline")]
    subjects: Vec<Subject>,
    /// Cases; open ones are called one after the other.
    #[arg(long, value_delimiter = ',', default_value = "small")]
    cases: Vec<Case>,
    /// Calls that count.
    #[arg(long, default_value_t = 1_000)]
    calls: u64,
    /// The Paceline binary. [default: the one beside this tool]
    #[arg(long, value_name = "PATH")]
    paceline: Option<PathBuf>,
    /// A second Paceline binary.
    #[arg(long, value_name = "PATH")]
    paceline_b: Option<PathBuf>,
    /// Keep configurations, logs and callgrind files here. [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Counts instructions per call: the difference of two runs, so that starting and ending cancel out.
pub(crate) async fn instructions(args: InstructionsArgs) -> Result<()> {
    let scratch = Scratch::new(args.keep.clone())?;
    let binaries = Binaries { paceline: args.paceline.clone(), paceline_b: args.paceline_b.clone() };
    let (_process, upstream) = upstream(Behind::Plain, &scratch.0)?;
    crate::say("| subject | case | instructions per call |\n|---|---|---|");
    for subject in &args.subjects {
        let contestant = Contestant::find(*subject, &binaries).context(subject.name())?;
        for case in &args.cases {
            if case.behind() != Behind::Plain {
                return fail("instructions are counted over the plain upstream only");
            }
            let mut counts = [0; 2];
            for (count, calls) in counts.iter_mut().zip([WARM_UP_CALLS, WARM_UP_CALLS + args.calls]) {
                let dir = scratch.0.join(format!("{}-{}-{calls}", subject.name(), case.name()));
                *count = counted(&contestant, &upstream, *case, calls, &dir).await.context(subject.name())?;
            }
            let per_call = (counts[1] as f64 - counts[0] as f64) / args.calls as f64;
            crate::say(format!("| {} | {} | {per_call:.0} |", subject.name(), case.name()));
        }
    }
    Ok(())
}

/// Instructions of one whole run under callgrind that makes `calls` calls on one connection.
async fn counted(
    contestant: &Contestant,
    upstream: &Upstream,
    case: Case,
    calls: u64,
    dir: &std::path::Path,
) -> Result<u64> {
    let mut launch = contestant.prepare(upstream, dir)?.context("nothing to count: it is no process")?;
    let program = std::mem::replace(&mut launch.program, "valgrind".into());
    let out = format!("--callgrind-out-file={}", dir.join("callgrind.out.%p").display());
    let mut args = vec!["--tool=callgrind".to_owned(), "--trace-children=yes".to_owned(), out];
    args.push(program.display().to_string());
    args.append(&mut launch.args);
    launch.args = args;
    if launch.ready == Ready::Call {
        // The number of calls until it serves must not differ between the two runs.
        launch.ready = Ready::Listens;
    }
    let mut running = Running::start(&launch, dir, None, VALGRIND_PATIENCE).await?;
    let address = SocketAddr::from(([127, 0, 0, 1], launch.port));
    let target = Target { address, ..Target::local(launch.port) };
    let tally = load::fixed(Plan::new(&target, case.exchange(true)), 1, calls).await?;
    if let Some(failure) = tally.first_failure {
        return fail(failure);
    }
    running.stop();
    let log = fs::read_to_string(dir.join("output.log")).context("valgrind's output")?;
    let collected =
        log.lines().filter_map(|line| line.split_once("Collected :")?.1.trim().parse::<u64>().ok());
    match collected.sum() {
        0 => fail("valgrind gave no count"),
        count => Ok(count),
    }
}
