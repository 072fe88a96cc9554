//! What every dialect shares: what is answered, when, what goes wrong, and what is counted. A dialect reads a
//! request into an [`Ask`] and lends the answer its [`Voice`].

pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod blocks;
pub(crate) mod cache;
pub(crate) mod events;
pub(crate) mod schema;
mod stream;
pub(crate) mod talk;
pub(crate) mod words;

use self::{
    answer::{ChatAnswer, Choice, Token},
    ask::Ask,
    cache::{Caching, Hit},
    events::{Event, Framing, ODD_FIELDS, insert},
    stream::Stream,
};
use crate::{
    call::{Claim, Mark, Part, Planned, unix_ms},
    config::SimModel,
    dialect,
    exchange::{Answer, Exchange, Reply},
    fault::{Fault, Flag},
    rng::Rng,
    timing::Timing,
};
use serde_json::Value;

/// An answer and what its voice needs to know about it.
pub(crate) struct Told {
    pub(crate) model: String,
    pub(crate) answer: ChatAnswer,
    pub(crate) fault: Fault,
    /// Whether a stream was asked for, even where a fault gives a whole answer.
    pub(crate) stream_asked: bool,
    pub(crate) thoughts_shown: bool,
    /// When the answer was begun, Unix ms.
    pub(crate) created_ms: u64,
    /// How long it takes, ms after the request: to the first token, and to the last.
    pub(crate) first_ms: f64,
    pub(crate) total_ms: f64,
}

/// How a dialect tells an answer.
pub(crate) trait Voice: Send + Sync + 'static {
    /// How the events of a stream are laid out as bytes.
    fn framing(&self) -> Framing;
    /// The whole answer as one JSON object, and the usage in it.
    fn whole(&mut self, told: &Told) -> (String, Option<Claim>);
    /// The name of the reason why a choice ends.
    fn finish_name(&self, choice: &Choice) -> &'static str;
    /// What comes before the first token.
    fn begin(&mut self, told: &Told) -> Vec<Event>;
    /// One token of one choice.
    fn token(&mut self, told: &Told, index: usize, token: Token<'_>) -> Vec<Event>;
    /// The end of a choice; the last of them when `last`.
    fn finish(&mut self, told: &Told, index: usize, last: bool) -> Vec<Event>;
    /// What comes after the last choice.
    fn end(&mut self, told: &Told) -> Vec<Event>;
    /// The event that breaks the answer off, after so many events with content.
    fn error(&mut self, told: &Told, contents: u64) -> Event;
}

impl Told {
    /// What a token means to the ledger.
    pub(crate) fn mark(index: usize, token: Token<'_>) -> Mark {
        Mark { tokens: 1, pieces: vec![(index, token.part, token.text.to_owned())], ..content() }
    }

    /// What a tool call means to the ledger where it is sent in one piece.
    pub(crate) fn call_mark(&self, index: usize, tool: usize) -> Mark {
        let call = &self.answer.choices[index].tools[tool];
        let pieces = vec![(index, Part::ToolArguments, call.arguments.concat())];
        Mark { tokens: call.arguments.len() as u64, pieces, ..content() }
    }

    /// Whether usage is told at all.
    pub(crate) fn usage_told(&self) -> bool {
        !self.fault.has(Flag::NoUsage)
    }

    /// The usage of this answer in a dialect's own form.
    pub(crate) fn claim(&self, raw: Value) -> Claim {
        Claim { raw, tokens: self.answer.tokens() }
    }

    /// The end mark of a stream as the fault wants it: missing, without its space, or two times.
    pub(crate) fn end_mark(&self, event: Event) -> Vec<Event> {
        if self.fault.has(Flag::NoDone) {
            return Vec::new();
        }
        let event = Event { tight: self.fault.has(Flag::DoneTight), ..event };
        if self.fault.has(Flag::DoneTwice) { vec![event.clone(), event] } else { vec![event] }
    }
}

/// An event with content in it.
pub(crate) fn content() -> Mark {
    Mark { events: 1, content_events: 1, content: true, ..Mark::default() }
}

/// An event without any.
pub(crate) fn quiet() -> Mark {
    Mark { events: 1, ..Mark::default() }
}

/// Answers a request to a model in this voice.
pub(crate) async fn answer<V: Voice>(
    exchange: Exchange,
    model: &SimModel,
    ask: &Ask,
    voice: impl FnOnce(&Told) -> V,
) -> Answer {
    exchange.call.model(&model.name, ask.stream);
    let n = exchange.call.n();
    let seed = ChatAnswer::seed(exchange.world.config.seed, n, model, ask);
    let fault = match exchange.fault(Some(model), true, &mut Rng::fork(seed, 1)) {
        Ok(fault) => fault,
        Err(reply) => return exchange.refuse(reply).await,
    };
    let slow_ms = exchange.world.slow_start_ms(model);
    let mut timing = Timing::draw(model, &fault, exchange.start, slow_ms, Rng::fork(seed, 2));
    let streaming = ask.stream && !fault.has(Flag::JsonAnswer);
    if let Some(reply) = dialect::instead(&exchange, &fault, streaming) {
        return exchange.whole(&fault, timing.refusal(&fault), reply).await;
    }
    let mut answer = ChatAnswer::draw(seed, model, ask, &fault);
    if let Caching::Points(points) = &ask.caching {
        answer.cache = Hit::of(points, &exchange.world.prefixes).told(&fault, answer.prompt_tokens);
    }
    let due = timing.tokens(answer.steps().max(1));
    let total_ms = due.last().copied().unwrap_or_default();
    let output_tokens = answer.output_tokens();
    exchange.call.planned(Planned { ttft_ms: timing.ttft_ms(), total_ms, output_tokens });
    let told = Told {
        model: model.name.clone(),
        answer,
        fault: fault.clone(),
        stream_asked: ask.stream,
        thoughts_shown: ask.thoughts_shown,
        created_ms: unix_ms(),
        first_ms: timing.ttft_ms(),
        total_ms,
    };
    let mut voice = voice(&told);
    if !streaming {
        let ready = timing.at(total_ms);
        return exchange.whole(&fault, ready, whole(&mut voice, &told)).await;
    }
    let (head, kind) = (timing.head(), voice.framing().content_type());
    let stream = Stream { voice, told, timing, due };
    exchange.pieces(&fault, head, kind, |out| stream.run(out)).await
}

fn whole(voice: &mut impl Voice, told: &Told) -> Reply {
    let (mut body, usage) = voice.whole(told);
    if told.fault.has(Flag::Unicode) {
        insert(&mut body, ODD_FIELDS);
    }
    let choices = || told.answer.choices.iter().enumerate();
    let pieces = choices().flat_map(|(index, choice)| {
        let tools = choice.tools.iter().map(|tool| tool.arguments.concat()).collect();
        let shown = if told.thoughts_shown { choice.reasoning.concat() } else { String::new() };
        let texts =
            [(Part::Reasoning, shown), (Part::Text, choice.text.concat()), (Part::ToolArguments, tools)];
        texts
            .into_iter()
            .filter(|(_, text): &(_, String)| !text.is_empty())
            .map(move |(part, text)| (index, part, text))
    });
    let mark = Mark {
        content: true,
        tokens: told.answer.output_tokens(),
        pieces: pieces.collect(),
        finish: choices().map(|(index, choice)| (index, voice.finish_name(choice))).collect(),
        usage,
        ..Mark::default()
    };
    Reply { mark: mark.into(), ..Reply::json(200, body) }
}
