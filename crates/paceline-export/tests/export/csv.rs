//! CSV read back by the `csv` crate.

use super::{export, oracle, records, sample};
use csv::StringRecord;
use paceline_export::{Format, column_names};
use proptest::prelude::*;
use serde_json::Value;

/// Columns whose text a caller or a provider chose.
const FOREIGN: [&str; 12] = [
    "role",
    "task",
    "task_type",
    "session",
    "user",
    "trace_id",
    "operation",
    "requested_model",
    "model",
    "deployment",
    "error_code",
    "finish_reason",
];

fn read(bytes: &[u8]) -> (StringRecord, Vec<StringRecord>) {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().unwrap().clone();
    (header, reader.records().map(Result::unwrap).collect())
}

/// What a spreadsheet would run.
fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

fn is_same(name: &str, cell: &str, expected: &Value) -> bool {
    match expected {
        Value::Null => cell.is_empty(),
        Value::Bool(truth) => cell == truth.to_string(),
        Value::Number(number) if number.is_i64() => cell.parse::<i64>().ok() == number.as_i64(),
        Value::Number(number) => cell.parse::<f64>().ok() == number.as_f64(),
        Value::String(text) if FOREIGN.contains(&name) => {
            !is_formula(cell) && cell.strip_prefix('\'').unwrap_or(cell) == text
        }
        Value::String(text) => cell == text,
        Value::Array(_) | Value::Object(_) => {
            serde_json::from_str::<Value>(cell).ok().as_ref() == Some(expected)
        }
    }
}

proptest! {
    #[test]
    fn every_cell_is_the_field(records in records::records(), batch in 1..5usize) {
        let (header, rows) = read(&export(Format::Csv, &records, batch));
        prop_assert!(header.iter().eq(column_names()));
        prop_assert_eq!(rows.len(), records.len());
        for (record, row) in records.iter().zip(&rows) {
            let flat = oracle::flat(record);
            for (name, cell) in header.iter().zip(row) {
                prop_assert!(is_same(name, cell, &flat[name]), "{}: {:?} for {:?}", name, cell, flat[name]);
            }
        }
    }
}

#[test]
fn unknown_is_empty_and_known_empty_text_is_quoted() {
    let bytes = export(Format::Csv, &[sample::with_role(None), sample::with_role(Some(""))], 1);
    let text = String::from_utf8(bytes).unwrap();
    let mut lines = text.split("\r\n");
    let at = lines.next().unwrap().split(',').position(|name| name == "role").unwrap();
    let cells: Vec<&str> = lines.filter_map(|line| line.split(',').nth(at)).collect();
    assert_eq!(cells, ["", "\"\""]);
}

#[test]
fn a_formula_gets_an_apostrophe_and_so_does_an_apostrophe() {
    let texts = ["=HYPERLINK(1)", "'twas", "plain", "a=b"];
    let (header, rows) = read(&export(Format::Csv, &texts.map(|text| sample::with_role(Some(text))), 9));
    let at = header.iter().position(|name| name == "role").unwrap();
    let cells: Vec<&str> = rows.iter().map(|row| &row[at]).collect();
    assert_eq!(cells, ["'=HYPERLINK(1)", "''twas", "plain", "a=b"]);
}

#[test]
fn an_empty_export_has_a_header() {
    let (header, rows) = read(&export(Format::Csv, &[], 1));
    assert!(header.iter().eq(column_names()) && rows.is_empty());
}
