//! The first stage: from text to shares of tasks, and to a few factors that models have in common.
//!
//! Separate estimates for many near-equal models lose to no look at all, by picking the best of many errors; so
//! the text speaks only through the task and through a few directions in which the models' outcomes vary most.

use super::dense::directions;
use super::examples::Examples;
use super::sparse::{Targets, ridge};
use super::tasks::Means;
use crate::set::{Row, Set};

/// Directions of quality that are predicted from text, at most.
pub const FACTORS: usize = 6;
/// What is predicted from all n-grams: the logarithm of the cost, then the directions.
pub const OUTPUTS: usize = FACTORS + 1;
const TASK_PENALTY: f32 = 0.3;
const FACTOR_PENALTY: f32 = 6.0;
/// How often every row is gone through.
const ROUNDS: usize = 5;
/// How sharply scores of tasks become shares.
const SHARPNESS: f32 = 14.0;

/// What was learned of text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stage {
    /// Weight of each word bucket and hand-made feature for each task, `column * tasks + task`.
    pub task_weights: Vec<f32>,
    /// What each task's score begins with.
    pub task_start: Vec<f32>,
    /// How many outputs there are: one, and a direction for each model, at most [`OUTPUTS`].
    pub outputs: usize,
    /// Weight of each bucket and hand-made feature for each output, `column * outputs + output`.
    pub weights: Vec<f32>,
    /// What each output begins with.
    pub start: [f32; OUTPUTS],
    /// The directions, `direction * width + model`.
    pub directions: Vec<f32>,
    /// Means per task and model.
    pub means: Means,
}

/// What the first stage says of one prompt.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    /// Shares of the tasks, together 1.
    pub tasks: Vec<f32>,
    /// The cost's logarithm, then the directions; those that there are none of are 0.
    pub outputs: [f32; OUTPUTS],
}

impl Stage {
    /// Learns from these rows.
    pub fn fit(set: &Set, examples: &Examples, rows: &[usize]) -> Self {
        let means = Means::fit(set, examples, rows);
        let (task_weights, task_start) = fit_tasks(examples, rows);
        let width = set.width();
        let weights = &examples.weights;
        let counts = weights.sums(rows);
        let mean = |model: usize, of: &dyn Fn(usize) -> f64| {
            let known = rows.iter().filter(|&&at| set.rows[at].knows(model));
            known.map(|&at| weights.of(at, model) * of(at) / counts[model]).sum::<f64>()
        };
        let all: Vec<f64> = (0..width).map(|model| mean(model, &|at| set.rows[at].q[model].into())).collect();
        let log = |at: usize, model: usize| (f64::from(set.rows[at].c[model]) + 1e-9).ln();
        let logs: Vec<f64> = (0..width).map(|model| mean(model, &|at| log(at, model))).collect();
        let rest = |at: usize, model: usize| {
            let mean = examples.task_of[at].map_or(all[model], |task| means.q[task * width + model].into());
            f64::from(set.rows[at].q[model]) - mean
        };
        let together = weights.together(rows, rest);
        let outputs = OUTPUTS.min(1 + width);
        let found: Vec<Vec<f64>> =
            directions(together, width).into_iter().map(|one| one.1).take(outputs - 1).collect();
        let mut targets = Vec::with_capacity(rows.len() * outputs);
        let mut counting = Vec::with_capacity(rows.len() * outputs);
        for &at in rows {
            targets.push(cost_of(&set.rows[at], &logs, |model| log(at, model)) as f32);
            counting.push(1.0);
            for way in &found {
                let (far, weight) = weights.along(at, way, |model| rest(at, model));
                targets.push(far as f32);
                counting.push(weight as f32);
            }
        }
        let starts = center(&mut targets, &counting, outputs);
        let counted = Targets { values: &targets, weights: &counting, count: outputs };
        let weights = ridge(examples.text.part(2), rows, counted, FACTOR_PENALTY, ROUNDS);
        let directions = found.iter().flatten().map(|&part| part as f32).collect();
        let start = std::array::from_fn(|at| starts.get(at).copied().unwrap_or_default());
        Self { task_weights, task_start, outputs, weights, start, directions, means }
    }

    /// What it says of a row of the examples.
    pub fn see(&self, examples: &Examples, at: usize) -> Seen {
        let mut tasks = self.task_start.clone();
        if tasks.len() > 1 {
            examples.text.part(1).dot(at, &self.task_weights, &mut tasks);
        }
        let mut outputs = self.start;
        examples.text.part(2).dot(at, &self.weights, &mut outputs[..self.outputs]);
        shares(&mut tasks);
        Seen { tasks, outputs }
    }

    /// What the directions say of a model, as a difference in quality from its task's mean.
    pub fn along(&self, outputs: &[f32; OUTPUTS], model: usize) -> f32 {
        let ways = self.directions.chunks_exact(self.means.width.max(1));
        ways.zip(&outputs[1..]).map(|(way, output)| way[model] * output).sum()
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
    let counting = vec![1.0; targets.len()];
    let start = center(&mut targets, &counting, tasks);
    let counted = Targets { values: &targets, weights: &counting, count: tasks };
    (ridge(examples.text.part(1), &labelled, counted, TASK_PENALTY, ROUNDS), start)
}

/// What a prompt costs over all models, as a mean logarithm. Models that were not asked cost as much more or less than
/// usual as those that were.
fn cost_of(row: &Row, usual: &[f64], log: impl Fn(usize) -> f64) -> f64 {
    let models = || 0..usual.len();
    let known = models().filter(|&model| row.knows(model));
    let (far, n) = known.fold((0.0, 0.0), |(far, n), model| (far + log(model) - usual[model], n + 1.0f64));
    let of = |model: usize| if row.knows(model) { log(model) } else { usual[model] + far / n.max(1.0) };
    models().map(of).sum::<f64>() / usual.len() as f64
}

/// Takes the mean off each target and returns the means.
fn center(targets: &mut [f32], weights: &[f32], k: usize) -> Vec<f32> {
    let mut n = vec![0.0f64; k];
    for row in weights.chunks_exact(k) {
        n.iter_mut().zip(row).for_each(|(n, weight)| *n += f64::from(*weight));
    }
    let mut means = vec![0.0f64; k];
    for (row, weights) in targets.chunks_exact(k).zip(weights.chunks_exact(k)) {
        for (at, mean) in means.iter_mut().enumerate().filter(|(at, _)| n[*at] > 0.0) {
            *mean += f64::from(weights[at]) * f64::from(row[at]) / n[at];
        }
    }
    for row in targets.chunks_exact_mut(k) {
        row.iter_mut().zip(&means).for_each(|(value, mean)| *value -= *mean as f32);
    }
    means.into_iter().map(|mean| mean as f32).collect()
}
