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
        ids.sort_unstable();
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
    pub(crate) fn fill(&mut self, column: usize, tables: &[Table<'_>]) -> Result<(), StoreError> {
        match KINDS[column] {
            Kind::Int => {
                let mut all = Vec::with_capacity(self.order.len());
                for table in tables {
                    let ints = table.ints(column)?;
                    all.extend((0..table.rows()).map(|row| ints.get(row)));
                }
                self.columns.ints[column] = self.order.iter().map(|&row| all[row as usize]).collect();
            }
            Kind::Text => {
                let merged = &mut self.columns.texts[column];
                for table in tables {
                    let texts = table.texts(column)?;
                    let codes: Vec<u64> = texts.distinct().map(|text| merged.code(text)).collect();
                    for row in 0..table.rows() {
                        let place = (texts.codes.get(row) as usize).checked_sub(1);
                        merged.push_code(place.and_then(|at| codes.get(at).copied()).unwrap_or(0));
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
    pub(crate) fn drop_column(&mut self, column: usize) {
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
