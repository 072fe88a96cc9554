//! Many streams at once: at a provider's speed, idle, and to callers that do not read.

use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::client::Request;
use super::house::House;
use super::{Figure, Setting};
use crate::cases::Exchange;
use crate::error::{Context, Result};
use crate::load::{self, Plan, Target};
use crate::payload;
use crate::upstream::STEADY_PAUSE;

const STEADY: usize = 500;
/// Streams on each connection, one after the other.
const TURNS: u64 = 4;
const STUCK: usize = 100;
/// Connections that are opened at once; more than the backlog of a socket would wait for it.
const AT_ONCE: usize = 100;
/// Until buffers are full and what is no longer needed is given back.
const SETTLE: Duration = Duration::from_secs(5);

/// Streams at once that are all read; every byte is compared.
pub(super) async fn steady(setting: &Setting, name: &str) -> Result<Vec<Figure>> {
    let house = House::start(setting, name, "").await?;
    let plan = Plan::new(&Target::local(house.port), Exchange::stream("steady", true));
    let tally = load::fixed(plan, STEADY, STEADY as u64 * TURNS).await?;
    let own = STEADY_PAUSE.as_secs_f64() * 1e3 * (payload::EVENTS - 1) as f64;
    let (half, most) = (tally.whole_ms(0.5), tally.whole_ms(0.99));
    let failures = tally.first_failure.unwrap_or_else(|| "0".to_owned());
    Ok(vec![
        Figure::asked("streams with an error", failures, "0", tally.failures == 0),
        Figure::told("streams, 500 at once", tally.calls.to_string()),
        Figure::told("the provider's own length", format!("{own:.0} ms")),
        Figure::asked(
            "length, p50, p99",
            format!("{half:.0} ms, {most:.0} ms"),
            "p50 within 2 %",
            half <= own * 1.02,
        ),
    ])
}

/// Opens streams until there are so many.
async fn open(streams: &mut Vec<TcpStream>, request: &Rc<Request>, count: usize) -> Result<()> {
    while streams.len() < count {
        let mut opening = JoinSet::new();
        for _ in 0..AT_ONCE.min(count - streams.len()) {
            let request = Rc::clone(request);
            opening.spawn_local(async move { request.until_first_event().await });
        }
        while let Some(opened) = opening.join_next().await {
            let so_far = streams.len();
            streams.push(opened.context("task")?.context(format!("stream {so_far}"))?);
        }
    }
    Ok(())
}

/// Streams whose first event has come and no more.
pub(super) async fn idle(setting: &Setting, name: &str) -> Result<Vec<Figure>> {
    let house = House::start(setting, name, "").await?;
    // Each stream takes two files of Paceline.
    let most = setting.idle.min((setting.files.saturating_sub(500) / 2) as usize);
    let request = Rc::new(Request::new(house.port, "idle", true));
    let mut streams = Vec::new();
    open(&mut streams, &request, 1).await?;
    let mut figures = Vec::new();
    let before = house.resident_mb();
    for (count, what) in [(most / 2, "half: open, memory each"), (most, "all: open, memory each")] {
        open(&mut streams, &request, count).await?;
        tokio::time::sleep(SETTLE).await;
        let memory = house.resident_mb();
        let each = (memory - before) * 1024.0 / (count - 1) as f64;
        figures.push(Figure::asked(
            what,
            format!("{count}, {each:.1} KB ({memory:.0} MB in all)"),
            "≤ 40 KB",
            each <= 40.0,
        ));
    }
    let mut gone = 0;
    for stream in &streams {
        // Nothing may have come, least of all the end.
        gone += usize::from(stream.try_read(&mut [0]).is_ok());
    }
    figures.push(Figure::asked("of these broken", gone.to_string(), "0", gone == 0));
    Ok(figures)
}

/// Callers that ask and do not read, while the provider sends as fast as it can.
pub(super) async fn stuck(setting: &Setting, name: &str) -> Result<Vec<Figure>> {
    let house = House::start(setting, name, "").await?;
    let request = Request::new(house.port, "flood", true);
    let before = house.resident_mb();
    let mut streams = Vec::new();
    for _ in 0..STUCK {
        streams.push(request.begin().await?);
    }
    tokio::time::sleep(SETTLE).await;
    let then = house.resident_mb();
    tokio::time::sleep(SETTLE).await;
    let after = house.resident_mb();
    let each = (after - before) * 1024.0 / STUCK as f64;
    Ok(vec![
        Figure::asked("memory for each of 100", format!("{each:.0} KB"), "≤ 1,024 KB", each <= 1024.0),
        Figure::asked(
            "memory after 5 s, 10 s",
            format!("{then:.1} MB, {after:.1} MB"),
            "no more than 5 MB more",
            after - then <= 5.0,
        ),
    ])
}
