//! The client of one worker: kept connections, and the way a request becomes an exchange.

use crate::clock;
use crate::conn::Conn;
use crate::dial::dial;
use crate::error::{HttpError, What};
use crate::exchange::Exchange;
use crate::origin::Origin;
use bytes::Bytes;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How much one read takes at most.
const SCRATCH: usize = 64 * 1024;

/// When things happened to a request, for the record.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks {
    /// A new connection was ready; `None` when a kept one was used.
    pub connected: Option<Instant>,
    /// The request had been written.
    pub sent: Option<Instant>,
    /// The answer's head had come.
    pub head: Option<Instant>,
}

/// Kept connections of one worker. Shared by reference, never contended: a worker is one thread.
#[derive(Debug)]
pub struct Client {
    kept: Mutex<Vec<Shelf>>,
    scratch: Mutex<Box<[u8]>>,
}

#[derive(Debug)]
struct Shelf {
    origin: Arc<Origin>,
    idle: VecDeque<Conn>,
}

impl Default for Client {
    fn default() -> Self {
        Self { kept: Mutex::default(), scratch: Mutex::new(vec![0; SCRATCH].into()) }
    }
}

impl Client {
    /// A client without connections.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Sends a request whose body is at hand and reads the answer's head.
    ///
    /// A kept connection that turns out dead before any byte of an answer is replaced by a new one; nothing else is
    /// tried twice. Dropping the future closes the connection, which tells the provider to stop.
    ///
    /// # Errors
    /// When there is no connection, or no answer that is HTTP.
    pub async fn send(
        self: &Arc<Self>,
        origin: &Arc<Origin>,
        head: &[u8],
        body: &[Bytes],
        marks: &mut Marks,
    ) -> Result<Exchange, HttpError> {
        // A kept connection that fails may be one of many that died together; the second try is on a new one, so that a
        // request is never sent more than twice.
        let mut second = false;
        loop {
            let kept = if second { None } else { self.take(origin) };
            let mut exchange = match kept {
                Some(conn) => Exchange::new(Arc::clone(self), Arc::clone(origin), conn),
                None => self.connect(origin, marks).await?,
            };
            let reused = exchange.is_reused();
            let sent = exchange.write_parts(head, body).await;
            if matches!(sent, Ok(true)) {
                exchange.finish_request();
            }
            marks.sent = Some(clock::now());
            // A provider may answer (too large, no such path) and close before it has read the whole body.
            let answered = exchange.read_head(is_head(head)).await;
            marks.head = Some(clock::now());
            match (sent, answered) {
                (_, Ok(())) => return Ok(exchange),
                (_, Err(error)) if reused && error.what == What::NoAnswer => second = true,
                (Err(error), _) | (_, Err(error)) => return Err(error),
            }
        }
    }

    /// Opens a new connection for a request that is sent piece by piece.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn connect(
        self: &Arc<Self>,
        origin: &Arc<Origin>,
        marks: &mut Marks,
    ) -> Result<Exchange, HttpError> {
        // Rare and large: on the heap, so that the futures of calls over kept connections stay small.
        let conn = Box::pin(dial(origin)).await?;
        marks.connected = Some(clock::now());
        Ok(Exchange::new(Arc::clone(self), Arc::clone(origin), conn))
    }

    /// Connections kept open and unused.
    pub fn idle_connections(&self) -> usize {
        self.kept().iter().map(|shelf| shelf.idle.len()).sum()
    }

    /// Closes what has been unused for too long; to be called every few seconds.
    pub fn sweep(&self, now: Instant) {
        let mut kept = self.kept();
        for shelf in kept.iter_mut() {
            let limit = shelf.origin.config.idle_timeout;
            shelf.idle.retain(|conn| now.saturating_duration_since(conn.idle_since) < limit);
        }
        kept.retain(|shelf| !shelf.idle.is_empty());
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Shelf>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn scratch(&self) -> MutexGuard<'_, Box<[u8]>> {
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, origin: &Arc<Origin>) -> Option<Conn> {
        let mut kept = self.kept();
        let own = kept.iter_mut().find(|shelf| Arc::ptr_eq(&shelf.origin, origin))?;
        // The newest first: it is the least likely to be dead, and lets the others grow old and go.
        while let Some(mut conn) = own.idle.pop_back() {
            if conn.is_fresh() {
                return Some(conn);
            }
        }
        None
    }

    pub(crate) fn keep(&self, origin: &Arc<Origin>, mut conn: Conn) {
        let now = clock::now();
        if now.saturating_duration_since(conn.born) > origin.config.max_age {
            return;
        }
        conn.reused = true;
        conn.idle_since = now;
        let mut kept = self.kept();
        let at = kept.iter().position(|shelf| Arc::ptr_eq(&shelf.origin, origin)).unwrap_or_else(|| {
            kept.push(Shelf { origin: Arc::clone(origin), idle: VecDeque::new() });
            kept.len() - 1
        });
        if kept[at].idle.len() < origin.config.max_idle {
            kept[at].idle.push_back(conn);
        }
    }
}

fn is_head(head: &[u8]) -> bool {
    head.starts_with(b"HEAD ")
}

/// The parts of a request as the system call wants them, from byte `from` on.
pub(crate) fn slices<'a>(head: &'a [u8], body: &'a [Bytes], mut from: usize, out: &mut Vec<IoSlice<'a>>) {
    out.clear();
    for part in std::iter::once(head).chain(body.iter().map(AsRef::as_ref)) {
        let skip = from.min(part.len());
        from -= skip;
        if skip < part.len() {
            out.push(IoSlice::new(&part[skip..]));
        }
    }
}
