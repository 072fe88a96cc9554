//! What Paceline holds out: overload, many streams at once, streams that wait, callers that do not read.

mod client;
mod house;
mod overload;
mod streams;

use std::path::PathBuf;

use clap::ValueEnum;

use crate::error::{Context, Result, fail};
use crate::pin::{Cores, pin};
use crate::procfs;
use crate::run::Scratch;
use crate::subject::{Binaries, Contestant, Subject};

/// One kind of strain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// Three times as many calls as the provider can take, `concurrent` set to its room.
    Overload,
    /// The same with nothing set: how many it takes is learned.
    OverloadLearned,
    /// 500 streams at once at a provider's speed.
    Streams,
    /// Thousands of streams in which nothing happens.
    IdleStreams,
    /// Callers that do not read what floods in.
    Stuck,
}

/// Settings of the `strain` command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Cases. [default: all]
    #[arg(long, value_delimiter = ',')]
    cases: Vec<Case>,
    /// Length of the overload, seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    seconds: u64,
    /// Streams that wait; measured at half of them too.
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
    /// The Paceline binary. [default: the one beside this tool]
    #[arg(long, value_name = "PATH")]
    paceline: Option<PathBuf>,
    /// Keep configurations and logs here. [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// What all cases share.
struct Setting {
    program: PathBuf,
    cores: Cores,
    dir: PathBuf,
    seconds: u64,
    idle: usize,
    /// Files that a process may have open.
    files: u64,
}

/// One figure, what it must be, and whether it is.
struct Figure {
    what: &'static str,
    found: String,
    must: &'static str,
    /// `None`: nothing is asked of it.
    met: Option<bool>,
}

impl Figure {
    fn told(what: &'static str, found: String) -> Self {
        Self { what, found, must: "", met: None }
    }

    fn asked(what: &'static str, found: String, must: &'static str, met: bool) -> Self {
        Self { what, found, must, met: Some(met) }
    }
}

/// Runs the cases and prints what was found; fails where something must be and is not.
pub(crate) async fn strain(args: Args) -> Result<()> {
    let cores = Cores::choose()?;
    pin(cores.load)?;
    let scratch = Scratch::new(args.keep)?;
    let binaries = Binaries { paceline: args.paceline, paceline_b: None };
    let setting = Setting {
        program: Contestant::find(Subject::Paceline, &binaries)?.program,
        cores,
        dir: scratch.0.clone(),
        seconds: args.seconds,
        idle: args.idle,
        files: house::open_files()?,
    };
    let cases = if args.cases.is_empty() { Case::value_variants().to_vec() } else { args.cases };
    crate::say(format!("{}, {} open files\n", procfs::machine(), setting.files));
    crate::say("| case | figure | found | must | |\n|---|---|---|---|---|");
    let mut missed = Vec::new();
    for case in cases {
        let name = case.to_possible_value().context("a case without a name")?.get_name().to_owned();
        let figures = match case {
            Case::Overload => overload::overload(&setting, &name, true).await,
            Case::OverloadLearned => overload::overload(&setting, &name, false).await,
            Case::Streams => streams::steady(&setting, &name).await,
            Case::IdleStreams => streams::idle(&setting, &name).await,
            Case::Stuck => streams::stuck(&setting, &name).await,
        };
        for Figure { what, found, must, met } in figures.context(&name)? {
            let verdict = met.map_or("", |met| if met { "met" } else { "MISSED" });
            crate::say(format!("| {name} | {what} | {found} | {must} | {verdict} |"));
            if met == Some(false) {
                missed.push(format!("{name}: {what}"));
            }
        }
    }
    if missed.is_empty() { Ok(()) } else { fail(format!("missed: {}", missed.join(", "))) }
}
