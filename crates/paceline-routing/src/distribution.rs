//! Recent values as counts in buckets: percentiles without a lock.

use std::sync::atomic::{AtomicU32, Ordering};

/// Buckets: four for each doubling, from 1.
const BUCKETS: usize = 72;
/// From so many samples on, older ones count half.
const FULL: u32 = 2048;
/// Samples before a percentile means anything.
const ENOUGH: u32 = 100;

/// A distribution of values from 1 to about 2¹⁸, of the last thousands.
#[derive(Debug)]
pub struct Distribution {
    counts: [AtomicU32; BUCKETS],
    total: AtomicU32,
}

impl Default for Distribution {
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| AtomicU32::new(0)), total: AtomicU32::new(0) }
    }
}

impl Distribution {
    /// Takes in one value.
    pub fn add(&self, value: f64) {
        let bucket = ((value.max(1.0).log2() * 4.0) as usize).min(BUCKETS - 1);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
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

    /// What `share` of the values stay below, at most a fifth too high; `None` while too few are known.
    pub fn percentile(&self, share: f64) -> Option<f64> {
        let total = self.total.load(Ordering::Relaxed);
        if total < ENOUGH {
            return None;
        }
        let mut left = (f64::from(total) * share).ceil();
        for (at, count) in self.counts.iter().enumerate() {
            left -= f64::from(count.load(Ordering::Relaxed));
            if left <= 0.0 {
                return Some(2f64.powf((at as f64 + 1.0) / 4.0));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Distribution;

    #[test]
    fn percentiles_are_near_and_recent() {
        let values = Distribution::default();
        for value in 1..=99 {
            values.add(f64::from(value) * 10.0);
        }
        assert_eq!(values.percentile(0.5), None);
        values.add(1000.0);
        let half = values.percentile(0.5).unwrap();
        assert!((450.0..650.0).contains(&half), "{half}");
        for _ in 0..20_000 {
            values.add(20.0);
        }
        let p99 = values.percentile(0.99).unwrap();
        assert!((19.0..30.0).contains(&p99), "{p99}");
    }
}
