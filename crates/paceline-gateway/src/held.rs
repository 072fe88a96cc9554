//! The place a call's present attempt is at: what it holds there, and what the place learns from it.

use crate::events::{Event, Events};
use crate::upstream::Upstream;
use crate::worker::Worker;
use paceline_http::clock;
use paceline_routing::health::{Change, Sign, Why};
use paceline_routing::place::{Place, Policy};
use paceline_types::error::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// As long as it lives the place counts one call more.
pub(crate) struct Held {
    pub(crate) place: Arc<Place>,
    upstream: Arc<Upstream>,
    pub(crate) key: usize,
    worker: Arc<Worker>,
    policy: Policy,
    began: Instant,
    told: bool,
}

impl Held {
    /// For an attempt that has gone through the place's turnstile.
    pub(crate) fn new(
        place: Arc<Place>,
        upstream: Arc<Upstream>,
        key: usize,
        worker: Arc<Worker>,
        policy: Policy,
    ) -> Self {
        place.load.enter();
        Self { place, upstream, key, worker, policy, began: clock::now(), told: false }
    }

    /// The first token came after `ttft`, or would have come as far as a whole answer tells: the place works.
    pub(crate) fn answered(&mut self, ttft: Option<Duration>, now: Instant) {
        if self.told {
            return;
        }
        if let Some(ttft) = ttft {
            self.place.sample(ttft, now, &self.policy);
        }
        self.tell(Sign::Well, false, now);
    }

    /// It ended so.
    pub(crate) fn failed(&mut self, kind: ErrorKind, status: u16, wait: Option<Duration>, now: Instant) {
        let sign = sign_of(kind, wait, self.upstream.passthrough);
        let is_overload = matches!(kind, ErrorKind::RateLimited | ErrorKind::Timeout)
            && sign != Sign::Nothing
            || matches!(status, 503 | 529);
        // A stream that began well and then failed is told both ways: the later counts.
        self.told = false;
        self.tell(sign, is_overload, now);
    }

    fn tell(&mut self, sign: Sign, is_overload: bool, now: Instant) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let chance = self.worker.chance();
        let news = self.place.report_of(self.began, sign, is_overload, now, chance, &self.policy);
        // Of raw calls only a refused key closes anything.
        let is_told = |change: &Change| {
            !self.place.name.model.is_empty()
                || matches!(change, Change::KeyRefused | Change::Recovered(Why::KeyRefused))
        };
        if let Some(change) = news.filter(is_told) {
            let events: &Events = &self.worker.gateway.events;
            events.tell(Event::Place {
                provider: Arc::clone(&self.place.name.provider),
                model: Arc::clone(&self.place.name.model),
                key: self.upstream.key_source(self.key).to_owned(),
                change,
            });
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let now = clock::now();
        self.tell(Sign::Nothing, false, now);
        self.place.load.leave();
        self.place.turnstile.leave(now, &self.policy.line);
    }
}

/// What an error tells about the place.
fn sign_of(kind: ErrorKind, wait: Option<Duration>, callers_credential: bool) -> Sign {
    match kind {
        ErrorKind::RateLimited => Sign::RateLimited(wait),
        // The caller's own key was refused: that says nothing about the place.
        ErrorKind::ProviderAuth if callers_credential => Sign::Well,
        ErrorKind::ProviderAuth => Sign::KeyRefused,
        ErrorKind::ProviderFailed
        | ErrorKind::Connect
        | ErrorKind::Timeout
        | ErrorKind::Truncated
        | ErrorKind::Garbage => Sign::Failed,
        ErrorKind::Canceled | ErrorKind::Overloaded | ErrorKind::Internal => Sign::Nothing,
        _ => Sign::Well,
    }
}
