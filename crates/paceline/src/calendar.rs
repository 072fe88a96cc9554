//! Days and months of budgets, by the configured time zone.

use crate::files::zone::Zone;
use paceline_types::ports::Calendar;
use paceline_types::time::Timestamp;

/// The calendar of a zone.
#[derive(Clone, Debug)]
pub struct ZoneCalendar(pub Zone);

impl Calendar for ZoneCalendar {
    fn day(&self, at: Timestamp) -> (Timestamp, Timestamp) {
        let day = self.0.day_of(at);
        (day.from, day.until)
    }

    fn month(&self, at: Timestamp) -> (Timestamp, Timestamp) {
        let month = self.0.month_of(at);
        (month.from, month.until)
    }
}

#[cfg(test)]
mod tests {
    use super::ZoneCalendar;
    use crate::files::zone::Zone;
    use paceline_types::ports::Calendar;
    use paceline_types::time::Timestamp;

    fn shown((from, until): (Timestamp, Timestamp)) -> [String; 2] {
        [from.rfc3339(), until.rfc3339()]
    }

    #[test]
    fn days_and_months_follow_the_clock() {
        let berlin = ZoneCalendar(Zone::parse("Europe/Berlin").unwrap());
        let at = Timestamp::parse_rfc3339("2026-03-29T12:00:00Z").unwrap();
        assert_eq!(shown(berlin.day(at)), ["2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"]);
        assert_eq!(shown(berlin.month(at)), ["2026-02-28T23:00:00.000Z", "2026-03-31T22:00:00.000Z"]);
        // The last moment of a month, and the first of the next.
        let (_, end) = berlin.month(at);
        assert_eq!(berlin.month(Timestamp(end.0 - 1)), berlin.month(at));
        assert_eq!(berlin.month(end).0, end);
        let (_, end) = berlin.month(Timestamp::parse_rfc3339("2026-12-31T22:59:59Z").unwrap());
        assert_eq!(end.rfc3339(), "2026-12-31T23:00:00.000Z");
    }
}
