//! What is learned after training, call by call: how far a model, and a model at one kind of work, has moved from what
//! was predicted.
//!
//! The trained router stays as it is; this lies beside it and is as large as its tasks and models. Differences between
//! real and predicted quality are averaged with a prior of none (a conjugate normal update), first per model, then per
//! task what is left. All evidence fades with each scored call, so that a model that is no longer asked comes back to what
//! the training said of it.

use crate::metrics::Forecast;
use crate::model::Model;

/// What an outcome still counts after one more scored call (`ParetoBandit`, arXiv 2604.00136).
const KEEP: f64 = 0.997;
/// Pseudo-calls without a difference that a model begins with.
const MODEL_PRIOR: f64 = 10.0;
/// Pseudo-calls without a difference that a model at one task begins with.
const TASK_PRIOR: f64 = 20.0;
/// The furthest that a prediction is moved.
const FURTHEST: f64 = 0.5;
/// Deviation of one call's quality around what was predicted.
const DEVIATION: f64 = 0.4;
/// Fades are multiplied into all numbers when the common factor falls below this.
const SMALL: f64 = 1e-100;

/// Sum of differences and number of calls, both in units that grow where evidence fades.
type Cell = (f64, f64);

/// Differences between real and predicted quality, with forgetting.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Online {
    width: usize,
    models: Vec<Cell>,
    /// `task * width + model`.
    cells: Vec<Cell>,
    /// What every number is to be multiplied with.
    scale: f64,
    calls: u64,
}

impl Online {
    /// No difference yet, for a trained router.
    pub fn new(model: &Model) -> Self {
        Self::with(model.tasks.len().max(1), model.models.len())
    }

    /// No difference yet, for so many tasks and models.
    pub fn with(tasks: usize, width: usize) -> Self {
        let none = (0.0, 0.0);
        Self { width, models: vec![none; width], cells: vec![none; tasks * width], scale: 1.0, calls: 0 }
    }

    /// How many scored calls were taken in.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Takes in a scored call: the shares of tasks that were seen in its prompt, the model that answered, the quality that
    /// the trained router predicted (before [`Online::adjust`]) and the real one. What is not finite, not between 0 and
    /// 1 or not known is left out; returns whether it was taken in.
    pub fn observe(&mut self, shares: &[f32], model: usize, predicted: f32, real: f32) -> bool {
        let sound = |quality: f32| (0.0..=1.0).contains(&quality);
        let known = model < self.width && shares.len() * self.width == self.cells.len();
        if !known || !sound(predicted) || !sound(real) || !shares.iter().copied().all(sound) {
            return false;
        }
        self.calls += 1;
        self.scale *= KEEP;
        if self.scale < SMALL {
            for cell in self.models.iter_mut().chain(&mut self.cells) {
                *cell = (cell.0 * self.scale, cell.1 * self.scale);
            }
            self.scale = 1.0;
        }
        let (difference, unit) = (f64::from(real) - f64::from(predicted), 1.0 / self.scale);
        add(&mut self.models[model], difference, unit);
        for (task, share) in shares.iter().enumerate() {
            add(&mut self.cells[task * self.width + model], difference, unit * f64::from(*share));
        }
        true
    }

    /// How far a model is from what was predicted of such a prompt: mean and standard deviation of what is known of it.
    pub fn shift(&self, shares: &[f32], model: usize) -> (f64, f64) {
        let Some(&(sum, calls)) = self.models.get(model) else { return (0.0, 0.0) };
        let (sum, calls) = (sum * self.scale, calls * self.scale);
        let common = sum / (calls + MODEL_PRIOR);
        let mut variance = DEVIATION * DEVIATION / (calls + MODEL_PRIOR);
        let mut shift = common;
        for (share, cell) in shares.iter().zip(self.cells.iter().skip(model).step_by(self.width)) {
            let (share, calls) = (f64::from(*share), cell.1 * self.scale);
            shift += share * (cell.0 * self.scale - calls * common) / (calls + TASK_PRIOR);
            variance += share * share * DEVIATION * DEVIATION / (calls + TASK_PRIOR);
        }
        (shift.clamp(-FURTHEST, FURTHEST), variance.sqrt())
    }

    /// Moves what was predicted of a prompt with these shares of tasks to what was seen since.
    pub fn adjust(&self, shares: &[f32], forecast: &mut Forecast) {
        if self.calls == 0 {
            return;
        }
        for (model, q) in forecast.q.iter_mut().enumerate() {
            *q = (f64::from(*q) + self.shift(shares, model).0).clamp(0.0, 1.0) as f32;
        }
    }
}

fn add(cell: &mut Cell, difference: f64, weight: f64) {
    *cell = (cell.0 + weight * difference, cell.1 + weight);
}

#[cfg(test)]
mod tests {
    use super::Online;
    use crate::metrics::Forecast;
    use proptest::prelude::*;

    const FIRST: [f32; 2] = [1.0, 0.0];
    const SECOND: [f32; 2] = [0.0, 1.0];

    #[test]
    fn a_model_that_got_worse_is_found_out_and_forgiven() {
        let mut online = Online::with(2, 2);
        let (_, unsure) = online.shift(&FIRST, 1);
        for _ in 0..200 {
            assert!(online.observe(&FIRST, 1, 0.9, 0.4));
        }
        let (shift, sure) = online.shift(&FIRST, 1);
        assert!(shift < -0.45 && sure < unsure, "{shift} {sure}");
        let elsewhere = online.shift(&SECOND, 1).0;
        assert!(
            elsewhere < -0.2 && elsewhere > shift,
            "at other work it is believed to be worse too: {elsewhere}"
        );
        assert!(online.shift(&FIRST, 0).0.abs() < 1e-12);
        let mut forecast = Forecast { q: vec![0.9, 0.9], c: vec![1.0, 1.0] };
        online.adjust(&FIRST, &mut forecast);
        assert!(forecast.q[1] < 0.45 && forecast.q[0] > 0.89, "{:?}", forecast.q);
        for _ in 0..3000 {
            online.observe(&FIRST, 0, 0.9, 0.9);
        }
        assert!(online.shift(&FIRST, 1).0.abs() < 0.1, "nobody asked it: {:?}", online.shift(&FIRST, 1));
    }

    #[test]
    fn a_task_at_which_a_model_is_worse_is_told_apart() {
        let mut online = Online::with(2, 1);
        for _ in 0..150 {
            online.observe(&FIRST, 0, 0.8, 0.4);
            online.observe(&SECOND, 0, 0.8, 0.8);
        }
        let (first, second) = (online.shift(&FIRST, 0).0, online.shift(&SECOND, 0).0);
        assert!(first < -0.33 && second.abs() < 0.07, "{first} {second}");
        let both = online.shift(&[0.5, 0.5], 0).0;
        assert!((both - f64::midpoint(first, second)).abs() < 1e-9);
    }

    #[test]
    fn what_is_not_sound_is_left_out() {
        let mut online = Online::with(2, 2);
        assert!(!online.observe(&FIRST, 9, 0.1, 1.0) && !online.observe(&[1.0], 0, 0.1, 1.0));
        assert!(!online.observe(&FIRST, 0, f32::NAN, 1.0) && !online.observe(&FIRST, 0, 0.5, 2.0));
        assert_eq!(online, Online::with(2, 2));
    }

    proptest! {
        #[test]
        fn shifts_are_bounded_and_the_same_calls_give_the_same(
            calls in prop::collection::vec((0usize..3, 0.0..1.0f32, 0.0..1.0f32, 0.0..1.0f32), 0..400),
            again in 1usize..200
        ) {
            let run = || {
                let mut online = Online::with(2, 3);
                for _ in 0..again {
                    for (model, share, predicted, real) in &calls {
                        online.observe(&[*share, 1.0 - share], *model, *predicted, *real);
                    }
                }
                online
            };
            let online = run();
            for model in 0..3 {
                let (shift, deviation) = online.shift(&[0.3, 0.7], model);
                prop_assert!(shift.is_finite() && shift.abs() <= 0.5 && deviation > 0.0 && deviation < 0.4);
            }
            prop_assert_eq!(online.calls(), (again * calls.len()) as u64);
            if again == 1 {
                prop_assert_eq!(online, run());
            }
        }
    }
}
