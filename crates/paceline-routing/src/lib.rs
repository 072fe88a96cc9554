//! The decision about one call: what a name means, which targets it has, in which order.
//!
//! Quiet: no socket, no clock, no randomness.

pub mod adaptive;
pub mod chain;
pub mod choose;
pub mod directory;
pub mod distribution;
pub mod health;
pub mod line;
pub mod load;
pub mod nearest;
pub mod place;
pub mod plan;
pub mod retry;
pub mod spend;
pub mod turnstile;
pub mod window;
