//! The door: a client's connection as bytes, with the bounds that no request gets round.

use crate::framing::{Framing, Violation};
use paceline_http::alarm::Alarm;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How long a kept connection may be silent between requests.
const IDLE: Duration = Duration::from_mins(5);
/// How long a request's body may stand still.
const BODY_STALL: Duration = Duration::from_secs(30);
/// How long a caller may not take what is written.
const WRITE_STALL: Duration = Duration::from_mins(1);

/// A client's connection.
pub(crate) struct Door {
    stream: TcpStream,
    framing: Framing,
    head_timeout: Duration,
    /// Since when bytes are awaited.
    waiting: Option<Instant>,
    /// When the head that is being read began.
    head_began: Option<Instant>,
    read_alarm: Alarm,
    /// Since when a write is stuck.
    stuck: Option<Instant>,
    write_alarm: Alarm,
    /// An answer is owed: the caller may be silent.
    busy: Arc<AtomicBool>,
}

impl Door {
    pub(crate) fn new(
        stream: TcpStream,
        max_head: usize,
        head_timeout: Duration,
        busy: Arc<AtomicBool>,
    ) -> Self {
        Self {
            stream,
            framing: Framing::new(max_head),
            head_timeout,
            waiting: None,
            // A connection that says nothing at all is as slow as one that says half a head.
            head_began: Some(Instant::now()),
            read_alarm: Alarm::default(),
            stuck: None,
            write_alarm: Alarm::default(),
            busy,
        }
    }

    /// Says why, as far as the socket takes it at once, and closes.
    fn refuse(&mut self, status: &str, code: &str, message: &str) -> io::Error {
        let body = paceline_dialect::openai::error::envelope(message, "invalid_request_error", None, code);
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let _ = self.stream.try_write(answer.as_bytes());
        io::Error::new(io::ErrorKind::InvalidData, message.to_owned())
    }

    fn refuse_framing(&mut self, violation: Violation) -> io::Error {
        match violation {
            Violation::HeadTooLong => self.refuse(
                "431 Request Header Fields Too Large",
                "head_too_large",
                "the request's head is longer than 64 KB (server.max_head_bytes)",
            ),
            Violation::Ambiguous(how) => self.refuse(
                "400 Bad Request",
                "ambiguous_framing",
                &format!("the request's framing is in doubt: {how}"),
            ),
        }
    }

    /// Nothing came: whether that has lasted too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let now = *self.waiting.get_or_insert_with(Instant::now);
        let in_body = self.framing.is_in_body();
        let deadline = match self.head_began {
            Some(began) => began + self.head_timeout,
            None if in_body => now + BODY_STALL,
            None if self.busy.load(Ordering::Relaxed) => return Poll::Pending,
            None => now + IDLE,
        };
        ready!(self.read_alarm.poll(cx, deadline));
        let code = match (self.head_began, in_body) {
            (Some(_), _) if self.framing.is_in_head() => {
                Some(("slow_head", "the request's head did not come in time"))
            }
            (None, true) => Some(("slow_body", "the request's body stood still for 30 s")),
            _ => None,
        };
        Poll::Ready(match code {
            Some((code, message)) => self.refuse("408 Request Timeout", code, message),
            None => io::ErrorKind::TimedOut.into(),
        })
    }

    fn poll_stuck<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stuck = None;
            return outcome;
        }
        let since = *self.stuck.get_or_insert_with(Instant::now);
        ready!(self.write_alarm.poll(cx, since + WRITE_STALL));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Door {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let Poll::Ready(outcome) = Pin::new(&mut self.stream).poll_read(cx, buffer) else {
            return self.poll_silence(cx).map(Err);
        };
        outcome?;
        self.waiting = None;
        let came = &buffer.filled()[before..];
        let door = &mut *self;
        if let Err(violation) = door.framing.feed(came) {
            return Poll::Ready(Err(door.refuse_framing(violation)));
        }
        if !door.framing.is_in_head() {
            door.head_began = None;
        } else if door.head_began.is_none() {
            door.head_began = Some(Instant::now());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Door {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.poll_stuck(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.poll_stuck(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
