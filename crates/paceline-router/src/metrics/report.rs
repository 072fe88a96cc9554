//! The figures of a router on a set, beside what needs no router: no-look, random mix and oracle.

use super::curve::{Anchors, Point, aiq, apgr, cost_at, hull, reachable};
use super::{Forecast, bootstrap, calibration, choose};
use crate::dice::Dice;
use crate::set::{Row, Set};

/// Steps between the prices of quality that the curve is samples with.
const STEPS: usize = 160;

/// A figure with the 5 % and 95 % quantiles of its bootstrap.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Interval {
    /// The figure on all rows.
    pub value: Option<f64>,
    /// What 5 % of the draws stay below.
    pub low: Option<f64>,
    /// What 95 % of the draws stay below.
    pub high: Option<f64>,
}

/// The figures of one way to choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// `router`, `no_look`, `random_mix` or `oracle`.
    pub name: String,
    /// Mean height of the curve.
    pub aiq: Interval,
    /// The same as a share of the gap between cheapest and strongest.
    pub apgr: Interval,
    /// Cost at 95, 99 and 100 % of the strongest model's quality, as a share of that model's cost.
    pub cost_at: [Interval; 3],
    /// The curve: mean cost in USD, mean quality.
    pub hull: Vec<Point>,
}

/// All figures of a router on a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The set's name.
    pub set: String,
    /// How many rows.
    pub rows: usize,
    /// The cheapest and the strongest model.
    pub anchors: Anchors,
    /// Each model's name, mean cost in USD and mean quality.
    pub singles: Vec<(String, Point)>,
    /// The router, no-look, random mix, and the oracle where all outcomes are known.
    pub lines: Vec<Line>,
    /// Expected calibration error of the router's quality.
    pub ece: f64,
    /// How well its quality tells good from bad answers, .5 is chance.
    pub auc: Option<f64>,
    /// AIQ of the router less AIQ of no-look, with the bootstrap's standard error of that difference.
    pub gain: (f64, f64),
}

/// Which outcomes each price of quality would have had, row by row.
pub(super) struct Sweep {
    /// Per price: the chosen (cost, quality) of each row, and what it counts.
    chosen: Vec<Vec<(f32, f32, f32)>>,
}

impl Sweep {
    pub(super) fn new<'a>(set: &'a Set, span: f64, q: impl Fn(usize) -> (&'a [f32], &'a [f32])) -> Self {
        let mut prices: Vec<f64> = vec![0.0];
        let scale = if span > 0.0 { span } else { 1.0 };
        prices.extend((0..=STEPS).map(|step| 10f64.powf(-3.0 + 7.0 * step as f64 / STEPS as f64) / scale));
        prices.push(f64::INFINITY);
        let one = |price: f64| {
            let rows = set.rows.iter().enumerate().map(|(at, row)| {
                let (q, c) = q(at);
                let model = choose(q, c, price);
                (row.c[model], row.q[model], row.judges(model))
            });
            rows.collect()
        };
        Self { chosen: prices.into_iter().map(one).collect() }
    }

    /// Each model alone.
    pub(super) fn singles(set: &Set) -> Self {
        let known = |row: &Row, model: usize| (row.c[model], row.q[model], row.judges(model));
        let one = |model: usize| set.rows.iter().map(|row| known(row, model)).collect();
        Self { chosen: (0..set.width()).map(one).collect() }
    }

    /// What each comes to, of the rows where it is known (self-normalised importance weighting); `None` where it is of no row.
    pub(super) fn points(&self, weights: &[f32]) -> Vec<Option<Point>> {
        let mean = |rows: &Vec<(f32, f32, f32)>| {
            let sum = rows.iter().zip(weights).fold((0.0, 0.0, 0.0), |sum, (row, &weight)| {
                let weight = f64::from(weight) * f64::from(row.2);
                (sum.0 + weight * f64::from(row.0), sum.1 + weight * f64::from(row.1), sum.2 + weight)
            });
            (sum.2 > 0.0).then(|| (sum.0 / sum.2, sum.1 / sum.2))
        };
        self.chosen.iter().map(mean).collect()
    }
}

/// One draw's figures of one line: AIQ, APGR, costs.
type Figures = [Option<f64>; 5];

fn figures(hull: &[Point], anchors: &Anchors) -> Figures {
    let aiq = aiq(hull, anchors);
    let cost = |share: f64| cost_at(hull, share * anchors.strong.1).map(|cost| cost / anchors.strong.0);
    [Some(aiq), apgr(aiq, anchors), cost(0.95), cost(0.99), cost(1.0)]
}

const NAMES: [&str; 4] = ["router", "no_look", "random_mix", "oracle"];

/// The four hulls for some weights of the rows.
fn hulls(sweeps: &[Sweep; 3], weights: &[f32]) -> Option<(Anchors, [Vec<Point>; 4])> {
    let points = |sweep: &Sweep| -> Vec<Point> { sweep.points(weights).into_iter().flatten().collect() };
    let singles = points(&sweeps[1]);
    let anchors = Anchors::of(&singles)?;
    let router = reachable(&points(&sweeps[0]), &anchors);
    let mix = hull(&[anchors.cheap, anchors.strong]);
    let oracle = reachable(&points(&sweeps[2]), &anchors);
    Some((anchors, [router, hull(&singles), mix, oracle]))
}

impl Report {
    /// Judges forecasts, one for each row of the set. `draws` rows-samples-again give the intervals.
    pub fn new(set: &Set, forecasts: &[Forecast], draws: usize, seed: u64) -> Result<Self, String> {
        if forecasts.len() != set.rows.len() || set.rows.is_empty() {
            return Err(format!("{} forecasts for {} rows", forecasts.len(), set.rows.len()));
        }
        if forecasts.iter().any(|f| f.q.len() != set.width() || f.c.len() != set.width()) {
            return Err(format!("a forecast has not {} models", set.width()));
        }
        let singles = Sweep::singles(set);
        let all = vec![1.0; set.rows.len()];
        let points: Option<Vec<Point>> = singles.points(&all).into_iter().collect();
        let points = points.ok_or("of a model nothing is known that it could be judged by")?;
        let span = Anchors::of(&points).map_or(0.0, |anchors| anchors.span());
        let router = Sweep::new(set, span, |at| (&forecasts[at].q, &forecasts[at].c));
        let oracle = Sweep::new(set, span, |at| (&set.rows[at].q, &set.rows[at].c));
        let sweeps = [router, singles, oracle];
        let (anchors, curves) = hulls(&sweeps, &all).ok_or("a set without models")?;
        let (samples, gains) = draw(&sweeps, set.rows.len(), draws, seed);
        let gain = aiq(&curves[0], &anchors) - aiq(&curves[1], &anchors);
        // Nobody can know what is not known: such a set has no oracle.
        let shown = if set.is_whole() { NAMES.len() } else { NAMES.len() - 1 };
        let lines = curves.into_iter().enumerate().take(shown).map(|(at, hull)| {
            let real = figures(&hull, &anchors);
            let interval = |figure: usize| {
                let values: Vec<f64> = samples[at].iter().filter_map(|figures| figures[figure]).collect();
                // A quality that a twentieth of the draws never reach has no upper bound of its cost.
                let bounded = values.len() * 20 >= samples[at].len() * 19;
                Interval {
                    value: real[figure],
                    low: bootstrap::quantile(&values, 0.05),
                    high: bootstrap::quantile(&values, 0.95).filter(|_| bounded),
                }
            };
            Line {
                name: NAMES[at].to_owned(),
                aiq: interval(0),
                apgr: interval(1),
                cost_at: [interval(2), interval(3), interval(4)],
                hull,
            }
        });
        Ok(Self {
            set: set.name.clone(),
            rows: set.rows.len(),
            anchors,
            singles: set.models.iter().cloned().zip(points).collect(),
            lines: lines.collect(),
            ece: calibration::ece(&set.rows, forecasts),
            auc: calibration::auc(&set.rows, forecasts),
            gain: (gain, bootstrap::spread(&gains).1),
        })
    }

    /// The line of this name.
    pub fn line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == name)
    }
}

/// Figures of each line for each draw, and the gain in AIQ over no-look for each draw.
fn draw(sweeps: &[Sweep; 3], rows: usize, draws: usize, seed: u64) -> ([Vec<Figures>; 4], Vec<f64>) {
    let mut dice = Dice::new(seed);
    let mut samples: [Vec<Figures>; 4] = Default::default();
    let mut gains = Vec::new();
    for _ in 0..draws {
        let weights = bootstrap::weights(rows, &mut dice);
        let Some((anchors, curves)) = hulls(sweeps, &weights) else { continue };
        for (figures_of, curve) in samples.iter_mut().zip(&curves) {
            figures_of.push(figures(curve, &anchors));
        }
        gains.push(aiq(&curves[0], &anchors) - aiq(&curves[1], &anchors));
    }
    (samples, gains)
}

#[cfg(test)]
mod tests {
    use super::Report;
    use crate::metrics::Forecast;
    use crate::set::{Row, Set};

    /// Half of the prompts are easy for both models, half only for the strong one.
    fn set() -> Set {
        let row = |at: usize| Row {
            id: at.to_string(),
            q: vec![if at.is_multiple_of(2) { 1.0 } else { 0.0 }, 1.0],
            c: vec![1.0, 11.0],
            ..Row::default()
        };
        Set {
            name: "s".into(),
            models: vec!["a".into(), "b".into()],
            rows: (0..100).map(row).collect(),
            moved: 0,
        }
    }

    #[test]
    fn a_router_that_knows_all_is_the_oracle() {
        let set = set();
        let known: Vec<Forecast> =
            set.rows.iter().map(|row| Forecast { q: row.q.clone(), c: row.c.clone() }).collect();
        let report = Report::new(&set, &known, 50, 1).unwrap();
        assert_eq!(report.lines[0].aiq, report.lines[3].aiq);
        assert!((report.line("no_look").unwrap().aiq.value.unwrap() - 0.75).abs() < 1e-9);
        assert!((report.lines[0].cost_at[2].value.unwrap() - 6.0 / 11.0).abs() < 1e-6);
        assert!((report.lines[0].aiq.value.unwrap() - 0.875).abs() < 1e-9);
        assert!(report.gain.0 > report.gain.1 && report.ece < 1e-6);
        let (low, high) = (report.lines[0].cost_at[2].low.unwrap(), report.lines[0].cost_at[2].high.unwrap());
        assert!(low < 6.0 / 11.0 && high > 6.0 / 11.0);
    }

    #[test]
    fn a_router_that_knows_nothing_is_no_look() {
        let set = set();
        let flat = vec![Forecast { q: vec![0.5, 1.0], c: vec![1.0, 11.0] }; 100];
        let report = Report::new(&set, &flat, 20, 1).unwrap();
        assert!(report.gain.0.abs() < 1e-9);
        assert_eq!(report, Report::new(&set, &flat, 20, 1).unwrap());
        assert!(Report::new(&set, &flat[1..], 20, 1).is_err());
    }
}
