//! A block that is read: columns come when they are asked for.

use super::bytes::Strings;
use super::fields::{COLUMNS, KINDS, Kind};
use super::ints::Ints;
use super::texts::Texts;
use crate::error::StoreError;
use paceline_stats::pack::Reader;
use std::borrow::Cow;
use std::cell::OnceCell;

/// Where the bytes of a column come from.
pub(crate) type Load<'a> = &'a dyn Fn(usize) -> Result<Cow<'a, [u8]>, StoreError>;

/// A block of records by columns.
pub(crate) struct Table<'a> {
    rows: usize,
    load: Load<'a>,
    columns: [OnceCell<Cow<'a, [u8]>>; COLUMNS],
}

fn damaged(column: usize) -> StoreError {
    StoreError::Damaged(format!("column {column} of a block cannot be read"))
}

impl<'a> Table<'a> {
    /// A block of `rows` records whose columns `load` fetches; an empty column is one that the block does not have.
    pub(crate) fn new(rows: usize, load: Load<'a>) -> Self {
        Self { rows, load, columns: [const { OnceCell::new() }; COLUMNS] }
    }

    /// How many records.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    fn bytes(&self, column: usize) -> Result<&[u8], StoreError> {
        let cell = &self.columns[column];
        if let Some(bytes) = cell.get() {
            return Ok(bytes);
        }
        let bytes = (self.load)(column)?;
        Ok(cell.get_or_init(|| bytes))
    }

    /// A column of numbers.
    pub(crate) fn ints(&self, column: usize) -> Result<Ints<'_>, StoreError> {
        debug_assert_eq!(KINDS[column], Kind::Int);
        match self.bytes(column)? {
            [] => Ok(Ints::constant(0, self.rows)),
            bytes => Ints::parse(&mut Reader(bytes), self.rows).ok_or_else(|| damaged(column)),
        }
    }

    /// A column of texts.
    pub(crate) fn texts(&self, column: usize) -> Result<Texts<'_>, StoreError> {
        debug_assert_eq!(KINDS[column], Kind::Text);
        match self.bytes(column)? {
            [] => Ok(Texts::none(self.rows)),
            bytes => Texts::parse(&mut Reader(bytes), self.rows).ok_or_else(|| damaged(column)),
        }
    }

    /// A column of byte strings.
    pub(crate) fn strings(&self, column: usize) -> Result<Strings<'_>, StoreError> {
        Strings::parse(&mut Reader(self.bytes(column)?), self.rows).ok_or_else(|| damaged(column))
    }
}

/// The columns of a block in one piece.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// How many records.
    pub(crate) rows: usize,
    columns: Vec<&'a [u8]>,
}

impl<'a> Block<'a> {
    /// Finds the columns; `None` when the bytes are no block.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let rows = usize::try_from(reader.number()?).ok().filter(|&rows| rows <= 1 << 24)?;
        let count = reader.count()?;
        let columns = (0..count).map(|_| reader.bytes()).collect::<Option<_>>()?;
        Some(Self { rows, columns })
    }

    /// The bytes of a column; empty where the block has none.
    pub(crate) fn column(&self, column: usize) -> &'a [u8] {
        self.columns.get(column).copied().unwrap_or_default()
    }
}
