//! The OpenAI dialect, from the provider's side.

mod chat;
mod chunk;
mod embeddings;
pub(crate) mod error;
mod raw;

use crate::{
    exchange::{Answer, Exchange},
    responses,
};
use hyper::Method;

/// Answers a request of this dialect.
pub(crate) async fn answer(exchange: Exchange) -> Answer {
    let path = exchange.path.clone();
    let wanted = match path.as_str() {
        "/v1/chat/completions" | "/v1/responses" | "/v1/embeddings" | "/v1/audio/speech" | "/v1/files" => {
            Method::POST
        }
        "/v1/models" => Method::GET,
        _ if path == "/v1/echo" || path.starts_with("/v1/echo/") => exchange.method.clone(),
        _ if path.starts_with("/v1/models/") => Method::GET,
        _ => {
            let message = format!("Invalid URL ({} {path})", exchange.method);
            return exchange.refuse(error::reply(404, &message, None, Some("unknown_url"))).await;
        }
    };
    if exchange.method != wanted {
        let message = format!("Not allowed to {} on {path} (HINT: use {wanted})", exchange.method);
        return exchange.refuse(error::reply(405, &message, None, Some("method_not_supported"))).await;
    }
    match path.as_str() {
        "/v1/chat/completions" => chat::answer(exchange).await,
        "/v1/responses" => responses::answer(exchange).await,
        "/v1/embeddings" => embeddings::answer(exchange).await,
        "/v1/audio/speech" => raw::speech(exchange).await,
        "/v1/files" => raw::file(exchange).await,
        "/v1/models" => raw::models(exchange, None).await,
        _ => match path.strip_prefix("/v1/models/") {
            Some(id) => raw::models(exchange, Some(id)).await,
            None => raw::echo(exchange).await,
        },
    }
}

/// The header lines of every answer.
pub(crate) fn headers(n: u64, status: u16, spent_ms: u128) -> Vec<(&'static str, String)> {
    let remaining = if status == 429 { "0" } else { "9999" };
    vec![
        ("x-request-id", format!("req_sim_{n}")),
        ("openai-processing-ms", spent_ms.to_string()),
        ("x-ratelimit-limit-requests", "10000".to_owned()),
        ("x-ratelimit-remaining-requests", remaining.to_owned()),
        ("x-ratelimit-reset-requests", "6ms".to_owned()),
    ]
}
