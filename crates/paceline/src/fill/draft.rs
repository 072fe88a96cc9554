//! One made-up call record: what is decided beforehand, and what chance does with it.

use super::dice::Dice;
use paceline_types::deployment::Deployment;
use paceline_types::error::ErrorKind;
use paceline_types::id::{CallId, Name};
use paceline_types::money::Cost;
use paceline_types::record::{
    Attempt, AttemptReason, CacheState, CallRecord, Caller, Dialect, Labels, Operation, Status,
};
use paceline_types::time::{Offset, Timestamp};
use paceline_types::tokens::{Usage, UsageSource};
use std::sync::Arc;

/// A model at a provider, and what it is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) provider: &'static str,
    pub(crate) model: &'static str,
    /// Dollars per million tokens.
    pub(crate) price_in: f64,
    /// Dollars per million tokens.
    pub(crate) price_out: f64,
    /// Half of the first tokens come within so many milliseconds.
    pub(crate) first_ms: f64,
    /// Then a token every so many milliseconds; 0 for embeddings.
    pub(crate) token_ms: f64,
}

pub(crate) const fn place(
    provider: &'static str,
    model: &'static str,
    price_in: f64,
    price_out: f64,
    first_ms: f64,
    token_ms: f64,
) -> Place {
    Place { provider, model, price_in, price_out, first_ms, token_ms }
}

impl Place {
    pub(crate) fn embeds(&self) -> bool {
        self.token_ms == 0.0
    }

    pub(crate) fn deployment(&self) -> Deployment {
        Deployment {
            name: format!("{}/{}", self.provider, self.model).into(),
            provider: self.provider.into(),
            model: self.model.into(),
            upstream_model: self.model.into(),
            region: None,
        }
    }
}

/// How a call ends: its status, what went wrong, and the HTTP status.
pub(crate) type Ending = (Status, Option<ErrorKind>, u16);

/// What is decided of a call.
pub(crate) struct Draft {
    /// Its number.
    pub(crate) n: u64,
    /// When it starts, in milliseconds since 1970.
    pub(crate) ms: u64,
    pub(crate) caller: Arc<Caller>,
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) requested: Name,
    pub(crate) stream: bool,
    pub(crate) ending: Ending,
    /// Times are multiplied by this.
    pub(crate) slower: f64,
}

/// The record of one call at one place.
pub(crate) fn made(
    dice: &mut Dice,
    place: &Place,
    draft: Draft,
    labels: impl FnOnce(&mut Dice) -> Labels,
) -> CallRecord {
    let Draft { n, ms, caller, deployment, requested, stream, ending, slower } = draft;
    let (status, error_kind, http_status) = ending;
    let embeds = place.embeds();
    let answered = matches!(status, Status::Ok | Status::Partial);
    let input = dice.around(900.0, 1.0) as u64 + 8;
    let output = if answered && !embeds { dice.around(220.0, 0.8) as u64 + 1 } else { 0 };
    let first = dice.around(place.first_ms, 0.4) * slower * 1e6;
    let duration = (first + output as f64 * dice.around(place.token_ms, 0.15) * slower * 1e6) as u64
        + dice.below(900_000);
    let usage = answered.then_some(Usage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: if dice.below(4) == 0 { input / 2 } else { 0 },
        cache_write_tokens: 0,
        cache_write_1h_tokens: 0,
        reasoning_tokens: 0,
        source: UsageSource::Reported,
    });
    // Dollars per million tokens are millionths of a dollar per token: pico-dollars by another million.
    let pico = |price: f64| (price * 1e6) as i64;
    let cost =
        usage.map(|_| Cost(input as i64 * pico(place.price_in) + output as i64 * pico(place.price_out)));
    let mut attempt =
        Attempt::begin(AttemptReason::First, Arc::clone(&deployment), Offset(dice.below(30_000) + 9000));
    let first_token = (stream && answered).then_some(Offset(first as u64));
    attempt.http_status = http_status;
    attempt.error_kind = error_kind;
    attempt.head = Some(Offset((first * 0.98) as u64));
    attempt.first_token = first_token;
    attempt.ended = Offset(duration - dice.below(9000));
    (attempt.usage, attempt.cost) = (usage, cost);
    CallRecord {
        id: CallId::new(ms, n, 0xfeed_5eed),
        started_at: Timestamp(ms as i64 * 1000 + dice.below(1000) as i64),
        caller,
        labels: Some(Box::new(labels(dice))),
        operation: if embeds { Operation::Embeddings } else { Operation::Chat },
        dialect: Dialect::OpenAi,
        stream,
        requested_model: Some(requested),
        decision: None,
        quality: None,
        target: Some(deployment),
        status,
        error_kind,
        error_code: error_kind.map(|kind| kind.as_str().into()),
        http_status,
        finish_reason: (answered && !embeds).then(|| "stop".into()),
        cache: CacheState::Off,
        usage,
        cost,
        duration: Offset(duration),
        queue: Offset(0),
        route: Offset(dice.below(4000) + 3000),
        worked: Offset(dice.below(30_000) + 30_000),
        first_token,
        last_token: first_token.map(|_| Offset(duration - dice.below(200_000))),
        itl_p99: first_token.map(|_| Offset((place.token_ms * 3e6) as u64 + dice.below(4_000_000))),
        attempts: vec![attempt],
    }
}
