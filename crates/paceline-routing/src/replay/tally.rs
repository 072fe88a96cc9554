//! What is summed up of each call, for each who decides.
//!
//! Three estimates of what would have come of a call, had somebody else decided:
//! - direct: what was expected of whom it takes, with the tokens that were really used;
//! - importance: what really came of calls that went where it would have gone, each counted by how much likelier it takes
//!   that candidate than the log did, w = π(a) / p(a), self-normalised: Σ w·r / Σ w;
//! - doubly robust: the mean of Σ π(b)·q(b) + w·(r − q(a)), where q was expected before the call. It is right where either
//!   the propensities or the expectations are (Dudík, Langford, Li 2011).

use super::past::Past;
use super::rows::{Choice, Offer, Who};
use super::sums::{Part, Sums};
use crate::route::Route;

const METRICS: usize = 4;
/// Where the sums of one who decides lie from his first: each an array by metric, or one part.
pub(super) mod field {
    pub(in super::super) const DIRECT: usize = 0;
    /// Direct cost by recorded cost, of calls where both are known.
    pub(in super::super) const BY_RECORDED: usize = 4;
    /// Direct cost by the baseline's.
    pub(in super::super) const BY_BASELINE: usize = 5;
    /// How much of him takes what was really taken.
    pub(in super::super) const AGREED: usize = 6;
    pub(in super::super) const IMPORTANCE: usize = 7;
    pub(in super::super) const ROBUST: usize = 11;
    /// Weights, by calls that can be weighed.
    pub(in super::super) const WEIGHTS: usize = 15;
    /// Their squares.
    pub(in super::super) const SQUARES: usize = 16;
    /// What calls that can be weighed really cost.
    pub(in super::super) const PAID: usize = 17;
    pub(in super::super) const COUNT: usize = 18;
}
/// Parts of all.
pub(super) const PARTS: usize = METRICS + Who::ALL.len() * field::COUNT;

/// Where a sum of who decides lies.
pub(super) const fn of(who: Who, field: usize) -> usize {
    METRICS + who as usize * field::COUNT + field
}

/// What really came of a call, by metric.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcome {
    /// As it is compared with direct estimates: nothing where no tokens were used.
    pub(super) billed: [Option<f64>; METRICS],
    /// As it is weighed: a failure costs nothing and takes no time that counts.
    pub(super) came: [Option<f64>; METRICS],
}

/// Adds what really came of a call.
pub(super) fn add_recorded(sums: &mut Sums<PARTS>, outcome: &Outcome) {
    for (part, value) in sums.iter_mut().zip(outcome.billed) {
        part.count(value);
    }
}

/// A call, what came of it and what was to be expected.
pub(super) struct Seen<'a> {
    pub(super) past: &'a Past<'a>,
    pub(super) outcome: &'a Outcome,
    pub(super) offers: &'a [Offer],
    pub(super) route: &'a Route,
}

impl Seen<'_> {
    /// Adds what would have come of the call, had `who` taken `choice`.
    pub(super) fn add(&self, sums: &mut Sums<PARTS>, who: Who, choice: &Choice) {
        let row = &mut sums[of(who, 0)..of(who, field::COUNT)];
        let direct: [Option<f64>; METRICS] =
            std::array::from_fn(|metric| self.mean(choice, |offer| offer.after[metric]));
        for (metric, value) in direct.into_iter().enumerate() {
            row[field::DIRECT + metric].count(value);
        }
        if let (Some(cost), Some(recorded)) = (direct[0], self.outcome.billed[0]) {
            row[field::BY_RECORDED].add(cost, recorded);
        }
        let baseline = self.offers.iter().find(|offer| offer.at == self.route.baseline);
        if let (Some(cost), Some(baseline)) = (direct[0], baseline.and_then(|offer| offer.after[0])) {
            row[field::BY_BASELINE].add(cost, baseline);
        }
        let chance = |(at, chance): &(usize, f64)| (self.offers[*at].at, *chance);
        let taken = self.past.taken.and_then(|taken| {
            choice.iter().map(chance).find(|(at, _)| *at == taken).map(|(_, chance)| chance)
        });
        row[field::AGREED].add(taken.unwrap_or(0.0), 1.0);
        let could = |(at, _): &(usize, f64)| self.past.could_take(self.offers[*at].at, self.route);
        if choice.iter().all(could) {
            self.weigh(sums, who, choice, taken.unwrap_or(0.0) / self.past.propensity);
        }
    }

    /// The mean over a choice; `None` where one of it is not known.
    fn mean(&self, choice: &Choice, of: impl Fn(&Offer) -> Option<f64>) -> Option<f64> {
        choice.iter().map(|(at, chance)| Some(chance * of(&self.offers[*at])?)).sum()
    }

    fn weigh(&self, sums: &mut Sums<PARTS>, who: Who, choice: &Choice, weight: f64) {
        let row = &mut sums[of(who, 0)..of(who, field::COUNT)];
        row[field::WEIGHTS].add(weight, 1.0);
        row[field::SQUARES].add(weight * weight, 1.0);
        row[field::PAID].count(self.outcome.came[0]);
        let taken = self.offers.iter().find(|offer| Some(offer.at) == self.past.taken);
        for metric in 0..METRICS {
            let came = self.outcome.came[metric];
            // Time counts where an answer came: a failure is no fast answer.
            let of_answers = metric == 1;
            if let Some(came) = came {
                row[field::IMPORTANCE + metric].add(weight * came, weight);
            }
            let counts = |offer: &Offer| if of_answers { offer.reliability } else { 1.0 };
            let ahead = |offer: &Offer| offer.ahead[metric].map(|value| value * counts(offer));
            let Some(expected) = self.mean(choice, ahead) else { continue };
            let share = self.mean(choice, |offer| Some(counts(offer))).unwrap_or(1.0);
            let mut robust = Part { sum: expected, of: share };
            if weight > 0.0 {
                let Some((offer, said)) = taken.and_then(|offer| Some((offer, ahead(offer)?))) else {
                    continue;
                };
                let really = match came {
                    Some(came) => (came, 1.0),
                    None if of_answers && !self.past.answered => (0.0, 0.0),
                    None => continue,
                };
                let missed = if of_answers { really.1 - counts(offer) } else { 0.0 };
                robust.add(weight * (really.0 - said), weight * missed);
            }
            row[field::ROBUST + metric].add(robust.sum, robust.of);
        }
    }
}
