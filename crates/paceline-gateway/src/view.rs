//! How places and limits stand, for people and metrics.

use crate::gateway::{Gateway, Snapshot};
use crate::scope::{Days, Kind, Scope, locked};
use paceline_http::clock;
use paceline_routing::health::{Verdict, Why};
use paceline_routing::place::Place;
use paceline_types::id::Name;
use paceline_types::money::Cost;
use paceline_types::rules::{Budget, Limits};
use paceline_types::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How a place stands.
#[derive(Clone, Debug)]
pub struct PlaceView {
    /// Its provider.
    pub provider: Name,
    /// The model's name there; empty for raw calls.
    pub model: Name,
    /// Where its key comes from; empty where it has none.
    pub key: String,
    /// `ready`, `slow_start`, `probing`, or why it is left alone: `rate_limited`, `failing`, `key_refused`.
    pub state: &'static str,
    /// How long it is left alone.
    pub left: Option<Duration>,
    /// Failures in a row.
    pub failures: u32,
    /// Calls under way.
    pub in_flight: u32,
    /// How many at once it was learned to take; `None`: no limit is known.
    pub limit: Option<u32>,
    /// Calls that wait for room.
    pub waiting: usize,
    /// Recent time to the first token, median and 99th percentile, to within a fifth; `None` while too little is known.
    pub ttft: Option<(Duration, Duration)>,
    /// Calls, and further tries of them, of the last 10 s.
    pub tries: (u64, u64),
}

impl PlaceView {
    /// Whether people are told of it. Of raw calls, which name no model, only a refused key closes anything.
    pub fn is_told(&self) -> bool {
        !self.model.is_empty() || self.state == Why::KeyRefused.as_str()
    }
}

/// How a scope stands.
#[derive(Clone, Debug)]
pub struct ScopeView {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// Its limits.
    pub limits: Limits,
    /// Its budget.
    pub budget: Budget,
    /// Calls of the last 60 s.
    pub calls: u64,
    /// Tokens of the last 60 s, those reserved by calls under way included.
    pub tokens: u64,
    /// Calls under way that count for its limit of calls at once.
    pub in_flight: u32,
    /// Calls that wait for room.
    pub waiting: usize,
    /// Spent today, and when the next day begins.
    pub day: (Cost, Timestamp),
    /// Spent this month, and when the next month begins.
    pub month: (Cost, Timestamp),
    /// Promised to calls under way.
    pub reserved: Cost,
    /// Calls refused since start.
    pub refused: u64,
    /// Calls that would have been, were the rules not in shadow.
    pub shadowed: u64,
}

impl Gateway {
    /// All places that were or may be asked, by provider and model.
    pub fn places(&self) -> Vec<PlaceView> {
        let (snapshot, now) = (self.snapshot(), clock::now());
        self.known.fleet.all().iter().map(|place| place_view(place, &snapshot, now)).collect()
    }

    /// All scopes that have rules.
    pub fn scope_views(&self) -> Vec<ScopeView> {
        let snapshot = self.snapshot();
        let (now, wall) = (clock::now(), crate::worker::wall());
        let mut scopes: Vec<&Arc<Scope>> = snapshot.parties().flat_map(|party| &party.scopes).collect();
        scopes.extend(snapshot.model_scopes.values());
        scopes.extend(snapshot.provider_scopes.iter().flatten());
        scopes.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        scopes.dedup_by(|a, b| Arc::ptr_eq(&a.used, &b.used));
        let days = Days(&*snapshot.config.calendar);
        scopes.into_iter().map(|scope| scope_view(scope, days, now, wall)).collect()
    }
}

fn place_view(place: &Place, snapshot: &Snapshot, now: Instant) -> PlaceView {
    let policy = &snapshot.config.policy;
    let (state, left) = match place.health.look(now, &policy.health) {
        Verdict::Ready => ("ready", None),
        Verdict::Slow(_) => ("slow_start", None),
        Verdict::Probe => ("probing", None),
        Verdict::Closed { why, until } => (why.as_str(), Some(until.saturating_duration_since(now))),
    };
    let key = || {
        let at = snapshot.upstreams.iter().position(|upstream| upstream.name == place.name.provider)?;
        let keys = &snapshot.directory.providers()[at].keys;
        let number = keys.iter().position(|key| *key == place.name.key)?;
        Some(snapshot.upstreams[at].key_source(number).to_owned())
    };
    let (limit, _, waiting) = place.turnstile.counts();
    PlaceView {
        provider: Arc::clone(&place.name.provider),
        model: Arc::clone(&place.name.model),
        key: key().unwrap_or_default(),
        state,
        left,
        failures: place.health.failures(),
        in_flight: place.load.in_flight(),
        limit,
        waiting,
        ttft: place.load.percentile(0.5).zip(place.load.percentile(0.99)),
        tries: place.retries.counts(now),
    }
}

fn scope_view(scope: &Scope, days: Days<'_>, now: Instant, wall: Timestamp) -> ScopeView {
    let used = &scope.used;
    let (_, in_flight, waiting) = used.room.counts();
    let mut spend = *locked(&used.spend);
    spend.turn(wall, &days);
    ScopeView {
        kind: scope.kind,
        name: Arc::clone(&scope.name),
        limits: scope.limits,
        budget: scope.budget,
        calls: locked(&used.calls).used(now),
        tokens: locked(&used.tokens).used(now),
        in_flight,
        waiting,
        day: (Cost(spend.day.spent_pico), spend.day.end),
        month: (Cost(spend.month.spent_pico), spend.month.end),
        reserved: Cost(spend.reserved_pico),
        refused: used.refused.load(Ordering::Relaxed),
        shadowed: used.shadowed.load(Ordering::Relaxed),
    }
}
