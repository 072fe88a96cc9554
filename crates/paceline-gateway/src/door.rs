//! The door: a client's connection as bytes, with the bounds that no request gets round.

use crate::framing::{Framing, Violation};
use crate::turn::Turn;
use paceline_http::alarm::Alarm;
use paceline_http::clock;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
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
    /// Requests handed on whole.
    handed: u64,
    turn: Arc<Turn>,
    /// Bytes that came while an answer was owed: they wait, so that the end of the connection is seen behind them.
    early: Vec<u8>,
}

impl Door {
    pub(crate) fn new(stream: TcpStream, max_head: usize, head_timeout: Duration, turn: Arc<Turn>) -> Self {
        Self {
            stream,
            framing: Framing::new(max_head),
            head_timeout,
            waiting: None,
            // A connection that says nothing at all is as slow as one that says half a head.
            head_began: Some(clock::now()),
            read_alarm: Alarm::default(),
            stuck: None,
            write_alarm: Alarm::default(),
            handed: 0,
            turn,
            early: Vec::new(),
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
                "the request's head is longer than allowed (server.max_head_bytes, 64 KB at most)",
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
        let in_body = self.framing.is_in_body();
        let now = *self.waiting.get_or_insert_with(clock::now);
        let deadline = match self.head_began {
            Some(began) => began + self.head_timeout,
            None if in_body => now + BODY_STALL,
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
        let since = *self.stuck.get_or_insert_with(clock::now);
        ready!(self.write_alarm.poll(cx, since + WRITE_STALL));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

/// How much of a next request is read while an answer is owed.
const MAX_EARLY: usize = 8 * 1024;

impl Door {
    /// Whether a request was handed on whose answer is not over.
    fn owes(&self) -> bool {
        self.handed > self.turn.answered()
    }

    /// Lets as much of the bytes after `before` through as belong to one request; the rest waits.
    fn let_through(&mut self, buffer: &mut ReadBuf<'_>, before: usize) -> io::Result<()> {
        let fed = self.framing.feed(&buffer.filled()[before..]);
        let (taken, over) = fed.map_err(|violation| self.refuse_framing(violation))?;
        if over {
            self.handed += 1;
            self.early.splice(0..0, buffer.filled()[before + taken..].iter().copied());
            buffer.set_filled(before + taken);
        }
        if !self.framing.is_in_head() {
            self.head_began = None;
        } else if self.head_began.is_none() {
            self.head_began = Some(clock::now());
        }
        Ok(())
    }

    /// Watches for the end of the connection while an answer is owed.
    fn poll_early(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut space = [0; 512];
            let room = MAX_EARLY.saturating_sub(self.early.len()).min(space.len());
            if room == 0 {
                self.turn.wait(cx.waker());
                return Poll::Pending;
            }
            let mut piece = ReadBuf::new(&mut space[..room]);
            if Pin::new(&mut self.stream).poll_read(cx, &mut piece)?.is_pending() {
                if !self.early.is_empty() {
                    self.turn.wait(cx.waker());
                }
                // The answer may take as long as it does; the alarm only makes sure that this connection is looked at again.
                self.waiting = None;
                let _ = self.read_alarm.poll(cx, clock::now() + IDLE);
                return Poll::Pending;
            }
            if piece.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.early.extend_from_slice(piece.filled());
        }
    }
}

impl AsyncRead for Door {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let door = self.get_mut();
        if door.owes() && !door.framing.is_in_body() {
            return door.poll_early(cx);
        }
        let before = buffer.filled().len();
        if !door.early.is_empty() {
            let len = door.early.len().min(buffer.remaining());
            buffer.put_slice(&door.early[..len]);
            door.early.drain(..len);
            return Poll::Ready(door.let_through(buffer, before));
        }
        let Poll::Ready(outcome) = Pin::new(&mut door.stream).poll_read(cx, buffer) else {
            return door.poll_silence(cx).map(Err);
        };
        outcome?;
        door.waiting = None;
        Poll::Ready(door.let_through(buffer, before))
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
