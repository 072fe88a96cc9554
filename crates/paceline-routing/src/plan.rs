//! A plan: the targets of a call in the order they are tried. Always a list, also when it is one.

use paceline_types::deployment::Deployment;
use paceline_types::price::Price;
use std::sync::Arc;
use std::time::Duration;

/// How long each phase of an attempt may take (G10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// From the request to the first token of a stream.
    pub first_token: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
    /// For an answer in one piece.
    pub total: Duration,
    /// For a streamed answer.
    pub stream_total: Duration,
}

/// One place to try.
#[derive(Clone, Debug)]
pub struct Target {
    /// The provider's place in the list of providers.
    pub provider: usize,
    /// The names.
    pub deployment: Arc<Deployment>,
    /// How long to wait.
    pub patience: Patience,
    /// What its tokens cost; `None` where that is not known.
    pub price: Option<Arc<Price>>,
}

/// The targets of a call.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Never empty.
    pub targets: Vec<Target>,
}
