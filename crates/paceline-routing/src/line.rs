//! A place with room for so many at once, and the line before it: bounded, by priority, and shed before it is useless.

use paceline_types::rules::Priority;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The bounds of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinePolicy {
    /// How many may wait.
    pub max_waiting: usize,
    /// How long anybody may wait.
    pub max_wait: Duration,
    /// A line that was never empty for so long is overloaded: the newest is served first, because the oldest will
    /// mostly have gone.
    pub overloaded_after: Duration,
}

impl Default for LinePolicy {
    fn default() -> Self {
        Self { max_waiting: 1000, max_wait: Duration::from_secs(2), overloaded_after: Duration::from_secs(1) }
    }
}

/// Somebody who waits.
#[derive(Debug)]
struct Waiter<T> {
    who: T,
    since: Instant,
}

/// The line is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// When it is likely to be shorter.
    pub retry_after: Duration,
}

/// Room and the line before it.
#[derive(Debug)]
pub struct Line<T> {
    limit: Option<u32>,
    inside: u32,
    lanes: [VecDeque<Waiter<T>>; 2],
    /// Since when somebody has always waited.
    waiting_since: Option<Instant>,
    /// Smoothed time between two who leave, in seconds, and when the last one left.
    gap: f64,
    left: Option<Instant>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            limit: None,
            inside: 0,
            lanes: [VecDeque::new(), VecDeque::new()],
            waiting_since: None,
            gap: 0.0,
            left: None,
        }
    }
}

impl<T> Line<T> {
    /// How many may be inside from now on; `None`: any number.
    pub fn set_limit(&mut self, limit: Option<u32>) {
        self.limit = limit;
    }

    /// How many may be inside.
    pub fn limit(&self) -> Option<u32> {
        self.limit
    }

    /// How many are inside.
    pub fn inside(&self) -> u32 {
        self.inside
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.lanes.iter().map(VecDeque::len).sum()
    }

    fn has_room(&self) -> bool {
        self.limit.is_none_or(|limit| self.inside < limit)
    }

    /// Goes in where there is room and nobody waits.
    pub fn enter(&mut self) -> bool {
        let free = self.has_room() && self.waiting() == 0;
        self.inside += u32::from(free);
        free
    }

    /// Goes in although there is no room: what is only counted.
    pub fn force(&mut self) {
        self.inside += 1;
    }

    /// Waits; whoever is handed to the caller of [`Line::next`] is inside.
    ///
    /// # Errors
    /// When too many wait, or the line moves so slowly that waiting is useless.
    pub fn wait(
        &mut self,
        who: T,
        priority: Priority,
        now: Instant,
        policy: &LinePolicy,
    ) -> Result<(), (T, TooLong)> {
        let ahead = match priority {
            Priority::Interactive => self.lanes[1].len(),
            Priority::Batch => self.waiting(),
        };
        let expected = Duration::from_secs_f64((self.gap * (ahead + 1) as f64).min(3600.0));
        let is_useless = expected > policy.max_wait;
        if self.waiting() >= policy.max_waiting {
            // Who waits longest of the batch work gives way to who is waited for.
            let gives_way = priority == Priority::Interactive && !self.lanes[0].is_empty();
            if !gives_way || is_useless {
                return Err((who, TooLong { retry_after: self.retry_after(policy) }));
            }
            self.lanes[0].pop_front();
        } else if is_useless {
            return Err((who, TooLong { retry_after: self.retry_after(policy) }));
        }
        self.waiting_since.get_or_insert(now);
        self.lanes[usize::from(priority == Priority::Interactive)].push_back(Waiter { who, since: now });
        Ok(())
    }

    /// When the line before the place is likely to be over.
    pub fn retry_after(&self, policy: &LinePolicy) -> Duration {
        let expected = Duration::from_secs_f64((self.gap * (self.waiting() + 1) as f64).min(60.0));
        expected.max(Duration::from_secs(1)).max(policy.max_wait / 2)
    }

    /// Somebody inside left.
    pub fn leave(&mut self, now: Instant) {
        self.inside = self.inside.saturating_sub(1);
        if let Some(left) = self.left.replace(now) {
            // A pause without anybody waiting says nothing about how fast the line moves.
            let since = now.saturating_duration_since(left).as_secs_f64();
            if self.waiting() > 0 || self.gap == 0.0 {
                self.gap = if self.gap == 0.0 { since } else { self.gap * 0.9 + since * 0.1 };
            } else if since < self.gap {
                self.gap = since;
            }
        }
    }

    /// The next who goes in now, and how long they waited; those who waited too long are dropped. To be called again
    /// until it returns `None`; whoever cannot go in after all leaves.
    pub fn next(&mut self, now: Instant, policy: &LinePolicy) -> Option<(T, Duration)> {
        while self.has_room() {
            let is_overloaded = self
                .waiting_since
                .is_some_and(|since| now.saturating_duration_since(since) >= policy.overloaded_after);
            let lane = self.lanes.iter_mut().rev().find(|lane| !lane.is_empty());
            let Some(lane) = lane else {
                self.waiting_since = None;
                return None;
            };
            let next = if is_overloaded { lane.pop_back() } else { lane.pop_front() };
            let Some(Waiter { who, since }) = next else { continue };
            if self.waiting() == 0 {
                self.waiting_since = None;
            }
            let waited = now.saturating_duration_since(since);
            if waited <= policy.max_wait {
                self.inside += 1;
                return Some((who, waited));
            }
        }
        None
    }

    /// Takes out who no longer waits.
    pub fn remove(&mut self, gone: impl Fn(&T) -> bool) {
        for lane in &mut self.lanes {
            lane.retain(|waiter| !gone(&waiter.who));
        }
        if self.waiting() == 0 {
            self.waiting_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, LinePolicy};
    use paceline_types::rules::Priority::{Batch, Interactive};
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    #[test]
    fn who_is_waited_for_goes_first_and_each_lane_keeps_its_order() {
        let (policy, now) = (LinePolicy::default(), Instant::now());
        let mut line = Line::default();
        line.set_limit(Some(1));
        assert!(line.enter() && !line.enter());
        for (who, priority) in [(1, Batch), (2, Interactive), (3, Interactive), (4, Batch)] {
            line.wait(who, priority, now, &policy).unwrap();
        }
        assert_eq!(line.next(now, &policy), None);
        let mut order = Vec::new();
        for _ in 0..4 {
            line.leave(now);
            order.extend(line.next(now, &policy).map(|(who, _)| who));
        }
        assert_eq!(order, [2, 3, 1, 4]);
    }

    #[test]
    fn an_overloaded_line_serves_the_newest_and_drops_the_late() {
        let (policy, began) = (LinePolicy::default(), Instant::now());
        let mut line = Line::default();
        line.set_limit(Some(1));
        line.enter();
        for who in 0..4u64 {
            let at = began + Duration::from_millis(600 * who);
            line.wait(who, Interactive, at, &policy).unwrap();
        }
        let now = began + Duration::from_millis(2100);
        line.leave(now);
        assert_eq!(line.next(now, &policy).map(|(who, _)| who), Some(3));
        line.leave(now);
        assert_eq!(line.next(now, &policy).map(|(who, _)| who), Some(2));
        line.leave(now);
        assert_eq!(line.next(now, &policy).map(|(who, _)| who), Some(1));
        line.leave(now);
        assert_eq!(line.next(now, &policy), None);
        assert_eq!((line.waiting(), line.inside()), (0, 0));
    }

    #[test]
    fn a_line_that_moves_slowly_refuses_at_once() {
        let (policy, began) = (LinePolicy::default(), Instant::now());
        let mut line = Line::default();
        line.set_limit(Some(2));
        line.enter();
        line.enter();
        line.wait(0, Interactive, began, &policy).unwrap();
        for second in 1..5 {
            let now = began + Duration::from_secs(second);
            line.leave(now);
            line.force();
        }
        // One leaves a second: the third in line would wait three.
        line.wait(1, Interactive, began + Duration::from_secs(4), &policy).unwrap();
        let (who, too_long) = line.wait(2, Interactive, began + Duration::from_secs(4), &policy).unwrap_err();
        assert_eq!(who, 2);
        assert!(too_long.retry_after >= Duration::from_secs(2));
    }

    proptest! {
        /// Never more inside than the limit, nobody lost: each is served, refused or dropped late.
        #[test]
        fn room_is_kept(steps in prop::collection::vec((0u8..4, 0u64..500, any::<bool>()), 1..400), limit in 1u32..6) {
            let policy = LinePolicy { max_waiting: 10, ..LinePolicy::default() };
            let mut line = Line::default();
            line.set_limit(Some(limit));
            let mut now = Instant::now();
            let mut inside = 0u32;
            for (kind, ms, batch) in steps {
                now += Duration::from_millis(ms);
                let priority = if batch { Batch } else { Interactive };
                match kind {
                    0 | 1 => {
                        if line.enter() {
                            inside += 1;
                        } else {
                            let _ = line.wait(0u32, priority, now, &policy);
                        }
                    }
                    _ if inside > 0 => {
                        line.leave(now);
                        inside -= 1;
                    }
                    _ => {}
                }
                while line.next(now, &policy).is_some() {
                    inside += 1;
                }
                prop_assert_eq!(inside, line.inside());
                prop_assert!(inside <= limit);
                prop_assert!(line.waiting() <= 10);
                prop_assert!(line.waiting() == 0 || inside == limit);
            }
        }
    }
}
