//! One export from its first byte to its last, whatever the format.

use crate::csv_table::{push_header, push_row};
use crate::error::ExportError;
use crate::format::Format;
use crate::parquet_table::ParquetTable;
use paceline_types::record::CallRecord;
use std::io::Write;
use std::sync::Arc;

/// Text that is gathered before it goes to the writer.
const BUFFER_BYTES: usize = 64 * 1024;

/// Writes records to a file or pipe, in the order they are given and in bounded memory.
///
/// The writer needs no buffer of its own. After an error, and without [`Exporter::finish`], what was written is no
/// usable file.
pub struct Exporter<W: Write + Send> {
    to: Destination<W>,
    rows: u64,
}

enum Destination<W: Write + Send> {
    Text { writer: W, buffer: Vec<u8>, push: fn(&mut Vec<u8>, &CallRecord) -> Result<(), ExportError> },
    Parquet(Box<ParquetTable<W>>),
}

impl<W: Write + Send> Exporter<W> {
    /// Begins an export: CSV gets its header, Parquet its mark.
    pub fn new(format: Format, writer: W) -> Result<Self, ExportError> {
        let to = match format {
            Format::Csv => {
                let mut buffer = Vec::new();
                push_header(&mut buffer);
                Destination::Text { writer, buffer, push: push_csv }
            }
            Format::JsonLines => Destination::Text { writer, buffer: Vec::new(), push: push_json },
            Format::Parquet => Destination::Parquet(Box::new(ParquetTable::new(writer)?)),
        };
        Ok(Self { to, rows: 0 })
    }

    /// Adds records. Text formats are on their way when this returns; Parquet waits for a whole group of rows.
    pub fn write(&mut self, records: &[Arc<CallRecord>]) -> Result<(), ExportError> {
        for record in records {
            match &mut self.to {
                Destination::Text { writer, buffer, push } => {
                    push(buffer, record)?;
                    if buffer.len() >= BUFFER_BYTES {
                        hand_on(writer, buffer)?;
                    }
                }
                Destination::Parquet(table) => table.push(record)?,
            }
            self.rows += 1;
        }
        if let Destination::Text { writer, buffer, .. } = &mut self.to {
            hand_on(writer, buffer)?;
        }
        Ok(())
    }

    /// Writes what is left, flushes the writer, and says how many records were written. Whether the bytes are safe on
    /// the disk (`sync_all`) is the business of whoever opened the file.
    pub fn finish(self) -> Result<u64, ExportError> {
        match self.to {
            Destination::Text { mut writer, mut buffer, .. } => {
                hand_on(&mut writer, &mut buffer)?;
                writer.flush()?;
            }
            Destination::Parquet(table) => table.finish()?,
        }
        Ok(self.rows)
    }
}

fn hand_on<W: Write>(writer: &mut W, buffer: &mut Vec<u8>) -> Result<(), ExportError> {
    writer.write_all(buffer)?;
    buffer.clear();
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "one form for both text formats")]
fn push_csv(buffer: &mut Vec<u8>, record: &CallRecord) -> Result<(), ExportError> {
    push_row(buffer, record);
    Ok(())
}

fn push_json(buffer: &mut Vec<u8>, record: &CallRecord) -> Result<(), ExportError> {
    serde_json::to_writer(&mut *buffer, record)?;
    buffer.push(b'\n');
    Ok(())
}
