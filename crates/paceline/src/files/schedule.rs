//! When snapshots are to be written: local hours and days that are over, and the running ones from time to time.
//!
//! A state machine without a clock of its own. What it names may have been named before (after a start, or when the
//! clock was set back); whoever writes replaces a file only by one that knows more, so naming twice does no harm and
//! leaving out would.

use super::zone::{Span, Zone};
use paceline_types::time::Timestamp;
use std::time::Duration;

/// Hours before now that are looked at after a start or a sleep: those a store is sure to know apart.
pub const HOURS_BACK: usize = 48;
/// Days before now that are looked at.
pub const DAYS_BACK: usize = 31;
/// An hour is taken when it is over by so much: its last calls are recorded by then.
pub const SETTLE: Duration = Duration::from_secs(2);

/// What a snapshot is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A local hour.
    Hour,
    /// A local day.
    Day,
}

/// A snapshot to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// An hour or a day.
    pub kind: Kind,
    /// Which.
    pub span: Span,
    /// Whether it is over.
    pub over: bool,
}

/// Knows what was named.
#[derive(Debug)]
pub struct Schedule {
    zone: Zone,
    renew: Option<Duration>,
    /// Everything before was named: of hours, of days.
    named: [Option<Timestamp>; 2],
    renewed: Option<Timestamp>,
}

impl Schedule {
    /// Hours and days of a zone; the running ones too every `renew`.
    pub fn new(zone: Zone, renew: Option<Duration>) -> Self {
        Self { zone, renew, named: [None; 2], renewed: None }
    }

    /// What is to be written now, the oldest first. To be asked every few seconds; seldom asked, it names all that was
    /// missed within [`HOURS_BACK`] and [`DAYS_BACK`].
    pub fn due(&mut self, now: Timestamp) -> Vec<Due> {
        let settled = Timestamp(now.0.saturating_sub(SETTLE.as_micros() as i64));
        let mut due = self.over(Kind::Hour, settled);
        due.extend(self.over(Kind::Day, settled));
        if self.is_time_to_renew(now) {
            due.extend(self.running(now));
        }
        due
    }

    /// The running hour and day: for the end of the process, so that nothing known is lost.
    pub fn running(&self, now: Timestamp) -> [Due; 2] {
        [Kind::Hour, Kind::Day].map(|kind| Due { kind, span: self.span(kind, now), over: false })
    }

    fn is_time_to_renew(&mut self, now: Timestamp) -> bool {
        let Some(every) = self.renew else { return false };
        let Some(last) = self.renewed else {
            self.renewed = Some(now);
            return false;
        };
        // A clock that was set back begins anew.
        let is_time = now < last || now.0 - last.0 >= every.as_micros() as i64;
        if is_time {
            self.renewed = Some(now);
        }
        is_time
    }

    fn span(&self, kind: Kind, at: Timestamp) -> Span {
        match kind {
            Kind::Hour => self.zone.hour_of(at),
            Kind::Day => self.zone.day_of(at),
        }
    }

    /// What is over and was not named. Where the clock went back, what it shows again is named again at its end.
    fn over(&mut self, kind: Kind, settled: Timestamp) -> Vec<Due> {
        let (slot, back) = match kind {
            Kind::Hour => (0, HOURS_BACK),
            Kind::Day => (1, DAYS_BACK),
        };
        let begin = self.span(kind, settled).from;
        let named = self.named[slot].replace(begin);
        let mut spans = Vec::new();
        let mut until = begin;
        while spans.len() < back && named.is_none_or(|named| until > named) {
            let span = self.span(kind, Timestamp(until.0.saturating_sub(1)));
            // The first year of the calendar has nothing before it.
            if span.from >= until {
                break;
            }
            until = span.from;
            spans.push(Due { kind, span, over: true });
        }
        spans.reverse();
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::{DAYS_BACK, Due, HOURS_BACK, Kind, SETTLE, Schedule};
    use crate::files::zone::Zone;
    use paceline_types::time::Timestamp;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::time::Duration;

    const SECOND: i64 = 1_000_000;
    const HOUR: i64 = 3600 * SECOND;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn later(at: Timestamp, by: i64) -> Timestamp {
        Timestamp(at.0 + by)
    }

    fn schedule(zone: &str, renew: Option<u64>) -> Schedule {
        Schedule::new(Zone::parse(zone).unwrap(), renew.map(Duration::from_secs))
    }

    fn names(due: &[Due]) -> Vec<&str> {
        due.iter().map(|due| due.span.name.as_str()).collect()
    }

    #[test]
    fn a_start_looks_back_and_no_further() {
        let mut schedule = schedule("Europe/Berlin", None);
        let due = schedule.due(at("2026-03-29T10:30:00Z"));
        let hours = due.iter().filter(|due| due.kind == Kind::Hour).count();
        assert_eq!((hours, due.len() - hours), (HOURS_BACK, DAYS_BACK));
        assert!(due.iter().all(|due| due.over));
        assert_eq!((names(&due)[0], names(&due)[HOURS_BACK - 1]), ("20260327_11", "20260329_11"));
        assert_eq!(names(&due).last(), Some(&"20260328"));
        assert!(schedule.due(at("2026-03-29T10:30:05Z")).is_empty());
    }

    #[test]
    fn an_hour_is_named_once_when_it_has_settled_and_a_day_at_its_midnight() {
        let mut schedule = schedule("America/St_Johns", None);
        let mut now = at("2026-01-10T12:00:00Z");
        schedule.due(now);
        let mut named = Vec::new();
        while now < at("2026-01-11T12:00:00Z") {
            now = later(now, SECOND);
            for due in schedule.due(now) {
                assert_eq!(now, later(due.span.until, SETTLE.as_micros() as i64));
                named.push(due.span.name);
            }
        }
        assert_eq!(named.len(), 25);
        assert_eq!(named[11..14], ["20260110_19", "20260110_20", "20260110_21"]);
        assert!(named.contains(&"20260110".to_owned()));
    }

    #[test]
    fn days_of_23_and_25_hours_are_named_whole() {
        for (zone, from, hours, day) in [
            ("Europe/Berlin", "2026-10-24T22:30:00Z", 24, "20261025"),
            ("Europe/Berlin", "2026-03-28T23:30:00Z", 23, "20260329"),
            ("America/Sao_Paulo", "2018-11-04T03:30:00Z", 23, "20181104"),
            ("Asia/Beirut", "2024-03-30T22:30:00Z", 23, "20240331"),
            ("Australia/Lord_Howe", "2026-04-04T13:30:00Z", 24, "20260405"),
        ] {
            let mut schedule = schedule(zone, None);
            let mut now = at(from);
            schedule.due(now);
            let mut named = Vec::new();
            while named.last().is_none_or(|name: &String| name.contains('_')) {
                now = later(now, 60 * SECOND);
                named.extend(schedule.due(now).into_iter().map(|due| due.span.name));
            }
            assert_eq!((named.pop().unwrap().as_str(), named.len()), (day, hours), "{zone}: {named:?}");
            assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), hours, "no name twice");
        }
    }

    #[test]
    fn what_was_slept_through_is_named_on_waking() {
        let mut schedule = schedule("UTC", None);
        schedule.due(at("2026-05-01T20:10:00Z"));
        let due = schedule.due(at("2026-05-02T01:10:00Z"));
        assert_eq!(
            names(&due),
            ["20260501_20", "20260501_21", "20260501_22", "20260501_23", "20260502_00", "20260501"]
        );
        assert_eq!(schedule.due(at("2027-05-02T01:10:00Z")).len(), HOURS_BACK + DAYS_BACK);
    }

    #[test]
    fn the_running_ones_are_renewed() {
        let mut schedule = schedule("UTC", Some(900));
        let mut now = at("2026-05-01T20:00:10Z");
        schedule.due(now);
        let mut renewed = Vec::new();
        for _ in 0..7200 {
            now = later(now, SECOND);
            let due = schedule.due(now);
            if due.iter().any(|due| !due.over) {
                renewed.push(now);
                assert_eq!(due.iter().filter(|due| !due.over).count(), 2);
            }
        }
        assert_eq!(renewed.len(), 8);
        assert_eq!(names(&schedule.running(now)), ["20260501_22", "20260501"]);
        // A clock that is set back by a year does not stop it for a year.
        let back = at("2025-05-01T20:00:10Z");
        assert_eq!(schedule.due(back).len(), 2);
        assert_eq!(schedule.due(later(back, 901 * SECOND)).len(), 2);
    }

    proptest! {
        /// However the clock jumps by up to an hour and however seldom one asks: every hour that the clock has left behind
        /// for good was named at or after its end.
        #[test]
        fn no_hour_is_forgotten(steps in prop::collection::vec((-HOUR..HOUR, 1i64..3 * HOUR), 1..60)) {
            let zone = Zone::parse("Europe/Berlin").unwrap();
            let mut schedule = Schedule::new(zone.clone(), None);
            let mut now = at("2026-10-24T20:00:00Z");
            let start = now;
            schedule.due(now);
            let mut named = BTreeSet::new();
            for (jump, on) in steps {
                now = later(now, jump.max(start.0 - now.0));
                named.extend(schedule.due(now).into_iter().map(|due| due.span.from));
                if jump < 0 {
                    // What is shown again has to be named again.
                    let again = zone.hour_of(now).from;
                    named.retain(|from| *from < again);
                }
                now = later(now, on);
                named.extend(schedule.due(now).into_iter().map(|due| due.span.from));
            }
            let mut hour = zone.hour_of(start);
            while later(hour.until, SETTLE.as_micros() as i64) <= now {
                prop_assert!(named.contains(&hour.from), "{} is missing", hour.name);
                hour = zone.hour_of(hour.until);
            }
        }
    }
}
