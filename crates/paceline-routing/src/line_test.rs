//! Tests of lines.

use super::{Line, LinePolicy};
use paceline_types::rules::Priority::{Batch, Interactive};
use proptest::prelude::*;
use std::time::{Duration, Instant};

#[test]
fn who_is_waited_for_goes_first_and_each_lane_keeps_its_order() {
    let (policy, now) = (LinePolicy::default(), Instant::now());
    let mut line = Line::default();
    line.set_limit(Some(1));
    assert!(line.enter() && !line.enter());
    for (who, priority) in [(1, Batch), (2, Interactive), (3, Interactive), (4, Batch)] {
        line.wait(who, priority, now, &policy).unwrap();
    }
    assert_eq!(line.next(now, &policy), None);
    let mut order = Vec::new();
    for _ in 0..4 {
        line.leave(now);
        order.extend(line.next(now, &policy).map(|(who, _)| who));
    }
    assert_eq!(order, [2, 3, 1, 4]);
}

#[test]
fn an_overloaded_line_serves_the_newest_and_drops_the_late() {
    let (policy, began) = (LinePolicy::default(), Instant::now());
    let mut line = Line::default();
    line.set_limit(Some(1));
    line.enter();
    for who in 0..4u64 {
        let at = began + Duration::from_millis(600 * who);
        line.wait(who, Interactive, at, &policy).unwrap();
    }
    let now = began + Duration::from_millis(2100);
    line.leave(now);
    assert_eq!(line.next(now, &policy).map(|(who, _)| who), Some(3));
    line.leave(now);
    assert_eq!(line.next(now, &policy).map(|(who, _)| who), Some(2));
    line.leave(now);
    assert_eq!(line.next(now, &policy).map(|(who, _)| who), Some(1));
    line.leave(now);
    assert_eq!(line.next(now, &policy), None);
    assert_eq!((line.waiting(), line.inside()), (0, 0));
}

#[test]
fn a_line_that_moves_slowly_refuses_at_once() {
    let (policy, began) = (LinePolicy::default(), Instant::now());
    let mut line = Line::default();
    line.set_limit(Some(2));
    line.enter();
    line.enter();
    line.wait(0, Interactive, began, &policy).unwrap();
    for second in 1..5 {
        let now = began + Duration::from_secs(second);
        line.leave(now);
        line.force();
    }
    // One leaves a second: the third in line would wait three.
    line.wait(1, Interactive, began + Duration::from_secs(4), &policy).unwrap();
    let (who, too_long) = line.wait(2, Interactive, began + Duration::from_secs(4), &policy).unwrap_err();
    assert_eq!(who, 2);
    assert!(too_long.retry_after >= Duration::from_secs(2));
}

proptest! {
    /// Never more inside than the limit, nobody lost: each is served, refused or dropped late.
    #[test]
    fn room_is_kept(steps in prop::collection::vec((0u8..4, 0u64..500, any::<bool>()), 1..400), limit in 1u32..6) {
        let policy = LinePolicy { max_waiting: 10, ..LinePolicy::default() };
        let mut line = Line::default();
        line.set_limit(Some(limit));
        let mut now = Instant::now();
        let mut inside = 0u32;
        for (kind, ms, batch) in steps {
            now += Duration::from_millis(ms);
            let priority = if batch { Batch } else { Interactive };
            match kind {
                0 | 1 => {
                    if line.enter() {
                        inside += 1;
                    } else {
                        let _ = line.wait(0u32, priority, now, &policy);
                    }
                }
                _ if inside > 0 => {
                    line.leave(now);
                    inside -= 1;
                }
                _ => {}
            }
            while line.next(now, &policy).is_some() {
                inside += 1;
            }
            prop_assert_eq!(inside, line.inside());
            prop_assert!(inside <= limit);
            prop_assert!(line.waiting() <= 10);
            prop_assert!(line.waiting() == 0 || inside == limit);
        }
    }
}
