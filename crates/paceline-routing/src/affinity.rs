//! Which target last saw a prompt's beginning: its provider may still have it in its cache.

use crate::admit::is_open;
use crate::estimate::{Estimate, cost_usd};
use crate::expect::{Known, output_tokens};
use crate::plan::Target;
use crate::question::Question;
use crate::route::Candidate;
use crate::score;
use paceline_types::decision::Weights;
use std::sync::atomic::{AtomicU64, Ordering};

/// Beginnings that are remembered; a new one takes the place of another that falls on the same slot.
const SLOTS: usize = 4096;
/// How long a provider is believed to keep a prompt after its last use, in seconds.
const KEPT_S: u32 = 300;
/// What of a prompt is believed to be cached where its beginning was seen.
const CACHED_SHARE: f64 = 0.8;
/// Prompts below so many tokens are cached by no provider.
const LEAST_TOKENS: u64 = 1024;
/// By how much a target that is asked for what it has may have more calls under way than its like have in the mean: hashing
/// with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2018).
const CROWD: f32 = 1.5;
/// So many calls under way are no crowd anywhere.
const NO_CROWD: f32 = 4.0;

/// The last target of each beginning: 24 bits of its hash, 8 of the target, 32 of the time in seconds, in one word, so that
/// calls read and write without a lock.
#[derive(Debug)]
pub struct Affinity {
    slots: Vec<AtomicU64>,
}

impl Default for Affinity {
    fn default() -> Self {
        Self { slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Affinity {
    fn slot(&self, prefix: u64) -> Option<&AtomicU64> {
        self.slots.get(prefix as usize % SLOTS)
    }

    /// Which target saw that beginning lately.
    pub fn last(&self, prefix: u64, now_s: u32) -> Option<usize> {
        let word = self.slot(prefix)?.load(Ordering::Relaxed);
        let fresh = now_s.wrapping_sub(word as u32) <= KEPT_S;
        (word != 0 && fresh && word >> 40 == prefix >> 40).then_some((word >> 32 & 0xff) as usize)
    }

    /// A target sees it now. Targets beyond 255 are not remembered.
    pub fn note(&self, prefix: u64, target: usize, now_s: u32) {
        if let (Some(slot), Ok(target)) = (self.slot(prefix), u8::try_from(target)) {
            slot.store(prefix >> 40 << 40 | u64::from(target) << 32 | u64::from(now_s), Ordering::Relaxed);
        }
    }
}

/// How many of a prompt's tokens a provider that saw its beginning is expected to have.
pub fn cached_tokens(input: u64) -> u64 {
    if input < LEAST_TOKENS { 0 } else { (input as f64 * CACHED_SHARE) as u64 }
}

/// A target of a candidate that saw the prompt's beginning.
pub(crate) struct Kept<'a> {
    pub(crate) candidate: &'a Candidate,
    /// The candidate's number.
    pub(crate) at: usize,
    /// The target's, among those of the candidate.
    pub(crate) target: usize,
}

impl Kept<'_> {
    /// Whether it is to be asked again: it is not crowded, and what its provider has makes up for its being slower now than
    /// the others.
    pub(crate) fn is_worth(
        &self,
        estimate: &Estimate,
        known: &Known,
        question: &Question<'_>,
        weights: Weights,
    ) -> bool {
        let targets = &self.candidate.targets;
        let Some(kept) = targets.get(self.target).filter(|kept| is_open(kept, question)) else {
            return false;
        };
        let input = question.need.input_tokens;
        let output = output_tokens(estimate, question.need);
        let worth = |target: &Target, cached: u64| {
            let first = known.first_token_ms(self.at, (input - cached) as f32, target, question.now);
            let ms = f64::from(first) + estimate.tpot_ms * output;
            let price = target.price.as_ref();
            let usd = price.and_then(|price| cost_usd(price, input, cached, output as u64, ms, question.at));
            let usd = usd.map_or(f32::NAN, |usd| usd as f32);
            weights.latency * score::latency(ms as f32) + weights.cost * score::cost(usd)
        };
        let under_way = |target: &Target| -> f32 {
            target.places.iter().map(|place| place.load.in_flight() as f32).sum()
        };
        let mine = worth(kept, cached_tokens(input));
        let (mut all, mut count) = (under_way(kept), 1.0);
        let others = targets.iter().enumerate().filter(|(at, _)| *at != self.target);
        for (_, other) in others.filter(|(_, other)| is_open(other, question)) {
            if worth(other, 0) > mine {
                return false;
            }
            all += under_way(other);
            count += 1.0;
        }
        count < 2.0 || under_way(kept) < (CROWD * all / count).max(NO_CROWD)
    }
}

#[cfg(test)]
mod tests {
    use super::{Affinity, KEPT_S, cached_tokens};

    #[test]
    fn a_beginning_is_remembered_for_a_while() {
        let affinity = Affinity::default();
        let prefix = 0xdead_beef_0000_0001;
        assert_eq!(affinity.last(prefix, 1000), None);
        affinity.note(prefix, 3, 1000);
        assert_eq!(affinity.last(prefix, 1000 + KEPT_S), Some(3));
        assert_eq!(affinity.last(prefix, 1001 + KEPT_S), None);
        // Another one on the same slot is not taken for it.
        assert_eq!(affinity.last(prefix ^ 1 << 63, 1000), None);
        affinity.note(prefix, 4096, 1001);
        assert_eq!(affinity.last(prefix, 1001), Some(3));
        assert_eq!((cached_tokens(1000), cached_tokens(2000)), (0, 1600));
    }
}
