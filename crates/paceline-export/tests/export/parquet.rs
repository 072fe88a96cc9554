//! Parquet read back by the library's reader, which gives rows of typed fields.

use super::{export, oracle, records};
use paceline_export::{Format, column_names};
use paceline_types::record::CallRecord;
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use proptest::prelude::*;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::Arc;

type Reader = SerializedFileReader<bytes::Bytes>;

fn open(records: &[Arc<CallRecord>], batch: usize) -> Reader {
    SerializedFileReader::new(export(Format::Parquet, records, batch).into()).unwrap()
}

fn rows(reader: &Reader) -> Vec<Row> {
    reader.get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

/// A decimal's bytes as its whole number of 10⁻¹² dollars.
fn pico(bytes: &[u8]) -> i128 {
    i128::from_be_bytes(bytes.try_into().unwrap())
}

fn is_same(record: &CallRecord, name: &str, field: &Field, expected: &Value) -> bool {
    match (field, expected) {
        (Field::Null, expected) => expected.is_null(),
        (Field::TimestampMicros(micros), _) if name == "started_at" => *micros == record.started_at.0,
        (Field::Decimal(decimal), _) if name == "cost_usd" => {
            (decimal.precision(), decimal.scale()) == (38, 12)
                && record.cost.map(|cost| i128::from(cost.0)) == Some(pico(decimal.data()))
        }
        (Field::Bool(truth), Value::Bool(expected)) => truth == expected,
        (Field::Long(number), Value::Number(expected)) => Some(*number) == expected.as_i64(),
        (Field::Double(number), Value::Number(expected)) => Some(*number) == expected.as_f64(),
        (Field::Str(text), Value::String(expected)) => text == expected,
        (Field::Str(text), Value::Array(_) | Value::Object(_)) => {
            serde_json::from_str::<Value>(text).ok().as_ref() == Some(expected)
        }
        _ => false,
    }
}

fn check(records: &[Arc<CallRecord>], reader: &Reader) {
    let rows = rows(reader);
    assert_eq!(rows.len(), records.len());
    for (record, row) in records.iter().zip(&rows) {
        let flat = oracle::flat(record);
        let names: Vec<&str> = row.get_column_iter().map(|(name, _)| name.as_str()).collect();
        assert!(names.iter().copied().eq(column_names()));
        for (name, field) in row.get_column_iter() {
            assert!(is_same(record, name, field, &flat[name]), "{name}: {field:?} for {:?}", flat[name]);
        }
    }
}

proptest! {
    #[test]
    fn every_field_is_the_records(records in records::records(), batch in 1..5usize) {
        check(&records, &open(&records, batch));
    }
}

#[test]
fn an_empty_export_is_a_readable_file() {
    let reader = open(&[], 1);
    assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
    assert!(reader.metadata().file_metadata().schema_descr().num_columns() == column_names().count());
}

#[test]
fn row_groups_are_bounded_in_rows_and_packed() {
    let few = records::many(100);
    let records: Vec<_> = few.iter().cycle().take(16_384 + 5).cloned().collect();
    let reader = open(&records, 1000);
    let groups: Vec<i64> = reader.metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect();
    assert_eq!(groups, [16_384, 5]);
    let first = reader.metadata().row_group(0);
    let column = |name: &str| first.columns().iter().find(|c| c.column_path().string() == name).unwrap();
    assert!(first.columns().iter().all(|column| matches!(column.compression(), Compression::ZSTD(_))));
    assert!(column("tenant").encodings().any(|encoding| encoding == Encoding::RLE_DICTIONARY));
    assert!(!column("id").encodings().any(|encoding| encoding == Encoding::RLE_DICTIONARY));
    check(&records, &reader);
}

#[test]
fn row_groups_are_bounded_in_bytes_too() {
    let mut record = CallRecord::clone(&records::many(1)[0]);
    let labels = record.labels.get_or_insert_default();
    labels.role = Some("x".repeat(1024 * 1024).into());
    let record = Arc::new(record);
    let records = vec![record; 70];
    let groups = open(&records, 70).metadata().num_row_groups();
    assert_eq!(groups, 3, "32 MB a group");
}

/// The same calls in all formats, for readers of other languages: `tests/clients/test_export.py` knows how to compare.
#[test]
fn files_for_other_readers() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("export");
    fs::create_dir_all(&folder).unwrap();
    let records = records::many(500);
    for format in Format::ALL {
        let bytes = export(format, &records, 100);
        assert!(!bytes.is_empty());
        fs::write(folder.join(format!("calls.{}", format.as_str())), bytes).unwrap();
    }
}
