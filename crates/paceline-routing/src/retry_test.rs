//! Tests of backoff and the retry budget.

use super::{RetryBudget, RetryPolicy};
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

/// A dead place under 1,000 calls a second gets at most a fifth more, beyond the floor.
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
        if budget.take(now, &policy) {
            tries += 1;
        }
    }
    assert!(tries as f64 <= 0.2 * calls as f64 + 10.0 * 60.0 + 100.0, "{tries} of {calls}");
    assert!(tries as f64 >= 0.2 * calls as f64, "{tries}");
}

#[test]
fn a_quiet_place_has_its_floor_and_no_more() {
    let policy = RetryPolicy::default();
    let began = Instant::now();
    let budget = RetryBudget::new(began);
    let taken = (0..500).filter(|_| budget.take(began, &policy)).count();
    assert_eq!(taken, 100);
    assert!(!budget.take(began + Duration::from_secs(9), &policy));
    assert!(budget.take(began + Duration::from_secs(10), &policy));
    assert_eq!(budget.counts(began + Duration::from_hours(100)), (0, 0));
}
