//! The terminal: taken over, drawn on, and given back however it ends.

use super::ask::{stop, tell};
use super::data::{Data, News, Question};
use super::draw::draw;
use super::keys::{Act, press};
use super::screen::Screen;
use crate::cli::client::Door;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::Duration;
use tokio::sync::watch;

/// News that wait to be shown.
const WAITING: usize = 64;
/// How long news may wait while no key is pressed.
const TURN: Duration = Duration::from_millis(100);

/// How often it is looked whether the terminal is still there.
const LOOK: Duration = Duration::from_secs(1);

/// Gives the terminal back when it goes; panics are told after that, by the hook of `try_init`.
struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Shows what happens until the person or a signal ends it.
///
/// # Errors
/// In words, when nothing answers at the start or the terminal cannot be used.
pub(super) fn run(door: Door, refresh: Duration, color: bool) -> Result<(), String> {
    let (send, news) = sync_channel(WAITING);
    let screen = Screen::default();
    let (wish, wanted) = watch::channel(screen.wish());
    let data = Data { url: door.url().to_owned(), ..Data::default() };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let ready = runtime.block_on(super::ask::answer(&door, Question::Limits, &screen.wish()))?;
    // Heard before the terminal is taken over: unheard, a signal would end the process without giving it back.
    let heard = {
        let _within = runtime.enter();
        stop()
    };
    let stop = heard.map_err(|error| format!("signals cannot be heard: {error}"))?;
    let spawned = std::thread::Builder::new().name("paceline-top".into()).spawn(move || {
        runtime.block_on(async {
            // A signal ends the asking, and may come because the terminal was closed.
            let gone = async {
                terminal_gone().await;
                std::process::exit(1)
            };
            tokio::join!(tell(&door, refresh, wanted, stop, &send), gone);
        });
    });
    spawned.map_err(|error| format!("no thread: {error}"))?;
    let terminal = ratatui::try_init().map_err(|error| {
        format!("this terminal cannot be drawn on: {error}; `paceline top --once` prints one look")
    })?;
    let restore = Restore;
    let mut shown = Shown { screen, data, color };
    shown.data.fold(News::Answer(Question::Limits, ready));
    let ended = show(terminal, &mut shown, &wish, &news);
    drop(restore);
    ended
}

/// Over when the terminal is closed. Who waits for keys is not told of that: there is nothing to read, for ever.
async fn terminal_gone() {
    let mut tick = tokio::time::interval(LOOK);
    loop {
        tick.tick().await;
        if rustix::termios::tcgetattr(std::io::stdin()).is_err() {
            return;
        }
    }
}

struct Shown {
    screen: Screen,
    data: Data,
    color: bool,
}

fn show(
    mut terminal: DefaultTerminal,
    shown: &mut Shown,
    wish: &watch::Sender<super::screen::Wish>,
    news: &Receiver<News>,
) -> Result<(), String> {
    let lost = |error: std::io::Error| format!("the terminal is gone: {error}");
    let mut is_new = true;
    loop {
        if is_new {
            terminal.draw(|frame| draw(frame, &mut shown.screen, &shown.data, shown.color)).map_err(lost)?;
        }
        is_new = false;
        let mut wait = TURN;
        // All keys that wait are taken in before anything is drawn.
        while event::poll(wait).map_err(lost)? {
            wait = Duration::ZERO;
            is_new = true;
            if let Event::Key(key) = event::read().map_err(lost)?
                && key.kind != KeyEventKind::Release
                && press(&mut shown.screen, key, &shown.data) == Act::Quit
            {
                return Ok(());
            }
        }
        let wanted = shown.screen.wish();
        wish.send_if_modified(|before| {
            let is_other = *before != wanted;
            if is_other {
                *before = wanted;
            }
            is_other
        });
        loop {
            match news.try_recv() {
                Ok(News::Stop) => return Ok(()),
                Ok(one) => {
                    is_new |= take(shown, one);
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err("the thread that asks has ended".into()),
            }
        }
    }
}

/// Takes in what happened, unless the person wants to look in peace; whether the screen is another now.
fn take(shown: &mut Shown, news: News) -> bool {
    if shown.screen.paused && !matches!(news, News::Lost(_)) {
        // Calls that are let go now are asked for when it goes on.
        if matches!(news, News::Ended(_)) {
            shown.screen.round += 1;
        }
        return false;
    }
    let was_lost = shown.data.lost.is_some();
    shown.data.fold(news);
    // Calls that ended meanwhile were not told.
    if was_lost && shown.data.lost.is_none() {
        shown.screen.round += 1;
    }
    true
}
