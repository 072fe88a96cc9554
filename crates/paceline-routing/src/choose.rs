//! Which place of a plan is asked next.

use crate::health::{Verdict, Why};
use crate::load::Load;
use crate::place::{Place, Policy};
use crate::plan::{Pick, Plan, Target};
use std::ops::Range;
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
    let mut search = Search { plan, tried, now, policy, chance, slow: None };
    let mut at = 0;
    while at < plan.targets.len() {
        let group = plan.targets[at].group;
        let len = plan.targets[at..].iter().take_while(|target| target.group == group).count();
        if let Some(spot) = search.of_group(at..at + len, sticky) {
            return Choice::Go(spot);
        }
        at += len;
    }
    // Whoever has just come back gives way to others; where there is none its share is all.
    if let Some(spot) = search.slow {
        return Choice::Go(spot);
    }
    last_resort(plan, tried, now, policy)
}

fn spots(plan: &Plan, targets: Range<usize>) -> impl Iterator<Item = Spot> + '_ {
    targets.flat_map(|target| (0..plan.targets[target].places.len()).map(move |key| Spot { target, key }))
}

/// What one choice goes by.
struct Search<'a, C> {
    plan: &'a Plan,
    tried: &'a [Spot],
    now: Instant,
    policy: &'a Policy,
    chance: &'a mut C,
    /// The first that may be asked and gave way, because it has just come back.
    slow: Option<Spot>,
}

impl<C: Chance> Search<'_, C> {
    fn of_group(&mut self, range: Range<usize>, sticky: Option<f64>) -> Option<Spot> {
        let plan = self.plan;
        // Nearly every call: one target with one key, and nothing wrong.
        if range.len() == 1 && plan.targets[range.start].places.len() == 1 {
            let spot = Spot { target: range.start, key: 0 };
            return (!self.tried.contains(&spot) && self.may(spot)).then_some(spot);
        }
        let pick = if plan.targets[range.start].group == 0 { plan.pick } else { Pick::First };
        match pick {
            Pick::LeastLoaded => {
                let now = self.now;
                self.better_of_two(range, |load| load.cost(now))
            }
            Pick::First => range.into_iter().find_map(|target| self.key_of(target)),
            Pick::Weighted => {
                let drawn = sticky.unwrap_or_else(|| self.chance.next());
                let first = range.start + weighted(&plan.targets[range.clone()], drawn);
                let mut order = std::iter::once(first).chain(range);
                order.find_map(|target| self.key_of(target))
            }
        }
    }

    /// A key of a target: they take turns. All lead to the same provider, so how slow one was says nothing about it, and
    /// what each may take a minute is best spread evenly.
    fn key_of(&mut self, target: usize) -> Option<Spot> {
        self.better_of_two(target..target + 1, |load| f64::from(load.in_flight()))
    }

    /// Of two places of these targets that chance names the one with the lower cost; when neither may be asked, any that
    /// may.
    fn better_of_two(&mut self, targets: Range<usize>, cost: impl Fn(&Load) -> f64) -> Option<Spot> {
        let plan = self.plan;
        let mut left: Vec<Spot> = spots(plan, targets).filter(|spot| !self.tried.contains(spot)).collect();
        while !left.is_empty() {
            let first = self.draw(left.len());
            let chosen = if left.len() > 1 {
                let other = (first + 1 + self.draw(left.len() - 1)) % left.len();
                let cost = |at: usize| cost(&left[at].place(plan).load);
                if cost(other) < cost(first) { other } else { first }
            } else {
                first
            };
            let spot = left.swap_remove(chosen);
            if self.may(spot) {
                return Some(spot);
            }
        }
        None
    }

    /// A number below `len`.
    fn draw(&mut self, len: usize) -> usize {
        ((self.chance.next() * len as f64) as usize).min(len - 1)
    }

    /// Whether a place may be asked; where it is to be probed, this asker is the one.
    fn may(&mut self, spot: Spot) -> bool {
        match spot.place(self.plan).health.enter(self.now, &self.policy.health) {
            Verdict::Ready | Verdict::Probe => true,
            Verdict::Slow(share) => {
                let goes = self.chance.next() < share;
                if !goes {
                    self.slow.get_or_insert(spot);
                }
                goes
            }
            Verdict::Closed { .. } => false,
        }
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
        let health = &spot.place(plan).health;
        let verdict = match health.look(now, &policy.health) {
            // Another thread gave a probe back just now: whoever takes it says so, or there would soon be two.
            Verdict::Probe if !tried.contains(&spot) => health.enter(now, &policy.health),
            verdict => verdict,
        };
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
