//! How an answer ends: well, cut, told as an error, or without its caller; and what the record then says.

use crate::call::Call;
use crate::refuse::Fail;
use crate::step::count::Job;
use crate::step::relay::{Parts, Step, Watch, frame};
use crate::step::whole::note_learned;
use crate::worker::DrainPlace;
use bytes::Bytes;
use http::StatusCode;
use paceline_dialect::openai::error::{kind, status_of};
use paceline_http::clock;
use paceline_http::{Exchange, HttpError};
use paceline_types::error::ErrorKind;
use paceline_types::record::{CallRecord, Status};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

/// How long the connection's end may take after the stream's end mark.
const AFTER_DONE: Duration = Duration::from_secs(1);

pub(crate) fn defect() -> Fail {
    let message =
        "a defect in Paceline ended this stream; please report it with the log lines around this time";
    Fail::upstream(StatusCode::INTERNAL_SERVER_ERROR, ErrorKind::Internal, "internal_error", message)
}

impl Parts {
    /// Whether the process ends and this call's time is over.
    pub(crate) fn is_cut(&self) -> bool {
        self.call.as_ref().is_some_and(|call| call.worker.gateway.drain.is_cut())
    }

    pub(crate) fn truncated(&self, error: Option<&HttpError>) -> Fail {
        let how = error.map_or_else(|| "it ended before its end".to_owned(), ToString::to_string);
        let message = format!("provider {}: the answer is incomplete, {how}; try again", self.upstream.name);
        Fail::upstream(StatusCode::BAD_GATEWAY, ErrorKind::Truncated, "stream_truncated", message)
    }

    /// What an error event means.
    pub(crate) fn event_error(&self) -> Fail {
        let (kind, status) = match &self.watch {
            Watch::Events(watch) => match watch.stream.failure() {
                Some(failure) => (failure.kind, failure.kind.status()),
                None => {
                    let code = watch.stream.learned().error_code.as_deref();
                    (kind(status_of(code), code), status_of(code))
                }
            },
            _ => (ErrorKind::ProviderFailed, 502),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        let message = format!("provider {} sent an error inside a 200 stream", self.upstream.name);
        Fail::upstream(status, kind, "provider_failed", message)
    }

    /// The answer is whole, or is all the provider had to say.
    pub(crate) fn end_well(&mut self) {
        let mut status = Status::Ok;
        let mut kind = None;
        if let Watch::Events(watch) = &self.watch
            && self.must_end
        {
            let begun = watch.stamps.first.is_some();
            if watch.error {
                status = if begun { Status::Partial } else { Status::Error };
                kind = Some(self.event_error().kind);
            } else if watch.stream.garbage {
                status = if begun { Status::Partial } else { Status::Error };
                kind = Some(ErrorKind::Garbage);
            } else {
                let secret = watch.stream.learned().usage.is_none();
                if self.upstream.keeps_usage_secret.load(Ordering::Relaxed) != secret {
                    self.upstream.keeps_usage_secret.store(secret, Ordering::Relaxed);
                }
            }
        }
        self.finish(|record| (record.status, record.error_kind) = (status, kind));
    }

    /// The answer failed after its head had gone: told in the stream, where the dialect can, else by the connection.
    pub(crate) fn fail(&mut self, fail: &Fail) -> Step {
        let number = match &self.watch {
            Watch::Events(watch) => watch.next_number(),
            _ => 0,
        };
        let (partial, tells) = match &self.watch {
            Watch::Events(watch) => (watch.stamps.first.is_some() || fail.kind == ErrorKind::Truncated, true),
            _ => (true, false),
        };
        let status = if partial { Status::Partial } else { Status::Error };
        self.finish(|record| {
            (record.status, record.error_kind) = (status, Some(fail.kind));
            record.error_code.get_or_insert_with(|| fail.code.into());
        });
        if tells {
            frame(fail.event(self.caller, number).into())
        } else {
            // The connection is broken at the next look, when what went before has been written.
            self.breaking = Some(fail.message.clone());
            Poll::Pending
        }
    }

    /// A place to read on without the caller, and for how long; `None` where that may not be.
    pub(crate) fn drain_place(&self, limit: Duration) -> Option<(DrainPlace, Duration)> {
        let call = self.call.as_ref()?;
        let until = call.outlive.as_ref().and_then(|outlive| outlive.until.get());
        let left = until.map_or(limit, |until| until.saturating_duration_since(clock::now()).min(limit));
        Some((call.worker.drain_place()?, left)).filter(|_| !left.is_zero())
    }

    /// The caller went away: what was seen is noted, the guard closes the call.
    pub(crate) fn cancel(&mut self) {
        if let Some(mut call) = self.call.take() {
            self.note(&mut call);
        }
    }

    /// Fills the record and closes the call.
    pub(crate) fn finish(&mut self, outcome: impl FnOnce(&mut CallRecord)) {
        self.over = true;
        let Some(mut call) = self.call.take() else { return };
        let now = clock::now();
        self.note(&mut call);
        // Where answers wait for their records, a record does not wait for the counting of tokens: the estimate stays.
        let keeps = call.worker.gateway.keeps;
        match self.uncounted().filter(|_| !keeps) {
            Some((request, text)) => {
                call.note(outcome);
                let gateway = Arc::clone(&call.worker.gateway);
                gateway.counting.submit(Job { call, request, text, ended: now });
            }
            None => {
                call.note(outcome);
                call.close(now);
            }
        }
    }

    /// Request and text of an answer whose provider reported no usage, where they were kept.
    pub(crate) fn uncounted(&mut self) -> Option<(Bytes, Vec<u8>)> {
        let Watch::Events(watch) = &mut self.watch else { return None };
        if watch.stream.learned().usage.is_some() {
            return None;
        }
        let text = watch.stream.take_text().filter(|text| !text.is_empty())?;
        Some((self.request.take()?, text))
    }

    /// Notes what was seen so far.
    pub(crate) fn note(&self, call: &mut Call) {
        match &self.watch {
            Watch::Events(watch) => {
                note_learned(call, watch.stream.learned());
                let first = watch.stamps.first.map(|at| call.offset(at));
                let last = watch.stamps.last.map(|at| call.offset(at));
                call.note(|record| {
                    (record.first_token, record.last_token) = (first, last);
                    record.itl_p99 = watch.stamps.gaps.p99();
                    if let Some(attempt) = record.attempts.last_mut() {
                        attempt.first_token = first;
                    }
                });
            }
            Watch::Document(watch) => note_learned(call, watch.learned()),
            Watch::Nothing => {}
        }
    }
}

/// Reads what follows an end mark, for a moment.
pub(crate) async fn finish_aside(mut exchange: Exchange) {
    let _ = tokio::time::timeout(AFTER_DONE, async {
        while matches!(poll_fn(|cx| exchange.poll_more(cx)).await, Ok(true)) {
            exchange.out.clear();
        }
    })
    .await;
}

/// Reads an answer nobody waits for to its end, to learn what it used.
pub(crate) async fn drain(mut parts: Parts, limit: Duration, place: DrainPlace) {
    let deadline = clock::now() + limit;
    while !parts.over && !parts.exchange.is_ended() {
        parts.fresh = true;
        if parts.look().is_err() {
            break;
        }
        if parts.has_end_mark() {
            parts.let_go();
            break;
        }
        let exchange = &mut parts.exchange;
        let more = poll_fn(|cx| match exchange.poll_more(cx) {
            Poll::Pending if exchange.poll_deadline(cx, deadline).is_ready() => Poll::Ready(Ok(false)),
            other => other,
        });
        let more = tokio::select! {
            more = more => more,
            () = place.cut() => break,
        };
        if !matches!(more, Ok(true)) {
            break;
        }
        parts.last_byte = clock::now();
    }
    let _ = parts.look();
    parts.cancel();
}
