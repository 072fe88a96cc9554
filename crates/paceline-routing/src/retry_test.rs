//! Tests of backoff and the retry budget.

use super::{Further, RetryBudget, RetryPolicy};
use std::time::{Duration, Instant};

#[test]
fn waits_grow_and_chance_decides_all_of_them() {
    let policy = RetryPolicy::default();
    let ceilings = [500, 1000, 2000, 4000, 8000, 8000].map(Duration::from_millis);
    for (nth, ceiling) in ceilings.into_iter().enumerate() {
        assert_eq!(policy.delay(nth as u32, 1.0), ceiling);
        assert_eq!(policy.delay(nth as u32, 0.0), Duration::ZERO);
    }
    assert_eq!(policy.delay(u32::MAX, 0.5), Duration::from_secs(4));
    let fixed = RetryPolicy { jitter: 0.0, ..policy };
    assert_eq!(fixed.delay(1, 0.3), Duration::from_secs(1));
}

/// A dead place under 1,000 calls a second gets at most a fifth more: in any stretch from its begin on that is longer than
/// the half second whose fifth is the floor, and exactly so.
#[test]
fn retries_stay_a_share_of_calls() {
    let policy = RetryPolicy::default();
    let began = Instant::now();
    let budget = RetryBudget::new(began);
    let (mut calls, mut tries) = (0u64, 0u64);
    for ms in 0..60_000 {
        let now = began + Duration::from_millis(ms);
        budget.call(now);
        calls += 1;
        if budget.take(Further::Again, now, &policy) {
            tries += 1;
        }
        assert!(tries <= 100.max(calls.div_ceil(5)), "{tries} of {calls} in {ms} ms");
    }
    assert!(tries >= calls / 5, "{tries} of {calls}");
    // Elsewhere the floor comes on top.
    let now = began + Duration::from_mins(1);
    let left = (0..500).filter(|_| budget.take(Further::Elsewhere, now, &policy)).count();
    assert!((98..=102).contains(&left), "{left}");
}

#[test]
fn a_quiet_place_has_its_floor_and_no_more() {
    let policy = RetryPolicy::default();
    let began = Instant::now();
    let budget = RetryBudget::new(began);
    let taken = (0..500).filter(|_| budget.take(Further::Again, began, &policy)).count();
    assert_eq!(taken, 100);
    assert!(!budget.take(Further::Again, began + Duration::from_secs(9), &policy));
    assert!(budget.take(Further::Again, began + Duration::from_secs(10), &policy));
    assert_eq!(budget.counts(began + Duration::from_hours(100)), (0, 0));
}
