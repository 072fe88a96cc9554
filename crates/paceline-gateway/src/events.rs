//! What people should hear of: how places fare, and limits and budgets that act.

use crossbeam_queue::ArrayQueue;
use paceline_routing::health::Change;
use paceline_types::id::Name;
use std::sync::atomic::{AtomicU64, Ordering};

/// Events that wait for their reader at most.
const MAX_WAITING: usize = 1024;

/// Something happened that is not a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A place changed.
    Place {
        /// Its provider.
        provider: Name,
        /// Its model there; empty for raw calls.
        model: Name,
        /// Where its key comes from; empty where it has none.
        key: String,
        /// How it changed.
        change: Change,
    },
    /// A budget is nearly used.
    BudgetSoft {
        /// Whose, e.g. `tenant acme`.
        scope: String,
        /// In words: how much of what.
        detail: String,
    },
}

/// A bounded line of events: beyond it the newest are dropped and counted.
#[derive(Debug)]
pub struct Events {
    queue: ArrayQueue<Event>,
    dropped: AtomicU64,
}

impl Default for Events {
    fn default() -> Self {
        Self { queue: ArrayQueue::new(MAX_WAITING), dropped: AtomicU64::new(0) }
    }
}

impl Events {
    pub(crate) fn tell(&self, event: Event) {
        if self.queue.push(event).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The next one.
    pub fn take(&self) -> Option<Event> {
        self.queue.pop()
    }

    /// Events for which there was no room.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
