//! `paceline router eval`: judges a trained router, or anybody's predictions, on outcomes.

use super::super::out::{color, fail, say, table};
use super::files;
use clap::Args;
use paceline_router::metrics::{Forecast, Interval, Report, svg};
use paceline_router::model::Room;
use paceline_router::set::Set;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// JSON lines with `id`, `prompt`, `q` and `c`: what really came of it.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// A trained router to judge; it sees prompts only.
    #[arg(long, value_name = "MODEL", required_unless_present = "pred")]
    model: Option<PathBuf>,
    /// Predictions to judge: JSON lines with `id`, `q`, `c`.
    #[arg(long, value_name = "FILE", conflicts_with = "model")]
    pred: Option<PathBuf>,
    /// Draw the cost–quality curve into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Draws of the bootstrap behind the 90 % intervals.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(0..=2000))]
    draws: u16,
    /// The seed of the bootstrap.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(args: &EvalArgs, json: bool) -> ExitCode {
    match eval(args) {
        Ok(report) if json => say(format_args!("{}\n", as_json(&report))),
        Ok(report) => say(text(&report)),
        Err(error) => return fail(error),
    }
    ExitCode::SUCCESS
}

fn eval(args: &EvalArgs) -> Result<Report, String> {
    let set = files::set(&args.data)?;
    let forecasts = match (&args.model, &args.pred) {
        (Some(model), _) => asked(model, &set)?,
        (None, Some(pred)) => given(pred, &set)?,
        (None, None) => return Err("--model or --pred says what to judge".to_owned()),
    };
    let report = Report::new(&set, &forecasts, usize::from(args.draws), args.seed)?;
    if let Some(path) = &args.svg {
        files::write(path, svg::draw(&report).as_bytes())?;
    }
    Ok(report)
}

fn asked(path: &Path, set: &Set) -> Result<Vec<Forecast>, String> {
    let model = files::model(path)?;
    if model.models != set.models {
        return Err(format!(
            "the router was trained on other models ({}) than the set has ({})",
            model.models.join(", "),
            set.models.join(", ")
        ));
    }
    let mut room = Room::default();
    let one = |prompt: &str| {
        let mut forecast = Forecast::default();
        model.predict(prompt, None, &mut room, &mut forecast);
        forecast
    };
    Ok(set.rows.iter().map(|row| row.prompt.as_str()).map(one).collect())
}

fn given(path: &Path, set: &Set) -> Result<Vec<Forecast>, String> {
    let mut found = HashMap::new();
    for (at, line) in files::text(path)?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = || format!("{}:{}: `id`, `q` and `c` are needed", path.display(), at + 1);
        let value: Value = serde_json::from_str(line).map_err(|_| wrong())?;
        let numbers = |name: &str| -> Option<Vec<f32>> {
            value.get(name)?.as_array()?.iter().map(|number| Some(number.as_f64()? as f32)).collect()
        };
        let id = value.get("id").and_then(Value::as_str).ok_or_else(wrong)?;
        let (q, c) = (numbers("q").ok_or_else(wrong)?, numbers("c").ok_or_else(wrong)?);
        found.insert(id.to_owned(), Forecast { q, c });
    }
    let of = |id: &String| {
        found.get(id).cloned().ok_or_else(|| format!("{} has no prediction for `{id}`", path.display()))
    };
    set.rows.iter().map(|row| of(&row.id)).collect()
}

fn text(report: &Report) -> String {
    let number = |interval: Interval| match interval {
        Interval { value: None, .. } => "-".to_owned(),
        Interval { value: Some(value), low: Some(low), high } => {
            let high = high.map_or("-".to_owned(), |high| format!("{high:.3}"));
            format!("{value:.3} ({low:.3} to {high})")
        }
        Interval { value: Some(value), .. } => format!("{value:.3}"),
    };
    let rows: Vec<Vec<String>> = report
        .lines
        .iter()
        .map(|line| {
            let costs = line.cost_at.map(number);
            [vec![line.name.clone(), number(line.aiq), number(line.apgr)], costs.to_vec()].concat()
        })
        .collect();
    let head = ["", "AIQ", "APGR", "cost at 95 %", "cost at 99 %", "cost at 100 %"];
    format!(
        "{}: {} rows; cost as a share of the strongest model's, at a share of its quality; 90 % intervals\n{}\
         ECE {:.3}, AUC {}, AIQ gained over no look {:+.4} ± {:.4}\n",
        report.set,
        report.rows,
        table(&head, &[], &rows, color()),
        report.ece,
        report.auc.map_or("-".to_owned(), |auc| format!("{auc:.3}")),
        report.gain.0,
        report.gain.1,
    )
}

/// A report for machines; costs in USD a call, `cost_at` as shares of the strongest model's cost.
pub(super) fn as_json(report: &Report) -> Value {
    let interval = |one: Interval| json!({"value": one.value, "low": one.low, "high": one.high});
    let lines = report.lines.iter().map(|line| {
        json!({
            "name": line.name,
            "aiq": interval(line.aiq),
            "apgr": interval(line.apgr),
            "cost_at_95": interval(line.cost_at[0]),
            "cost_at_99": interval(line.cost_at[1]),
            "cost_at_100": interval(line.cost_at[2]),
            "curve": line.hull.iter().map(|(cost, quality)| json!([cost, quality])).collect::<Vec<_>>(),
        })
    });
    let singles = report.singles.iter();
    let singles = singles.map(|(name, (cost, quality))| json!({"model": name, "c": cost, "q": quality}));
    json!({
        "set": report.set,
        "rows": report.rows,
        "lines": lines.collect::<Vec<_>>(),
        "models": singles.collect::<Vec<_>>(),
        "ece": report.ece,
        "auc": report.auc,
        "gain": report.gain.0,
        "gain_standard_error": report.gain.1,
    })
}
