//! Distributions of times and lengths, drawn from a seeded generator.

use crate::rng::Rng;
use serde::Deserialize;

/// No draw is larger: one hour in ms, or 3.6 million tokens.
const CEILING: f64 = 3_600_000.0;

/// How a time (ms) or a length (tokens) is distributed. Draws below zero become zero.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Dist {
    /// Always the same.
    Constant {
        /// The value of every draw.
        value: f64,
    },
    /// Every value between two bounds equally often.
    Uniform {
        /// The smallest draw.
        min: f64,
        /// The largest draw.
        max: f64,
    },
    /// The bell curve.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        sd: f64,
        /// No draw is larger.
        #[serde(default)]
        max: Option<f64>,
    },
    /// Times of real services: never negative, with a long tail.
    Lognormal {
        /// Half of the draws are below it.
        median: f64,
        /// Standard deviation of the logarithm; 0.3 is calm, 1.0 is wild.
        sigma: f64,
        /// No draw is larger.
        #[serde(default)]
        max: Option<f64>,
    },
    /// Waiting times without memory.
    Exponential {
        /// Mean.
        mean: f64,
        /// No draw is larger.
        #[serde(default)]
        max: Option<f64>,
    },
}

impl Default for Dist {
    fn default() -> Self {
        Self::constant(0.0)
    }
}

impl Dist {
    /// Always `value`.
    pub const fn constant(value: f64) -> Self {
        Self::Constant { value }
    }

    /// A long-tailed distribution with this median.
    pub const fn lognormal(median: f64, sigma: f64) -> Self {
        Self::Lognormal { median, sigma, max: None }
    }

    /// A sentence that says what is wrong with the parameters, if anything is.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let all: [Option<f64>; 3] = match *self {
            Self::Constant { value } => [Some(value), None, None],
            Self::Uniform { min, max } => {
                if min > max {
                    return Some("`min` is above `max`");
                }
                [Some(min), Some(max), None]
            }
            Self::Normal { mean, sd, max } => [Some(mean), Some(sd), max],
            Self::Lognormal { median, sigma, max } => [Some(median), Some(sigma), max],
            Self::Exponential { mean, max } => [Some(mean), max, None],
        };
        let fine = all.into_iter().flatten().all(|x| x.is_finite() && (0.0..=CEILING).contains(&x));
        (!fine).then_some("every parameter must be between 0 and 3600000")
    }

    pub(crate) fn draw(&self, rng: &mut Rng) -> f64 {
        let (value, max) = match *self {
            Self::Constant { value } => (value, None),
            Self::Uniform { min, max } => ((max - min).mul_add(rng.unit(), min), None),
            Self::Normal { mean, sd, max } => (sd.mul_add(rng.normal(), mean), max),
            Self::Lognormal { median, sigma, max } => (median * (sigma * rng.normal()).exp(), max),
            Self::Exponential { mean, max } => (-mean * (1.0 - rng.unit()).ln(), max),
        };
        value.clamp(0.0, max.unwrap_or(CEILING).min(CEILING))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn median(dist: Dist) -> f64 {
        let mut rng = Rng::new(11);
        let mut draws: Vec<f64> = (0..10_001).map(|_| dist.draw(&mut rng)).collect();
        draws.sort_by(f64::total_cmp);
        draws[5_000]
    }

    #[test]
    fn medians_are_where_the_parameters_put_them() {
        let near = |dist, expected: f64| {
            let found = median(dist);
            assert!((found - expected).abs() < expected * 0.05, "{dist:?}: {found}, not {expected}");
        };
        near(Dist::constant(40.0), 40.0);
        near(Dist::Uniform { min: 10.0, max: 30.0 }, 20.0);
        near(Dist::Normal { mean: 100.0, sd: 20.0, max: None }, 100.0);
        near(Dist::lognormal(250.0, 0.5), 250.0);
        near(Dist::Exponential { mean: 100.0, max: None }, 69.3);
    }

    #[test]
    fn draws_stay_in_bounds() {
        let mut rng = Rng::new(5);
        let dist = Dist::Normal { mean: 5.0, sd: 50.0, max: Some(20.0) };
        assert!((0..1_000).map(|_| dist.draw(&mut rng)).all(|x| (0.0..=20.0).contains(&x)));
    }

    #[test]
    fn wrong_parameters_are_named() {
        assert!(Dist::constant(-1.0).problem().is_some());
        assert!(Dist::Uniform { min: 2.0, max: 1.0 }.problem().is_some());
        assert!(Dist::lognormal(f64::NAN, 0.1).problem().is_some());
        assert!(Dist::lognormal(10.0, 0.1).problem().is_none());
    }

    #[test]
    fn configuration_reads_as_written() {
        let read = |text: &str| toml::from_str::<Dist>(text);
        let dist = read("kind = \"lognormal\"\nmedian = 220\nsigma = 0.4").unwrap();
        assert_eq!(dist, Dist::lognormal(220.0, 0.4));
        let error = read("kind = \"constant\"\nvalue = 1\nmedain = 2").unwrap_err();
        assert!(error.to_string().contains("medain"), "{error}");
    }
}
