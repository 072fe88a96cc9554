//! What was on, what was skipped, and what casts doubt on the figures.

use std::fmt::Write as _;

use crate::cases::Pace;
use crate::results::{FOREIGN, Results};
use crate::run::Setting;

/// Below this share the gateway was not the bottleneck of a closed loop.
const SATURATED: f64 = 0.9;
const LATE_MS: f64 = 0.5;

/// The head of the report.
pub(super) fn setting(setting: &Setting) -> String {
    let mut out = format!(
        "## Gateways on one core\n\n{}. Gateway alone on core {}, load generator and upstream on core {}; loopback, \
         HTTP/1.1; caller to gateway without TLS. {} round(s), {} s a measurement closed and {} s open; median \
         (range). Callers {} the usage of streams.\n\n",
        setting.machine,
        setting.gateway_core,
        setting.load_core,
        setting.rounds,
        setting.closed_s,
        setting.open_s,
        if setting.asks_usage { "ask for" } else { "do not ask for" },
    );
    for one in &setting.contestants {
        if !one.version.is_empty() {
            let _ = writeln!(out, "- {}: {}", one.subject.name(), one.version);
        }
    }
    for (subject, reason) in &setting.skipped {
        let _ = writeln!(out, "- {} skipped: {reason}", subject.name());
    }
    out
}

/// The foot of the report.
pub(super) fn notes(setting: &Setting, results: &Results) -> String {
    let mut notes = Vec::new();
    for one in &results.measured {
        let who = format!("{} {} (round {})", one.subject.name(), one.case.name(), one.round);
        if let Some(failure) = &one.failure {
            notes.push(format!("FAILED {who}: {} wrong or missing, first: {failure}", one.failures));
        }
        if one.reconnects > 0 {
            notes.push(format!("{who}: {} kept connections were closed between calls", one.reconnects));
        }
    }
    let mut worst = |what: &str, beyond: &dyn Fn(&crate::results::Measured) -> Option<f64>, unit: &str| {
        let found = results.measured.iter().filter_map(|one| Some((beyond(one)?, one)));
        let found: Vec<_> = found.collect();
        if let Some((value, one)) = found.iter().max_by(|a, b| a.0.total_cmp(&b.0)) {
            notes.push(format!(
                "{what} in {} of {} measurements, worst {value:.1}{unit}: {} {} (round {})",
                found.len(),
                results.measured.len(),
                one.subject.name(),
                one.case.name(),
                one.round
            ));
        }
    };
    worst(
        "something else used the two cores all the same: repeat on a quiet machine;",
        &|one| (one.foreign > FOREIGN).then_some(one.foreign * 100.0),
        " % of a core",
    );
    worst(
        "measured again because something else used the two cores, and the least disturbed counts;",
        &|one| (one.repeats > 0).then_some(f64::from(one.repeats)),
        " times",
    );
    worst(
        "the load side was the limit, not the gateway (CPU per call still holds, calls a second do not);",
        &|one| {
            let busy = one.cpu_s? / one.seconds;
            (matches!(one.case.pace(), Pace::Closed { .. }) && busy < SATURATED)
                .then_some((1.0 - busy) * 100.0)
        },
        " % of the core idle",
    );
    worst(
        "the load generator itself started calls late (p99);",
        &|one| (one.late_p99_ms > LATE_MS).then_some(one.late_p99_ms),
        " ms",
    );
    if setting.rounds < 3 {
        notes.push("fewer than three rounds: enough to see that it works, not to claim anything".to_owned());
    }
    if notes.is_empty() {
        return String::new();
    }
    format!("\n### Notes\n\n- {}\n", notes.join("\n- "))
}
