//! How long the answers of candidates are beside each other's.
//!
//! Who is asked for long answers need not be who gives them, so only calls tell that were sent by chance: each counts by how
//! unlikely its choice was, 1 / p (Horvitz and Thompson 1952), which makes the calls of every candidate those of all.

use super::past::seat;
use crate::route::{MAX_CANDIDATES, Route};
use paceline_types::record::{CallRecord, Status};

/// So many effective calls count as much as the assumption that answers are alike.
const AS_SURE_AS: f64 = 10.0;

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    weights: f64,
    squares: f64,
    tokens: f64,
}

impl Sum {
    fn mean(&self) -> f64 {
        self.tokens / self.weights
    }

    fn effective(&self) -> f64 {
        self.weights * self.weights / self.squares
    }
}

/// What is known of them.
#[derive(Debug, Default)]
pub(super) struct Lengths {
    of: [Sum; MAX_CANDIDATES],
    all: Sum,
}

impl Lengths {
    /// A call that has ended.
    pub(super) fn learn(&mut self, record: &CallRecord, route: &Route) {
        let (Some(decision), Some(usage)) = (&record.decision, record.usage) else { return };
        let taken = decision.taken().and_then(|one| seat(route, &one.deployment));
        let served = record.target.as_ref().and_then(|one| seat(route, one));
        let chance = f64::from(decision.propensity);
        let (Some(at), true) = (taken, taken == served && record.status == Status::Ok) else { return };
        if !(1e-6..1.0).contains(&chance) {
            return;
        }
        let (weight, tokens) = (1.0 / chance, usage.output_tokens as f64);
        for sum in [&mut self.of[at], &mut self.all] {
            sum.weights += weight;
            sum.squares += weight * weight;
            sum.tokens += weight * tokens;
        }
    }

    /// By how much longer the answers of `other` are than those of `served`.
    pub(super) fn by(&self, other: usize, served: usize) -> f64 {
        if other == served {
            return 1.0;
        }
        (self.beside_all(other) - self.beside_all(served)).exp()
    }

    /// The logarithm of a candidate's mean by that of all.
    fn beside_all(&self, at: usize) -> f64 {
        let sum = &self.of[at];
        if sum.tokens <= 0.0 {
            return 0.0;
        }
        let effective = sum.effective();
        (sum.mean() / self.all.mean()).ln() * effective / (effective + AS_SURE_AS)
    }
}
