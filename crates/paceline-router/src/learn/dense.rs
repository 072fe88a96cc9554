//! Small dense problems: linear systems, ridge and logistic regression with a prior.

/// Solves `a x = b` for a symmetric positive definite `a` of `n` rows (Cholesky); tiny pivots are raised.
pub fn solve(mut a: Vec<f64>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let rest = a[i * n + j] - dot;
            a[i * n + j] = if i == j { rest.max(1e-12).sqrt() } else { rest / a[j * n + j] };
        }
    }
    for i in 0..n {
        let dot: f64 = (0..i).map(|k| a[i * n + k] * b[k]).sum();
        b[i] = (b[i] - dot) / a[i * n + i];
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|k| a[k * n + i] * b[k]).sum();
        b[i] = (b[i] - dot) / a[i * n + i];
    }
    b
}

/// Rows of equal width, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    /// All values.
    pub values: &'a [f32],
    /// Values a row.
    pub width: usize,
}

impl<'a> Table<'a> {
    /// A row.
    pub fn row(&self, at: usize) -> &'a [f32] {
        &self.values[at * self.width..(at + 1) * self.width]
    }

    /// `Σ weight · row row'` and `Σ amount · row`.
    fn sums(&self, rows: &[usize], each: impl Fn(usize, usize) -> (f64, f64)) -> (Vec<f64>, Vec<f64>) {
        let n = self.width;
        let (mut square, mut line) = (vec![0.0; n * n], vec![0.0; n]);
        let mut row = vec![0.0; n];
        for (place, &at) in rows.iter().enumerate() {
            row.iter_mut().zip(self.row(at)).for_each(|(to, from)| *to = f64::from(*from));
            let (weight, amount) = each(place, at);
            for (i, square) in square.chunks_exact_mut(n).enumerate() {
                line[i] += amount * row[i];
                let scaled = weight * row[i];
                square[..=i].iter_mut().zip(&row).for_each(|(sum, value)| *sum += scaled * value);
            }
        }
        for i in 0..n {
            for j in 0..i {
                square[j * n + i] = square[i * n + j];
            }
        }
        (square, line)
    }
}

/// Linear weights near `prior`: minimises `Σ weight (target - row w)² + Σ penalty (w - prior)²`. `target` says what is to be
/// predicted of a row and what that counts.
pub fn ridge(
    table: Table<'_>,
    rows: &[usize],
    target: impl Fn(usize) -> (f64, f64),
    prior: &[f64],
    penalty: &[f64],
) -> Vec<f64> {
    let (mut square, mut line) = table.sums(rows, |_, at| {
        let (target, weight) = target(at);
        (weight, weight * target)
    });
    for i in 0..table.width {
        square[i * table.width + i] += penalty[i] + 1e-9;
        line[i] += penalty[i] * prior[i];
    }
    solve(square, line)
}

/// Logistic weights near `prior`, for targets between 0 and 1 (Newton's steps on the quasi-binomial likelihood). `target` says
/// what is to be predicted of a row and what that counts.
pub fn logistic(
    table: Table<'_>,
    rows: &[usize],
    target: impl Fn(usize) -> (f64, f64),
    prior: &[f64],
    penalty: &[f64],
) -> Vec<f64> {
    let n = table.width;
    let mut weights = prior.to_vec();
    for _ in 0..8 {
        let slopes: Vec<(f64, f64)> = rows
            .iter()
            .map(|&at| {
                let p = sigmoid(dot(table.row(at), &weights));
                let (target, weight) = target(at);
                (weight * (p * (1.0 - p)).max(1e-4), weight * (target - p))
            })
            .collect();
        let (mut square, mut line) = table.sums(rows, |place, _| slopes[place]);
        for i in 0..n {
            square[i * n + i] += penalty[i] + 1e-9;
            line[i] -= penalty[i] * (weights[i] - prior[i]);
        }
        let step = solve(square, line);
        let size = step.iter().map(|step| step.abs()).fold(0.0, f64::max);
        let damp = if size > 4.0 { 4.0 / size } else { 1.0 };
        for (weight, step) in weights.iter_mut().zip(&step) {
            *weight += damp * step;
        }
        if size < 1e-4 {
            break;
        }
    }
    weights
}

/// `row · weights`.
pub fn dot(row: &[f32], weights: &[f64]) -> f64 {
    row.iter().zip(weights).map(|(value, weight)| f64::from(*value) * weight).sum()
}

/// The logistic function.
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Its inverse, of a probability kept within .005 and .995.
pub fn logit(p: f64) -> f64 {
    let p = p.clamp(0.005, 0.995);
    (p / (1.0 - p)).ln()
}

/// The strongest directions of a symmetric matrix of `n` rows, as unit vectors with their eigenvalues
/// (Jacobi's rotations, strongest first).
pub fn directions(mut a: Vec<f64>, n: usize) -> Vec<(f64, Vec<f64>)> {
    let mut v = vec![0.0; n * n];
    (0..n).for_each(|i| v[i * n + i] = 1.0);
    for _ in 0..30 {
        for p in 0..n {
            for q in p + 1..n {
                if a[p * n + q].abs() > 1e-14 {
                    rotate(&mut a, &mut v, n, p, q);
                }
            }
        }
    }
    let mut found: Vec<(f64, Vec<f64>)> =
        (0..n).map(|i| (a[i * n + i], (0..n).map(|k| v[k * n + i]).collect())).collect();
    found.sort_by(|one, two| two.0.total_cmp(&one.0));
    found
}

#[expect(clippy::many_single_char_names, reason = "named as in the books on this method")]
fn rotate(a: &mut [f64], v: &mut [f64], n: usize, p: usize, q: usize) {
    let turn = (a[q * n + q] - a[p * n + p]) / (2.0 * a[p * n + q]);
    let tan = turn.signum() / (turn.abs() + (turn * turn + 1.0).sqrt());
    let tan = if turn == 0.0 { 1.0 } else { tan };
    let cos = 1.0 / (tan * tan + 1.0).sqrt();
    let sin = tan * cos;
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        (a[k * n + p], a[k * n + q]) = (cos * x - sin * y, sin * x + cos * y);
    }
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        (a[p * n + k], a[q * n + k]) = (cos * x - sin * y, sin * x + cos * y);
        let (x, y) = (v[k * n + p], v[k * n + q]);
        (v[k * n + p], v[k * n + q]) = (cos * x - sin * y, sin * x + cos * y);
    }
}

#[cfg(test)]
mod tests {
    use super::{Table, directions, dot, logistic, logit, ridge, sigmoid, solve};

    #[test]
    fn systems_and_directions_by_hand() {
        let x = solve(vec![4.0, 2.0, 2.0, 3.0], vec![8.0, 7.0]);
        assert!((x[0] - 1.25).abs() < 1e-9 && (x[1] - 1.5).abs() < 1e-9);
        let found = directions(vec![2.0, 1.0, 1.0, 2.0], 2);
        assert!((found[0].0 - 3.0).abs() < 1e-9 && (found[1].0 - 1.0).abs() < 1e-9);
        assert!((found[0].1[0] - found[0].1[1]).abs() < 1e-9);
    }

    #[test]
    fn regressions_find_the_line_and_stay_near_their_prior() {
        let values: Vec<f32> = (0..50).flat_map(|at| [1.0, at as f32 / 25.0 - 1.0]).collect();
        let table = Table { values: &values, width: 2 };
        let rows: Vec<usize> = (0..50).collect();
        let line = |at: usize| dot(table.row(at), &[0.3, 0.5]);
        let found = ridge(table, &rows, |at| (line(at), 1.0), &[0.0; 2], &[0.0; 2]);
        assert!((found[0] - 0.3).abs() < 1e-6 && (found[1] - 0.5).abs() < 1e-6);
        let found = logistic(table, &rows, |at| (sigmoid(line(at)), 1.0), &[0.0; 2], &[0.0; 2]);
        assert!((found[0] - 0.3).abs() < 1e-4 && (found[1] - 0.5).abs() < 1e-4);
        let near = logistic(table, &rows, |at| (sigmoid(line(at)), 1.0), &[1.0, 1.0], &[1e9; 2]);
        assert!((near[0] - 1.0).abs() < 1e-4);
        // What counts nothing may say what it likes.
        let mixed = |at: usize| if at.is_multiple_of(2) { (line(at), 2.0) } else { (9.0, 0.0) };
        let found = ridge(table, &rows, mixed, &[0.0; 2], &[0.0; 2]);
        assert!((found[0] - 0.3).abs() < 1e-6 && (found[1] - 0.5).abs() < 1e-6);
        assert!((sigmoid(logit(0.2)) - 0.2).abs() < 1e-9);
    }
}
