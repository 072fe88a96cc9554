//! One connection as it really is: the bytes of each request head, and the moment written bytes left.

use crate::call::{Call, Mark, Outcome};
use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};

/// Bytes of a request head that are kept.
const HEAD_MAX: usize = 64 << 10;

/// Locks, also after a panic elsewhere: every value behind these locks is sound at each step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the connection, the answer's body and the ledger share.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Which connection this is, counted from 1.
    pub(crate) connection: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    head: Head,
    call: Option<Call>,
    /// Pieces handed to the connection, and how many of them have left it.
    queued: u64,
    flushed: u64,
    waiter: Option<Waker>,
    reset: bool,
    /// The server is stopping: what ends now was not ended by the client.
    stopping: bool,
}

/// The request head as received.
#[derive(Debug, Default)]
struct Head {
    bytes: Vec<u8>,
    taken: bool,
    /// Something was answered since: what is read next is a new request.
    answered: bool,
}

impl Wire {
    pub(crate) fn new(connection: u64) -> Arc<Self> {
        Arc::new(Self { connection, state: Mutex::default() })
    }

    /// From here on this is the call in progress; `None` for requests that are not in the ledger.
    pub(crate) fn begin(&self, call: Option<Call>) {
        lock(&self.state).call = call;
    }

    /// The header lines of the request that starts with this method and target, as they came; `None` when
    /// they were not seen (requests sent ahead of answers).
    pub(crate) fn take_head(&self, method: &str, target: &str) -> Option<Vec<(String, String)>> {
        let bytes = {
            let mut state = lock(&self.state);
            state.head.taken = true;
            std::mem::take(&mut state.head.bytes)
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.trim_start_matches(['\r', '\n']).split("\r\n");
        let mut first = lines.next()?.split(' ');
        if first.next() != Some(method) || first.next() != Some(target) {
            return None;
        }
        let header = |line: &str| line.split_once(':').map(|(k, v)| (k.to_owned(), v.trim().to_owned()));
        Some(lines.take_while(|line| !line.is_empty()).filter_map(header).collect())
    }

    /// Notes that a piece (or the head, or the end) was handed over. Called in the same turn in which the
    /// connection takes it, so the next complete flush has carried it.
    pub(crate) fn queue(&self, mark: Mark) {
        let mut state = lock(&self.state);
        state.queued += 1;
        if let Some(call) = &state.call {
            call.queue(mark);
        }
    }

    /// Waits until everything handed over has been written to the socket.
    pub(crate) async fn flushed(&self) {
        let target = lock(&self.state).queued;
        std::future::poll_fn(|cx| {
            let mut state = lock(&self.state);
            if state.flushed >= target {
                return Poll::Ready(());
            }
            state.waiter = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// The connection will be reset instead of closed.
    pub(crate) fn reset(&self) {
        lock(&self.state).reset = true;
    }

    pub(crate) fn stopping(&self) {
        lock(&self.state).stopping = true;
    }

    fn did_read(&self, bytes: &[u8]) {
        let mut state = lock(&self.state);
        let head = &mut state.head;
        if head.answered {
            *head = Head::default();
        }
        if !head.taken && head.bytes.len() < HEAD_MAX {
            let room = HEAD_MAX - head.bytes.len();
            head.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    fn did_write(&self, written: &io::Result<usize>) {
        let mut state = lock(&self.state);
        state.head.answered = true;
        if let (Ok(1..), Some(call)) = (written, &state.call)
            && state.queued > state.flushed
        {
            call.writing(Instant::now());
        }
    }

    fn did_flush(&self) {
        let mut state = lock(&self.state);
        if state.flushed == state.queued {
            return;
        }
        state.flushed = state.queued;
        if let Some(call) = &state.call {
            call.flushed(Instant::now());
        }
        if let Some(waiter) = state.waiter.take() {
            waiter.wake();
        }
    }
}

/// The socket, watched.
#[derive(Debug)]
pub(crate) struct Tap {
    stream: TcpStream,
    wire: Arc<Wire>,
}

impl Tap {
    pub(crate) fn new(stream: TcpStream, wire: Arc<Wire>) -> Self {
        Self { stream, wire }
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let read = &buf.filled()[before..];
        if !read.is_empty() {
            self.wire.did_read(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf));
        self.wire.did_write(&written);
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs));
        self.wire.did_write(&written);
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    // The connection flushes its transport only when it holds nothing back, so this is the moment at which
    // everything handed over has left.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.wire.did_flush();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

// Every way a connection can end passes here; a call that is still open was left by its client.
impl Drop for Tap {
    fn drop(&mut self) {
        let state = lock(&self.wire.state);
        if state.reset {
            // Nothing to do when the peer was faster.
            let _ = self.stream.set_zero_linger();
        }
        if let Some(call) = &state.call {
            call.close(if state.stopping { Outcome::Cut } else { Outcome::ClientGone });
        }
    }
}
