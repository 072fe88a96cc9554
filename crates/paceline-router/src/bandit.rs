//! Routers that learn call by call, let loose on outcomes that are known: what they earn beside the best fixed model.
//!
//! The reward of a call is its quality less `price` times its cost as a share of the strongest model's mean cost. What a
//! model costs on average is known beforehand, as it is from prices; quality is learned from nothing.

use crate::dice::Dice;
use crate::metrics::{Forecast, choose};
use crate::model::{Model, Room};
use crate::set::Set;

/// Pseudo-calls of usual quality that each model begins with.
const PRIOR: f64 = 10.0;
/// How wide Thompson's draws are: the deviation of one call's quality, less than it is, for runs are short.
const WIDTH: f64 = 0.25;
/// Calls of a model at a kind of prompt at which they count half against all its calls.
const SHRINK: f64 = 80.0;
/// Pseudo-calls of usual quality that each kind of prompt begins with.
const KIND_PRIOR: f64 = 10.0;

/// Who chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Any model, alike.
    Uniform,
    /// The model with the best draw of its mean (Thompson 1933, normal), no look at the prompt.
    Thompson,
    /// The same, and what the model was seen to do at the prompt's kind of work, as evidence of that grows.
    Contextual,
    /// A trained router's forecast, no learning on the way.
    Trained,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Mean reward of the run.
    pub reward: f64,
    /// Mean reward of its last quarter.
    pub last_quarter: f64,
    /// Mean reward of the best fixed model.
    pub best_fixed: f64,
    /// That model's place.
    pub best_model: usize,
    /// Mean reward of all models alike.
    pub uniform: f64,
}

impl Outcome {
    /// How far from uniform to the best fixed model: 1 is there, more is better than any fixed one.
    pub fn way(&self) -> f64 {
        (self.reward - self.uniform) / (self.best_fixed - self.uniform).max(1e-12)
    }
}

/// Rewards of each row at each model, in the order of the set.
fn rewards(set: &Set, price: f64) -> (Vec<Vec<f64>>, f64) {
    let (q, c) = set.means();
    let strong = (0..q.len()).fold(0, |best, at| if q[at] > q[best] { at } else { best });
    let scale = price / c.get(strong).copied().unwrap_or(1.0).max(1e-12);
    let one =
        |q: &[f32], c: &[f32]| q.iter().zip(c).map(|(q, c)| f64::from(*q) - scale * f64::from(*c)).collect();
    (set.rows.iter().map(|row| one(&row.q, &row.c)).collect(), scale)
}

/// Sum of what was better than usual, and calls.
type Cell = (f64, f64);

/// What was seen so far: per model over all kinds, per kind and model, and how good answers are at each kind.
struct Learner {
    costs: Vec<f64>,
    models: Vec<Cell>,
    cells: Vec<Vec<Cell>>,
    /// Sum of quality and calls of each kind: hard work is not the model's fault.
    kinds: Vec<Cell>,
    all: Cell,
}

impl Learner {
    fn new(costs: Vec<f64>, kinds: usize) -> Self {
        let models = vec![(0.0, 0.0); costs.len()];
        let cells = vec![models.clone(); kinds];
        Self { costs, models, cells, kinds: vec![(0.0, 0.0); kinds], all: (0.0, 0.0) }
    }

    /// A model's worth at a kind of prompt, beyond what is usual there.
    fn worth(&self, kind: usize, model: usize, dice: &mut Dice) -> f64 {
        let (sum, calls) = self.models[model];
        let mean = sum / (calls + PRIOR);
        let cell = self.cells[kind][model];
        let inside = (cell.0 - cell.1 * mean) / (cell.1 + SHRINK);
        mean + inside + WIDTH * dice.normal() / (calls + PRIOR).sqrt() - self.costs[model]
    }

    fn choose(&self, kind: usize, dice: &mut Dice) -> usize {
        let worth: Vec<f64> = (0..self.costs.len()).map(|model| self.worth(kind, model, dice)).collect();
        (0..worth.len()).fold(0, |best, at| if worth[at] > worth[best] { at } else { best })
    }

    fn learn(&mut self, kind: usize, model: usize, quality: f64) {
        let usual = if self.all.1 > 0.0 { self.all.0 / self.all.1 } else { 0.5 };
        let (sum, calls) = self.kinds[kind];
        let better = quality - (sum + KIND_PRIOR * usual) / (calls + KIND_PRIOR);
        for (cell, amount) in [
            (&mut self.models[model], better),
            (&mut self.cells[kind][model], better),
            (&mut self.kinds[kind], quality),
            (&mut self.all, quality),
        ] {
            *cell = (cell.0 + amount, cell.1 + 1.0);
        }
    }
}

/// Runs a policy over the set in an order that the seed gives; kinds of prompts are the rows' tasks. A trained router
/// needs `model`.
pub fn run(
    set: &Set,
    policy: Policy,
    model: Option<&Model>,
    price: f64,
    seed: u64,
) -> Result<Outcome, String> {
    if !set.is_whole() {
        return Err(format!("{}: who plays needs all outcomes, and some are null", set.name));
    }
    let (rewards, scale) = rewards(set, price);
    let kinds = kinds(set, policy);
    let width = set.width();
    let mut dice = Dice::new(seed);
    let mut order: Vec<usize> = (0..rewards.len()).collect();
    dice.shuffle(&mut order);
    let costs = set.means().1.into_iter().map(|cost| scale * cost).collect();
    let mut learner = Learner::new(costs, kinds.iter().max().map_or(1, |most| most + 1));
    let (mut room, mut forecast) = (Room::default(), Forecast::default());
    let mut earned = Vec::with_capacity(order.len());
    for &at in &order {
        let arm = match policy {
            Policy::Uniform => dice.below(width),
            Policy::Trained => {
                let model = model.ok_or("this policy needs a trained router")?;
                model.predict(&set.rows[at].prompt, None, &mut room, &mut forecast);
                choose(&forecast.q, &forecast.c, scale)
            }
            Policy::Thompson | Policy::Contextual => learner.choose(kinds[at], &mut dice),
        };
        earned.push(rewards[at][arm]);
        learner.learn(kinds[at], arm, set.rows[at].q[arm].into());
    }
    Ok(outcome(&rewards, &earned, width))
}

fn kinds(set: &Set, policy: Policy) -> Vec<usize> {
    if policy != Policy::Contextual {
        return vec![0; set.rows.len()];
    }
    // Told apart by the caller's word on the task.
    let mut names: Vec<&str> = set.rows.iter().filter_map(|row| row.task.as_deref()).collect();
    names.sort_unstable();
    names.dedup();
    let of =
        |task: Option<&str>| task.and_then(|task| names.binary_search(&task).ok()).map_or(0, |at| at + 1);
    set.rows.iter().map(|row| of(row.task.as_deref())).collect()
}

fn outcome(rewards: &[Vec<f64>], earned: &[f64], width: usize) -> Outcome {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let fixed: Vec<f64> =
        (0..width).map(|arm| mean(&rewards.iter().map(|row| row[arm]).collect::<Vec<_>>())).collect();
    let best_model = (0..width).fold(0, |best, arm| if fixed[arm] > fixed[best] { arm } else { best });
    Outcome {
        reward: mean(earned),
        last_quarter: mean(&earned[earned.len() - earned.len() / 4..]),
        best_fixed: fixed.get(best_model).copied().unwrap_or_default(),
        best_model,
        uniform: mean(&fixed),
    }
}

#[cfg(test)]
mod tests {
    use super::{Policy, run};
    use crate::set::{Row, Set};

    /// Four models; which one is right depends on the task.
    fn set() -> Set {
        let row = |at: usize| {
            let right = if at.is_multiple_of(3) { 1 } else { 2 };
            let q = (0..4).map(|model| if model == right { 0.9 } else { 0.3 }).collect();
            let task = Some(right.to_string());
            Row { id: at.to_string(), task, q, c: vec![1e-4; 4], ..Row::default() }
        };
        let models = (0..4).map(|at| at.to_string()).collect();
        Set { name: "s".into(), models, rows: (0..1200).map(row).collect(), moved: 0 }
    }

    #[test]
    fn learning_finds_the_best_model_and_context_finds_more() {
        let way = |policy| run(&set(), policy, None, 0.1, 7).unwrap().way();
        assert!(way(Policy::Uniform).abs() < 0.15);
        assert!(way(Policy::Thompson) > 0.85, "{}", way(Policy::Thompson));
        assert!(way(Policy::Contextual) > 1.2, "{}", way(Policy::Contextual));
        assert!(run(&set(), Policy::Trained, None, 0.1, 7).is_err());
        let twice = || run(&set(), Policy::Contextual, None, 0.1, 3).unwrap();
        assert_eq!(twice(), twice());
    }
}
