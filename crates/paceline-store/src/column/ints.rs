//! Columns of numbers: the smallest value, and the distance of each from it in as few whole bytes as the largest takes.
//!
//! Frame of reference coding (Goldstein, Ramakrishnan, Shaft, "Compressing relations and indexes", ICDE 1998), in bytes
//! instead of bits, so that any row is read by one load and a mask.

use paceline_stats::pack::{self, Reader};

/// Loads read eight bytes wherever a value begins; so many follow the last.
const PADDING: usize = 7;

/// Calls a function with a width known to the compiler, so that each value is a few instructions.
macro_rules! by_width {
    ($width:expr, $call:ident $args:tt) => {
        match $width {
            1 => $call::<1> $args,
            2 => $call::<2> $args,
            3 => $call::<3> $args,
            4 => $call::<4> $args,
            5 => $call::<5> $args,
            6 => $call::<6> $args,
            7 => $call::<7> $args,
            _ => $call::<8> $args,
        }
    };
}
/// Appends a column.
pub(crate) fn encode(values: &[u64], out: &mut Vec<u8>) {
    let first = values.first().copied().unwrap_or(0);
    // Many columns say the same in every row, which is seen several rows at a time.
    let is_same = |some: &[u64]| some.iter().fold(0, |others, value| others | (value ^ first)) == 0;
    if values.chunks(64).all(is_same) {
        pack::put(out, first);
        return out.push(0);
    }
    let (base, top) =
        values.iter().fold((first, first), |(low, high), &value| (low.min(value), high.max(value)));
    let width = (64 - (top - base).leading_zeros()).div_ceil(8) as usize;
    pack::put(out, base);
    out.push(width as u8);
    let start = out.len();
    out.resize(start + values.len() * width + PADDING, 0);
    let data = &mut out[start..start + values.len() * width];
    by_width!(width, put(values, base, data));
}

fn put<const WIDTH: usize>(values: &[u64], base: u64, data: &mut [u8]) {
    for (slot, value) in data.chunks_exact_mut(WIDTH).zip(values) {
        slot.copy_from_slice(&(value - base).to_le_bytes()[..WIDTH]);
    }
}

fn get_all<const WIDTH: usize>(data: &[u8], base: u64, out: &mut Vec<u64>) {
    out.extend(data.chunks_exact(WIDTH).map(|slot| {
        let mut bytes = [0; 8];
        bytes[..WIDTH].copy_from_slice(slot);
        base.wrapping_add(u64::from_le_bytes(bytes))
    }));
}

/// A column that can be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ints<'a> {
    base: u64,
    width: usize,
    mask: u64,
    data: &'a [u8],
    len: usize,
}

impl<'a> Ints<'a> {
    /// A column in which every row has `value`.
    pub(crate) const fn constant(value: u64, len: usize) -> Self {
        Self { base: value, width: 0, mask: 0, data: &[], len }
    }

    /// Reads a column of `len` rows; `None` when the bytes are none.
    pub(crate) fn parse(reader: &mut Reader<'a>, len: usize) -> Option<Self> {
        let base = reader.number()?;
        let width = usize::from(reader.byte()?);
        if width == 0 {
            return Some(Self::constant(base, len));
        }
        if width > 8 {
            return None;
        }
        let data = reader.take(len.checked_mul(width)?.checked_add(PADDING)?)?;
        Some(Self { base, width, mask: u64::MAX >> (64 - 8 * width), data, len })
    }

    /// Bytes a row of a column takes.
    pub(crate) fn width_of(bytes: &[u8]) -> Option<u8> {
        let mut reader = Reader(bytes);
        reader.number()?;
        reader.byte()
    }

    /// The value of a row; the smallest where there is no such row.
    pub(crate) fn get(&self, row: usize) -> u64 {
        let start = row * self.width;
        let bytes = self.data.get(start..start + 8).and_then(|bytes| bytes.try_into().ok());
        self.base.wrapping_add(bytes.map_or(0, u64::from_le_bytes) & self.mask)
    }

    /// Appends all values.
    pub(crate) fn append_to(&self, out: &mut Vec<u64>) {
        if self.width == 0 {
            out.resize(out.len() + self.len, self.base);
            return;
        }
        let data = self.data.get(..self.len * self.width).unwrap_or_default();
        by_width!(self.width, get_all(data, self.base, out));
    }

    /// Rows.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Keeps those of `rows` whose value `takes`; `None` stands for all rows.
    pub(crate) fn keep(&self, rows: Option<Vec<u32>>, takes: impl Fn(u64) -> bool) -> Vec<u32> {
        match rows {
            Some(mut rows) => {
                rows.retain(|&row| takes(self.get(row as usize)));
                rows
            }
            None if self.width == 0 => {
                if takes(self.base) {
                    (0..self.len as u32).collect()
                } else {
                    Vec::new()
                }
            }
            None => (0..self.len as u32).filter(|&row| takes(self.get(row as usize))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn columns_read_back(values: Vec<u64>, shift in 0u32..64) {
            let values: Vec<u64> = values.into_iter().map(|value| value >> shift).collect();
            let mut bytes = Vec::new();
            encode(&values, &mut bytes);
            let mut reader = Reader(&bytes);
            let ints = Ints::parse(&mut reader, values.len()).unwrap();
            prop_assert!(reader.0.is_empty());
            let mut all = Vec::new();
            ints.append_to(&mut all);
            prop_assert_eq!(&all, &values);
            prop_assert_eq!((0..values.len()).map(|row| ints.get(row)).collect::<Vec<_>>(), values);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, len in 0usize..1000) {
            if let Some(ints) = Ints::parse(&mut Reader(&bytes), len) {
                let _ = ints.keep(None, |value| value & 1 == 0);
            }
        }
    }
}
