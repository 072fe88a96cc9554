//! The decision about one call: what a name means, which targets it has, in which order.
//!
//! Quiet: no socket, no clock, no randomness.

pub mod adaptive;
mod admit;
pub mod affinity;
pub mod belief;
pub mod board;
pub mod chain;
pub mod choose;
pub mod confidence;
pub mod decide;
pub mod directory;
pub mod distribution;
pub mod estimate;
mod expect;
pub mod health;
pub mod line;
pub mod load;
pub mod nearest;
pub mod need;
pub mod place;
pub mod plan;
pub mod question;
pub mod replay;
pub mod retry;
pub mod route;
pub mod score;
pub mod spend;
pub mod turnstile;
pub mod window;
