//! Means per task and model, drawn towards what is known of the model where a task has few rows.

use super::examples::Examples;
use crate::set::Set;

/// Pseudo-rows that a (task, model) mean of quality begins with.
const QUALITY_PRIOR: f64 = 12.0;
/// Pseudo-rows that a (task, model) mean of cost begins with.
const COST_PRIOR: f64 = 2.0;
/// Pseudo-rows that the common shift of a task begins with.
const SHIFT_PRIOR: f64 = 2.0;

/// Mean quality and cost of each model in each task; where a set has no tasks, all is one task.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Means {
    /// `task * width + model`: quality 0–1.
    pub q: Vec<f32>,
    /// `task * width + model`: cost in USD.
    pub c: Vec<f32>,
    /// How many models.
    pub width: usize,
}

impl Means {
    /// The shrunken means of these rows: `(sum + prior · (model's mean + task's common shift)) / (n + prior)`.
    pub fn fit(set: &Set, examples: &Examples, rows: &[usize]) -> Self {
        let (width, tasks) = (set.width(), examples.tasks.len().max(1));
        let weights = &examples.weights;
        let n = weights.sums(rows);
        let mut all = vec![(0.0, 0.0); width];
        // Of each task and model: quality, cost, and how much is known.
        let mut sums = vec![(0.0, 0.0, 0.0); tasks * width];
        for &at in rows {
            let row = &set.rows[at];
            for (model, all) in all.iter_mut().enumerate().filter(|(model, _)| row.knows(*model)) {
                let weight = weights.of(at, model);
                let (q, c) = (weight * f64::from(row.q[model]), weight * f64::from(row.c[model]));
                *all = (all.0 + q / n[model], all.1 + c / n[model]);
                if let Some(task) = examples.task_of[at] {
                    let sum = &mut sums[task * width + model];
                    *sum = (sum.0 + q, sum.1 + c, sum.2 + weight);
                }
            }
        }
        let mut means = Self { width, ..Self::default() };
        for sums in sums.chunks_exact(width) {
            let surplus =
                |(sum, all): (&(f64, f64, f64), &(f64, f64))| (sum.0 - sum.2 * all.0) / (sum.2 + SHIFT_PRIOR);
            let shift = sums.iter().zip(&all).map(surplus).sum::<f64>() / width as f64;
            for (&(q, c, n), all) in sums.iter().zip(&all) {
                let prior = (all.0 + shift).clamp(0.01, 0.99);
                means.q.push(((q + QUALITY_PRIOR * prior) / (n + QUALITY_PRIOR)) as f32);
                means.c.push(((c + COST_PRIOR * all.1) / (n + COST_PRIOR)) as f32);
            }
        }
        means
    }

    /// Means of a mixture of tasks, for one model: quality and cost.
    pub fn mix(&self, shares: &[f32], model: usize) -> (f64, f64) {
        let of = |values: &[f32]| {
            let values = values.chunks_exact(self.width).zip(shares);
            values.map(|(task, share)| f64::from(task[model] * share)).sum()
        };
        (of(&self.q), of(&self.c))
    }
}
