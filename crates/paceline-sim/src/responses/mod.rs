//! OpenAI's responses, from the provider's side. Errors and headers are those of its chat dialect.

mod request;
mod voice;

use crate::{
    dialect::{Problem, model_name},
    exchange::{Answer, Exchange},
    generate,
    hash::Fnv,
};

/// Answers `POST /v1/responses`.
pub(crate) async fn answer(exchange: Exchange) -> Answer {
    let read = || {
        let value = exchange.object()?;
        let model = exchange.chat_model(&model_name(&value)?)?;
        if let Some(id) = value.get("previous_response_id").and_then(serde_json::Value::as_str)
            && !exchange.world.responses.holds(named(id))
        {
            let message = format!("Previous response with id '{id}' not found.");
            let problem = Problem::of("previous_response_id", message);
            return Err(Problem { code: Some("previous_response_not_found"), ..problem });
        }
        let ask = request::read(&value)?;
        Ok((model, ask, value))
    };
    match read() {
        Ok((model, ask, value)) => {
            let world = std::sync::Arc::clone(&exchange.world);
            generate::answer(exchange, &model, &ask, |told| {
                let voice = voice::Response::new(told, &value);
                world.responses.insert(named(voice.id()));
                voice
            })
            .await
        }
        Err(problem) => exchange.wrong(problem).await,
    }
}

fn named(id: &str) -> u64 {
    Fnv::new().text(id).value()
}
