//! Tallies over time: minutes, hours, days, each kept as long as it is useful.

use crate::tally::Tally;
use paceline_types::record::CallRecord;
use paceline_types::time::Timestamp;
use std::collections::VecDeque;

/// Seconds of a slot, and how many slots are kept: an hour of minutes, two days of hours, a month of days.
const STEPS: [(i64, usize); 3] = [(60, 60), (3600, 48), (86_400, 31)];

/// One slot of time.
#[derive(Clone, Debug)]
struct Slot {
    /// Its start, Unix seconds.
    start: i64,
    tally: Tally,
}

/// Tallies of a stream of calls that arrive about in the order of time.
///
/// A call is added to its minute. A minute that is over is added to its hour, an hour to its day; what a window asks is
/// then answered from whole days, the hours of the present day and the minutes of the present hour.
#[derive(Clone, Debug, Default)]
pub struct Ladder {
    levels: [VecDeque<Slot>; 3],
    /// The minute up to which slots are closed.
    advanced: i64,
}

impl Ladder {
    /// Adds one call that ended at `at`.
    pub fn add(&mut self, record: &CallRecord, at: Timestamp) {
        self.advance(at);
        let start = at.seconds().div_euclid(60) * 60;
        self.slot(0, start).tally.add(record);
    }

    /// The slot that starts at `start`, or the newest when that one is later (the clock was set back).
    fn slot(&mut self, level: usize, start: i64) -> &mut Slot {
        let slots = &mut self.levels[level];
        if slots.back().is_none_or(|newest| newest.start < start) {
            slots.push_back(Slot { start, tally: Tally::default() });
        }
        let last = slots.len() - 1;
        &mut slots[last]
    }

    /// Closes what is over by `now`.
    pub fn advance(&mut self, now: Timestamp) {
        let minute = now.seconds().div_euclid(60);
        if std::mem::replace(&mut self.advanced, minute) == minute {
            return;
        }
        for level in 0..2 {
            let (wider, _) = STEPS[level + 1];
            let current = now.seconds().div_euclid(wider) * wider;
            // A wider slot is made once, when it is over, from the narrow ones in it.
            let known = self.levels[level + 1].back().map_or(i64::MIN, |slot| slot.start);
            let over = |slot: &&Slot| {
                let start = slot.start.div_euclid(wider) * wider;
                start < current && start > known
            };
            let ready: Vec<Slot> = self.levels[level].iter().filter(over).cloned().collect();
            for slot in ready {
                let start = slot.start.div_euclid(wider) * wider;
                self.slot(level + 1, start).tally.merge(&slot.tally);
            }
        }
        for (slots, (width, kept)) in self.levels.iter_mut().zip(STEPS) {
            let oldest = now.seconds() - width * kept as i64 - width;
            while slots.front().is_some_and(|slot| slot.start < oldest) {
                slots.pop_front();
            }
        }
    }

    /// What the last `window` seconds before `now` come to; from an hour on in whole hours, from two days on in whole
    /// days. To be called after [`Ladder::advance`].
    pub fn window(&self, now: Timestamp, window: i64) -> Tally {
        let mut sum = Tally::default();
        self.each(now, window, |_, tally| sum.merge(tally));
        sum
    }

    /// The slots of the window, oldest first: start in Unix seconds and tally.
    pub fn each(&self, now: Timestamp, window: i64, mut take: impl FnMut(i64, &Tally)) {
        let now = now.seconds();
        let top = if window <= 3600 { 0 } else { usize::from(window > 2 * 86_400) + 1 };
        let mut from = now - window;
        for level in (0..=top).rev() {
            let (width, _) = STEPS[level];
            let first = from.div_euclid(width) * width;
            for slot in self.levels[level].iter().filter(|slot| slot.start >= first) {
                take(slot.start, &slot.tally);
            }
            if level > 0 {
                // Finer slots tell the rest: what is not yet in a slot of this level.
                let current = now.div_euclid(width) * width;
                let newest = self.levels[level].back().map_or(i64::MIN, |slot| slot.start + width);
                from = if newest > current { newest } else { current };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ladder;
    use paceline_types::id::CallId;
    use paceline_types::record::{CacheState, CallRecord, Caller, Dialect, Operation, Status};
    use paceline_types::time::{Offset, Timestamp};
    use std::sync::Arc;

    fn record() -> CallRecord {
        let name: Arc<str> = "default".into();
        let caller = Arc::new(Caller { tenant: Arc::clone(&name), workspace: name, key: None });
        CallRecord {
            id: CallId::new(0, 0, 0),
            started_at: Timestamp(0),
            caller,
            labels: None,
            operation: Operation::Chat,
            dialect: Dialect::OpenAi,
            stream: false,
            requested_model: None,
            target: None,
            status: Status::Ok,
            error_kind: None,
            error_code: None,
            http_status: 200,
            finish_reason: None,
            cache: CacheState::Off,
            usage: None,
            cost: None,
            duration: Offset(1_000_000),
            queue: Offset(0),
            route: Offset(0),
            worked: Offset(0),
            first_token: None,
            last_token: None,
            itl_p99: None,
            attempts: Vec::new(),
        }
    }

    #[test]
    fn windows_count_each_call_once_however_old() {
        let (mut ladder, record) = (Ladder::default(), record());
        let start = 1_790_000_000;
        // One call a minute for 40 days.
        let minutes = 40 * 24 * 60;
        for minute in 0..minutes {
            ladder.add(&record, Timestamp::from_millis((start + minute * 60) * 1000));
        }
        let now = Timestamp::from_millis((start + minutes * 60 - 1) * 1000);
        ladder.advance(now);
        let calls = |window: i64| ladder.window(now, window).calls as i64;
        assert!((1..=2).contains(&calls(60)));
        assert!((15..=16).contains(&calls(15 * 60)));
        assert!((60..=61).contains(&calls(3600)));
        for hours in [2, 24, 47] {
            assert!(
                (hours * 60..=(hours + 1) * 60).contains(&calls(hours * 3600)),
                "{hours} h: {}",
                calls(hours * 3600)
            );
        }
        for days in [3, 7, 30] {
            let range = days * 1440..=(days + 1) * 1440;
            assert!(range.contains(&calls(days * 86_400)), "{days} d: {}", calls(days * 86_400));
        }
    }
}
