//! How busy and how slow a place is: what a choice between two of them compares.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How fast a slow moment is forgotten.
const DECAY: Duration = Duration::from_secs(10);
/// Buckets of the distribution: four for each doubling, from 1 ms.
const BUCKETS: usize = 72;
/// From so many samples on, older ones count half.
const FULL: u32 = 2048;
/// Samples before a percentile means anything.
const ENOUGH: u32 = 100;

/// Time to the first token at one place, and calls under way there.
#[derive(Debug)]
pub struct Load {
    began: Instant,
    in_flight: AtomicU32,
    /// Milliseconds as `f32`, and when that was (ms since `began`).
    peak: AtomicU64,
    counts: [AtomicU32; BUCKETS],
    total: AtomicU32,
}

impl Load {
    /// Nothing known.
    pub fn new(now: Instant) -> Self {
        Self {
            began: now,
            in_flight: AtomicU32::new(0),
            peak: AtomicU64::new(0),
            counts: std::array::from_fn(|_| AtomicU32::new(0)),
            total: AtomicU32::new(0),
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
        self.counts[bucket(took)].fetch_add(1, Ordering::Relaxed);
        if self.total.fetch_add(1, Ordering::Relaxed) + 1 >= FULL {
            self.halve();
        }
    }

    fn halve(&self) {
        let mut total = 0;
        for count in &self.counts {
            let half = count.load(Ordering::Relaxed) / 2;
            count.store(half, Ordering::Relaxed);
            total += half;
        }
        self.total.store(total, Ordering::Relaxed);
    }

    /// What an own call would have to bear: the slow side of the time to the first token, in milliseconds, times those
    /// before it. A place nobody knows is tried first.
    pub fn cost(&self, now: Instant) -> f64 {
        let peak = self.peak.load(Ordering::Relaxed);
        let age = f64::from(self.millis(now).wrapping_sub(peak as u32));
        let known = f64::from(f32::from_bits((peak >> 32) as u32));
        let now_ms = known * (-age / DECAY.as_secs_f64() / 1e3 / 4.0).exp();
        now_ms.max(if known > 0.0 { 1.0 } else { 0.0 }) * f64::from(self.in_flight() + 1)
    }

    /// The recent time to the first token that `share` of answers stay below, to within a fifth; `None` while too few
    /// are known.
    pub fn percentile(&self, share: f64) -> Option<Duration> {
        let total = self.total.load(Ordering::Relaxed);
        if total < ENOUGH {
            return None;
        }
        let mut left = (f64::from(total) * share).ceil();
        for (at, count) in self.counts.iter().enumerate() {
            left -= f64::from(count.load(Ordering::Relaxed));
            if left <= 0.0 {
                return Some(Duration::from_secs_f64(2f64.powf((at as f64 + 1.0) / 4.0) / 1e3));
            }
        }
        None
    }
}

fn bucket(ms: f64) -> usize {
    ((ms.max(1.0).log2() * 4.0) as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::Load;
    use std::time::{Duration, Instant};

    #[test]
    fn slow_counts_at_once_and_fast_by_and_by() {
        let began = Instant::now();
        let load = Load::new(began);
        assert!(load.cost(began) < f64::EPSILON);
        load.sample(Duration::from_millis(100), began);
        load.sample(Duration::from_secs(2), began + Duration::from_secs(1));
        assert!(load.cost(began + Duration::from_secs(1)) > 1900.0);
        for second in 2..60 {
            load.sample(Duration::from_millis(100), began + Duration::from_secs(second));
        }
        let cost = load.cost(began + Duration::from_mins(1));
        assert!((50.0..150.0).contains(&cost), "{cost}");
        load.enter();
        load.enter();
        assert!(load.cost(began + Duration::from_mins(1)) > 2.0 * cost);
    }

    #[test]
    fn percentiles_are_near_and_recent() {
        let began = Instant::now();
        let load = Load::new(began);
        for ms in 1..=99 {
            load.sample(Duration::from_millis(ms * 10), began);
        }
        assert_eq!(load.percentile(0.5), None);
        load.sample(Duration::from_secs(1), began);
        let half = load.percentile(0.5).unwrap().as_millis();
        assert!((450..650).contains(&half), "{half}");
        for _ in 0..20_000 {
            load.sample(Duration::from_millis(20), began);
        }
        let p99 = load.percentile(0.99).unwrap().as_millis();
        assert!((19..30).contains(&p99), "{p99}");
    }
}
