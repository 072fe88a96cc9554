//! Tests of learned limits.

use super::{Adaptive, AdaptivePolicy, CALM};
use std::time::{Duration, Instant};

#[test]
fn a_healthy_place_has_no_limit() {
    let (mut adaptive, policy, began) = (Adaptive::default(), AdaptivePolicy::default(), Instant::now());
    for n in 0..5000u64 {
        let now = began + Duration::from_millis(n);
        let ttft = Duration::from_millis(80 + n * 7919 % 60);
        assert_eq!(adaptive.sample(ttft, 500, now, &policy), None);
    }
}

/// A server of 32 places that queues silently: its first tokens come later the more are waiting.
#[test]
fn a_place_that_queues_gets_about_what_it_can_take() {
    let (mut adaptive, policy, began) = (Adaptive::default(), AdaptivePolicy::default(), Instant::now());
    let mut now = began;
    for _ in 0..200 {
        now += Duration::from_millis(20);
        adaptive.sample(Duration::from_millis(300), 20, now, &policy);
    }
    let mut limit = None;
    for _ in 0..20_000 {
        now += Duration::from_millis(20);
        let in_flight: u32 = limit.unwrap_or(100).min(100);
        let waiting = f64::from(in_flight.saturating_sub(32));
        let ttft = Duration::from_secs_f64(0.3 + waiting * 0.05);
        limit = adaptive.sample(ttft, in_flight, now, &policy);
    }
    let limit = limit.unwrap();
    assert!((28..60).contains(&limit), "{limit}");
}

#[test]
fn refusals_cut_once_for_all_and_calm_lifts() {
    let (mut adaptive, policy, began) = (Adaptive::default(), AdaptivePolicy::default(), Instant::now());
    for _ in 0..30 {
        assert_eq!(adaptive.refused(50, began, &policy), Some(45));
    }
    let later = began + Duration::from_secs(1);
    assert_eq!(adaptive.refused(45, later, &policy), Some(40));
    let calm = later + CALM;
    assert_eq!(adaptive.sample(Duration::from_millis(100), 5, calm, &policy), None);
    assert_eq!(Adaptive::default().refused(0, began, &policy), Some(18));
    let mut small = Adaptive::default();
    for second in 0..60 {
        small.refused(2, began + Duration::from_secs(second), &policy);
    }
    assert_eq!(small.limit(), Some(1), "a place that refuses whatever is sent gets one at a time");
}
