//! Ridge regression on many thousand hashed features, several targets at once.

/// Prompts as rows of few features with values.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
    width: usize,
}

impl Matrix {
    /// No rows yet; columns are `0..width`.
    pub fn new(width: usize) -> Self {
        Self { starts: vec![0], width, ..Self::default() }
    }

    /// Adds a row.
    pub fn push(&mut self, cells: impl Iterator<Item = (u32, f32)>) {
        for (column, value) in cells {
            self.columns.push(column);
            self.values.push(value);
        }
        self.starts.push(self.columns.len());
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    fn row(&self, at: usize) -> impl Iterator<Item = (usize, f32)> {
        let range = self.starts[at]..self.starts[at + 1];
        self.columns[range.clone()]
            .iter()
            .map(|&column| column as usize)
            .zip(self.values[range].iter().copied())
    }

    /// One row times weights with `k` targets a column, added to `out`.
    pub fn dot(&self, at: usize, weights: &[f32], out: &mut [f32]) {
        let k = out.len();
        for (column, value) in self.row(at) {
            for (out, weight) in out.iter_mut().zip(&weights[column * k..(column + 1) * k]) {
                *out += value * weight;
            }
        }
    }

    fn spread(&self, at: usize, amounts: &[f32], weights: &mut [f32]) {
        let k = amounts.len();
        for (column, value) in self.row(at) {
            for (weight, amount) in weights[column * k..(column + 1) * k].iter_mut().zip(amounts) {
                *weight += value * amount;
            }
        }
    }
}

/// Weights of `k` targets for each column, `column * k + target`.
///
/// Minimises `|targets - X w|² + penalty |w|²` by conjugate gradients (Hestenes and Stiefel 1952), each target with
/// its own steps. `targets` holds `k` values for each of `rows`, centred by the caller.
pub fn ridge(
    matrix: &Matrix,
    rows: &[usize],
    targets: &[f32],
    k: usize,
    penalty: f32,
    rounds: usize,
) -> Vec<f32> {
    let size = matrix.width() * k;
    let mut weights = vec![0.0f32; size];
    let mut rest = vec![0.0f32; size];
    for (at, &row) in rows.iter().enumerate() {
        matrix.spread(row, &targets[at * k..(at + 1) * k], &mut rest);
    }
    let mut way = rest.clone();
    let mut old = squares(&rest, k);
    let start = old.clone();
    let mut ahead = vec![0.0f32; k];
    for _ in 0..rounds {
        if old.iter().zip(&start).all(|(now, start)| *now <= start * 1e-8) {
            break;
        }
        let mut turned: Vec<f32> = way.iter().map(|value| value * penalty).collect();
        for &row in rows {
            ahead.fill(0.0);
            matrix.dot(row, &way, &mut ahead);
            matrix.spread(row, &ahead, &mut turned);
        }
        let bend = products(&way, &turned, k);
        let step: Vec<f32> = old.iter().zip(&bend).map(|(old, bend)| share(*old, *bend)).collect();
        for (at, step) in step.iter().cycle().take(size).enumerate() {
            weights[at] += step * way[at];
            rest[at] -= step * turned[at];
        }
        let new = squares(&rest, k);
        for (at, (new, old)) in new.iter().zip(&old).cycle().take(size).enumerate() {
            way[at] = rest[at] + share(*new, *old) * way[at];
        }
        old = new;
    }
    weights
}

fn share(a: f64, b: f64) -> f32 {
    if b > 0.0 { (a / b) as f32 } else { 0.0 }
}

fn squares(values: &[f32], k: usize) -> Vec<f64> {
    products(values, values, k)
}

fn products(a: &[f32], b: &[f32], k: usize) -> Vec<f64> {
    let mut sums = vec![0.0f64; k];
    for (a, b) in a.chunks_exact(k).zip(b.chunks_exact(k)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += f64::from(a * b);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::{Matrix, ridge};

    #[test]
    fn two_targets_are_solved_as_by_hand() {
        let mut matrix = Matrix::new(2);
        matrix.push([(0, 1.0)].into_iter());
        matrix.push([(1, 2.0)].into_iter());
        matrix.push([(0, 1.0), (1, 2.0)].into_iter());
        // Without penalty: w = (1, 2) and (0, 1).
        let weights = ridge(&matrix, &[0, 1, 2], &[1.0, 0.0, 4.0, 2.0, 5.0, 2.0], 2, 0.0, 20);
        for (found, real) in weights.iter().zip([1.0, 0.0, 2.0, 1.0]) {
            assert!((found - real).abs() < 1e-4, "{weights:?}");
        }
        let small = ridge(&matrix, &[0, 1, 2], &[1.0, 0.0, 4.0, 2.0, 5.0, 2.0], 2, 100.0, 20);
        assert!(small[2] > 0.0 && small[2] < 0.5);
    }
}
