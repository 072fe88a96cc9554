//! Tests of turnstiles.

use super::Turnstile;
use crate::line::LinePolicy;
use paceline_types::rules::Priority;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

#[test]
fn who_leaves_lets_the_next_in_and_who_goes_away_leaves_the_line() {
    let (policy, now) = (LinePolicy::default(), Instant::now());
    let turnstile = Arc::new(Turnstile::default());
    turnstile.set_limit(Some(1), now, &policy);
    assert!(turnstile.enter());
    let gone = turnstile.wait(Priority::Interactive, now, &policy).unwrap();
    let mut waits = pin!(turnstile.wait(Priority::Interactive, now, &policy).unwrap());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(waits.as_mut().poll(&mut cx).is_pending());
    assert_eq!(turnstile.counts(), (Some(1), 1, 2));
    drop(gone);
    assert_eq!(turnstile.counts(), (Some(1), 1, 1));
    let later = now + Duration::from_millis(300);
    turnstile.leave(later, &policy);
    assert_eq!(waits.as_mut().poll(&mut cx), Poll::Ready(Some(Duration::from_millis(300))));
    assert_eq!(turnstile.counts(), (Some(1), 1, 0));
}

#[test]
fn room_given_to_who_has_just_gone_goes_on_to_the_next() {
    let (policy, now) = (LinePolicy::default(), Instant::now());
    let turnstile = Arc::new(Turnstile::default());
    turnstile.set_limit(Some(1), now, &policy);
    assert!(turnstile.enter());
    let called = turnstile.wait(Priority::Interactive, now, &policy).unwrap();
    turnstile.leave(now, &policy);
    assert_eq!(turnstile.counts(), (Some(1), 1, 0));
    drop(called);
    assert_eq!(turnstile.counts(), (Some(1), 0, 0));
}

#[test]
fn a_higher_limit_lets_those_in_who_wait() {
    let (policy, now) = (LinePolicy::default(), Instant::now());
    let turnstile = Arc::new(Turnstile::default());
    turnstile.set_limit(Some(1), now, &policy);
    assert!(turnstile.enter());
    let mut waits = pin!(turnstile.wait(Priority::Batch, now, &policy).unwrap());
    turnstile.set_limit(None, now, &policy);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(waits.as_mut().poll(&mut cx).is_ready());
    let late = now + policy.max_wait * 2;
    turnstile.set_limit(Some(2), now, &policy);
    let mut waits = pin!(turnstile.wait(Priority::Batch, now, &policy).unwrap());
    turnstile.leave(late, &policy);
    assert_eq!(waits.as_mut().poll(&mut cx), Poll::Ready(None));
}
