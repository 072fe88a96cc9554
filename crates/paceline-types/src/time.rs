//! Two kinds of time that do not mix: stamps (wall clock) and offsets (monotonic).

use serde::{Serialize, Serializer};

/// A moment on the wall clock: Unix microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// From Unix milliseconds.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms * 1000)
    }

    /// Unix milliseconds, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Unix seconds, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// RFC 3339 in UTC with milliseconds, e.g. `2026-11-23T02:17:11.042Z`.
    ///
    /// Days to date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    pub fn rfc3339(self) -> String {
        let days = self.seconds().div_euclid(86_400);
        let of_day = self.seconds().rem_euclid(86_400);
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        let ms = self.millis().rem_euclid(1000);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }

    /// Reads `YYYY-MM-DD`, or with `THH:MM[:SS[.fraction]]` and `Z` or `±HH:MM`; a date alone is midnight UTC.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let (date, clock) = match text.split_once(['T', 't', ' ']) {
            Some((date, clock)) => (date, clock),
            None => (text, "00:00:00Z"),
        };
        let mut parts = date.splitn(3, '-').map(|p| p.parse::<i64>().ok());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(1970..=9999).contains(&year) {
            return None;
        }
        let (clock, offset_seconds) = split_offset(clock)?;
        let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
        let mut parts = whole.splitn(3, ':').map(|p| p.parse::<i64>().ok());
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
        if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..61).contains(&second) {
            return None;
        }
        let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
        let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        Some(Self((seconds - offset_seconds) * 1_000_000 + micros))
    }
}

impl Timestamp {
    /// Reads an HTTP date in its preferred form (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let rest = text.trim().split_once(", ")?.1.strip_suffix(" GMT")?;
        let mut parts = rest.split(' ');
        let day = parts.next()?;
        let month = parts.next()?;
        let month = MONTHS.iter().position(|name| *name == month)? + 1;
        let (year, clock) = (parts.next()?, parts.next()?);
        Self::parse_rfc3339(&format!("{year}-{month:02}-{day}T{clock}Z"))
    }
}

fn split_offset(clock: &str) -> Option<(&str, i64)> {
    if let Some(rest) = clock.strip_suffix(['Z', 'z']) {
        return Some((rest, 0));
    }
    let Some(at) = clock.rfind(['+', '-']) else {
        return Some((clock, 0));
    };
    let (hours, minutes) = clock[at + 1..].split_once(':')?;
    let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
    Some((&clock[..at], if clock.as_bytes()[at] == b'-' { -seconds } else { seconds }))
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

/// A distance on the monotonic clock from the moment a call's head was read, in nanoseconds.
///
/// Four bytes would end after four seconds; eight keep every step exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offset(pub u64);

impl Offset {
    /// The distance in milliseconds.
    pub fn ms(self) -> f64 {
        self.0 as f64 / 1e6
    }

    #[must_use]
    /// How much later this is than `earlier`; zero when it is not.
    pub fn since(self, earlier: Offset) -> Offset {
        Offset(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn stamps_read_back() {
        for text in ["2026-11-23T02:17:11.042Z", "2000-02-29T23:59:59.999Z", "1970-01-01T00:00:00.000Z"] {
            assert_eq!(Timestamp::parse_rfc3339(text).map(Timestamp::rfc3339).as_deref(), Some(text));
        }
        let zoned = Timestamp::parse_rfc3339("2026-11-23T04:17:11+02:00").map(Timestamp::rfc3339);
        assert_eq!(zoned.as_deref(), Some("2026-11-23T02:17:11.000Z"));
        let date = Timestamp::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").map(Timestamp::rfc3339);
        assert_eq!(date.as_deref(), Some("1994-11-06T08:49:37.000Z"));
        assert_eq!(Timestamp::parse_http_date("17"), None);
        for bad in ["", "2026", "2026-13-01", "2026-11-23T25:00Z", "soon"] {
            assert_eq!(Timestamp::parse_rfc3339(bad), None, "{bad}");
        }
    }
}
