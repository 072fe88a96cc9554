//! The runtime of AWS Bedrock, from the provider's side: Converse, and Claude's own format.

mod converse;
pub(crate) mod error;
pub(crate) mod frame;
mod request;

use crate::{
    anthropic,
    config::SimModel,
    dialect::{Problem, percent_decoded},
    exchange::{Answer, Exchange},
    fault::Fault,
    generate::{self, ask::Ask, events::Event, quiet},
};
use hyper::{Method, header::AUTHORIZATION};
use serde_json::Value;

/// Answers a request of this dialect.
pub(crate) async fn answer(exchange: Exchange) -> Answer {
    let path = exchange.path.clone();
    let call = path.strip_prefix("/model/").and_then(|rest| rest.rsplit_once('/'));
    let (name, converse, stream) = match call {
        Some((name, "converse")) => (name, true, false),
        Some((name, "converse-stream")) => (name, true, true),
        Some((name, "invoke")) => (name, false, false),
        Some((name, "invoke-with-response-stream")) => (name, false, true),
        _ => return exchange.wrong(Problem::new(404, "Unable to determine service/operation name")).await,
    };
    if exchange.method != Method::POST {
        return exchange.wrong(Problem::new(405, "Method not allowed")).await;
    }
    // Whether the signature is right is not looked at.
    let signed = exchange.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !signed.is_some_and(|how| how.starts_with("AWS4-HMAC-SHA256 ") || how.starts_with("Bearer ")) {
        return exchange.wrong(Problem::new(403, "Missing Authentication Token")).await;
    }
    let seed = exchange.world.config.seed;
    match read(&exchange, name, converse, stream) {
        Ok((model, ask)) if converse => {
            generate::answer(exchange, &model, &ask, |_| converse::Converse::new(seed)).await
        }
        Ok((model, ask)) => {
            let voice = |told: &generate::Told| anthropic::voice::Messages::new(told, seed, true);
            generate::answer(exchange, &model, &ask, voice).await
        }
        Err(problem) => exchange.wrong(problem).await,
    }
}

fn read(exchange: &Exchange, name: &str, converse: bool, stream: bool) -> Result<(SimModel, Ask), Problem> {
    let value = exchange.object()?;
    let model = exchange.chat_model(&percent_decoded(name))?;
    if !converse && value.get("anthropic_version").and_then(Value::as_str).is_none() {
        return Err(Problem::new(400, "anthropic_version: Field required"));
    }
    let body = if converse { request::as_anthropic(&value) } else { value };
    let ask = anthropic::request::read(&body, &model.name, exchange.world.config.seed, !converse)?;
    Ok((model, Ask { stream, ..ask }))
}

/// The exception that breaks an answer off.
pub(crate) fn exception(fault: &Fault) -> Event {
    let (name, body) = error::in_stream(fault);
    Event::named(name, body, quiet())
}
