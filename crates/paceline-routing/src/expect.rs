//! What one candidate is expected to take, cost and be worth for one call, and how that scores.

use crate::estimate::{Estimate, cost_usd};
use crate::need::{Abilities, Need};
use crate::plan::Target;
use crate::route::Candidate;
use crate::score;
use paceline_types::decision::{Scored, Weights};
use paceline_types::time::Timestamp;
use std::sync::Arc;
use std::time::Instant;

/// How many times slower than usual a recent first token must be to count, and how much it counts at most.
const SLOW: (f64, f64) = (2.0, 4.0);
/// How far an answer's length lies from what its caller says (standard deviation of the logarithm).
const SAID_LENGTH_SPREAD: f64 = 0.3;

/// A candidate and what is known for the call.
pub(crate) struct Facts<'a> {
    pub(crate) candidate: &'a Candidate,
    pub(crate) estimate: &'a Estimate,
    /// Which of its targets counts.
    pub(crate) target: usize,
    pub(crate) task: Option<usize>,
    /// Prompt tokens that the provider is expected to have.
    pub(crate) cached: u64,
    /// Quality by the route's quality model.
    pub(crate) learned: Option<f32>,
}

/// Everything about a candidate but its name: small, because all candidates are sorted by it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expectation {
    pub(crate) score: f32,
    pub(crate) latency_ms: f32,
    pub(crate) usd: Option<f32>,
    pub(crate) answers: f32,
    latency: f32,
    quality: f32,
    cost: f32,
    reliability: f32,
    spread: [f32; 3],
}

impl Expectation {
    /// With its name.
    pub(crate) fn of(self, target: &Target) -> Scored {
        Scored {
            deployment: Arc::clone(&target.deployment),
            score: self.score,
            latency: self.latency,
            quality: self.quality,
            cost: self.cost,
            reliability: self.reliability,
            expected_latency_ms: self.latency_ms,
            expected_cost_usd: self.usd,
            expected_quality: self.answers,
            spread: self.spread,
        }
    }
}

/// Expected tokens of the answer.
pub(crate) fn output_tokens(estimate: &Estimate, need: &Need) -> f64 {
    let expected = need.output_tokens.map_or(estimate.output_tokens, |tokens| tokens as f64);
    need.max_tokens.map_or(expected, |most| expected.min(most as f64)).max(1.0)
}

/// How many times longer than usual the first token is expected to take, by what it lately took.
fn slowdown(target: &Target, usual_ms: f64, now: Instant) -> f64 {
    let from = SLOW.0 * usual_ms;
    let mut slow = f64::INFINITY;
    for place in target.places.iter() {
        // Most places are as usual: then nothing has to be worked out.
        if place.load.peak_ms() <= from {
            return 1.0;
        }
        slow = slow.min(place.load.recent_ms(now));
    }
    if slow.is_finite() { (slow / from).clamp(1.0, SLOW.1) } else { 1.0 }
}

/// What is expected of a candidate, and its scores.
pub(crate) fn expect(
    facts: &Facts<'_>,
    need: &Need,
    weights: Weights,
    now: Instant,
    at: Timestamp,
) -> Expectation {
    let estimate = facts.estimate;
    let target = &facts.candidate.targets[facts.target];
    let output = output_tokens(estimate, need);
    let fresh = need.input_tokens.saturating_sub(facts.cached) as f64;
    let usual = estimate.first_token_ms(fresh).max(1.0);
    let answer_ms = estimate.tpot_ms * output;
    let latency_ms = usual * slowdown(target, usual, now) + answer_ms;
    let usd = match &estimate.rates {
        Some(rates) => Some(
            rates.input * (need.input_tokens - facts.cached.min(need.input_tokens)) as f64
                + rates.cached * facts.cached as f64
                + rates.output * output,
        ),
        None => target.price.as_ref().and_then(|price| {
            cost_usd(price, need.input_tokens, facts.cached, output as u64, latency_ms, at)
        }),
    };
    let mut expected = estimate.quality_for(facts.task);
    if let Some(learned) = facts.learned.map(f64::from).filter(|learned| learned.is_finite()) {
        expected.mean = learned.clamp(0.0, 1.0);
        expected.spread = (expected.mean * (1.0 - expected.mean)).sqrt();
    }
    let thinks = facts.candidate.can.has(Abilities::REASONING);
    let answers = score::thinking(expected.mean, need.reasoning, thinks);
    let quality = answers * estimate.reliability;
    let (latency, cost) = (score::latency(latency_ms), score::cost(usd));
    let score = f64::from(weights.latency) * latency
        + f64::from(weights.quality) * quality
        + f64::from(weights.cost) * cost;
    // A score that stands at the end of its scale cannot move much.
    let damped =
        |spread: f64, score: f64| spread.min(0.5) * if score > 0.0 && score < 1.0 { 1.0 } else { 0.2 };
    let length = if need.output_tokens.is_some() { SAID_LENGTH_SPREAD } else { estimate.output_spread };
    let by_length = length * answer_ms / latency_ms;
    let time = (estimate.latency_spread * estimate.latency_spread + by_length * by_length).sqrt();
    let paid = if usd.is_some_and(|usd| usd > 0.0) { length } else { 0.0 };
    Expectation {
        score: score as f32,
        latency_ms: latency_ms as f32,
        usd: usd.map(|usd| usd as f32),
        answers: answers as f32,
        latency: latency as f32,
        quality: quality as f32,
        cost: cost as f32,
        reliability: estimate.reliability as f32,
        spread: [
            damped(score::latency_spread(time), latency) as f32,
            expected.spread as f32,
            damped(score::cost_spread(paid), cost) as f32,
        ],
    }
}
