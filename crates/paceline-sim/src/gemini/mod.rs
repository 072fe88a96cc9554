//! The Gemini dialect, from the provider's side.

pub(crate) mod error;
mod request;
mod signature;
mod voice;

use crate::{
    config::{SimKind, SimModel},
    dialect::{self, Problem, percent_decoded},
    exchange::{Answer, Exchange, Reply},
    generate::{self, ask::Ask, events::Framing},
};
use hyper::Method;
use serde_json::{Value, json};
use std::sync::Arc;

/// What can be asked of a model.
const VERBS: [&str; 3] = ["generateContent", "streamGenerateContent", "countTokens"];

/// Whether a path is one of this dialect. Newer clients ask under `/v1`, where only the verb tells it from
/// OpenAI's list of models.
pub(crate) fn has(path: &str) -> bool {
    let verb = path.strip_prefix("/v1/models/").and_then(|rest| rest.rsplit_once(':')).map(|(_, verb)| verb);
    path.starts_with("/v1beta/") || verb.is_some_and(|verb| VERBS.contains(&verb))
}

/// Answers a request of this dialect.
pub(crate) async fn answer(exchange: Exchange) -> Answer {
    let path = exchange.path.clone();
    let version = path.strip_prefix("/v1beta").or_else(|| path.strip_prefix("/v1"));
    let Some(rest) = version.and_then(|rest| rest.strip_prefix("/models")) else {
        return exchange.wrong(Problem::new(404, "Not Found")).await;
    };
    if exchange.method == Method::GET {
        return models(exchange, rest.trim_start_matches('/')).await;
    }
    let call = rest.strip_prefix('/').and_then(|rest| rest.rsplit_once(':'));
    let Some((name, verb)) = call.filter(|_| exchange.method == Method::POST) else {
        return exchange.wrong(Problem::new(404, "Not Found")).await;
    };
    let read = |value: &Value, stream: bool| {
        let model = exchange.chat_model(&percent_decoded(name))?;
        let ask = Ask { stream, ..request::read(value, &exchange.world)? };
        Ok::<(SimModel, Ask), Problem>((model, ask))
    };
    let asked = match verb {
        "generateContent" | "streamGenerateContent" => {
            exchange.object().and_then(|value| read(&value, verb == "streamGenerateContent"))
        }
        "countTokens" => {
            let counted = exchange.object().and_then(|value| {
                let inner = value.get("generateContentRequest").cloned();
                read(&inner.unwrap_or(value), false)
            });
            return match counted {
                Ok((_, ask)) => count(exchange, ask.prompt_tokens).await,
                Err(problem) => exchange.wrong(problem).await,
            };
        }
        _ => Err(Problem::new(404, format!("`{verb}` is not supported"))),
    };
    match asked {
        Ok((model, ask)) => {
            let events =
                exchange.query.as_deref().is_some_and(|query| query.split('&').any(|q| q == "alt=sse"));
            let framing = if events { Framing::SseCrlf } else { Framing::Array };
            let world = Arc::clone(&exchange.world);
            generate::answer(exchange, &model, &ask, |told| voice::Content::new(told, world, framing)).await
        }
        Err(problem) => exchange.wrong(problem).await,
    }
}

async fn count(exchange: Exchange, tokens: u64) -> Answer {
    let details = json!([{"modality": "TEXT", "tokenCount": tokens}]);
    let body = json!({"totalTokens": tokens, "promptTokensDetails": details});
    dialect::simple(exchange, true, Reply::json(200, body.to_string())).await
}

async fn models(exchange: Exchange, id: &str) -> Answer {
    let describe = |model: &SimModel| {
        let methods = match model.kind {
            SimKind::Chat => json!(["generateContent", "countTokens"]),
            _ => json!([]),
        };
        json!({"name": format!("models/{}", model.name), "version": "001", "displayName": model.name,
            "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536, "supportedGenerationMethods": methods})
    };
    let body = if id.is_empty() {
        json!({"models": exchange.world.config.models.iter().map(describe).collect::<Vec<_>>()})
    } else {
        let name = percent_decoded(id);
        match exchange.world.model(&name).map(describe) {
            Some(model) => model,
            None => return exchange.wrong(Problem::new(404, format!("models/{name} is not found"))).await,
        }
    };
    dialect::simple(exchange, false, Reply::json(200, body.to_string())).await
}
