//! What is learned after training, call by call: how far each (task, model) has moved from what was predicted.

/// What an outcome of yesterday still counts after one more call (`ParetoBandit`, arXiv 2604.00136).
const KEEP: f64 = 0.997;
/// Pseudo-calls without a difference that each shift begins with.
const PRIOR: f64 = 10.0;

/// Differences between real and predicted quality, with forgetting.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shifts {
    width: usize,
    /// Sum of differences and number of calls, both fading, `task * width + model`.
    cells: Vec<(f64, f64)>,
}

impl Shifts {
    /// No difference yet.
    pub fn new(tasks: usize, width: usize) -> Self {
        Self { width, cells: vec![(0.0, 0.0); tasks * width] }
    }

    /// Takes in a scored call; what is not finite or not known is left out.
    pub fn learn(&mut self, task: usize, model: usize, predicted: f32, real: f32) {
        let difference = f64::from(real) - f64::from(predicted);
        if !difference.is_finite() || model >= self.width {
            return;
        }
        if let Some(cell) = self.cells.get_mut(task * self.width + model) {
            *cell = (cell.0 * KEEP + difference, cell.1 * KEEP + 1.0);
        }
    }

    /// The mean difference, drawn towards none: `sum / (n + 10)`.
    pub fn shift(&self, task: usize, model: usize) -> f32 {
        let cell = self.cells.get(task * self.width + model).copied().unwrap_or_default();
        (cell.0 / (cell.1 + PRIOR)) as f32
    }

    /// Adds the shifts of a mixture of tasks to predicted qualities.
    pub fn apply(&self, shares: &[f32], q: &mut [f32]) {
        for (model, q) in q.iter_mut().enumerate().take(self.width) {
            let shift: f32 =
                shares.iter().enumerate().map(|(task, share)| share * self.shift(task, model)).sum();
            *q = (*q + shift).clamp(0.0, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Shifts;

    #[test]
    fn a_model_that_got_worse_is_found_out_and_forgiven() {
        let mut shifts = Shifts::new(2, 2);
        for _ in 0..200 {
            shifts.learn(0, 1, 0.9, 0.4);
        }
        assert!(shifts.shift(0, 1) < -0.45 && shifts.shift(1, 1) == 0.0 && shifts.shift(0, 0) == 0.0);
        let mut q = [0.9, 0.9];
        shifts.apply(&[1.0, 0.0], &mut q);
        assert!(q[1] < 0.45 && q[0] > 0.89);
        for _ in 0..1000 {
            shifts.learn(0, 1, 0.9, 0.9);
        }
        assert!(shifts.shift(0, 1).abs() < 0.05);
        shifts.learn(9, 9, 0.0, 1.0);
        shifts.learn(0, 0, f32::NAN, 1.0);
        assert!(shifts.shift(0, 0) == 0.0);
    }
}
