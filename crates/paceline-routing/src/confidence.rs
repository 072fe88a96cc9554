//! How likely the chosen candidate has the best realised score.
//!
//! A realised score is the weighted sum of a latency score and a cost score, which are about normal because time and
//! tokens are about log-normal, and of quality, which is often a coin: right or wrong. Quality is taken as two values with
//! the mean and spread that are expected (a coin, where the spread is a coin's), the rest as normal; candidates are
//! independent. The probability is then one integral over the chosen one's score.

use paceline_types::decision::{Decision, Scored, Weights};

/// Points of the integral over each normal.
const POINTS: usize = 24;

/// One candidate's realised score: two normals, with their chances.
struct Mixture {
    parts: [(f64, f64); 2],
    spread: f64,
}

impl Mixture {
    fn new(one: &Scored, weights: &Weights) -> Self {
        let [latency, quality, cost] = one.spread.map(f64::from);
        let (wl, wq, wc) = (f64::from(weights.latency), f64::from(weights.quality), f64::from(weights.cost));
        let p = f64::from(one.quality).clamp(1e-6, 1.0 - 1e-6);
        let rest = f64::from(one.score) - wq * f64::from(one.quality);
        let (up, down) = (quality * ((1.0 - p) / p).sqrt(), quality * (p / (1.0 - p)).sqrt());
        let spread = (wl * latency).hypot(wc * cost).max(1e-4);
        let mean = f64::from(one.quality);
        Self { parts: [(p, rest + wq * (mean + up)), (1.0 - p, rest + wq * (mean - down))], spread }
    }

    /// How likely it lies below `x`.
    fn below(&self, x: f64) -> f64 {
        self.parts.iter().map(|(chance, mean)| chance * normal_cdf((x - mean) / self.spread)).sum()
    }
}

/// The standard normal's distribution function: Abramowitz and Stegun 7.1.26, to 1.5 · 10⁻⁷.
fn normal_cdf(x: f64) -> f64 {
    let z = (x.abs() / std::f64::consts::SQRT_2).min(10.0);
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly = ((((1.061_405_429 * t - 1.453_152_027) * t + 1.421_413_741) * t - 0.284_496_736) * t
        + 0.254_829_592)
        * t;
    let tail = 0.5 * poly * (-z * z).exp();
    if x >= 0.0 { 1.0 - tail } else { tail }
}

/// The probability that the chosen candidate of `decision` has the best realised score; `None` without candidates.
pub fn confidence(decision: &Decision) -> Option<f64> {
    let taken = usize::from(decision.chosen);
    if taken >= decision.candidates.len() {
        return None;
    }
    let all: Vec<Mixture> =
        decision.candidates.iter().map(|one| Mixture::new(one, &decision.weights)).collect();
    let chosen = &all[taken];
    let mut sum = 0.0;
    let mut whole = 0.0;
    for (chance, mean) in chosen.parts {
        for point in 0..POINTS {
            let z = -4.0 + 8.0 * (point as f64 + 0.5) / POINTS as f64;
            let density = (-z * z / 2.0).exp() * chance;
            let x = mean + z * chosen.spread;
            let others = all.iter().enumerate().filter(|(at, _)| *at != taken);
            sum += density * others.map(|(_, other)| other.below(x)).product::<f64>();
            whole += density;
        }
    }
    Some((sum / whole).clamp(0.0, 1.0))
}
