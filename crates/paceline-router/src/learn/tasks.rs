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
        let n = rows.len().max(1) as f64;
        let mut all = vec![(0.0, 0.0); width];
        let mut sums = vec![(0.0, 0.0); tasks * width];
        let mut counts = vec![0.0; tasks];
        for &at in rows {
            let row = &set.rows[at];
            for (sum, (q, c)) in all.iter_mut().zip(row.q.iter().zip(&row.c)) {
                *sum = (sum.0 + f64::from(*q) / n, sum.1 + f64::from(*c) / n);
            }
            let Some(task) = examples.task_of[at] else { continue };
            counts[task] += 1.0;
            for (sum, (q, c)) in sums[task * width..].iter_mut().zip(row.q.iter().zip(&row.c)) {
                *sum = (sum.0 + f64::from(*q), sum.1 + f64::from(*c));
            }
        }
        let mut means = Self { width, ..Self::default() };
        for (sums, n) in sums.chunks_exact(width).zip(counts) {
            let surplus: f64 = sums.iter().zip(&all).map(|(sum, all)| sum.0 - n * all.0).sum();
            let shift = surplus / width as f64 / (n + SHIFT_PRIOR);
            for (sum, all) in sums.iter().zip(&all) {
                let prior = (all.0 + shift).clamp(0.01, 0.99);
                means.q.push(((sum.0 + QUALITY_PRIOR * prior) / (n + QUALITY_PRIOR)) as f32);
                means.c.push(((sum.1 + COST_PRIOR * all.1) / (n + COST_PRIOR)) as f32);
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
