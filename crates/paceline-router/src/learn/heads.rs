//! The second stage: small calibrated heads, one a model, on what the first stage saw and on the hand-made features.

use super::dense::{self, Table, dot, logit, sigmoid};
use super::stage::{FACTORS, OUTPUTS, Seen, Stage};
use crate::metrics::Forecast;
use crate::set::Set;
use crate::text::hand::HAND;

/// Inputs of a quality head: one, the task's mean as a logit, the factors' say, the factors, the hand-made ones.
pub const QUALITY: usize = 3 + FACTORS + HAND;
/// Inputs of a cost head: one, the task's mean, length and predicted cost alone and times it, the hand-made ones.
pub const COST: usize = 6 + HAND;
/// A change in probability around one half is four times as large as a logit.
const SLOPE: f32 = 4.0;
/// The least cost that is predicted, as a share of the task's mean.
const LEAST: f64 = 0.1;

/// What is known of a prompt before the heads speak.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inputs {
    /// What the first stage said.
    pub seen: Seen,
    /// Mean quality and cost of each model in the mixture of tasks.
    pub base: Vec<(f64, f64)>,
    /// What the factors say of each model.
    pub along: Vec<f32>,
    /// Hand-made features, standardised.
    pub hand: [f32; HAND],
    /// Length of the prompt in kilobytes.
    pub kilobytes: f32,
}

impl Inputs {
    /// Puts together what a stage says.
    pub fn new(stage: &Stage, seen: Seen, hand: [f32; HAND], bytes: usize) -> Self {
        let models = 0..stage.means.width;
        Self {
            base: models.clone().map(|model| stage.means.mix(&seen.tasks, model)).collect(),
            along: models.map(|model| stage.along(&seen.outputs, model)).collect(),
            hand,
            kilobytes: (bytes as f32 / 1000.0).min(64.0),
            seen,
        }
    }

    fn quality(&self, model: usize) -> [f32; QUALITY] {
        let mut row = [1.0; QUALITY];
        row[1] = logit(self.base[model].0) as f32;
        row[2] = SLOPE * self.along[model];
        for (to, factor) in row[3..].iter_mut().zip(&self.seen.outputs[..FACTORS]) {
            *to = SLOPE * factor;
        }
        row[3 + FACTORS..].copy_from_slice(&self.hand);
        row
    }

    fn cost(&self, model: usize, mean: f64) -> [f32; COST] {
        let base = (self.base[model].1 / mean) as f32;
        let log = self.seen.outputs[OUTPUTS - 1];
        let mut row = [1.0; COST];
        row[1..6].copy_from_slice(&[base, base * log, log, self.kilobytes, self.kilobytes * base]);
        row[6..].copy_from_slice(&self.hand);
        row
    }
}

/// The heads of all models.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Heads {
    /// Weights of each quality head.
    pub quality: Vec<Vec<f64>>,
    /// Weights of each cost head, in units of the model's mean cost.
    pub cost: Vec<Vec<f64>>,
    /// Mean cost of each model in USD.
    pub mean: Vec<f64>,
    /// How much the heads count against the task's mean, 0–1.
    pub blend: f64,
}

impl Heads {
    /// Learns from these rows; `inputs` has all rows of the set.
    pub fn fit(set: &Set, inputs: &[Inputs], rows: &[usize]) -> Self {
        let mut heads = Self { blend: 1.0, ..Self::default() };
        let places: Vec<usize> = (0..rows.len()).collect();
        let (mut prior, mut penalty) = ([0.0; QUALITY], [500.0; QUALITY]);
        (prior[1], prior[2]) = (1.0, 1.0);
        penalty[..3].copy_from_slice(&[1.0, 5.0, 20.0]);
        penalty[3..3 + FACTORS].fill(50.0);
        let (mut cost_prior, mut cost_penalty) = ([0.0; COST], [30.0; COST]);
        cost_prior[1] = 1.0;
        cost_penalty[..6].fill(1.0);
        for model in 0..set.width() {
            let values: Vec<f32> = rows.iter().flat_map(|&at| inputs[at].quality(model)).collect();
            let table = Table { values: &values, width: QUALITY };
            let target = |place: usize| f64::from(set.rows[rows[place]].q[model]);
            heads.quality.push(dense::logistic(table, &places, target, &prior, &penalty));
            let costs = rows.iter().map(|&at| f64::from(set.rows[at].c[model]));
            let mean = (costs.sum::<f64>() / rows.len().max(1) as f64).max(1e-12);
            let values: Vec<f32> = rows.iter().flat_map(|&at| inputs[at].cost(model, mean)).collect();
            let table = Table { values: &values, width: COST };
            let target = |place: usize| f64::from(set.rows[rows[place]].c[model]) / mean;
            heads.cost.push(dense::ridge(table, &places, target, &cost_prior, &cost_penalty));
            heads.mean.push(mean);
        }
        heads
    }

    /// Quality and cost of each model.
    pub fn say(&self, inputs: &Inputs, out: &mut Forecast) {
        out.q.clear();
        out.c.clear();
        for (model, (quality, cost)) in self.quality.iter().zip(&self.cost).enumerate() {
            let (base, least) = inputs.base[model];
            let head = sigmoid(dot(&inputs.quality(model), quality));
            out.q.push((self.blend * head + (1.0 - self.blend) * base).clamp(0.0, 1.0) as f32);
            let share = dot(&inputs.cost(model, self.mean[model]), cost);
            out.c.push((share * self.mean[model]).max(LEAST * least) as f32);
        }
    }
}
