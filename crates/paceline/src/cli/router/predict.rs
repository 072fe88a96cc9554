//! `paceline router predict`: what is expected of each prompt at each model.

use super::super::out::{fail, say};
use super::files;
use clap::Args;
use paceline_router::metrics::Forecast;
use paceline_router::model::Room;
use paceline_router::set::question;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// A trained router.
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,
    /// JSON lines with `id` and `prompt`, and perhaps `task`.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Where the predictions go: JSON lines with `id`, `q` (0–1) and `c` (USD), in the order of the models.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn run(args: &PredictArgs) -> ExitCode {
    match predict(args) {
        Ok((rows, models)) => {
            say(format_args!("{rows} predictions for {models} models written to {}\n", args.out.display()));
            ExitCode::SUCCESS
        }
        Err(error) => fail(error),
    }
}

fn predict(args: &PredictArgs) -> Result<(usize, usize), String> {
    let model = files::model(&args.model)?;
    let text = files::text(&args.data)?;
    let (mut room, mut forecast) = (Room::default(), Forecast::default());
    let mut out = String::new();
    let mut rows = 0;
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row = question(line).map_err(|what| format!("{}:{}: {what}", args.data.display(), at + 1))?;
        model.predict(&row.prompt, row.task.as_deref(), &mut room, &mut forecast);
        out.push_str(&format!("{}\n", json!({"id": row.id, "q": forecast.q, "c": forecast.c})));
        rows += 1;
    }
    files::write(&args.out, out.as_bytes())?;
    Ok((rows, model.models.len()))
}
