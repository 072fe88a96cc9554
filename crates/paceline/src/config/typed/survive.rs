//! Settings of how calls survive failures, limits and crowds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Trying again. Other deployments of a model are tried at once; these settings are for a further try at a model whose
/// deployments have all failed, and for how many further tries and fallbacks there may be in all.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Retry {
    /// Further tries at the same model.
    #[schemars(range(min = 0, max = 10))]
    pub attempts: u64,
    /// The longest wait before the first further try, in milliseconds; doubled with each.
    #[schemars(range(min = 1, max = 60_000))]
    pub base_ms: u64,
    /// The longest wait before any further try, in milliseconds.
    #[schemars(range(min = 1, max = 600_000))]
    pub cap_ms: u64,
    /// The share of each wait that chance decides: 1 spreads it over the whole wait, 0 is a fixed wait.
    #[schemars(range(min = 0, max = 1))]
    pub jitter: f64,
    /// Further tries and fallbacks at most, as a share of the calls of the last 10 seconds.
    #[schemars(range(min = 0, max = 1))]
    pub budget_share: f64,
    /// Further tries and fallbacks a second that come on top of the share; once more at the same model, within the greater of the two.
    #[schemars(range(min = 0, max = 100_000))]
    pub budget_floor_per_s: f64,
    /// How long a call waits at most, in milliseconds, for a provider that asks for no more calls, where no other is
    /// left. It never waits beyond its own time limit.
    #[schemars(range(min = 0, max = 600_000))]
    pub max_wait_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 1,
            base_ms: 500,
            cap_ms: 8000,
            jitter: 1.0,
            budget_share: 0.2,
            budget_floor_per_s: 10.0,
            max_wait_ms: 60_000,
        }
    }
}

/// When a deployment (provider, key and model) is left alone.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Health {
    /// Failures in a row (5xx, time limits, no connection) after which it is left alone.
    #[schemars(range(min = 1, max = 1000))]
    pub failures: u64,
    /// How long the first time, in milliseconds; doubled each time after. Then one call sees whether it is back.
    #[schemars(range(min = 10, max = 600_000))]
    pub open_ms: u64,
    /// The longest, in milliseconds.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub open_max_ms: u64,
    /// How long a deployment that came back gets less than its share, in milliseconds.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub slow_start_ms: u64,
    /// How long a deployment that answers 429 without saying how long is left alone the first time, in milliseconds;
    /// doubled each time after, up to a minute.
    #[schemars(range(min = 10, max = 600_000))]
    pub rate_limited_ms: u64,
    /// The longest time that a provider may ask to be left alone, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub rate_limited_max_ms: u64,
    /// How often a refused key is tried again, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub key_retry_ms: u64,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            failures: 5,
            open_ms: 1000,
            open_max_ms: 60_000,
            slow_start_ms: 30_000,
            rate_limited_ms: 1000,
            rate_limited_max_ms: 600_000,
            key_retry_ms: 300_000,
        }
    }
}

/// Waiting for room, where so many calls at once are a limit.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Queue {
    /// How many calls may wait at one place; more are refused at once.
    #[schemars(range(min = 0, max = 100_000))]
    pub max_waiting: u64,
    /// How long a call may wait for room, in milliseconds.
    #[schemars(range(min = 0, max = 600_000))]
    pub max_wait_ms: u64,
    /// A line that was never empty for so long, in milliseconds, is overloaded: the newest is then served first.
    #[schemars(range(min = 1, max = 600_000))]
    pub overloaded_after_ms: u64,
    /// Whether it is learned how many calls at once a deployment takes: from its first tokens that come later, from 429
    /// and 503 and time limits. A deployment that shows none of these has no limit.
    pub adaptive: bool,
    /// Below so many calls at once slowness alone is no sign of too many.
    #[schemars(range(min = 1, max = 100_000))]
    pub adaptive_start: u64,
    /// The most calls at once that a learned limit may allow.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub adaptive_max: u64,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            max_waiting: 1000,
            max_wait_ms: 2000,
            overloaded_after_ms: 1000,
            adaptive: true,
            adaptive_start: 20,
            adaptive_max: 10_000,
        }
    }
}
