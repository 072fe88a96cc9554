//! Settings of what can be asked for: models, tiers, roles.

use super::{Limits, Timeouts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One model: `provider/upstream-name`, or a table.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::config) enum Model {
    /// `provider/upstream-name`. The first slash splits; the upstream name may have more.
    Target(String),
    /// Targets and what is special about the model.
    Table(Box<ModelTable>),
}

/// Targets of a model and what is special about it.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct ModelTable {
    /// `provider/upstream-name`, the preferred one first; or tables `{ target = "provider/upstream-name", weight = 3 }`.
    #[schemars(length(min = 1, max = 32), extend("x-default" = "required"))]
    pub targets: Vec<TargetEntry>,
    /// Which target is tried first: the `first` as written, the better of two by time to the first token and calls under way
    /// (`least_loaded`), or one by chance in proportion to the weights (`weighted`). The others follow when it fails.
    #[schemars(extend("x-default" = "`weighted` where a target has a weight, else `first`"))]
    pub pick: Option<Pick>,
    /// Further names for the same model.
    #[schemars(length(max = 64))]
    pub aliases: Vec<String>,
    /// Whether the model thinks before it answers; it then gets `reasoning_total_ms`.
    pub reasoning: bool,
    /// Other models (names of models, `provider/upstream-name`, or a tier) that are tried one after the other when all
    /// targets of this one have failed. What they would fall back to themselves is not followed.
    #[schemars(length(max = 7))]
    pub fallback: Vec<String>,
    /// Whether another model may answer: those of `fallback`, then those of the tier.
    pub fallback_enabled: bool,
    /// Whether an answer that a content filter stopped moves on to the next target.
    pub fallback_on_content_filter: bool,
    /// The class of the model, whose other models are tried last.
    #[schemars(extend("x-default" = "as the catalogue says of the first target"))]
    pub tier: Option<TierName>,
    /// Another model that a share of the calls goes to besides; callers do not notice.
    pub shadow: Option<Shadow>,
    /// Timeouts of this model; what is not given is as in its provider.
    pub timeouts: Timeouts,
    /// How much of this model may be used at a time, by all callers together.
    pub limits: Limits,
}

impl Default for ModelTable {
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            pick: None,
            aliases: Vec::new(),
            reasoning: false,
            fallback: Vec::new(),
            fallback_enabled: true,
            fallback_on_content_filter: false,
            tier: None,
            shadow: None,
            timeouts: Timeouts::default(),
            limits: Limits::default(),
        }
    }
}

/// One target: `provider/upstream-name`, or a table.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::config) enum TargetEntry {
    /// `provider/upstream-name`. The first slash splits; the upstream name may have more.
    Name(String),
    /// The same with a weight.
    Table(TargetTable),
}

/// A target with a weight.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct TargetTable {
    /// `provider/upstream-name`. The first slash splits; the upstream name may have more.
    #[schemars(extend("x-default" = "required"))]
    pub target: String,
    /// Its share of the calls, to be read beside the weights of the others; 0 only when the others fail.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub weight: u64,
}

impl Default for TargetTable {
    fn default() -> Self {
        Self { target: String::new(), weight: 1 }
    }
}

impl TargetEntry {
    /// The name, and the weight where one is written.
    pub(in crate::config) fn parts(&self) -> (&str, Option<u32>) {
        match self {
            Self::Name(name) => (name, None),
            Self::Table(table) => (&table.target, u32::try_from(table.weight).ok()),
        }
    }
}

/// Which target is tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Pick {
    First,
    LeastLoaded,
    Weighted,
}

/// Another model that a share of the calls goes to besides.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Shadow {
    /// A name of a model, or `provider/upstream-name`.
    #[schemars(extend("x-default" = "required"))]
    pub model: Option<String>,
    /// The share of the calls.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-default" = "required"))]
    pub share: Option<f64>,
}

/// A class of models by size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum TierName {
    Tier1,
    Tier2,
    Tier3,
    Tier4,
}

/// Classes of models by size.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Tiers {
    /// The opus class: names of models or `provider/upstream-name`, in the order they are tried.
    #[schemars(length(min = 1, max = 8), extend("x-default" = "from the catalogue"))]
    pub tier1: Option<Vec<String>>,
    /// The sonnet class.
    #[schemars(length(min = 1, max = 8), extend("x-default" = "from the catalogue"))]
    pub tier2: Option<Vec<String>>,
    /// The haiku class.
    #[schemars(length(min = 1, max = 8), extend("x-default" = "from the catalogue"))]
    pub tier3: Option<Vec<String>>,
    /// The instant class.
    #[schemars(length(min = 1, max = 8), extend("x-default" = "from the catalogue"))]
    pub tier4: Option<Vec<String>>,
}

impl Tiers {
    /// In order.
    pub(in crate::config) fn all(&self) -> [Option<&[String]>; 4] {
        [&self.tier1, &self.tier2, &self.tier3, &self.tier4].map(Option::as_deref)
    }
}

/// What the calls of a role get that leave the model to it.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Role {
    /// A name of a model, or `provider/upstream-name`.
    #[schemars(extend("x-default" = "the first of the tier"))]
    pub model: Option<String>,
    /// The tier whose models are tried: beside `model` when that one fails, else from the first.
    #[schemars(extend("x-default" = "as for the model"))]
    pub tier: Option<TierName>,
}
