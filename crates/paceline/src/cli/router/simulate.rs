//! `paceline router simulate`: routers that learn call by call, on outcomes that are known.

use super::super::out::{color, fail, say, table};
use super::files;
use clap::Args;
use paceline_router::bandit::{Outcome, Policy, run as play};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// JSON lines with `id`, `prompt`, `q`, `c` and perhaps `task`.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// A trained router to compare with (trained on other rows, or it knows the answers).
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Orders that are tried, one a seed from 1 on.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    seeds: u16,
    /// What the strongest model's mean cost counts, in quality.
    #[arg(long, default_value_t = 0.2)]
    price: f64,
}

const NAMES: [(Policy, &str); 4] = [
    (Policy::Uniform, "uniform"),
    (Policy::Thompson, "thompson"),
    (Policy::Contextual, "contextual"),
    (Policy::Trained, "trained"),
];

pub(crate) fn run(args: &SimulateArgs, json: bool) -> ExitCode {
    match simulate(args, json) {
        Ok(text) => {
            say(text);
            ExitCode::SUCCESS
        }
        Err(error) => fail(error),
    }
}

fn simulate(args: &SimulateArgs, json: bool) -> Result<String, String> {
    let set = files::set(&args.data)?;
    let model = args.model.as_deref().map(files::model).transpose()?;
    if model.as_ref().is_some_and(|model| model.models != set.models) {
        return Err("the router was trained on other models than the set has".to_owned());
    }
    let (mut rows, mut values): (Vec<Vec<String>>, Vec<Value>) = (Vec::new(), Vec::new());
    let mut fixed = String::new();
    for (policy, name) in NAMES {
        if policy == Policy::Trained && model.is_none() {
            continue;
        }
        let runs: Result<Vec<Outcome>, String> = (1..=args.seeds)
            .map(|seed| play(&set, policy, model.as_ref(), args.price, u64::from(seed)))
            .collect();
        let runs = runs?;
        let mean = |of: fn(&Outcome) -> f64| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
        let least = runs.iter().map(Outcome::way).fold(f64::INFINITY, f64::min);
        let (reward, late, way) = (mean(|run| run.reward), mean(|run| run.last_quarter), mean(Outcome::way));
        if let Some(run) = runs.first() {
            let best = &set.models[run.best_model];
            fixed = format!("best fixed {best} {:.4}, uniform {:.4}", run.best_fixed, run.uniform);
        }
        values.push(json!({
            "policy": name, "reward": reward, "last_quarter": late, "way_to_best_fixed": way, "least_way": least,
            "best_fixed": mean(|run| run.best_fixed), "uniform": mean(|run| run.uniform), "seeds": args.seeds,
        }));
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        rows.push(vec![
            name.to_owned(),
            format!("{reward:.4}"),
            format!("{late:.4}"),
            percent(way),
            percent(least),
        ]);
    }
    if json {
        return Ok(format!("{}\n", Value::Array(values)));
    }
    let head = ["policy", "reward", "last quarter", "way to best fixed", "least of the seeds"];
    let rows = table(&head, &[1, 2, 3, 4], &rows, color());
    Ok(format!("{}: {} calls, {fixed}\n{rows}", set.name, set.rows.len()))
}
