//! What a decision is asked for.

use crate::need::Need;
use crate::place::Policy;
use paceline_types::time::Timestamp;
use std::time::Instant;

/// A call that is to be decided.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What it asks.
    pub need: &'a Need,
    /// When.
    pub now: Instant,
    /// When, by the wall clock: prices change.
    pub at: Timestamp,
    /// Stands for the beginning of its prompt.
    pub prefix: Option<u64>,
    /// Quality by the route's quality model, in the order of its models.
    pub learned: Option<&'a [f32]>,
    /// How health is judged.
    pub policy: &'a Policy,
}
