//! Every view as it looks, at several sizes. `UPDATE=1 cargo test -p paceline --lib top` writes the looks anew; a person
//! reads the difference.

use super::data::{Data, News, Question};
use super::draw::draw;
use super::keys::press;
use super::printed;
use super::screen::{Screen, View};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyCode;
use ratatui::style::Color;
use serde_json::{Value, json};
use std::path::PathBuf;

/// A terminal of 1978, a wide one, and one beside an editor.
const SIZES: [(u16, u16); 3] = [(80, 24), (140, 40), (60, 24)];

/// As the admin API would answer, in the form of `--json`.
fn answers() -> Value {
    serde_json::from_str(include_str!("answers.json")).unwrap()
}

fn data_of(answers: &Value) -> Data {
    let mut data = Data { url: "http://127.0.0.1:8420".into(), ..Data::default() };
    let part = |name: &str| answers[name].clone();
    let told = [
        (Question::Ready, part("ready")),
        (Question::Summary, part("summary")),
        (Question::Series, part("series")),
        (Question::Costs, part("costs")),
        (Question::Limits, part("limits")),
        (Question::Keys, json!({ "keys": part("keys") })),
        (Question::Errors, json!({ "calls": part("errors") })),
        (Question::Calls, json!({ "calls": part("calls") })),
        (Question::Metrics, part("metrics")),
    ];
    for (question, answer) in told {
        data.fold(News::Answer(question, answer));
    }
    data.fold(News::Pulse(part("live")));
    data
}

fn data() -> Data {
    data_of(&answers())
}

fn drawn(screen: &mut Screen, data: &Data, (width, height): (u16, u16), color: bool) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, screen, data, color)).unwrap();
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let line = |cells: &[ratatui::buffer::Cell]| {
        let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        format!("{}\n", line.trim_end())
    };
    buffer.content.chunks(width).map(line).collect()
}

/// Compares with the look on disk.
fn looks(name: &str, shown: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/cli/top/tests/{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, shown).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(shown, known, "{name} looks another way; UPDATE=1 takes it over");
}

#[test]
fn every_view_at_every_size() {
    let data = data();
    for size in SIZES {
        for view in View::ALL {
            let shown = text(&drawn(&mut Screen::of(view), &data, size, true));
            looks(&format!("{}-{}", view.name().to_lowercase(), size.0), &shown);
        }
        let mut screen = Screen::of(View::Calls);
        press(&mut screen, KeyCode::Enter.into(), &data);
        looks(&format!("call-{}", size.0), &text(&drawn(&mut screen, &data, size, true)));
        press(&mut screen, KeyCode::Char('?').into(), &data);
        looks(&format!("help-{}", size.0), &text(&drawn(&mut screen, &data, size, true)));
    }
}

#[test]
fn one_look_is_printed_and_steers_no_terminal() {
    let mut answers = answers();
    answers["calls"][0]["deployment"] = "a\u{1b}[2J\u{7}b".into();
    let shown = printed(&data_of(&answers), 100);
    assert!(shown.contains("a[2Jb") && !shown.contains(['\x1b', '\x07']), "{shown}");
    looks("once-100", &printed(&data(), 100));
}

#[test]
fn nothing_known_yet_looks_like_that_and_not_like_nothing_there() {
    for view in View::ALL {
        let shown = text(&drawn(&mut Screen::of(view), &Data::default(), (80, 24), true));
        assert!(shown.contains('…') && !shown.contains("no call yet"), "{shown}");
    }
}

#[test]
fn no_colour_is_used_where_none_is_wanted() {
    let is_plain = |cell: &ratatui::buffer::Cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset);
    for view in View::ALL {
        let mut screen = Screen::of(view);
        let colored = drawn(&mut screen, &data(), (140, 40), true);
        let plain = drawn(&mut screen, &data(), (140, 40), false);
        assert!(
            plain.content.iter().all(is_plain) && !colored.content.iter().all(is_plain),
            "{}",
            view.name()
        );
        assert_eq!(text(&plain), text(&colored));
    }
}

#[test]
fn who_has_gone_is_said_to_be_gone_and_simulations_to_be_simulated() {
    let mut data = data();
    data.fold(News::Lost("no connection to 127.0.0.1:8420".into()));
    let gone = text(&drawn(&mut Screen::default(), &data, (80, 24), true));
    assert!(gone.contains("✖ gone") && gone.contains("no connection to 127.0.0.1:8420"), "{gone}");
    data.fold(News::Pulse(answers()["live"].clone()));
    data.ready["degraded"] = json!([{"part": "demo", "detail": "SIMULATED: nobody was asked"}]);
    let demo = text(&drawn(&mut Screen::of(View::Calls), &data, (80, 24), true));
    assert!(demo.contains("SIMULATED: nobody was asked") && !demo.contains("gone"), "{demo}");
}

#[test]
fn any_size_can_be_drawn_and_the_chosen_row_stays_in_sight() {
    let data = data();
    for width in (1..200).step_by(23) {
        for height in (1..30).step_by(4) {
            for view in View::ALL {
                let mut screen = Screen::of(view);
                press(&mut screen, KeyCode::End.into(), &data);
                drawn(&mut screen, &data, (width, height), true);
                press(&mut screen, KeyCode::Enter.into(), &data);
                drawn(&mut screen, &data, (width, height), true);
            }
        }
    }
    let mut screen = Screen::of(View::Calls);
    press(&mut screen, KeyCode::End.into(), &data);
    let shown = text(&drawn(&mut screen, &data, (80, 10), true));
    assert!(shown.contains("canceled"), "{shown}");
    press(&mut screen, KeyCode::Home.into(), &data);
    let shown = text(&drawn(&mut screen, &data, (80, 10), true));
    assert!(shown.contains("3 tries") && !shown.contains("canceled"), "{shown}");
}
