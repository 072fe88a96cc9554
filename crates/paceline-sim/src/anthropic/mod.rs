//! The Anthropic dialect, from the provider's side.

mod check;
pub(crate) use check::signature;
pub(crate) mod error;
pub(crate) mod request;
pub(crate) mod voice;

use crate::{
    call::unix_ms,
    dialect::{self, Problem, model_name},
    exchange::{Answer, Exchange, Reply},
    generate, httpdate,
};
use hyper::Method;
use serde_json::json;

/// Answers a request of this dialect.
pub(crate) async fn answer(exchange: Exchange) -> Answer {
    let counting = match exchange.path.as_str() {
        "/v1/messages" => false,
        "/v1/messages/count_tokens" => true,
        _ => return exchange.wrong(Problem::new(404, "Not found")).await,
    };
    if exchange.method != Method::POST {
        return exchange.wrong(Problem::new(405, "Method Not Allowed")).await;
    }
    let read = || {
        let value = exchange.object()?;
        let model = exchange.chat_model(&model_name(&value)?)?;
        let ask = request::read(&value, &model.name, exchange.world.config.seed, !counting)?;
        Ok((model, ask))
    };
    match read() {
        Ok((_, ask)) if counting => {
            let reply = Reply::json(200, json!({"input_tokens": ask.prompt_tokens}).to_string());
            dialect::simple(exchange, true, reply).await
        }
        Ok((model, ask)) => {
            let seed = exchange.world.config.seed;
            generate::answer(exchange, &model, &ask, |told| voice::Messages::new(told, seed, false)).await
        }
        Err(problem) => exchange.wrong(problem).await,
    }
}

/// The name of a request, in headers and errors.
pub(crate) fn request_id(n: u64) -> String {
    format!("req_sim_{n}")
}

/// The header lines of every answer.
pub(crate) fn headers(n: u64, status: u16) -> Vec<(&'static str, String)> {
    let left = |used: &str| if status == 429 { "0".to_owned() } else { used.to_owned() };
    let full_at = httpdate::rfc3339((unix_ms() / 1_000) as i64 + i64::from(status == 429) * 60);
    vec![
        ("request-id", request_id(n)),
        ("anthropic-organization-id", "00000000-0000-4000-8000-000000000001".to_owned()),
        ("anthropic-ratelimit-requests-limit", "4000".to_owned()),
        ("anthropic-ratelimit-requests-remaining", left("3999")),
        ("anthropic-ratelimit-requests-reset", full_at.clone()),
        ("anthropic-ratelimit-input-tokens-limit", "2000000".to_owned()),
        ("anthropic-ratelimit-input-tokens-remaining", left("1999000")),
        ("anthropic-ratelimit-input-tokens-reset", full_at.clone()),
        ("anthropic-ratelimit-output-tokens-limit", "400000".to_owned()),
        ("anthropic-ratelimit-output-tokens-remaining", left("399000")),
        ("anthropic-ratelimit-output-tokens-reset", full_at),
    ]
}
