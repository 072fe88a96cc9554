//! Ridge regression on many thousand hashed features, several targets at once.
//!
//! A bucket counts once a prompt, so a row is a list of buckets and one length; what a bucket weighs is kept once for
//! all rows. That makes a cell two bytes, and most of the work additions.

use crate::dice::Dice;
use crate::text::grams::GROUP;
use crate::text::hand::HAND;

/// Targets that are solved together: few enough for registers and for the processor's cache.
const MANY: usize = 16;

/// Prompts as rows of groups of buckets, then hand-made features.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    /// Where each row's buckets begin, `row * groups + group`.
    starts: Vec<usize>,
    /// Buckets within their group.
    buckets: Vec<u16>,
    /// One over the length of each row's group.
    norms: Vec<f32>,
    /// Weight of each bucket, all groups one after the other.
    idf: Vec<f32>,
    /// Its square.
    squares: Vec<f32>,
    hand: Vec<[f32; HAND]>,
    groups: usize,
}

/// The first groups of a matrix, and the hand-made features: columns `0..groups * GROUP`, then those.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    matrix: &'a Matrix,
    groups: usize,
}

impl Matrix {
    /// No rows yet; `idf` is the weight of each bucket of each group, those of 0 are left out.
    pub fn new(idf: &[f32]) -> Self {
        let squares = idf.iter().map(|idf| idf * idf).collect();
        Self { starts: vec![0], idf: idf.to_vec(), squares, groups: idf.len() / GROUP, ..Self::default() }
    }

    /// Adds a row: the buckets of each group, numbered through all groups, and the hand-made features.
    pub fn push(&mut self, groups: &[&[u32]], hand: [f32; HAND]) {
        for buckets in groups.iter().take(self.groups) {
            let used = buckets.iter().filter(|&&bucket| self.idf[bucket as usize] > 0.0);
            self.buckets.extend(used.map(|bucket| (bucket % GROUP as u32) as u16));
            self.starts.push(self.buckets.len());
            let squares: f32 = buckets.iter().map(|&bucket| self.idf[bucket as usize].powi(2)).sum();
            self.norms.push(if squares > 0.0 { 1.0 / squares.sqrt() } else { 0.0 });
        }
        self.hand.push(hand);
    }

    /// Its first groups.
    pub fn part(&self, groups: usize) -> Part<'_> {
        Part { matrix: self, groups: groups.min(self.groups) }
    }
}

impl<'a> Part<'a> {
    /// How many columns there are.
    pub fn width(&self) -> usize {
        self.groups * GROUP + HAND
    }

    fn group(&self, row: usize, group: usize) -> (&'a [u16], f32) {
        let at = row * self.matrix.groups + group;
        let matrix = self.matrix;
        (&matrix.buckets[matrix.starts[at]..matrix.starts[at + 1]], matrix.norms[at])
    }

    /// One row times weights with `k` targets a column, added to `out`.
    pub fn dot(&self, row: usize, weights: &[f32], out: &mut [f32]) {
        let k = out.len();
        let mut add = |column: usize, value: f32| {
            for (out, weight) in out.iter_mut().zip(&weights[column * k..(column + 1) * k]) {
                *out += value * weight;
            }
        };
        for group in 0..self.groups {
            let (buckets, norm) = self.group(row, group);
            for &bucket in buckets {
                let column = group * GROUP + usize::from(bucket);
                add(column, norm * self.matrix.idf[column]);
            }
        }
        for (at, value) in self.matrix.hand[row].iter().enumerate() {
            add(self.groups * GROUP + at, *value);
        }
    }

    /// The square of a row's length.
    fn length(&self, row: usize) -> f32 {
        let groups = (0..self.groups).filter(|&group| self.group(row, group).1 > 0.0).count();
        groups as f32 + self.matrix.hand[row].iter().map(|value| value * value).sum::<f32>()
    }

    /// A row times weights that are weighed with the buckets' own already.
    fn ahead<const K: usize>(&self, row: usize, weighed: &[[f32; K]]) -> [f32; K] {
        let mut sum = [0.0; K];
        for group in 0..self.groups {
            let (buckets, norm) = self.group(row, group);
            let weighed = &weighed[group * GROUP..(group + 1) * GROUP];
            let mut part = [0.0; K];
            for &bucket in buckets {
                add(&mut part, 1.0, &weighed[usize::from(bucket)]);
            }
            add(&mut sum, norm, &part);
        }
        for (weighed, value) in weighed[self.groups * GROUP..].iter().zip(self.matrix.hand[row]) {
            add(&mut sum, value, weighed);
        }
        sum
    }

    /// Adds a multiple of a row to such weights.
    fn back<const K: usize>(&self, row: usize, amounts: [f32; K], weighed: &mut [[f32; K]]) {
        for group in 0..self.groups {
            let (buckets, norm) = self.group(row, group);
            let range = group * GROUP..(group + 1) * GROUP;
            let (weighed, squares) = (&mut weighed[range.clone()], &self.matrix.squares[range]);
            let amounts = amounts.map(|amount| norm * amount);
            for &bucket in buckets {
                let at = usize::from(bucket);
                add(&mut weighed[at], squares[at], &amounts);
            }
        }
        for (weighed, value) in weighed[self.groups * GROUP..].iter_mut().zip(self.matrix.hand[row]) {
            add(weighed, value, &amounts);
        }
    }
}

fn add<const K: usize>(to: &mut [f32; K], times: f32, from: &[f32; K]) {
    for at in 0..K {
        to[at] += times * from[at];
    }
}

/// What is to be predicted of some rows.
#[derive(Debug, Clone, Copy)]
pub struct Targets<'a> {
    /// `place * count + target`, centred by the caller.
    pub values: &'a [f32],
    /// What each counts: 1 as a rule, 0 where it is not known.
    pub weights: &'a [f32],
    /// How many a row has.
    pub count: usize,
}

/// Weights of the targets for each column, `column * count + target`.
///
/// Minimises `Σ weight (target - X w)² + penalty |w|²` by dual coordinate ascent (Shalev-Shwartz and Zhang 2013): row by row
/// in shuffled order, each time the best step for that row.
pub fn ridge(part: Part<'_>, rows: &[usize], targets: Targets<'_>, penalty: f32, rounds: usize) -> Vec<f32> {
    let k = targets.count;
    let mut weights = vec![0.0f32; part.width() * k];
    for first in (0..k).step_by(MANY) {
        let count = MANY.min(k - first);
        let pick = |at: usize| {
            let range = at * k + first..at * k + first + count;
            (&targets.values[range.clone()], &targets.weights[range])
        };
        let to = |weights: &mut [f32], found: &[f32]| {
            weights[first..first + count].copy_from_slice(&found[..count]);
        };
        match count {
            0..=4 => {
                place(&block::<4>(part, rows, pick, penalty, rounds), part, weights.chunks_exact_mut(k), to);
            }
            5..=8 => {
                place(&block::<8>(part, rows, pick, penalty, rounds), part, weights.chunks_exact_mut(k), to);
            }
            _ => place(
                &block::<MANY>(part, rows, pick, penalty, rounds),
                part,
                weights.chunks_exact_mut(k),
                to,
            ),
        }
    }
    weights
}

/// Takes the buckets' own weights off again and puts what was found where it belongs.
fn place<'a, const K: usize>(
    weighed: &[[f32; K]],
    part: Part<'_>,
    weights: impl Iterator<Item = &'a mut [f32]>,
    to: impl Fn(&mut [f32], &[f32]),
) {
    let idf = part.matrix.idf.iter().copied().take(part.groups * GROUP).chain([1.0; HAND]);
    for ((weights, weighed), idf) in weights.zip(weighed).zip(idf) {
        let inverse = if idf > 0.0 { 1.0 / idf } else { 0.0 };
        to(weights, &weighed.map(|weight| weight * inverse));
    }
}

fn block<'a, const K: usize>(
    part: Part<'_>,
    rows: &[usize],
    targets: impl Fn(usize) -> (&'a [f32], &'a [f32]),
    penalty: f32,
    rounds: usize,
) -> Vec<[f32; K]> {
    let mut weighed = vec![[0.0f32; K]; part.width()];
    let mut duals = vec![[0.0f32; K]; rows.len()];
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut dice = Dice::new(rows.len() as u64);
    for _ in 0..rounds {
        dice.shuffle(&mut order);
        for &at in &order {
            let row = rows[at];
            let length = part.length(row);
            let ahead = part.ahead(row, &weighed);
            let (targets, weights) = targets(at);
            let mut step = [0.0f32; K];
            for (target, step) in step.iter_mut().enumerate().take(targets.len()) {
                let weight = weights[target];
                if weight > 0.0 {
                    let short = weight * (targets[target] - ahead[target]) - penalty * duals[at][target];
                    *step = short * (1.0 / (weight * length + penalty));
                }
            }
            add(&mut duals[at], 1.0, &step);
            part.back(row, step, &mut weighed);
        }
    }
    weighed
}

#[cfg(test)]
mod tests {
    use super::{Matrix, Targets, ridge};
    use crate::text::grams::GROUP;
    use crate::text::hand::HAND;

    #[test]
    fn targets_are_solved_as_by_hand() {
        let mut idf = vec![0.0; 2 * GROUP];
        (idf[3], idf[GROUP + 5]) = (2.0, 7.0);
        let mut matrix = Matrix::new(&idf);
        let (first, second) = ([3u32, 9], [GROUP as u32 + 5]);
        matrix.push(&[&first, &[]], [0.0; HAND]);
        matrix.push(&[&[], &second], [0.0; HAND]);
        matrix.push(&[&first, &second], [0.0; HAND]);
        let part = matrix.part(2);
        for k in [2, 6, 20] {
            // Each group has length 1, whatever its bucket weighs: w = 1, 2, 3 … at one bucket and -2, -4 … at the other.
            let of = |one: f32, two: f32| (1..=k).map(move |at| at as f32 * (one - 2.0 * two));
            let targets: Vec<f32> = of(1.0, 0.0).chain(of(0.0, 1.0)).chain(of(1.0, 1.0)).collect();
            let all = vec![1.0; 3 * k];
            let of = |values| Targets { values, weights: &all, count: k };
            let weights = ridge(part, &[0, 1, 2], of(&targets), 0.0, 60);
            for at in 0..k {
                assert!((weights[3 * k + at] - (at + 1) as f32).abs() < 1e-3);
                assert!((weights[(GROUP + 5) * k + at] + 2.0 * (at + 1) as f32).abs() < 1e-3);
            }
            assert!(weights[9 * k] == 0.0, "a bucket without weight learns nothing");
            let mut out = vec![0.0; k];
            part.dot(2, &weights, &mut out);
            assert!((out[k - 1] + k as f32).abs() < 1e-3);
            let small = ridge(part, &[0, 1, 2], of(&targets), 100.0, 20);
            assert!(small[3 * k] > 0.0 && small[3 * k] < 0.1);
            let words = ridge(matrix.part(1), &[0], of(&targets[..k]), 1.0, 20);
            assert!((words[3 * k] - 0.5).abs() < 1e-4, "half way with a penalty of 1");
            // What counts three times is as if it were there three times; what counts nothing, as if it were not.
            let some: Vec<f32> = [3.0, 1.0, 0.0].into_iter().flat_map(|weight| vec![weight; k]).collect();
            let counted = Targets { values: &targets, weights: &some, count: k };
            let words = ridge(part, &[0, 1, 2], counted, 1.0, 20);
            assert!((words[3 * k] - 0.75).abs() < 1e-4, "{}", words[3 * k]);
            assert!((words[(GROUP + 5) * k] + 1.0).abs() < 1e-4, "{}", words[(GROUP + 5) * k]);
        }
    }
}
