//! Chance for what is made up: the same seed, the same history.

/// Steele, Lea and Flood's `SplitMix64`: small, seeded, good enough for made-up numbers.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Any 64 bits.
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `most`.
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.roll() % most.max(1)
    }

    /// About normal, mean 0, deviation 1: the sum of four even numbers.
    pub(crate) fn normal(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.below(1 << 20) as f64 / f64::from(1 << 20)).sum();
        (sum - 2.0) * 1.732
    }

    /// Around `middle`, the spread growing with `deviation`.
    pub(crate) fn around(&mut self, middle: f64, deviation: f64) -> f64 {
        middle * (self.normal() * deviation).exp()
    }
}
