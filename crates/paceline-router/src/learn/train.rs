//! Training: the first stage on folds, the heads on what it says of rows it has not seen, and the proof.
//!
//! The proof is cross validation: every row is judged by a first stage and by heads that were fitted without it.
//! How much the heads count, and at which prices of quality the router is used, is chosen on the other folds too
//! ([`crossed`]), and the heads of a fold learn from first stages that have not seen it either.

use super::examples::Examples;
use super::heads::{Heads, Inputs};
use super::stage::Stage;
use super::weights::Weights;
use crate::dice::Dice;
use crate::metrics::bootstrap::spread;
use crate::metrics::crossed::{self, MARGIN};
use crate::metrics::{Forecast, Report};
use crate::model::Model;
use crate::set::Set;

/// Folds of the cross validation.
pub const FOLDS: usize = 5;
/// Rows below which nothing is learned.
pub const MIN_ROWS: usize = 50;
/// Rows by which each model must be judged.
pub const MIN_JUDGING: usize = 20;
/// Draws of the bootstrap behind the standard error.
const DRAWS: usize = 60;
/// How much heads may count.
const BLENDS: [f64; 3] = [1.0, 0.5, 0.0];

/// How a trained router did on rows it had not seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// All held-out rows together; its curves are hulls over the rows that they are drawn for.
    pub report: Report,
    /// AIQ of the router and of no-look in each fold, by choices made on the others.
    pub folds: Vec<(f64, f64)>,
    /// AIQ of the router less AIQ of no-look, the mean of the folds.
    pub gain: f64,
    /// Its standard error: the larger of the bootstrap's and the folds'.
    pub error: f64,
}

impl Proof {
    /// Whether it beats no-look by more than one standard error.
    pub fn holds(&self) -> bool {
        self.gain > self.error && self.gain > 1e-4
    }
}

/// Trains a router on a set and proves it by cross validation.
pub fn train(set: &Set, seed: u64) -> Result<(Model, Proof), String> {
    if set.rows.len() < MIN_ROWS {
        return Err(format!(
            "{}: {} rows are too few to learn from, {MIN_ROWS} are needed",
            set.name,
            set.rows.len()
        ));
    }
    if let Some(model) = (0..set.width()).find(|&model| set.judging(model) < MIN_JUDGING) {
        return Err(format!(
            "{}: {} is known of {} rows whose model was drawn by chance (`p`), {MIN_JUDGING} are needed",
            set.name,
            set.models[model],
            set.judging(model)
        ));
    }
    let examples = Examples::new(set);
    let folds = folds(set, seed);
    let nested = Nested::new(set, &examples, &folds);
    let weights = &examples.weights;
    let (blend, forecasts) = best_blend(set, weights, &nested.own, &folds)?;
    let report = Report::new(set, &forecasts, DRAWS, seed)?;
    let proof = prove(set, report, &nested.candidates(set, weights, &folds), &folds)?;
    let all: Vec<usize> = (0..set.rows.len()).collect();
    let stage = Stage::fit(set, &examples, &all);
    let heads = Heads { blend, ..Heads::fit(set, weights, &nested.own, &all) };
    Ok((Model::new(set, &examples, stage, heads), proof))
}

/// Which rows each fold holds out. What is known of few rows is known in every fold.
fn folds(set: &Set, seed: u64) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..set.rows.len()).collect();
    Dice::new(seed).shuffle(&mut order);
    order.sort_by_key(|&at| (set.rows[at].unknown, set.rows[at].chance.is_some()));
    (0..FOLDS).map(|fold| order.iter().copied().skip(fold).step_by(FOLDS).collect()).collect()
}

/// The rows of all folds but these.
fn others(folds: &[Vec<usize>], but: &[usize]) -> Vec<usize> {
    let rest = folds.iter().enumerate().filter(|(fold, _)| !but.contains(fold));
    rest.flat_map(|(_, rows)| rows.iter().copied()).collect()
}

/// What first stages say of rows they have not seen.
struct Nested {
    /// Of each row, by a stage that has seen all folds but its own.
    own: Vec<Inputs>,
    /// For each fold, of each row of the others, by a stage that has seen neither that fold nor the row's own; of its own
    /// rows as in `own`.
    without: Vec<Vec<Inputs>>,
}

impl Nested {
    fn new(set: &Set, examples: &Examples, folds: &[Vec<usize>]) -> Self {
        let see = |stage: &Stage, at: usize| {
            let seen = stage.see(examples, at);
            Inputs::new(stage, seen, examples.hand[at], set.rows[at].prompt.len(), examples.trust[at])
        };
        let mut own = vec![Inputs::default(); set.rows.len()];
        for (fold, rows) in folds.iter().enumerate() {
            let stage = Stage::fit(set, examples, &others(folds, &[fold]));
            for &at in rows {
                own[at] = see(&stage, at);
            }
        }
        let mut without = vec![own.clone(); folds.len()];
        for a in 0..folds.len() {
            for b in a + 1..folds.len() {
                let stage = Stage::fit(set, examples, &others(folds, &[a, b]));
                folds[b].iter().for_each(|&at| without[a][at] = see(&stage, at));
                folds[a].iter().for_each(|&at| without[b][at] = see(&stage, at));
            }
        }
        Self { own, without }
    }

    /// For each fold, forecasts of all rows at each blend: by stages and heads that have seen neither that fold nor the
    /// row's own.
    fn candidates(&self, set: &Set, weights: &Weights, folds: &[Vec<usize>]) -> Vec<Vec<Vec<Forecast>>> {
        let of = |judged: usize| {
            let seen = &self.without[judged];
            let fit = |fold: usize| Heads::fit(set, weights, seen, &others(folds, &[judged, fold]));
            let fitted: Vec<Heads> = (0..folds.len()).map(fit).collect();
            BLENDS.map(|blend| forecasts(&fitted, seen, folds, blend)).into()
        };
        (0..folds.len()).map(of).collect()
    }
}

/// What the heads of each fold say of its rows.
fn forecasts(fitted: &[Heads], seen: &[Inputs], folds: &[Vec<usize>], blend: f64) -> Vec<Forecast> {
    let mut forecasts = vec![Forecast::default(); seen.len()];
    for (heads, rows) in fitted.iter().zip(folds) {
        let heads = Heads { blend, ..heads.clone() };
        for &at in rows {
            heads.say(&seen[at], &mut forecasts[at]);
        }
    }
    forecasts
}

/// How much the heads should count, and the forecasts at it: by heads that learned as those that are kept do, without
/// the row. What it says of how good that is flatters, for it is chosen by it.
fn best_blend(
    set: &Set,
    weights: &Weights,
    seen: &[Inputs],
    folds: &[Vec<usize>],
) -> Result<(f64, Vec<Forecast>), String> {
    let fit = |fold: usize| Heads::fit(set, weights, seen, &others(folds, &[fold]));
    let fitted: Vec<Heads> = (0..folds.len()).map(fit).collect();
    let mut best: Option<(f64, f64, Vec<Forecast>)> = None;
    for blend in BLENDS {
        let forecasts = forecasts(&fitted, seen, folds, blend);
        let aiq = Report::new(set, &forecasts, 0, 0)?.lines[0].aiq.value.unwrap_or_default();
        if best.as_ref().is_none_or(|best| aiq > best.0 + MARGIN) {
            best = Some((aiq, blend, forecasts));
        }
    }
    best.map(|best| (best.1, best.2)).ok_or_else(|| "nothing was tried".to_owned())
}

fn prove(
    set: &Set,
    report: Report,
    candidates: &[Vec<Vec<Forecast>>],
    folds: &[Vec<usize>],
) -> Result<Proof, String> {
    let found = crossed::judge(set, candidates, folds);
    if found.len() != folds.len() {
        return Err(format!("{}: a fold has no models to compare", set.name));
    }
    let gains: Vec<f64> = found.iter().map(|fold| fold.0 - fold.1).collect();
    let gain = gains.iter().sum::<f64>() / gains.len() as f64;
    let by_folds = spread(&gains).1 / (gains.len() as f64).sqrt();
    let error = by_folds.max(report.gain.1);
    Ok(Proof { report, folds: found, gain, error })
}
