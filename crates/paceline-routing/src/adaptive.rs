//! How many calls a place takes at once, learned from how it answers.

use std::time::{Duration, Instant};

/// The bounds of learning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptivePolicy {
    /// Whether anything is learned.
    pub enabled: bool,
    /// Below so many calls at once slowness is no sign of too many.
    pub start: u32,
    /// The most calls at once.
    pub max: u32,
}

impl Default for AdaptivePolicy {
    fn default() -> Self {
        Self { enabled: true, start: 20, max: 10_000 }
    }
}

/// How much slower than usual is still usual.
const TOLERANCE: f64 = 1.5;
/// How much faster than usual is more than chance.
const CLEARLY: f64 = 1.25;
/// How many may wait at the provider.
const QUEUE: f64 = 4.0;
/// How much of a new limit counts.
const SMOOTHING: f64 = 0.2;
/// How many samples make what is usual.
const LONG: f64 = 600.0;
/// How many samples make what is so now. First tokens differ by prompt and by chance, fourfold and more: one that came
/// late says nothing, the mean of many does.
const SHORT: f64 = 40.0;
/// How long until waiting under a limit has become usual.
const FORGET_SECONDS: f64 = 1800.0;
/// Samples before anything is usual, and slowness counts.
const WARM: u32 = 50;
/// What a refusal leaves of the limit.
const BACKOFF: f64 = 0.9;
/// How long without a sign until the limit is lifted.
const CALM: Duration = Duration::from_mins(5);

/// The limit of one place.
///
/// Gradient (Netflix concurrency-limits, "Gradient2") on the time to the first token, and AIMD on refusals and time
/// limits. A place that has shown no sign of having too much has no limit: it begins with the first sign, at what was
/// under way then, and is lifted when five minutes passed without one and without its being reached.
#[derive(Debug, Default)]
pub struct Adaptive {
    limit: Option<f64>,
    long_ms: f64,
    short_ms: f64,
    samples: u32,
    last_sample: Option<Instant>,
    last_sign: Option<Instant>,
    last_cut: Option<Instant>,
    last_step: Option<Instant>,
}

impl Adaptive {
    /// The limit now; `None` where there is none.
    pub fn limit(&self) -> Option<u32> {
        self.limit.map(|limit| limit as u32)
    }

    /// How long what is under way together takes to its first tokens.
    fn together(&self) -> Duration {
        Duration::from_secs_f64((self.long_ms / 1e3).clamp(0.2, 5.0))
    }

    /// A first token came after `ttft`, with `in_flight` under way. Returns the limit.
    pub fn sample(
        &mut self,
        ttft: Duration,
        in_flight: u32,
        now: Instant,
        policy: &AdaptivePolicy,
    ) -> Option<u32> {
        let sample = (ttft.as_secs_f64() * 1e3).max(0.1);
        self.samples = self.samples.saturating_add(1);
        let weight_in = |span: f64| (2.0 / (span + 1.0)).max(1.0 / f64::from(self.samples));
        let weight = weight_in(LONG);
        self.short_ms += (sample - self.short_ms) * weight_in(SHORT);
        let short = self.short_ms;
        // What is measured under a limit is the queue too: it teaches what is usual, but only in half an hour. Without
        // this, waiting becomes usual and the limit rises with it for ever.
        let since =
            self.last_sample.replace(now).map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        // Only what is clearly faster teaches at once: else what is usual would sink to the least that chance brings.
        // Where little is known yet, as at a place that began with a refusal, everything teaches.
        let is_known = self.limit.is_some() && self.samples > WARM;
        let weight = if is_known && short * CLEARLY > self.long_ms {
            (since / FORGET_SECONDS).min(weight)
        } else {
            weight
        };
        self.long_ms += (sample - self.long_ms) * weight;
        if self.long_ms / short > 2.0 {
            // Much faster than usual: what is usual was learned in bad times.
            self.long_ms *= 0.95;
        }
        let gradient = (TOLERANCE * self.long_ms / short).clamp(0.5, 1.0);
        let is_warm = self.samples > WARM && in_flight >= policy.start;
        if gradient < 0.9 && is_warm {
            self.last_sign = Some(now);
            if self.limit.is_none() {
                self.limit = Some(f64::from(in_flight));
            }
        }
        if let Some(limit) = self.limit
            && f64::from(in_flight) >= limit / 2.0
        {
            if f64::from(in_flight) + 1.0 >= limit {
                // Without the limit there would be more: its end would be felt.
                self.last_sign = Some(now);
            }
            // One step for all that was under way together: a step for each call would outrun any number of cuts.
            if self.last_step.is_none_or(|at| now.saturating_duration_since(at) >= self.together()) {
                self.last_step = Some(now);
                let next = limit * gradient + QUEUE.min(limit.sqrt());
                let next = limit * (1.0 - SMOOTHING) + next * SMOOTHING;
                self.limit = Some(next.clamp(1.0, f64::from(policy.max)));
            }
        }
        if self.last_sign.is_none_or(|at| now.saturating_duration_since(at) >= CALM) {
            self.limit = None;
        }
        self.limit()
    }

    /// The place refused (429, 503) or did not answer in time, with `in_flight` under way. Returns the limit.
    pub fn refused(&mut self, in_flight: u32, now: Instant, policy: &AdaptivePolicy) -> Option<u32> {
        self.last_sign = Some(now);
        // One cut for all that was under way together, not one for each of it.
        if self.last_cut.is_none_or(|at| now.saturating_duration_since(at) >= self.together()) {
            self.last_cut = Some(now);
            // A refusal with few under way is about something else, a limit a minute say: the cut begins no lower.
            let had = self.limit.unwrap_or(f64::INFINITY).min(f64::from(in_flight.max(policy.start)));
            self.limit = Some((had * BACKOFF).clamp(1.0, f64::from(policy.max)));
        }
        self.limit()
    }
}

#[cfg(test)]
#[path = "adaptive_test.rs"]
mod tests;
