//! Columns of short byte strings that are only read a row at a time.

use super::ints::{self, Ints};
use paceline_stats::pack::{self, Reader};

/// Appends a column: where each row ends, then all rows.
pub(crate) fn encode(ends: &[u64], data: &[u8], out: &mut Vec<u8>) {
    ints::encode(ends, out);
    pack::put_bytes(out, data);
}

/// A column that can be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strings<'a> {
    ends: Ints<'a>,
    data: &'a [u8],
}

impl<'a> Strings<'a> {
    /// Reads a column of `len` rows; `None` when the bytes are none.
    pub(crate) fn parse(reader: &mut Reader<'a>, len: usize) -> Option<Self> {
        Some(Self { ends: Ints::parse(reader, len)?, data: reader.bytes()? })
    }

    /// A row; empty where there is none.
    pub(crate) fn get(&self, row: usize) -> &'a [u8] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends.get(before));
        let (start, end) = (start as usize, self.ends.get(row) as usize);
        if row < self.ends.len() { self.data.get(start..end).unwrap_or_default() } else { &[] }
    }
}
