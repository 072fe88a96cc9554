//! `paceline feedback`: how good the answer to a call was.

use super::Where;
use super::client::post_json;
use super::out::{fail, say};
use clap::Args;
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct FeedbackArgs {
    /// The call: `x-paceline-call-id` of its answer, or as `paceline calls` lists it.
    #[arg(value_name = "CALL_ID")]
    call: String,
    #[command(flatten)]
    judgement: Judgement,
    /// Who judged.
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Judgement {
    /// How good it was, 0 to 1.
    #[arg(long, value_name = "0..1")]
    score: Option<f64>,
    /// Good or bad.
    #[arg(long, value_name = "up|down", value_parser = ["up", "down"])]
    thumbs: Option<String>,
    /// Whether it was taken as it was.
    #[arg(long, value_name = "true|false")]
    accepted: Option<bool>,
    /// The share of it that had to be changed, 0 to 1.
    #[arg(long, value_name = "0..1")]
    edited: Option<f64>,
}

pub(crate) fn run(args: &FeedbackArgs) -> ExitCode {
    let Judgement { score, thumbs, accepted, edited } = &args.judgement;
    let mut body = json!({ "call_id": args.call });
    for (name, value) in [
        ("score", score.map(Value::from)),
        ("thumbs", thumbs.as_deref().map(Value::from)),
        ("accepted", accepted.map(Value::from)),
        ("edited", edited.map(Value::from)),
        ("source", args.source.as_deref().map(Value::from)),
    ] {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    match post_json(&args.place, "/v1/feedback", &body) {
        Ok(value) if args.place.json => say(format_args!("{value:#}\n")),
        Ok(value) => say(format_args!(
            "quality {} for {} ({}), call {}\n",
            value["quality"],
            value["model"].as_str().unwrap_or("-"),
            value["provider"].as_str().unwrap_or("-"),
            args.call,
        )),
        Err(error) => return fail(error),
    }
    ExitCode::SUCCESS
}
