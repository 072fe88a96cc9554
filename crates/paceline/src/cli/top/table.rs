//! Tables: columns as wide as what is in them; where there is no room the least important go.

use super::parts::{cut, dim};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// The first column is never narrower than this, in columns of the terminal.
const NAME_LEAST: usize = 10;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) head: &'static str,
    /// Numbers stand at the right.
    pub(super) is_number: bool,
    /// 0 always stays; the highest goes first.
    pub(super) rank: u8,
}

/// A number.
pub(super) const fn figure(head: &'static str, rank: u8) -> Column {
    Column { head, is_number: true, rank }
}

/// A text.
pub(super) const fn label(head: &'static str, rank: u8) -> Column {
    Column { head, is_number: false, rank }
}

/// A cell.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) style: Style,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, style: Style::new() }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Cell {
    pub(super) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }

    fn width(&self) -> usize {
        Span::raw(self.text.as_str()).width()
    }
}

/// A head and rows.
pub(super) struct Table {
    pub(super) head: Line<'static>,
    pub(super) rows: Vec<Line<'static>>,
}

/// Which columns there is room for, and how wide each is.
fn layout(columns: &[Column], rows: &[Vec<Cell>], heads: &[String], width: usize) -> Vec<(usize, usize)> {
    let natural = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(Cell::width);
        cells.chain([Span::raw(heads[at].as_str()).width()]).max().unwrap_or(0)
    };
    let mut shown: Vec<(usize, usize)> = (0..columns.len()).map(|at| (at, natural(at))).collect();
    // The name gives way before a column does, down to its least.
    let needs = |shown: &[(usize, usize)]| {
        let name = shown.first().map_or(0, |(_, wide)| (*wide).min(NAME_LEAST.max(width / 4)));
        name + shown.iter().skip(1).map(|(_, wide)| wide + 2).sum::<usize>()
    };
    while needs(&shown) > width {
        let Some(worst) = shown.iter().enumerate().skip(1).max_by_key(|(_, (at, _))| columns[*at].rank)
        else {
            break;
        };
        if columns[shown[worst.0].0].rank == 0 {
            break;
        }
        let at = worst.0;
        shown.remove(at);
    }
    let others: usize = shown.iter().skip(1).map(|(_, wide)| wide + 2).sum();
    if let Some((_, name)) = shown.first_mut() {
        *name = (*name).min(width.saturating_sub(others));
    }
    shown
}

/// Lays out rows in `width` columns; `sorted` is the column they are sorted by, and whether from the highest down.
pub(super) fn table(
    columns: &[Column],
    rows: &[Vec<Cell>],
    sorted: Option<(usize, bool)>,
    width: usize,
) -> Table {
    let head = |(at, column): (usize, &Column)| match sorted {
        Some((by, down)) if by == at => format!("{}{}", column.head, if down { "▼" } else { "▲" }),
        _ => column.head.to_owned(),
    };
    let heads: Vec<String> = columns.iter().enumerate().map(head).collect();
    let shown = layout(columns, rows, &heads, width);
    let line = |cell_of: &dyn Fn(usize) -> Cell| {
        let mut spans = Vec::new();
        for (place, (at, wide)) in shown.iter().enumerate() {
            let cell = cell_of(*at);
            let text = cut(&cell.text, *wide);
            let fill = " ".repeat(wide.saturating_sub(Span::raw(text.as_str()).width()));
            let text = if columns[*at].is_number { format!("{fill}{text}") } else { format!("{text}{fill}") };
            if place > 0 {
                spans.push(Span::raw("  "));
            }
            spans.push(Span::styled(text, cell.style));
        }
        Line::from(spans)
    };
    let cell = |row: &[Cell], at: usize| row.get(at).cloned().unwrap_or_default();
    Table {
        head: line(&|at| Cell::styled(heads[at].clone(), dim())),
        rows: rows.iter().map(|row| line(&|at| cell(row, at))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, figure, label, table};

    #[test]
    fn the_least_important_columns_go_first_and_the_name_gives_way() {
        let columns = [label("model", 0), figure("calls", 0), figure("cost", 2), figure("p99", 9)];
        let rows = [["a-rather-long-name", "1,234", "$12.30", "8.74 s"].map(Cell::from).to_vec()];
        let shown = |width: usize| {
            let table = table(&columns, &rows, Some((1, true)), width);
            [table.head.to_string(), table.rows[0].to_string()]
        };
        assert_eq!(
            shown(60),
            ["model               calls▼    cost     p99", "a-rather-long-name   1,234  $12.30  8.74 s"]
        );
        assert_eq!(
            shown(36),
            ["model         calls▼    cost     p99", "a-rather-lo…   1,234  $12.30  8.74 s"]
        );
        assert_eq!(shown(28), ["model         calls▼    cost", "a-rather-lo…   1,234  $12.30"]);
        assert_eq!(shown(20), ["model         calls▼", "a-rather-lo…   1,234"]);
        assert_eq!(shown(12)[1].chars().count(), 12);
    }
}
