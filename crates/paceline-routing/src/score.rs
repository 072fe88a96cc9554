//! Scores from 0 to 1 on fixed anchors, and how strategies weigh them.
//!
//! | score | formula | 1 at | 0 at |
//! |---|---|---|---|
//! | latency | 1 − log₁₀(ms / 100) / 3 | 100 ms | 100 s |
//! | cost | 1 − log₁₀(usd / 0.000001) / 6 | a millionth of a dollar | a dollar, or unknown |
//! | quality | expected quality × reliability | | |
//!
//! The anchors do not depend on who else is there: a further candidate changes no other's score, and so no order.

use crate::need::{Complexity, Need};
use paceline_types::decision::{Strategy, Weights};

/// Time at which the latency score is 1, in milliseconds, and how many decades it spans.
const LATENCY: (f64, f64) = (100.0, 3.0);
/// Cost at which the cost score is 1, in US dollars, and how many decades it spans.
const COST: (f64, f64) = (1e-6, 6.0);
/// What a full wish for thought takes from the quality of a model that cannot think.
const UNTHINKING: f64 = 0.15;

/// The latency score of a time.
pub fn latency(ms: f32) -> f32 {
    on_scale(ms, const { Scale::new(LATENCY) })
}

/// The cost score of a cost; not a number: unknown.
pub fn cost(usd: f32) -> f32 {
    // What is not a number is not less than anything.
    if usd < f32::INFINITY { on_scale(usd, const { Scale::new(COST) }) } else { 0.0 }
}

/// An anchored scale, its divisions done beforehand: calls score every candidate twice.
#[derive(Clone, Copy)]
struct Scale {
    /// One by the value at which the score is 1.
    by_best: f32,
    /// What twice the value takes from the score.
    doubling: f32,
}

impl Scale {
    const fn new((best, decades): (f64, f64)) -> Self {
        Self { by_best: (1.0 / best) as f32, doubling: (std::f64::consts::LOG10_2 / decades) as f32 }
    }
}

fn on_scale(value: f32, scale: Scale) -> f32 {
    let value = if value > 1e-12 { value } else { 1e-12 };
    let score = 1.0 - log2(value * scale.by_best) * scale.doubling;
    let score = if score > 0.0 { score } else { 0.0 };
    if score < 1.0 { score } else { 1.0 }
}

/// The logarithm of a positive normal number, to 2 · 10⁻⁵: enough for a score, and in line. With s = (m − 1) / (m + 1),
/// log m = 2 (s + s³/3 + s⁵/5 + s⁷/7 + …), m being the mantissa.
fn log2(x: f32) -> f32 {
    let bits = x.to_bits();
    let exponent = (bits >> 23) as i32 - 127;
    let mantissa = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let series = s * (1.0 + square * (1.0 / 3.0 + square * (0.2 + square * (1.0 / 7.0))));
    exponent as f32 + series * (2.0 * std::f32::consts::LOG2_E)
}

/// What a standard deviation of a logarithm (natural) is in latency scores.
pub fn latency_spread(of_ln: f32) -> f32 {
    of_ln * const { (std::f64::consts::LOG10_E / LATENCY.1) as f32 }
}

/// What a standard deviation of a logarithm (natural) is in cost scores.
pub fn cost_spread(of_ln: f32) -> f32 {
    of_ln * const { (std::f64::consts::LOG10_E / COST.1) as f32 }
}

/// What is left of the quality of a model that cannot think, where thought is wanted.
pub fn unthinking(wanted: f64) -> f32 {
    (1.0 - UNTHINKING * wanted) as f32
}

/// The quality floor of a complex call whose caller names none.
pub const COMPLEX_FLOOR: f64 = 0.7;

const fn weights(latency: f32, quality: f32, cost: f32) -> Weights {
    Weights { latency, quality, cost }
}

/// The weights of a strategy; of [`Strategy::Custom`] those that the route states.
pub fn base(strategy: Strategy, custom: Weights) -> Weights {
    match strategy {
        Strategy::LowestLatency => weights(0.7, 0.2, 0.1),
        Strategy::HighestQuality => weights(0.1, 0.8, 0.1),
        Strategy::CostEffective => weights(0.2, 0.3, 0.5),
        Strategy::Balanced | Strategy::Adaptive => weights(0.33, 0.33, 0.34),
        Strategy::Custom => custom,
    }
}

/// How things stand for a route, as far as `adaptive` looks at it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// Mean expected time of the candidates, in milliseconds.
    pub usual_latency_ms: f64,
    /// Mean share of attempts that fail.
    pub errors: f64,
}

/// The weights for one call.
///
/// | what | latency | quality | cost | strategies |
/// |---|---|---|---|---|
/// | `task_complexity` simple | | −.10 | +.10 | all |
/// | `task_complexity` complex (and a quality floor of .7) | −.05 | +.15 | −.10 | all |
/// | `creativity_requirement` c | | +.10 c | | all |
/// | a latency limit below twice the usual time | +.30 | | | adaptive |
/// | `reasoning_requirement` r | | +.30 r | | adaptive |
/// | `accuracy_requirement` a | | +.20 a | | adaptive |
/// | budget used beyond its share of the period, p | | | +.40 p | adaptive |
/// | share of attempts that fail, e | | +2 e, at most +.30 | | adaptive |
///
/// Each weight is then at least .02, and all are divided by their sum.
pub fn weigh(strategy: Strategy, custom: Weights, need: &Need, standing: &Standing) -> Weights {
    let base = base(strategy, custom);
    let simple = need.complexity.is_none() && need.creativity <= 0.0;
    if simple && strategy != Strategy::Adaptive {
        return base;
    }
    let (mut latency, mut quality, mut cost) =
        (f64::from(base.latency), f64::from(base.quality), f64::from(base.cost));
    match need.complexity {
        Some(Complexity::Simple) => {
            quality -= 0.10;
            cost += 0.10;
        }
        Some(Complexity::Complex) => {
            latency -= 0.05;
            quality += 0.15;
            cost -= 0.10;
        }
        Some(Complexity::Moderate) | None => {}
    }
    quality += 0.10 * need.creativity;
    if strategy == Strategy::Adaptive {
        if need.max_latency_ms.is_some_and(|limit| limit < 2.0 * standing.usual_latency_ms) {
            latency += 0.30;
        }
        quality += 0.30 * need.reasoning + 0.20 * need.min_quality.unwrap_or(0.0);
        quality += (2.0 * standing.errors).min(0.30);
        cost += 0.40 * need.budget_pressure;
    }
    let least = |weight: f64| weight.max(0.02);
    let (latency, quality, cost) = (least(latency), least(quality), least(cost));
    let sum = latency + quality + cost;
    weights((latency / sum) as f32, (quality / sum) as f32, (cost / sum) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUSTOM: Weights = weights(0.3, 0.3, 0.4);

    #[test]
    fn scores_lie_on_their_anchors() {
        for (ms, score) in [(50.0, 1.0), (100.0, 1.0), (1000.0, 2.0 / 3.0), (1e5, 0.0), (1e7, 0.0)] {
            assert!((latency(ms) - score).abs() < 1e-4, "{ms}");
        }
        for (usd, score) in [(0.0, 1.0), (1e-6, 1.0), (0.001, 0.5), (1.0, 0.0), (9.0, 0.0)] {
            assert!((cost(usd) - score).abs() < 1e-4, "{usd}");
        }
        assert!(cost(f32::NAN).abs() < 1e-9 && cost(f32::INFINITY).abs() < 1e-9);
        assert!((latency_spread(std::f32::consts::LN_10) - 1.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn the_logarithm_is_near_enough() {
        for at in 0..100_000_u32 {
            let x = 1e-9_f32 * 1.000_5_f32.powi(at as i32 % 90_000);
            if x.is_normal() {
                assert!((log2(x) - x.log2()).abs() < 4e-5, "{x}");
            }
        }
    }

    #[test]
    fn weights_follow_the_table() {
        let standing = Standing { usual_latency_ms: 2000.0, errors: 0.1 };
        let of = |strategy, text: &str| {
            let mut need = Need::default();
            need.features(text).unwrap();
            let found = weigh(strategy, CUSTOM, &need, &standing);
            assert!((found.latency + found.quality + found.cost - 1.0).abs() < 1e-5);
            found
        };
        assert_eq!(of(Strategy::LowestLatency, ""), weights(0.7, 0.2, 0.1));
        assert_eq!(of(Strategy::HighestQuality, "latency_requirement=1"), weights(0.1, 0.8, 0.1));
        assert_eq!(of(Strategy::CostEffective, ""), weights(0.2, 0.3, 0.5));
        assert_eq!(of(Strategy::Balanced, ""), weights(0.33, 0.33, 0.34));
        assert_eq!(of(Strategy::Custom, ""), CUSTOM);
        let plain = of(Strategy::Adaptive, "");
        assert!(plain.quality > 0.4, "failing providers make quality count more: {plain:?}");
        assert!(of(Strategy::Adaptive, "latency_requirement=3").latency > plain.latency + 0.1);
        assert!(of(Strategy::Adaptive, "reasoning_requirement=1").quality > plain.quality + 0.1);
        assert!(of(Strategy::Balanced, "task_complexity=simple").cost > 0.43);
        assert!(of(Strategy::CostEffective, "task_complexity=complex").quality > 0.43);
        let need = Need { budget_pressure: 1.0, ..Need::default() };
        assert!(weigh(Strategy::Adaptive, CUSTOM, &need, &standing).cost > plain.cost + 0.1);
    }
}
