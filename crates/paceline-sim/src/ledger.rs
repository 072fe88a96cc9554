//! The ledger: the latest calls in order, within bounds, and their sums.

use crate::{
    call::{Call, CallReport, Outcome, RequestHead, Slot, Tokens},
    wire::lock,
};
use serde::Serialize;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// What an entry weighs beside its headers, body and text.
const ENTRY_BYTES: usize = 1_024;

/// Sums over all calls since the start or the last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Calls begun.
    pub calls: u64,
    /// Of these, not ended yet.
    pub open: u64,
    /// Ended as meant.
    pub completed: u64,
    /// Broken off by the simulator.
    pub cut: u64,
    /// Silent until given up.
    pub stalled: u64,
    /// Left by the client.
    pub client_gone: u64,
    /// Prompt tokens of every usage sent, cached ones included.
    pub input_tokens: u64,
    /// Of these, the ones read from a cache.
    pub cache_read_tokens: u64,
    /// And the ones written into one.
    pub cache_write_tokens: u64,
    /// Tokens of the answers in every usage sent, reasoning included.
    pub output_tokens: u64,
    /// Of these, the ones of reasoning.
    pub reasoning_tokens: u64,
    /// Calls dropped from the list because it was full.
    pub dropped: u64,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    max: usize,
    bytes_max: usize,
    book: Mutex<Book>,
    changed: Notify,
    began: Instant,
}

#[derive(Debug, Default)]
struct Book {
    epoch: u64,
    calls: VecDeque<(Arc<Slot>, usize)>,
    bytes: usize,
    totals: Totals,
}

impl Book {
    fn index(&self, slot: &Slot) -> Option<usize> {
        let first = self.calls.front()?.0.n;
        let index = usize::try_from(slot.n.checked_sub(first)?).ok()?;
        (slot.epoch == self.epoch && index < self.calls.len()).then_some(index)
    }

    fn trim(&mut self, max: usize, bytes_max: usize) {
        while self.calls.len() > max || (self.bytes > bytes_max && self.calls.len() > 1) {
            if let Some((_, weight)) = self.calls.pop_front() {
                self.bytes -= weight;
                self.totals.dropped += 1;
            }
        }
    }
}

impl Ledger {
    pub(crate) fn new(max: usize, bytes_max: usize) -> Arc<Self> {
        let book = Mutex::default();
        Arc::new(Self { max, bytes_max, book, changed: Notify::new(), began: Instant::now() })
    }

    /// Ms since the provider began.
    pub(crate) fn age_ms(&self, now: Instant) -> f64 {
        crate::call::since(self.began, now)
    }

    /// Opens the next call.
    pub(crate) fn open(self: &Arc<Self>, head: RequestHead) -> Call {
        let weight = ENTRY_BYTES + head.headers.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
        let mut book = lock(&self.book);
        book.totals.calls += 1;
        book.totals.open += 1;
        let slot = Arc::new(Slot::new(book.totals.calls, book.epoch, head));
        book.bytes += weight;
        book.calls.push_back((Arc::clone(&slot), weight));
        book.trim(self.max, self.bytes_max);
        Call::new(slot, Arc::clone(self))
    }

    /// A call in the list became heavier.
    pub(crate) fn grow(&self, slot: &Slot, bytes: usize) {
        let mut book = lock(&self.book);
        if let Some(index) = book.index(slot) {
            book.calls[index].1 += bytes;
            book.bytes += bytes;
            book.trim(self.max, self.bytes_max);
        }
    }

    pub(crate) fn closed(&self, slot: &Slot, outcome: Outcome, tokens: Tokens, bytes: usize) {
        self.grow(slot, bytes);
        {
            let mut book = lock(&self.book);
            if slot.epoch == book.epoch {
                let totals = &mut book.totals;
                totals.open -= 1;
                totals.input_tokens += tokens.input_total;
                totals.cache_read_tokens += tokens.cache_read;
                totals.cache_write_tokens += tokens.cache_write;
                totals.output_tokens += tokens.output_total;
                totals.reasoning_tokens += tokens.reasoning;
                match outcome {
                    Outcome::Open | Outcome::Completed => totals.completed += 1,
                    Outcome::Cut => totals.cut += 1,
                    Outcome::Stalled => totals.stalled += 1,
                    Outcome::ClientGone => totals.client_gone += 1,
                }
            }
        }
        self.changed.notify_waiters();
    }

    fn after(&self, since: u64) -> Vec<Arc<Slot>> {
        let book = lock(&self.book);
        book.calls.iter().filter(|(slot, _)| slot.n > since).map(|(slot, _)| Arc::clone(slot)).collect()
    }

    /// The calls with a number above `since`, at most `limit`.
    pub(crate) fn reports(&self, since: u64, limit: usize) -> Vec<CallReport> {
        self.after(since).iter().take(limit).map(|slot| slot.report()).collect()
    }

    pub(crate) fn totals(&self) -> Totals {
        lock(&self.book).totals
    }

    /// Waits until at least `min` calls above `since` are there and all of them have ended; false when
    /// that did not happen in time.
    pub(crate) async fn settled(&self, since: u64, min: usize, patience: Duration) -> bool {
        let wait = async {
            loop {
                let mut changed = std::pin::pin!(self.changed.notified());
                changed.as_mut().enable();
                let calls = self.after(since);
                if calls.len() >= min && calls.iter().all(|slot| slot.closed.load(Ordering::Acquire)) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(patience, wait).await.is_ok()
    }

    /// Forgets everything and counts from 1 again. Calls in progress go on unseen.
    pub(crate) fn reset(&self) {
        let mut book = lock(&self.book);
        *book = Book { epoch: book.epoch + 1, ..Book::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn head() -> RequestHead {
        RequestHead {
            connection: 1,
            method: "POST".into(),
            path: "/".into(),
            query: None,
            headers: Vec::new(),
        }
    }

    fn numbers(ledger: &Ledger) -> Vec<u64> {
        ledger.reports(0, usize::MAX).iter().map(|report| report.n).collect()
    }

    #[test]
    fn the_oldest_are_dropped_and_counted() {
        let ledger = Ledger::new(3, usize::MAX);
        let first = ledger.open(head());
        for _ in 0..4 {
            ledger.open(head()).close(Outcome::Completed);
        }
        assert_eq!(numbers(&ledger), [3, 4, 5]);
        assert_eq!(ledger.totals().dropped, 2);
        first.close(Outcome::Cut);
        let totals = ledger.totals();
        assert_eq!((totals.calls, totals.open, totals.completed, totals.cut), (5, 0, 4, 1));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let ledger = Ledger::new(100, 300_000);
        for _ in 0..10 {
            ledger.open(head()).received(&Bytes::from(vec![b'x'; 100_000]));
        }
        assert_eq!(numbers(&ledger), [9, 10]);
    }

    #[test]
    fn a_reset_starts_again_and_late_ends_do_not_count() {
        let ledger = Ledger::new(3, usize::MAX);
        let old = ledger.open(head());
        ledger.reset();
        let new = ledger.open(head());
        old.received(&Bytes::from_static(b"late"));
        old.close(Outcome::Completed);
        assert_eq!((new.n(), ledger.totals().completed, ledger.totals().open), (1, 0, 1));
        assert_eq!(ledger.reports(0, 9)[0].body_bytes, 0);
    }
}
