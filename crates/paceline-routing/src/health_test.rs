//! Tests of how places are left alone and come back.

use super::{Change, Health, HealthPolicy, Sign, Verdict, Why};
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn closed(verdict: Verdict) -> Option<Why> {
    match verdict {
        Verdict::Closed { why, .. } => Some(why),
        _ => None,
    }
}

#[test]
fn a_429_closes_until_its_time_and_counts_no_failure() {
    let (health, policy, began) = (Health::default(), HealthPolicy::default(), Instant::now());
    let asked = Some(Duration::from_secs(7));
    let change = health.report(Sign::RateLimited(asked), began, 0.5, &policy);
    assert_eq!(change, Some(Change::Gated(Duration::from_secs(7))));
    // An answer to a call that was under way does not open it.
    assert_eq!(health.report(Sign::Well, began + Duration::from_secs(1), 0.5, &policy), None);
    let just_before = began + Duration::from_millis(6999);
    assert_eq!(closed(health.enter(just_before, &policy)), Some(Why::RateLimited));
    assert_eq!(health.enter(began + Duration::from_secs(7), &policy), Verdict::Ready);
    assert_eq!(health.failures(), 0);
}

#[test]
fn a_429_without_a_time_waits_longer_each_time() {
    let (health, policy, mut now) = (Health::default(), HealthPolicy::default(), Instant::now());
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
        let change = health.report(Sign::RateLimited(None), now, 0.0, &policy);
        assert_eq!(change, Some(Change::Gated(Duration::from_secs(seconds))));
        now += Duration::from_secs(seconds);
        assert_eq!(health.enter(now, &policy), Verdict::Ready);
    }
}

#[test]
fn five_failures_open_and_one_probe_at_a_time_closes() {
    let (health, policy, began) = (Health::default(), HealthPolicy::default(), Instant::now());
    for _ in 0..4 {
        assert_eq!(health.report(Sign::Failed, began, 0.0, &policy), None);
    }
    assert_eq!(health.enter(began, &policy), Verdict::Ready);
    let change = health.report(Sign::Failed, began, 0.0, &policy);
    assert_eq!(change, Some(Change::Opened(5, Duration::from_secs(1))));
    assert_eq!(closed(health.enter(began, &policy)), Some(Why::Failing));
    let later = began + Duration::from_secs(1);
    assert_eq!(health.enter(later, &policy), Verdict::Probe);
    assert_eq!(closed(health.enter(later, &policy)), Some(Why::Failing));
    // The probe fails: twice as long.
    assert_eq!(health.report(Sign::Failed, later, 0.0, &policy), None);
    assert_eq!(closed(health.enter(later + Duration::from_millis(1999), &policy)), Some(Why::Failing));
    let again = later + Duration::from_secs(2);
    assert_eq!(health.enter(again, &policy), Verdict::Probe);
    // The prober goes away: the next one may probe.
    health.report(Sign::Nothing, again, 0.0, &policy);
    assert_eq!(health.enter(again, &policy), Verdict::Probe);
    assert_eq!(health.report(Sign::Well, again, 0.0, &policy), Some(Change::Recovered(Why::Failing)));
    let Verdict::Slow(share) = health.enter(again + Duration::from_secs(15), &policy) else {
        panic!("it comes back slowly")
    };
    assert!((share - 0.55).abs() < 1e-9);
    assert_eq!(health.enter(again + Duration::from_secs(31), &policy), Verdict::Ready);
    assert_eq!(health.failures(), 0);
}

#[test]
fn a_refused_key_is_told_once_and_tried_again() {
    let (health, policy, began) = (Health::default(), HealthPolicy::default(), Instant::now());
    assert_eq!(health.report(Sign::KeyRefused, began, 0.0, &policy), Some(Change::KeyRefused));
    assert_eq!(health.report(Sign::KeyRefused, began, 0.0, &policy), None);
    assert_eq!(closed(health.enter(began + Duration::from_secs(299), &policy)), Some(Why::KeyRefused));
    let later = began + Duration::from_mins(5);
    assert_eq!(health.enter(later, &policy), Verdict::Probe);
    let change = health.report(Sign::Well, later, 0.0, &policy);
    assert_eq!(change, Some(Change::Recovered(Why::KeyRefused)));
    assert_eq!(health.enter(later, &policy), Verdict::Ready);
}

#[test]
fn who_was_under_way_before_a_probe_is_not_the_probe() {
    let (health, policy, began) = (Health::default(), HealthPolicy::default(), Instant::now());
    for _ in 0..5 {
        health.report(Sign::Failed, began + Duration::from_secs(2), 0.0, &policy);
    }
    let probed = began + Duration::from_secs(3);
    assert_eq!(health.enter(probed, &policy), Verdict::Probe);
    // Others end meanwhile, whatever they met: the probe is still under way, and the time is not longer for it.
    for sign in [Sign::Failed, Sign::Nothing] {
        let soon = probed + Duration::from_millis(100);
        assert_eq!(health.report_of(began, sign, soon, 0.0, &policy), None);
        assert_eq!(closed(health.look(soon, &policy)), Some(Why::Failing));
    }
    let ended = probed + Duration::from_secs(2);
    health.report_of(probed, Sign::Failed, ended, 0.0, &policy);
    assert_eq!(closed(health.look(ended + Duration::from_millis(1999), &policy)), Some(Why::Failing));
    assert_eq!(health.look(ended + Duration::from_secs(2), &policy), Verdict::Probe);
    // And late ones do not shut it again when its time is over.
    let late = ended + Duration::from_millis(2100);
    assert_eq!(health.report_of(began, Sign::Failed, late, 0.0, &policy), None);
    assert_eq!(health.look(late, &policy), Verdict::Probe);
}

proptest! {
    /// Whatever happens: never two probes at once, never asked inside a gate, and always open again in the end.
    #[test]
    fn rules_hold_under_any_story(steps in prop::collection::vec((0u64..5000, 0u8..6, 0.0f64..1.0), 1..200)) {
        let (health, policy) = (Health::default(), HealthPolicy::default());
        let mut now = Instant::now();
        let (mut probes, mut gate) = (0u32, None::<Instant>);
        for (wait, kind, chance) in steps {
            now += Duration::from_millis(wait);
            match health.enter(now, &policy) {
                Verdict::Probe => {
                    probes += 1;
                    prop_assert!(probes <= 1);
                }
                Verdict::Closed { until, .. } => prop_assert!(until > now),
                Verdict::Slow(share) => prop_assert!((0.1..=1.0).contains(&share)),
                Verdict::Ready => {}
            }
            if closed(health.look(now, &policy)) != Some(Why::RateLimited) {
                prop_assert!(gate.is_none_or(|gate| gate <= now));
            }
            let sign = match kind {
                0 => Sign::Well,
                1 => Sign::RateLimited(Some(Duration::from_millis(wait))),
                2 => Sign::RateLimited(None),
                3 | 4 => Sign::Failed,
                _ => Sign::Nothing,
            };
            if let Sign::RateLimited(Some(asked)) = sign {
                gate = gate.max(Some(now + asked));
            }
            health.report(sign, now, chance, &policy);
            probes = 0;
        }
        let far = now + Duration::from_hours(1);
        prop_assert!(closed(health.enter(far, &policy)).is_none());
    }
}
