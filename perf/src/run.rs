//! The comparison: rounds, cases, subjects in turn.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::cases::{Behind, Case, Pace};
use crate::error::{Context, Result, fail};
use crate::load::{self, Plan, Target, Window};
use crate::pin::{Cores, pin};
use crate::process::{Launch, Running};
use crate::procfs;
use crate::quiet;
use crate::report;
use crate::results::{FOREIGN, Lived, Measured, Results, Spread};
use crate::subject::{Binaries, Contestant, Subject, Upstream};

const START_PATIENCE: Duration = Duration::from_secs(15);
/// From serving to looking at the idle memory.
const SETTLE: Duration = Duration::from_millis(300);

/// Settings of the `run` command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rounds; medians and ranges are over these. Three to see, five to claim. [default: 5, with --quick 1]
    #[arg(long)]
    rounds: Option<u32>,
    /// Cases. [default: all but storm]
    #[arg(long, value_delimiter = ',')]
    cases: Vec<Case>,
    /// Subjects. [default: all that are there]
    #[arg(long, value_delimiter = ',')]
    subjects: Vec<Subject>,
    /// Short windows and one round: to see that all works, not to claim.
    #[arg(long)]
    quick: bool,
    /// Do not ask for the usage of streams, so that a gateway that needs it has to ask and hide it.
    #[arg(long)]
    plain_streams: bool,
    /// The Paceline binary. [default: the one beside this tool]
    #[arg(long, value_name = "PATH")]
    paceline: Option<PathBuf>,
    /// A second Paceline binary to compare in the same rounds.
    #[arg(long, value_name = "PATH")]
    paceline_b: Option<PathBuf>,
    /// How often a measurement that something else disturbed is made again.
    #[arg(long, default_value_t = 2, value_name = "TIMES")]
    repeats: u32,
    /// Before each measurement, wait so long at most until nobody else uses the two cores.
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    wait_quiet: u64,
    /// Write everything measured to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Keep configurations and logs here. [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// What was on, for the report.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Setting {
    /// Processor and kernel.
    pub(crate) machine: String,
    /// The gateway's core.
    pub(crate) gateway_core: usize,
    /// The core of load generator and upstream.
    pub(crate) load_core: usize,
    /// Rounds.
    pub(crate) rounds: u32,
    /// Length of a measurement, closed loop, seconds.
    pub(crate) closed_s: f64,
    /// Length of a measurement, open loop, seconds.
    pub(crate) open_s: f64,
    /// Whether the caller asks for usage in streams.
    pub(crate) asks_usage: bool,
    /// Cases in order.
    pub(crate) cases: Vec<Case>,
    /// Who took part.
    pub(crate) contestants: Vec<Contestant>,
    /// Who did not, and why.
    pub(crate) skipped: Vec<(Subject, String)>,
}

/// Runs the comparison and prints the report.
pub(crate) async fn run(args: Args) -> Result<()> {
    let cores = Cores::choose()?;
    pin(cores.load)?;
    let dir = Scratch::new(args.keep.clone())?;
    let setting = settle(&args, cores)?;
    let mut run = Run {
        setting: &setting,
        cores,
        quick: args.quick,
        repeats: args.repeats,
        wait_quiet: Duration::from_secs(args.wait_quiet),
        helpers: vec![std::process::id()],
        results: Results::default(),
    };
    run.all(&dir.0).await?;
    crate::say(report::markdown(&setting, &run.results));
    if let Some(file) = &args.json {
        fs::write(file, report::json(&setting, &run.results)?).context(file.display())?;
    }
    let failures: u64 = run.results.measured.iter().map(|one| one.failures).sum();
    if failures > 0 { fail("a subject answered wrongly; see the notes above") } else { Ok(()) }
}

fn settle(args: &Args, cores: Cores) -> Result<Setting> {
    let cases = if args.cases.is_empty() { Case::DEFAULT.to_vec() } else { args.cases.clone() };
    let mut subjects = args.subjects.clone();
    if subjects.is_empty() {
        use Subject::{Direct, Envoy, Floor, MeteringFloor, Nginx, Paceline, PacelineB};
        subjects = vec![Direct, Nginx, Floor, MeteringFloor, Envoy, Paceline];
        subjects.extend(args.paceline_b.as_ref().map(|_| PacelineB));
    }
    let binaries = Binaries { paceline: args.paceline.clone(), paceline_b: args.paceline_b.clone() };
    let (mut contestants, mut skipped) = (Vec::new(), Vec::new());
    for subject in subjects {
        match Contestant::find(subject, &binaries) {
            Ok(found) => contestants.push(found),
            Err(error) => {
                crate::note(format!("{} is skipped: {error}", subject.name()));
                skipped.push((subject, error.to_string()));
            }
        }
    }
    if contestants.is_empty() {
        return fail("no subject is left to measure");
    }
    let (closed_s, open_s) = if args.quick { (0.9, 1.2) } else { (2.2, 2.8) };
    Ok(Setting {
        machine: procfs::machine(),
        gateway_core: cores.gateway,
        load_core: cores.load,
        rounds: args.rounds.unwrap_or(if args.quick { 1 } else { 5 }).max(1),
        closed_s,
        open_s,
        asks_usage: !args.plain_streams,
        cases,
        contestants,
        skipped,
    })
}

struct Run<'a> {
    setting: &'a Setting,
    cores: Cores,
    quick: bool,
    repeats: u32,
    wait_quiet: Duration,
    /// This process and the upstreams.
    helpers: Vec<u32>,
    results: Results,
}

/// A subject with its process, ready for load.
struct Standing {
    subject: Subject,
    port: u16,
    process: Option<(Running, Lived)>,
}

impl Run<'_> {
    async fn all(&mut self, dir: &Path) -> Result<()> {
        let mut behinds: Vec<Behind> = self.setting.cases.iter().map(|case| case.behind()).collect();
        behinds.sort_unstable();
        behinds.dedup();
        let mut upstreams = BTreeMap::new();
        for behind in &behinds {
            let (running, upstream) = upstream(*behind, dir)?;
            self.helpers.extend(running.pids());
            upstreams.insert(*behind, (running, upstream));
        }
        for round in 1..=self.setting.rounds {
            for (behind, (_process, upstream)) in &upstreams {
                self.group(round, *behind, upstream, &dir.join(format!("{behind:?}-{round}"))).await?;
            }
        }
        Ok(())
    }

    /// All cases over one upstream in one round: every subject runs, and they take turns case by case.
    async fn group(&mut self, round: u32, behind: Behind, upstream: &Upstream, dir: &Path) -> Result<()> {
        let mut standing = Vec::new();
        for contestant in &self.setting.contestants {
            if contestant.subject != Subject::Direct || behind == Behind::Plain {
                let dir = dir.join(contestant.subject.name());
                standing.push(self.stand(round, behind, contestant, upstream, &dir).await?);
            }
        }
        let cases: Vec<Case> =
            self.setting.cases.iter().copied().filter(|case| case.behind() == behind).collect();
        for (turn, case) in cases.into_iter().enumerate() {
            // Nobody is always first or always after the same other one.
            let first = (round as usize + turn) % standing.len().max(1);
            for at in 0..standing.len() {
                let one = &standing[(first + at) % standing.len()];
                let measured = self.measure_in_peace(round, one, case).await?;
                report_progress(&measured);
                self.results.measured.push(measured);
            }
        }
        for one in standing {
            if let Some((mut running, mut lived)) = one.process {
                if behind == Behind::Plain {
                    let memory = procfs::memory(&running.pids());
                    lived.loaded_mb = megabytes(memory.resident_kb);
                    lived.peak_mb = megabytes(memory.peak_kb);
                    self.results.lived.push(lived);
                }
                running.stop();
            }
        }
        Ok(())
    }

    async fn stand(
        &self,
        round: u32,
        behind: Behind,
        contestant: &Contestant,
        upstream: &Upstream,
        dir: &Path,
    ) -> Result<Standing> {
        let subject = contestant.subject;
        if subject == Subject::Direct {
            return Ok(Standing { subject, port: upstream.port, process: None });
        }
        let starts = match (behind, self.quick) {
            (Behind::Plain, false) => 4,
            (Behind::Plain, true) => 3,
            _ => 1,
        };
        let mut times = Vec::new();
        loop {
            let (launch, running) = self.start(contestant, upstream, dir).await?;
            times.push(running.start.as_secs_f64() * 1e3);
            if times.len() < starts {
                drop(running);
                continue;
            }
            tokio::time::sleep(SETTLE).await;
            let start_ms = Spread::of(times).map_or(0.0, |times| times.median);
            let idle_mb = megabytes(procfs::memory(&running.pids()).resident_kb);
            let lived = Lived { round, subject, start_ms, idle_mb, loaded_mb: 0.0, peak_mb: 0.0 };
            return Ok(Standing { subject, port: launch.port, process: Some((running, lived)) });
        }
    }

    async fn start(
        &self,
        contestant: &Contestant,
        upstream: &Upstream,
        dir: &Path,
    ) -> Result<(Launch, Running)> {
        let mut tries = 0;
        loop {
            let launch = contestant.prepare(upstream, dir)?.context("nothing to start")?;
            match Running::start(&launch, dir, Some(self.cores), START_PATIENCE).await {
                Ok(running) => return Ok((launch, running)),
                // Somebody may have taken the port meanwhile.
                Err(_) if tries < 2 => tries += 1,
                Err(error) => return Err(error).context(contestant.subject.name()),
            }
        }
    }

    /// Measures until nothing else used the cores, a few times at most; the least disturbed counts. Whether a
    /// measurement is made again depends on what others did, not on its result; a failure is never measured away.
    async fn measure_in_peace(&self, round: u32, one: &Standing, case: Case) -> Result<Measured> {
        let mut best = self.measure(round, one, case).await?;
        for repeats in 1..=self.repeats {
            if best.foreign <= FOREIGN || best.failures > 0 {
                break;
            }
            let again = self.measure(round, one, case).await?;
            if again.foreign < best.foreign || again.failures > 0 {
                best = again;
            }
            best.repeats = repeats;
        }
        Ok(best)
    }

    async fn measure(&self, round: u32, one: &Standing, case: Case) -> Result<Measured> {
        let gateway = one.process.as_ref().map(|(running, _)| running.pids()).unwrap_or_default();
        let known: Vec<u32> = gateway.iter().chain(&self.helpers).copied().collect();
        let sample = || Ok((procfs::cpu(&gateway)?, quiet::foreign(self.cores, &known)?));
        quiet::wait(self.cores, &known, self.wait_quiet).await?;
        let plan =
            Plan::new(&Target::local(one.port), case.exchange_with(one.subject, self.setting.asks_usage));
        let outcome = load::drive(plan, case.pace(), self.window(case.pace()), sample).await;
        let outcome = outcome.context(format!("{} {}", one.subject.name(), case.name()))?;
        let (tally, seconds) = (&outcome.tally, outcome.elapsed.as_secs_f64());
        let (before, after) = (&outcome.before, &outcome.after);
        let used = after.0.since(before.0);
        let cpu_s = (!gateway.is_empty()).then_some(used.as_secs_f64());
        Ok(Measured {
            round,
            subject: one.subject,
            case,
            calls: tally.calls,
            seconds,
            cpu_s,
            user_share: after.0.user_share(before.0),
            repeats: 0,
            foreign: after.1.share_since(before.1, outcome.elapsed),
            p50_ms: tally.whole_ms(0.5),
            p99_ms: tally.whole_ms(0.99),
            first_p50_ms: tally.first_ms(0.5),
            first_p99_ms: tally.first_ms(0.99),
            late_p99_ms: tally.late_ms(0.99),
            reconnects: tally.reconnects,
            failures: tally.failures,
            failure: tally.first_failure.clone(),
        })
    }

    fn window(&self, pace: Pace) -> Window {
        // A paced stream lasts a third of a second: before the count starts they must come and go at an even rate.
        let (warm_up, seconds) = match pace {
            Pace::Closed { .. } => (300, self.setting.closed_s),
            Pace::Open { .. } => (450, self.setting.open_s),
        };
        Window { warm_up: Duration::from_millis(warm_up), count: Duration::from_secs_f64(seconds) }
    }
}

/// Starts the upstream of this tool as a process.
pub(crate) fn upstream(behind: Behind, dir: &Path) -> Result<(Running, Upstream)> {
    let ca = dir.join(format!("{behind:?}-ca.pem"));
    let file = ca.display().to_string();
    let (args, ca) = match behind {
        Behind::Plain => (vec!["upstream"], None),
        Behind::Tls => (vec!["upstream", "--tls-ca", &file], Some(ca)),
        Behind::TlsClosing => (vec!["upstream", "--close", "--tls-ca", &file], Some(ca)),
    };
    let (running, port) = Running::helper(&args)?;
    Ok((running, Upstream { port, ca }))
}

fn report_progress(one: &Measured) {
    let cost = one.cpu_s.map_or(String::new(), |cpu_s| {
        format!("{:.4} CPU-s per 1,000 calls, ", cpu_s * 1_000.0 / one.calls.max(1) as f64)
    });
    let failed = one.failure.as_ref().map_or(String::new(), |failure| format!(", FAILED: {failure}"));
    crate::note(format!(
        "round {} {:10} {:14} {cost}{:.0} calls/s, p50 {:.3} ms, p99 {:.3} ms{failed}",
        one.round,
        one.case.name(),
        one.subject.name(),
        one.calls as f64 / one.seconds,
        one.p50_ms,
        one.p99_ms,
    ));
}

fn megabytes(kb: u64) -> f64 {
    kb as f64 / 1024.0
}

/// The folder of a run.
pub(crate) struct Scratch(pub(crate) PathBuf, bool);

impl Scratch {
    /// `keep`, or a temporary folder that goes when this is dropped.
    pub(crate) fn new(keep: Option<PathBuf>) -> Result<Self> {
        let (dir, temporary) = match keep {
            Some(dir) => (dir, false),
            None => (std::env::temp_dir().join(format!("paceline-perf-{}", std::process::id())), true),
        };
        fs::create_dir_all(&dir).context(dir.display())?;
        Ok(Self(dir.canonicalize().context(dir.display())?, temporary))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.1 {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
