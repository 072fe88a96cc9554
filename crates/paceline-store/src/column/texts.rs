//! Columns of texts: every distinct text once, and a number for each row. The dictionary is the block's own, so a block
//! is whole by itself and nothing grows with the number of names ever seen.

use super::ints::{self, Ints};
use hashbrown::{DefaultHashBuilder, HashTable};
use paceline_stats::pack::{self, Reader};
use std::hash::BuildHasher;

/// A column under way. Texts are bytes here: labels are UTF-8, tags are packed.
#[derive(Debug, Default)]
pub(crate) struct TextColumn {
    /// 0: no text; otherwise the place in the dictionary, from 1.
    codes: Vec<u64>,
    /// Numbers by the text that they stand for, which lies in the dictionary.
    places: HashTable<Place>,
    /// Where each text begins and ends in the dictionary.
    spans: Vec<(u32, u32)>,
    dictionary: Vec<u8>,
    hasher: DefaultHashBuilder,
}

/// The number of a text, and its hash: so a table that grows reads no text again.
#[derive(Clone, Copy, Debug)]
struct Place {
    code: u32,
    hash: u32,
}

/// A hash of 32 bits as one of 64, of which a table uses the lowest and the highest.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn slice(dictionary: &[u8], span: (u32, u32)) -> &[u8] {
    dictionary.get(span.0 as usize..span.1 as usize).unwrap_or_default()
}

impl TextColumn {
    /// Makes room for `rows` rows.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.codes.reserve_exact(rows);
    }

    /// Appends a row.
    pub(crate) fn push(&mut self, text: Option<&[u8]>) {
        let code = text.map_or(0, |text| self.code(text));
        self.codes.push(code);
    }

    /// Appends a row that has the text of number `code`.
    pub(crate) fn push_code(&mut self, code: u64) {
        self.codes.push(code);
    }

    /// The number of a text.
    pub(crate) fn code(&mut self, text: &[u8]) -> u64 {
        let Self { codes, places, spans, dictionary, hasher } = self;
        let is = |code: u32| {
            let span = (code as usize).checked_sub(1).and_then(|place| spans.get(place));
            span.is_some_and(|span| slice(dictionary, *span) == text)
        };
        // Many columns say the same of call after call.
        if let Some(&last) = codes.last()
            && is(last as u32)
        {
            return last;
        }
        let hash = hasher.hash_one(text) as u32;
        if let Some(place) = places.find(spread(hash), |place| place.hash == hash && is(place.code)) {
            return u64::from(place.code);
        }
        let code = spans.len() as u32 + 1;
        places.insert_unique(spread(hash), Place { code, hash }, |place| spread(place.hash));
        pack::put_bytes(dictionary, text);
        let end = dictionary.len() as u32;
        spans.push((end - text.len() as u32, end));
        u64::from(code)
    }

    /// The distinct texts, in the order of their numbers.
    pub(crate) fn distinct(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.spans.iter().map(|span| slice(&self.dictionary, *span))
    }

    /// Bytes of the dictionary.
    pub(crate) fn dictionary_len(&self) -> usize {
        self.dictionary.len()
    }

    /// Puts the rows in another order: row `n` is what `order[n]` was.
    pub(crate) fn reorder(&mut self, order: &[u32]) {
        self.codes = order.iter().map(|&row| self.codes.get(row as usize).copied().unwrap_or(0)).collect();
    }

    /// Appends the column's bytes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        pack::put(out, self.spans.len() as u64);
        pack::put_bytes(out, &self.dictionary);
        ints::encode(&self.codes, out);
    }
}

/// A column that can be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts<'a> {
    count: usize,
    dictionary: &'a [u8],
    /// The number of each row.
    pub(crate) codes: Ints<'a>,
}

impl<'a> Texts<'a> {
    /// A column without any text.
    pub(crate) const fn none(len: usize) -> Self {
        Self { count: 0, dictionary: &[], codes: Ints::constant(0, len) }
    }

    /// Reads a column of `len` rows; `None` when the bytes are none.
    pub(crate) fn parse(reader: &mut Reader<'a>, len: usize) -> Option<Self> {
        let count = usize::try_from(reader.number()?).ok()?;
        let dictionary = reader.bytes()?;
        let codes = Ints::parse(reader, len)?;
        (count <= dictionary.len()).then_some(Self { count, dictionary, codes })
    }

    /// The distinct texts, from number 1 on.
    pub(crate) fn distinct(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader = Reader(self.dictionary);
        std::iter::from_fn(move || reader.bytes()).take(self.count)
    }

    /// The number of a text; `None` when no row has it.
    pub(crate) fn find(&self, text: &[u8]) -> Option<u64> {
        self.distinct().position(|known| known == text).map(|at| at as u64 + 1)
    }

    /// All distinct texts, to be indexed by number less one.
    pub(crate) fn list(&self) -> Vec<&'a [u8]> {
        self.distinct().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn columns_read_back(rows in prop::collection::vec(prop::option::of(".{0,6}"), 0..200)) {
            let mut column = TextColumn::default();
            for row in &rows {
                column.push(row.as_deref().map(str::as_bytes));
            }
            let mut bytes = Vec::new();
            column.encode(&mut bytes);
            let texts = Texts::parse(&mut Reader(&bytes), rows.len()).unwrap();
            let list = texts.list();
            for (at, row) in rows.iter().enumerate() {
                let code = texts.codes.get(at) as usize;
                let read = code.checked_sub(1).map(|place| list[place]);
                prop_assert_eq!(read, row.as_deref().map(str::as_bytes));
                if let Some(row) = row {
                    prop_assert_eq!(texts.find(row.as_bytes()), Some(code as u64));
                }
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, len in 0usize..100) {
            if let Some(texts) = Texts::parse(&mut Reader(&bytes), len) {
                let _ = (texts.list(), texts.find(b"x"));
            }
        }
    }
}
