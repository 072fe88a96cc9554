//! How busy and how slow a place is: what a choice between two of them compares.

use crate::distribution::Distribution;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How fast a slow moment is forgotten.
const DECAY: Duration = Duration::from_secs(10);

/// Time to the first token at one place, and calls under way there.
#[derive(Debug)]
pub struct Load {
    began: Instant,
    in_flight: AtomicU32,
    /// Milliseconds as `f32`, and when that was (ms since `began`).
    peak: AtomicU64,
    /// Milliseconds to the first token.
    ttft: Distribution,
    /// Generated tokens.
    output: Distribution,
}

impl Load {
    /// Nothing known.
    pub fn new(now: Instant) -> Self {
        Self {
            began: now,
            in_flight: AtomicU32::new(0),
            peak: AtomicU64::new(0),
            ttft: Distribution::default(),
            output: Distribution::default(),
        }
    }

    /// A call goes there.
    pub fn enter(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// A call is over.
    pub fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Calls under way.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    fn millis(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.began).as_millis() as u32
    }

    /// A first token came after `ttft`. Slower than what is known counts at once, faster only by and by (peak EWMA, as
    /// in Finagle).
    pub fn sample(&self, ttft: Duration, now: Instant) {
        let (took, at) = (ttft.as_secs_f64() * 1e3, self.millis(now));
        let _ = self.peak.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| {
            let known = f64::from(f32::from_bits((old >> 32) as u32));
            let age = f64::from(at.wrapping_sub(old as u32));
            let weight = (-age / DECAY.as_secs_f64() / 1e3).exp();
            let next = if took > known { took } else { known * weight + took * (1.0 - weight) };
            Some(u64::from((next as f32).to_bits()) << 32 | u64::from(at))
        });
        self.ttft.add(took);
    }

    /// An answer had so many tokens.
    pub fn output(&self, tokens: u64) {
        self.output.add(tokens as f64);
    }

    /// How many tokens 95 % of the recent answers had at most; `None` while too few are known.
    pub fn usual_output(&self) -> Option<u64> {
        self.output.percentile(0.95).map(|tokens| tokens as u64)
    }

    /// The slow side of the time to the first token as it was when the last one came, in milliseconds; 0 where nothing is
    /// known.
    pub fn peak_ms(&self) -> f64 {
        f64::from(f32::from_bits((self.peak.load(Ordering::Relaxed) >> 32) as u32))
    }

    /// The slow side of the recent time to the first token, in milliseconds; 0 where nothing is known.
    pub fn recent_ms(&self, now: Instant) -> f64 {
        let peak = self.peak.load(Ordering::Relaxed);
        let age = f64::from(self.millis(now).wrapping_sub(peak as u32));
        let known = f64::from(f32::from_bits((peak >> 32) as u32));
        known * (-age / DECAY.as_secs_f64() / 1e3 / 4.0).exp()
    }

    /// What an own call would have to bear: the slow side of the time to the first token, in milliseconds, times those
    /// before it. A place nobody knows is tried first.
    pub fn cost(&self, now: Instant) -> f64 {
        let recent = self.recent_ms(now);
        recent.max(if recent > 0.0 { 1.0 } else { 0.0 }) * f64::from(self.in_flight() + 1)
    }

    /// The recent time to the first token that `share` of answers stay below, to within a fifth; `None` while too few
    /// are known.
    pub fn percentile(&self, share: f64) -> Option<Duration> {
        self.ttft.percentile(share).map(|ms| Duration::from_secs_f64(ms / 1e3))
    }
}

#[cfg(test)]
#[path = "load_test.rs"]
mod tests;
