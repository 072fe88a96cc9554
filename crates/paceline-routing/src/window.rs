//! Exact windows: how much was used in the last 60 seconds, never forgetting too early.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The window of limits a minute.
pub const MINUTE: Duration = Duration::from_mins(1);

/// From so many entries on, those closer together than [`MERGED`] become one.
const EXACT: usize = 1024;
const MERGED: Duration = Duration::from_millis(60);

/// What was used in the last 60 seconds.
///
/// Each use is remembered with its time. From 1,024 uses on, those of 60 ms become one that counts with its latest time: it
/// is forgotten up to 60 ms late, never early, so that no 60 seconds ever hold more than the limit. At most about
/// 2,024 entries.
#[derive(Debug, Default)]
pub struct Window {
    uses: VecDeque<(Instant, u64)>,
    sum: u64,
}

/// A limit has no room now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// When there will be room, if nobody else takes it; `None` when there never is: more is asked than the limit.
    pub until: Option<Instant>,
}

impl Window {
    fn forget(&mut self, now: Instant) {
        while let Some(&(at, amount)) = self.uses.front()
            && now.saturating_duration_since(at) >= MINUTE
        {
            self.sum -= amount;
            self.uses.pop_front();
        }
    }

    /// What counts at `now`.
    pub fn used(&mut self, now: Instant) -> u64 {
        self.forget(now);
        self.sum
    }

    /// When all that counts now is forgotten.
    pub fn empty_at(&self) -> Option<Instant> {
        self.uses.back().map(|(at, _)| *at + MINUTE)
    }

    /// Takes `amount` where that stays within `limit`.
    ///
    /// # Errors
    /// When there is no room, with when there will be.
    pub fn take(&mut self, amount: u64, limit: u64, now: Instant) -> Result<(), Full> {
        self.forget(now);
        if amount.saturating_add(self.sum) > limit {
            return Err(Full { until: self.room_at(amount, limit) });
        }
        self.put(amount, now);
        Ok(())
    }

    /// Counts `amount` whatever the limit is.
    pub fn put(&mut self, amount: u64, now: Instant) {
        self.sum += amount;
        let merges = self.uses.len() >= EXACT;
        match self.uses.back_mut() {
            Some((at, had)) if now <= *at || (merges && now.saturating_duration_since(*at) < MERGED) => {
                *had += amount;
                // Uses come in order; a clock read on another thread may be a little behind.
                *at = now.max(*at);
            }
            _ => self.uses.push_back((now, amount)),
        }
    }

    /// When `amount` fits under `limit`.
    fn room_at(&self, amount: u64, limit: u64) -> Option<Instant> {
        let mut over = self.sum.checked_add(amount)?.checked_sub(limit)?;
        if amount > limit {
            return None;
        }
        for &(at, used) in &self.uses {
            over = over.saturating_sub(used);
            if over == 0 {
                return Some(at + MINUTE);
            }
        }
        None
    }

    /// What was taken at `at` as `reserved` turned out to be `actual`.
    pub fn settle(&mut self, at: Instant, reserved: u64, actual: u64, now: Instant) {
        self.forget(now);
        if now.saturating_duration_since(at) >= MINUTE {
            return;
        }
        let place = self.uses.partition_point(|(time, _)| *time < at);
        let Some((_, amount)) = self.uses.get_mut(place) else { return };
        let before = *amount;
        *amount = amount.saturating_sub(reserved).saturating_add(actual);
        self.sum = self.sum - before + *amount;
    }
}

#[cfg(test)]
#[path = "window_test.rs"]
mod tests;
