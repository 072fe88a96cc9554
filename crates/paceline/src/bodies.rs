//! Captured bodies on their way to the store: a bounded queue off the path, redacted before anything is stored.

use crate::log::Log;
use crate::redact::{Redactor, Secrets};
use arc_swap::ArcSwap;
use crossbeam_queue::ArrayQueue;
use paceline_store::bodies::{Bodies, Body};
use paceline_store::store::Store;
use paceline_types::capture::{Captured, KEPT_BYTES, Side};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Captured calls that wait for the store at most; beyond, they are dropped and counted.
const QUEUE: usize = 1024;
/// Bytes that they may take.
const QUEUE_BYTES: usize = 64 << 20;
/// Captured calls that are redacted and stored at once.
const TOGETHER: usize = 8;
/// How long a store that refused is left alone.
const RETRY: Duration = Duration::from_secs(1);
/// Secrets of earlier configurations that are still cut out: a call goes on with the one it began with.
const SECRETS: usize = 10_000;

/// Captured bodies between the path and the store.
#[derive(Debug)]
pub struct BodyQueue {
    queue: ArrayQueue<Box<Captured>>,
    /// In the queue, or taken from it and not stored yet.
    waiting: AtomicUsize,
    bytes: AtomicUsize,
    dropped: AtomicU64,
}

impl Default for BodyQueue {
    fn default() -> Self {
        Self {
            queue: ArrayQueue::new(QUEUE),
            waiting: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
        }
    }
}

impl BodyQueue {
    /// Takes the bodies of one call, or drops and counts them. Never waits.
    pub fn push(&self, captured: Box<Captured>) {
        let bytes = captured.bytes();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > QUEUE_BYTES || self.queue.push(captured).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            self.gone(bytes);
        }
    }

    /// One captured call that waited has been stored or given up.
    fn gone(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Captured calls that are not stored yet.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Captured calls that were given up.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Redacts what comes out of the queue and stores it.
#[derive(Debug, Default)]
pub struct BodyKeeper {
    redactor: ArcSwap<Redactor>,
    secrets: Mutex<Secrets>,
    turn: Mutex<Turn>,
}

#[derive(Debug, Default)]
struct Turn {
    /// Redacted, not stored yet; with what each takes in the queue's count.
    ready: VecDeque<(Bodies, usize)>,
    /// When the store refused, while it does.
    refused: Option<Instant>,
    told_drops: u64,
}

impl BodyKeeper {
    /// Cuts out these secrets too from now on.
    pub fn know(&self, new: &Secrets) {
        let mut known = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        *known = new.and(&known, SECRETS);
        self.redactor.store(Arc::new(Redactor::new(known.clone())));
    }

    /// Stores what waits. Waits for the disk, and for whoever does the same: not for the threads that carry calls.
    pub fn keep(&self, queue: &BodyQueue, store: &dyn Store, log: &Log) {
        let mut turn = self.turn();
        if turn.refused.is_some_and(|at| at.elapsed() < RETRY) {
            return;
        }
        loop {
            while turn.ready.len() < TOGETHER {
                let Some(captured) = queue.queue.pop() else { break };
                let bytes = captured.bytes();
                let bodies = redacted(&self.redactor.load(), *captured);
                turn.ready.push_back((bodies, bytes));
            }
            if turn.ready.is_empty() {
                break;
            }
            let batch: Vec<Bodies> = turn.ready.iter().map(|(bodies, _)| bodies.clone()).collect();
            match store.keep_bodies(&batch) {
                Ok(()) => {
                    turn.ready.drain(..).for_each(|(_, bytes)| queue.gone(bytes));
                    turn.refused = None;
                }
                Err(error) => {
                    if turn.refused.replace(Instant::now()).is_none() {
                        log.warn(&format!("captured bodies wait in memory: {error}"));
                    }
                    break;
                }
            }
        }
        let dropped = queue.dropped();
        let told = std::mem::replace(&mut turn.told_drops, dropped);
        if dropped > told {
            log.warn(&format!(
                "the bodies of {} captured calls were dropped: too many at once",
                dropped - told
            ));
        }
    }

    /// At the end: says what could not be stored.
    pub fn close(&self, queue: &BodyQueue, log: &Log) {
        let _turn = self.turn();
        let lost = queue.waiting();
        if lost > 0 {
            log.warn(&format!(
                "the bodies of {lost} captured calls could not be written before the end and are lost"
            ));
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn redacted(redactor: &Redactor, captured: Captured) -> Bodies {
    let Captured { id, started_at, request, answer, .. } = captured;
    let body = |side: Side| body(redactor, side);
    Bodies { id, started_at, request: request.map(body), answer: answer.map(body) }
}

fn body(redactor: &Redactor, side: Side) -> Body {
    let kind = side.content_type.as_deref();
    let is_text = |bytes: &Vec<u8>| kind.is_some() || looks_like_text(bytes);
    let kept = side.bytes.filter(is_text);
    let text = kept.map(|bytes| redactor.body(kind, &bytes, KEPT_BYTES));
    let cut = text.is_some() && side.length > KEPT_BYTES as u64;
    Body { content_type: side.content_type.map(Into::into), length: side.length, cut, text }
}

/// Whether bytes whose type nobody told are UTF-8, but for a character that the end cuts.
fn looks_like_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true)
}
