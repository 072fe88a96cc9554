//! Ollama's own dialect, from the provider's side.

mod request;
mod voice;

use crate::{
    config::{SimKind, SimModel},
    dialect::{self, Problem, model_name},
    exchange::{Answer, Exchange, Reply},
    generate,
};
use hyper::Method;
use serde_json::json;

/// Answers a request of this dialect.
pub(crate) async fn answer(exchange: Exchange) -> Answer {
    match (&exchange.method, exchange.path.as_str()) {
        (&Method::POST, "/api/chat") => chat(exchange).await,
        (&Method::GET, "/api/tags") => tags(exchange).await,
        (&Method::GET, "/api/version") => {
            let reply = Reply::json(200, json!({"version": "0.12.6"}).to_string());
            dialect::simple(exchange, false, reply).await
        }
        (_, "/api/chat" | "/api/tags" | "/api/version") => {
            exchange.wrong(Problem::new(405, "method not allowed")).await
        }
        _ => exchange.wrong(Problem::new(404, "path not found")).await,
    }
}

async fn chat(exchange: Exchange) -> Answer {
    let read = || {
        let value = exchange.object()?;
        let name = model_name(&value)?;
        let model = exchange.chat_model(name.strip_suffix(":latest").unwrap_or(&name))?;
        Ok((model, request::read(&value)?))
    };
    match read() {
        Ok((model, ask)) => generate::answer(exchange, &model, &ask, voice::Lines::new).await,
        Err(problem) => exchange.wrong(problem).await,
    }
}

async fn tags(exchange: Exchange) -> Answer {
    let describe = |model: &SimModel| {
        let family = if model.kind == SimKind::Chat { "sim" } else { "sim-other" };
        json!({"name": model.name, "model": model.name, "modified_at": "2026-01-01T00:00:00Z",
            "size": 1_000_000_000, "digest": format!("{:0>64}", crate::hash::hex(model.name.as_bytes())),
            "details": {"parent_model": "", "format": "gguf", "family": family, "families": [family],
                "parameter_size": "1B", "quantization_level": "Q4_K_M"}})
    };
    let models: Vec<_> = exchange.world.config.models.iter().map(describe).collect();
    let reply = Reply::json(200, json!({"models": models}).to_string());
    dialect::simple(exchange, false, reply).await
}

/// An error answer.
pub(crate) fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, json!({"error": message}).to_string())
}

/// The error answer a fault asks for.
pub(crate) fn faulty(status: u16, message: Option<&str>) -> Reply {
    error(status, message.unwrap_or(usual(status)))
}

fn usual(status: u16) -> &'static str {
    match status {
        401 | 403 => "unauthorized",
        404 => "model not found, try pulling it first",
        429 => "too many requests",
        502 => "upstream error",
        503 => "server busy, please try again.  maximum pending requests exceeded",
        500.. => "an error was encountered while running the model",
        _ => "invalid request",
    }
}
