//! What a call holds of scopes: given back or settled when it ends, whatever happens.

use crate::call::Call;
use crate::events::Event;
use crate::gateway::Snapshot;
use crate::scope::{Days, Demand, Kind, Refusal, Rule, Scope, locked};
use crate::worker::Worker;
use paceline_http::clock;
use paceline_routing::line::LinePolicy;
use paceline_types::money::Cost;
use paceline_types::rules::Priority;
use paceline_types::time::Timestamp;
use std::sync::Arc;
use std::time::Instant;

/// What is held of one scope.
struct Lease {
    scope: Arc<Scope>,
    at: Instant,
    tokens: u64,
    money: Cost,
    /// One of its calls at once.
    inside: bool,
    /// In its windows and budget.
    counted: bool,
}

/// What a call holds.
pub(crate) struct Leases {
    held: Vec<Lease>,
    snapshot: Arc<Snapshot>,
    worker: Arc<Worker>,
    line: LinePolicy,
    /// Until when the caller itself waits.
    until: Option<Instant>,
}

/// What a call really took.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Took {
    /// No provider was asked.
    Nothing,
    /// So many tokens, so much money.
    Known(u64, Cost),
    /// A provider answered and did not tell: what was reserved.
    Unknown,
}

impl Leases {
    /// Nothing yet.
    pub(crate) fn of(call: &Call) -> Self {
        Self {
            held: Vec::new(),
            snapshot: Arc::clone(&call.snapshot),
            worker: Arc::clone(&call.worker),
            line: call.snapshot.config.policy.line,
            until: call.allowed.map(|allowed| call.started + allowed),
        }
    }

    /// Goes in where a scope limits calls at once; where there is no room, waits for it.
    pub(crate) async fn enter(&mut self, scope: &Arc<Scope>, priority: Priority) -> Result<(), Refusal> {
        if !self.has_entered(scope)
            && let Some(limit) = room_of(scope)
        {
            self.wait(scope, limit, priority, clock::now()).await?;
            self.hold(scope, true);
        }
        Ok(())
    }

    /// As [`Leases::enter`], without waiting.
    pub(crate) fn try_enter(&mut self, scope: &Arc<Scope>) -> Result<(), Refusal> {
        if !self.has_entered(scope)
            && let Some(limit) = room_of(scope)
        {
            let words = format!("{scope}: {limit} of {limit} calls at once are under way");
            let wait = scope.used.room.retry_after(&self.line);
            return Err(scope.refusal(Rule::Concurrent, words, Some(wait)));
        }
        Ok(())
    }

    /// Goes in without waiting; `false` where there is no room.
    fn has_entered(&mut self, scope: &Arc<Scope>) -> bool {
        let room = &scope.used.room;
        let limit = room_of(scope);
        if let Some(limit) = limit {
            if scope.limits.shadow {
                let (_, inside, _) = room.counts();
                if inside >= limit {
                    scope.count(true);
                }
                room.force();
            } else {
                room.set_limit(Some(limit), clock::now(), &self.line);
                if !room.enter() {
                    return false;
                }
            }
        }
        self.hold(scope, limit.is_some());
        true
    }

    fn hold(&mut self, scope: &Arc<Scope>, inside: bool) {
        let scope = Arc::clone(scope);
        self.held.push(Lease { scope, at: clock::now(), tokens: 0, money: Cost(0), inside, counted: false });
    }

    async fn wait(
        &self,
        scope: &Arc<Scope>,
        limit: u32,
        priority: Priority,
        now: Instant,
    ) -> Result<(), Refusal> {
        let room = &scope.used.room;
        let refusal = |retry_after| {
            let words = format!(
                "{scope}: {limit} of {limit} calls at once are under way, and others wait; try again in a moment"
            );
            scope.refusal(Rule::Concurrent, words, Some(retry_after))
        };
        let in_line = room.wait(priority, now, &self.line).map_err(|long| refusal(long.retry_after))?;
        let own = self.until.map_or(self.line.max_wait, |until| until.saturating_duration_since(now));
        let waited = tokio::time::timeout(own.min(self.line.max_wait), in_line).await;
        match waited {
            Ok(Some(_)) => Ok(()),
            _ => Err(refusal(room.retry_after(&self.line))),
        }
    }

    /// Counts the call in the windows and budgets of the scopes that were entered since.
    pub(crate) fn count(&mut self, demand: &Demand) -> Result<(), Refusal> {
        let days = Days(&*self.snapshot.config.calendar);
        for lease in self.held.iter_mut().filter(|lease| !lease.counted) {
            lease.scope.take_windows(demand)?;
            let has_budget = !lease.scope.budget.is_none();
            if has_budget {
                match lease.scope.reserve(demand, days) {
                    Ok(news) => tell_soft(&self.worker, &lease.scope, news),
                    Err(refusal) => {
                        lease.scope.settle_windows(demand.now, demand.tokens, None, demand.now);
                        return Err(refusal);
                    }
                }
                lease.money = demand.money.unwrap_or_default();
            }
            (lease.at, lease.tokens, lease.counted) = (demand.now, demand.tokens, true);
        }
        Ok(())
    }

    /// The target costs more than what was reserved: reserves the rest, where all budgets have room.
    pub(crate) fn raise(&mut self, demand: &Demand) -> Result<(), Refusal> {
        let days = Days(&*self.snapshot.config.calendar);
        for lease in self.held.iter_mut().filter(|lease| lease.counted && !lease.scope.budget.is_none()) {
            let more = demand.money.map(|money| Cost((money.0 - lease.money.0).max(0)));
            if more == Some(Cost(0)) {
                continue;
            }
            let news = lease.scope.reserve(&Demand { money: more, ..*demand }, days)?;
            tell_soft(&self.worker, &lease.scope, news);
            lease.money = Cost(lease.money.0 + more.unwrap_or_default().0);
        }
        Ok(())
    }

    /// Whether money is counted.
    pub(crate) fn has_budget(&self) -> bool {
        self.held.iter().any(|lease| !lease.scope.budget.is_none())
    }

    /// How many scopes are held.
    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// Gives back what was taken beyond the first `len` scopes.
    pub(crate) fn give_back_to(&mut self, len: usize) {
        let (now, wall) = (clock::now(), crate::worker::wall());
        while self.held.len() > len {
            self.settle_last(Took::Nothing, now, wall);
        }
    }

    /// The call is over: what was reserved becomes what it took.
    pub(crate) fn settle(&mut self, took: Took, now: Instant, wall: Timestamp) {
        while !self.held.is_empty() {
            self.settle_last(took, now, wall);
        }
    }

    fn settle_last(&mut self, took: Took, now: Instant, wall: Timestamp) {
        let Some(lease) = self.held.pop() else { return };
        let (tokens, money) = match took {
            Took::Nothing => (None, Cost(0)),
            Took::Known(tokens, money) => (Some(tokens), money),
            Took::Unknown => (Some(lease.tokens), lease.money),
        };
        if lease.counted {
            lease.scope.settle_windows(lease.at, lease.tokens, tokens, now);
            if !lease.scope.budget.is_none() {
                let days = Days(&*self.snapshot.config.calendar);
                locked(&lease.scope.used.spend).settle(lease.money, money, wall, &days);
            }
        }
        if lease.inside {
            lease.scope.used.room.leave(now, &self.line);
        }
    }

    /// The tightest of the caller's own limits a minute, as `x-ratelimit-*` tells them: calls, then tokens.
    pub(crate) fn told(&self, now: Instant) -> [Option<Told>; 2] {
        told_of(self.held.iter().map(|lease| &lease.scope), now)
    }
}

/// As [`Leases::told`], of these scopes.
pub(crate) fn told_of<'a>(scopes: impl Iterator<Item = &'a Arc<Scope>>, now: Instant) -> [Option<Told>; 2] {
    let own = scopes.filter(|scope| {
        matches!(scope.kind, Kind::Key | Kind::Workspace | Kind::Tenant) && !scope.limits.shadow
    });
    let mut told = [None, None];
    for scope in own {
        let both = [
            (scope.limits.calls_per_minute, &scope.used.calls),
            (scope.limits.tokens_per_minute, &scope.used.tokens),
        ];
        for (tightest, (limit, window)) in told.iter_mut().zip(both) {
            let Some(limit) = limit else { continue };
            let mut window = locked(window);
            let left = limit.saturating_sub(window.used(now));
            let reset =
                window.empty_at().map_or(0, |at| at.saturating_duration_since(now).as_millis() as u64);
            let one = Told { limit, left, reset_ms: reset };
            let is_tighter = tightest.as_ref().is_none_or(|other: &Told| {
                (one.left as f64 / one.limit as f64) < other.left as f64 / other.limit as f64
            });
            if is_tighter {
                *tightest = Some(one);
            }
        }
    }
    told
}

/// How many calls at once a scope lets in, where it limits that.
fn room_of(scope: &Scope) -> Option<u32> {
    scope.limits.concurrent.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX))
}

impl Drop for Leases {
    fn drop(&mut self) {
        self.give_back_to(0);
    }
}

/// One limit a minute as callers are told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) limit: u64,
    pub(crate) left: u64,
    pub(crate) reset_ms: u64,
}

/// A budget is nearly used, for the first time in its period: in its own words.
fn tell_soft(worker: &Worker, scope: &Scope, news: Option<String>) {
    if let Some(detail) = news {
        worker.gateway.events.tell(Event::BudgetSoft { scope: scope.to_string(), detail });
    }
}
