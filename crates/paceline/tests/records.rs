//! One call, one record: whatever happens, and however much of it at once.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test may fail like the test")]

#[path = "records/fields.rs"]
mod fields;
#[path = "records/load.rs"]
mod load;
mod support;
