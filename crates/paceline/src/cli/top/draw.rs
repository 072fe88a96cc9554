//! The frame: views at the top, a page, what keys do at the bottom. Draws from plain data.

use super::calls::{one, table_of};
use super::data::Data;
use super::keys::HELP;
use super::overview::state;
use super::parts::{Tone, bold, cut, dim, faint, fitted, plain};
use super::read::{list, number, rate, text};
use super::screen::{Screen, View};
use super::{health, limits, models, overview};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use serde_json::Value;

/// Below this nothing can be read.
const LEAST: (u16, u16) = (40, 10);

/// A page: lines that stay, lines that scroll, and the chosen one.
pub(super) struct Page {
    pub(super) head: Vec<Line<'static>>,
    pub(super) lines: Vec<Line<'static>>,
    chosen: Option<usize>,
}

impl Page {
    fn scrolling(lines: Vec<Line<'static>>) -> Self {
        Self { head: Vec::new(), lines, chosen: None }
    }
}

/// The page of the screen's view, `width` wide.
pub(super) fn page(screen: &Screen, data: &Data, width: usize) -> Page {
    if let Some(call) = &screen.open {
        return Page::scrolling(one(call, width));
    }
    let (table, empty) = match screen.view {
        View::Overview => return Page::scrolling(overview::page(data, screen.window(), width)),
        View::Limits => return Page::scrolling(limits::page(data, width)),
        View::Health => return Page::scrolling(health::page(data, width)),
        View::Models => (models::page(data, screen, width), data.summary.is_null()),
        View::Calls => (table_of(&data.calls_like(screen.filter()), width), !data.has_calls),
    };
    if table.rows.is_empty() {
        let words = match (empty, screen.filter().text.is_empty()) {
            (true, _) => "…".to_owned(),
            (false, true) if screen.view == View::Models => {
                format!("no model was asked in the last {}", screen.window())
            }
            (false, true) => "no call yet".to_owned(),
            (false, false) => "nothing is like the filter; esc takes it away".to_owned(),
        };
        return Page::scrolling(vec![Line::styled(words, dim())]);
    }
    Page { head: vec![table.head], lines: table.rows, chosen: Some(screen.chosen(data)) }
}

/// Draws everything; remembers what scrolled where.
pub(super) fn draw(frame: &mut Frame<'_>, screen: &mut Screen, data: &Data, color: bool) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let words = format!("{} × {} at least", LEAST.0, LEAST.1);
        put(frame, area, 0, &Line::from(words));
        return;
    }
    let width = usize::from(area.width).saturating_sub(2);
    let mut top = vec![tabs(screen, data, width)];
    top.extend(remarks(data, width));
    top.push(Line::default());
    let mut below = 0;
    if screen.help {
        top.extend(help(width));
        rows(frame, area, &top);
    } else {
        let page = page(screen, data, width);
        top.extend(page.head);
        let above = top.len();
        rows(frame, area, &top);
        let height = usize::from(area.height).saturating_sub(above + 1);
        let slot = if screen.open.is_some() { screen.open_top } else { screen.top[screen.view as usize] };
        let from = Screen::scrolled(slot, page.lines.len(), height, page.chosen);
        if screen.open.is_some() {
            screen.open_top = from;
        } else {
            screen.top[screen.view as usize] = from;
        }
        screen.page = height.saturating_sub(1);
        for (at, line) in page.lines.iter().enumerate().skip(from).take(height) {
            let mut line = fitted(line, width);
            if page.chosen == Some(at) {
                line = line.patch_style(Style::new().add_modifier(Modifier::REVERSED));
            }
            put(frame, area, above + at - from, &line);
        }
        below = page.lines.len().saturating_sub(from + height);
    }
    put(frame, area, usize::from(area.height) - 1, &bottom(screen, below, width));
    if !color {
        for cell in &mut frame.buffer_mut().content {
            (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
        }
    }
}

fn rows(frame: &mut Frame<'_>, area: Rect, lines: &[Line<'static>]) {
    for (at, line) in lines.iter().enumerate() {
        put(frame, area, at, line);
    }
}

/// One line at a row, with a blank column at both sides.
fn put(frame: &mut Frame<'_>, area: Rect, row: usize, line: &Line<'static>) {
    let y = area.y.saturating_add(row as u16);
    if y < area.bottom() {
        let spot = Rect { x: area.x + 1, y, width: area.width.saturating_sub(2), height: 1 };
        frame.render_widget(line, spot);
    }
}

fn tabs(screen: &Screen, data: &Data, width: usize) -> Line<'static> {
    let mut spans = Vec::new();
    if width >= 76 {
        spans.push(Span::styled("Paceline  ", bold()));
    }
    for (at, view) in View::ALL.into_iter().enumerate() {
        let style = if view == screen.view { bold().add_modifier(Modifier::REVERSED) } else { Style::new() };
        spans.push(Span::styled(format!("{} {}", at + 1, view.name()), style));
        spans.push(plain(if width >= 76 { "  " } else { " " }));
    }
    let right = if data.lost.is_some() {
        vec![Tone::Bad.mark(), plain(" gone")]
    } else if screen.paused {
        vec![Tone::Unknown.mark(), Span::styled(" paused", bold())]
    } else if data.pulse.is_null() {
        vec![Tone::Unknown.mark(), plain(" …")]
    } else {
        vec![Tone::Good.mark(), plain(format!(" {}", rate(number(&data.pulse, "/recent/calls_per_second"))))]
    };
    let used: usize = spans.iter().chain(&right).map(Span::width).sum();
    spans.push(plain(" ".repeat(width.saturating_sub(used))));
    spans.extend(right);
    Line::from(spans)
}

/// What has to be known on every page.
pub(super) fn remarks(data: &Data, width: usize) -> Vec<Line<'static>> {
    let mut first = state(data);
    first.push(faint(format!("  {}", data.url)));
    let mut lines = vec![fitted(&Line::from(first), width)];
    let is_demo = |one: &&Value| text(one, "/part") == "demo";
    if let Some(demo) = list(&data.ready, "/degraded").iter().find(is_demo) {
        lines.push(Line::styled(cut(text(demo, "/detail"), width), Tone::Near.style().patch(bold())));
    }
    if let Some(why) = &data.lost {
        let words = format!("this is what it said last; trying again: {why}");
        lines.push(Line::styled(cut(&words, width), Tone::Bad.style()));
    } else if let Some(why) = &data.refused {
        lines.push(Line::styled(cut(why, width), Tone::Bad.style()));
    }
    lines
}

/// What keys do, and how many lines are further down.
fn bottom(screen: &Screen, below: usize, width: usize) -> Line<'static> {
    if let Some(text) = &screen.typing {
        let why = screen.said.as_deref().unwrap_or("enter takes it, esc leaves it");
        return fitted(
            &Line::from(vec![Span::styled(format!("/{text}▏"), bold()), faint(format!("  {why}"))]),
            width,
        );
    }
    let filter = screen.filter();
    let filtered =
        if filter.text.is_empty() { "/ filter".to_owned() } else { format!("/{} (esc)", filter.text) };
    let pause = if screen.paused { "p go on" } else { "p pause" };
    let window = format!("w {}", screen.window());
    let keys: Vec<&str> = match (screen.open.is_some(), screen.view) {
        (true, _) => vec!["esc back", "↑↓ scroll"],
        (_, View::Overview) => vec![&window, pause],
        (_, View::Models) => vec!["enter calls", "s sort", &filtered, &window, pause],
        (_, View::Calls) => vec!["enter open", &filtered, pause],
        _ => vec!["↑↓ scroll", pause],
    };
    let keys = ["q quit", "? help", "tab next"].into_iter().chain(keys).collect::<Vec<_>>().join(" · ");
    let more = if below > 0 { format!(" {below} more ↓") } else { String::new() };
    let mut line = fitted(&Line::styled(keys, dim()), width.saturating_sub(Span::raw(more.as_str()).width()));
    line.spans.push(Span::styled(more, bold()));
    line
}

fn help(width: usize) -> Vec<Line<'static>> {
    let keys = HELP.iter().map(|(keys, _)| Span::raw(*keys).width()).max().unwrap_or(0);
    let is_narrow = width < keys + 50;
    let mut lines = vec![Line::styled("Keys", bold()), Line::default()];
    for (keys_of, words) in HELP {
        if is_narrow {
            lines.push(Line::styled(keys_of, bold()));
            lines.extend(
                super::parts::wrapped(words, width.saturating_sub(2))
                    .into_iter()
                    .map(|line| Line::from(format!("  {line}"))),
            );
        } else {
            let fill = " ".repeat(keys + 2 - Span::raw(keys_of).width());
            lines.push(Line::from(vec![Span::styled(keys_of, bold()), plain(fill), plain(words)]));
        }
    }
    lines.push(Line::default());
    lines.push(Line::styled("● on target  ▲ near or degraded  ✖ bad  ○ not known", dim()));
    lines
}
