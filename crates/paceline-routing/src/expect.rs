//! What candidates are expected to take, cost and be worth for one call, and how that scores.
//!
//! All of them side by side, in single precision, so that the processor works on several at once: no more is known of them
//! than a few digits.

use crate::estimate::Estimate;
use crate::need::Need;
use crate::plan::Target;
use crate::route::MAX_CANDIDATES;
use crate::score;
use paceline_types::decision::{Scored, Weights};
use std::sync::Arc;
use std::time::Instant;

/// How many times slower than usual a recent first token must be to count, and how much it counts at most.
const SLOW: (f32, f32) = (2.0, 4.0);
/// How far an answer's length lies from what its caller says (standard deviation of the logarithm).
const SAID_LENGTH_SPREAD: f32 = 0.3;
/// Candidates are worked on in blocks of so many.
const BLOCK: usize = 4;

/// A number of each candidate.
type Lane = [f32; MAX_CANDIDATES];

/// What is expected of all candidates, as far as the call does not matter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    ttft_ms: Lane,
    ttft_ms_per_token: Lane,
    tpot_ms: Lane,
    output: Lane,
    output_spread: Lane,
    latency_spread: Lane,
    reliability: Lane,
    quality: Lane,
    quality_spread: Lane,
    /// Not a number where what tokens cost depends on how many there are, or is not known.
    usd_input: Lane,
    usd_cached: Lane,
    usd_output: Lane,
}

impl Known {
    pub(crate) fn of(estimates: &[Estimate]) -> Self {
        let lane = |number: fn(&Estimate) -> f64| {
            let mut lane = Lane::default();
            lane.iter_mut().zip(estimates).for_each(|(lane, estimate)| *lane = number(estimate) as f32);
            lane
        };
        Self {
            ttft_ms: lane(|one| one.ttft_ms),
            ttft_ms_per_token: lane(|one| one.ttft_ms_per_1k / 1000.0),
            tpot_ms: lane(|one| one.tpot_ms),
            output: lane(|one| one.output_tokens),
            output_spread: lane(|one| one.output_spread),
            latency_spread: lane(|one| one.latency_spread),
            reliability: lane(|one| one.reliability),
            quality: lane(|one| one.quality.mean),
            quality_spread: lane(|one| one.quality.spread),
            usd_input: lane(|one| one.rates.map_or(f64::NAN, |rates| rates.input)),
            usd_cached: lane(|one| one.rates.map_or(f64::NAN, |rates| rates.cached)),
            usd_output: lane(|one| one.rates.map_or(f64::NAN, |rates| rates.output)),
        }
    }

    /// Expected time to the first token of a prompt, in milliseconds: as usual, and by what it lately took.
    pub(crate) fn first_token_ms(&self, at: usize, fresh_tokens: f32, target: &Target, now: Instant) -> f32 {
        let usual = (self.ttft_ms[at] + self.ttft_ms_per_token[at] * fresh_tokens).max(1.0);
        usual * slowdown(target, usual, now)
    }
}

/// How many times longer than usual the first token is expected to take, by what it lately took.
fn slowdown(target: &Target, usual_ms: f32, now: Instant) -> f32 {
    let from = f64::from(SLOW.0 * usual_ms);
    let mut slow = f64::INFINITY;
    for place in &target.places {
        // Most places are as usual: then nothing has to be worked out.
        if place.load.peak_ms() <= from {
            return 1.0;
        }
        slow = slow.min(place.load.recent_ms(now));
    }
    if slow.is_finite() { ((slow / from) as f32).clamp(1.0, SLOW.1) } else { 1.0 }
}

/// Expected tokens of the answer.
pub(crate) fn output_tokens(estimate: &Estimate, need: &Need) -> f64 {
    let expected = need.output_tokens.map_or(estimate.output_tokens, |tokens| tokens as f64);
    need.max_tokens.map_or(expected, |most| expected.min(most as f64)).max(1.0)
}

/// What is known of candidates beside their estimates, for one call.
#[derive(Debug)]
pub(crate) struct Beside {
    /// To the first token, in milliseconds.
    pub(crate) first_ms: Lane,
    /// Prompt tokens that the provider is expected to have.
    pub(crate) cached: Lane,
    /// Quality of an answer, 0 to 1.
    pub(crate) quality: Lane,
    /// Standard deviation of the quality of one answer.
    pub(crate) quality_spread: Lane,
}

impl Beside {
    /// Nothing: they are as usual.
    pub(crate) fn usual(known: &Known) -> Self {
        let none = Lane::default();
        Self { first_ms: none, cached: none, quality: known.quality, quality_spread: known.quality_spread }
    }
}

/// What the call is expected to take at each candidate.
#[derive(Debug)]
pub(crate) struct Taken {
    /// To the end of the answer, in milliseconds.
    pub(crate) latency_ms: Lane,
    /// Tokens of the answer.
    pub(crate) output: Lane,
    /// US dollars; not a number where that is not known.
    pub(crate) usd: Lane,
}

impl Taken {
    /// Of the first `count` candidates.
    pub(crate) fn of(known: &Known, beside: &Beside, need: &Need, count: usize) -> Self {
        let none = Lane::default();
        let mut taken = Self { latency_ms: none, output: known.output, usd: none };
        let input = need.input_tokens as i64 as f32;
        let most = need.max_tokens.map_or(f32::INFINITY, |most| most as i64 as f32).max(1.0);
        if let Some(said) = need.output_tokens {
            taken.output = [said as i64 as f32; MAX_CANDIDATES];
        }
        for at in blocks(count) {
            let output = lowest(highest(taken.output[at], 1.0), most);
            let cached = beside.cached[at];
            taken.output[at] = output;
            taken.latency_ms[at] = beside.first_ms[at] + known.tpot_ms[at] * output;
            taken.usd[at] = known.usd_input[at] * (input - cached)
                + known.usd_cached[at] * cached
                + known.usd_output[at] * output;
        }
        taken
    }

    /// What it is expected to cost at a candidate.
    pub(crate) fn usd(&self, at: usize) -> Option<f32> {
        Some(self.usd[at]).filter(|usd| !usd.is_nan())
    }
}

/// Scores of candidates.
#[derive(Debug)]
pub(crate) struct Scores {
    /// What counts.
    pub(crate) score: Lane,
    latency: Lane,
    quality: Lane,
    cost: Lane,
    time_spread: Lane,
    cost_spread: Lane,
}

impl Scores {
    /// Of the first `count` candidates.
    pub(crate) fn of(
        known: &Known,
        beside: &Beside,
        taken: &Taken,
        (need, weights): (&Need, Weights),
        count: usize,
    ) -> Self {
        let none = Lane::default();
        let mut scores = Self {
            score: none,
            latency: none,
            quality: none,
            cost: none,
            time_spread: none,
            cost_spread: none,
        };
        for at in blocks(count) {
            scores.latency[at] = score::latency(taken.latency_ms[at]);
        }
        for at in blocks(count) {
            scores.cost[at] = score::cost(taken.usd[at]);
        }
        for at in blocks(count) {
            let quality = beside.quality[at] * known.reliability[at];
            scores.quality[at] = quality;
            scores.score[at] = weights.latency * scores.latency[at]
                + weights.quality * quality
                + weights.cost * scores.cost[at];
        }
        let said = [SAID_LENGTH_SPREAD; MAX_CANDIDATES];
        let length = if need.output_tokens.is_some() { &said } else { &known.output_spread };
        for at in blocks(count) {
            let latency_ms = taken.latency_ms[at];
            let by_length = length[at] * (latency_ms - beside.first_ms[at]) / latency_ms;
            let of_time = known.latency_spread[at];
            let time = (of_time * of_time + by_length * by_length).sqrt();
            scores.time_spread[at] = damped(score::latency_spread(time), scores.latency[at]);
            let paid = if taken.usd[at] > 0.0 { length[at] } else { 0.0 };
            scores.cost_spread[at] = damped(score::cost_spread(paid), scores.cost[at]);
        }
        scores
    }

    /// A candidate with its name.
    pub(crate) fn scored(
        &self,
        known: &Known,
        beside: &Beside,
        taken: &Taken,
        at: usize,
        target: &Target,
    ) -> Scored {
        Scored {
            deployment: Arc::clone(&target.deployment),
            score: self.score[at],
            latency: self.latency[at],
            quality: self.quality[at],
            cost: self.cost[at],
            reliability: known.reliability[at],
            expected_latency_ms: taken.latency_ms[at],
            expected_cost_usd: taken.usd(at),
            expected_quality: beside.quality[at],
            spread: [self.time_spread[at], beside.quality_spread[at], self.cost_spread[at]],
        }
    }
}

/// The numbers of so many candidates, and of those that fill their last block.
fn blocks(count: usize) -> std::ops::Range<usize> {
    0..count.next_multiple_of(BLOCK).min(MAX_CANDIDATES)
}

/// As one instruction, where `f32::max` looks for what is not a number.
fn highest(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

fn lowest(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// A score that stands at the end of its scale cannot move much.
fn damped(spread: f32, score: f32) -> f32 {
    lowest(spread, 0.5) * if score > 0.0 && score < 1.0 { 1.0 } else { 0.2 }
}
