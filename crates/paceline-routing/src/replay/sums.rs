//! Means and their intervals over a long row of calls, in bounded memory.
//!
//! Every figure is a sum by another. Sums are kept for at most [`MAX_BATCHES`] batches of consecutive calls: when there are
//! more, neighbours are put together. An interval is the jackknife's, leaving out one batch at a time: it holds for ratios,
//! and, where batches are long, for calls that resemble their neighbours.

/// So many batches are kept at most, and half as many at least once there were so many calls.
const MAX_BATCHES: usize = 128;
/// Fewer batches have no interval.
const MIN_BATCHES: usize = 8;
/// The 95th percentile of the normal distribution: intervals hold 90 %.
const Z: f64 = 1.644_853_627;

/// A sum, and what it is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Part {
    pub(super) sum: f64,
    pub(super) of: f64,
}

impl Part {
    pub(super) fn add(&mut self, sum: f64, of: f64) {
        self.sum += sum;
        self.of += of;
    }

    /// A value where there is one.
    pub(super) fn count(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.add(value, 1.0);
        }
    }

    /// `None` where there is nothing to divide by.
    pub(super) fn ratio(self) -> Option<f64> {
        (self.of.abs() > 1e-12).then(|| self.sum / self.of)
    }
}

/// So many parts of one batch.
pub(super) type Sums<const N: usize> = [Part; N];

fn add<const N: usize>(to: &mut Sums<N>, from: &Sums<N>, sign: f64) {
    for (to, from) in to.iter_mut().zip(from) {
        to.add(sign * from.sum, sign * from.of);
    }
}

/// A figure with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// Where it lies with 90 %; `None` with too few calls to tell.
    pub range: Option<(f64, f64)>,
}

impl Figure {
    /// The same, its interval cut where the truth cannot be.
    pub(super) fn within(self, (low, high): (f64, f64)) -> Self {
        let cut = |(from, to): (f64, f64)| (from.clamp(low, high), to.clamp(low, high));
        Self { range: self.range.map(cut), ..self }
    }

    /// How wide its interval is.
    pub(super) fn width(&self) -> f64 {
        self.range.map_or(f64::INFINITY, |(low, high)| high - low)
    }
}

/// Sums by batches of consecutive calls.
#[derive(Debug)]
pub(super) struct Batches<const N: usize> {
    full: Vec<Sums<N>>,
    open: Sums<N>,
    in_open: u64,
    calls_each: u64,
}

impl<const N: usize> Default for Batches<N> {
    fn default() -> Self {
        Self { full: Vec::new(), open: [Part::default(); N], in_open: 0, calls_each: 1 }
    }
}

impl<const N: usize> Batches<N> {
    /// Takes in one call.
    pub(super) fn call(&mut self, add_to: impl FnOnce(&mut Sums<N>)) {
        add_to(&mut self.open);
        self.in_open += 1;
        if self.in_open < self.calls_each {
            return;
        }
        self.full.push(std::mem::replace(&mut self.open, [Part::default(); N]));
        self.in_open = 0;
        if self.full.len() < MAX_BATCHES {
            return;
        }
        self.calls_each *= 2;
        let joined = self.full.chunks(2).map(|pair| {
            let mut sums = [Part::default(); N];
            for one in pair {
                add(&mut sums, one, 1.0);
            }
            sums
        });
        self.full = joined.collect();
    }

    /// Sums of all calls.
    pub(super) fn total(&self) -> Sums<N> {
        let mut total = self.open;
        self.full.iter().for_each(|one| add(&mut total, one, 1.0));
        total
    }

    /// A figure of the sums and its interval; `None` where it has no value.
    pub(super) fn figure(&self, of: impl Fn(&Sums<N>) -> Option<f64>) -> Option<Figure> {
        let total = self.total();
        let value = of(&total)?;
        let open = (self.in_open > 0).then_some(&self.open);
        let without = self.full.iter().chain(open).filter_map(|batch| {
            let mut rest = total;
            add(&mut rest, batch, -1.0);
            of(&rest)
        });
        let without: Vec<f64> = without.collect();
        let count = without.len() as f64;
        if without.len() < MIN_BATCHES {
            return Some(Figure { value, range: None });
        }
        let mean = without.iter().sum::<f64>() / count;
        let squares: f64 = without.iter().map(|one| (one - mean) * (one - mean)).sum();
        let half = students(count - 1.0) * (squares * (count - 1.0) / count).sqrt();
        Some(Figure { value, range: Some((value - half, value + half)) })
    }
}

/// The 95th percentile of Student's distribution, by its first two terms in 1/ν (Abramowitz and Stegun 26.7.5).
fn students(freedom: f64) -> f64 {
    let first = (Z.powi(3) + Z) / 4.0;
    let second = (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / 96.0;
    Z + first / freedom + second / (freedom * freedom)
}

#[cfg(test)]
mod tests {
    use super::{Batches, MAX_BATCHES, students};

    #[test]
    fn batches_are_bounded_and_lose_nothing() {
        let mut batches = Batches::<1>::default();
        for call in 0..100_000 {
            batches.call(|sums| sums[0].add(f64::from(call % 10), 1.0));
            assert!(batches.full.len() < MAX_BATCHES);
        }
        let total = batches.total()[0];
        assert_eq!((total.sum, total.of), (450_000.0, 100_000.0));
        let figure = batches.figure(|sums| sums[0].ratio()).unwrap();
        let (low, high) = figure.range.unwrap();
        assert!((figure.value - 4.5).abs() < 1e-9 && low <= 4.5 && high >= 4.5, "{figure:?}");
    }

    #[test]
    fn a_handful_has_no_interval() {
        let mut batches = Batches::<1>::default();
        assert_eq!(batches.figure(|sums| sums[0].ratio()), None);
        (0..5).for_each(|_| batches.call(|sums| sums[0].add(1.0, 1.0)));
        assert_eq!(batches.figure(|sums| sums[0].ratio()).unwrap().range, None);
    }

    #[test]
    fn the_mean_of_what_is_independent_has_its_usual_interval() {
        let mut batches = Batches::<1>::default();
        (0..100_u32).for_each(|n| batches.call(|sums| sums[0].add(f64::from(n % 2), 1.0)));
        let (low, high) = batches.figure(|sums| sums[0].ratio()).unwrap().range.unwrap();
        // 1.660 standard errors of a fair coin, with n − 1.
        assert!(((high - low) / 2.0 - 1.6604 * 0.5 / 99_f64.sqrt()).abs() < 1e-4, "{low} {high}");
        assert!((students(9.0) - 1.833).abs() < 0.002 && (students(63.0) - 1.669).abs() < 0.001);
    }
}
