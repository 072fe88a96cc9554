//! A quantile sketch with a stated error that merges without growing it.
//!
//! DDSketch (Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
//! VLDB 2019): a value falls into the bin `ceil(log_γ(value))` with `γ = (1 + α) / (1 − α)`; the answer of a bin is
//! within `α` of every value in it. Merging adds bins, so the error of a merged sketch is that of its parts.

use crate::pack::{self, Reader};

/// The relative error of every quantile: 1 %.
pub const RELATIVE_ERROR: f64 = 0.01;

const GAMMA: f64 = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);

/// The smallest value told apart from zero.
const SMALLEST: f64 = 1e-6;

/// Bins are numbered from the smallest to the largest value told apart (10¹²): about 2,100 of them.
const MAX_BINS: usize = 2100;

/// So many bins are kept one by one; a sketch that needs more keeps a row of them.
const FEW: usize = 24;
/// A row gets so much room below a value that lies before it, because others follow.
const ROOM: usize = 16;

/// How values are spread.
#[derive(Clone, Debug, Default)]
pub struct Sketch {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    /// Values at or below [`SMALLEST`].
    zeros: u64,
    bins: Bins,
}

/// How many values are in each bin. Most sketches are of a few calls, whose values lie far apart.
#[derive(Clone, Debug)]
enum Bins {
    /// The number of a bin above, how many are in it in the lower 16 bits; in the order of bins, none empty.
    Few(Vec<u32>),
    /// The bins from number `first` on.
    Row { first: usize, counts: Vec<u32> },
}

impl Default for Bins {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Bins {
    /// Those that hold something, in their order: number and count.
    fn iter(&self) -> impl Iterator<Item = (usize, u32)> {
        let (few, first, row): (&[u32], usize, &[u32]) = match self {
            Self::Few(few) => (few, 0, &[]),
            Self::Row { first, counts } => (&[], *first, counts),
        };
        let row = row.iter().enumerate().filter(|(_, count)| **count > 0);
        few.iter().map(|&one| split(one)).chain(row.map(move |(at, &count)| (first + at, count)))
    }

    /// Adds so many values to a bin.
    fn add(&mut self, bin: usize, more: u32) {
        if more == 0 {
            return;
        }
        if let Self::Few(few) = self {
            let at = few.partition_point(|&one| split(one).0 < bin);
            let has_room = few.len() < FEW;
            match few.get_mut(at).filter(|one| split(**one).0 == bin) {
                Some(one) if u16::try_from(split(*one).1.saturating_add(more)).is_ok() => {
                    *one += more;
                    return;
                }
                None if has_room && u16::try_from(more).is_ok() => {
                    few.insert(at, (bin as u32) << 16 | more);
                    return;
                }
                _ => {}
            }
        }
        let (first, counts) = self.row(bin, bin);
        if let Some(slot) = bin.checked_sub(first).and_then(|at| counts.get_mut(at)) {
            *slot = slot.saturating_add(more);
        }
    }

    /// As a row that has room for the bins from `low` to `high`: the number of its first bin, and its counts.
    fn row(&mut self, low: usize, high: usize) -> (usize, &mut Vec<u32>) {
        if let Self::Few(few) = self {
            let ends = few.first().zip(few.last()).map(|(one, other)| (split(*one).0, split(*other).0));
            let (least, most) = ends.map_or((low, high), |ends| (ends.0.min(low), ends.1.max(high)));
            let first = least.saturating_sub(ROOM);
            let mut counts = vec![0; most + 1 - first];
            for (bin, count) in few.iter().map(|&one| split(one)) {
                counts[bin - first] = count;
            }
            *self = Self::Row { first, counts };
        }
        match self {
            Self::Row { first, counts } => {
                if low < *first {
                    let start = low.saturating_sub(ROOM);
                    counts.splice(0..0, std::iter::repeat_n(0, *first - start));
                    *first = start;
                }
                if high + 1 - *first > counts.len() {
                    counts.resize(high + 1 - *first, 0);
                }
                (*first, counts)
            }
            Self::Few(few) => (low, few),
        }
    }

    /// Adds all of another.
    fn merge(&mut self, other: &Self) {
        match other {
            Self::Few(few) => few.iter().map(|&one| split(one)).for_each(|(bin, more)| self.add(bin, more)),
            Self::Row { first: from, counts: others } => {
                let Some(last) = others.len().checked_sub(1) else { return };
                let (first, counts) = self.row(*from, from + last);
                for (slot, &more) in counts[from - first..].iter_mut().zip(others) {
                    *slot = slot.saturating_add(more);
                }
            }
        }
    }
}

/// One of few: the number of its bin, and how many are in it.
fn split(one: u32) -> (usize, u32) {
    ((one >> 16) as usize, one & u32::from(u16::MAX))
}

impl PartialEq for Sketch {
    fn eq(&self, other: &Self) -> bool {
        let parts = |of: &Self| (of.count, of.sum, of.min, of.max, of.zeros);
        parts(self) == parts(other) && self.bins.iter().eq(other.bins.iter())
    }
}

fn bin(value: f64) -> usize {
    let at = ((value / SMALLEST).ln() / GAMMA.ln()).clamp(0.0, (MAX_BINS - 1) as f64);
    // Rounded up; `ceil` is a call where the processor may be an old one.
    let below = at as usize;
    below + usize::from((below as f64) < at)
}

fn value_of(bin: usize) -> f64 {
    SMALLEST * 2.0 * GAMMA.powf(bin as f64) / (GAMMA + 1.0)
}

/// A value with its bin: the logarithm is taken once, however many sketches get the value.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    value: f64,
    /// `None` for what is not told apart from zero.
    bin: Option<u16>,
}

impl Point {
    /// Of a value; `None` for what is negative or no number.
    pub fn of(value: f64) -> Option<Self> {
        let bin = (value > SMALLEST).then(|| bin(value) as u16);
        (value.is_finite() && value >= 0.0).then_some(Self { value, bin })
    }
}

impl Sketch {
    /// Adds one value; what is negative or no number is not counted.
    pub fn add(&mut self, value: f64) {
        if let Some(point) = Point::of(value) {
            self.add_point(point);
        }
    }

    /// Adds one value whose bin is known.
    pub fn add_point(&mut self, point: Point) {
        let Point { value, bin } = point;
        if value < self.min || self.count == 0 {
            self.min = value;
        }
        if value > self.max || self.count == 0 {
            self.max = value;
        }
        self.count += 1;
        self.sum += value;
        let Some(bin) = bin.map(usize::from) else {
            self.zeros += 1;
            return;
        };
        // Where there are many, the bin is nearly always there.
        if let Bins::Row { first, counts } = &mut self.bins
            && let Some(slot) = bin.checked_sub(*first).and_then(|at| counts.get_mut(at))
        {
            *slot = slot.saturating_add(1);
            return;
        }
        self.bins.add(bin, 1);
    }

    /// Adds all values of another sketch.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        (self.min, self.max) = if self.count == 0 {
            (other.min, other.max)
        } else {
            (self.min.min(other.min), self.max.max(other.max))
        };
        self.count += other.count;
        self.sum += other.sum;
        self.zeros += other.zeros;
        self.bins.merge(&other.bins);
    }

    /// The value at quantile `q` (0 to 1), within [`RELATIVE_ERROR`]; `None` without values.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.count.checked_sub(1)?;
        let rank = (q.clamp(0.0, 1.0) * last as f64).round() as u64;
        if rank == last {
            return Some(self.max);
        }
        let mut seen = self.zeros;
        if rank < seen {
            return Some(self.min);
        }
        for (bin, count) in self.bins.iter() {
            seen += u64::from(count);
            if rank < seen {
                return Some(value_of(bin).clamp(self.min, self.max));
            }
        }
        Some(self.max)
    }

    /// How many values are at most each of the rising `bounds` and above the one before; last, how many are above all.
    /// A value within [`RELATIVE_ERROR`] of a bound may count on its other side.
    pub fn histogram(&self, bounds: &[f64]) -> Vec<u64> {
        let mut counts = vec![0; bounds.len() + 1];
        counts[0] += self.zeros;
        for (bin, count) in self.bins.iter() {
            let value = value_of(bin);
            counts[bounds.partition_point(|&bound| bound < value)] += u64::from(count);
        }
        counts
    }

    /// Appends the sketch: counts, bounds and the bins that hold something, as varints.
    pub fn encode(&self, out: &mut Vec<u8>) {
        pack::put(out, self.count);
        if self.count == 0 {
            return;
        }
        for value in [self.sum, self.min, self.max] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        pack::put(out, self.zeros);
        let filled = match &self.bins {
            Bins::Few(few) => few.len(),
            Bins::Row { counts, .. } => counts.iter().filter(|&&count| count > 0).count(),
        };
        pack::put(out, filled as u64);
        let mut before = 0;
        for (bin, count) in self.bins.iter() {
            pack::put(out, (bin - before) as u64);
            pack::put(out, u64::from(count));
            before = bin;
        }
    }

    /// Adds what [`Sketch::encode`] wrote; `None` when the bytes are no sketch (what was read until then stays added).
    pub fn merge_encoded(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let count = reader.number()?;
        if count == 0 {
            return Some(());
        }
        let mut float = || Some(f64::from_le_bytes(reader.take(8)?.try_into().ok()?));
        let (sum, min, max) = (float()?, float()?, float()?);
        (self.min, self.max) =
            if self.count == 0 { (min, max) } else { (self.min.min(min), self.max.max(max)) };
        self.count += count;
        self.sum += sum;
        self.zeros += reader.number()?;
        let mut bin = 0;
        for _ in 0..reader.count()? {
            bin += usize::try_from(reader.number()?).ok().filter(|&step| step < MAX_BINS)?;
            let count = u32::try_from(reader.number()?).unwrap_or(u32::MAX);
            if bin >= MAX_BINS {
                return None;
            }
            self.bins.add(bin, count);
        }
        Some(())
    }

    /// Forgets all values and keeps the room.
    pub fn clear(&mut self) {
        let (Bins::Few(mut room) | Bins::Row { counts: mut room, .. }) = std::mem::take(&mut self.bins);
        room.clear();
        *self = Self { bins: Bins::Few(room), ..Self::default() };
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Their mean; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// The smallest; `None` without values.
    pub fn min(&self) -> Option<f64> {
        (self.count > 0).then_some(self.min)
    }

    /// The largest; `None` without values.
    pub fn max(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::{RELATIVE_ERROR, Sketch};
    use crate::pack::Reader;
    use proptest::prelude::*;

    fn sketch(values: &[f64]) -> Sketch {
        let mut sketch = Sketch::default();
        for &value in values {
            sketch.add(value);
        }
        sketch
    }

    fn values() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec((-5f64..8.0).prop_map(|exp| 10f64.powf(exp)), 1..400)
    }

    #[test]
    fn classes_count_every_value_once() {
        let spread = sketch(&[0.0, 0.5, 3.0, 30.0, 31.0, 4000.0]);
        assert_eq!(spread.histogram(&[1.0, 10.0, 100.0]), [2, 1, 2, 1]);
        assert_eq!(Sketch::default().histogram(&[1.0]), [0, 0]);
    }

    proptest! {
        #[test]
        fn quantiles_keep_the_stated_error(values in values(), q in 0f64..=1.0) {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let truth = sorted[(q * (values.len() - 1) as f64).round() as usize];
            let told = sketch(&values).quantile(q).unwrap();
            prop_assert!((told - truth).abs() <= truth * RELATIVE_ERROR * 1.000_001, "{told} for {truth}");
        }

        #[test]
        fn bytes_hold_the_whole_sketch(a in values(), b in values()) {
            let (mut left, right) = (sketch(&a), sketch(&b));
            let mut bytes = Vec::new();
            right.encode(&mut bytes);
            let mut merged = left.clone();
            prop_assert!(merged.merge_encoded(&mut Reader(&bytes)).is_some());
            left.merge(&right);
            prop_assert_eq!(merged, left);
            prop_assert!(sketch(&a).merge_encoded(&mut Reader(&bytes[..bytes.len() - 1])).is_none());
        }

        #[test]
        fn merging_is_adding_all(a in values(), b in values()) {
            let (mut left, right) = (sketch(&a), sketch(&b));
            left.merge(&right);
            let all = sketch(&[a, b].concat());
            prop_assert_eq!(left.count(), all.count());
            prop_assert!((left.sum() - all.sum()).abs() <= all.sum() * 1e-9);
            for q in [0.0, 0.5, 0.95, 0.99, 1.0] {
                prop_assert_eq!(left.quantile(q), all.quantile(q));
            }
        }
    }

    #[test]
    fn few_and_many_are_the_same_sketch() {
        // One value so often that its count has no room among few, and so many values that they need a row.
        let often = sketch(&vec![7.0; 70_000]);
        assert_eq!((often.count(), often.quantile(0.5)), (70_000, Some(7.0)));
        let values: Vec<f64> = (0..100).map(|n| 1.1f64.powi(50 - n)).collect();
        let many = sketch(&values);
        // Merged one by one, in another order, and cleared in between.
        let mut merged = many.clone();
        merged.clear();
        assert_eq!(merged, Sketch::default());
        for value in values.iter().rev() {
            merged.merge(&sketch(&[*value]));
        }
        for q in [0.0, 0.1, 0.5, 0.9, 1.0] {
            assert_eq!(merged.quantile(q), many.quantile(q));
        }
        let bounds = [0.1, 1.0, 10.0];
        assert_eq!(merged.histogram(&bounds), many.histogram(&bounds));
    }

    #[test]
    fn odd_values_do_no_harm() {
        let odd = sketch(&[f64::NAN, -1.0, f64::INFINITY, 0.0, 0.0, 1e300]);
        assert_eq!((odd.count(), odd.quantile(0.0), odd.quantile(1.0)), (3, Some(0.0), Some(1e300)));
        assert_eq!(Sketch::default().quantile(0.5), None);
    }
}
