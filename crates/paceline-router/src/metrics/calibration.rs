//! Whether a predicted quality of .7 comes true seven times in ten, and whether it tells good from bad.

use super::Forecast;
use crate::set::Row;

/// Bins of equal width between 0 and 1.
const BINS: usize = 10;

/// Expected calibration error: distance of predicted and real mean quality in ten bins of equal width, weighted by
/// their rows and what these count, mean over the models (Naeini, Cooper, Hauskrecht 2015, with quality in place of accuracy).
pub fn ece(rows: &[Row], forecasts: &[Forecast]) -> f64 {
    let width = rows.first().map_or(0, |row| row.q.len());
    let one = |model: usize| {
        let mut bins = [(0.0f64, 0.0f64); BINS];
        let mut all = 0.0;
        for (row, forecast) in rows.iter().zip(forecasts) {
            let (predicted, weight) = (f64::from(forecast.q[model]), f64::from(row.judges(model)));
            let bin = &mut bins[((predicted * BINS as f64) as usize).min(BINS - 1)];
            bin.0 += weight * predicted;
            bin.1 += weight * f64::from(row.q[model]);
            all += weight;
        }
        bins.iter().map(|(predicted, real)| (predicted - real).abs()).sum::<f64>() / f64::max(all, 1.0)
    };
    (0..width).map(one).sum::<f64>() / width.max(1) as f64
}

/// Area under the ROC curve (a good answer is one of quality above .5), mean over the models that have both;
/// ties count half (Mann and Whitney). `None` where no model has both.
pub fn auc(rows: &[Row], forecasts: &[Forecast]) -> Option<f64> {
    let width = rows.first().map_or(0, |row| row.q.len());
    let areas: Vec<f64> = (0..width)
        .filter_map(|model| {
            let known = rows.iter().zip(forecasts).filter(|(row, _)| row.knows(model));
            let pairs = known.map(|(row, f)| (f.q[model], row.q[model] > 0.5));
            area(pairs.collect())
        })
        .collect();
    (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
}

fn area(mut pairs: Vec<(f32, bool)>) -> Option<f64> {
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let good = pairs.iter().filter(|pair| pair.1).count();
    let bad = pairs.len() - good;
    if good == 0 || bad == 0 {
        return None;
    }
    let (mut ranks, mut seen) = (0.0, 0usize);
    for equal in pairs.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let rank = seen as f64 + (equal.len() + 1) as f64 / 2.0;
        ranks += rank * equal.iter().filter(|pair| pair.1).count() as f64;
        seen += equal.len();
    }
    Some((ranks - (good * (good + 1)) as f64 / 2.0) / (good * bad) as f64)
}

#[cfg(test)]
mod tests {
    use super::{area, auc, ece};
    use crate::metrics::Forecast;
    use crate::set::Row;

    fn rows(outcomes: &[f32]) -> Vec<Row> {
        outcomes.iter().map(|&q| Row { q: vec![q], c: vec![0.0], ..Row::default() }).collect()
    }

    fn forecasts(values: &[f32]) -> Vec<Forecast> {
        values.iter().map(|&q| Forecast { q: vec![q], c: vec![0.0] }).collect()
    }

    #[test]
    fn honest_predictions_have_no_error() {
        let real = rows(&[1.0, 0.0, 1.0, 1.0]);
        assert!(ece(&real, &forecasts(&[0.75; 4])) < 1e-6);
        assert!((ece(&real, &forecasts(&[0.25; 4])) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn order_is_judged_and_ties_count_half() {
        assert_eq!(area(vec![(0.1, false), (0.9, true)]), Some(1.0));
        assert_eq!(area(vec![(0.9, false), (0.1, true)]), Some(0.0));
        assert_eq!(area(vec![(0.5, false), (0.5, true)]), Some(0.5));
        assert_eq!(auc(&rows(&[1.0, 1.0]), &forecasts(&[0.5, 0.5])), None);
    }
}
