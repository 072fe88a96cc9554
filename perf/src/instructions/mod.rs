//! Instructions per call under valgrind, of the whole program or function by function.

mod callgrind;
mod functions;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cases::{Behind, Case};
use crate::error::{Context, Result, fail};
use crate::load::{self, Plan, Target};
use crate::process::{Ready, Running};
use crate::run::{Scratch, upstream};
use crate::subject::{Binaries, Contestant, Subject, Upstream};
use callgrind::Profile;

/// Valgrind slows a start about fiftyfold.
const VALGRIND_PATIENCE: Duration = Duration::from_mins(2);
/// Calls before those that count, so that pools, caches and lazy tables are filled in both runs.
const WARM_UP_CALLS: u64 = 200;

/// Settings of the `instructions` command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Subjects. [default: floor,metering-floor,paceline; with --functions paceline]
    #[arg(long, value_delimiter = ',')]
    subjects: Vec<Subject>,
    /// Cases; open ones are called one after the other. [default: small; with --functions small,burst]
    #[arg(long, value_delimiter = ',')]
    cases: Vec<Case>,
    /// Also the steps of the path, function by function.
    #[arg(long)]
    functions: bool,
    /// Calls that count.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
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

impl Args {
    fn subjects(&self) -> Vec<Subject> {
        match (self.subjects.is_empty(), self.functions) {
            (false, _) => self.subjects.clone(),
            (true, true) => vec![Subject::Paceline],
            (true, false) => vec![Subject::Floor, Subject::MeteringFloor, Subject::Paceline],
        }
    }

    fn cases(&self) -> Vec<Case> {
        match (self.cases.is_empty(), self.functions) {
            (false, _) => self.cases.clone(),
            (true, true) => vec![Case::Small, Case::Burst],
            (true, false) => vec![Case::Small],
        }
    }
}

/// Counts instructions per call: the difference of two runs, so that starting and ending cancel out.
pub(crate) async fn instructions(args: Args) -> Result<()> {
    let scratch = Scratch::new(args.keep.clone())?;
    let binaries = Binaries { paceline: args.paceline.clone(), paceline_b: args.paceline_b.clone() };
    let (_process, upstream) = upstream(Behind::Plain, &scratch.0)?;
    let mut profiles = Vec::new();
    crate::say("| subject | case | instructions per call |\n|---|---|---|");
    for subject in args.subjects() {
        let contestant = Contestant::find(subject, &binaries).context(subject.name())?;
        for case in args.cases() {
            if case.behind() != Behind::Plain {
                return fail("instructions are counted over the plain upstream only");
            }
            let run = |calls: u64| {
                let dir = scratch.0.join(format!("{}-{}-{calls}", subject.name(), case.name()));
                let (contestant, upstream) = (&contestant, &upstream);
                async move { counted(contestant, upstream, case, calls, &dir).await.context(subject.name()) }
            };
            let before = run(WARM_UP_CALLS).await?;
            let profile = run(WARM_UP_CALLS + args.calls).await?.per_call(&before, args.calls);
            crate::say(format!("| {} | {} | {:.0} |", subject.name(), case.name(), profile.total));
            profiles.push((subject, case, profile));
        }
    }
    if args.functions {
        for (subject, case, profile) in &profiles {
            crate::say(functions::report(*subject, *case, profile));
        }
    }
    Ok(())
}

/// One whole run under callgrind that makes `calls` calls on one connection.
async fn counted(
    contestant: &Contestant,
    upstream: &Upstream,
    case: Case,
    calls: u64,
    dir: &Path,
) -> Result<Profile> {
    let mut launch = contestant.prepare(upstream, dir)?.context("nothing to count: it is no process")?;
    for old in callgrind::files(dir)? {
        fs::remove_file(&old).context(old.display())?;
    }
    let program = std::mem::replace(&mut launch.program, "valgrind".into());
    let out = format!("--callgrind-out-file={}", dir.join(callgrind::FILE).display());
    let mut args = vec!["--tool=callgrind".to_owned(), "--trace-children=yes".to_owned(), out + "%p"];
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
    Profile::load(dir)
}
