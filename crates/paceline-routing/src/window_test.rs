//! Tests of exact windows.

use super::{MINUTE, Window};
use proptest::prelude::*;
use std::time::{Duration, Instant};

#[test]
fn a_window_is_exact_to_the_millisecond() {
    let began = Instant::now();
    let at = |ms| began + Duration::from_millis(ms);
    let mut window = Window::default();
    for ms in [0, 10, 20] {
        assert!(window.take(1, 3, at(ms)).is_ok());
    }
    let full = window.take(1, 3, at(30)).unwrap_err();
    assert_eq!(full.until, Some(at(0) + MINUTE));
    assert!(window.take(1, 3, at(59_999)).is_err());
    assert!(window.take(1, 3, at(60_000)).is_ok());
    assert!(window.take(1, 3, at(60_009)).is_err());
    assert!(window.take(1, 3, at(60_010)).is_ok());
    assert_eq!(window.take(4, 3, at(60_020)).unwrap_err().until, None);
}

#[test]
fn what_was_reserved_is_settled_at_its_own_time() {
    let began = Instant::now();
    let at = |ms| began + Duration::from_millis(ms);
    let mut window = Window::default();
    window.take(800, 1000, at(0)).unwrap();
    assert_eq!(window.take(300, 1000, at(5)).unwrap_err().until, Some(at(60_000)));
    window.settle(at(0), 800, 100, at(10));
    assert_eq!(window.used(at(10)), 100);
    window.take(900, 1000, at(20)).unwrap();
    window.settle(at(20), 900, 1200, at(30));
    assert_eq!(window.used(at(30)), 1300);
    window.settle(at(0), 100, 0, at(60_010));
    assert_eq!(window.used(at(60_010)), 1200);
}

proptest! {
    /// No 60 seconds hold more than the limit, and the promised time is kept.
    #[test]
    fn never_more_than_the_limit(
        steps in prop::collection::vec((0u64..400, 1u64..50), 1..3000), limit in 50u64..5000
    ) {
        let began = Instant::now();
        let (mut window, mut taken, mut ms) = (Window::default(), Vec::new(), 0u64);
        for (wait, amount) in steps {
            ms += wait;
            let now = began + Duration::from_millis(ms);
            match window.take(amount, limit, now) {
                Ok(()) => taken.push((ms, amount)),
                Err(full) => {
                    let until = full.until.unwrap();
                    prop_assert!(until > now);
                    prop_assert!(until <= now + MINUTE);
                }
            }
            let recent: u64 =
                taken.iter().rev().take_while(|(at, _)| ms - at < 60_000).map(|(_, n)| n).sum();
            prop_assert!(recent <= limit);
            prop_assert!(window.uses.len() <= 2100);
        }
    }

    /// Whoever waits as long as told is let in.
    #[test]
    fn the_time_told_is_true(amounts in prop::collection::vec(1u64..40, 5..60)) {
        let began = Instant::now();
        let mut window = Window::default();
        let mut now = began;
        for amount in amounts {
            now += Duration::from_millis(700);
            if let Err(full) = window.take(amount, 100, now) {
                now = full.until.unwrap();
                prop_assert!(window.take(amount, 100, now).is_ok());
            }
        }
    }
}
