//! Tallies as JSON, with the words for people.

use paceline_stats::sketch::Sketch;
use paceline_stats::tally::Tally;
use paceline_types::grade::{self, Grade};
use paceline_types::money::Cost;
use serde_json::{Value, json};

/// Three decimals.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Spread of a measure, with the grade of its median.
pub(crate) fn spread(sketch: &Sketch, grade: impl Fn(f64) -> Option<Grade>) -> Value {
    let at = |q: f64| sketch.quantile(q).map(rounded);
    json!({
        "count": sketch.count(),
        "mean": sketch.mean().map(rounded),
        "min": sketch.min().map(rounded),
        "max": sketch.max().map(rounded),
        "p50": at(0.5),
        "p95": at(0.95),
        "p99": at(0.99),
        "grade": sketch.quantile(0.5).and_then(grade),
    })
}

/// Known cost as exact decimals.
pub(crate) fn dollars(pico: i128) -> String {
    i64::try_from(pico).map_or_else(|_| format!("{}", pico as f64 / 1e12), |pico| Cost(pico).to_string())
}

/// A tally over `seconds`.
pub(crate) fn tally(tally: &Tally, seconds: f64) -> Value {
    let rate = |count: u64| rounded(count as f64 / seconds);
    let known = tally.calls > 0 && tally.cost_unknown == 0;
    json!({
        "calls": tally.calls,
        "ok": tally.ok,
        "errors": tally.errors,
        "partial": tally.partial,
        "canceled": tally.canceled,
        "refused": tally.refused,
        "streams": tally.streams,
        "fallbacks": tally.fallbacks,
        "calls_per_second": rate(tally.calls),
        "tokens_per_second": rate(tally.output_tokens),
        "error_rate": tally.error_rate().map(rounded),
        "success_rate": tally.error_rate().map(|rate| rounded(1.0 - rate)),
        "response_time_ms": spread(&tally.duration_ms, |ms| Some(grade::response_time(ms / 1000.0))),
        "ttft_ms": spread(&tally.ttft_ms, |ms| Some(grade::ttft(ms / 1000.0))),
        "tpot_ms": spread(&tally.tpot_ms, |_| None),
        "output_tokens_per_second": spread(&tally.tokens_per_second, |rate| Some(grade::tokens_per_second(rate))),
        "overhead_ms": spread(&tally.overhead_ms, |_| None),
        "tokens": {
            "input": tally.input_tokens,
            "output": tally.output_tokens,
            "cache_read": tally.cache_read_tokens,
            "reasoning": tally.reasoning_tokens,
            "total": tally.input_tokens + tally.output_tokens,
        },
        "usage_not_reported": tally.usage_not_reported,
        "cost_usd": known.then(|| dollars(tally.cost_pico)),
        "cost_known_usd": dollars(tally.cost_pico),
        "cost_unknown_calls": tally.cost_unknown,
    })
}

/// `2d 5h 32m 45s`.
pub(crate) fn uptime(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "m")];
    let begun = parts.iter().position(|(count, _)| *count > 0).unwrap_or(parts.len());
    let shown = parts[begun..].iter().map(|(count, unit)| format!("{count}{unit} "));
    format!("{}{}s", shown.collect::<String>(), seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::uptime;

    #[test]
    fn uptimes_read_well() {
        assert_eq!(uptime(2 * 86_400 + 5 * 3600 + 32 * 60 + 45), "2d 5h 32m 45s");
        assert_eq!([uptime(45), uptime(3600)], ["45s", "1h 0m 0s"]);
    }
}
