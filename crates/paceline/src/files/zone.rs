//! The configured time zone: when a local hour or day begins and ends, and how a moment is written there.
//!
//! Local clocks jump. Where a clock is set back, the hour that comes again belongs to the same span as the first one, so
//! that spans follow each other without gap and without overlap, and a name stands for one span only. Where it is set
//! forward, a span begins at the first moment after its name's beginning that really is: a day without a midnight begins
//! when the clock jumps, and an hour or a day that does not exist has no span.

use jiff::Timestamp as Moment;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, ToSpan};
use paceline_types::time::Timestamp;
use std::fmt;
use std::sync::Arc;

/// No clock is set back by more (Paceline's and the world's, since 1970: a day, at the date line).
const LONGEST_STEP_BACK: SignedDuration = SignedDuration::from_hours(26);

/// A time zone of the IANA database.
///
/// The system's database is asked first, because its rules may be newer; the one inside the binary is the fallback.
#[derive(Clone)]
pub struct Zone {
    name: Arc<str>,
    zone: TimeZone,
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// A second of local time in words: moments near each other are written without asking the time zone again.
#[derive(Clone, Debug)]
pub struct Second {
    unix: i64,
    begin: String,
    end: String,
}

impl Second {
    /// Whether `at` is in this second.
    pub fn holds(&self, at: Timestamp) -> bool {
        at.seconds() == self.unix
    }

    /// A moment of this second.
    pub fn iso(&self, at: Timestamp) -> String {
        let micros = at.0.rem_euclid(1_000_000);
        let mut digits = [b'0'; 6];
        let mut rest = micros;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        [&self.begin, std::str::from_utf8(&digits).unwrap_or_default(), &self.end].concat()
    }
}

/// The name of no zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneError {
    /// What was written.
    pub name: String,
    /// The nearest name there is.
    pub near: Option<String>,
}

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.name.chars().take(64).collect();
        if shown == LOCAL {
            return f
                .write_str("the system does not tell its time zone; name one like `Europe/Berlin` or `UTC`");
        }
        write!(
            f,
            "`{}` is no time zone; write one like `Europe/Berlin`, `UTC` or `local`",
            shown.escape_debug()
        )?;
        match &self.near {
            Some(near) => write!(f, "; did you mean `{near}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ZoneError {}

/// The word for the system's zone.
const LOCAL: &str = "local";

/// A local hour or day: from `from` until just before `until`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
    /// Its name in file names: `YYYYMMDD_HH` or `YYYYMMDD`.
    pub name: String,
}

/// What a span is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Hour,
    Day,
    Month,
}

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self { name: "UTC".into(), zone: TimeZone::UTC }
    }

    /// A zone by its IANA name, in any case, or `local` for the system's.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn parse(name: &str) -> Result<Self, ZoneError> {
        let name = name.trim();
        let found = match name {
            LOCAL => TimeZone::try_system().ok(),
            _ if name.eq_ignore_ascii_case("utc") => Some(TimeZone::UTC),
            _ => jiff::tz::db().get(name).ok(),
        };
        let Some(zone) = found else {
            let near = if name == LOCAL { None } else { nearest(name) };
            return Err(ZoneError { name: name.to_owned(), near });
        };
        let name = zone.iana_name().unwrap_or(name).into();
        Ok(Self { name, zone })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The local hour in which `at` lies: an hour, less or more where the clock jumps.
    pub fn hour_of(&self, at: Timestamp) -> Span {
        self.span(at, Unit::Hour)
    }

    /// The local day in which `at` lies: 24 hours, mostly.
    pub fn day_of(&self, at: Timestamp) -> Span {
        self.span(at, Unit::Day)
    }

    /// The local month in which `at` lies.
    pub fn month_of(&self, at: Timestamp) -> Span {
        self.span(at, Unit::Month)
    }

    /// `2025-07-21T22:20:02.074461+02:00`.
    pub fn iso(&self, at: Timestamp) -> String {
        self.second(at).iso(at)
    }

    /// What all moments of the second of `at` have in common.
    pub fn second(&self, at: Timestamp) -> Second {
        let moment = moment(at);
        let local = self.zone.to_datetime(moment);
        let offset = self.zone.to_offset(moment).seconds();
        let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs() / 60);
        Second {
            unix: at.seconds(),
            begin: format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.",
                local.year(),
                local.month(),
                local.day(),
                local.hour(),
                local.minute(),
                local.second()
            ),
            end: format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60),
        }
    }

    /// `YYYYMMDD_HHMMSS`, for file names.
    pub fn stamp(&self, at: Timestamp) -> String {
        let local = self.zone.to_datetime(moment(at));
        let clock = format!("{:02}{:02}{:02}", local.hour(), local.minute(), local.second());
        format!("{}_{clock}", date_name(local.date()))
    }

    /// Reads a moment as logs write it: with `Z` or an offset, or else as this zone's local time.
    pub fn read(&self, text: &str) -> Option<Timestamp> {
        let clock = text.split_once(['T', 't', ' '])?.1;
        if clock.contains(['Z', 'z', '+', '-']) {
            return Timestamp::parse_rfc3339(text);
        }
        let local: DateTime = text.parse().ok()?;
        let at = self.zone.to_ambiguous_timestamp(local).compatible().ok()?;
        Some(Timestamp(at.as_microsecond()))
    }

    fn span(&self, at: Timestamp, unit: Unit) -> Span {
        let begin = floor(self.furthest(moment(at)), unit);
        let next = match unit {
            Unit::Hour => begin.saturating_add(1.hour()),
            Unit::Day => begin.saturating_add(1.day()),
            Unit::Month => begin.saturating_add(1.month()),
        };
        Span { from: self.first(begin), until: self.first(next), name: name(begin, unit) }
    }

    /// The latest local time that the clock has shown up to `at`: more than it shows, after it was set back.
    fn furthest(&self, at: Moment) -> DateTime {
        let shown = self.zone.to_datetime(at);
        let after = at.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(at);
        let steps = self.zone.preceding(after).map(|step| step.timestamp());
        let recent = steps.take_while(|step| step.duration_until(at) < LONGEST_STEP_BACK);
        let before = recent.filter_map(|step| step.checked_sub(SignedDuration::from_nanos(1)).ok());
        before.map(|last| self.zone.to_datetime(last)).fold(shown, DateTime::max)
    }

    /// The first moment at which the clock shows `local` or later.
    fn first(&self, local: DateTime) -> Timestamp {
        let found = self.zone.to_ambiguous_timestamp(local);
        let is_gap = matches!(found.offset(), AmbiguousOffset::Gap { .. });
        let at = if is_gap { found.later() } else { found.earlier() }.unwrap_or(Moment::MAX);
        let at = if is_gap {
            let after = at.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(at);
            self.zone.preceding(after).next().map_or(at, |step| step.timestamp())
        } else {
            at
        };
        Timestamp(at.as_microsecond())
    }
}

/// The moment as the library knows it; what is beyond its years is its first or last.
fn moment(at: Timestamp) -> Moment {
    Moment::from_microsecond(at.0).unwrap_or(if at.0 < 0 { Moment::MIN } else { Moment::MAX })
}

fn floor(local: DateTime, unit: Unit) -> DateTime {
    match unit {
        Unit::Hour => local.date().at(local.hour(), 0, 0, 0),
        Unit::Day => local.date().at(0, 0, 0, 0),
        Unit::Month => local.date().first_of_month().at(0, 0, 0, 0),
    }
}

fn date_name(date: Date) -> String {
    format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
}

fn name(begin: DateTime, unit: Unit) -> String {
    match unit {
        Unit::Hour => format!("{}_{:02}", date_name(begin.date()), begin.hour()),
        Unit::Day => date_name(begin.date()),
        Unit::Month => format!("{:04}{:02}", begin.year(), begin.month()),
    }
}

/// The zone whose name, or whose city, is nearest to what was written.
fn nearest(wrong: &str) -> Option<String> {
    // Distances grow with the product of the lengths.
    if wrong.is_empty() || wrong.len() > 64 {
        return None;
    }
    let wrong = wrong.to_ascii_lowercase().replace([' ', '-'], "_");
    let names = jiff::tz::db().available();
    let wrong_city = wrong.rsplit('/').next().unwrap_or(&wrong);
    let near = names.filter_map(|name| {
        let plain = name.as_str().to_ascii_lowercase().replace('-', "_");
        let city = plain.rsplit('/').next().unwrap_or(&plain);
        let whole = strsim::damerau_levenshtein(&wrong, &plain);
        let part = strsim::damerau_levenshtein(wrong_city, city);
        let is_near = whole <= (wrong.len() / 4).min(3) || part <= (wrong_city.len() / 4).min(2);
        is_near.then(|| (whole.min(part + 1), name.as_str().to_owned()))
    });
    near.min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{Span, Zone};
    use paceline_types::time::Timestamp;
    use proptest::prelude::*;

    const MINUTE: i64 = 60 * 1_000_000;
    const HOUR: i64 = 60 * MINUTE;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap()
    }

    fn utc(span: &Span) -> (String, String) {
        let short = |at: Timestamp| at.rfc3339().get(..16).unwrap().to_owned();
        (short(span.from), short(span.until))
    }

    fn hours(span: &Span) -> f64 {
        (span.until.0 - span.from.0) as f64 / HOUR as f64
    }

    #[test]
    fn names_are_found_in_any_case_and_near_ones_are_offered() {
        assert_eq!(zone("europe/berlin").name(), "Europe/Berlin");
        assert_eq!((zone("utc"), zone("UTC").name()), (Zone::utc(), "UTC"));
        for (wrong, near) in [
            ("Europe/Berln", "Europe/Berlin"),
            ("Berlin", "Europe/Berlin"),
            ("america/new york", "America/New_York"),
            ("Asia/Calcuta", "Asia/Calcutta"),
        ] {
            let error = Zone::parse(wrong).unwrap_err();
            assert_eq!(error.near.as_deref(), Some(near), "{wrong}");
            assert!(error.to_string().contains(&format!("did you mean `{near}`?")), "{error}");
        }
        for wrong in ["", "Middle/Earth", "../../etc/passwd", "+01:00", &"x".repeat(5000)] {
            let error = Zone::parse(wrong).unwrap_err();
            assert!(error.to_string().len() < 200 && error.near.is_none(), "{error}");
        }
    }

    #[test]
    fn moments_are_written_with_their_offset_and_read_back() {
        let moment = at("2025-07-21T20:20:02.074461Z");
        for (name, text) in [
            ("Europe/Berlin", "2025-07-21T22:20:02.074461+02:00"),
            ("America/St_Johns", "2025-07-21T17:50:02.074461-02:30"),
            ("UTC", "2025-07-21T20:20:02.074461+00:00"),
        ] {
            assert_eq!(zone(name).iso(moment), text);
            assert_eq!(Zone::utc().read(text), Some(moment));
            assert_eq!(zone(name).read(&text[..26]), Some(moment), "local time without an offset");
        }
        assert_eq!(zone("Asia/Kolkata").stamp(moment), "20250722_015002");
        for bad in ["", "soon", "2025-07-21", "2025-07-21T25:00:00", "2025-02-30T10:00:00"] {
            assert_eq!(zone("Europe/Berlin").read(bad), None, "{bad}");
        }
    }

    #[test]
    fn days_of_23_and_25_hours() {
        let berlin = zone("Europe/Berlin");
        let spring = berlin.day_of(at("2026-03-29T12:00:00Z"));
        assert_eq!(utc(&spring), ("2026-03-28T23:00".into(), "2026-03-29T22:00".into()));
        let autumn = berlin.day_of(at("2026-10-25T12:00:00Z"));
        assert_eq!((autumn.name.as_str(), hours(&autumn)), ("20261025", 25.0));
        // 01:00–02:00 is followed by 03:00–04:00.
        let last = berlin.hour_of(at("2026-03-29T00:59:59Z"));
        let next = berlin.hour_of(last.until);
        assert_eq!((last.name.as_str(), next.name.as_str()), ("20260329_01", "20260329_03"));
        assert_eq!((hours(&last), hours(&next)), (1.0, 1.0));
    }

    #[test]
    fn an_hour_that_comes_again_is_one_span() {
        let berlin = zone("Europe/Berlin");
        let first = berlin.hour_of(at("2026-10-25T00:30:00Z"));
        let again = berlin.hour_of(at("2026-10-25T01:30:00Z"));
        assert_eq!(first, again);
        assert_eq!((first.name.as_str(), hours(&first)), ("20261025_02", 2.0));
        // Half an hour back, in the middle of an hour.
        let howe = zone("Australia/Lord_Howe").hour_of(at("2026-04-04T15:10:00Z"));
        assert_eq!((howe.name.as_str(), hours(&howe)), ("20260405_01", 1.5));
        // The hour before midnight comes again: the day has 25 hours and its last hour two.
        let paulo = zone("America/Sao_Paulo");
        let late = paulo.hour_of(at("2018-02-18T02:30:00Z"));
        assert_eq!((late.name.as_str(), hours(&late)), ("20180217_23", 2.0));
        let day = paulo.day_of(at("2018-02-18T02:30:00Z"));
        assert_eq!((day.name.as_str(), hours(&day), day.until), ("20180217", 25.0, late.until));
    }

    #[test]
    fn a_clock_set_back_over_the_end_of_an_hour_opens_no_old_span_again() {
        // At one minute past midnight back to 23:01 of the day before: what follows is still the new day's first hour.
        let johns = zone("America/St_Johns");
        let hour = johns.hour_of(at("2010-11-07T02:30:30Z"));
        assert_eq!((hour.name.as_str(), hours(&hour)), ("20101107_00", 2.0));
        assert_eq!(johns.hour_of(at("2010-11-07T03:15:00Z")), hour, "the clock shows 23:45");
        assert_eq!(johns.day_of(at("2010-11-07T03:15:00Z")).name, "20101107");
        // Two hours back, at three o'clock.
        let troll = zone("Antarctica/Troll");
        let hour = troll.hour_of(at("2026-10-25T01:30:00Z"));
        assert_eq!((hour.name.as_str(), hours(&hour)), ("20261025_02", 3.0));
        assert_eq!(troll.hour_of(at("2026-10-25T00:30:00Z")), hour);
    }

    #[test]
    fn a_midnight_that_does_not_exist() {
        let paulo = zone("America/Sao_Paulo").day_of(at("2018-11-04T12:00:00Z"));
        assert_eq!((paulo.name.as_str(), hours(&paulo)), ("20181104", 23.0));
        assert_eq!(utc(&paulo).0, "2018-11-04T03:00");
        let beirut = zone("Asia/Beirut");
        let day = beirut.day_of(at("2024-03-31T12:00:00Z"));
        assert_eq!((day.name.as_str(), hours(&day)), ("20240331", 23.0));
        assert_eq!(beirut.hour_of(day.from).name, "20240331_01");
        // Samoa crossed the date line: 30 December 2011 was never.
        let apia = zone("Pacific/Apia");
        let last = apia.day_of(at("2011-12-30T09:00:00Z"));
        assert_eq!((last.name.as_str(), apia.day_of(last.until).name.as_str()), ("20111229", "20111231"));
    }

    #[test]
    fn offsets_need_not_be_whole_hours() {
        let hour = zone("Asia/Kathmandu").hour_of(at("2026-01-01T00:00:00Z"));
        assert_eq!(utc(&hour), ("2025-12-31T23:15".into(), "2026-01-01T00:15".into()));
        assert_eq!(hour.name, "20260101_05");
    }

    #[test]
    fn moments_beyond_all_years_do_no_harm() {
        for far in [i64::MIN, i64::MAX] {
            for name in ["UTC", "Europe/Berlin"] {
                let _ = (zone(name).hour_of(Timestamp(far)), zone(name).day_of(Timestamp(far)));
                assert!(!zone(name).iso(Timestamp(far)).is_empty());
            }
        }
    }

    const ZONES: [&str; 14] = [
        "UTC",
        "Europe/Berlin",
        "Europe/Dublin",
        "America/New_York",
        "America/Sao_Paulo",
        "America/St_Johns",
        "Asia/Beirut",
        "Asia/Kathmandu",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Pacific/Kwajalein",
        "Africa/Casablanca",
        "Antarctica/Troll",
    ];

    proptest! {
        /// Every moment lies in its span; spans follow each other without gap and overlap and with growing names.
        #[test]
        fn spans_tile_time(seconds in 0i64..2_000_000_000, which in 0..ZONES.len(), unit in 0..3) {
            let zone = zone(ZONES[which]);
            let of = |at| match unit {
                0 => zone.hour_of(at),
                1 => zone.day_of(at),
                _ => zone.month_of(at),
            };
            let moment = Timestamp(seconds * 1_000_000 + 17);
            let span = of(moment);
            prop_assert!(span.from <= moment && moment < span.until, "{span:?}");
            prop_assert_eq!(&of(span.from), &span);
            prop_assert_eq!(&of(Timestamp(span.until.0 - 1)), &span);
            let next = of(span.until);
            prop_assert_eq!(next.from, span.until);
            prop_assert!(next.name > span.name, "{} {}", next.name, span.name);
        }
    }

    /// The same around every change of the clocks in three years, minute by minute, by a witness that steps.
    #[test]
    fn spans_hold_through_every_change() {
        for name in ZONES {
            let zone = zone(name);
            for year in [2011, 2018, 2026] {
                let (mut now, end) =
                    (at(&format!("{year}-01-01T00:00Z")), at(&format!("{year}-12-31T23:00Z")));
                let mut span = zone.hour_of(now);
                while now < end {
                    if now >= span.until {
                        let next = zone.hour_of(now);
                        assert!(next.from == span.until && next.name > span.name, "{name} {span:?} {next:?}");
                        span = next;
                    }
                    now = Timestamp(now.0 + 15 * MINUTE);
                }
            }
        }
    }
}
