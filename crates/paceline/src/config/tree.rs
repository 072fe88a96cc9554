//! Reads TOML text into a plain tree and notes where every setting stands.

use super::problem::Fault;
use super::report::{Report, join};
use super::values::Origin;
use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A configuration larger than this is a mistake.
pub(super) const BYTES_AT_MOST: usize = 4 << 20;

/// The text as a tree. Text that is no TOML is reported, and the tree is then empty.
pub(super) fn read(text: &str, report: &mut Report) -> Map<String, Value> {
    if text.len() > BYTES_AT_MOST {
        report.error("", Fault::new(format!("the file is larger than {} MB", BYTES_AT_MOST >> 20)));
        return Map::new();
    }
    let starts = line_starts(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return table_value(table.get_ref(), "", &starts, report);
    }
    let mut last_line = 0;
    for error in errors {
        let line = line_at(&starts, error.span().map_or(text.len(), |span| span.start));
        if line != last_line {
            let start = starts.get(line - 1).copied().unwrap_or_default();
            let end = starts.get(line).copied().unwrap_or(text.len());
            report.error_at(line, syntax(error.message(), text.get(start..end).unwrap_or_default()));
        }
        last_line = line;
    }
    Map::new()
}

fn syntax(message: &str, line: &str) -> Fault {
    let value = line.split_once('=').map(|(_, value)| value.trim());
    if message == "duplicate key" {
        return Fault::new("this key or table is there twice").help("keep one, or join the two tables");
    }
    if value.is_some_and(|value| value.is_empty() || value.starts_with('#')) {
        return Fault::new("the value is missing");
    }
    if message.contains("basic string") || message.contains("literal string, expected `'`") {
        return Fault::new("a text in quotes is not closed or holds what it cannot").help(
            "end it with the same quote on the same line; a backslash is written twice, or use single quotes",
        );
    }
    let fault = Fault::new(format!("this is not TOML: {}", message.lines().next().unwrap_or_default()));
    match value {
        Some(value) if !value.starts_with(['"', '\'', '[', '{']) => {
            fault.help("values are text in \"quotes\", numbers, true, false, [lists] or { tables }")
        }
        _ => fault,
    }
}

fn table_value(table: &DeTable<'_>, path: &str, starts: &[usize], report: &mut Report) -> Map<String, Value> {
    let mut out = Map::new();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        let path = join(path, name);
        note(&path, key.span().start, starts, report);
        out.insert(name.to_owned(), plain(value, &path, starts, report));
    }
    out
}

fn plain(value: &Spanned<DeValue<'_>>, path: &str, starts: &[usize], report: &mut Report) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::String(text.as_ref().to_owned()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Value::Number(number.into()),
            // Too large for any range; the check of ranges says what is meant.
            Err(_) if integer.as_str().starts_with('-') => Value::Number(i64::MIN.into()),
            Err(_) => Value::Number(u64::MAX.into()),
        },
        DeValue::Float(float) => {
            let number = float.as_str().parse::<f64>().ok().and_then(Number::from_f64);
            Value::Number(number.unwrap_or_else(|| Number::from_f64(f64::MAX).unwrap_or_else(|| 0.into())))
        }
        // TOML has no null and no setting takes a date: the one stands for the other.
        DeValue::Datetime(_) => Value::Null,
        DeValue::Array(items) => {
            let items = items.iter().enumerate().map(|(index, item)| {
                let path = format!("{path}[{index}]");
                note(&path, item.span().start, starts, report);
                plain(item, &path, starts, report)
            });
            Value::Array(items.collect())
        }
        DeValue::Table(table) => Value::Object(table_value(table, path, starts, report)),
    }
}

fn note(path: &str, offset: usize, starts: &[usize], report: &mut Report) {
    let line = line_at(starts, offset);
    report.origins.insert(path.to_owned(), Origin::File { line, offset });
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1))
        .collect()
}

/// The line of an offset, from 1.
fn line_at(starts: &[usize], offset: usize) -> usize {
    starts.partition_point(|start| *start <= offset)
}
