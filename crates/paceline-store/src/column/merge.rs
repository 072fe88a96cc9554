//! Small blocks to a large one, in the order of ids, column by column: what is held decoded is one column.

use super::fields::{self, COLUMNS, KINDS, Kind};
use super::table::Table;
use super::write::Columns;
use crate::error::StoreError;
use paceline_types::id::CallId;

/// The rows of several blocks put together and sorted.
pub(crate) struct Merged {
    /// The columns; only one is filled at a time.
    pub(crate) columns: Columns,
    /// The smallest and the largest id.
    pub(crate) ids: Option<(CallId, CallId)>,
    order: Vec<u32>,
}

impl Merged {
    /// Finds the order of all rows of `tables`.
    pub(crate) fn new(tables: &[Table<'_>]) -> Result<Self, StoreError> {
        let mut ids: Vec<(CallId, u32)> = Vec::with_capacity(tables.iter().map(Table::rows).sum());
        for table in tables {
            let parts = [fields::ID_MS, fields::ID_COUNT, fields::ID_WORKER].map(|column| table.ints(column));
            let [ms, count, worker] = parts;
            let (ms, count, worker) = (ms?, count?, worker?);
            for row in 0..table.rows() {
                let id = super::view::id(ms.get(row), count.get(row), worker.get(row));
                ids.push((id, ids.len() as u32));
            }
        }
        // Stable, because it is fast on what is nearly sorted, as records are.
        ids.sort();
        let ends = ids.first().zip(ids.last()).map(|(first, last)| (first.0, last.0));
        let order: Vec<u32> = ids.into_iter().map(|(_, row)| row).collect();
        let columns = Columns::of(order.len());
        Ok(Self { columns, ids: ends, order })
    }

    /// How many rows.
    pub(crate) fn rows(&self) -> usize {
        self.order.len()
    }

    /// Fills one column; it is there until [`Merged::drop_column`].
    fn fill(&mut self, column: usize, tables: &[Table<'_>]) -> Result<(), StoreError> {
        match KINDS[column] {
            Kind::Int => {
                let mut all = Vec::with_capacity(self.order.len());
                for table in tables {
                    table.ints(column)?.append_to(&mut all);
                }
                self.columns.ints[column] = self.order.iter().map(|&row| all[row as usize]).collect();
            }
            Kind::Text => {
                let merged = &mut self.columns.texts[column];
                let mut rows = Vec::new();
                for table in tables {
                    let texts = table.texts(column)?;
                    let none = std::iter::once(0);
                    let codes: Vec<u64> =
                        none.chain(texts.distinct().map(|text| merged.code(text))).collect();
                    rows.clear();
                    texts.codes.append_to(&mut rows);
                    for code in &rows {
                        merged.push_code(codes.get(*code as usize).copied().unwrap_or(0));
                    }
                }
                merged.reorder(&self.order);
            }
            Kind::Bytes => {
                let mut all: Vec<&[u8]> = Vec::with_capacity(self.order.len());
                for table in tables {
                    let strings = table.strings(column)?;
                    all.extend((0..table.rows()).map(|row| strings.get(row)));
                }
                let (ends, data) = &mut self.columns.attempts;
                for &row in &self.order {
                    data.extend_from_slice(all[row as usize]);
                    ends.push(data.len() as u64);
                }
            }
        }
        Ok(())
    }

    /// Forgets a column.
    fn drop_column(&mut self, column: usize) {
        self.columns.ints[column] = Vec::new();
        self.columns.texts[column] = super::texts::TextColumn::default();
        if KINDS[column] == Kind::Bytes {
            self.columns.attempts = (Vec::new(), Vec::new());
        }
    }

    /// The rows as one block in one piece.
    pub(crate) fn block(mut self, tables: &[Table<'_>]) -> Result<Vec<u8>, StoreError> {
        for column in 0..COLUMNS {
            self.fill(column, tables)?;
        }
        Ok(self.columns.block())
    }
}

/// Where the columns of a segment come from, one after the other.
pub(crate) trait Filled {
    /// Columns of which `column` is filled.
    fn filled(&mut self, column: usize) -> Result<&Columns, StoreError>;
}

/// Merged rows, of which one column is filled at a time.
pub(crate) struct OneByOne<'a, 'b> {
    /// The rows.
    pub(crate) merged: Merged,
    /// Where they come from.
    pub(crate) tables: &'a [Table<'b>],
}

impl Filled for OneByOne<'_, '_> {
    fn filled(&mut self, column: usize) -> Result<&Columns, StoreError> {
        if let Some(before) = column.checked_sub(1) {
            self.merged.drop_column(before);
        }
        self.merged.fill(column, self.tables)?;
        Ok(&self.merged.columns)
    }
}

impl Filled for Columns {
    fn filled(&mut self, _: usize) -> Result<&Columns, StoreError> {
        Ok(self)
    }
}
