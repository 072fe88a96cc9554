//! A plan: the targets of a call in the order they are tried. Always a list, also when it is one.

use crate::place::Place;
use paceline_types::deployment::Deployment;
use paceline_types::price::Price;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// How long each phase of an attempt may take (G10).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patience {
    /// From the request to the first token of a stream.
    pub first_token: Duration,
    /// Where another place is left, less than that: by how long first tokens took there lately.
    pub first_token_auto: bool,
    /// Between two pieces of an answer.
    pub idle: Duration,
    /// For an answer in one piece.
    pub total: Duration,
    /// For a streamed answer.
    pub stream_total: Duration,
    /// The fewest tokens a second of a stream, after its first [`SLOW_AFTER`]; 0: any.
    pub least_tokens_per_s: f64,
}

impl Patience {
    /// The same limit for every phase.
    pub const fn even(limit: Duration) -> Self {
        Self {
            first_token: limit,
            first_token_auto: false,
            idle: limit,
            total: limit,
            stream_total: limit,
            least_tokens_per_s: 0.0,
        }
    }
}

/// How long a stream may be slow before it counts as too slow.
pub const SLOW_AFTER: Duration = Duration::from_secs(10);

/// One place to try.
#[derive(Clone, Debug)]
pub struct Target {
    /// Which model of the chain it serves: 0 the one that was asked for, then the next ones in order. All deployments of
    /// one model share a group, and groups stand together in a plan.
    pub group: u16,
    facts: Arc<TargetFacts>,
}

/// What is so of a target in every plan.
#[derive(Debug)]
pub struct TargetFacts {
    /// The provider's place in the list of providers.
    pub provider: usize,
    /// The names.
    pub deployment: Arc<Deployment>,
    /// How long to wait.
    pub patience: Patience,
    /// What its tokens cost; `None` where that is not known.
    pub price: Option<Arc<Price>>,
    /// The same place with each of the provider's keys; at least one.
    pub places: Vec<Arc<Place>>,
    /// Its share among the targets of its group where the plan picks by [`Pick::Weighted`]; 0: only when the others fail.
    pub weight: u32,
}

impl Target {
    /// A target in a group.
    pub fn new(group: u16, facts: TargetFacts) -> Self {
        Self { group, facts: Arc::new(facts) }
    }

    /// The same target in another group: routes make a plan for every call.
    #[must_use]
    pub fn in_group(&self, group: u16) -> Self {
        Self { group, facts: Arc::clone(&self.facts) }
    }
}

impl Deref for Target {
    type Target = TargetFacts;

    fn deref(&self) -> &TargetFacts {
        &self.facts
    }
}

/// Which target of a group is tried first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pick {
    /// The first, in the order written.
    #[default]
    First,
    /// Of two that chance names the one with the lower load: time to the first token times calls under way.
    LeastLoaded,
    /// By chance, in proportion to [`TargetFacts::weight`].
    Weighted,
}

/// A share of calls that another model gets too, whose answers nobody sees.
#[derive(Clone, Debug)]
pub struct Shadow {
    /// Where they go; has no shadow itself.
    pub targets: Arc<Plan>,
    /// Which share, 0 to 1.
    pub share: f64,
}

/// The targets of a call.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The whole chain in the order it is tried, group by group. Never empty in a plan that a directory gives, each
    /// deployment once.
    pub targets: Vec<Target>,
    /// Whether an answer that a content filter stopped moves on to the next target.
    pub fallback_on_content_filter: bool,
    /// Which target of group 0 is tried first.
    pub pick: Pick,
    /// Which other model is to see a share of the calls.
    pub shadow: Option<Shadow>,
}
