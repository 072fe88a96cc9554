//! `paceline route explain`: a decision in words and numbers, of a call to come or of a past one.

use super::super::client::{encoded, get, post_json};
use super::super::out::{self, fail, paint, say, time};
use super::super::{MISUSED, Where};
use clap::Args;
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The id of a past call; without it, what a call would get now.
    id: Option<String>,
    /// The prompt.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["id", "request"])]
    prompt: Option<String>,
    /// The route [default: auto].
    #[arg(long, value_name = "NAME", conflicts_with = "id")]
    route: Option<String>,
    /// A feature, e.g. `estimated_tokens=500`, `requires_vision=true`, `strategy=cost_effective`; may be repeated.
    #[arg(long = "feature", short = 'f', value_name = "NAME=VALUE", conflicts_with = "id")]
    features: Vec<String>,
    /// A file with the request as JSON, as POST /v1/models/recommendations takes it; `-` reads standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "id")]
    request: Option<PathBuf>,
    /// How many alternatives.
    #[arg(long, value_name = "N", default_value_t = 10)]
    top_n: u16,
    #[command(flatten)]
    place: Where,
}

pub(crate) fn run(args: &ExplainArgs) -> ExitCode {
    let asked = match &args.id {
        Some(id) => get(&args.place, &format!("/v1/calls/{}", encoded(id))).and_then(|call| of_call(&call)),
        None => match request(args) {
            Ok(body) => post_json(&args.place, "/v1/models/recommendations", &body),
            Err(error) => {
                fail(error);
                return ExitCode::from(MISUSED);
            }
        },
    };
    let found = match asked {
        Ok(found) => found,
        Err(error) => return fail(error),
    };
    if args.place.json {
        say(format_args!("{found:#}\n"));
    } else {
        say(page(&found, out::color()));
    }
    if found["selected_model"].is_null() { ExitCode::from(super::super::FAILED) } else { ExitCode::SUCCESS }
}

/// What is sent: the file, and over it what the flags say.
fn request(args: &ExplainArgs) -> Result<Value, String> {
    let mut body = match &args.request {
        Some(path) => read(path)?,
        None => Map::new(),
    };
    for feature in &args.features {
        let (name, value) = feature.split_once('=').unwrap_or((feature, "true"));
        body.insert(name.trim().to_owned(), Value::from(value.trim()));
    }
    for (name, value) in [("prompt", &args.prompt), ("route", &args.route)] {
        if let Some(value) = value {
            body.insert(name.to_owned(), Value::from(value.as_str()));
        }
    }
    body.insert("top_n".into(), json!(args.top_n));
    Ok(Value::Object(body))
}

fn read(path: &PathBuf) -> Result<Map<String, Value>, String> {
    let shown = path.display();
    let text = if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|error| format!("{shown} cannot be read: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{shown} is no JSON object: {error}"))
}

/// The decision of a past call in the form of a new one.
fn of_call(call: &Value) -> Result<Value, String> {
    let decision = &call["decision"];
    if decision.is_null() {
        let model = call["model"].as_str().unwrap_or("no model");
        return Err(format!(
            "no route decided this call: it went to {model} because it named it (requested_model {})",
            call["requested_model"]
        ));
    }
    let taken = decision["selected_model"].clone();
    let seconds = |value: &Value| value.as_f64().map(|ms| ms / 1000.0);
    let one = |one: &Value| {
        json!({
            "model": one["model"], "provider": one["provider"], "deployment": one["deployment"],
            "score": one["score"], "latency": one["latency_score"], "quality": one["quality_score"],
            "cost": one["cost_score"], "reliability": one["reliability"],
            "expected_latency": seconds(&one["expected_latency_ms"]),
            "expected_cost": one["expected_cost_usd"], "expected_quality": one["expected_quality"],
        })
    };
    let candidates = decision["candidates"].as_array().map_or(&[][..], Vec::as_slice);
    let chosen = candidates.iter().find(|one| one["model"] == taken);
    let others = candidates.iter().filter(|one| one["model"] != taken);
    Ok(json!({
        "call_id": call["id"],
        "selected_model": taken,
        "provider": chosen.map(|one| &one["provider"]),
        "deployment": chosen.map(|one| &one["deployment"]),
        "route": call["route"],
        "strategy": decision["strategy"],
        "weights": decision["weights"],
        "confidence": decision["confidence"],
        "reasoning": decision["reasoning"],
        "score": chosen.map(|one| &one["score"]),
        "expected_latency": seconds(&decision["expected_latency_ms"]),
        "expected_cost": decision["expected_cost_usd"],
        "expected_quality": decision["expected_quality"],
        "chosen": chosen.map(one),
        "alternatives": others.map(one).collect::<Vec<_>>(),
        "rejected": decision["rejected"],
        "explored": decision["explored"],
        "propensity": decision["propensity"],
        "optimization_type": "routing",
        "realised": {
            "status": call["status"], "served_by": call["deployment"],
            "latency": seconds(&call["duration_ms"]), "cost_usd": call["cost_usd"],
        },
    }))
}

fn page(found: &Value, color: bool) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut page = format!("{}\n", paint(&text(&found["reasoning"]), "1", color));
    let weights = &found["weights"];
    if weights.is_object() {
        let weight = |name: &str| weights[name].as_f64().unwrap_or_default();
        page.push_str(&format!(
            "route {}, strategy {}: latency {:.2}, quality {:.2}, cost {:.2}\n",
            text(&found["route"]),
            text(&found["strategy"]),
            weight("latency"),
            weight("quality"),
            weight("cost"),
        ));
    }
    let others = found["alternatives"].as_array().map_or(&[][..], Vec::as_slice);
    let first = [found.get("chosen").unwrap_or(found)];
    let number = |value: &Value| value.as_f64().map_or("-".to_owned(), |number| format!("{number:.3}"));
    let row = |one: &Value| {
        let scores = one.get("scores").filter(|scores| scores.is_object()).unwrap_or(one);
        let model = one.get("model").filter(|model| model.is_string()).unwrap_or(&one["selected_model"]);
        vec![
            text(model),
            text(&one["provider"]),
            number(&one["score"]),
            number(&scores["latency"]),
            number(&scores["quality"]),
            number(&scores["cost"]),
            time(one["expected_latency"].as_f64().map(|seconds| seconds * 1000.0)),
            one["expected_cost"].as_f64().map_or("-".into(), |usd| format!("{usd:.6}")),
            number(&one["expected_quality"]),
        ]
    };
    let is_chosen = !found["selected_model"].is_null();
    let rows: Vec<_> = first.into_iter().filter(|_| is_chosen).chain(others).map(row).collect();
    if !rows.is_empty() {
        let head = [
            "model",
            "provider",
            "score",
            "latency",
            "quality",
            "cost",
            "expected",
            "USD",
            "quality of answers",
        ];
        page.push_str(&format!("\n{}", out::table(&head, &[2, 3, 4, 5, 6, 7, 8], &rows, color)));
    }
    for one in found["rejected"].as_array().into_iter().flatten() {
        page.push_str(&format!(
            "left out: {} ({}) {}\n",
            text(&one["model"]),
            text(&one["provider"]),
            text(&one["words"])
        ));
    }
    if let Some(told) = found.get("realised") {
        page.push_str(&format!(
            "\nwhat came of it: {} by {} in {}, {} USD\n",
            text(&told["status"]),
            text(&told["served_by"]),
            time(told["latency"].as_f64().map(|seconds| seconds * 1000.0)),
            text(&told["cost_usd"]),
        ));
    }
    let cache = found.pointer("/cache/why").and_then(Value::as_str);
    page + &cache.map_or_else(String::new, |why| format!("cache: {why}\n"))
}
