//! What a table must say of a record: its JSON, laid flat by rules that do not use the writers' table of columns.

use paceline_types::record::CallRecord;
use serde_json::{Map, Value};

/// The record's JSON under the names of columns; attempts and tags stay as they are.
pub(crate) fn flat(record: &CallRecord) -> Map<String, Value> {
    let Value::Object(json) = serde_json::to_value(record).unwrap() else { panic!("a record is an object") };
    let mut flat = Map::new();
    for (name, value) in json {
        match name.as_str() {
            "usage" => flat.extend(usage(&value)),
            "attempts" => {
                flat.insert("attempt_count".to_owned(), value.as_array().unwrap().len().into());
                flat.insert(name, value);
            }
            _ => {
                flat.insert(name, value);
            }
        }
    }
    flat
}

fn usage(value: &Value) -> Vec<(String, Value)> {
    let counts = [
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "cache_write_1h_tokens",
        "reasoning_tokens",
    ];
    let mut fields: Vec<_> = counts.map(|name| (name.to_owned(), value[name].clone())).into();
    fields.push(("usage_source".to_owned(), value["source"].clone()));
    fields
}

#[test]
fn the_columns_are_the_fields_of_the_record_and_nothing_else() {
    let record = &super::records::many(1)[0];
    let mut fields: Vec<String> = flat(record).into_iter().map(|(name, _)| name).collect();
    let mut columns: Vec<&str> = paceline_export::column_names().collect();
    fields.sort();
    columns.sort_unstable();
    assert_eq!(columns, fields);
}
