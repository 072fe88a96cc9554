//! `paceline router bench`: how long a prediction takes.

use super::super::out::{fail, say};
use super::files;
use clap::Args;
use paceline_router::metrics::Forecast;
use paceline_router::model::Room;
use serde_json::json;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Predictions before the clock counts.
const WARM: usize = 200;

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// A trained router.
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,
    /// How long the prompt is, in bytes.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    bytes: u32,
    /// How many predictions are measured.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    runs: u32,
}

pub(crate) fn run(args: &BenchArgs, json: bool) -> ExitCode {
    let model = match files::model(&args.model) {
        Ok(model) => model,
        Err(error) => return fail(error),
    };
    let mut room = Room::default();
    let mut forecast = Forecast::default();
    // Different prompts, or the processor learns the way through one.
    let prompts: Vec<String> = (0..16).map(|at| prompt(at, args.bytes as usize)).collect();
    let mut times = Vec::with_capacity(args.runs as usize);
    for run in 0..args.runs as usize + WARM {
        let prompt = black_box(&prompts[run % prompts.len()]);
        let started = Instant::now();
        model.predict(prompt, None, &mut room, &mut forecast);
        let took = started.elapsed();
        black_box(&forecast);
        if run >= WARM {
            times.push(took.as_nanos() as f64 / 1000.0);
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    if json {
        let value = json!({
            "model": model.set, "models": model.models.len(), "tasks": model.tasks.len(), "prompt_bytes": args.bytes,
            "runs": args.runs, "mean_us": mean, "min_us": at(0.0), "p50_us": at(0.5), "p99_us": at(0.99),
        });
        say(format_args!("{value}\n"));
    } else {
        say(format_args!(
            "a prediction for {} models, {} tasks, prompt of {} bytes: p50 {:.1} µs, p99 {:.1} µs, least {:.1} µs\n",
            model.models.len(),
            model.tasks.len(),
            args.bytes,
            at(0.5),
            at(0.99),
            at(0.0)
        ));
    }
    ExitCode::SUCCESS
}

/// Text like what people ask, each a little different.
fn prompt(variant: usize, bytes: usize) -> String {
    const WORDS: [&str; 24] = [
        "which",
        "of",
        "the",
        "following",
        "statements",
        "about",
        "a",
        "function",
        "returns",
        "12",
        "students",
        "and",
        "how",
        "many",
        "apples,",
        "court",
        "energy",
        "is",
        "most",
        "likely?",
        "list",
        "(x + 1)",
        "because",
        "calculate",
    ];
    let mut out = String::new();
    let mut state = variant * 7919 + 13;
    while out.len() < bytes {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        out.push_str(WORDS[(state >> 8) % WORDS.len()]);
        out.push(' ');
    }
    out.truncate(bytes);
    out
}
