//! Parts of pages: text cut to fit, tables, meters, small charts, blocks beside each other.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

/// How something fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Near,
    Bad,
    Unknown,
}

impl Tone {
    /// Of a state of an indicator or a deployment, or the word of a grade.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "ok" | "info" | "ready" | "active" | "excellent" | "good" => Self::Good,
            "critical" | "failing" | "key_refused" | "error" | "partial" | "revoked" | "expired"
            | "very slow" => Self::Bad,
            "unknown" | "canceled" | "" => Self::Unknown,
            _ => Self::Near,
        }
    }

    /// Of the used share of a limit.
    pub(super) fn of_share(share: f64) -> Self {
        match share {
            share if share >= 1.0 => Self::Bad,
            share if share >= 0.8 => Self::Near,
            _ => Self::Good,
        }
    }

    pub(super) fn style(self) -> Style {
        match self {
            Self::Good => Style::new().fg(Color::Green),
            Self::Near => Style::new().fg(Color::Yellow),
            Self::Bad => Style::new().fg(Color::Red),
            Self::Unknown => dim(),
        }
    }

    /// Told apart without colours too.
    pub(super) fn mark(self) -> Span<'static> {
        let mark = match self {
            Self::Good => "●",
            Self::Near => "▲",
            Self::Bad => "✖",
            Self::Unknown => "○",
        };
        Span::styled(mark, self.style())
    }
}

pub(super) fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

pub(super) fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

pub(super) fn plain(text: impl Into<String>) -> Span<'static> {
    Span::raw(text.into())
}

pub(super) fn faint(text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), dim())
}

/// At most `width` columns of a text, with a mark where something is missing.
pub(super) fn cut(text: &str, width: usize) -> String {
    if Span::raw(text).width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for letter in text.chars() {
        let wide = Span::raw(letter.to_string()).width();
        if used + wide + 1 > width {
            break;
        }
        used += wide;
        out.push(letter);
    }
    if width > 0 {
        out.push('…');
    }
    out
}

/// A line of exactly `width` columns: cut, or filled with blanks.
pub(super) fn fitted(line: &Line<'static>, width: usize) -> Line<'static> {
    let mut left = width;
    let mut spans = Vec::with_capacity(line.spans.len() + 1);
    for span in &line.spans {
        if left == 0 {
            break;
        }
        let text = cut(&span.content, left);
        left -= Span::raw(text.as_str()).width();
        spans.push(Span::styled(text, span.style));
    }
    spans.push(Span::raw(" ".repeat(left)));
    Line::from(spans).style(line.style)
}

/// A text over several lines of at most `width` columns, broken between words.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if Span::raw(line.as_str()).width() + 1 + Span::raw(word).width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(cut(word, width)),
        }
    }
    lines
}

/// `██████░░░░`: how much of a limit is used.
pub(super) fn meter(share: f64, width: usize) -> Vec<Span<'static>> {
    let full = ((share.clamp(0.0, 1.0) * width as f64).round() as usize).min(width);
    // Something is never nothing.
    let full = if share > 0.0 { full.max(1) } else { full };
    vec![
        Span::styled("█".repeat(full), Tone::of_share(share).style()),
        faint("░".repeat(width.saturating_sub(full))),
    ]
}

/// The values as a row of bars, at most `width`; where there are more, each bar is the largest of its share.
pub(super) fn spark(values: &[f64], width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    if values.is_empty() || width == 0 {
        return String::new();
    }
    let bars = width.min(values.len());
    let most = values.iter().copied().fold(0.0, f64::max);
    let bar = |at: usize| {
        let share = &values[at * values.len() / bars..(at + 1) * values.len() / bars];
        let value = share.iter().copied().fold(0.0, f64::max);
        let height = if most > 0.0 { (value / most * 7.0).round() as usize } else { 0 };
        if value > 0.0 { BARS[height.clamp(1, 7)] } else { BARS[0] }
    };
    (0..bars).map(bar).collect()
}

/// A part of a page with a heading.
pub(super) struct Block {
    pub(super) title: String,
    pub(super) note: String,
    pub(super) lines: Vec<Line<'static>>,
}

impl Block {
    pub(super) fn new(title: impl Into<String>, note: impl Into<String>, lines: Vec<Line<'static>>) -> Self {
        Self { title: title.into(), note: note.into(), lines }
    }

    /// Heading and lines, none wider than `width`.
    pub(super) fn into_lines(self, width: usize) -> Vec<Line<'static>> {
        let title = cut(&self.title, width);
        let mut head = vec![Span::styled(title, bold()), Span::raw(" ")];
        let used = Line::from(head.clone()).width();
        let note = if self.note.is_empty() { String::new() } else { format!(" {}", self.note) };
        let note = cut(&note, width.saturating_sub(used + 2));
        let rule = width.saturating_sub(used + Span::raw(note.as_str()).width());
        head.extend([faint("─".repeat(rule)), faint(note)]);
        let lines = self.lines.iter().map(|line| fitted(line, width));
        std::iter::once(Line::from(head)).chain(lines).collect()
    }
}

/// Blocks under each other, with a line between.
pub(super) fn stacked(blocks: impl IntoIterator<Item = Block>, width: usize) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    for block in blocks {
        if !out.is_empty() {
            out.push(Line::default());
        }
        out.extend(block.into_lines(width));
    }
    out
}

/// Two columns beside each other.
pub(super) fn beside(left: &[Line<'static>], right: &[Line<'static>], width: usize) -> Vec<Line<'static>> {
    let half = width.saturating_sub(3) / 2;
    let blank = Line::default();
    let row = |at: usize| {
        let mut line = fitted(left.get(at).unwrap_or(&blank), half);
        line.spans.push(Span::raw("   "));
        line.spans.extend(right.get(at).unwrap_or(&blank).spans.iter().cloned());
        line
    };
    (0..left.len().max(right.len())).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::{Block, Tone, beside, cut, fitted, meter, plain, spark, stacked, wrapped};
    use ratatui::text::Line;

    fn texts(lines: &[Line<'static>]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_is_wider_than_its_place() {
        assert_eq!([cut("model", 5), cut("model", 4), cut("model", 0)], ["model", "mod…", ""]);
        // Two columns each.
        assert_eq!([cut("日本語", 6), cut("日本語", 5), cut("日本語", 4)], ["日本語", "日本…", "日…"]);
        let line = Line::from(vec![plain("ab"), plain("cdef")]);
        assert_eq!([7, 6, 4, 1].map(|width| fitted(&line, width).width()), [7, 6, 4, 1]);
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
    }

    #[test]
    fn charts_show_little_as_little_and_not_as_nothing() {
        assert_eq!(spark(&[0.0, 0.1, 50.0, 100.0], 10), "▁▂▅█");
        assert_eq!(spark(&[1.0, 2.0, 3.0, 4.0], 2), "▅█");
        assert_eq!([spark(&[], 5), spark(&[0.0], 5)], ["", "▁"]);
        let text = |share| meter(share, 10).iter().map(|span| span.content.to_string()).collect::<String>();
        assert_eq!(
            [0.0, 0.001, 0.5, 3.0].map(text),
            ["░░░░░░░░░░", "█░░░░░░░░░", "█████░░░░░", "██████████"]
        );
    }

    #[test]
    fn blocks_stand_under_and_beside_each_other() {
        let block = |name: &str| Block::new(name, "now", vec![Line::from("abc")]);
        let left = stacked([block("A"), block("B")], 10);
        assert_eq!(texts(&left), ["A ──── now", "abc       ", "", "B ──── now", "abc       "]);
        let both = beside(&left, &stacked([block("C")], 10), 23);
        assert_eq!(both.len(), 5);
        assert_eq!(texts(&both)[0], "A ──── now   C ──── now");
    }

    #[test]
    fn tones_follow_words() {
        let tones = ["ok", "warning", "critical", "unknown", "slow_start"].map(Tone::of);
        assert_eq!(tones, [Tone::Good, Tone::Near, Tone::Bad, Tone::Unknown, Tone::Near]);
    }
}
