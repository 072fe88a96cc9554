//! What a policy would have cost, how fast and how good it would have been on past calls.
//!
//! A fold of records in time order, one at a time, in bounded memory. It keeps a board of its own: each call is decided by
//! what could have been known when it began, from calls that had ended by then. Nothing is drawn by chance: exploring and
//! the shuffled control are means over what they may take.

mod lengths;
mod past;
mod report;
mod rows;
mod sums;
mod tally;

pub use past::LeftOut;
pub use report::{Doubt, Recorded, Report, Row, Weighed};
pub use rows::{Metric, Who};
pub use sums::Figure;

use crate::board::Board;
use crate::decide::{Decided, realised};
use crate::estimate::View;
use crate::place::Policy;
use crate::question::Question;
use crate::route::{Candidate, MAX_CANDIDATES, Route, RouteEntry, RoutePolicy};
use lengths::Lengths;
use paceline_types::decision::Decision;
use paceline_types::deployment::Deployment;
use paceline_types::id::{CallId, Name};
use paceline_types::record::{CallRecord, Operation};
use paceline_types::time::Timestamp;
use past::Past;
use rows::Choice;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use sums::Batches;
use tally::{Outcome, PARTS, Seen};

/// Records wait for so many others to be put in order: stores give them nearly so. One that comes later still is decided
/// by what is known then.
const MAX_WAITING: usize = 4096;
/// Calls under way at once; of more the first to end counts as ended.
const MAX_RUNNING: usize = 4096;
/// Expectations are worked out anew when so much time has passed, in microseconds: as often as the gateway does.
const REFRESH_US: i64 = 100_000;
/// Deployments that served and are named; the others are one.
const MAX_NAMED: usize = 64;

/// What is assumed of the quality of deployments that are no candidates, 0 to 1.
pub type QualityOf = Box<dyn Fn(&Deployment) -> Option<f64> + Send + Sync>;

/// A replay under way.
pub struct Replay {
    /// The policy.
    route: Route,
    /// The same candidates without limits: who could take a call at all.
    open: Route,
    board: Board,
    health: Policy,
    quality_of: QualityOf,
    now: Instant,
    known_at: Option<Timestamp>,
    waiting: BTreeMap<(Timestamp, CallId), Held>,
    running: BTreeMap<(Timestamp, CallId), Held>,
    lengths: Lengths,
    batches: Batches<PARTS>,
    counts: Counts,
}

/// A record that is needed a while longer.
struct Held {
    record: Arc<CallRecord>,
    /// Whether it is decided again, and does not only teach.
    counts: bool,
}

/// What needs no interval.
#[derive(Default)]
struct Counts {
    left_out: LeftOut,
    calls: u64,
    decided: u64,
    explored: u64,
    scored: u64,
    unplaced: u64,
    span: Option<(Timestamp, Timestamp)>,
    by_recorded: BTreeMap<Name, u64>,
    /// By candidate, for each who decides; and the calls that he refused.
    by_who: [([f64; MAX_CANDIDATES], u64); Who::ALL.len()],
}

fn copy(route: &Route, policy: RoutePolicy, board: &Board, at: Timestamp) -> Route {
    let candidate = |one: &Candidate| {
        for target in &one.targets {
            board.expect(&target.deployment.provider, &target.deployment.upstream_model, one.prior);
        }
        Candidate {
            targets: one.targets.clone(),
            pick: one.pick,
            can: one.can,
            context: one.context,
            max_output: one.max_output,
            prior: one.prior,
            learned: one.learned,
        }
    };
    let candidates = route.candidates.iter().take(MAX_CANDIDATES).map(candidate).collect();
    let entry = RouteEntry {
        name: Name::clone(&route.name),
        aliases: Vec::new(),
        candidates: Vec::new(),
        fallback: Vec::new(),
        fallback_on_content_filter: false,
        policy,
        baseline: Some(route.baseline),
    };
    Route::new(&entry, candidates, Vec::new(), board, at)
}

impl Replay {
    /// A replay of that route's policy. `quality_of` says what is assumed of answers of deployments that are no candidates;
    /// `now` is any moment.
    pub fn new(route: &Route, quality_of: QualityOf, now: Instant) -> Self {
        let board = Board::default();
        let limitless = RoutePolicy {
            reliability_threshold: 0.0,
            max_latency_ms: None,
            max_cost_usd: None,
            min_quality: None,
            explore: 0.0,
            ..route.policy.clone()
        };
        Self {
            route: copy(route, route.policy.clone(), &board, Timestamp(0)),
            open: copy(route, limitless, &board, Timestamp(0)),
            board,
            health: Policy::default(),
            quality_of,
            now,
            known_at: None,
            waiting: BTreeMap::new(),
            running: BTreeMap::new(),
            lengths: Lengths::default(),
            batches: Batches::default(),
            counts: Counts::default(),
        }
    }

    /// Takes in a call that is decided again, in about the order in which calls began.
    pub fn take(&mut self, record: &Arc<CallRecord>) {
        self.hold(record, true);
    }

    /// Takes in a call that only teaches; as [`Replay::take`], in one order with them.
    pub fn learn(&mut self, record: &Arc<CallRecord>) {
        self.hold(record, false);
    }

    fn hold(&mut self, record: &Arc<CallRecord>, counts: bool) {
        if record.operation != Operation::Chat {
            return;
        }
        let held = Held { record: Arc::clone(record), counts };
        self.waiting.insert((record.started_at, record.id), held);
        if self.waiting.len() > MAX_WAITING
            && let Some((_, first)) = self.waiting.pop_first()
        {
            self.meet(first);
        }
    }

    /// What came of it.
    pub fn finish(mut self) -> Report {
        while let Some((_, first)) = self.waiting.pop_first() {
            self.meet(first);
        }
        report::of(&self.route, &self.batches, &self.counts)
    }

    /// The next call in order.
    fn meet(&mut self, held: Held) {
        let at = held.record.started_at;
        while let Some(first) = self.running.first_entry()
            && (first.key().0 <= at || self.running.len() >= MAX_RUNNING)
        {
            let Some((_, ended)) = self.running.pop_first() else { break };
            self.teach(&ended);
        }
        if held.counts {
            self.replay(&held);
        }
        let ended = Timestamp(at.0.saturating_add_unsigned(held.record.duration.0 / 1000));
        self.running.insert((ended, held.record.id), held);
    }

    fn teach(&mut self, ended: &Held) {
        let record = &ended.record;
        self.lengths.learn(record, &self.route);
        self.board.fold(std::iter::once(&**record));
        // When it was scored is not recorded; it counts from the call's end.
        if let (Some(quality), Some(target)) = (record.quality, &record.target) {
            let task = record.labels.as_deref().and_then(|labels| labels.task_type.as_deref());
            let at = Timestamp(record.started_at.0.saturating_add_unsigned(record.duration.0 / 1000));
            self.board.scored(&target.provider, &target.upstream_model, quality.into(), task, at);
        }
    }

    /// Both routes know what the board knows at `at`.
    fn refresh(&mut self, at: Timestamp) {
        if self.known_at.is_some_and(|known| at.0 - known.0 < REFRESH_US) {
            return;
        }
        self.known_at = Some(at);
        let view = Arc::new(self.board.view(&self.route.candidates, at));
        self.route.know(Arc::clone(&view));
        self.open.know(view);
    }

    fn replay(&mut self, held: &Held) {
        let record = &*held.record;
        let Some(past) = Past::of(record, &self.route, &mut self.counts.left_out) else { return };
        self.refresh(record.started_at);
        let question = Question {
            need: &past.need,
            now: self.now,
            at: record.started_at,
            prefix: None,
            learned: None,
            policy: &self.health,
        };
        // The chance is never below the share that explores: the best is chosen, and odds are worked out from it.
        let decide = |route: &Route| {
            route.decide(&question, &mut || 1.0).ok().map(|Decided { decision, .. }| decision)
        };
        let (open, policy) = (decide(&self.open), decide(&self.route));
        self.count(&past);
        let Some(open) = open else {
            self.counts.by_who.iter_mut().for_each(|(_, refused)| *refused += 1);
            return;
        };
        let view = self.route.view();
        let offers = rows::offers(&self.route, &view, &open, &past, &self.lengths);
        let outcome = self.outcome(&past, &open, &view);
        let choose = |who| match (who, &policy) {
            (Who::Policy, Some(decision)) => {
                rows::of_policy(&self.route, decision, &offers, past.need.pinned)
            }
            (Who::Policy, None) => Choice::new(),
            _ => rows::of_control(who, &self.route, &offers),
        };
        let choices = Who::ALL.map(choose);
        for (choice, (shares, refused)) in choices.iter().zip(&mut self.counts.by_who) {
            *refused += u64::from(choice.is_empty());
            for (at, chance) in choice {
                shares[offers[*at].at] += chance;
            }
        }
        let seen = Seen { past: &past, outcome: &outcome, offers: &offers, route: &self.route };
        self.batches.call(|sums| {
            tally::add_recorded(sums, &outcome);
            for (who, choice) in Who::ALL.into_iter().zip(&choices) {
                if !choice.is_empty() {
                    seen.add(sums, who, choice);
                }
            }
        });
    }

    fn count(&mut self, past: &Past<'_>) {
        let counts = &mut self.counts;
        let at = past.record.started_at;
        counts.calls += 1;
        counts.decided += u64::from(past.record.decision.is_some());
        counts.explored += u64::from(past.explored());
        counts.scored += u64::from(past.record.quality.is_some());
        counts.unplaced += u64::from(past.taken.is_none());
        let (first, last) = counts.span.unwrap_or((at, at));
        counts.span = Some((first.min(at), last.max(at)));
        let Some(target) = &past.record.target else { return };
        if let Some(known) = counts.by_recorded.get_mut(&target.name) {
            *known += 1;
        } else {
            let full = counts.by_recorded.len() >= MAX_NAMED;
            let name = if full { Name::from("other") } else { Name::clone(&target.name) };
            *counts.by_recorded.entry(name).or_default() += 1;
        }
    }

    /// What really came of a call; its score by the policy's weights.
    fn outcome(&self, past: &Past<'_>, decision: &Decision, view: &View) -> Outcome {
        let record = past.record;
        let assumed = || match past.served {
            Some(served) => {
                let task = past.need.task_type.as_deref().and_then(|task| view.task(task));
                view.estimates.get(served).map(|estimate| estimate.quality_for(task).mean)
            }
            None => record.target.as_deref().and_then(|target| (self.quality_of)(target)),
        };
        let scored = record.quality.map(f64::from);
        let quality = if past.answered { scored.or_else(assumed) } else { Some(0.0) };
        let cost = record.cost.map(|cost| cost.0 as f64 / 1e12).or_else(|| self.price_of(past));
        let ms = record.duration.ms();
        let score = quality.map(|quality| realised(decision, ms, cost, Some(quality), past.answered));
        let latency = past.answered.then_some(ms);
        let nothing_used = record.usage.is_none().then_some(0.0);
        Outcome {
            billed: [cost, latency, quality, score],
            came: [cost.or(nothing_used), latency, quality, score],
        }
    }

    /// What a recorded call costs by its candidate's price, where nobody knew it then.
    fn price_of(&self, past: &Past<'_>) -> Option<f64> {
        let (usage, target) = (past.record.usage?, past.record.target.as_ref()?);
        let targets = &self.route.candidates.get(past.served?)?.targets;
        let price = targets.iter().find(|one| one.deployment.provider == target.provider)?.price.as_ref()?;
        let tariff = paceline_types::price::Tariff { batch: false, took: past.record.duration };
        let cost = price.cost(&usage, past.record.started_at, tariff)?;
        Some(cost.total().0 as f64 / 1e12)
    }
}

#[cfg(test)]
#[path = "../replay_test.rs"]
mod tests;
