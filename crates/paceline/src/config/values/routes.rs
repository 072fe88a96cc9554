//! Routes as they are meant: policies over models.

use super::{Link, Target};
use crate::learned::Learned;
use paceline_routing::estimate::Prior;
use paceline_routing::need::Abilities;
use paceline_routing::route::RoutePolicy;
use paceline_types::decision::{Strategy, Weights};
use std::path::PathBuf;
use std::sync::Arc;

/// What all routes have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Routing {
    /// Whether routes choose; else they are plain lists.
    pub enabled: bool,
    /// How routes weigh that do not say.
    pub strategy: Strategy,
    /// The weights of [`Strategy::Custom`], 1 together.
    pub weights: Weights,
    /// Models of which a smaller share of attempts is answered are left out.
    pub reliability_threshold: f64,
    /// The share of calls that go elsewhere to learn.
    pub explore: f64,
}

/// A route; it has at least one model.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name for callers.
    pub name: String,
    /// Further names.
    pub aliases: Vec<String>,
    /// What it chooses from, each deployment once.
    pub models: Vec<RouteModel>,
    /// Whether `models` is not a list of its own, but all there is.
    pub everything: bool,
    /// What is tried when all of them have failed.
    pub fallback: Vec<Link>,
    /// Whether an answer that a content filter stopped moves on.
    pub fallback_on_content_filter: bool,
    /// How it decides.
    pub policy: RoutePolicy,
    /// The place in `models` of the one that savings are measured against, where one is named.
    pub baseline: Option<usize>,
    /// What predicts quality by the prompt.
    pub router: Option<Router>,
}

/// A model that a route may choose, and what is known of it beforehand.
#[derive(Clone, Debug)]
pub struct RouteModel {
    /// Which model.
    pub link: Link,
    /// Where it is served and with which weight; at least one place.
    pub targets: Vec<(Target, u32)>,
    /// Whether the catalogue has it.
    pub known: bool,
    /// What it can; all that can be asked where nothing is known.
    pub can: Abilities,
    /// Tokens of prompt and answer together.
    pub context: Option<u64>,
    /// Tokens of an answer.
    pub max_output: Option<u64>,
    /// What is expected before anything was seen.
    pub prior: Prior,
    /// Its place among the models of the route's router.
    pub learned: Option<usize>,
}

/// A trained router of a route.
#[derive(Clone, Debug)]
pub struct Router {
    /// The file it was read from.
    pub path: PathBuf,
    /// What it learned.
    pub model: Arc<Learned>,
}
