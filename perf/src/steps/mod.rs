//! The ledger of the path's steps: nanoseconds per call of what can be called alone.

mod after;
mod answer;
mod fixtures;
mod request;
mod timing;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use crate::error::{Context, Result};
use crate::pin::{Cores, pin};
use crate::procfs;
use crate::results::Spread;
use timing::Bench;

/// Settings of the `steps` command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Batches of each step; the median is over these.
    #[arg(long, default_value_t = 41, value_parser = clap::value_parser!(u32).range(3..=10_000))]
    batches: u32,
    /// Write the figures to this file too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// One step and what it takes.
#[derive(Debug, Serialize)]
struct Timed {
    /// On the way of the request, of the answer, or after the call.
    part: &'static str,
    step: &'static str,
    /// What one run of it stands for.
    per: &'static str,
    ns: Spread,
}

/// The steps timed so far.
struct Ledger {
    bench: Bench,
    part: &'static str,
    timed: Vec<Timed>,
}

impl Ledger {
    /// Times `run`; one call of it does the step `runs` times.
    fn step<T>(&mut self, step: &'static str, per: &'static str, runs: usize, run: impl FnMut() -> T) {
        let ns = self.bench.time(runs, run);
        self.timed.push(Timed { part: self.part, step, per, ns });
    }

    /// Times `run` on what `prepare` makes, which is not timed; one call of it does the step `runs` times.
    fn prepared<I, T>(
        &mut self,
        (step, per): (&'static str, &'static str),
        runs: usize,
        prepare: impl FnMut() -> I,
        run: impl FnMut(I) -> T,
    ) {
        let ns = self.bench.time_prepared(runs, prepare, run);
        self.timed.push(Timed { part: self.part, step, per, ns });
    }
}

#[derive(Serialize)]
struct Report<'a> {
    machine: String,
    batches: u32,
    /// Nanoseconds of the same arithmetic, timed beside every batch.
    noise: Option<Spread>,
    record_bytes: usize,
    attempt_bytes: usize,
    steps: &'a [Timed],
}

/// Times every step and prints the table.
pub(crate) fn steps(args: &Args) -> Result<()> {
    if let Ok(cores) = Cores::choose() {
        pin(cores.gateway)?;
    }
    let mut ledger = Ledger { bench: Bench::new(args.batches as usize), part: "", timed: Vec::new() };
    for (part, add) in [
        ("request", request::add as fn(&mut Ledger) -> Result<()>),
        ("answer", answer::add),
        ("after", after::add),
    ] {
        ledger.part = part;
        add(&mut ledger)?;
    }
    let report = Report {
        machine: procfs::machine(),
        batches: args.batches,
        noise: ledger.bench.noise(),
        record_bytes: size_of::<paceline_types::record::CallRecord>(),
        attempt_bytes: size_of::<paceline_types::record::Attempt>(),
        steps: &ledger.timed,
    };
    crate::say(markdown(&report));
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&report).context("report")?;
        fs::write(file, text).context(file.display())?;
    }
    Ok(())
}

fn markdown(report: &Report<'_>) -> String {
    let mut out = format!(
        "## Steps of the path\n\n{}. Median (least–most) of {} batches of about 2 ms; warm caches, one thread.\n\n\
         | | step | ns | per |\n|---|---|---|---|\n",
        report.machine, report.batches
    );
    for Timed { part, step, per, ns } in report.steps {
        let Spread { median, min, max } = ns;
        let digits = usize::from(*median < 100.0);
        let _ =
            writeln!(out, "| {part} | {step} | {median:.digits$} ({min:.digits$}–{max:.digits$}) | {per} |");
    }
    let _ = write!(
        out,
        "\nA record has {} bytes and {} for each attempt.",
        report.record_bytes, report.attempt_bytes
    );
    if let Some(Spread { median, min, max }) = report.noise {
        let above = (max / median - 1.0) * 100.0;
        let below = (1.0 - min / median) * 100.0;
        let _ = write!(
            out,
            " Noise of the machine: the same arithmetic, timed beside every batch, took {median:.0} ns \
             ({min:.0}–{max:.0}: −{below:.0} % to +{above:.0} %)."
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_each_step_and_the_noise() {
        let ns = Spread { median: 12.34, min: 11.0, max: 20.0 };
        let slow = Spread { median: 1234.5, min: 1200.0, max: 1300.0 };
        let steps = [
            Timed { part: "request", step: "quick", per: "call", ns },
            Timed { part: "after", step: "slow", per: "record", ns: slow },
        ];
        let noise = Some(Spread { median: 200.0, min: 190.0, max: 250.0 });
        let machine = "here".to_owned();
        let report =
            Report { machine, batches: 5, noise, record_bytes: 400, attempt_bytes: 100, steps: &steps };
        let text = markdown(&report);
        for line in [
            "| request | quick | 12.3 (11.0–20.0) | call |",
            "| after | slow | 1234 (1200–1300) | record |",
            "400 bytes and 100",
            "200 ns (190–250: −5 % to +25 %)",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
