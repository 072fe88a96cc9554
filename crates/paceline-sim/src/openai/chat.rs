//! `POST /v1/chat/completions`.

use super::{
    answer::ChatAnswer,
    chunk::{self, Chunks, Envelope, Usage},
    error,
    request::ChatRequest,
    stream::{ODD_FIELDS, Stream, insert},
};
use crate::{
    call::{Mark, Part, Planned},
    config::{SimKind, SimModel},
    exchange::{Answer, Exchange, Reply},
    fault::{Fault, Flag},
    rng::Rng,
    timing::Timing,
};

pub(crate) async fn answer(exchange: Exchange) -> Answer {
    let (model, request) = match read(&exchange) {
        Ok(read) => read,
        Err(reply) => return exchange.refuse(reply).await,
    };
    let n = exchange.call.n();
    let seed = ChatAnswer::seed(exchange.world.config.seed, n, &model, &request);
    let fault = match exchange.fault(Some(&model), true, &mut Rng::fork(seed, 1)) {
        Ok(fault) => fault,
        Err(reply) => return exchange.refuse(reply).await,
    };
    let slow_ms = exchange.world.slow_start_ms(&model);
    let mut timing = Timing::draw(&model, &fault, exchange.start, slow_ms, Rng::fork(seed, 2));
    let streaming = request.stream && !fault.has(Flag::JsonAnswer);
    if let Some(reply) = error::instead(&exchange, &fault, streaming) {
        return exchange.whole(&fault, timing.refusal(&fault), reply).await;
    }
    let answer = ChatAnswer::draw(seed, &model, &request, &fault);
    let due = timing.tokens(answer.steps().max(1));
    exchange.call.planned(Planned {
        ttft_ms: timing.ttft_ms(),
        total_ms: due.last().copied().unwrap_or_default(),
        output_tokens: answer.output_tokens(),
    });
    // A cost is sent unasked, as the provider that knows it does.
    let wanted = !request.stream || request.include_usage || fault.cost.is_some();
    let usage = (wanted && !fault.has(Flag::NoUsage)).then(|| Usage::new(&answer, fault.cost));
    if !streaming {
        let ready = timing.at(due.last().copied().unwrap_or_default());
        let reply = whole(&model, &request, &answer, &fault, usage.as_ref());
        return exchange.whole(&fault, ready, reply).await;
    }
    let chunks = Chunks {
        envelope: Envelope::new(&answer, &model.name, "chat.completion.chunk"),
        usage_key: usage.is_some(),
        obfuscation: request.obfuscation,
    };
    let head = timing.head();
    let stream = Stream { chunks, request, answer, fault: fault.clone(), usage, timing, due };
    exchange.pieces(&fault, head, "text/event-stream; charset=utf-8", |out| stream.run(out)).await
}

fn read(exchange: &Exchange) -> Result<(SimModel, ChatRequest), Reply> {
    let (value, name) = error::object_with_model(exchange)?;
    let model = exchange.world.model(&name).ok_or_else(|| error::no_model(&name))?;
    if model.kind != SimKind::Chat {
        let message = format!("The model `{name}` is not a chat model.");
        return Err(error::reply(400, &message, Some("model"), None));
    }
    let request = ChatRequest::read(&value)?;
    exchange.call.model(&model.name, request.stream);
    Ok((model.clone(), request))
}

fn whole(
    model: &SimModel,
    request: &ChatRequest,
    answer: &ChatAnswer,
    fault: &Fault,
    usage: Option<&Usage>,
) -> Reply {
    let envelope = Envelope::new(answer, &model.name, "chat.completion");
    let mut body = chunk::completion(&envelope, answer, request, usage);
    if fault.has(Flag::Unicode) {
        insert(&mut body, ODD_FIELDS);
    }
    let choices = || answer.choices.iter().enumerate();
    let pieces = choices().flat_map(|(index, choice)| {
        let tools = choice.tools.iter().map(|tool| tool.arguments.concat()).collect();
        let texts = [
            (Part::Reasoning, choice.reasoning.concat()),
            (Part::Text, choice.text.concat()),
            (Part::ToolArguments, tools),
        ];
        texts
            .into_iter()
            .filter(|(_, text): &(_, String)| !text.is_empty())
            .map(move |(part, text)| (index, part, text))
    });
    let mark = Mark {
        content: true,
        tokens: answer.output_tokens(),
        pieces: pieces.collect(),
        finish: choices().map(|(index, choice)| (index, choice.finish)).collect(),
        usage: usage.and_then(|usage| serde_json::to_value(usage).ok()),
        ..Mark::default()
    };
    Reply { mark: mark.into(), ..Reply::json(200, body) }
}
