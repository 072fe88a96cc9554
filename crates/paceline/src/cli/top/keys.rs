//! What a key does. Ctrl-C ends from everywhere.

use super::data::Data;
use super::filter::Filter;
use super::models;
use super::screen::{Screen, View};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// For the help page, in the order of use.
pub(super) const HELP: [(&str, &str); 11] = [
    ("1 … 5, tab, shift-tab", "another view"),
    ("↑ ↓ or k j, page keys, home end or g G", "another row, or further down"),
    ("enter", "open: a call's waterfall; a model's calls"),
    ("esc", "back; take the filter away"),
    ("/", "filter models or calls: words, and for calls name=value as in `paceline calls`"),
    ("s, S", "sort models by the next column; the other way round"),
    ("w", "how far back: 15m, 1h, 24h, 7d, 30d"),
    ("p or space", "pause, and go on"),
    ("r", "ask for everything anew"),
    ("?", "this page"),
    ("q, Ctrl-C", "quit"),
];

/// What the loop has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Show,
    Quit,
}

/// Takes in a key.
pub(super) fn press(screen: &mut Screen, key: KeyEvent, data: &Data) -> Act {
    screen.said = None;
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return if key.code == KeyCode::Char('c') { Act::Quit } else { Act::Show };
    }
    if screen.typing.is_some() {
        write(screen, key.code);
        return Act::Show;
    }
    if screen.help {
        screen.help = false;
        return if key.code == KeyCode::Char('q') { Act::Quit } else { Act::Show };
    }
    match key.code {
        KeyCode::Char('q') => return Act::Quit,
        KeyCode::Char('?') => screen.help = true,
        KeyCode::Char('p' | ' ') => screen.paused = !screen.paused,
        KeyCode::Char('r') => screen.round += 1,
        KeyCode::Char('w') => screen.next_window(),
        KeyCode::Char('/') => begin_filter(screen),
        KeyCode::Char('s') => screen.sort = (models::next_column(screen.sort.0), screen.sort.1),
        KeyCode::Char('S') => screen.sort.1 = !screen.sort.1,
        KeyCode::Esc | KeyCode::Backspace => back(screen),
        KeyCode::Enter => open(screen, data),
        code => walk(screen, code, data),
    }
    Act::Show
}

/// Keys that go to another view or row.
fn walk(screen: &mut Screen, code: KeyCode, data: &Data) {
    let page = screen.page.max(1) as isize;
    match code {
        KeyCode::Char(digit @ '1'..='5') => show(screen, View::ALL[digit as usize - '1' as usize]),
        KeyCode::Tab | KeyCode::Right => turn(screen, 1),
        KeyCode::BackTab | KeyCode::Left => turn(screen, View::ALL.len() - 1),
        KeyCode::Down | KeyCode::Char('j') => screen.move_by(1, data),
        KeyCode::Up | KeyCode::Char('k') => screen.move_by(-1, data),
        KeyCode::PageDown => screen.move_by(page, data),
        KeyCode::PageUp => screen.move_by(-page, data),
        KeyCode::Home | KeyCode::Char('g') => screen.move_by(isize::MIN, data),
        KeyCode::End | KeyCode::Char('G') => screen.move_by(isize::MAX, data),
        _ => {}
    }
}

fn show(screen: &mut Screen, view: View) {
    screen.view = view;
    screen.open = None;
}

fn turn(screen: &mut Screen, by: usize) {
    show(screen, View::ALL[(screen.view as usize + by) % View::ALL.len()]);
}

fn back(screen: &mut Screen) {
    if screen.open.take().is_none() && !screen.filter().text.is_empty() {
        screen.set_filter(screen.view, Filter::default());
    }
}

fn open(screen: &mut Screen, data: &Data) {
    let at = screen.chosen(data);
    match screen.view {
        View::Calls => {
            let calls = data.calls_like(screen.filter());
            screen.open = calls.get(at).map(|call| (*call).clone());
            screen.open_top = 0;
        }
        View::Models => {
            let name = models::rows(data, screen).get(at).map(|row| models::asked_as(row));
            if let Some(Ok(filter)) = name.map(|name| Filter::read(&format!("model={name}"))) {
                screen.set_filter(View::Calls, filter);
                show(screen, View::Calls);
            }
        }
        _ => {}
    }
}

fn begin_filter(screen: &mut Screen) {
    if screen.open.is_some() || !screen.view.has_filter() {
        show(screen, View::Calls);
    }
    screen.typing = Some(screen.filter().text.clone());
}

/// A key while a filter is written.
fn write(screen: &mut Screen, code: KeyCode) {
    let Some(mut text) = screen.typing.take() else { return };
    match code {
        KeyCode::Esc => return,
        KeyCode::Enter => match Filter::read(&text) {
            Ok(filter) => return screen.set_filter(screen.view, filter),
            Err(why) => screen.said = Some(why),
        },
        KeyCode::Backspace => drop(text.pop()),
        // Longer than anything that can be found.
        KeyCode::Char(letter) if text.len() < 200 => text.push(letter),
        _ => {}
    }
    screen.typing = Some(text);
}

#[cfg(test)]
mod tests {
    use super::{Act, press};
    use crate::cli::top::data::{Data, News, Question};
    use crate::cli::top::screen::{Screen, View};
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    use serde_json::json;

    fn typed(screen: &mut Screen, keys: &str, data: &Data) {
        for letter in keys.chars() {
            let code = match letter {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                '\x1b' => KeyCode::Esc,
                letter => KeyCode::Char(letter),
            };
            assert_eq!(press(screen, code.into(), data), Act::Show, "{letter:?}");
        }
    }

    fn data() -> Data {
        let mut data = Data::default();
        let calls = json!({"calls": [{"id": "3", "model": "a"}, {"id": "2", "model": "b"}, {"id": "1", "model": "a"}]});
        data.fold(News::Answer(Question::Calls, calls));
        let model = |name: &str, calls: u32| json!({"model": name, "provider": "p", "calls": calls});
        let models = json!({"models": [model("a", 1), model("b", 5)]});
        data.fold(News::Answer(Question::Summary, models));
        data
    }

    #[test]
    fn the_chosen_call_stays_when_newer_ones_come() {
        let (mut screen, mut data) = (Screen::default(), data());
        typed(&mut screen, "3j", &data);
        assert_eq!(screen.chosen(&data), 1);
        data.fold(News::Ended(json!({"calls": [{"id": "4"}]})));
        assert_eq!(screen.chosen(&data), 2);
        typed(&mut screen, "\n", &data);
        assert_eq!(screen.open.as_ref().unwrap()["id"], "2");
        typed(&mut screen, "\x1bg", &data);
        assert_eq!((screen.open.is_none(), screen.chosen(&data)), (true, 0));
        data.fold(News::Ended(json!({"calls": [{"id": "5"}]})));
        assert_eq!(screen.chosen(&data), 0, "the top follows the newest");
        typed(&mut screen, "G", &data);
        assert_eq!(screen.chosen(&data), 4);
    }

    #[test]
    fn a_filter_is_written_told_when_wrong_and_taken_away() {
        let (mut screen, data) = (Screen::default(), data());
        typed(&mut screen, "3/modle=a\n", &data);
        assert!(screen.typing.is_some() && screen.said.as_ref().unwrap().contains("modle"));
        for _ in 0.."modle=a".len() {
            press(&mut screen, KeyCode::Backspace.into(), &data);
        }
        typed(&mut screen, "model=a q\n", &data);
        assert_eq!(screen.wish().calls, "&model=a");
        assert!(data.calls_like(screen.filter()).is_empty());
        typed(&mut screen, "\x1b", &data);
        assert_eq!(data.calls_like(screen.filter()).len(), 3);
    }

    #[test]
    fn views_are_turned_and_a_model_leads_to_its_calls() {
        let (mut screen, data) = (Screen::default(), data());
        typed(&mut screen, "\t", &data);
        assert_eq!((screen.view, screen.chosen(&data)), (View::Models, 0));
        typed(&mut screen, "\n", &data);
        assert_eq!(
            (screen.view, screen.filter().text.as_str()),
            (View::Calls, "model=b"),
            "the busiest is first"
        );
        typed(&mut screen, "5\t", &data);
        assert_eq!(screen.view, View::Overview);
        typed(&mut screen, "wp?", &data);
        assert_eq!((screen.wish().window, screen.paused, screen.help), ("24h", true, true));
        typed(&mut screen, "x", &data);
        assert!(!screen.help);
    }

    #[test]
    fn q_and_ctrl_c_end_and_q_can_be_written() {
        let (mut screen, data) = (Screen::default(), data());
        assert_eq!(press(&mut screen, KeyCode::Char('q').into(), &data), Act::Quit);
        typed(&mut screen, "/q", &data);
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(press(&mut screen, ctrl_c, &data), Act::Quit);
    }
}
