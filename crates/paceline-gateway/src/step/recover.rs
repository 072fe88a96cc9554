//! From the plan to an answer: which place is asked next, how long is waited before it, and when it is enough.
//!
//! Other places of the same model come first and at once; a further try at a model whose places have all failed comes
//! after a wait that chance decides; then the next model of the plan. What a provider asks to wait is waited, where the
//! caller's time allows, or told.

use crate::call::Call;
use crate::held::Held;
use crate::refuse::Fail;
use crate::step::attempt::{self, Outcome, Trouble};
use crate::step::cascade;
use crate::step::limits::deadline_of;
use crate::step::quota::{self, Need, SHORT_WAIT};
use crate::step::read::Ask;
use crate::step::skip::{self, Skipped};
use http::StatusCode;
use paceline_http::clock;
use paceline_routing::choose::{Choice, Spot, choose, others};
use paceline_routing::health::{Sign, Verdict, Why};
use paceline_routing::place::Policy;
use paceline_routing::plan::{Pick, Plan};
use paceline_routing::retry::Further;
use paceline_types::error::{ErrorKind, Retry};
use paceline_types::record::AttemptReason;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often one call waits for a provider that asks to be left alone.
const MAX_WAITS: u32 = 4;
/// After a provider's time is over those who waited come back within a tenth of it, so long at most, not all at once.
const SPREAD: Duration = Duration::from_millis(100);

/// What has been tried.
struct Story<'a> {
    plan: &'a Plan,
    policy: Policy,
    tried: Vec<Spot>,
    /// Places without room, in the order they were found.
    busy: Vec<Spot>,
    /// Further tries at the present group.
    here: u32,
    waits: u32,
    reason: AttemptReason,
    last: Option<(Spot, Trouble)>,
    /// What was not even asked, and why: told where nothing was.
    refused: Option<(Spot, Trouble)>,
    skipped: Skipped,
    /// The budget for further tries is used up.
    is_enough: bool,
}

/// Why waiting in line was in vain.
enum Vain {
    /// There is room at a place that must not be asked any more: something else is to be chosen.
    Gated,
    /// There is none, or the call may not go in.
    Out,
}

/// Tries until one answers.
pub(crate) async fn run(call: &mut Call, plan: &Plan, ask: &Ask, need: &Need) -> Result<Outcome, Fail> {
    let mut story = Story::new(call, plan);
    call.flees_filter = plan.fallback_on_content_filter;
    let policy = story.policy;
    let sticky = sticky(call, plan);
    if let Some(place) = plan.targets.first().and_then(|target| target.places.first()) {
        place.retries.call(clock::now());
    }
    loop {
        let now = clock::now();
        let worker = Arc::clone(&call.worker);
        let mut choice = choose(plan, &story.tried, sticky, now, &policy, &mut || worker.chance());
        if matches!(choice, Choice::Wait(..)) && !story.busy.is_empty() {
            // The line before a place that works is shorter than the time another one asks for.
            choice = Choice::Nothing;
        }
        // A model whose places have all failed is tried again before the next one, after a wait.
        let (again, elsewhere) = match choice {
            Choice::Go(spot) => (story.last_group().is_some_and(|group| group != story.group(spot)), true),
            Choice::Nothing => (true, false),
            Choice::Wait(..) => (false, false),
        };
        if again && story.back_off(call, elsewhere).await {
            if let Choice::Go(spot) = choice {
                story.leave(spot, now);
            }
            continue;
        }
        let (spot, held) = match choice {
            Choice::Go(spot) => match story.go(call, spot, need, now).await {
                Some(held) => (spot, held),
                None if story.is_enough => return story.give_up(call),
                None => continue,
            },
            Choice::Wait(spot, until) => {
                if story.wait(call, spot, until).await {
                    continue;
                }
                return story.told_to_wait(call, spot, until);
            }
            Choice::Nothing => match story.line_up(call, need).await {
                Ok(held) => held,
                Err(Vain::Gated) => continue,
                Err(Vain::Out) => return story.give_up(call),
            },
        };
        if let Some(outcome) = story.try_at(call, ask, spot, held).await {
            return Ok(outcome);
        }
        if !story.goes_on(call) {
            return story.give_up(call);
        }
    }
}

/// One try at the place that comes first, now or not at all.
pub(crate) async fn once(call: &mut Call, plan: &Plan, ask: &Ask, need: &Need) -> Result<Outcome, Fail> {
    let story = Story::new(call, plan);
    let now = clock::now();
    let sticky = sticky(call, plan);
    let worker = Arc::clone(&call.worker);
    let spot = match choose(plan, &[], sticky, now, &story.policy, &mut || worker.chance()) {
        Choice::Go(spot) => spot,
        Choice::Wait(spot, until) => return story.told_to_wait(call, spot, until),
        Choice::Nothing => return story.give_up(call),
    };
    let target = &plan.targets[spot.target];
    call.note(|record| record.target = Some(Arc::clone(&target.deployment)));
    let turnstile = &spot.place(plan).turnstile;
    if !turnstile.enter() {
        story.leave(spot, now);
        return Err(overloaded(plan, spot, turnstile.retry_after(&story.policy.line)).fail);
    }
    let held = story.hold(call, spot);
    quota::target(call, target, need, false).await?;
    attempt::begin(call, target, AttemptReason::First, held);
    match attempt::one(call, target, ask, false).await {
        Ok(outcome) => Ok(outcome),
        Err(trouble) => {
            attempt::end_badly(call, &trouble.fail);
            attempt::give_up(call, trouble)
        }
    }
}

/// The same number in 0 to 1 for all calls of a session, where the plan weighs.
fn sticky(call: &mut Call, plan: &Plan) -> Option<f64> {
    if plan.pick != Pick::Weighted {
        return None;
    }
    let labels = call.record()?.labels.as_ref()?;
    let session = labels.session.as_ref()?;
    let hash = blake3::hash(session.as_bytes());
    let bytes = hash.as_bytes().first_chunk::<8>()?;
    Some((u64::from_le_bytes(*bytes) >> 11) as f64 / (1u64 << 53) as f64)
}

impl<'a> Story<'a> {
    fn new(call: &Call, plan: &'a Plan) -> Self {
        Self {
            plan,
            policy: call.snapshot.config.policy,
            tried: Vec::new(),
            busy: Vec::new(),
            here: 0,
            waits: 0,
            reason: AttemptReason::First,
            last: None,
            refused: None,
            skipped: Skipped::default(),
            is_enough: false,
        }
    }

    fn group(&self, spot: Spot) -> u16 {
        self.plan.targets[spot.target].group
    }

    fn hold(&self, call: &Call, spot: Spot) -> Held {
        let target = &self.plan.targets[spot.target];
        let upstream = Arc::clone(&call.snapshot.upstreams[target.provider]);
        Held::new(
            Arc::clone(spot.place(self.plan)),
            upstream,
            spot.key,
            Arc::clone(&call.worker),
            self.policy,
        )
    }

    /// Gives a place back that was chosen and not asked.
    fn leave(&self, spot: Spot, now: Instant) {
        spot.place(self.plan).report(Sign::Nothing, false, now, 0.0, &self.policy);
    }

    /// The group of the place that failed last.
    fn last_group(&self) -> Option<u16> {
        self.last.as_ref().map(|(spot, _)| self.group(*spot))
    }

    /// Goes to a place that may be asked; `None` where it has no room, or it is enough.
    async fn go(&mut self, call: &mut Call, spot: Spot, need: &Need, now: Instant) -> Option<Held> {
        if self.last_group().is_some_and(|group| group != self.group(spot)) {
            self.here = 0;
            if self.reason != AttemptReason::Cascade {
                self.reason = AttemptReason::Fallback;
            }
        }
        if !spot.place(self.plan).turnstile.enter() {
            self.leave(spot, now);
            self.busy.push(spot);
            self.tried.push(spot);
            self.skipped.note(spot.target, "no_room");
            return None;
        }
        let held = self.hold(call, spot);
        if !self.let_in(call, spot, need).await {
            return None;
        }
        if self.is_gated(spot) {
            // Somebody else was told to wait there while this call waited for room.
            quota::leave_target(call);
            return None;
        }
        if self.last.is_some() && !self.may_try_more(now) {
            self.is_enough = true;
            return None;
        }
        Some(held)
    }

    /// Whether the limits of a target and the caller's budgets let the call in there; where another target is left it is
    /// not waited for.
    async fn let_in(&mut self, call: &mut Call, spot: Spot, need: &Need) -> bool {
        let target = &self.plan.targets[spot.target];
        if !self.tried.contains(&spot) {
            self.tried.push(spot);
        }
        let waits = !others(self.plan, &self.tried, clock::now(), &self.policy);
        match quota::target(call, target, need, waits).await {
            Ok(()) => true,
            Err(fail) => {
                if self.last.is_none() {
                    call.note(|record| record.target = Some(Arc::clone(&target.deployment)));
                    self.refused = Some((spot, fail.into()));
                }
                self.skipped.note(spot.target, "over_limit");
                false
            }
        }
    }

    /// Whether the budget allows a further try. What the request itself is the reason of harms nobody elsewhere.
    fn may_try_more(&self, now: Instant) -> bool {
        let own_fault = |trouble: &Trouble| {
            matches!(
                trouble.fail.kind,
                ErrorKind::ContextTooLong
                    | ErrorKind::ContentFilter
                    | ErrorKind::Unsupported
                    | ErrorKind::NotGoodEnough
            )
        };
        let first = &self.plan.targets[0].places[0];
        let is_again = self.reason == AttemptReason::Retry;
        let further = if is_again { Further::Again } else { Further::Elsewhere };
        self.last.as_ref().is_none_or(|(_, trouble)| own_fault(trouble))
            || first.retries.take(further, now, &self.policy.retry)
    }

    /// Waits before a further try at the model that failed last; `false` where that cannot help, or there is no time.
    /// `elsewhere`: another model is left, so what this one asks to wait is not waited.
    async fn back_off(&mut self, call: &mut Call, elsewhere: bool) -> bool {
        let Some((spot, trouble)) = &self.last else { return false };
        let spot = *spot;
        let kind = trouble.fail.kind;
        // A 429 whose time is over already closes nothing.
        let helps = kind.retry() == Retry::Here
            || (kind == ErrorKind::RateLimited && !elsewhere)
            || trouble.should_retry == Some(true);
        if !helps || trouble.should_retry == Some(false) || self.here >= self.policy.retry.attempts {
            return false;
        }
        let asked = trouble.fail.retry_after_ms.map(Duration::from_millis).unwrap_or_default();
        if elsewhere && asked > self.policy.retry.base {
            return false;
        }
        let wait = self.policy.retry.delay(self.here, call.worker.chance()).max(asked);
        let now = clock::now();
        let ends = now + wait;
        let first = &self.plan.targets[0].places[0];
        let may = first.retries.allows(Further::Again, now, &self.policy.retry);
        if !may || ends >= self.deadline(call, spot) || call.is_alone() {
            return false;
        }
        self.here += 1;
        call.watch.wait(tokio::time::sleep_until(ends.into())).await;
        let group = self.group(spot);
        let plan = self.plan;
        self.tried.retain(|tried| plan.targets[tried.target].group != group);
        self.reason = AttemptReason::Retry;
        true
    }

    fn deadline(&self, call: &mut Call, spot: Spot) -> Instant {
        deadline_of(call, &self.plan.targets[spot.target].patience)
    }

    /// Waits until a place may be asked again; `false` where the caller's time does not allow it.
    async fn wait(&mut self, call: &mut Call, spot: Spot, until: Instant) -> bool {
        let began = clock::now();
        let spread = SPREAD.min(until.saturating_duration_since(began) / 10);
        let ends = until + spread.mul_f64(call.worker.chance());
        let longest = self.policy.max_wait.map_or(ends, |longest| began + longest);
        if ends > longest || ends >= self.deadline(call, spot) || self.waits >= MAX_WAITS || call.is_alone() {
            return false;
        }
        let Some(_place) = call.worker.gateway.waiting_place(self.policy.line.max_waiting) else {
            return false;
        };
        self.waits += 1;
        call.watch.wait(tokio::time::sleep_until(ends.into())).await;
        call.note_queue(began);
        self.tried.retain(|tried| *tried != spot);
        if self.last.is_some() {
            self.reason = AttemptReason::Retry;
        }
        true
    }

    /// Whether a place asks to be left alone now.
    fn is_gated(&self, spot: Spot) -> bool {
        let verdict = spot.place(self.plan).health.look(clock::now(), &self.policy.health);
        matches!(verdict, Verdict::Closed { why: Why::RateLimited, .. })
    }

    /// All places that are left are full: waits in line at the first of them.
    async fn line_up(&mut self, call: &mut Call, need: &Need) -> Result<(Spot, Held), Vain> {
        let Some(&spot) = self.busy.first() else { return Err(Vain::Out) };
        let began = clock::now();
        let turnstile = &spot.place(self.plan).turnstile;
        let priority = call.priority;
        let in_line = match turnstile.wait(priority, began, &self.policy.line) {
            Ok(in_line) => in_line,
            Err(too_long) => {
                self.refused.get_or_insert_with(|| (spot, overloaded(self.plan, spot, too_long.retry_after)));
                return Err(Vain::Out);
            }
        };
        let ends = (began + self.policy.line.max_wait)
            .min(deadline_of(call, &self.plan.targets[spot.target].patience));
        let inside = call.watch.wait_until(ends, in_line).await.flatten();
        call.note_queue(began);
        if inside.is_none() {
            let retry_after = turnstile.retry_after(&self.policy.line);
            self.refused.get_or_insert_with(|| (spot, overloaded(self.plan, spot, retry_after)));
            return Err(Vain::Out);
        }
        self.busy.retain(|busy| *busy != spot);
        let held = self.hold(call, spot);
        if self.is_gated(spot) {
            return Err(Vain::Gated);
        }
        let may = self.last.is_none() || self.may_try_more(clock::now());
        if may && self.let_in(call, spot, need).await { Ok((spot, held)) } else { Err(Vain::Out) }
    }

    /// One try. `None`: it failed, and the story knows how.
    async fn try_at(&mut self, call: &mut Call, ask: &Ask, spot: Spot, held: Held) -> Option<Outcome> {
        let target = &self.plan.targets[spot.target];
        let now = clock::now();
        let more = others(self.plan, &self.tried, now, &self.policy);
        self.skipped.look(self.plan, &self.tried, spot, now, &self.policy);
        call.skipped = self.skipped.line(self.plan, spot.target);
        attempt::begin(call, target, self.reason, held);
        let trouble = match attempt::one(call, target, ask, more).await {
            Ok(outcome) => {
                if let Some(routed) = call.routed.take() {
                    routed.answered(spot.target);
                }
                return Some(outcome);
            }
            Err(trouble) => trouble,
        };
        attempt::end_badly(call, &trouble.fail);
        let trouble_kind = trouble.fail.kind;
        self.last = Some((spot, trouble));
        // Other places of the same model come next, whatever they are called in the plan.
        let escalates = trouble_kind == ErrorKind::NotGoodEnough;
        self.reason = if escalates { AttemptReason::Cascade } else { AttemptReason::Fallback };
        None
    }

    /// Whether what failed leaves anything to try.
    fn goes_on(&mut self, call: &mut Call) -> bool {
        let Some((spot, trouble)) = &self.last else { return true };
        if call.is_alone() || clock::now() >= self.deadline(call, *spot) {
            return false;
        }
        let spot = *spot;
        match trouble.fail.kind {
            // Another place of the same model has the same window and the same filter.
            ErrorKind::ContextTooLong => self.leave_model(spot),
            ErrorKind::ContentFilter if self.plan.fallback_on_content_filter => self.leave_model(spot),
            ErrorKind::NotGoodEnough => self.leave_model(spot),
            kind if kind.retry() == Retry::Never => return trouble.should_retry == Some(true),
            _ => {}
        }
        true
    }

    fn leave_model(&mut self, spot: Spot) {
        let model = &self.plan.targets[spot.target].deployment.upstream_model;
        for (number, target) in self.plan.targets.iter().enumerate() {
            if target.deployment.upstream_model == *model {
                self.tried.extend((0..target.places.len()).map(|key| Spot { target: number, key }));
            }
        }
        self.here = self.policy.retry.attempts;
    }

    /// Nothing is left that could help.
    fn give_up(mut self, call: &mut Call) -> Result<Outcome, Fail> {
        if let Some(kept) = cascade::give_kept(call) {
            return Ok(kept);
        }
        match self.last.take().or(self.refused.take()) {
            Some((spot, mut trouble)) => {
                trouble.tell_whether_to_retry();
                if trouble.fail.status == StatusCode::SERVICE_UNAVAILABLE {
                    trouble.wait_at_least(self.pause_after(spot));
                }
                attempt::give_up(call, trouble)
            }
            None => {
                let message = "this model has no target";
                Err(Fail::refuse(StatusCode::NOT_FOUND, ErrorKind::NotFound, "model_not_found", message))
            }
        }
    }

    /// What would be waited here before this place is asked again.
    fn pause_after(&self, spot: Spot) -> Duration {
        let now = clock::now();
        match spot.place(self.plan).health.look(now, &self.policy.health) {
            Verdict::Closed { until, .. } => until.saturating_duration_since(now),
            _ => self.policy.retry.delay(self.here, 1.0),
        }
    }

    /// All that is left asks to be left alone for longer than the caller waits: the caller is told how long.
    fn told_to_wait(mut self, call: &mut Call, spot: Spot, until: Instant) -> Result<Outcome, Fail> {
        let left = until.saturating_duration_since(clock::now());
        match &mut self.last {
            // Another failure, or the provider's own 429: its words, our time.
            Some((_, trouble)) if trouble.fail.kind == ErrorKind::RateLimited => {
                trouble.wait_at_least(left);
                self.give_up(call)
            }
            Some(_) => self.give_up(call),
            None => {
                let target = &self.plan.targets[spot.target];
                call.note(|record| record.target = Some(Arc::clone(&target.deployment)));
                let message = skip::all_shut(self.plan, spot, clock::now(), &self.policy);
                let status = StatusCode::TOO_MANY_REQUESTS;
                let mut fail = Fail::refuse(status, ErrorKind::RateLimited, "provider_rate_limited", message);
                fail.retry_after_ms = Some(left.as_millis() as u64);
                fail.should_retry = Some(left <= SHORT_WAIT);
                Err(fail)
            }
        }
    }
}

fn overloaded(plan: &Plan, spot: Spot, retry_after: Duration) -> Trouble {
    let target = &plan.targets[spot.target];
    let message = format!(
        "provider {} takes no more calls of {} at once, and the line before it is too long; try again in a moment, or give the model another target",
        target.deployment.provider, target.deployment.upstream_model
    );
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let mut fail = Fail::refuse(status, ErrorKind::Overloaded, "overloaded", message);
    fail.retry_after_ms = Some(retry_after.as_millis() as u64);
    fail.into()
}
