//! Intervals: the same figures over rows drawn again, with seeded dice (Efron's bootstrap).

use crate::dice::Dice;

/// How often each row is drawn when as many rows are drawn as there are, with repetition.
pub fn weights(rows: usize, dice: &mut Dice) -> Vec<f32> {
    let mut weights = vec![0.0; rows];
    for _ in 0..rows {
        weights[dice.below(rows)] += 1.0;
    }
    weights
}

/// The value below which a share of the values lies (nearest rank); `None` of nothing.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1).min(sorted.len().saturating_sub(1))).copied()
}

/// Mean and standard deviation of values (with n - 1).
pub fn spread(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n.max(1.0);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::{quantile, spread, weights};
    use crate::dice::Dice;

    #[test]
    fn draws_keep_the_number_of_rows() {
        let drawn = weights(100, &mut Dice::new(1));
        assert!((drawn.iter().sum::<f32>() - 100.0).abs() < 1e-3);
        assert!(drawn.contains(&0.0));
        assert!(weights(0, &mut Dice::new(1)).is_empty());
    }

    #[test]
    fn quantiles_and_spread_by_hand() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(quantile(&values, 0.5), Some(2.0));
        assert_eq!((quantile(&values, 0.0), quantile(&values, 1.0)), (Some(1.0), Some(4.0)));
        assert_eq!(quantile(&[], 0.5), None);
        let (mean, deviation) = spread(&values);
        assert!((mean - 2.5).abs() < 1e-12 && (deviation - 1.2909944).abs() < 1e-6);
    }
}
