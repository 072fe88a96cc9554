//! Settings of who may use how much: limits, budgets, keys' rights.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much may be used at a time. What is not given is not limited.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Limits {
    /// Calls in any 60 seconds.
    #[schemars(range(min = 1, max = 1_000_000_000), extend("x-default" = "no limit"))]
    pub calls_per_minute: Option<u64>,
    /// Input and output tokens in any 60 seconds.
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64), extend("x-default" = "no limit"))]
    pub tokens_per_minute: Option<u64>,
    /// Calls under way at once.
    #[schemars(range(min = 1, max = 1_000_000), extend("x-default" = "no limit"))]
    pub concurrent: Option<u64>,
    /// What these limits would refuse is only counted.
    pub shadow: bool,
}

/// How much may be spent. What is not given is not limited.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Budget {
    /// US dollars in a day of `budgets.zone`.
    #[schemars(range(min = 0.000_001, max = 9_000_000.0), extend("x-default" = "no limit"))]
    pub day_usd: Option<f64>,
    /// US dollars in a month of `budgets.zone`.
    #[schemars(range(min = 0.000_001, max = 9_000_000.0), extend("x-default" = "no limit"))]
    pub month_usd: Option<f64>,
    /// The share of a budget from which on it is told that it is nearly used.
    #[schemars(range(min = 0.01, max = 1.0))]
    pub soft: f64,
    /// What this budget would refuse is only counted.
    pub shadow: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self { day_usd: None, month_usd: None, soft: 0.8, shadow: false }
    }
}

/// What a tenant or a workspace may use, all its keys together.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Scope {
    /// How much may be used at a time.
    pub limits: Limits,
    /// How much may be spent.
    pub budget: Budget,
}

/// What all budgets have in common.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Budgets {
    /// The time zone of their days and months, and of times that tell no zone, e.g. `Europe/Berlin`; `local` is the
    /// system's.
    #[schemars(extend("x-default" = "as `files.time_zone`"))]
    pub zone: Option<String>,
    /// What happens to a call whose price is not known where a budget would have to count it: `refuse` or `allow`.
    pub unknown_price: UnknownPrice,
}

/// What happens to a call whose price is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::config) enum UnknownPrice {
    #[default]
    Refuse,
    Allow,
}

/// Which of the waiting is let in first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::config) enum Priority {
    #[default]
    Interactive,
    Batch,
}
