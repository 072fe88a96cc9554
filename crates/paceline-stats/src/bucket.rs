//! Buckets of time: minutes, hours, days and weeks in UTC, and how a span is covered by the fewest of them.

/// The width of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// 60 s.
    Minute,
    /// 3,600 s.
    Hour,
    /// 86,400 s from midnight UTC.
    Day,
    /// Seven days from Monday, midnight UTC.
    Week,
}

/// 1970-01-01 was a Thursday: the first Monday-based week began three days before.
const WEEK_SHIFT: i64 = 3 * 86_400;

impl Level {
    /// All levels, the narrowest first.
    pub const ALL: [Level; 4] = [Self::Minute, Self::Hour, Self::Day, Self::Week];

    /// Its width in seconds.
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
            Self::Week => 604_800,
        }
    }

    /// The start of the bucket that holds `at` (Unix seconds).
    pub const fn floor(self, at: i64) -> i64 {
        match self {
            Self::Week => (at + WEEK_SHIFT).div_euclid(604_800) * 604_800 - WEEK_SHIFT,
            _ => at.div_euclid(self.seconds()) * self.seconds(),
        }
    }
}

/// Buckets of one level that follow each other: starts from `from` (inclusive) to `until` (exclusive), Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The level.
    pub level: Level,
    /// The start of the first bucket.
    pub from: i64,
    /// The end of the last bucket.
    pub until: i64,
}

/// From when on the buckets of each level are still kept, Unix seconds; in the order of [`Level::ALL`].
pub type Kept = [i64; 4];

/// Covers `from..until` by the fewest buckets of at most `widest`, in the order of time.
///
/// Where the narrow buckets of a span's beginning are no longer kept, the wider one around it is taken whole, so the
/// cover may begin a little before `from`. The last bucket may end after `until` by less than a minute.
pub fn cover(from: i64, until: i64, widest: Level, kept: Kept) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut at = from;
    while at < until {
        let level = narrowest(at, widest, kept);
        let start = level.floor(at);
        // From an aligned start the widest bucket that fits is taken.
        let fits = |wide: &&Level| {
            **wide >= level
                && **wide <= widest
                && wide.floor(start) == start
                && start + wide.seconds() <= until
                && start >= kept[**wide as usize]
        };
        let level = Level::ALL.iter().rev().find(fits).copied().unwrap_or(level);
        let end = start + level.seconds();
        match spans.last_mut() {
            Some(last) if last.level == level && last.until == start => last.until = end,
            _ => spans.push(Span { level, from: start, until: end }),
        }
        at = end;
    }
    spans
}

/// The narrowest level that still has a bucket for `at`; `widest` where none has.
fn narrowest(at: i64, widest: Level, kept: Kept) -> Level {
    let has = |level: &&Level| **level <= widest && level.floor(at) >= kept[**level as usize];
    Level::ALL.iter().find(has).copied().unwrap_or(widest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-23T00:00:00Z, a Monday.
    const MONDAY: i64 = 1_795_392_000;

    #[test]
    fn weeks_begin_on_monday() {
        assert_eq!(Level::Week.floor(MONDAY), MONDAY);
        assert_eq!(Level::Week.floor(MONDAY - 1), MONDAY - 604_800);
        assert_eq!(Level::Day.floor(MONDAY + 86_399), MONDAY);
    }

    #[test]
    fn a_month_takes_few_buckets() {
        let now = MONDAY + 3 * 86_400 + 5 * 3600 + 7 * 60 + 31;
        let spans = cover(now - 30 * 86_400, now, Level::Day, [0; 4]);
        let buckets: i64 = spans.iter().map(|s| (s.until - s.from) / s.level.seconds()).sum();
        assert!(buckets <= 29 + 23 + 60 + 24, "{buckets} of {spans:?}");
        let weeks = cover(now - 30 * 86_400, now, Level::Week, [0; 4]);
        assert!(weeks.iter().any(|s| s.level == Level::Week));
    }

    #[test]
    fn what_is_no_longer_kept_is_taken_from_wider_buckets() {
        let now = MONDAY + 90 * 60;
        // Minutes only of the last hour, hours only of today.
        let kept = [now - 3600, MONDAY, 0, 0];
        let spans = cover(MONDAY - 7200 - 5, now, Level::Day, kept);
        assert_eq!(spans[0], Span { level: Level::Day, from: MONDAY - 86_400, until: MONDAY });
        assert_eq!(spans[1], Span { level: Level::Hour, from: MONDAY, until: MONDAY + 3600 });
        assert_eq!(spans[2], Span { level: Level::Minute, from: MONDAY + 3600, until: now });
    }

    proptest! {
        #[test]
        fn a_cover_has_no_gap_and_no_overlap(from in 0i64..4_000_000, length in 1i64..9_000_000, widest in 0usize..4,
                                             minutes in 0i64..9_000_000, hours in 0i64..9_000_000) {
            let kept = [minutes, hours.min(minutes), 0, 0];
            let until = from + length;
            let spans = cover(from, until, Level::ALL[widest], kept);
            prop_assert!(spans[0].from <= from);
            prop_assert!(spans.windows(2).all(|pair| pair[0].until == pair[1].from));
            let last = spans[spans.len() - 1];
            prop_assert!(last.until >= until && spans.len() < 200);
            if kept == [0; 4] {
                prop_assert!(from - spans[0].from < 60 && last.until - until < 60);
            }
        }
    }
}
