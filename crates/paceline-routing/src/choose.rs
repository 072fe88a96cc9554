//! Which place of a plan is asked next.

use crate::health::{Verdict, Why};
use crate::place::{Place, Policy};
use crate::plan::{Pick, Plan, Target};
use std::sync::Arc;
use std::time::Instant;

/// A target and one of its keys, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The target's number in its plan.
    pub target: usize,
    /// Which of its places.
    pub key: usize,
}

impl Spot {
    /// The place.
    pub fn place(self, plan: &Plan) -> &Arc<Place> {
        &plan.targets[self.target].places[self.key]
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Choice {
    /// Ask there.
    Go(Spot),
    /// All that are left ask to be left alone; the first of them until then.
    Wait(Spot, Instant),
    /// Nothing is left.
    Nothing,
}

/// A source of chance: each call gives a number that is even in 0 to 1.
pub trait Chance {
    /// The next.
    fn next(&mut self) -> f64;
}

impl<F: FnMut() -> f64> Chance for F {
    fn next(&mut self) -> f64 {
        self()
    }
}

/// Chooses among what was not tried yet. `sticky` is the chance of a weighted pick where a session must stay where it is.
///
/// In order of groups; in a group what may be asked; where nothing may be asked anywhere, the least bad of what fails: the
/// last is never given up. What asked to be left alone (429) is left alone in any case.
pub fn choose(
    plan: &Plan,
    tried: &[Spot],
    sticky: Option<f64>,
    now: Instant,
    policy: &Policy,
    chance: &mut impl Chance,
) -> Choice {
    let mut at = 0;
    while at < plan.targets.len() {
        let group = plan.targets[at].group;
        let len = plan.targets[at..].iter().take_while(|target| target.group == group).count();
        if let Some(spot) = of_group(plan, at..at + len, tried, sticky, now, policy, chance) {
            return Choice::Go(spot);
        }
        at += len;
    }
    last_resort(plan, tried, now, policy)
}

fn spots(plan: &Plan, targets: std::ops::Range<usize>) -> impl Iterator<Item = Spot> + '_ {
    targets.flat_map(|target| (0..plan.targets[target].places.len()).map(move |key| Spot { target, key }))
}

fn of_group(
    plan: &Plan,
    range: std::ops::Range<usize>,
    tried: &[Spot],
    sticky: Option<f64>,
    now: Instant,
    policy: &Policy,
    chance: &mut impl Chance,
) -> Option<Spot> {
    // Nearly every call: one target with one key, and nothing wrong.
    if range.len() == 1 && plan.targets[range.start].places.len() == 1 {
        let spot = Spot { target: range.start, key: 0 };
        return (!tried.contains(&spot) && may(spot, plan, now, policy, chance)).then_some(spot);
    }
    let pick = if plan.targets[range.start].group == 0 { plan.pick } else { Pick::First };
    match pick {
        Pick::LeastLoaded => least_loaded(spots(plan, range), plan, tried, now, policy, chance),
        Pick::First => in_order(range.clone(), plan, tried, now, policy, chance),
        Pick::Weighted => {
            let first = weighted(&plan.targets[range.clone()], sticky.unwrap_or_else(|| chance.next()));
            let order = std::iter::once(range.start + first).chain(range.clone());
            in_order(order, plan, tried, now, policy, chance)
        }
    }
}

/// The first target that has a usable key; of its keys the less loaded of two.
fn in_order(
    order: impl Iterator<Item = usize>,
    plan: &Plan,
    tried: &[Spot],
    now: Instant,
    policy: &Policy,
    chance: &mut impl Chance,
) -> Option<Spot> {
    for target in order {
        let found = least_loaded(spots(plan, target..target + 1), plan, tried, now, policy, chance);
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Of two that chance names the less loaded one; when neither may be asked, any that may.
fn least_loaded(
    spots: impl Iterator<Item = Spot>,
    plan: &Plan,
    tried: &[Spot],
    now: Instant,
    policy: &Policy,
    chance: &mut impl Chance,
) -> Option<Spot> {
    let mut left: Vec<Spot> = spots.filter(|spot| !tried.contains(spot)).collect();
    while !left.is_empty() {
        let pick =
            |chance: &mut dyn FnMut() -> f64, len: usize| ((chance() * len as f64) as usize).min(len - 1);
        let mut draw = || chance.next();
        let first = pick(&mut draw, left.len());
        let chosen = if left.len() > 1 {
            let other = (first + 1 + pick(&mut draw, left.len() - 1)) % left.len();
            let cost = |at: usize| left[at].place(plan).load.cost(now);
            if cost(other) < cost(first) { other } else { first }
        } else {
            first
        };
        let spot = left.swap_remove(chosen);
        if may(spot, plan, now, policy, chance) {
            return Some(spot);
        }
    }
    None
}

/// Whether a place may be asked; where it is to be probed, this asker is the one.
fn may(spot: Spot, plan: &Plan, now: Instant, policy: &Policy, chance: &mut impl Chance) -> bool {
    match spot.place(plan).health.enter(now, &policy.health) {
        Verdict::Ready | Verdict::Probe => true,
        // Where there is nothing else its share is all.
        Verdict::Slow(share) => plan.targets.len() == 1 || chance.next() < share,
        Verdict::Closed { .. } => false,
    }
}

fn weighted(targets: &[Target], chance: f64) -> usize {
    let total: u64 = targets.iter().map(|target| u64::from(target.weight)).sum();
    let mut left = chance * total as f64;
    for (at, target) in targets.iter().enumerate() {
        left -= f64::from(target.weight);
        if left < 0.0 {
            return at;
        }
    }
    0
}

/// Whether a place is left that was not tried and may be asked.
pub fn others(plan: &Plan, tried: &[Spot], now: Instant, policy: &Policy) -> bool {
    let open =
        |spot: Spot| !matches!(spot.place(plan).health.look(now, &policy.health), Verdict::Closed { .. });
    spots(plan, 0..plan.targets.len()).any(|spot| !tried.contains(&spot) && open(spot))
}

fn last_resort(plan: &Plan, tried: &[Spot], now: Instant, policy: &Policy) -> Choice {
    let mut wait: Option<(Instant, Spot)> = None;
    let mut bad: Option<(Why, Instant, Spot)> = None;
    for spot in spots(plan, 0..plan.targets.len()) {
        let verdict = spot.place(plan).health.look(now, &policy.health);
        match verdict {
            // What was tried may be asked again when its time has come.
            Verdict::Closed { why: Why::RateLimited, until } => {
                if wait.is_none_or(|(other, _)| until < other) {
                    wait = Some((until, spot));
                }
            }
            _ if tried.contains(&spot) => {}
            Verdict::Closed { why, until } => {
                if bad.is_none_or(|(other, then, _)| (why, until) < (other, then)) {
                    bad = Some((why, until, spot));
                }
            }
            Verdict::Slow(_) | Verdict::Ready | Verdict::Probe => return Choice::Go(spot),
        }
    }
    match (bad, wait) {
        (Some((_, _, spot)), _) => Choice::Go(spot),
        (None, Some((until, spot))) => Choice::Wait(spot, until),
        (None, None) => Choice::Nothing,
    }
}

#[cfg(test)]
#[path = "choose_test.rs"]
mod tests;
