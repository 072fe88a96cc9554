//! The one clock of the call path: the timers' own, so that a test that holds the timers still holds the clock too.

use std::time::Instant;

/// Now. In a program this is [`Instant::now`]; in a test whose time is paused it is the paused time.
#[inline]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
