//! Seeded chance: one small generator, so that the same seed gives the same answers on every machine.

/// xoshiro256** seeded through splitmix64. Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Rng {
    state: [u64; 4],
}

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        let mut mixer = seed;
        Self { state: std::array::from_fn(|_| splitmix(&mut mixer)) }
    }

    /// A generator for one purpose, independent of how much the others draw.
    pub(crate) fn fork(seed: u64, purpose: u64) -> Self {
        Self::new(seed ^ purpose.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let out = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = b << 17;
        let c = c ^ a;
        let d = d ^ b;
        self.state = [a ^ d, b ^ c, c ^ shifted, d.rotate_left(45)];
        out
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `0..bound`; 0 when `bound` is 0. The bias is below 2^-32 for the small bounds used here.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next_u64() % bound as u64) as usize }
    }

    pub(crate) fn chance(&mut self, rate: f64) -> bool {
        self.unit() < rate
    }

    /// One draw from the standard normal distribution (Box and Muller; the second value is not kept, so
    /// that every draw costs the same two numbers).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_first_values_of_splitmix_are_met() {
        let mut state = 1234567;
        assert_eq!(splitmix(&mut state), 6457827717110365317);
        assert_eq!(splitmix(&mut state), 3203168211198807973);
    }

    #[test]
    fn uniform_and_normal_draws_have_their_moments() {
        let mut rng = Rng::new(7);
        let count = 20_000;
        let mean = (0..count).map(|_| rng.unit()).sum::<f64>() / f64::from(count);
        assert!((mean - 0.5).abs() < 0.01, "mean {mean}");
        let draws: Vec<f64> = (0..count).map(|_| rng.normal()).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(count);
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(count);
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "mean {mean} variance {variance}");
    }

    #[test]
    fn forks_differ_by_purpose_and_repeat_by_seed() {
        assert_eq!(Rng::fork(3, 1).next_u64(), Rng::fork(3, 1).next_u64());
        assert_ne!(Rng::fork(3, 1).next_u64(), Rng::fork(3, 2).next_u64());
    }
}
