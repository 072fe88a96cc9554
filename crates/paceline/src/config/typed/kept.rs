//! Settings of what is kept: records, files, prices.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Call records and statistics kept on disk, in the folder `data`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Storage {
    /// Where they are kept: on `disk`, or in `memory` until the process ends.
    pub kind: StorageKind,
    /// How long a record may wait before it is written, in milliseconds: so much may be lost when the
    /// process is killed. With 0 the end of each answer waits for its record, and nothing is lost.
    #[schemars(range(min = 0, max = 10_000))]
    pub window_ms: u64,
    /// How many days call records are kept. Statistics are kept longer: minutes 2 days, hours 92 days,
    /// days two years, weeks ten years.
    #[schemars(range(min = 1, max = 3660))]
    pub records_days: u64,
    /// How many days bodies are kept, where somebody asked to capture them (`paceline capture`); all of them
    /// together take 256 MB at most.
    #[schemars(range(min = 1, max = 365))]
    pub bodies_days: u64,
    /// Megabytes that history may take on disk; beyond, the oldest call records go first.
    #[schemars(range(min = 16, max = 1_000_000))]
    pub max_mb: u64,
}

impl Default for Storage {
    fn default() -> Self {
        Self { kind: StorageKind::Disk, window_ms: 250, records_days: 30, bodies_days: 7, max_mb: 8192 }
    }
}

/// Files for people and their tools in the folder `data`: snapshots of what was measured in `metrics`,
/// the operations log in `logs`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Files {
    /// The time zone of their hours, days and clocks, e.g. `Europe/Berlin`; `local` is the system's.
    pub time_zone: String,
    /// Whether a snapshot of each hour and each day is written.
    pub snapshots: bool,
    /// How often the snapshots of the running hour and day are renewed, in minutes; with 0 they are
    /// written when it is over.
    #[schemars(range(min = 0, max = 1440))]
    pub snapshot_minutes: u64,
    /// How many days snapshots of hours are kept.
    #[schemars(range(min = 1, max = 3660))]
    pub keep_hourly_days: u64,
    /// How many days snapshots of days are kept.
    #[schemars(range(min = 1, max = 36_600))]
    pub keep_daily_days: u64,
    /// Whether the operations log is written. `ENABLE_PERFORMANCE_LOGGING` is honoured too.
    pub operations_log: bool,
    /// A session or task in it is over when nothing was heard of it for so many minutes.
    #[schemars(range(min = 1, max = 1440))]
    pub operations_idle_minutes: u64,
    /// A file of the operations log with so many megabytes is followed by a new one.
    #[schemars(range(min = 1, max = 10_000))]
    pub operations_file_mb: u64,
    /// How many days files of the operations log are kept.
    #[schemars(range(min = 1, max = 3660))]
    pub operations_days: u64,
    /// Megabytes that all of them may take; the oldest go first.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub operations_total_mb: u64,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            time_zone: "UTC".into(),
            snapshots: true,
            snapshot_minutes: 15,
            keep_hourly_days: 30,
            keep_daily_days: 400,
            operations_log: true,
            operations_idle_minutes: 10,
            operations_file_mb: 64,
            operations_days: 30,
            operations_total_mb: 1024,
        }
    }
}

/// Prices, limits and capabilities of models beside those that are built in.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Catalog {
    /// A file in the catalogue's format (see `catalog/README.md`), as `paceline catalog import` writes it. What it states
    /// of a model is laid over what is built in.
    pub file: Option<String>,
}

/// What calls of one model cost at one provider: by their tokens, or by the time of the machine it runs on.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct OwnPrice {
    /// US dollars for an hour of the machine that runs the model, instead of prices of tokens. A call costs
    /// the time from the start to the end of its last attempt.
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub gpu_hour_usd: Option<f64>,
    /// How many calls share that machine: each costs so many times less.
    #[schemars(range(min = 1, max = 100_000), extend("x-default" = 1))]
    pub concurrent: Option<u32>,
    /// US dollars for a million prompt tokens.
    #[schemars(range(min = 0.0, max = 1_000_000.0), extend("x-default" = "required without `gpu_hour_usd`"))]
    pub input_usd_per_million: Option<f64>,
    /// US dollars for a million generated tokens.
    #[schemars(range(min = 0.0, max = 1_000_000.0), extend("x-default" = "required without `gpu_hour_usd`"))]
    pub output_usd_per_million: Option<f64>,
    /// US dollars for a million prompt tokens read from the provider's cache.
    #[schemars(range(min = 0.0, max = 1_000_000.0), extend("x-default" = "as input"))]
    pub cache_read_usd_per_million: Option<f64>,
    /// US dollars for a million prompt tokens written to the provider's cache.
    #[schemars(range(min = 0.0, max = 1_000_000.0), extend("x-default" = "as input"))]
    pub cache_write_usd_per_million: Option<f64>,
    /// US dollars for a million generated tokens spent on reasoning.
    #[schemars(range(min = 0.0, max = 1_000_000.0), extend("x-default" = "as output"))]
    pub reasoning_usd_per_million: Option<f64>,
}

/// Where call records are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[expect(missing_docs, reason = "described where it is used, as one line of the reference")]
pub enum StorageKind {
    #[default]
    Disk,
    Memory,
}
