//! `paceline router train`: learns from outcomes, and refuses what does not pay.

use super::super::out::{fail, say, tell};
use super::store::Which;
use super::{files, store};
use clap::Args;
use paceline_router::file;
use paceline_router::learn::train::{Proof, train};
use paceline_router::set::Set;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// JSON lines with `id`, `prompt`, `q`, `c` and perhaps `task` and `p`; or a folder of them, one router each.
    #[arg(long, value_name = "FILE|DIR", required_unless_present = "from_store")]
    data: Option<PathBuf>,
    /// Learn from the calls of the history: those with a quality and a captured body.
    #[arg(long, conflicts_with = "data")]
    from_store: bool,
    #[command(flatten)]
    which: Which,
    /// Where the trained router goes; a folder where `--data` is one.
    #[arg(long, value_name = "MODEL")]
    out: PathBuf,
    /// The seed of folds and intervals.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the router also where it does not beat no-look.
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: &TrainArgs, json: bool) -> ExitCode {
    match all(args, json) {
        Ok(code) => code,
        Err(error) => fail(error),
    }
}

fn all(args: &TrainArgs, json: bool) -> Result<ExitCode, String> {
    let mut proved = Vec::new();
    match args.data.as_deref().filter(|_| !args.from_store) {
        None => proved.push(one(&store::set(&args.which)?, &args.out, args, json)?),
        Some(data) => {
            for path in files::sets(data)? {
                let set = files::set(&path)?;
                let out = if data.is_dir() {
                    args.out.join(format!("{}.router", set.name))
                } else {
                    args.out.clone()
                };
                if data.is_dir() {
                    std::fs::create_dir_all(&args.out)
                        .map_err(|error| format!("cannot make {}: {error}", args.out.display()))?;
                }
                proved.push(one(&set, &out, args, json)?);
            }
        }
    }
    let refused = proved.iter().any(|one| !one.0);
    if json {
        let lines = proved.into_iter().map(|one| one.1).collect();
        say(format_args!("{}\n", Value::Array(lines)));
    }
    Ok(if refused { ExitCode::from(super::super::FAILED) } else { ExitCode::SUCCESS })
}

/// Trains a router, proves it, and writes it where it is worth that: whether it was written, and its figures.
fn one(set: &Set, out: &Path, args: &TrainArgs, json: bool) -> Result<(bool, Value), String> {
    let started = Instant::now();
    let (model, proof) = train(set, args.seed)?;
    let seconds = started.elapsed().as_secs_f64();
    let holds = proof.holds();
    let written = holds || args.force;
    if written {
        files::write(out, &file::write(&model))?;
    }
    if !json {
        say(text(&proof, seconds));
    }
    let (gain, error) = (proof.gain, proof.error);
    match (holds, args.force) {
        (true, _) if !json => say(format_args!("written to {}\n", out.display())),
        (true, _) => {}
        (false, true) => tell(format_args!(
            "paceline: {}: written by --force, although AIQ against no-look is {gain:+.4} with a standard error \
             of {error:.4}: what is given up is a mixture of single models that looks at no prompt\n",
            set.name
        )),
        (false, false) => tell(format_args!(
            "paceline: {}: refused: AIQ against no-look is {gain:+.4} with a standard error of {error:.4}; a \
             mixture of single models does as well (--force writes it all the same)\n",
            set.name
        )),
    }
    Ok((written, as_json(&proof, model.heads.blend, seconds, written)))
}

fn text(proof: &Proof, seconds: f64) -> String {
    let report = &proof.report;
    let aiq = |line: &str| report.line(line).and_then(|line| line.aiq.value).unwrap_or_default();
    let mut out = format!(
        "{}: {} rows, {} models, trained and cross-validated in {seconds:.1} s\n\
         held-out folds: AIQ {:.4}, no look {:.4}, gain {:+.4} ± {:.4}, ECE {:.3}\n",
        report.set,
        report.rows,
        report.singles.len(),
        aiq("router"),
        aiq("no_look"),
        proof.gain,
        proof.error,
        report.ece,
    );
    for (at, (router, no_look)) in proof.folds.iter().enumerate() {
        out.push_str(&format!("  fold {}: AIQ {router:.4}, no look {no_look:.4}\n", at + 1));
    }
    out
}

fn as_json(proof: &Proof, blend: f64, seconds: f64, written: bool) -> Value {
    let folds = proof.folds.iter().map(|(router, no_look)| json!({"aiq": router, "no_look_aiq": no_look}));
    json!({
        "report": super::eval::as_json(&proof.report),
        "folds": folds.collect::<Vec<_>>(),
        "gain": proof.gain,
        "standard_error": proof.error,
        "heads_share": blend,
        "holds": proof.holds(),
        "written": written,
        "seconds": seconds,
    })
}
