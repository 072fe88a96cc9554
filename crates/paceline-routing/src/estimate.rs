//! What to expect of a model: means and spreads of latency, answer length, reliability and quality.

use crate::expect::Known;
use paceline_types::price::{Price, Rate, Tariff};
use paceline_types::time::{Offset, Timestamp};
use paceline_types::tokens::Usage;

/// What is expected of a deployment before anything was seen of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// Time to the first token of a short prompt, in milliseconds.
    pub ttft_ms: f64,
    /// Time per output token, in milliseconds.
    pub tpot_ms: f64,
    /// Quality of answers, 0 to 1.
    pub quality: f64,
}

impl Prior {
    /// What is assumed of models of a class by size, 1 (largest) to 4 (instant); 0: nothing is known.
    pub const fn of_tier(tier: u8) -> Self {
        let (ttft_ms, tpot_ms, quality) = match tier {
            1 => (900.0, 18.0, 0.90),
            2 => (600.0, 12.0, 0.85),
            3 => (400.0, 8.0, 0.78),
            4 => (250.0, 5.0, 0.70),
            _ => (600.0, 12.0, 0.75),
        };
        Self { ttft_ms, tpot_ms, quality }
    }
}

/// A mean, and the standard deviation of one call around it, the doubt about the mean included.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expected {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub spread: f64,
}

/// What is expected of a deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Time to the first token without a prompt, in milliseconds.
    pub ttft_ms: f64,
    /// What a thousand prompt tokens add to it.
    pub ttft_ms_per_1k: f64,
    /// Time per output token, in milliseconds.
    pub tpot_ms: f64,
    /// Standard deviation of the logarithm of a call's time by that of its expectation.
    pub latency_spread: f64,
    /// Tokens of an answer.
    pub output_tokens: f64,
    /// Standard deviation of the logarithm of an answer's tokens.
    pub output_spread: f64,
    /// Share of attempts that are answered.
    pub reliability: f64,
    /// Quality of answers of any kind.
    pub quality: Expected,
    /// Quality by task, in the order of [`View::tasks`].
    pub by_task: Vec<Expected>,
    /// How many calls, decayed, stand behind the times.
    pub evidence: f64,
    /// What tokens cost, where that does not depend on how many there are.
    pub rates: Option<UsdRates>,
}

/// US dollars for one token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UsdRates {
    /// Of the prompt.
    pub input: f64,
    /// Of the prompt, where the provider has it.
    pub cached: f64,
    /// Of the answer.
    pub output: f64,
}

impl UsdRates {
    /// The rates of a price at a moment; `None` where it has tiers, or is of a machine's time.
    pub fn of(price: &Price, at: Timestamp) -> Option<Self> {
        let card = &price.at(at)?.standard;
        let usd = |rate: Rate| rate.0 as f64 / 1e12;
        let cached = card.base.cache_read.unwrap_or(card.base.input);
        card.tiers.is_empty().then(|| Self {
            input: usd(card.base.input),
            cached: usd(cached),
            output: usd(card.base.output),
        })
    }
}

impl Estimate {
    /// What a prior says.
    pub fn of(prior: &Prior) -> Self {
        crate::belief::Belief::default().estimate(prior, Timestamp(0), &[])
    }

    /// Expected time to the first token of a prompt, in milliseconds.
    pub fn first_token_ms(&self, input_tokens: f64) -> f64 {
        self.ttft_ms + self.ttft_ms_per_1k * input_tokens / 1000.0
    }

    /// Quality for a task; for one that is not known, of any kind.
    pub fn quality_for(&self, task: Option<usize>) -> Expected {
        task.and_then(|task| self.by_task.get(task)).copied().unwrap_or(self.quality)
    }
}

/// What is known of a route's candidates at a moment: what calls read.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// One for each candidate.
    pub estimates: Vec<Estimate>,
    /// Tasks whose quality is known apart.
    pub tasks: Vec<Box<str>>,
    known: Known,
}

impl View {
    /// What these estimates say.
    pub(crate) fn new(estimates: Vec<Estimate>, tasks: Vec<Box<str>>) -> Self {
        let known = Known::of(&estimates);
        Self { estimates, tasks, known }
    }

    /// The same number of each candidate side by side.
    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    /// Where a task stands in it.
    pub fn task(&self, name: &str) -> Option<usize> {
        self.tasks.iter().position(|task| **task == *name)
    }
}

/// What a call of so many tokens, which takes so long, costs by a price, in US dollars; `cached` of the prompt is read from
/// the provider's cache.
pub fn cost_usd(
    price: &Price,
    input: u64,
    cached: u64,
    output: u64,
    took_ms: f64,
    at: Timestamp,
) -> Option<f64> {
    let usage = Usage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: cached.min(input),
        ..Usage::default()
    };
    let tariff = Tariff { took: Offset((took_ms * 1e6) as u64), ..Tariff::default() };
    Some(price.cost(&usage, at, tariff)?.total().0 as f64 / 1e12)
}
