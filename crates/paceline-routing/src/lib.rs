//! The decision about one call: what a name means, which targets it has, in which order.
//!
//! Quiet: no socket, no clock, no randomness.

pub mod chain;
pub mod directory;
pub mod nearest;
pub mod plan;
