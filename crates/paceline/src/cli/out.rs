//! What commands print: to standard output what was asked for, to standard error what went wrong.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// Prints a text; a reader that has closed the pipe has seen enough.
pub(crate) fn say(text: impl Display) {
    let _ = write!(std::io::stdout().lock(), "{text}");
}

/// Prints a text to standard error.
pub(crate) fn tell(text: impl Display) {
    let _ = write!(std::io::stderr().lock(), "{text}");
}

/// Says why a command failed.
pub(crate) fn fail(text: impl Display) -> ExitCode {
    tell(format_args!("paceline: {text}\n"));
    ExitCode::from(super::FAILED)
}

/// Whether people look at standard output.
pub(crate) fn color() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Whether people look at standard error.
pub(crate) fn error_color() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// A text in a colour, where people look.
pub(crate) fn paint(text: &str, code: &str, color: bool) -> String {
    if color && !code.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// How wide a cell is on a terminal: colours take no room.
fn width_of(cell: &str) -> usize {
    let mut parts = cell.split("\x1b[");
    let plain = parts.next().unwrap_or_default().chars().count();
    plain + parts.map(|part| part.split_once('m').map_or(0, |(_, text)| text.chars().count())).sum::<usize>()
}

/// A table: columns as wide as their widest cell; the columns of `right` are numbers.
pub(crate) fn table(head: &[&str], right: &[usize], rows: &[Vec<String>], color: bool) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| width_of(cell));
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().enumerate().map(|(column, cell)| {
            let fill = " ".repeat(widths[column].saturating_sub(width_of(cell)));
            if right.contains(&column) { format!("{fill}{cell}") } else { format!("{cell}{fill}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    let mut out = format!("{}\n", paint(&line(&head), "2", color));
    for row in rows {
        out.push_str(&line(row));
        out.push('\n');
    }
    out
}

/// `1.2 s`, `340 ms`, `0.8 ms`, or `-`.
pub(crate) fn time(ms: Option<f64>) -> String {
    match ms {
        None => "-".into(),
        Some(ms) if ms >= 1000.0 => format!("{:.2} s", ms / 1000.0),
        Some(ms) if ms >= 10.0 => format!("{ms:.0} ms"),
        Some(ms) => format!("{ms:.1} ms"),
    }
}

/// `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|g| std::str::from_utf8(g).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::{count, paint, table, time};

    #[test]
    fn numbers_and_tables_line_up() {
        assert_eq!([count(7), count(1234), count(1_234_567)], ["7", "1,234", "1,234,567"]);
        assert_eq!([time(Some(1234.0)), time(Some(0.84)), time(None)], ["1.23 s", "0.8 ms", "-"]);
        let rows = [vec!["a".to_owned(), "10".to_owned()], vec!["long".to_owned(), "7".to_owned()]];
        assert_eq!(table(&["name", "n"], &[1], &rows, false), "name   n\na     10\nlong   7\n");
        let rows = rows.map(|row| vec![paint(&row[0], "32", true), row[1].clone()]);
        let painted = table(&["name", "n"], &[1], &rows, false);
        assert_eq!(painted, "name   n\n\x1b[32ma\x1b[0m     10\n\x1b[32mlong\x1b[0m   7\n");
    }
}
