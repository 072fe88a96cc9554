//! Whether and when a failed try is made again: backoff with jitter, and a budget so that retries never become a storm.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How a failed call is tried again (G7).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Further tries at the same model.
    pub attempts: u32,
    /// The longest wait before the first of them.
    pub base: Duration,
    /// The longest wait before any of them.
    pub cap: Duration,
    /// The share of each wait that chance decides, 0 to 1; 1 is full jitter.
    pub jitter: f64,
    /// Further tries, as a share of the calls of the last 10 s.
    pub share: f64,
    /// Further tries a second that are always allowed.
    pub floor_per_s: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 1,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(8),
            jitter: 1.0,
            share: 0.2,
            floor_per_s: 10.0,
        }
    }
}

impl RetryPolicy {
    /// How long to wait before the `nth` further try (from 0); `chance` is even in 0 to 1.
    ///
    /// Full jitter: Brooker, "Exponential Backoff And Jitter" (2015): `random(0, min(cap, base · 2ⁿ))`.
    pub fn delay(&self, nth: u32, chance: f64) -> Duration {
        let ceiling = self.base.saturating_mul(2u32.saturating_pow(nth)).min(self.cap);
        let jitter = self.jitter.clamp(0.0, 1.0);
        ceiling.mul_f64((1.0 - jitter + jitter * chance.clamp(0.0, 1.0)).clamp(0.0, 1.0))
    }
}

/// Seconds over which calls and further tries are counted.
const WINDOW: u64 = 10;
const SECOND_BITS: u32 = 24;
const CALLS_BITS: u32 = 24;
const MASK: u64 = (1 << 24) - 1;

/// What a further try is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Further {
    /// Once more at a model that has failed: who is in trouble already bears it.
    Again,
    /// At another place.
    Elsewhere,
}

/// How many further tries the calls at one place have earned.
///
/// As in Finagle's retry budget: a share of the calls of the last seconds, and a floor so that quiet places may retry
/// at all. Who has failed is asked again within the greater of the two, so that a busy place never bears more than its
/// share; others within their sum. Counts live in one word a second, so that calls on many threads never wait for each other.
#[derive(Debug)]
pub struct RetryBudget {
    began: Instant,
    /// For each second, in turn: which second it is, its calls, its further tries.
    seconds: [AtomicU64; WINDOW as usize],
}

impl RetryBudget {
    /// An empty budget.
    pub fn new(now: Instant) -> Self {
        Self { began: now, seconds: Default::default() }
    }

    fn second(&self, now: Instant) -> u64 {
        // From 1, so that an untouched word is no second.
        1 + now.saturating_duration_since(self.began).as_secs()
    }

    fn add(&self, now: Instant, calls: u64, tries: u64) {
        let second = self.second(now);
        let word = &self.seconds[(second % WINDOW) as usize];
        let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| {
            let same = old >> (64 - SECOND_BITS) == second & MASK;
            let (had_calls, had_tries) =
                if same { ((old >> 16) & ((1 << CALLS_BITS) - 1), old & 0xFFFF) } else { (0, 0) };
            let calls = (had_calls + calls).min((1 << CALLS_BITS) - 1);
            let tries = (had_tries + tries).min(0xFFFF);
            Some((second & MASK) << (64 - SECOND_BITS) | calls << 16 | tries)
        });
    }

    /// A call was made.
    pub fn call(&self, now: Instant) {
        self.add(now, 1, 0);
    }

    /// Calls and further tries of the last 10 s.
    pub fn counts(&self, now: Instant) -> (u64, u64) {
        let second = self.second(now);
        let words = self.seconds.iter().map(|word| word.load(Ordering::Relaxed));
        let recent = words.filter(|word| {
            let age = (second & MASK).wrapping_sub(word >> (64 - SECOND_BITS)) & MASK;
            *word != 0 && age < WINDOW
        });
        recent.fold((0, 0), |(calls, tries), word| {
            (calls + ((word >> 16) & ((1 << CALLS_BITS) - 1)), tries + (word & 0xFFFF))
        })
    }

    /// Whether a further try is left.
    pub fn allows(&self, further: Further, now: Instant, policy: &RetryPolicy) -> bool {
        let (calls, tries) = self.counts(now);
        let (share, floor) = (policy.share * calls as f64, policy.floor_per_s * WINDOW as f64);
        let earned = match further {
            Further::Again => share.max(floor),
            Further::Elsewhere => share + floor,
        };
        (tries as f64) < earned
    }

    /// Takes one further try out of the budget; `false` when none is left.
    pub fn take(&self, further: Further, now: Instant, policy: &RetryPolicy) -> bool {
        let allowed = self.allows(further, now, policy);
        if allowed {
            self.add(now, 0, 1);
        }
        allowed
    }
}

#[cfg(test)]
#[path = "retry_test.rs"]
mod tests;
