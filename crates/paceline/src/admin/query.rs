//! Query strings: read strictly, because a mistyped filter that is ignored answers another question.

use crate::admin::reply::fail;
use axum::http::StatusCode;
use axum::response::Response;
use paceline_routing::nearest::nearest;
use paceline_types::time::Timestamp;

/// The longest span, in seconds.
const LONGEST: i64 = 31 * 86_400;

/// The parameters of a request, each of a known name and given once.
pub(crate) struct Query(Vec<(String, String)>);

/// What is wrong with a parameter.
pub(crate) struct BadQuery {
    name: String,
    message: String,
}

impl BadQuery {
    pub(crate) fn new(name: &str, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into() }
    }
}

impl BadQuery {
    /// What is wrong, in words.
    pub(crate) fn message(self) -> String {
        self.message
    }
}

impl From<BadQuery> for Response {
    fn from(bad: BadQuery) -> Self {
        fail(StatusCode::BAD_REQUEST, "invalid_parameter", Some(&bad.name), &bad.message)
    }
}

impl Query {
    /// Reads a query string; only `known` names may occur.
    pub(crate) fn read(text: Option<&str>, known: &[&str]) -> Result<Self, BadQuery> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in text.unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decoded(name), decoded(value));
            if !known.contains(&name.as_str()) {
                let close = nearest(&name, known.iter().copied());
                let hint = close.first().map_or_else(
                    || format!("known are {}", known.join(", ")),
                    |n| format!("did you mean `{n}`?"),
                );
                return Err(BadQuery::new(&name, format!("the parameter `{name}` is not known; {hint}")));
            }
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(BadQuery::new(&name, format!("the parameter `{name}` is given twice")));
            }
            if !value.is_empty() {
                pairs.push((name, value));
            }
        }
        Ok(Self(pairs))
    }

    /// The value of `name`.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The value of `name`, as `read` understands it.
    pub(crate) fn parsed<T>(
        &self,
        name: &str,
        what: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, BadQuery> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let parsed = read(text);
        parsed.map(Some).ok_or_else(|| BadQuery::new(name, format!("`{name}` must be {what}, not `{text}`")))
    }

    /// `window` in seconds: `15m`, `24h`, `30d`; one minute to thirty-one days.
    pub(crate) fn window(&self, default: i64) -> Result<i64, BadQuery> {
        let what = "a time like 15m, 24h or 30d (1m to 31d)";
        Ok(self.parsed("window", what, window_seconds)?.unwrap_or(default))
    }

    /// A time like `2026-11-23T02:17:00Z`.
    pub(crate) fn time(&self, name: &str) -> Result<Option<Timestamp>, BadQuery> {
        self.parsed(name, "a time like 2026-11-23T02:17:00Z", Timestamp::parse_rfc3339)
    }

    /// From when until when, in seconds: `since` and `until`, or `window` before `until`, which is `now` at the latest.
    pub(crate) fn span(&self, default: i64, now: Timestamp) -> Result<(i64, i64), BadQuery> {
        let until = self.time("until")?.map_or(now.seconds(), |until| until.seconds().min(now.seconds()));
        let from = match self.time("since")? {
            Some(since) => since.seconds(),
            None => until - self.window(default)?,
        };
        if !(60..=LONGEST).contains(&(until - from)) {
            return Err(BadQuery::new("since", "`since` must be 1 minute to 31 days before `until`"));
        }
        Ok((from, until))
    }
}

/// Seconds of `90s`, `15m`, `24h`, `30d`; `None` for anything else or outside one minute to thirty-one days.
pub(crate) fn window_seconds(text: &str) -> Option<i64> {
    let seconds = i64::try_from(crate::span::seconds(text)?).ok()?;
    (60..=LONGEST).contains(&seconds).then_some(seconds)
}

/// Percent-decoding; what is not valid stays as it is.
pub(crate) fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let hex = |b: Option<u8>| b.and_then(|b| (b as char).to_digit(16));
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let mut ahead = bytes.clone();
                if let (Some(high), Some(low)) = (hex(ahead.next()), hex(ahead.next())) {
                    out.push((high * 16 + low) as u8);
                    bytes = ahead;
                } else {
                    out.push(byte);
                }
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Query, decoded, window_seconds};

    #[test]
    fn windows_and_encodings() {
        assert_eq!(window_seconds("24h"), Some(86_400));
        for bad in ["", "h", "0m", "32d", "1y", "-5m", "99999999999999999999d", "30s"] {
            assert_eq!(window_seconds(bad), None, "{bad}");
        }
        assert_eq!(decoded("a%2Fb+c%zz%"), "a/b c%zz%");
        let error = Query::read(Some("modle=x"), &["model"]).err().map(|bad| bad.message);
        assert_eq!(error.as_deref(), Some("the parameter `modle` is not known; did you mean `model`?"));
        assert!(Query::read(Some("model=x&model=y"), &["model"]).is_err());
    }
}
