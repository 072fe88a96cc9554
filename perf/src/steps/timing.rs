//! Timing of one step: warm-up, batches of many runs, the median of the batches.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::results::Spread;

/// How long a batch is to last: long beside a clock read, short beside what interrupts.
const BATCH: Duration = Duration::from_millis(2);
/// Before anything counts: caches, branch predictors and the processor's frequency settle.
const WARM_UP: Duration = Duration::from_millis(30);

/// Of no batches.
const NOTHING: Spread = Spread { median: 0.0, min: 0.0, max: 0.0 };

/// Times steps, and with each of them a piece of arithmetic that never changes: how it varies tells the machine's noise.
pub(super) struct Bench {
    batches: usize,
    /// Nanoseconds of the yardstick, batch by batch.
    yardstick: Vec<f64>,
}

impl Bench {
    pub(super) fn new(batches: usize) -> Self {
        Self { batches, yardstick: Vec::new() }
    }

    /// Nanoseconds per run of `step`, when one call of it makes `runs` of them.
    pub(super) fn time<T>(&mut self, runs: usize, mut step: impl FnMut() -> T) -> Spread {
        let calls = calibrate(&mut step);
        let yardstick_calls = calibrate(&mut yardstick);
        let mut spent = Vec::with_capacity(self.batches);
        for _ in 0..self.batches {
            spent.push(batch(calls, &mut step) / runs as f64);
            self.yardstick.push(batch(yardstick_calls, &mut yardstick));
        }
        Spread::of(spent).unwrap_or(NOTHING)
    }

    /// Nanoseconds per run of `step`, each call of which takes what `prepare` made and does the step `runs` times.
    pub(super) fn time_prepared<I, T>(
        &mut self,
        runs: usize,
        mut prepare: impl FnMut() -> I,
        mut step: impl FnMut(I) -> T,
    ) -> Spread {
        let yardstick_calls = calibrate(&mut yardstick);
        let mut once = || {
            let input = prepare();
            let begin = Instant::now();
            let output = black_box(step(black_box(input)));
            let spent = begin.elapsed();
            drop(output);
            spent.as_nanos() as f64 / runs as f64
        };
        let warm_up = Instant::now();
        while warm_up.elapsed() < WARM_UP {
            once();
        }
        let mut spent = Vec::with_capacity(self.batches);
        for _ in 0..self.batches {
            spent.push(once());
            self.yardstick.push(batch(yardstick_calls, &mut yardstick));
        }
        Spread::of(spent).unwrap_or(NOTHING)
    }

    /// What the yardstick came to over the whole run.
    pub(super) fn noise(&self) -> Option<Spread> {
        Spread::of(self.yardstick.clone())
    }
}

/// A chain of 64 steps of Marsaglia's xorshift, each waiting for the one before; no compiler shortens it.
fn yardstick() -> u64 {
    (0..64).fold(black_box(1), |mut value: u64, _| {
        value ^= value << 13;
        value ^= value >> 7;
        value ^ (value << 17)
    })
}

/// Runs `step` for the warm-up's time; how many calls make a batch.
fn calibrate<T>(step: &mut impl FnMut() -> T) -> u64 {
    let (begin, mut calls) = (Instant::now(), 0_u64);
    let mut at_once = 1;
    while begin.elapsed() < WARM_UP {
        for _ in 0..at_once {
            black_box(step());
        }
        calls += at_once;
        // Fast steps: not a clock read for each.
        at_once = (calls / 16).clamp(1, 4096);
    }
    let each = begin.elapsed().as_secs_f64() / calls as f64;
    ((BATCH.as_secs_f64() / each) as u64).max(1)
}

/// Nanoseconds per call.
fn batch<T>(calls: u64, step: &mut impl FnMut() -> T) -> f64 {
    let begin = Instant::now();
    for _ in 0..calls {
        black_box(step());
    }
    begin.elapsed().as_nanos() as f64 / calls as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_work_takes_more_time_and_runs_share_a_call() {
        let work = |rounds: u64| (0..rounds).fold(black_box(1_u64), |sum, x| sum.wrapping_mul(31) ^ x);
        let mut bench = Bench::new(5);
        let (little, much) = (bench.time(1, || work(20)), bench.time(1, || work(2_000)));
        assert!(little.median > 0.0 && much.median > 10.0 * little.median, "{little:?} {much:?}");
        let shared = bench.time(100, || work(2_000));
        assert!(shared.median < much.median / 10.0, "{shared:?} {much:?}");
        let mut prepared = 0;
        let once = bench.time_prepared(1, || prepared += 1, |()| work(2_000));
        assert!(prepared > 5 && once.median > 10.0 * little.median, "{once:?} {little:?}");
        assert!(bench.noise().is_some_and(|noise| noise.min > 0.0 && noise.max >= noise.median));
    }
}
