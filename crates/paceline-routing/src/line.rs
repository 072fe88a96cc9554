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
        let left = self.left.replace(now);
        // Only while somebody waits does the time between two who leave say how fast the line moves.
        if let Some(waiting) = self.waiting_since {
            let since = now.saturating_duration_since(left.map_or(waiting, |left| left.max(waiting)));
            let since = since.as_secs_f64();
            self.gap = if self.gap == 0.0 { since } else { self.gap * 0.9 + since * 0.1 };
        } else {
            // A new line begins without what the last one was like.
            self.gap = 0.0;
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
#[path = "line_test.rs"]
mod tests;
