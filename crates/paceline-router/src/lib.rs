//! Learned routing: what quality and cost a prompt will have at each model, and how well that is known.
//!
//! Quiet: no clock, no file, no chance of its own. Texts arrive as arguments, seeds too; the same input gives the
//! same output, bit for bit, on the same machine.

pub mod bandit;
pub mod dice;
pub mod file;
pub mod learn;
pub mod metrics;
pub mod model;
pub mod set;
pub mod text;
