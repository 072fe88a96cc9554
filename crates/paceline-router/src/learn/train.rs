//! Training: the first stage on folds, the heads on what it says of rows it has not seen, and the proof.
//!
//! The proof is cross validation: every row is judged by a first stage and by heads that were fitted without it.
//! The first stages that heads of a fold learn from have seen rows of that fold; the heads have some forty weights
//! a model, so what leaks that way is small (docs/routing.md compares it with fully nested folds).

use super::examples::Examples;
use super::heads::{Heads, Inputs};
use super::stage::Stage;
use crate::dice::Dice;
use crate::metrics::bootstrap::spread;
use crate::metrics::{Forecast, Report};
use crate::model::Model;
use crate::set::Set;

/// Folds of the cross validation.
pub const FOLDS: usize = 5;
/// Rows below which nothing is learned.
pub const MIN_ROWS: usize = 50;
/// Draws of the bootstrap behind the standard error.
const DRAWS: usize = 60;
/// How much heads may count; the first of equals is taken.
const BLENDS: [f64; 3] = [1.0, 0.5, 0.0];

/// How a trained router did on rows it had not seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// All held-out rows together.
    pub report: Report,
    /// AIQ of the router and of no-look in each fold.
    pub folds: Vec<(f64, f64)>,
    /// AIQ of the router less AIQ of no-look, on all held-out rows.
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
    let examples = Examples::new(set);
    let folds = folds(set.rows.len(), seed);
    let inputs = held_out(set, &examples, &folds);
    let (blend, forecasts) = best_blend(set, &inputs, &folds)?;
    let proof = prove(set, &forecasts, &folds, seed)?;
    let all: Vec<usize> = (0..set.rows.len()).collect();
    let stage = Stage::fit(set, &examples, &all);
    let heads = Heads { blend, ..Heads::fit(set, &inputs, &all) };
    Ok((Model::new(set, &examples, stage, heads), proof))
}

/// Which rows each fold holds out.
fn folds(rows: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..rows).collect();
    Dice::new(seed).shuffle(&mut order);
    (0..FOLDS).map(|fold| order.iter().copied().skip(fold).step_by(FOLDS).collect()).collect()
}

fn others(folds: &[Vec<usize>], but: usize) -> Vec<usize> {
    let rest = folds.iter().enumerate().filter(|(fold, _)| *fold != but);
    rest.flat_map(|(_, rows)| rows.iter().copied()).collect()
}

/// What first stages say of rows they have not seen.
fn held_out(set: &Set, examples: &Examples, folds: &[Vec<usize>]) -> Vec<Inputs> {
    let mut inputs: Vec<(usize, Inputs)> = Vec::with_capacity(set.rows.len());
    for (fold, rows) in folds.iter().enumerate() {
        let stage = Stage::fit(set, examples, &others(folds, fold));
        for &at in rows {
            let seen = stage.see(examples, at);
            let bytes = set.rows[at].prompt.len();
            inputs.push((at, Inputs::new(&stage, seen, examples.hand[at], bytes)));
        }
    }
    inputs.sort_by_key(|one| one.0);
    inputs.into_iter().map(|one| one.1).collect()
}

/// How much the heads should count, with forecasts of heads that have not seen the row.
fn best_blend(set: &Set, inputs: &[Inputs], folds: &[Vec<usize>]) -> Result<(f64, Vec<Forecast>), String> {
    let fitted: Vec<Heads> =
        (0..folds.len()).map(|fold| Heads::fit(set, inputs, &others(folds, fold))).collect();
    let mut best: Option<(f64, f64, Vec<Forecast>)> = None;
    for blend in BLENDS {
        let mut forecasts = vec![Forecast::default(); set.rows.len()];
        for (heads, rows) in fitted.iter().zip(folds) {
            let heads = Heads { blend, ..heads.clone() };
            for &at in rows {
                heads.say(&inputs[at], &mut forecasts[at]);
            }
        }
        let aiq = Report::new(set, &forecasts, 0, 0)?.lines[0].aiq.value.unwrap_or_default();
        if best.as_ref().is_none_or(|best| aiq > best.0) {
            best = Some((aiq, blend, forecasts));
        }
    }
    best.map(|best| (best.1, best.2)).ok_or_else(|| "nothing was tried".to_owned())
}

fn prove(set: &Set, forecasts: &[Forecast], folds: &[Vec<usize>], seed: u64) -> Result<Proof, String> {
    let report = Report::new(set, forecasts, DRAWS, seed)?;
    let mut found = Vec::new();
    for rows in folds {
        let part: Vec<Forecast> = rows.iter().map(|&at| forecasts[at].clone()).collect();
        let fold = Report::new(&set.pick(rows), &part, 0, 0)?;
        let aiq = |line: usize| fold.lines[line].aiq.value.unwrap_or_default();
        found.push((aiq(0), aiq(1)));
    }
    let gains: Vec<f64> = found.iter().map(|fold| fold.0 - fold.1).collect();
    let by_folds = spread(&gains).1 / (gains.len() as f64).sqrt();
    let (gain, by_draws) = report.gain;
    Ok(Proof { report, folds: found, gain, error: by_folds.max(by_draws) })
}
