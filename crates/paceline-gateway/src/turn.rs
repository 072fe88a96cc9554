//! Whose turn it is on a client's connection: requests taken in, answers over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

/// Shared by the door, which counts requests, and the answers, which count themselves when they are over.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    answered: AtomicU64,
    /// Who holds bytes of the next request back until the answer is over.
    waiting: Mutex<Option<Waker>>,
}

impl Turn {
    /// How many answers are over.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Wakes this task when the next answer is over.
    pub(crate) fn wait(&self, waker: &Waker) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }
}

/// Lives as long as an answer is owed.
pub(crate) struct Owed(pub(crate) Arc<Turn>);

impl Drop for Owed {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
        if let Some(waker) = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).take() {
            waker.wake();
        }
    }
}
