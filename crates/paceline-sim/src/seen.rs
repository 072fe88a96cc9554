//! What this provider remembers having seen or said, as hashes; the oldest are forgotten first.

use crate::wire::lock;
use std::{
    collections::{HashSet, VecDeque},
    sync::Mutex,
};

/// Hashes that are kept.
const KEPT_MAX: usize = 65_536;

/// A bounded set of hashes.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Seen {
    pub(crate) fn holds(&self, hash: u64) -> bool {
        lock(&self.0).known.contains(&hash)
    }

    pub(crate) fn insert(&self, hash: u64) {
        let mut kept = lock(&self.0);
        if !kept.known.insert(hash) {
            return;
        }
        kept.order.push_back(hash);
        if kept.order.len() > KEPT_MAX
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.known.remove(&oldest);
        }
    }

    pub(crate) fn clear(&self) {
        *lock(&self.0) = Kept::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let seen = Seen::default();
        for hash in 0..=KEPT_MAX as u64 {
            seen.insert(hash);
        }
        assert!(!seen.holds(0) && seen.holds(1) && seen.holds(KEPT_MAX as u64));
        seen.clear();
        assert!(!seen.holds(1));
    }
}
