//! How long a provider asks to wait, in every form there is.

use http::HeaderMap;
use paceline_types::time::Timestamp;
use std::time::Duration;

/// The longest wait that is taken for one.
const LONGEST: Duration = Duration::from_hours(24);

/// What an error answer asks: `retry-after-ms`; `retry-after` in seconds (whole or not) or as a date; in the body Google's
/// `RetryInfo` (`"retryDelay": "3.5s"`); when a limit's `x-ratelimit-remaining-…` is 0, its `x-ratelimit-reset-…`.
pub(crate) fn asked(headers: &HeaderMap, body: &[u8], now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |name: &str| text(name)?.parse::<f64>().ok();
    let ms = number("retry-after-ms").or_else(|| number("retry-after").map(|seconds| seconds * 1000.0));
    let from_ms =
        |ms: f64| (ms.is_finite() && ms >= 0.0).then(|| Duration::from_secs_f64((ms / 1e3).min(1e6)));
    let date = || {
        let date = Timestamp::parse_http_date(text("retry-after")?)?;
        Some(Duration::from_millis((date.millis() - now.millis()).max(0) as u64))
    };
    let wait = ms.and_then(from_ms).or_else(date).or_else(|| retry_info(body)).or_else(|| reset(headers));
    wait.map(|wait| wait.min(LONGEST))
}

/// What the provider says of another try.
pub(crate) fn should_retry(headers: &HeaderMap) -> Option<bool> {
    match headers.get("x-should-retry")?.as_bytes() {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

/// `google.rpc.RetryInfo` in the JSON of an error: a duration with unit, e.g. `"retryDelay": "34.07s"`.
fn retry_info(body: &[u8]) -> Option<Duration> {
    let at = memchr::memmem::find(body, b"\"retryDelay\"")?;
    let rest = body.get(at + 12..(at + 60).min(body.len()))?;
    let text = std::str::from_utf8(rest).ok()?;
    let value = text.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    duration(value.split('"').next()?)
}

/// When the limit that is used up is filled again.
fn reset(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let waits = ["requests", "tokens"].into_iter().filter_map(|what| {
        let is_used_up = text(&format!("x-ratelimit-remaining-{what}"))? == "0";
        is_used_up.then(|| duration(text(&format!("x-ratelimit-reset-{what}"))?)).flatten()
    });
    waits.max()
}

/// Reads `6m0s`, `1.5s`, `20ms`, `1h2m3s`.
fn duration(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 =
            rest[..digits].parse().ok().filter(|number: &f64| number.is_finite() && *number < 1e7)?;
        rest = &rest[digits..];
        let (unit, seconds) = [("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)]
            .into_iter()
            .find(|(unit, _)| {
                rest.strip_prefix(unit)
                    .is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_alphabetic()))
            })?;
        rest = &rest[unit.len()..];
        total += Duration::from_secs_f64(number * seconds);
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::{asked, duration};
    use http::HeaderMap;
    use paceline_types::time::Timestamp;
    use proptest::prelude::*;

    fn wait(headers: &[(&'static str, &str)], body: &str) -> Option<u64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let now = Timestamp::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        asked(&map, body.as_bytes(), now).map(|wait| wait.as_millis() as u64)
    }

    #[test]
    fn every_form_is_understood() {
        assert_eq!(wait(&[("retry-after", "7")], ""), Some(7000));
        assert_eq!(wait(&[("retry-after", "0.25")], ""), Some(250));
        assert_eq!(wait(&[("retry-after", "9"), ("retry-after-ms", "120")], ""), Some(120));
        assert_eq!(wait(&[("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT")], ""), Some(3000));
        assert_eq!(wait(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")], ""), Some(0));
        let google = r#"{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay": "34.5s"}]}}"#;
        assert_eq!(wait(&[], google), Some(34_500));
        let used_up = [
            ("x-ratelimit-remaining-requests", "5"),
            ("x-ratelimit-reset-requests", "1h"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ];
        assert_eq!(wait(&used_up, ""), Some(360_000));
        for nothing in ["soon", "-1", "NaN", "inf"] {
            assert_eq!(wait(&[("retry-after", nothing)], ""), None, "{nothing}");
        }
        assert_eq!(wait(&[("retry-after", "99999999999")], ""), Some(86_400_000));
    }

    proptest! {
        #[test]
        fn durations_never_panic(text in "[0-9.hmsd \"]{0,12}", body in "\"retryDelay\"[ :\"0-9.smé]{0,20}") {
            let _ = duration(&text);
            let _ = wait(&[], &body);
        }
    }
}
