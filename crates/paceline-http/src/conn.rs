//! One connection to a provider.

use crate::alarm::Alarm;
use crate::clock;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// The bytes under a connection.
#[derive(Debug)]
pub(crate) enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection, in use or kept.
#[derive(Debug)]
pub struct Conn {
    pub(crate) io: Io,
    /// It has carried a request before.
    pub(crate) reused: bool,
    pub(crate) born: Instant,
    pub(crate) idle_since: Instant,
    /// The deadline of whoever uses the connection: kept with it, so that a call registers no timer of its own.
    pub alarm: Alarm,
}

impl Conn {
    pub(crate) fn new(io: Io) -> Self {
        let now = clock::now();
        Self { io, reused: false, born: now, idle_since: now, alarm: Alarm::default() }
    }

    /// Whether a kept connection is still open and silent, asked without a system call in the usual case.
    pub(crate) fn is_fresh(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let tcp = match &self.io {
            Io::Plain(stream) => stream,
            Io::Tls(stream) => stream.get_ref().0,
        };
        if tcp.poll_read_ready(&mut cx).is_pending() {
            return true;
        }
        // Something came: the end, stray bytes, or (TLS) only session tickets.
        let mut byte = [0; 1];
        self.poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending()
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Io::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Io::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
        }
    }

    /// Pushes out what TLS still holds; nothing to do without.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(_) => Poll::Ready(Ok(())),
            Io::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }
}
