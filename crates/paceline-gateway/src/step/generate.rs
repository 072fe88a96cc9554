//! `POST /v1/models/generate`: a prompt and its features in, the text with the decision beside it out. In between it is a
//! call like all others, asked as OpenAI's chat completion.

use crate::call::Call;
use crate::refuse::Fail;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use paceline_http::clock;
use paceline_routing::need::FEATURES;
use paceline_types::decision::{Decision, Scored};
use paceline_types::error::ErrorKind;
use serde_json::{Map, Value, json};

/// The path.
pub(crate) const PATH: &str = "/v1/models/generate";
/// The route that decides where none is named.
pub const DEFAULT_ROUTE: &str = "auto";
/// Settings that go to the model as they are.
const PASSED: [&str; 7] = ["temperature", "top_p", "max_tokens", "stop", "seed", "response_format", "user"];
/// Alternatives that an answer names where it does not say how many.
pub const TOP_N: usize = 3;

/// What such a request holds besides the chat completion it comes to.
#[derive(Debug, Default)]
pub(crate) struct Generate {
    /// Features by name, their values as text.
    pub(crate) features: Vec<(String, String)>,
    top_n: usize,
}

fn bad(message: String) -> Fail {
    Fail::refuse(StatusCode::BAD_REQUEST, ErrorKind::BadRequest, "bad_request", message)
}

/// Features of a JSON object by name, as text; a list is joined by `|`.
///
/// # Errors
/// In words, when one is neither text, number, truth value nor list of texts.
pub fn features(body: &Map<String, Value>) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    for (name, value) in body.iter().filter(|(name, _)| FEATURES.contains(&name.as_str())) {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("|")
            }
            _ => return Err(format!("`{name}` must be a number, a text, true or false, or a list of texts")),
        };
        found.push((name.clone(), text));
    }
    Ok(found)
}

/// The chat completion that a request comes to, and the rest of it.
pub(crate) fn ask(body: &Bytes) -> Result<(Bytes, Generate), Fail> {
    let read: Map<String, Value> = serde_json::from_slice(body).map_err(|error| {
        let message = format!("the body is no JSON object: {error}");
        Fail::refuse(StatusCode::BAD_REQUEST, ErrorKind::BadRequest, "invalid_json", message)
    })?;
    let known = |name: &str| {
        FEATURES.contains(&name)
            || PASSED.contains(&name)
            || ["prompt", "messages", "system", "route", "model", "top_n", "metadata"].contains(&name)
    };
    if let Some(name) = read.keys().find(|name| !known(name)) {
        return Err(bad(format!(
            "there is no field `{name}`; besides `prompt` there are {}",
            FEATURES.join(", ")
        )));
    }
    let mut chat = Map::new();
    let route = read.get("route").or_else(|| read.get("model")).cloned();
    chat.insert("model".into(), route.unwrap_or_else(|| DEFAULT_ROUTE.into()));
    let messages = match (read.get("messages"), read.get("prompt").and_then(Value::as_str)) {
        (Some(messages), None) => messages.clone(),
        (None, Some(prompt)) => {
            let system = read.get("system").map(|text| json!({"role": "system", "content": text}));
            let user = json!({"role": "user", "content": prompt});
            Value::Array(system.into_iter().chain([user]).collect())
        }
        _ => return Err(bad("give the prompt as text in `prompt`, or a conversation in `messages`".into())),
    };
    chat.insert("messages".into(), messages);
    for name in PASSED.iter().chain(&["metadata"]) {
        if let Some(value) = read.get(*name) {
            chat.insert((*name).into(), value.clone());
        }
    }
    let top_n = read.get("top_n").and_then(Value::as_u64).map_or(TOP_N, |top| top.min(32) as usize);
    let generate = Generate { features: features(&read).map_err(bad)?, top_n };
    let chat = serde_json::to_vec(&chat).unwrap_or_default();
    Ok((chat.into(), generate))
}

/// Four decimals; more is not known.
fn short(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}

/// Six significant digits: costs are small.
fn usd(value: Option<f32>) -> Option<f64> {
    value.map(|value| format!("{value:.5e}").parse().unwrap_or_default())
}

/// A decision as the specification names its parts; `expected_latency` in seconds, `expected_cost` in US dollars.
pub fn decision_answer(decision: &Decision, top_n: usize) -> Value {
    let taken = decision.taken();
    let one = |scored: &Scored| {
        json!({
            "model": scored.deployment.model,
            "provider": scored.deployment.provider,
            "deployment": scored.deployment.name,
            "score": short(scored.score),
            "latency": short(scored.latency),
            "quality": short(scored.quality),
            "cost": short(scored.cost),
            "reliability": short(scored.reliability),
            "expected_latency": short(scored.expected_latency_ms / 1000.0),
            "expected_cost": usd(scored.expected_cost_usd),
            "expected_quality": short(scored.expected_quality),
        })
    };
    let chosen = usize::from(decision.chosen);
    let others = decision.candidates.iter().enumerate().filter(|(at, _)| *at != chosen);
    let rejected = decision.rejected.iter().map(|(who, why)| {
        json!({"model": who.model, "provider": who.provider, "reason": why.as_str(), "words": why.words()})
    });
    json!({
        "selected_model": taken.map(|one| &one.deployment.model),
        "provider": taken.map(|one| &one.deployment.provider),
        "deployment": taken.map(|one| &one.deployment.name),
        "route": decision.route,
        "strategy": decision.strategy.as_str(),
        "weights": {
            "latency": short(decision.weights.latency),
            "quality": short(decision.weights.quality),
            "cost": short(decision.weights.cost),
        },
        "confidence": decision.confidence.map(short),
        "reasoning": decision.reasoning(),
        "expected_cost": taken.and_then(|one| usd(one.expected_cost_usd)),
        "expected_latency": taken.map(|one| short(one.expected_latency_ms / 1000.0)),
        "expected_quality": taken.map(|one| short(one.expected_quality)),
        "score": taken.map(|one| short(one.score)),
        "scores": taken.map(|one| json!({
            "latency": short(one.latency),
            "quality": short(one.quality),
            "cost": short(one.cost),
            "reliability": short(one.reliability),
        })),
        "optimization_type": "routing",
        "alternatives": others.take(top_n).map(|(_, other)| one(other)).collect::<Vec<_>>(),
        "rejected": rejected.collect::<Vec<_>>(),
        "explored": decision.explored(),
        "propensity": short(decision.propensity),
    })
}

/// The answer: the model's text, what it took, and why this model.
pub(crate) fn answer(call: &mut Call, chat: Response<Bytes>) -> Response<Bytes> {
    let Some(generate) = call.generate.take() else { return chat };
    if !chat.status().is_success() {
        return chat;
    }
    let Ok(told) = serde_json::from_slice::<Value>(chat.body()) else { return chat };
    let now = call.offset(clock::now());
    let Some(record) = call.seen() else { return chat };
    let mut body = match &record.decision {
        Some(decision) => {
            let mut decision = Decision::clone(decision);
            decision.confidence = paceline_routing::confidence::confidence(&decision).map(|sure| sure as f32);
            decision_answer(&decision, generate.top_n)
        }
        None => json!({"optimization_type": "none"}),
    };
    let target = record.target.as_deref();
    let more = json!({
        "text": told.pointer("/choices/0/message/content"),
        "tool_calls": told.pointer("/choices/0/message/tool_calls"),
        "finish_reason": told.pointer("/choices/0/finish_reason"),
        "model": target.map(|target| &target.model),
        "served_by": target.map(|target| &target.name),
        "call_id": record.id.to_string(),
        "usage": record.usage,
        "cost_usd": record.cost.or_else(|| call.priced(record, record.usage.as_ref())),
        "latency_ms": (now.ms() * 1000.0).round() / 1000.0,
        "attempts": record.attempts.len(),
    });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    let (mut parts, _) = chat.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Response::from_parts(parts, serde_json::to_vec_pretty(&body).unwrap_or_default().into())
}
