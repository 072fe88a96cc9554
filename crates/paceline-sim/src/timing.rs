//! When each part of an answer is due, drawn once per call.

use crate::{
    config::SimModel,
    dist::Dist,
    fault::{Fault, Flag},
    rng::Rng,
};
use std::time::Duration;
use tokio::time::Instant;

/// Due times of one answer.
#[derive(Debug)]
pub(crate) struct Timing {
    start: Instant,
    slow_ms: f64,
    head_ms: f64,
    ttft_ms: f64,
    inter_token: Dist,
    rng: Rng,
}

impl Timing {
    /// Draws from the model's distributions what the fault does not fix.
    pub(crate) fn draw(model: &SimModel, fault: &Fault, start: Instant, slow_ms: f64, mut rng: Rng) -> Self {
        // Drawn in any case, so that a fixed part does not shift the others.
        let (head, ttft) = (model.head_ms.draw(&mut rng), model.ttft_ms.draw(&mut rng));
        let burst = fault.has(Flag::Burst);
        let ttft_ms = fault.ttft_ms.map_or(if burst { 0.0 } else { ttft }, |ms| ms as f64);
        let inter_token = match fault.itl_ms {
            Some(ms) => Dist::constant(ms as f64),
            None if burst => Dist::constant(0.0),
            None => model.inter_token_ms,
        };
        let slow_ms = slow_ms + fault.slow_start_ms as f64;
        Self { start, slow_ms, head_ms: head.min(ttft_ms), ttft_ms, inter_token, rng }
    }

    /// When the head of a stream is due.
    pub(crate) fn head(&self) -> Instant {
        self.at(self.slow_ms + self.head_ms)
    }

    /// When a refusal is due: refusals come without generating anything.
    pub(crate) fn refusal(&self, fault: &Fault) -> Instant {
        self.at(self.slow_ms + fault.ttft_ms.map_or(0.0, |ms| ms as f64))
    }

    /// The moment this many ms after the request.
    pub(crate) fn at(&self, ms: f64) -> Instant {
        self.start + Duration::from_secs_f64(ms / 1_000.0)
    }

    /// When each of these tokens is due, ms after the request.
    pub(crate) fn tokens(&mut self, count: usize) -> Vec<f64> {
        let mut due = self.slow_ms + self.ttft_ms;
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            times.push(due);
            due += self.inter_token.draw(&mut self.rng);
        }
        times
    }

    /// Request to first token, ms.
    pub(crate) fn ttft_ms(&self) -> f64 {
        self.slow_ms + self.ttft_ms
    }
}

/// Waits for a moment; one that has passed costs nothing.
pub(crate) async fn until(due: Instant) {
    if due > Instant::now() {
        tokio::time::sleep_until(due).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(spec: &str) -> Timing {
        let model = SimModel { head_ms: Dist::constant(50.0), ..SimModel::default() };
        let fault = Fault::parse(spec).unwrap();
        Timing::draw(&model, &fault, Instant::now(), 0.0, Rng::new(4))
    }

    #[test]
    fn the_same_seed_draws_the_same_delays() {
        assert_eq!(timing("").tokens(50), timing("").tokens(50));
        let (plain, fixed) = (timing("").tokens(3), timing("ttft=7").tokens(3));
        assert_eq!(fixed[..1], [7.0]);
        assert!((fixed[2] - fixed[0] - (plain[2] - plain[0])).abs() < 1e-9, "only the first wait is fixed");
    }

    #[test]
    fn faults_fix_times() {
        assert_eq!(timing("burst").tokens(3), [0.0, 0.0, 0.0]);
        assert_eq!(timing("ttft=20,itl=5,slow-start=100").tokens(3), [120.0, 125.0, 130.0]);
        let early = timing("ttft=20");
        assert_eq!(early.head() - early.start, Duration::from_millis(20), "never later than the first token");
    }
}
