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
    match plan.pick {
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
mod tests {
    use super::{Choice, Spot, choose};
    use crate::health::Sign;
    use crate::place::{Fleet, PlaceName, Policy};
    use crate::plan::{Patience, Pick, Plan, Target};
    use paceline_types::deployment::Deployment;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    fn plan(targets: &[(u16, usize, u32)], pick: Pick, began: Instant) -> Plan {
        let fleet = Fleet::new(began);
        let second = Duration::from_secs(1);
        let patience = Patience {
            first_token: second,
            first_token_auto: false,
            idle: second,
            total: second,
            stream_total: second,
            least_tokens_per_s: 0.0,
        };
        let target = |(at, &(group, keys, weight)): (usize, &(u16, usize, u32))| {
            let provider: Arc<str> = format!("p{at}").into();
            let deployment = Deployment {
                name: format!("p{at}/m").into(),
                provider: Arc::clone(&provider),
                model: "m".into(),
                upstream_model: "m".into(),
                region: None,
            };
            let place =
                |key| fleet.place(PlaceName { provider: Arc::clone(&provider), key, model: "m".into() });
            let places = (0..keys as u64).map(place).collect();
            let deployment = Arc::new(deployment);
            Target { provider: at, deployment, patience, price: None, group, places, weight }
        };
        let targets = targets.iter().enumerate().map(target).collect();
        Plan { targets, pick, ..Plan::default() }
    }

    fn go(choice: Choice) -> (usize, usize) {
        match choice {
            Choice::Go(spot) => (spot.target, spot.key),
            other => panic!("{other:?}"),
        }
    }

    /// Numbers that are even enough and always the same.
    fn dice() -> impl FnMut() -> f64 {
        let mut state = 0x9E37_79B9_7F4A_7C15u64;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    #[test]
    fn the_first_that_may_be_asked_in_the_order_of_groups() {
        let (now, policy, mut chance) = (Instant::now(), Policy::default(), dice());
        let plan = plan(&[(0, 1, 1), (0, 1, 1), (1, 1, 1)], Pick::First, now);
        assert_eq!(go(choose(&plan, &[], None, now, &policy, &mut chance)), (0, 0));
        let gate = Sign::RateLimited(Some(Duration::from_secs(5)));
        plan.targets[0].places[0].report(gate, false, now, 0.0, &policy);
        assert_eq!(go(choose(&plan, &[], None, now, &policy, &mut chance)), (1, 0));
        let tried = [Spot { target: 1, key: 0 }];
        assert_eq!(go(choose(&plan, &tried, None, now, &policy, &mut chance)), (2, 0));
        let tried = [Spot { target: 1, key: 0 }, Spot { target: 2, key: 0 }];
        let wait = choose(&plan, &tried, None, now, &policy, &mut chance);
        assert_eq!(wait, Choice::Wait(Spot { target: 0, key: 0 }, now + Duration::from_secs(5)));
    }

    #[test]
    fn the_last_is_never_given_up_but_what_asked_for_quiet_gets_it() {
        let (now, policy, mut chance) = (Instant::now(), Policy::default(), dice());
        let plan = plan(&[(0, 1, 1), (1, 1, 1)], Pick::First, now);
        for target in &plan.targets {
            for _ in 0..5 {
                target.places[0].report(Sign::Failed, false, now, 0.0, &policy);
            }
        }
        assert!(matches!(choose(&plan, &[], None, now, &policy, &mut chance), Choice::Go(_)));
        let gate = Sign::RateLimited(Some(Duration::from_secs(5)));
        plan.targets[0].places[0].report(gate, false, now, 0.0, &policy);
        assert_eq!(go(choose(&plan, &[], None, now, &policy, &mut chance)), (1, 0));
    }

    #[test]
    fn keys_of_a_provider_take_turns_and_a_bad_one_is_left_out() {
        let (now, policy, mut chance) = (Instant::now(), Policy::default(), dice());
        let plan = plan(&[(0, 3, 1)], Pick::First, now);
        let mut counts = [0; 3];
        for _ in 0..3000 {
            counts[go(choose(&plan, &[], None, now, &policy, &mut chance)).1] += 1;
        }
        assert!(counts.iter().all(|count| *count > 500), "{counts:?}");
        plan.targets[0].places[1].report(Sign::KeyRefused, false, now, 0.0, &policy);
        assert!((0..1000).all(|_| go(choose(&plan, &[], None, now, &policy, &mut chance)).1 != 1));
    }

    #[test]
    fn weights_are_kept_and_a_session_stays() {
        let (now, policy, mut chance) = (Instant::now(), Policy::default(), dice());
        let plan = plan(&[(0, 1, 3), (0, 1, 1), (0, 1, 0)], Pick::Weighted, now);
        let mut counts = [0; 3];
        for _ in 0..10_000 {
            counts[go(choose(&plan, &[], None, now, &policy, &mut chance)).0] += 1;
        }
        assert!((7200..7800).contains(&counts[0]) && counts[2] == 0, "{counts:?}");
        let own = go(choose(&plan, &[], Some(0.9), now, &policy, &mut chance));
        assert!((0..100).all(|_| go(choose(&plan, &[], Some(0.9), now, &policy, &mut chance)) == own));
    }

    #[test]
    fn the_less_loaded_of_two_is_taken() {
        let (now, policy, mut chance) = (Instant::now(), Policy::default(), dice());
        let plan = plan(&[(0, 1, 1), (0, 1, 1)], Pick::LeastLoaded, now);
        plan.targets[0].places[0].sample(Duration::from_secs(3), now, &policy);
        plan.targets[1].places[0].sample(Duration::from_millis(200), now, &policy);
        assert!((0..100).all(|_| go(choose(&plan, &[], None, now, &policy, &mut chance)).0 == 1));
    }

    /// A day of outages: 20 calls a second at two places that fail, refuse and come back by chance.
    #[test]
    fn a_day_of_outages_is_survived_without_a_storm() {
        let (began, policy, mut chance) = (Instant::now(), Policy::default(), dice());
        let plan = plan(&[(0, 1, 1), (1, 1, 1)], Pick::First, began);
        let (mut down, mut until) = ([false; 2], [0u64; 2]);
        let (mut calls, mut sent, mut both_down, mut failed) = (0u64, 0u64, 0u64, 0u64);
        let mut dead_sent = [0u64; 2];
        let mut dead_calls = [0u64; 2];
        for tick in 0..24 * 3600 * 20u64 {
            let now = began + Duration::from_millis(tick * 50);
            for place in 0..2 {
                if tick >= until[place] {
                    down[place] = !down[place] && chance() < 0.5;
                    until[place] = tick + 200 + (chance() * 20_000.0) as u64;
                }
                dead_calls[place] += u64::from(down[place]);
            }
            calls += 1;
            both_down += u64::from(down == [true, true]);
            let budget = &plan.targets[0].places[0].retries;
            budget.call(now);
            let mut tried = Vec::new();
            let answered = loop {
                let Choice::Go(spot) = choose(&plan, &tried, None, now, &policy, &mut chance) else {
                    break false;
                };
                if !tried.is_empty() && !budget.take(now, &policy.retry) {
                    spot.place(&plan).report(Sign::Nothing, false, now, 0.0, &policy);
                    break false;
                }
                sent += 1;
                tried.push(spot);
                let dead = down[spot.target];
                dead_sent[spot.target] += u64::from(dead);
                let sign = if dead { Sign::Failed } else { Sign::Well };
                spot.place(&plan).report(sign, false, now, chance(), &policy);
                if !dead {
                    break true;
                }
            };
            failed += u64::from(!answered);
        }
        assert!(failed - both_down < calls / 10_000, "{failed} failed, {both_down} could not succeed");
        assert!(sent as f64 <= calls as f64 * 1.2, "{sent} of {calls}");
        // The first is left alone while it is dead; the second may be the last resort.
        assert!(dead_sent[0] < dead_calls[0], "{dead_sent:?} {dead_calls:?}");
    }
}
