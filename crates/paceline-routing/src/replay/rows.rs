//! Whom each policy would have taken for a call, and what was to be expected of it.

use super::lengths::Lengths;
use super::past::{Past, seat};
use crate::estimate::View;
use crate::route::Route;
use crate::score;
use paceline_types::decision::{Decision, Scored};
use paceline_types::price::Tariff;
use paceline_types::time::Offset;

/// What is counted of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// US dollars.
    Cost,
    /// Milliseconds to the end of an answer; of answered calls.
    Latency,
    /// Quality, 0 to 1; 0 where no answer came.
    Quality,
    /// The score by the policy's weights.
    Score,
}

impl Metric {
    /// All of them, in the order of arrays by metric.
    pub const ALL: [Self; 4] = [Self::Cost, Self::Latency, Self::Quality, Self::Score];

    /// The stable name, with its unit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cost => "cost_usd",
            Self::Latency => "latency_ms",
            Self::Quality => "quality",
            Self::Score => "score",
        }
    }

    /// The lowest and the highest that a mean can be.
    pub(super) const fn bounds(self) -> (f64, f64) {
        match self {
            Self::Cost | Self::Latency => (0.0, f64::INFINITY),
            Self::Quality | Self::Score => (0.0, 1.0),
        }
    }
}

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The policy.
    Policy,
    /// Always the candidate that is expected to be the cheapest.
    Cheapest,
    /// Always the candidate with the best prior quality.
    Strongest,
    /// All candidates alike.
    Shuffled,
    /// Always the route's baseline.
    Baseline,
}

impl Who {
    /// All of them, in the order of their rows.
    pub const ALL: [Self; 5] =
        [Self::Policy, Self::Cheapest, Self::Strongest, Self::Shuffled, Self::Baseline];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Cheapest => "all_cheapest",
            Self::Strongest => "all_strongest",
            Self::Shuffled => "shuffled",
            Self::Baseline => "baseline",
        }
    }
}

/// What was to be expected of a candidate for a call, by metric.
pub(super) struct Offer {
    /// Its number.
    pub(super) at: usize,
    /// Before the call: by the expected length of the answer.
    pub(super) ahead: [Option<f64>; 4],
    /// With the prompt's tokens as they were, and an answer as long as the recorded one is at this candidate.
    pub(super) after: [Option<f64>; 4],
    pub(super) reliability: f64,
}

/// What was to be expected of everybody who could have taken the call; `decision` knows no limits.
pub(super) fn offers(
    route: &Route,
    view: &View,
    decision: &Decision,
    past: &Past<'_>,
    lengths: &Lengths,
) -> Vec<Offer> {
    let offer = |scored: &Scored| {
        let at = seat(route, &scored.deployment)?;
        let quality = f64::from(scored.quality);
        let ahead = [
            scored.expected_cost_usd.map(f64::from),
            Some(f64::from(scored.expected_latency_ms)),
            Some(quality),
            Some(f64::from(scored.score)),
        ];
        let reliability = f64::from(scored.reliability);
        let Some(mut usage) = past.record.usage else {
            return Some(Offer { at, ahead, after: [None, None, ahead[2], ahead[3]], reliability });
        };
        if let Some(served) = past.served {
            let longer = lengths.by(at, served);
            usage.output_tokens = (usage.output_tokens as f64 * longer).round() as u64;
            usage.reasoning_tokens = (usage.reasoning_tokens as f64 * longer) as u64;
        }
        let estimate = view.estimates.get(at)?;
        let latency = estimate.first_token_ms(usage.input_tokens as f64)
            + estimate.tpot_ms * usage.output_tokens.max(1) as f64;
        let tariff = Tariff { batch: false, took: Offset((latency * 1e6) as u64) };
        let targets = &route.candidates[at].targets;
        let target = targets.iter().find(|target| target.deployment == scored.deployment)?;
        let price = target.price.as_ref();
        let cost = price.and_then(|price| price.cost(&usage, past.record.started_at, tariff));
        let cost = cost.map(|cost| cost.total().0 as f64 / 1e12);
        let weights = decision.weights;
        let by_cost = score::cost(cost.map_or(f32::NAN, |usd| usd as f32));
        let score = f64::from(weights.latency * score::latency(latency as f32))
            + f64::from(weights.quality) * quality
            + f64::from(weights.cost * by_cost);
        Some(Offer { at, ahead, after: [cost, Some(latency), Some(quality), Some(score)], reliability })
    };
    decision.candidates.iter().filter_map(offer).collect()
}

/// Whom somebody takes: numbers of offers with their chances, 1 together; empty: nobody.
pub(super) type Choice = Vec<(usize, f64)>;

/// Whom a policy takes by its own decision, exploring included.
pub(super) fn of_policy(route: &Route, decision: &Decision, offers: &[Offer], pinned: bool) -> Choice {
    let number = |scored: &Scored| {
        let at = seat(route, &scored.deployment)?;
        offers.iter().position(|offer| offer.at == at)
    };
    let numbers: Vec<usize> = decision.candidates.iter().filter_map(number).collect();
    let Some(best) = numbers.first() else { return Vec::new() };
    let scores = decision.candidates.iter().map(|one| one.score);
    match route.explores(scores, pinned) {
        Some((share, others)) if numbers.len() > others => {
            let rest = numbers[1..=others].iter().map(|at| (*at, share / others as f64));
            std::iter::once((*best, 1.0 - share)).chain(rest).collect()
        }
        _ => vec![(*best, 1.0)],
    }
}

/// Whom a control takes. Of equals the first by score.
pub(super) fn of_control(who: Who, route: &Route, offers: &[Offer]) -> Choice {
    let prior = |offer: &Offer| route.candidates[offer.at].prior.quality;
    let dear = |offer: &Offer| offer.ahead[0].unwrap_or(f64::INFINITY);
    let numbered = || offers.iter().enumerate();
    let one = match who {
        Who::Cheapest => numbered().min_by(|(_, a), (_, b)| dear(a).total_cmp(&dear(b))),
        Who::Strongest => numbered().rev().max_by(|(_, a), (_, b)| prior(a).total_cmp(&prior(b))),
        Who::Baseline => numbered().find(|(_, offer)| offer.at == route.baseline),
        Who::Policy | Who::Shuffled => {
            let share = 1.0 / offers.len().max(1) as f64;
            return (0..offers.len()).map(|at| (at, share)).collect();
        }
    };
    one.map(|(at, _)| (at, 1.0)).into_iter().collect()
}
