//! Tests of the choice among places.

use super::{Choice, Spot, choose, spots};
use crate::health::Sign;
use crate::place::{Fleet, PlaceName, Policy};
use crate::plan::{Patience, Pick, Plan, Target, TargetFacts};
use crate::retry::Further;
use paceline_types::deployment::Deployment;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn plan(targets: &[(u16, usize, u32)], pick: Pick, began: Instant) -> Plan {
    let fleet = Fleet::new(began);
    let patience = Patience::even(Duration::from_secs(1));
    let target = |(at, &(group, keys, weight)): (usize, &(u16, usize, u32))| {
        let provider: Arc<str> = format!("p{at}").into();
        let deployment = Deployment {
            name: format!("p{at}/m").into(),
            provider: Arc::clone(&provider),
            model: "m".into(),
            upstream_model: "m".into(),
            region: None,
        };
        let place = |key| fleet.place(PlaceName { provider: Arc::clone(&provider), key, model: "m".into() });
        let places = (0..keys as u64).map(place).collect();
        let deployment = Arc::new(deployment);
        let facts = TargetFacts { provider: at, deployment, patience, price: None, places, weight };
        Target::new(group, facts)
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
    // How slow a key once was keeps nobody from it.
    plan.targets[0].places[0].sample(Duration::from_secs(9), now, &policy);
    let mut counts = [0; 3];
    for _ in 0..3000 {
        counts[go(choose(&plan, &[], None, now, &policy, &mut chance)).1] += 1;
    }
    assert!(counts.iter().all(|count| *count > 500), "{counts:?}");
    plan.targets[0].places[1].report(Sign::KeyRefused, false, now, 0.0, &policy);
    assert!((0..1000).all(|_| go(choose(&plan, &[], None, now, &policy, &mut chance)).1 != 1));
}

/// Fails five times, and is back a minute later.
fn down_and_up(plan: &Plan, spots: &[(usize, usize)], now: Instant, policy: &Policy) -> Instant {
    let back = now + Duration::from_mins(1);
    for &(target, key) in spots {
        let place = &plan.targets[target].places[key];
        for _ in 0..5 {
            place.report(Sign::Failed, false, now, 0.0, policy);
        }
        place.report(Sign::Well, false, back, 0.0, policy);
    }
    back
}

#[test]
fn a_key_that_came_back_begins_with_a_tenth_of_its_share() {
    let (now, policy, mut chance) = (Instant::now(), Policy::default(), dice());
    let plan = plan(&[(0, 2, 1)], Pick::First, now);
    let back = down_and_up(&plan, &[(0, 0)], now, &policy);
    let mut of_first = |now| {
        let asked = |_: &i32| go(choose(&plan, &[], None, now, &policy, &mut chance)).1 == 0;
        (0..3000).filter(asked).count()
    };
    // Half of all would be its share.
    let counts = [0, 15, 31].map(|later| of_first(back + Duration::from_secs(later)));
    assert!((90..220).contains(&counts[0]), "{counts:?}");
    assert!((700..950).contains(&counts[1]), "{counts:?}");
    assert!((1350..1650).contains(&counts[2]), "{counts:?}");
}

#[test]
fn where_all_have_just_come_back_they_take_turns_and_none_waits() {
    let (now, policy, mut chance) = (Instant::now(), Policy::default(), dice());
    for shape in [&[(0, 3, 1)][..], &[(0, 1, 1), (0, 1, 1), (0, 1, 1)]] {
        let plan = plan(shape, Pick::LeastLoaded, now);
        let all = spots(&plan, 0..plan.targets.len()).map(|spot| (spot.target, spot.key));
        let back = down_and_up(&plan, &all.collect::<Vec<_>>(), now, &policy);
        let mut counts = [0; 3];
        for _ in 0..3000 {
            let (target, key) = go(choose(&plan, &[], None, back, &policy, &mut chance));
            counts[target + key] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
    }
    let alone = plan(&[(0, 1, 1)], Pick::First, now);
    let back = down_and_up(&alone, &[(0, 0)], now, &policy);
    assert!((0..100).all(|_| go(choose(&alone, &[], None, back, &policy, &mut chance)) == (0, 0)));
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
            if !tried.is_empty() && !budget.take(Further::Elsewhere, now, &policy.retry) {
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
