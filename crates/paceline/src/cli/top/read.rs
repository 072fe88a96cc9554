//! Reading answers, and writing figures short enough for a terminal.

use jiff::Timestamp;
use serde_json::Value;

/// What stands where nothing is known.
pub(super) const NONE: &str = "–";

/// The text at a JSON pointer; empty where there is none.
pub(super) fn text<'a>(value: &'a Value, at: &str) -> &'a str {
    value.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

/// The first of these texts that is there.
pub(super) fn first<'a>(value: &'a Value, names: &[&str]) -> &'a str {
    names.iter().find_map(|name| value[*name].as_str()).unwrap_or(NONE)
}

/// The number at a JSON pointer, also one that is written as a text, as money is.
pub(super) fn number(value: &Value, at: &str) -> Option<f64> {
    let found = value.pointer(at)?;
    found.as_f64().or_else(|| found.as_str()?.parse().ok())
}

/// The list at a JSON pointer; empty where there is none.
pub(super) fn list<'a>(value: &'a Value, at: &str) -> &'a [Value] {
    value.pointer(at).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// `1.2 s`, `340 ms`.
pub(super) fn time(ms: Option<f64>) -> String {
    match ms {
        None => NONE.into(),
        Some(ms) if ms >= 600_000.0 => format!("{:.0} min", ms / 60_000.0),
        Some(ms) if ms >= 100_000.0 => format!("{:.0} s", ms / 1000.0),
        known => crate::cli::out::time(known),
    }
}

/// `1,234`, `45.3k`, `7.9M`.
pub(super) fn count(number: Option<f64>) -> String {
    match number {
        None => NONE.into(),
        Some(n) if n >= 1e9 => format!("{:.1}G", n / 1e9),
        Some(n) if n >= 1e6 => format!("{:.1}M", n / 1e6),
        Some(n) if n >= 1e4 => format!("{:.1}k", n / 1e3),
        Some(n) => crate::cli::out::count(n as u64),
    }
}

/// `3.2 %`.
pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| NONE.into(), |share| format!("{:.1} %", share * 100.0))
}

/// `0.3/s`, `41/s`.
pub(super) fn rate(per_second: Option<f64>) -> String {
    match per_second {
        None => NONE.into(),
        Some(rate) if rate >= 10.0 => format!("{}/s", count(Some(rate.round()))),
        Some(rate) if rate > 0.0 && rate < 0.1 => format!("{:.1}/min", rate * 60.0),
        Some(rate) => format!("{rate:.1}/s"),
    }
}

/// `84 tok/s`.
pub(super) fn speed(tokens_per_second: Option<f64>) -> String {
    tokens_per_second.map_or_else(|| NONE.into(), |rate| format!("{rate:.0} tok/s"))
}

/// `$12.30`, `$0.0042`, `$0`.
pub(super) fn usd(dollars: Option<f64>) -> String {
    match dollars {
        None => NONE.into(),
        Some(0.0) => "$0".into(),
        Some(usd) if usd.abs() >= 1000.0 => format!("${}", count(Some(usd))),
        Some(usd) if usd.abs() >= 0.1 => format!("${usd:.2}"),
        Some(usd) if usd.abs() >= 0.001 => format!("${usd:.4}"),
        Some(usd) => format!("${usd:.6}"),
    }
}

/// `14.7 MB`.
pub(super) fn bytes(bytes: Option<f64>) -> String {
    let Some(bytes) = bytes else { return NONE.into() };
    let units = ["B", "KB", "MB", "GB", "TB"];
    let step = (bytes.max(1.0).ln() / 1024_f64.ln()) as usize;
    let step = step.min(units.len() - 1);
    let decimals = usize::from(step > 0);
    format!("{:.decimals$} {}", bytes / 1024_f64.powi(step as i32), units[step])
}

/// The seconds from one RFC 3339 stamp to another.
pub(super) fn seconds_between(from: &str, until: &str) -> Option<i64> {
    let (from, until): (Timestamp, Timestamp) = (from.parse().ok()?, until.parse().ok()?);
    Some(until.as_second() - from.as_second())
}

/// `5 s`, `12 min`, `3 h`, `2 d`.
pub(super) fn span(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{} s", seconds.max(0)),
        60..5400 => format!("{} min", seconds / 60),
        5400..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// The time of day of an RFC 3339 stamp, to the second.
pub(super) fn clock(stamp: &str) -> &str {
    stamp.get(11..19).unwrap_or(NONE)
}

/// A name as people say it: `response_time_ms` is response time.
pub(super) fn words(name: &str) -> String {
    name.trim_end_matches("_ms").replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::{bytes, count, rate, seconds_between, span, time, usd};

    #[test]
    fn figures_are_short() {
        assert_eq!([Some(7.0), Some(9999.0), Some(45_300.0), None].map(count), ["7", "9,999", "45.3k", "–"]);
        assert_eq!([time(Some(12_340.0)), time(Some(900_000.0))], ["12.34 s", "15 min"]);
        assert_eq!([0.0, 0.01, 0.34, 41.0].map(|n| rate(Some(n))), ["0.0/s", "0.6/min", "0.3/s", "41/s"]);
        assert_eq!(
            [0.0, 0.00042, 0.0042, 12.3].map(|n| usd(Some(n))),
            ["$0", "$0.000420", "$0.0042", "$12.30"]
        );
        assert_eq!([900.0, 15_409_424.0].map(|n| bytes(Some(n))), ["900 B", "14.7 MB"]);
        assert_eq!([5, 720, 7200, 200_000].map(span), ["5 s", "12 min", "2 h", "2 d"]);
        assert_eq!(seconds_between("2026-11-27T01:00:00Z", "2026-11-27T01:00:42.5Z"), Some(42));
        assert_eq!(seconds_between("yesterday", "2026-11-27T01:00:42.5Z"), None);
    }
}
