//! Settings of routes: policies over models.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How routes choose where they do not say it themselves.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Routing {
    /// Whether routes choose. With `false` a route is a plain list: its first model answers, and the others follow when it
    /// fails; there is then no route but those of the file. `ENABLE_MODEL_ROUTING` is honoured too.
    pub enabled: bool,
    /// How latency, quality and cost are weighed by routes that do not say.
    #[schemars(extend("x-default" = "`custom` where a weight is given here, else `balanced`"))]
    pub strategy: Option<Strategy>,
    /// What latency counts under `custom`. The three weights are divided by their sum. `ROUTING_LATENCY_WEIGHT` is
    /// honoured too.
    #[schemars(range(min = 0, max = 1000))]
    pub latency_weight: f64,
    /// What quality counts under `custom`; `ROUTING_ACCURACY_WEIGHT` is honoured too.
    #[schemars(range(min = 0, max = 1000))]
    pub accuracy_weight: f64,
    /// What cost counts under `custom`; `ROUTING_COST_WEIGHT` is honoured too.
    #[schemars(range(min = 0, max = 1000))]
    pub cost_weight: f64,
    /// Models of which a smaller share of attempts is answered are left out. `ROUTING_RELIABILITY_THRESHOLD` is honoured
    /// too.
    #[schemars(range(min = 0, max = 1))]
    pub reliability_threshold: f64,
    /// The share of calls that go to another model than the best, to learn how good that one is.
    #[schemars(range(min = 0.0, max = 0.02))]
    pub explore: f64,
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            enabled: true,
            strategy: None,
            latency_weight: 0.3,
            accuracy_weight: 0.3,
            cost_weight: 0.4,
            reliability_threshold: 0.8,
            explore: 0.0,
        }
    }
}

/// How latency, quality and cost are weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Strategy {
    LowestLatency,
    HighestQuality,
    CostEffective,
    Balanced,
    Adaptive,
    Custom,
}

/// One route.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Route {
    /// The models it chooses from: names of models, `provider/upstream-name`, or tiers, which stand for all of theirs.
    #[schemars(length(max = 32), extend("x-default" = "all of `[models]`; without any, all of the tiers"))]
    pub models: Vec<String>,
    /// Further names for the same route.
    #[schemars(length(max = 64))]
    pub aliases: Vec<String>,
    /// How latency, quality and cost are weighed.
    #[schemars(extend("x-default" = "`custom` where `weights` are given, else as in `[routing]`"))]
    pub strategy: Option<Strategy>,
    /// What latency, quality and cost count; the strategy is then `custom`. They are divided by their sum.
    pub weights: Weights,
    /// Models of which a smaller share of attempts is answered are left out.
    #[schemars(range(min = 0, max = 1), extend("x-default" = "as in `[routing]`"))]
    pub reliability_threshold: Option<f64>,
    /// The longest time that a model may be expected to take for a whole answer, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub max_latency_ms: Option<u64>,
    /// The most that a call may be expected to cost, in US dollars. A model whose price is not known is left out.
    #[schemars(range(min = 0, max = 1000))]
    pub max_cost_usd: Option<f64>,
    /// The lowest quality that may be expected.
    #[schemars(range(min = 0, max = 1))]
    pub min_quality: Option<f64>,
    /// The share of calls that go to another model than the best, to learn how good that one is.
    #[schemars(range(min = 0.0, max = 0.02), extend("x-default" = "as in `[routing]`"))]
    pub explore: Option<f64>,
    /// How much less than the best a model may score to be tried so.
    #[schemars(range(min = 0, max = 1))]
    pub explore_within: f64,
    /// Whether calls that begin alike are drawn to the deployment that may have the beginning in its provider's cache.
    pub affinity: bool,
    /// A trained router (`paceline router train`) that predicts quality by the prompt. A relative path starts from this
    /// file's folder.
    pub router: Option<String>,
    /// The model of the route that savings are measured against.
    #[schemars(extend("x-default" = "the one of which the highest quality is expected"))]
    pub baseline: Option<String>,
    /// What is tried when the models of the route have failed: names as in `models`.
    #[schemars(length(max = 7))]
    pub fallback: Vec<String>,
    /// Whether an answer that a content filter stopped moves on to the next model.
    pub fallback_on_content_filter: bool,
    /// Cheap first: the model that costs least answers, its answer is checked, and where it does not hold the call goes on
    /// to the model that would have been chosen. `true` checks everything, a table says what:
    /// `cascade = { on = ["empty", "length", "refusal", "invalid_json"] }`.
    #[schemars(extend("x-default" = false))]
    pub cascade: Option<Cascade>,
}

impl Default for Route {
    fn default() -> Self {
        Self {
            models: Vec::new(),
            aliases: Vec::new(),
            strategy: None,
            weights: Weights::default(),
            reliability_threshold: None,
            max_latency_ms: None,
            max_cost_usd: None,
            min_quality: None,
            explore: None,
            explore_within: 0.15,
            affinity: true,
            router: None,
            baseline: None,
            fallback: Vec::new(),
            fallback_on_content_filter: false,
            cascade: None,
        }
    }
}

/// What latency, quality and cost count.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Weights {
    /// What latency counts.
    #[schemars(range(min = 0, max = 1000), extend("x-default" = "0 beside other weights"))]
    pub latency: Option<f64>,
    /// What quality counts.
    #[schemars(range(min = 0, max = 1000), extend("x-default" = "0 beside other weights"))]
    pub quality: Option<f64>,
    /// What cost counts.
    #[schemars(range(min = 0, max = 1000), extend("x-default" = "0 beside other weights"))]
    pub cost: Option<f64>,
}

/// Whether a cheap model answers first.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::config) enum Cascade {
    /// Yes, with all checks, or no.
    Whether(bool),
    /// Yes, with these checks.
    Table(CascadeTable),
}

/// What an answer is checked for.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct CascadeTable {
    /// What makes an answer not hold: neither text nor a call of a tool (`empty`), cut at its limit (`length`), refused or
    /// filtered (`refusal`), no JSON where JSON was asked for (`invalid_json`).
    #[schemars(length(min = 1))]
    pub on: Vec<Check>,
}

impl Default for CascadeTable {
    fn default() -> Self {
        Self { on: Check::ALL.to_vec() }
    }
}

/// Why an answer does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Check {
    Empty,
    Length,
    Refusal,
    InvalidJson,
}

impl Check {
    /// All of them.
    pub(in crate::config) const ALL: [Self; 4] =
        [Self::Empty, Self::Length, Self::Refusal, Self::InvalidJson];
}
