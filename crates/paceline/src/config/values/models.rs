//! What can be asked for, as it is meant: models, tiers, roles.

use super::TimeoutOverrides;
use paceline_catalog::ModelTier;
use paceline_routing::plan::Pick;
use paceline_types::rules::Limits;
use std::fmt;

/// How many tiers there are.
pub const TIERS: usize = 4;

/// One model that callers can name.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Its name for callers.
    pub name: String,
    /// Where it is served, the preferred one first; at least one.
    pub targets: Vec<Target>,
    /// The weight of each target.
    pub weights: Vec<u32>,
    /// Which target is tried first.
    pub pick: Pick,
    /// Further names.
    pub aliases: Vec<String>,
    /// Whether it thinks before it answers.
    pub reasoning: bool,
    /// What is tried after its targets, before its tier.
    pub fallback: Vec<Link>,
    /// Whether other models are tried at all.
    pub fallback_enabled: bool,
    /// Whether an answer that a content filter stopped moves on.
    pub fallback_on_content_filter: bool,
    /// Its class, stated or of the catalogue.
    pub tier: Option<ModelTier>,
    /// What gets a share of its calls besides.
    pub shadow: Option<Shadow>,
    /// Its own timeouts; see [`super::Config::effective_timeouts`].
    pub timeouts: TimeoutOverrides,
    /// How much of it may be used at a time.
    pub limits: Limits,
}

impl Model {
    /// A model of the simulated provider in process, under the provider's name.
    pub fn simulated(name: &str) -> Self {
        let short = name.strip_prefix("sim/").unwrap_or(name).to_owned();
        Self {
            name: format!("sim/{short}"),
            targets: vec![Target { provider: "sim".into(), model: short.clone() }],
            weights: vec![1],
            aliases: vec![short],
            ..Self::default()
        }
    }
}

/// One place that serves a model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Name of a configured provider.
    pub provider: String,
    /// The model's name there.
    pub model: String,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

/// A model as a list of models names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// A model of the configuration.
    Model(String),
    /// A provider's model without a name of its own.
    Place(Target),
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(name) => f.write_str(name),
            Self::Place(target) => target.fmt(f),
        }
    }
}

/// What gets a share of a model's calls besides.
#[derive(Clone, Debug, PartialEq)]
pub struct Shadow {
    /// Which model.
    pub link: Link,
    /// Which share, 0 to 1.
    pub share: f64,
}

/// A class of models.
#[derive(Clone, Debug, Default)]
pub struct Tier {
    /// Its models in the order they are tried; empty where nobody serves one.
    pub links: Vec<Link>,
}

/// A role; it has a model or a tier.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name as written.
    pub name: String,
    /// What its calls get first.
    pub model: Option<Link>,
    /// Whose models they get, after `model` where there is one.
    pub tier: Option<ModelTier>,
}
