//! `GET /v1/live`: what happens now, as server-sent events: a pulse at every interval, new calls, and notices.

use crate::admin::query::Query;
use crate::admin::shape::{dollars, rounded, tally, uptime};
use crate::admin::sums::{Wanted, collect};
use crate::admin::{Admin, reply};
use crate::feed::Fresh;
use crate::notices::Notice;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use paceline_types::record::CallRecord;
use serde::Serialize;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval};

/// Between two pulses, unless told otherwise.
const INTERVAL: Duration = Duration::from_secs(2);
/// Between two messages about calls: more often nobody can look.
const TURN: Duration = Duration::from_millis(500);
/// Calls or notices of one message.
const MOST: usize = 50;
/// Messages that wait for the watcher's connection.
const WAITING: usize = 8;
/// What "now" is, in seconds.
const RECENT: i64 = 60;

pub(crate) async fn live(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let what = "1000 to 60000";
    let read = |text: &str| text.parse().ok().filter(|ms| (1000..=60_000).contains(ms));
    let asked = Query::read(query.as_deref(), &["interval_ms"])
        .and_then(|query| query.parsed("interval_ms", what, read));
    let pause = match asked {
        Ok(asked) => asked.map_or(INTERVAL, Duration::from_millis),
        Err(bad) => return bad.into(),
    };
    let Some(watched) = admin.recorder.feed.watch() else {
        let message = "as many watch already as may (32): close a page, or ask /v1/performance/summary";
        return reply::fail(StatusCode::SERVICE_UNAVAILABLE, "too_many_watchers", None, message);
    };
    let (sender, body) = Channel::<Bytes, Infallible>::new(WAITING);
    tokio::spawn(tell(admin, watched, sender, pause));
    // The last is nginx's word for: pass it on as it comes.
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::new(body)).into_response()
}

/// Tells until the watcher has gone or the process is about to end.
async fn tell(
    admin: Arc<Admin>,
    mut watched: Receiver<Arc<Fresh>>,
    mut out: Sender<Bytes, Infallible>,
    pause: Duration,
) {
    let (mut beat, mut turn) = (interval(pause), interval(TURN));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut heard, mut news) = (admin.notices.watch(), News::default());
    let mut waiting = Waiting::default();
    while !admin.draining.load(Ordering::Relaxed) {
        let message = tokio::select! {
            _ = beat.tick() => Some(event("pulse", &pulse(&admin).await)),
            _ = turn.tick() => both(news.message(), waiting.message()),
            notice = heard.recv() => {
                match notice {
                    Ok(notice) => news.add(notice),
                    Err(RecvError::Lagged(missed)) => news.left_out += missed,
                    Err(RecvError::Closed) => return,
                }
                None
            }
            fresh = watched.recv() => {
                match fresh {
                    Ok(fresh) => waiting.add(&fresh),
                    Err(RecvError::Lagged(_)) => waiting.left_out += 1,
                    Err(RecvError::Closed) => return,
                }
                None
            }
        };
        if let Some(message) = message
            && out.send_data(message).await.is_err()
        {
            return;
        }
    }
}

/// Calls that were not told yet, the newest last.
#[derive(Default)]
struct Waiting {
    calls: Vec<Arc<CallRecord>>,
    left_out: usize,
}

#[derive(Serialize)]
struct Told<'a> {
    calls: Vec<&'a CallRecord>,
    left_out: usize,
}

impl Waiting {
    fn add(&mut self, fresh: &Fresh) {
        self.calls.extend(fresh.calls.iter().cloned());
        let over = self.calls.len().saturating_sub(MOST);
        self.calls.drain(..over);
        self.left_out += fresh.left_out + over;
    }

    fn message(&mut self) -> Option<Bytes> {
        let Self { calls, left_out } = std::mem::take(self);
        if calls.is_empty() {
            return None;
        }
        Some(event("calls", &Told { calls: calls.iter().map(AsRef::as_ref).collect(), left_out }))
    }
}

/// Notices that were not told yet, the newest last.
#[derive(Default, Serialize)]
struct News {
    notices: Vec<Arc<Notice>>,
    left_out: u64,
}

impl News {
    fn add(&mut self, notice: Arc<Notice>) {
        self.notices.push(notice);
        let over = self.notices.len().saturating_sub(MOST);
        self.notices.drain(..over);
        self.left_out += over as u64;
    }

    fn message(&mut self) -> Option<Bytes> {
        let news = std::mem::take(self);
        (!news.notices.is_empty()).then(|| event("notices", &news))
    }
}

/// Two messages as one piece.
fn both(one: Option<Bytes>, other: Option<Bytes>) -> Option<Bytes> {
    match (one, other) {
        (Some(one), Some(other)) => Some([one, other].concat().into()),
        (one, other) => one.or(other),
    }
}

fn event(name: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n").into()
}

/// How things are now.
async fn pulse(admin: &Arc<Admin>) -> Value {
    let now = crate::recorder::now();
    let wanted = Wanted { now, seconds: RECENT, group: None, hours: 0 };
    // A window goes back to the begin of its minute.
    let begin = (now.seconds() - RECENT).div_euclid(60) * 60;
    let store = admin.recorder.store.state();
    let oldest = store.oldest.unwrap_or(admin.started_at).0;
    let seconds = ((now.0 - oldest.max(begin * 1_000_000)) as f64 / 1e6).max(1.0);
    let recent = match admin.ask(move |store| collect(store, wanted, |_| true)).await {
        Ok(sums) => tally(&sums.all, seconds),
        Err(_) => Value::Null,
    };
    let up = admin.started.elapsed().as_secs();
    let (last, records) = admin.recorder.latest.last();
    let mut out = json!({
        "at": now,
        "uptime_seconds": up,
        "uptime_formatted": uptime(up),
        "recent_seconds": rounded(seconds),
        "recent": recent,
        "last_response_time_ms": last.response_time_ms.map(rounded),
        "last_tps": last.tokens_per_second.map(rounded),
        "records": {"since_start": records, "kept": store.records, "dropped": admin.recorder.queue.dropped() + store.dropped},
        "storage_degraded": store.degraded,
    });
    if let Some(gateway) = admin.gateway.get() {
        let totals = gateway.known.ledger.totals();
        out["totals"] = json!({
            "calls": totals.calls,
            "input_tokens": totals.input_tokens,
            "output_tokens": totals.output_tokens,
            "cost_known_usd": dollars(i128::from(totals.cost_pico)),
        });
        out["calls_in_flight"] = json!(gateway.gauges.calls_in_flight.load(Ordering::Relaxed));
        out["waiting_for_providers"] = json!(gateway.waiting());
        let away = gateway.places().into_iter().filter(|place| place.state != "ready" && place.is_told());
        let one = |place: paceline_gateway::PlaceView| {
            json!({
                "deployment": crate::events::place(&place.provider, &place.model),
                "key_from": place.key,
                "state": place.state,
                "left_alone_ms": place.left.map(|left| left.as_millis() as u64),
            })
        };
        out["gates"] = away.map(one).collect();
    }
    out
}
