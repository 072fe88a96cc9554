//! New calls for who watches: told to all of them at once, and never waited for.

use paceline_types::record::CallRecord;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Who may watch at once.
const WATCHERS: usize = 32;
/// Batches that a slow watcher may be behind; then it misses some and is told how many.
const BEHIND: usize = 32;
/// Calls of a batch that are told; more cannot be read.
const TOLD: usize = 50;

/// Calls that ended together.
#[derive(Debug)]
pub struct Fresh {
    /// The last of them, oldest first.
    pub calls: Vec<Arc<CallRecord>>,
    /// Others.
    pub left_out: usize,
}

/// The feed.
#[derive(Debug)]
pub struct Feed(broadcast::Sender<Arc<Fresh>>);

impl Default for Feed {
    fn default() -> Self {
        Self(broadcast::Sender::new(BEHIND))
    }
}

impl Feed {
    /// Tells a batch. Nothing is done while nobody watches.
    pub fn tell(&self, batch: &[Arc<CallRecord>]) {
        if batch.is_empty() || self.0.receiver_count() == 0 {
            return;
        }
        let left_out = batch.len().saturating_sub(TOLD);
        let _ = self.0.send(Arc::new(Fresh { calls: batch[left_out..].to_vec(), left_out }));
    }

    /// Begins to watch; `None` where as many watch as may.
    pub fn watch(&self) -> Option<broadcast::Receiver<Arc<Fresh>>> {
        (self.0.receiver_count() < WATCHERS).then(|| self.0.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::{Feed, WATCHERS};

    #[test]
    fn watchers_are_bounded_and_make_room() {
        let feed = Feed::default();
        let watchers: Vec<_> = (0..WATCHERS).map_while(|_| feed.watch()).collect();
        assert_eq!(watchers.len(), WATCHERS);
        assert!(feed.watch().is_none());
        drop(watchers);
        assert!(feed.watch().is_some());
    }
}
