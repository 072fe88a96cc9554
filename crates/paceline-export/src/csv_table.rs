//! The table as CSV (RFC 4180): a header, CRLF, quotes where they are needed.
//!
//! Unknown is an empty cell; a known empty text is `""`. Spreadsheets run a cell that begins like a formula, so such
//! text gets an apostrophe in front where a caller or a provider chose it (OWASP, "CSV Injection"). Text that begins
//! with an apostrophe gets one more: whoever reads these columns by program takes one leading apostrophe off.

use crate::columns::{COLUMNS, Column, Value};
use paceline_types::record::CallRecord;

/// How a formula may begin, also in the full width that some spreadsheets take for the same.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

pub(crate) fn push_header(out: &mut Vec<u8>) {
    for (at, column) in COLUMNS.iter().enumerate() {
        push_comma(out, at);
        out.extend_from_slice(column.name.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

pub(crate) fn push_row(out: &mut Vec<u8>, record: &CallRecord) {
    for (at, column) in COLUMNS.iter().enumerate() {
        push_comma(out, at);
        push_cell(out, column, &(column.value)(record));
    }
    out.extend_from_slice(b"\r\n");
}

fn push_comma(out: &mut Vec<u8>, at: usize) {
    if at > 0 {
        out.push(b',');
    }
}

fn push_cell(out: &mut Vec<u8>, column: &Column, value: &Value<'_>) {
    match value {
        Value::Null => {}
        Value::Text(text) => push_text(out, text, column.foreign && text.starts_with(is_guarded)),
        Value::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Float(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Bool(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
        Value::Time(time) => out.extend_from_slice(time.rfc3339().as_bytes()),
        Value::Money(cost) => out.extend_from_slice(cost.to_string().as_bytes()),
    }
}

fn is_guarded(first: char) -> bool {
    first == '\'' || FORMULA.contains(&first)
}

fn push_text(out: &mut Vec<u8>, text: &str, guard: bool) {
    let quote = text.is_empty() || text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n'));
    if quote {
        out.push(b'"');
    }
    if guard {
        out.push(b'\'');
    }
    for byte in text.bytes() {
        out.push(byte);
        if byte == b'"' {
            out.push(b'"');
        }
    }
    if quote {
        out.push(b'"');
    }
}
