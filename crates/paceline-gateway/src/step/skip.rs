//! Which targets of a plan a call passed over without asking them, and why: for people, who else would only see who
//! answered.

use paceline_routing::choose::Spot;
use paceline_routing::health::{Verdict, Why};
use paceline_routing::place::Policy;
use paceline_routing::plan::Plan;
use std::time::{Duration, Instant};

/// Targets that are named at most; the others are counted.
const MOST: usize = 8;

/// Targets that were passed over, by their numbers, each with the last reason.
#[derive(Debug, Default)]
pub(crate) struct Skipped(Vec<(usize, &'static str)>);

impl Skipped {
    /// A target was passed over.
    pub(crate) fn note(&mut self, target: usize, why: &'static str) {
        match self.0.iter_mut().find(|(number, _)| *number == target) {
            Some(known) => known.1 = why,
            None => self.0.push((target, why)),
        }
    }

    /// Notes who is left alone and would have come before `next`, which is asked now, or had its turn with it.
    pub(crate) fn look(&mut self, plan: &Plan, tried: &[Spot], next: Spot, now: Instant, policy: &Policy) {
        let last = plan.targets[next.target].group;
        for (number, target) in plan.targets.iter().enumerate() {
            let is_tried = number == next.target || tried.iter().any(|spot| spot.target == number);
            if target.group > last || is_tried {
                continue;
            }
            if let Some((why, _)) = shut(plan, number, now, policy) {
                self.note(number, why.as_str());
            }
        }
    }

    /// All of them but the one that is asked, as a header tells them; `None` where there is none.
    pub(crate) fn line(&self, plan: &Plan, asked: usize) -> Option<Box<str>> {
        let others = self.0.iter().filter(|(number, _)| *number != asked);
        let mut parts: Vec<String> = others
            .map(|(number, why)| format!("{} ({why})", plan.targets[*number].deployment.name))
            .collect();
        if parts.len() > MOST {
            let more = parts.len() - MOST;
            parts.truncate(MOST);
            parts.push(format!("{more} more"));
        }
        (!parts.is_empty()).then(|| parts.join(", ").into())
    }
}

/// Why a target must be left alone, and until when one of its places may be asked again; `None` where one may be asked.
fn shut(plan: &Plan, target: usize, now: Instant, policy: &Policy) -> Option<(Why, Instant)> {
    let mut soonest: Option<(Why, Instant)> = None;
    for place in &plan.targets[target].places {
        let Verdict::Closed { why, until } = place.health.look(now, &policy.health) else { return None };
        if soonest.is_none_or(|(_, other)| until < other) {
            soonest = Some((why, until));
        }
    }
    soonest
}

/// Nothing of the plan may be asked: which target is left alone for how long, the one that may be asked first at the front.
pub(crate) fn all_shut(plan: &Plan, first: Spot, now: Instant, policy: &Policy) -> String {
    let seconds = |until: Instant| until.saturating_duration_since(now).max(Duration::from_millis(100));
    let told = |number: usize| {
        let (why, until) = shut(plan, number, now, policy)?;
        let name = &plan.targets[number].deployment.name;
        let asks = match why {
            Why::RateLimited => "asks for no more calls",
            Why::Failing => "failed several times in a row and is left alone",
            Why::KeyRefused => "refuses our key and is left alone",
        };
        Some((until, format!("{name} {asks} for {:.1} s", seconds(until).as_secs_f64())))
    };
    let mut all: Vec<(Instant, String)> = (0..plan.targets.len()).filter_map(told).collect();
    if all.len() <= 1 {
        let target = &plan.targets[first.target].deployment;
        let left = told(first.target).map_or(0.1, |(until, _)| seconds(until).as_secs_f64());
        return format!(
            "provider {} asks for no more calls of {} for {left:.1} s; wait so long, or give the model another target",
            target.provider, target.upstream_model
        );
    }
    all.sort_by_key(|(until, _)| *until);
    let more = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    let mut parts: Vec<String> = all.into_iter().map(|(_, words)| words).collect();
    if more > 0 {
        parts.push(format!("{more} more likewise"));
    }
    format!(
        "no target of this model may be asked now: {}; wait for the first of them, or give the model another target",
        parts.join(", ")
    )
}
