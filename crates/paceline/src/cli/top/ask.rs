//! Asks the admin API, on a thread of its own, and tells what comes.

use super::data::{News, Question};
use super::screen::{View, Wish};
use crate::cli::client::Door;
use paceline_dialect::sse;
use paceline_http::Exchange;
use serde_json::{Map, Value, json};
use std::future::poll_fn;
use std::sync::mpsc::SyncSender;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep, timeout};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Sums over a window are asked for no more often than this.
const SLOW: Duration = Duration::from_secs(5);
/// Before the next try, after the first failure and after many.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// A list of calls.
const CALLS: usize = 200;

impl Question {
    fn path(self, wish: &Wish) -> String {
        let window = wish.window;
        match self {
            Self::Ready => "/health/ready".into(),
            Self::Summary => format!("/v1/performance/summary?window={window}"),
            Self::Series => format!("/v1/performance/series?window={window}"),
            Self::Costs => "/v1/costs".into(),
            Self::Limits => "/v1/limits".into(),
            Self::Keys => "/v1/keys".into(),
            Self::Errors => "/v1/calls?status=error&limit=6".into(),
            Self::Calls => format!("/v1/calls?limit={CALLS}{}", wish.calls),
            Self::Metrics => "/metrics".into(),
        }
    }
}

/// One question, answered.
///
/// # Errors
/// In words, as [`Door::ask`].
pub(super) async fn answer(door: &Door, question: Question, wish: &Wish) -> Result<Value, String> {
    let path = question.path(wish);
    match question {
        Question::Metrics => {
            let (status, body) = door.whole("GET", &path, None, PATIENCE).await?;
            if status == 200 { Ok(metrics(&body)) } else { Err(door.refusal(status, &body)) }
        }
        // Who is about to stop says so with 503, and that is an answer.
        Question::Ready => {
            let (status, body) = door.whole("GET", &path, None, PATIENCE).await?;
            match serde_json::from_slice::<Value>(&body) {
                Ok(value) if value["status"].is_string() => Ok(value),
                _ => Err(door.refusal(status, &body)),
            }
        }
        _ => door.ask("GET", &path, None, PATIENCE).await,
    }
}

/// All series of a name together, by name.
fn metrics(page: &[u8]) -> Value {
    let mut sums = Map::new();
    for line in String::from_utf8_lossy(page).lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let name = series.split('{').next().unwrap_or(series);
        let before = sums.get(name).and_then(Value::as_f64).unwrap_or(0.0);
        sums.insert(name.to_owned(), json!(before + value.parse().unwrap_or(0.0)));
    }
    Value::Object(sums)
}

/// Events of `/v1/live`.
pub(super) struct Live {
    exchange: Exchange,
    splitter: sse::Splitter,
}

impl Live {
    /// Begins to listen.
    ///
    /// # Errors
    /// In words, as [`Door::ask`].
    pub(super) async fn open(door: &Door, refresh: Duration) -> Result<Self, String> {
        let path = format!("/v1/live?interval_ms={}", refresh.as_millis());
        let begun = timeout(PATIENCE, door.begin("GET", &path, None)).await;
        let mut exchange = begun.map_err(|_| format!("no answer from {}", door.url()))??;
        let status = exchange.head.status.as_u16();
        if status == 200 {
            return Ok(Self { exchange, splitter: sse::Splitter::default() });
        }
        while !exchange.is_ended() {
            poll_fn(|cx| exchange.poll_more(cx)).await.map_err(|error| error.to_string())?;
        }
        Err(door.refusal(status, &exchange.out))
    }

    /// The next event that says something.
    ///
    /// # Errors
    /// In words, when no more come.
    pub(super) async fn next(&mut self) -> Result<News, String> {
        loop {
            while let Some(len) = self.splitter.event_len(&self.exchange.out) {
                let event = self.exchange.out.split_to(len);
                if let Some(news) = read(&event) {
                    return Ok(news);
                }
            }
            if self.exchange.out.len() > sse::MAX_EVENT {
                return Err("an event does not end".into());
            }
            match poll_fn(|cx| self.exchange.poll_more(cx)).await {
                Ok(true) => {}
                Ok(false) => return Err("it has stopped".into()),
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

fn read(event: &[u8]) -> Option<News> {
    let value = serde_json::from_slice(&sse::data(event)?).ok()?;
    let named =
        |name: &[u8]| event.split(|&b| b == b'\n').any(|line| line.strip_prefix(b"event: ") == Some(name));
    match () {
        () if named(b"pulse") => Some(News::Pulse(value)),
        () if named(b"calls") => Some(News::Ended(value)),
        () => None,
    }
}

/// Tells what happens until nobody listens any more, or `stop` is ready.
pub(super) async fn tell(
    door: &Door,
    refresh: Duration,
    wish: Receiver<Wish>,
    stop: impl Future<Output = ()>,
    out: &SyncSender<News>,
) {
    tokio::select! {
        () = listen(door, refresh, out) => {}
        () = ask(door, refresh, wish, out) => {}
        () = stop => drop(out.send(News::Stop)),
    }
}

/// Ready when the process is told to end by anything but a key, counted from now on.
///
/// # Errors
/// When the system does not let signals be heard.
pub(super) fn stop() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let (mut hangup, mut interrupt) = (signal(SignalKind::hangup())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Listens, and begins anew whenever it ends.
async fn listen(door: &Door, refresh: Duration, out: &SyncSender<News>) {
    let mut pause = PAUSES.0;
    loop {
        let why = match Live::open(door, refresh).await {
            Err(why) => why,
            Ok(mut live) => loop {
                // Pulses come at every interval: silence means that the way is gone.
                match timeout(refresh + PATIENCE, live.next()).await {
                    Ok(Ok(news)) => {
                        pause = PAUSES.0;
                        if out.send(news).is_err() {
                            return;
                        }
                    }
                    Ok(Err(why)) => break why,
                    Err(_) => break format!("nothing comes from {}", door.url()),
                }
            },
        };
        if out.send(News::Lost(why)).is_err() {
            return;
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// What a view shows: at every refresh, and what is slow to add up.
fn questions(view: View) -> (&'static [Question], &'static [Question]) {
    use Question::{Costs, Errors, Keys, Limits, Metrics, Ready, Series, Summary};
    match view {
        View::Overview => (&[Limits, Errors], &[Ready, Summary, Series, Costs]),
        View::Models => (&[], &[Ready, Summary]),
        View::Calls => (&[], &[Ready]),
        View::Limits => (&[Limits], &[Ready, Keys]),
        View::Health => (&[Ready, Metrics], &[]),
    }
}

/// Asks what the screen shows, again and again, and at once when it shows something else.
async fn ask(door: &Door, refresh: Duration, mut wish: Receiver<Wish>, out: &SyncSender<News>) {
    let mut slow_at: Option<Instant> = None;
    let mut calls_of: Option<(String, u64)> = None;
    loop {
        let now = wish.borrow_and_update().clone();
        let mut wanted: Vec<Question> = Vec::new();
        let calls = (now.calls.clone(), now.round);
        if !now.paused {
            let (fast, slow) = questions(now.view);
            wanted.extend(fast);
            if slow_at.is_none_or(|at| at.elapsed() + refresh / 2 >= SLOW.max(refresh)) {
                slow_at = Some(Instant::now());
                wanted.extend(slow);
            }
            if calls_of.as_ref() != Some(&calls) {
                wanted.push(Question::Calls);
            }
        }
        for question in wanted {
            let told = match answer(door, question, &now).await {
                Ok(value) => {
                    if question == Question::Calls {
                        calls_of = Some(calls.clone());
                    }
                    News::Answer(question, value)
                }
                Err(why) => News::Refused(why),
            };
            if out.send(told).is_err() {
                return;
            }
            if wish.has_changed().unwrap_or(false) {
                break;
            }
        }
        match timeout(refresh, wish.changed()).await {
            Ok(Ok(())) => slow_at = None,
            Ok(Err(_)) => return,
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{metrics, read};
    use crate::cli::top::data::News;

    #[test]
    fn events_are_told_apart_by_name() {
        assert!(matches!(read(b"event: pulse\ndata: {\"at\":1}\n\n"), Some(News::Pulse(_))));
        assert!(matches!(read(b"event: calls\ndata: {\"calls\":[]}\n\n"), Some(News::Ended(_))));
        assert!(read(b"event: later\ndata: {}\n\n").is_none() && read(b": ping\n\n").is_none());
    }

    #[test]
    fn metrics_are_summed_by_name() {
        let sums = metrics(b"# HELP a b\na{x=\"1 2\"} 3\na{x=\"2\"} 4.5\nb 1\n");
        assert_eq!((sums["a"].as_f64(), sums["b"].as_f64()), (Some(7.5), Some(1.0)));
    }
}
