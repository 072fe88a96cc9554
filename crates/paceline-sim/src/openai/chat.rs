//! `POST /v1/chat/completions`.

use super::chunk::{self, Chunks, Envelope, Usage};
use super::error;
use crate::{
    call::{Claim, Mark, Part},
    config::SimModel,
    dialect::{Problem, model_name},
    exchange::{Answer, Exchange},
    fault::Flag,
    generate::{
        self, Told, Voice,
        answer::{Choice, Token},
        ask::{Ask, wants},
        content,
        events::{Event, Framing, Kind},
        quiet,
    },
};
use serde_json::Value;

pub(crate) async fn answer(exchange: Exchange) -> Answer {
    match read(&exchange) {
        Ok((model, ask, options)) => {
            generate::answer(exchange, &model, &ask, |told| ChatVoice::new(told, &options)).await
        }
        Err(problem) => exchange.wrong(problem).await,
    }
}

fn read(exchange: &Exchange) -> Result<(SimModel, Ask, Options), Problem> {
    let value = exchange.object()?;
    let model = exchange.chat_model(&model_name(&value)?)?;
    let ask = Ask::read(&value)?;
    Ok((model, ask, Options::read(&value)))
}

/// What only concerns how a chat answer is told.
struct Options {
    include_usage: bool,
    obfuscation: bool,
    /// How many alternatives to each token are told; `None` for no log probabilities at all.
    logprobs: Option<usize>,
}

impl Options {
    fn read(value: &Value) -> Self {
        let none = Value::Null;
        let options = value.get("stream_options").unwrap_or(&none);
        let top = value.get("top_logprobs").and_then(Value::as_u64).unwrap_or(0).min(20);
        Self {
            include_usage: wants(options, "include_usage"),
            obfuscation: wants(options, "include_obfuscation"),
            logprobs: wants(value, "logprobs").then_some(top as usize),
        }
    }
}

struct ChatVoice {
    chunks: Chunks,
    logprobs: Option<usize>,
    usage: Option<Usage>,
}

impl ChatVoice {
    fn new(told: &Told, options: &Options) -> Self {
        // A cost is sent unasked, as the provider that knows it does.
        let wanted = !told.stream_asked || options.include_usage || told.fault.cost.is_some();
        let usage = (wanted && told.usage_told()).then(|| Usage::new(&told.answer, told.fault.cost));
        let chunks = Chunks {
            envelope: Envelope::new(told, "chat.completion.chunk"),
            usage_key: usage.is_some(),
            obfuscation: options.obfuscation,
        };
        Self { chunks, logprobs: options.logprobs, usage }
    }

    fn claim(&self, told: &Told) -> Option<Claim> {
        Some(told.claim(serde_json::to_value(self.usage.as_ref()?).ok()?))
    }
}

impl Voice for ChatVoice {
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn whole(&mut self, told: &Told) -> (String, Option<Claim>) {
        let envelope = Envelope::new(told, "chat.completion");
        let body = chunk::completion(&envelope, &told.answer, self.logprobs, self.usage.as_ref());
        (body, self.claim(told))
    }

    fn finish_name(&self, choice: &Choice) -> &'static str {
        chunk::finish_name(choice)
    }

    fn begin(&mut self, told: &Told) -> Vec<Event> {
        let choices = told.answer.choices.iter().enumerate();
        choices.map(|(index, choice)| Event::new(self.chunks.role(index, choice), quiet())).collect()
    }

    fn token(&mut self, told: &Told, index: usize, token: Token<'_>) -> Vec<Event> {
        let mut events = Vec::with_capacity(2);
        if token.opens && token.part == Part::ToolArguments {
            let choice = &told.answer.choices[index];
            events.push(Event::new(self.chunks.tool(index, choice, token.tool), content()));
        }
        let text = self.chunks.token(index, token, self.logprobs);
        events.push(Event::new(text, Told::mark(index, token)));
        events
    }

    fn finish(&mut self, told: &Told, index: usize, last: bool) -> Vec<Event> {
        if told.fault.has(Flag::NoFinish) {
            return Vec::new();
        }
        let choice = &told.answer.choices[index];
        let here = last && told.fault.has(Flag::UsageWithFinish);
        let usage = self.usage.as_ref().filter(|_| here);
        let mark = Mark {
            finish: vec![(index, chunk::finish_name(choice))],
            usage: self.claim(told).filter(|_| here),
            ..quiet()
        };
        vec![Event::new(self.chunks.finish(index, choice, usage), mark)]
    }

    fn end(&mut self, told: &Told) -> Vec<Event> {
        let mut events = Vec::new();
        if let Some(usage) = self.usage.as_ref().filter(|_| !told.fault.has(Flag::UsageWithFinish)) {
            let mark = Mark { usage: self.claim(told), ..quiet() };
            events.push(Event::new(self.chunks.usage(usage), mark));
        }
        let done = Event { kind: Kind::Mark, ..Event::new("[DONE]".to_owned(), Mark::default()) };
        events.extend(told.end_mark(done));
        events
    }

    fn error(&mut self, told: &Told, _contents: u64) -> Event {
        Event::new(error::faulty(&told.fault, 500, None), quiet())
    }
}
