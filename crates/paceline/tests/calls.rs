//! Calls that are answered in one piece, calls that fail, calls that are tried elsewhere, and raw ones.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test may fail like the test")]

#[path = "calls/chosen.rs"]
mod chosen;
#[path = "calls/fallback.rs"]
mod fallback;
#[path = "calls/faults.rs"]
mod faults;
#[path = "calls/learned.rs"]
mod learned;
#[path = "calls/lessons.rs"]
mod lessons;
#[path = "calls/patience.rs"]
mod patience;
#[path = "calls/raw.rs"]
mod raw;
#[path = "calls/roles.rs"]
mod roles;
#[path = "calls/routing.rs"]
mod routing;
#[path = "calls/shadow.rs"]
mod shadow;
#[path = "calls/sockets.rs"]
mod sockets;
mod support;
#[path = "calls/survive.rs"]
mod survive;
#[path = "calls/timeouts.rs"]
mod timeouts;
#[path = "calls/whole.rs"]
mod whole;
