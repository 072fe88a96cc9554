//! Streams through the gateway: their bytes, their ends, their usage, and callers who leave.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test may fail like the test")]

#[path = "streams/alive.rs"]
mod alive;
#[path = "streams/cancel.rs"]
mod cancel;
#[path = "streams/cut_dialects.rs"]
mod cut_dialects;
#[path = "streams/cuts.rs"]
mod cuts;
#[path = "streams/drain.rs"]
mod drain;
#[path = "streams/errors.rs"]
mod errors;
mod support;
#[path = "streams/transparent.rs"]
mod transparent;
#[path = "streams/usage.rs"]
mod usage;
