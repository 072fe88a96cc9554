//! From the settings of retries, health and queues to what the path is given.

use super::problem::Fault;
use super::resolve::Desk;
use super::typed;
use paceline_routing::adaptive::AdaptivePolicy;
use paceline_routing::health::HealthPolicy;
use paceline_routing::line::LinePolicy;
use paceline_routing::place::Policy;
use paceline_routing::retry::RetryPolicy;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) fn resolve(
    retry: &typed::Retry,
    health: &typed::Health,
    queue: &typed::Queue,
    desk: &mut Desk<'_>,
) -> Policy {
    let pairs = [
        ("retry.base_ms", retry.base_ms, "retry.cap_ms", retry.cap_ms),
        ("health.open_ms", health.open_ms, "health.open_max_ms", health.open_max_ms),
    ];
    for (short, part, long, whole) in pairs {
        let given = [short, long].into_iter().find(|path| desk.report.given(path));
        if let (true, Some(at)) = (part > whole, given) {
            let message =
                format!("`{short}` ({part}) is longer than `{long}` ({whole}), which then acts alone");
            desk.report.warn(at, Fault::new(message));
        }
    }
    Policy {
        retry: RetryPolicy {
            attempts: retry.attempts as u32,
            base: Duration::from_millis(retry.base_ms),
            cap: Duration::from_millis(retry.cap_ms),
            jitter: retry.jitter,
            share: retry.budget_share,
            floor_per_s: retry.budget_floor_per_s,
        },
        health: HealthPolicy {
            failures: health.failures as u32,
            open: Duration::from_millis(health.open_ms),
            open_max: Duration::from_millis(health.open_max_ms),
            slow_start: Duration::from_millis(health.slow_start_ms),
            gate: Duration::from_millis(health.rate_limited_ms),
            gate_max: Duration::from_millis(health.rate_limited_max_ms),
            key_retry: Duration::from_millis(health.key_retry_ms),
        },
        line: LinePolicy {
            max_waiting: queue.max_waiting as usize,
            max_wait: Duration::from_millis(queue.max_wait_ms),
            overloaded_after: Duration::from_millis(queue.overloaded_after_ms),
        },
        adaptive: AdaptivePolicy {
            enabled: queue.adaptive,
            start: queue.adaptive_start as u32,
            max: queue.adaptive_max as u32,
        },
        max_wait: Some(Duration::from_millis(retry.max_wait_ms)),
    }
}

fn ms(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

/// `[retry]` as it is meant.
pub(super) fn retry_json(policy: &Policy) -> Value {
    let retry = &policy.retry;
    json!({
        "attempts": retry.attempts,
        "base_ms": ms(retry.base),
        "cap_ms": ms(retry.cap),
        "jitter": retry.jitter,
        "budget_share": retry.share,
        "budget_floor_per_s": retry.floor_per_s,
        "max_wait_ms": policy.max_wait.map(ms),
    })
}

/// `[health]` as it is meant.
pub(super) fn health_json(policy: &Policy) -> Value {
    let health = &policy.health;
    json!({
        "failures": health.failures,
        "open_ms": ms(health.open),
        "open_max_ms": ms(health.open_max),
        "slow_start_ms": ms(health.slow_start),
        "rate_limited_ms": ms(health.gate),
        "rate_limited_max_ms": ms(health.gate_max),
        "key_retry_ms": ms(health.key_retry),
    })
}

/// `[queue]` as it is meant.
pub(super) fn queue_json(policy: &Policy) -> Value {
    json!({
        "max_waiting": policy.line.max_waiting,
        "max_wait_ms": ms(policy.line.max_wait),
        "overloaded_after_ms": ms(policy.line.overloaded_after),
        "adaptive": policy.adaptive.enabled,
        "adaptive_start": policy.adaptive.start,
        "adaptive_max": policy.adaptive.max,
    })
}
