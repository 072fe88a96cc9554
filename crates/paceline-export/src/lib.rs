//! Call records for other programs, written as a stream: CSV, JSON lines, Parquet.
//!
//! JSON lines are the records themselves, as the admin side tells them. CSV and Parquet are tables of the same figures
//! under the same names (`columns.rs`): one row a call, nested counts beside the rest, attempts and tags as JSON text.

mod columns;
mod csv_table;
mod error;
mod exporter;
mod format;
mod parquet_table;

pub use error::ExportError;
pub use exporter::Exporter;
pub use format::Format;

/// The columns of CSV and Parquet, in their order.
pub fn column_names() -> impl Iterator<Item = &'static str> {
    columns::COLUMNS.iter().map(|column| column.name)
}
