//! How good predictions are: the cost–quality curve and what is read from it, calibration, intervals.

pub mod bootstrap;
pub mod calibration;
pub mod crossed;
pub mod curve;
pub mod report;
pub mod svg;

pub use curve::Anchors;
pub use report::{Interval, Line, Report};

/// What is predicted for one prompt: quality 0–1 and cost in USD at each model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Forecast {
    /// Quality 0–1 at each model.
    pub q: Vec<f32>,
    /// Cost in USD at each model.
    pub c: Vec<f32>,
}

/// The model with the best `quality - price × cost`; ties go to the cheaper, then to the earlier.
/// `price` is in quality per USD; infinity means the cheapest.
pub fn choose(q: &[f32], c: &[f32], price: f64) -> usize {
    let worth = |at: usize| {
        if price.is_finite() { f64::from(q[at]) - price * f64::from(c[at]) } else { -f64::from(c[at]) }
    };
    let mut best = 0;
    for at in 1..q.len().min(c.len()) {
        let (new, old) = (worth(at), worth(best));
        if new > old || (new >= old && c[at] < c[best]) {
            best = at;
        }
    }
    best
}
