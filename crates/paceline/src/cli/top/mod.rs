//! `paceline top`: the dashboard in a terminal.

mod advice;
mod ask;
mod calls;
mod data;
mod draw;
mod filter;
mod health;
mod keys;
mod limits;
mod models;
mod overview;
mod parts;
mod read;
mod screen;
mod table;
mod terminal;
#[cfg(test)]
mod tests;

use super::Where;
use super::client::Door;
use super::out::{color, fail, say};
use clap::Args;
use data::{Data, News, Question};
use screen::{Screen, View};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

/// How wide a printed look is where nobody says so.
const PRINTED: usize = 100;
/// No narrower, no wider.
const LEAST: usize = 60;
const MOST: usize = 400;

#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// Print one look and end; without a terminal that is what happens anyway.
    #[arg(long)]
    once: bool,
    /// Seconds between two looks, 1 to 60.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    refresh: u64,
    #[command(flatten)]
    place: Where,
}

pub(crate) fn run(args: &TopArgs) -> ExitCode {
    let door = match Door::to(&args.place) {
        Ok(door) => door,
        Err(error) => return fail(error),
    };
    let is_live = std::io::stdout().is_terminal() && !args.once && !args.place.json;
    let ended = if is_live {
        terminal::run(door, Duration::from_secs(args.refresh), color())
    } else {
        look(&door).map(|data| {
            if args.place.json {
                say(format_args!("{:#}\n", data.json()));
            } else {
                say(printed(&data, columns()));
            }
        })
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error),
    }
}

/// Asks everything once.
fn look(door: &Door) -> Result<Data, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut data = Data { url: door.url().to_owned(), ..Data::default() };
        let wish = Screen::default().wish();
        for question in Question::ALL {
            let answer = ask::answer(door, question, &wish).await?;
            data.fold(News::Answer(question, answer));
        }
        let mut live = ask::Live::open(door, Duration::from_secs(60)).await?;
        while data.pulse.is_null() {
            let news = live.next().await?;
            data.fold(news);
        }
        Ok(data)
    })
}

/// How wide a look is printed.
fn columns() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.unwrap_or(PRINTED).clamp(LEAST, MOST)
}

/// One look as text, `width` wide.
fn printed(data: &Data, width: usize) -> String {
    let mut lines = draw::remarks(data, width);
    for view in [View::Overview, View::Models, View::Limits] {
        lines.push(ratatui::text::Line::default());
        let screen = Screen::of(view);
        let page = draw::page(&screen, data, width);
        lines.extend(page.head.into_iter().chain(page.lines));
    }
    let mut text = String::new();
    for line in lines {
        // What a caller wrote must not steer a terminal.
        let line: String = line.to_string().chars().filter(|letter| !letter.is_control()).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
