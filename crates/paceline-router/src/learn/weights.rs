//! Which outcomes are known, and what each counts where others are not.
//!
//! A log knows of each prompt what one model answered. A model is then learned from its own prompts alone, each counted by how
//! unlikely it was to be asked there: so its prompts stand for all. What all weigh together is the number of prompts
//! of equal weight that would say as much (Kish's effective sample), so that a prior counts against no more than is known.

use crate::set::Set;

/// What an outcome counts in learning at most: few prompts that count for many make all else worthless.
const MOST: f32 = 10.0;

/// What each known outcome counts; all count 1 where all are known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Weights {
    width: usize,
    /// `row * width + model`; 0 where nothing is known.
    values: Vec<f32>,
}

impl Weights {
    /// Of all rows and models.
    pub fn new(set: &Set) -> Self {
        let width = set.width();
        let mut values = vec![1.0; width * set.rows.len()];
        if !set.is_whole() {
            for model in 0..width {
                let one = |row: &crate::set::Row| match (row.knows(model), row.chance) {
                    (false, _) => 0.0,
                    (true, chance) => chance.map_or(1.0, |chance| (1.0 / chance).min(MOST)),
                };
                let (sum, squares) =
                    set.rows.iter().map(one).fold((0.0f64, 0.0f64), |(sum, squares), one| {
                        (sum + f64::from(one), squares + f64::from(one * one))
                    });
                let share = if squares > 0.0 { (sum / squares) as f32 } else { 0.0 };
                for (at, row) in set.rows.iter().enumerate() {
                    values[at * width + model] = share * one(row);
                }
            }
        }
        Self { width, values }
    }

    /// What a row counts for a model; 0 where nothing is known.
    pub fn of(&self, row: usize, model: usize) -> f64 {
        self.values.get(row * self.width + model).copied().unwrap_or_default().into()
    }

    /// What these rows count together, for each model.
    pub fn sums(&self, rows: &[usize]) -> Vec<f64> {
        (0..self.width).map(|model| rows.iter().map(|&at| self.of(at, model)).sum()).collect()
    }

    /// How two models vary together, `a * width + b`, over rows that know both; nothing where none does. `rest(row, model)` is
    /// what varies.
    pub fn together(&self, rows: &[usize], rest: impl Fn(usize, usize) -> f64) -> Vec<f64> {
        let width = self.width;
        let mut together = vec![0.0; width * width];
        for a in 0..width {
            for b in 0..=a {
                let both = |at: usize| (self.of(at, a) * self.of(at, b)).sqrt();
                let n: f64 = rows.iter().map(|&at| both(at)).sum();
                if n > 0.0 {
                    let one = |&at: &usize| both(at) * rest(at, a) * rest(at, b) / n;
                    together[a * width + b] = rows.iter().map(one).sum();
                    together[b * width + a] = together[a * width + b];
                }
            }
        }
        together
    }

    /// How far a row lies along a direction, and what that counts: by the models that it knows, as far as they have part in
    /// the direction.
    pub fn along(&self, row: usize, way: &[f64], rest: impl Fn(usize) -> f64) -> (f64, f64) {
        let knows = |model: usize| self.of(row, model);
        if (0..way.len()).all(|model| (knows(model) - 1.0).abs() < f64::EPSILON) {
            return (way.iter().enumerate().map(|(model, part)| part * rest(model)).sum(), 1.0);
        }
        let (mut far, mut part, mut weight) = (0.0, 0.0, 0.0);
        for (model, along) in way.iter().enumerate().filter(|(model, _)| knows(*model) > 0.0) {
            far += along * rest(model);
            part += along * along;
            weight += along * along * knows(model);
        }
        if part > 1e-6 { (far / part, weight) } else { (0.0, 0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::Weights;
    use crate::set::{Row, Set};

    fn set(rows: &[(u64, Option<f32>)]) -> Set {
        let row = |&(unknown, chance): &(u64, Option<f32>)| Row {
            q: vec![0.5; 2],
            c: vec![1.0; 2],
            unknown,
            chance,
            ..Row::default()
        };
        Set { models: vec!["a".into(), "b".into()], rows: rows.iter().map(row).collect(), ..Set::default() }
    }

    #[test]
    fn seldom_asked_counts_more_but_all_count_no_more_than_they_say() {
        let whole = Weights::new(&set(&[(0, None), (0, Some(0.1))]));
        assert_eq!(whole.sums(&[0, 1]), [2.0, 2.0]);
        // Model `a` was asked twice, once at a chance of a fifth: it counts five times as much.
        let part = Weights::new(&set(&[(2, Some(1.0)), (2, Some(0.2)), (1, Some(0.8)), (1, None)]));
        assert!((part.of(1, 0) / part.of(0, 0) - 5.0).abs() < 1e-6 && part.of(2, 0) == 0.0);
        assert!((part.sums(&[0, 1, 2, 3])[0] - 36.0 / 26.0).abs() < 1e-6);
        let never = Weights::new(&set(&[(2, Some(1e-9)), (2, Some(1.0))]));
        assert!((never.of(0, 0) / never.of(1, 0) - 10.0).abs() < 1e-5);
    }

    #[test]
    fn what_is_not_known_says_nothing_of_a_direction() {
        let weights = Weights::new(&set(&[(0, None), (2, None), (1, None)]));
        let rest = |model: usize| [0.3, -0.2][model];
        assert!((weights.along(0, &[0.6, 0.8], rest).1 - 1.0).abs() < 1e-12);
        assert_eq!(weights.along(1, &[1.0, 0.0], rest), (0.3, 1.0));
        assert_eq!(weights.along(2, &[1.0, 0.0], rest), (0.0, 0.0));
        let together = weights.together(&[1, 2], |_, model| rest(model));
        assert_eq!((together[1], together[2]), (0.0, 0.0));
        assert!((together[0] - 0.09).abs() < 1e-12 && (together[3] - 0.04).abs() < 1e-12);
    }
}
