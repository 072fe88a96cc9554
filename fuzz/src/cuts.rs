//! Ways to cut bytes into pieces, as a network may.

/// A small generator of numbers (xorshift): the same seed gives the same cuts, everywhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 16) as usize % bound.max(1)
    }
}

/// Some ways to cut `data`: byte by byte, once, and in pieces up to a few, to many bytes, empty ones among them.
pub(crate) fn some(data: &[u8]) -> Vec<Vec<&[u8]>> {
    let sum = data.iter().fold(data.len() as u64, |sum, byte| sum.rotate_left(5) ^ u64::from(*byte));
    let mut dice = Dice::new(sum);
    let (head, tail) = data.split_at(dice.below(data.len() + 1));
    let mut ways = vec![data.chunks(1).collect(), vec![head, tail]];
    ways.extend([4, 80].map(|most| pieces(data, most, &mut dice)));
    ways
}

fn pieces<'a>(mut data: &'a [u8], most: usize, dice: &mut Dice) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while !data.is_empty() {
        let (head, tail) = data.split_at(dice.below(most).min(data.len()));
        pieces.push(head);
        data = tail;
    }
    pieces
}
