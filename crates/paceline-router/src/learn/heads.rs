//! The second stage: small calibrated heads, one a model, on what the first stage saw and on the hand-made features.

use super::dense::{self, Table, directions, dot, logit, sigmoid};
use super::stage::{Seen, Stage};
use super::weights::Weights;
use crate::metrics::Forecast;
use crate::metrics::bootstrap::quantile;
use crate::set::{Row, Set};
use crate::text::hand::HAND;

/// Inputs of a quality head: one, the task's mean as a logit, what the text says of all models and beyond that of this
/// one, the hand-made features.
pub const QUALITY: usize = 4 + HAND;
/// Inputs of a cost head: one, the task's mean, length and predicted cost alone and times it, the hand-made ones.
pub const COST: usize = 6 + HAND;
/// A change in probability around one half is four times as large as a logit.
const SLOPE: f32 = 4.0;
/// The least cost that is predicted, as a share of the task's mean.
const LEAST: f64 = 0.1;
/// Share of the rows on which heads go further from the task's mean, to either side, than they may elsewhere.
const BEYOND: f64 = 0.005;

/// What is known of a prompt before the heads speak.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inputs {
    /// What the first stage said.
    pub seen: Seen,
    /// Mean quality and cost of each model in the mixture of tasks.
    pub base: Vec<(f64, f64)>,
    /// What the text says of each model.
    pub along: Vec<f32>,
    /// Hand-made features, standardised.
    pub hand: [f32; HAND],
    /// Length of the prompt in kilobytes.
    pub kilobytes: f32,
    /// How much the prompt is like those of the training, 0–1.
    pub trust: f32,
    /// The caller said which task it is: what the text does not tell is then the task's mean, not that of all work.
    pub told: bool,
}

impl Inputs {
    /// Puts together what a stage says.
    pub fn new(stage: &Stage, seen: Seen, hand: [f32; HAND], bytes: usize, trust: f32) -> Self {
        let models = 0..stage.means.width;
        Self {
            base: models.clone().map(|model| stage.means.mix(&seen.tasks, model)).collect(),
            along: models.map(|model| stage.along(&seen.outputs, model)).collect(),
            hand,
            kilobytes: (bytes as f32 / 1000.0).min(64.0),
            seen,
            trust,
            told: false,
        }
    }

    fn quality(&self, along: &[f32], model: usize) -> [f32; QUALITY] {
        let all = along.iter().sum::<f32>() / along.len().max(1) as f32;
        let mut row = [1.0; QUALITY];
        row[1] = logit(self.base[model].0) as f32;
        row[2] = SLOPE * all;
        row[3] = SLOPE * (along[model] - all);
        row[4..].copy_from_slice(&self.hand);
        row
    }

    fn cost(&self, model: usize, mean: f64) -> [f32; COST] {
        let base = (self.base[model].1 / mean) as f32;
        let log = self.seen.outputs[0];
        let mut row = [1.0; COST];
        row[1..6].copy_from_slice(&[base, base * log, log, self.kilobytes, self.kilobytes * base]);
        row[6..].copy_from_slice(&self.hand);
        row
    }
}

/// The heads of all models.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Heads {
    /// How far what the text says is believed, `model * width + model`; empty where that is in the stage already.
    pub belief: Vec<f32>,
    /// Weights of each quality head.
    pub quality: Vec<Vec<f64>>,
    /// Weights of each cost head, in units of the model's mean cost.
    pub cost: Vec<Vec<f64>>,
    /// Mean quality and mean cost in USD of each model.
    pub mean: Vec<(f64, f64)>,
    /// How far each head goes from the task's mean at the least and at the most: quality in logits, cost in units of the
    /// model's mean cost.
    pub reach: Vec<[(f64, f64); 2]>,
    /// How much the heads count against the task's mean, 0–1.
    pub blend: f64,
}

impl Heads {
    /// Learns from these rows; `inputs` has all rows of the set.
    pub fn fit(set: &Set, weights: &Weights, inputs: &[Inputs], rows: &[usize]) -> Self {
        let belief = belief(set, weights, inputs, rows);
        let mut heads = Self { blend: 1.0, belief, ..Self::default() };
        let along: Vec<Vec<f32>> = rows.iter().map(|&at| heads.believed(&inputs[at].along)).collect();
        let width = set.width();
        let values =
            |model: usize| rows.iter().zip(&along).flat_map(move |(&at, a)| inputs[at].quality(a, model));
        let target =
            |model: usize, at: usize| (f64::from(set.rows[rows[at]].q[model]), weights.of(rows[at], model));
        let known = |model: usize, at: usize| set.rows[rows[at]].knows(model);
        // What models have in common first, then each near it.
        let (mut prior, mut penalty) = ([0.0; QUALITY], [5000.0; QUALITY]);
        prior[1..4].fill(1.0);
        penalty[..4].copy_from_slice(&[1.0, 5.0, 20.0, 20.0]);
        let common = {
            let all: Vec<f32> = (0..width).flat_map(values).collect();
            let places = 0..rows.len() * width;
            let places: Vec<usize> =
                places.filter(|place| known(place / rows.len(), place % rows.len())).collect();
            let penalty = penalty.map(|penalty| penalty * (width as f64).sqrt());
            let target = |place: usize| target(place / rows.len(), place % rows.len());
            dense::logistic(Table { values: &all, width: QUALITY }, &places, target, &prior, &penalty)
        };
        let mut penalty = [3500.0; QUALITY];
        penalty[..4].copy_from_slice(&[1.5, 7.0, 14.0, 14.0]);
        let penalty = penalty.map(|penalty| penalty * width as f64);
        for model in 0..width {
            let places: Vec<usize> = (0..rows.len()).filter(|&place| known(model, place)).collect();
            let values: Vec<f32> = values(model).collect();
            let table = Table { values: &values, width: QUALITY };
            let quality = dense::logistic(table, &places, |place| target(model, place), &common, &penalty);
            let far = |place: usize| dot(table.row(place), &quality) - f64::from(table.row(place)[1]);
            let reach = reach((0..rows.len()).map(far));
            heads.quality.push(quality);
            let (cost, cost_reach) = heads.fit_cost(set, weights, inputs, rows, model);
            heads.cost.push(cost);
            heads.reach.push([reach, cost_reach]);
        }
        heads
    }

    fn fit_cost(
        &mut self,
        set: &Set,
        weights: &Weights,
        inputs: &[Inputs],
        rows: &[usize],
        model: usize,
    ) -> (Vec<f64>, (f64, f64)) {
        let n = rows.iter().map(|&at| weights.of(at, model)).sum::<f64>().max(1e-9);
        let sum = |of: fn(&Row) -> &[f32]| {
            let one = |&at: &usize| weights.of(at, model) * f64::from(of(&set.rows[at])[model]);
            rows.iter().map(one).sum::<f64>()
        };
        let mean = (sum(|row| &row.c) / n).max(1e-12);
        self.mean.push((sum(|row| &row.q) / n, mean));
        let (mut prior, mut penalty) = ([0.0; COST], [30.0; COST]);
        prior[1] = 1.0;
        penalty[..6].fill(1.0);
        let values: Vec<f32> = rows.iter().flat_map(|&at| inputs[at].cost(model, mean)).collect();
        let table = Table { values: &values, width: COST };
        let places: Vec<usize> =
            (0..rows.len()).filter(|&place| set.rows[rows[place]].knows(model)).collect();
        let target =
            |place: usize| (f64::from(set.rows[rows[place]].c[model]) / mean, weights.of(rows[place], model));
        let cost = dense::ridge(table, &places, target, &prior, &penalty);
        let far = |place: usize| dot(table.row(place), &cost) - f64::from(table.row(place)[1]);
        let reach = reach((0..rows.len()).map(far));
        (cost, reach)
    }

    /// What the text says, as far as it is believed.
    fn believed(&self, along: &[f32]) -> Vec<f32> {
        if self.belief.is_empty() {
            return along.to_vec();
        }
        let rows = self.belief.chunks_exact(along.len().max(1));
        rows.map(|row| row.iter().zip(along).map(|(belief, along)| belief * along).sum()).collect()
    }

    /// Puts the belief into a stage's directions, so that it costs nothing when a prompt is judged.
    pub fn settle(&mut self, stage: &mut Stage) {
        let width = stage.means.width.max(1);
        let settled = stage.directions.chunks_exact(width).flat_map(|way| self.believed(way)).collect();
        stage.directions = settled;
        self.belief.clear();
    }

    /// Quality and cost of each model.
    pub fn say(&self, inputs: &Inputs, out: &mut Forecast) {
        out.q.clear();
        out.c.clear();
        let believed = if self.belief.is_empty() { Vec::new() } else { self.believed(&inputs.along) };
        let along = if self.belief.is_empty() { &inputs.along } else { &believed };
        let trust = f64::from(inputs.trust);
        for (model, (quality, cost)) in self.quality.iter().zip(&self.cost).enumerate() {
            let ((base, least), (usual, mean), [far, dear]) =
                (inputs.base[model], self.mean[model], self.reach[model]);
            let row = inputs.quality(along, model);
            let start = f64::from(row[1]);
            let head = sigmoid(start + (dot(&row, quality) - start).clamp(far.0, far.1));
            let known = self.blend * head + (1.0 - self.blend) * base;
            let unread = if inputs.told { base } else { usual };
            out.q.push((trust * known + (1.0 - trust) * unread).clamp(0.0, 1.0) as f32);
            let row = inputs.cost(model, mean);
            let start = f64::from(row[1]);
            let share = start + (dot(&row, cost) - start).clamp(dear.0, dear.1);
            out.c.push((share * mean).max(LEAST * least) as f32);
        }
    }
}

/// Which values almost all rows lie between.
fn reach(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values: Vec<f64> = values.collect();
    let at = |share: f64| quantile(&values, share).unwrap_or_default();
    (at(BEYOND), at(1.0 - BEYOND))
}

/// How far what the text says is to be believed: along each direction in which outcomes vary, the slope with which it came
/// true on these rows, less one standard error, not below none. Directions of which the text knows nothing drop out.
fn belief(set: &Set, weights: &Weights, inputs: &[Inputs], rows: &[usize]) -> Vec<f32> {
    let width = set.width();
    let rest = |at: usize, model: usize| f64::from(set.rows[at].q[model]) - inputs[at].base[model].0;
    let together = weights.together(rows, rest);
    let mut belief = vec![0.0f32; width * width];
    for (_, way) in directions(together, width) {
        let said = |at: usize| -> f64 {
            way.iter().zip(&inputs[at].along).map(|(way, said)| way * f64::from(*said)).sum()
        };
        let seen = rows.iter().map(|&at| {
            let (real, weight) = weights.along(at, &way, |model| rest(at, model));
            (said(at), real, weight)
        });
        let slope = slope(seen.filter(|point| point.2 > 0.0).collect());
        for (at, belief) in belief.iter_mut().enumerate() {
            *belief += (slope * way[at / width] * way[at % width]) as f32;
        }
    }
    belief
}

/// The slope of a line through points, each with its weight, less its standard error, between 0 and 1.5.
fn slope(mut points: Vec<(f64, f64, f64)>) -> f64 {
    let n = points.iter().map(|point| point.2).sum::<f64>().max(1e-9);
    let mean =
        |of: fn(&(f64, f64, f64)) -> f64| points.iter().map(|point| point.2 * of(point)).sum::<f64>() / n;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    for point in &mut points {
        *point = (point.0 - x, point.1 - y, point.2);
    }
    let squares: f64 = points.iter().map(|(x, _, weight)| weight * x * x).sum();
    if squares <= 0.0 {
        return 0.0;
    }
    let slope = points.iter().map(|(x, y, weight)| weight * x * y).sum::<f64>() / squares;
    let rest: f64 = points.iter().map(|(x, y, weight)| weight * (y - slope * x).powi(2)).sum();
    (slope - (rest / n / squares).sqrt()).clamp(0.0, 1.5)
}
