//! Prompts made ready for learning: everything that needs no outcome.

use super::sparse::Matrix;
use super::weights::Weights;
use crate::metrics::bootstrap::quantile;
use crate::set::Set;
use crate::text::grams::{BUCKETS, Scratch};
use crate::text::hand::{self, HAND};

/// The most tasks that are told apart; further ones count as no task.
pub const MAX_TASKS: usize = 96;
/// Weight of the hand-made features beside the n-grams, whose rows have length 1.
pub(crate) const HAND_SCALE: f32 = 0.15;

/// How text becomes numbers: learned from the prompts alone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scales {
    /// Weight of each bucket: `ln((n + 1) / (df + 1))`, 0 where fewer than two prompts have it.
    pub idf: Vec<f32>,
    /// Mean of each hand-made feature.
    pub mean: [f32; HAND],
    /// One over its standard deviation, 0 where it is always alike.
    pub inverse: [f32; HAND],
    /// Below which share of known words a prompt is unlike the others: half of what nearly all of them have.
    pub familiar: f32,
    /// Above which mean square of the features it is: one and a half times of what nearly all stay below.
    pub strange: f32,
}

impl Scales {
    /// A hand-made feature list with mean 0 and deviation 1, cut at 4.
    pub fn hand(&self, raw: &[f32; HAND]) -> [f32; HAND] {
        std::array::from_fn(|at| ((raw[at] - self.mean[at]) * self.inverse[at]).clamp(-4.0, 4.0))
    }

    /// How much a prompt is like those of the training, 0–1: by the share of its words that are known, and by how far
    /// its features are from the usual. Prompts like the training's have 1.
    pub fn trust(&self, known: f32, hand: &[f32; HAND]) -> f32 {
        let words = if known < self.familiar { known / self.familiar } else { 1.0 };
        let square = square(hand);
        let shape = if square > self.strange { self.strange / square } else { 1.0 };
        words * shape * shape
    }
}

fn square(hand: &[f32; HAND]) -> f32 {
    hand.iter().map(|value| value * value).sum::<f32>() / HAND as f32
}

/// The share of buckets that are known.
pub fn known(buckets: usize, known: usize) -> f32 {
    if buckets == 0 { 0.0 } else { known as f32 / buckets as f32 }
}

/// A set made ready.
#[derive(Debug, Clone)]
pub struct Examples {
    /// How text became numbers.
    pub scales: Scales,
    /// Words, characters and hand-made features.
    pub text: Matrix,
    /// Hand-made features with mean 0 and deviation 1.
    pub hand: Vec<[f32; HAND]>,
    /// How much each prompt is like the others.
    pub trust: Vec<f32>,
    /// Names of the tasks, the most frequent first.
    pub tasks: Vec<String>,
    /// Each row's task.
    pub task_of: Vec<Option<usize>>,
    /// What each outcome counts.
    pub weights: Weights,
}

impl Examples {
    /// Reads all prompts of a set.
    pub fn new(set: &Set) -> Self {
        let mut scratch = Scratch::default();
        let mut frequency = vec![0u32; BUCKETS];
        let mut grams = Vec::with_capacity(set.rows.len());
        for row in &set.rows {
            scratch.read(&row.prompt);
            for &bucket in scratch.grams.words.iter().chain(&scratch.grams.chars) {
                frequency[bucket as usize] += 1;
            }
            grams.push(scratch.grams.clone());
        }
        let n = set.rows.len() as f32;
        let idf = frequency.iter().map(|&df| if df < 2 { 0.0 } else { ((n + 1.0) / (df as f32 + 1.0)).ln() });
        let raw: Vec<[f32; HAND]> = set.rows.iter().map(|row| hand::features(&row.prompt)).collect();
        let (mean, inverse) = moments(&raw);
        let mut scales = Scales { idf: idf.collect(), mean, inverse, ..Scales::default() };
        let hand: Vec<[f32; HAND]> = raw.iter().map(|raw| scales.hand(raw)).collect();
        let known: Vec<f32> = grams
            .iter()
            .map(|grams| {
                let used = grams.words.iter().filter(|&&bucket| scales.idf[bucket as usize] > 0.0);
                known(grams.words.len(), used.count())
            })
            .collect();
        let at = |values: Vec<f64>, share: f64| quantile(&values, share).unwrap_or_default() as f32;
        scales.familiar = 0.5 * at(known.iter().map(|&known| known.into()).collect(), 0.02);
        scales.strange = 1.5 * at(hand.iter().map(|hand| square(hand).into()).collect(), 0.99);
        let trust = known.iter().zip(&hand).map(|(&known, hand)| scales.trust(known, hand)).collect();
        let mut text = Matrix::new(&scales.idf);
        for (grams, hand) in grams.iter().zip(&hand) {
            text.push(&[&grams.words, &grams.chars], hand.map(|value| value * HAND_SCALE));
        }
        let (tasks, task_of) = tasks(set);
        Self { scales, text, hand, trust, tasks, task_of, weights: Weights::new(set) }
    }
}

fn moments(raw: &[[f32; HAND]]) -> ([f32; HAND], [f32; HAND]) {
    let n = raw.len().max(1) as f64;
    let mean: [f64; HAND] =
        std::array::from_fn(|at| raw.iter().map(|row| f64::from(row[at])).sum::<f64>() / n);
    let inverse = std::array::from_fn(|at| {
        let variance = raw.iter().map(|row| (f64::from(row[at]) - mean[at]).powi(2)).sum::<f64>() / n;
        if variance > 1e-9 { (1.0 / variance.sqrt()) as f32 } else { 0.0 }
    });
    (mean.map(|mean| mean as f32), inverse)
}

fn tasks(set: &Set) -> (Vec<String>, Vec<Option<usize>>) {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    let mut names: Vec<&str> = set.rows.iter().filter_map(|row| row.task.as_deref()).collect();
    names.sort_unstable();
    for same in names.chunk_by(|a, b| a == b) {
        counts.push((same[0], same.len()));
    }
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    counts.truncate(MAX_TASKS);
    let names: Vec<String> = counts.into_iter().map(|(name, _)| name.to_owned()).collect();
    let find = |name: &String| names.iter().position(|known| known == name);
    let of = set.rows.iter().map(|row| row.task.as_ref().and_then(find)).collect();
    (names, of)
}
