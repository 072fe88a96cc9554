//! The gaps between the pieces of one stream: their 99th percentile, in a fixed place.

use paceline_types::time::Offset;

/// How many of the largest gaps are kept.
const KEPT: usize = 32;

/// Keeps the largest gaps, which is all that a high percentile of one stream needs: exact below 3,200 gaps; beyond,
/// the 32nd largest stands for it and is above it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gaps {
    count: u32,
    kept: usize,
    /// Nanoseconds, largest first.
    largest: [u64; KEPT],
}

impl Default for Gaps {
    fn default() -> Self {
        Self { count: 0, kept: 0, largest: [0; KEPT] }
    }
}

impl Gaps {
    pub(crate) fn add(&mut self, gap: Offset) {
        self.count += 1;
        if self.kept == KEPT && gap.0 <= self.largest[KEPT - 1] {
            return;
        }
        let at = self.largest[..self.kept].partition_point(|&kept| kept >= gap.0);
        self.kept = (self.kept + 1).min(KEPT);
        self.largest.copy_within(at..self.kept - 1, at + 1);
        self.largest[at] = gap.0;
    }

    /// The nearest-rank 99th percentile; `None` without a gap.
    pub(crate) fn p99(&self) -> Option<Offset> {
        let rank_from_top = self.count as usize / 100;
        Some(Offset(self.largest[rank_from_top.min(self.kept.checked_sub(1)?)]))
    }
}

#[cfg(test)]
mod tests {
    use super::Gaps;
    use paceline_types::time::Offset;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_sorted_answer(values in prop::collection::vec(0u64..1000, 0..3200)) {
            let mut gaps = Gaps::default();
            for &value in &values {
                gaps.add(Offset(value));
            }
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let rank = (values.len() * 99).div_ceil(100);
            prop_assert_eq!(gaps.p99().map(|o| o.0), rank.checked_sub(1).map(|at| sorted[at]));
        }
    }
}
