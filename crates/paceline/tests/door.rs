//! The door: framing, bounds, keys, browsers, and what never crosses to a provider.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test may fail like the test")]

#[path = "door/bodies.rs"]
mod bodies;
#[path = "door/bounds.rs"]
mod bounds;
#[path = "door/browsers.rs"]
mod browsers;
#[path = "door/crossing.rs"]
mod crossing;
#[path = "door/framing.rs"]
mod framing;
#[path = "door/keys.rs"]
mod keys;
#[path = "door/limits.rs"]
mod limits;
#[path = "door/rights.rs"]
mod rights;
mod support;
#[path = "door/ways.rs"]
mod ways;
