//! Every exported name of ours, once; OpenTelemetry's are in [`super::otel`].

/// A family of samples.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Its kind, as Prometheus calls it.
    pub kind: &'static str,
    /// What it counts.
    pub help: &'static str,
}

const fn family(name: &'static str, kind: &'static str, help: &'static str) -> Family {
    Family { name, kind, help }
}

/// Which build runs.
pub const BUILD_INFO: Family =
    family("paceline_build_info", "gauge", "Always 1; the label says which version runs.");
/// When the process started.
pub const START_TIME: Family =
    family("process_start_time_seconds", "gauge", "Start of the process, in seconds since 1970.");
/// CPU time.
pub const CPU: Family =
    family("process_cpu_seconds_total", "counter", "CPU time of the process, user and system.");
/// Memory.
pub const RESIDENT: Family =
    family("process_resident_memory_bytes", "gauge", "Resident memory of the process.");
/// Calls.
pub const CALLS: Family =
    family("paceline_calls_total", "counter", "Calls by end (status) and what went wrong (error).");
/// Attempts.
pub const ATTEMPTS: Family =
    family("paceline_attempts_total", "counter", "Tries at providers by what went wrong (error).");
/// Durations.
pub const DURATION: Family = family(
    "paceline_call_duration_seconds",
    "histogram",
    "Response time of whole answers, from head read to last byte.",
);
/// First tokens.
pub const FIRST_TOKEN: Family = family(
    "paceline_time_to_first_token_seconds",
    "histogram",
    "Time from head read to the first content of a stream.",
);
/// Tokens.
pub const TOKENS: Family = family(
    "paceline_tokens_total",
    "counter",
    "Tokens by type; input includes cache_read, output includes reasoning.",
);
/// Cost.
pub const COST: Family = family("paceline_cost_usd_total", "counter", "Known cost in US dollars.");
/// Unknown cost.
pub const COST_UNKNOWN: Family = family(
    "paceline_cost_unknown_calls_total",
    "counter",
    "Calls that used tokens and whose cost is not known.",
);
/// Own work.
pub const OVERHEAD: Family = family(
    "paceline_overhead_seconds_total",
    "counter",
    "Time in which Paceline itself worked on calls; divide by calls for the mean.",
);
/// Accepted.
pub const ACCEPTED: Family =
    family("paceline_calls_accepted_total", "counter", "Calls let through the door; each leaves one record.");
/// In flight.
pub const IN_FLIGHT: Family = family("paceline_calls_in_flight", "gauge", "Calls under way.");
/// Copies for a shadow that were not made.
pub const SHADOWS_SKIPPED: Family = family(
    "paceline_shadow_calls_skipped_total",
    "counter",
    "Calls of which a shadow got no copy because as many copies as may be were under way.",
);
/// Connections.
pub const CONNECTIONS: Family = family("paceline_connections", "gauge", "Connections of clients now.");
/// Refused connections.
pub const CONNECTIONS_REFUSED: Family = family(
    "paceline_connections_refused_total",
    "counter",
    "Connections turned away because the house was full.",
);
/// Records.
pub const RECORDS: Family =
    family("paceline_records_total", "counter", "Call records taken by the recorder.");
/// Dropped records.
pub const RECORDS_DROPPED: Family =
    family("paceline_records_dropped_total", "counter", "Call records for which the queue had no room.");
/// Waiting records.
pub const RECORDS_WAITING: Family = family("paceline_records_waiting", "gauge", "Call records in the queue.");
/// Ledger.
pub const LEDGER_CALLS: Family = family(
    "paceline_ledger_calls_total",
    "counter",
    "Calls closed, as the ledger counts them; never dropped.",
);
/// Ledger tokens.
pub const LEDGER_TOKENS: Family = family(
    "paceline_ledger_tokens_total",
    "counter",
    "Tokens by type, as the ledger counts them; never dropped.",
);
/// Series without room.
pub const SERIES_DROPPED: Family = family(
    "paceline_metric_series_dropped_total",
    "counter",
    "Counts that went under `other` because the family had as many series as it may have.",
);
/// Cache hits.
pub const CACHE_HITS: Family =
    family("cache_hit_count_total", "counter", "Calls answered from the response cache.");
/// Cache misses.
pub const CACHE_MISSES: Family = family(
    "cache_miss_count_total",
    "counter",
    "Calls for which the response cache was asked in vain; calls without a cache are none.",
);
/// Routing decisions.
pub const ROUTED: Family =
    family("model_routing_count_total", "counter", "Decisions that chose a target, by what was chosen.");
/// Their time.
pub const ROUTING_TIME: Family = family(
    "model_routing_latency_seconds",
    "histogram",
    "Time from head read to the choice of a target, reading the request included.",
);
/// Optimisations.
pub const OPTIMIZED: Family = family(
    "performance_optimization_count_total",
    "counter",
    "Decisions about cache and target together, one a call.",
);
/// Their time.
pub const OPTIMIZATION_TIME: Family = family(
    "performance_optimization_latency_seconds",
    "histogram",
    "Time from head read to the end of the decision about cache and target.",
);
/// Degraded store.
pub const STORAGE_DEGRADED: Family = family(
    "paceline_storage_degraded",
    "gauge",
    "1 while call records cannot be written and wait in memory.",
);
/// Stored records.
pub const STORAGE_RECORDS: Family =
    family("paceline_storage_records", "gauge", "Call records that can be asked for.");
/// Records that wait.
pub const STORAGE_PENDING: Family =
    family("paceline_storage_pending_records", "gauge", "Call records that are not on disk yet.");
/// Given up records.
pub const STORAGE_DROPPED: Family = family(
    "paceline_storage_dropped_records_total",
    "counter",
    "Call records that were given up because the disk took none for too long.",
);
/// Damaged blocks.
pub const STORAGE_DAMAGED: Family = family(
    "paceline_storage_damaged_reads_total",
    "counter",
    "Blocks of history that were asked for and could not be read.",
);
/// Bytes.
pub const STORAGE_BYTES: Family =
    family("paceline_storage_bytes", "gauge", "Bytes that the store takes on disk.");
/// Dropped bodies.
pub const BODIES_DROPPED: Family = family(
    "paceline_captures_dropped_total",
    "counter",
    "Captured calls whose bodies were given up for want of room.",
);
/// Deployments.
pub const DEPLOYMENTS: Family = family(
    "paceline_deployments",
    "gauge",
    "Deployments (provider, key and model) that were or may be asked, by how they fare (state).",
);
/// Changes of deployments.
pub const DEPLOYMENT_CHANGES: Family = family(
    "paceline_deployment_changes_total",
    "counter",
    "How often a deployment failed too often, asked for no more calls, refused its key, or came back (event).",
);
/// Refused by limits.
pub const LIMIT_REFUSED: Family = family(
    "paceline_limit_refused_calls_total",
    "counter",
    "Calls that limits and budgets refused, by whose they are (scope).",
);
/// Would have been refused.
pub const LIMIT_SHADOWED: Family = family(
    "paceline_limit_shadow_calls_total",
    "counter",
    "Calls that limits and budgets in shadow would have refused.",
);
/// Waiting calls.
pub const WAITING_FOR_PROVIDER: Family = family(
    "paceline_calls_waiting_for_provider",
    "gauge",
    "Calls that wait until a provider that asked for no more calls may be asked again.",
);
/// Learned limits.
pub const LEARNED_LIMIT: Family = family(
    "paceline_learned_limit_calls",
    "gauge",
    "Calls at once that the deployments with a learned limit take together.",
);
/// Waiting in line.
pub const WAITING_IN_LINE: Family = family(
    "paceline_calls_waiting_in_line",
    "gauge",
    "Calls that wait in line before deployments with a learned limit.",
);
/// Dropped events.
pub const EVENTS_DROPPED: Family =
    family("paceline_events_dropped_total", "counter", "Events for the log for which there was no room.");
/// Unknown prices.
pub const PRICE_UNKNOWN: Family = family(
    "paceline_price_unknown_models",
    "gauge",
    "Deployments that were called and whose price is not known.",
);
