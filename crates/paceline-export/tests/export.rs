//! Exports read back by other readers than the writers, cell by cell against the record's own JSON.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail like the test")]

#[path = "export/csv.rs"]
mod csv_files;
#[path = "export/json_lines.rs"]
mod json_lines;
#[path = "export/oracle.rs"]
mod oracle;
#[path = "export/parquet.rs"]
mod parquet_files;
#[path = "export/records.rs"]
mod records;
#[path = "export/refusals.rs"]
mod refusals;
#[path = "export/sample.rs"]
mod sample;

use paceline_export::{Exporter, Format};
use paceline_types::record::CallRecord;
use std::sync::Arc;

/// Writes all records, in batches of `batch`.
fn export(format: Format, records: &[Arc<CallRecord>], batch: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut exporter = Exporter::new(format, &mut bytes).unwrap();
    for part in records.chunks(batch.max(1)) {
        exporter.write(part).unwrap();
    }
    assert_eq!(exporter.finish().unwrap(), records.len() as u64);
    bytes
}
