//! The first stage: from text to shares of tasks, and to a few factors that models have in common.
//!
//! Separate estimates for many near-equal models lose to no look at all, by picking the best of many errors; so
//! the text speaks only through the task and through two directions in which the models' outcomes vary most.

use super::dense::directions;
use super::examples::Examples;
use super::sparse::{Matrix, ridge};
use super::tasks::Means;
use crate::set::Set;

/// Directions of quality that are predicted from text.
pub const FACTORS: usize = 2;
/// What is predicted from all n-grams: the directions, and the logarithm of the cost.
pub const OUTPUTS: usize = FACTORS + 1;
const TASK_PENALTY: f32 = 0.3;
const FACTOR_PENALTY: f32 = 3.0;
const ROUNDS: usize = 12;
/// How sharply scores of tasks become shares.
const SHARPNESS: f32 = 11.0;

/// What was learned of text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stage {
    /// Weight of each word bucket and hand-made feature for each task, `column * tasks + task`.
    pub task_weights: Vec<f32>,
    /// What each task's score begins with.
    pub task_start: Vec<f32>,
    /// Weight of each bucket and hand-made feature for each output.
    pub weights: Vec<f32>,
    /// What each output begins with.
    pub start: [f32; OUTPUTS],
    /// The directions, `factor * width + model`.
    pub directions: Vec<f32>,
    /// Means per task and model.
    pub means: Means,
}

/// What the first stage says of one prompt.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    /// Shares of the tasks, together 1.
    pub tasks: Vec<f32>,
    /// The factors, then the cost's logarithm.
    pub outputs: [f32; OUTPUTS],
}

impl Stage {
    /// Learns from these rows.
    pub fn fit(set: &Set, examples: &Examples, rows: &[usize]) -> Self {
        let means = Means::fit(set, examples, rows);
        let (task_weights, task_start) = fit_tasks(examples, rows);
        let width = set.width();
        let rest = |at: usize, model: usize| {
            let mean = examples.task_of[at].map_or(0.5, |task| means.q[task * width + model]);
            f64::from(set.rows[at].q[model] - mean)
        };
        let mut together = vec![0.0; width * width];
        for &at in rows {
            for a in 0..width {
                for b in 0..width {
                    together[a * width + b] += rest(at, a) * rest(at, b) / rows.len() as f64;
                }
            }
        }
        let mut found: Vec<Vec<f64>> =
            directions(together, width).into_iter().map(|one| one.1).take(FACTORS).collect();
        found.resize(FACTORS, vec![0.0; width]);
        for direction in &mut found {
            // Upwards is better, or signs differ between folds.
            if direction.iter().sum::<f64>() < 0.0 {
                for part in direction {
                    *part = -*part;
                }
            }
        }
        let mut targets = Vec::with_capacity(rows.len() * OUTPUTS);
        for &at in rows {
            let along =
                |way: &Vec<f64>| way.iter().enumerate().map(|(m, part)| part * rest(at, m)).sum::<f64>();
            targets.extend(found.iter().map(|way| along(way) as f32));
            let logs = set.rows[at].c.iter().map(|&c| (f64::from(c) + 1e-9).ln());
            targets.push((logs.sum::<f64>() / width as f64) as f32);
        }
        let starts = center(&mut targets, OUTPUTS);
        let weights = ridge(&examples.all, rows, &targets, OUTPUTS, FACTOR_PENALTY, ROUNDS);
        let directions = found.iter().flatten().map(|&part| part as f32).collect();
        let start = std::array::from_fn(|at| starts[at]);
        Self { task_weights, task_start, weights, start, directions, means }
    }

    /// What it says of a row of the examples.
    pub fn see(&self, examples: &Examples, at: usize) -> Seen {
        let mut tasks = self.task_start.clone();
        if tasks.len() > 1 {
            examples.words.dot(at, &self.task_weights, &mut tasks);
        }
        let mut outputs = self.start;
        examples.all.dot(at, &self.weights, &mut outputs);
        shares(&mut tasks);
        Seen { tasks, outputs }
    }

    /// What the factors say of a model, as a difference in quality from its task's mean.
    pub fn along(&self, outputs: &[f32; OUTPUTS], model: usize) -> f32 {
        let ways = self.directions.chunks_exact(self.means.width.max(1));
        ways.zip(outputs).map(|(way, output)| way[model] * output).sum()
    }
}

/// Makes scores of tasks into shares (softmax).
pub fn shares(scores: &mut [f32]) {
    let top = scores.iter().copied().fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = ((*score - top) * SHARPNESS).exp();
        sum += *score;
    }
    for score in scores {
        *score /= sum;
    }
}

fn fit_tasks(examples: &Examples, rows: &[usize]) -> (Vec<f32>, Vec<f32>) {
    let tasks = examples.tasks.len();
    if tasks < 2 {
        return (Vec::new(), vec![0.0]);
    }
    let labelled: Vec<usize> = rows.iter().copied().filter(|&at| examples.task_of[at].is_some()).collect();
    let mut targets = vec![0.0; labelled.len() * tasks];
    for (place, &at) in labelled.iter().enumerate() {
        if let Some(task) = examples.task_of[at] {
            targets[place * tasks + task] = 1.0;
        }
    }
    let start = center(&mut targets, tasks);
    (solve_tasks(&examples.words, &labelled, &targets, tasks), start)
}

fn solve_tasks(words: &Matrix, rows: &[usize], targets: &[f32], tasks: usize) -> Vec<f32> {
    ridge(words, rows, targets, tasks, TASK_PENALTY, ROUNDS)
}

/// Takes the mean off each target and returns the means.
fn center(targets: &mut [f32], k: usize) -> Vec<f32> {
    let n = (targets.len() / k).max(1) as f64;
    let mut means = vec![0.0f64; k];
    for row in targets.chunks_exact(k) {
        means.iter_mut().zip(row).for_each(|(mean, value)| *mean += f64::from(*value) / n);
    }
    for row in targets.chunks_exact_mut(k) {
        row.iter_mut().zip(&means).for_each(|(value, mean)| *value -= *mean as f32);
    }
    means.into_iter().map(|mean| mean as f32).collect()
}
