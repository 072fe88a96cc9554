//! One request and its answer on one connection.

use crate::alarm::Alarm;
use crate::client::{Client, slices};
use crate::conn::Conn;
use crate::error::{HttpError, What};
use crate::head::{self, Framing, Parsed, ResponseHead};
use crate::origin::Origin;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::io::ReadBuf;

/// A request under way, then its answer. Dropped before the end, it closes the connection.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about one exchange")]
pub struct Exchange {
    client: Arc<Client>,
    origin: Arc<Origin>,
    conn: Option<Conn>,
    /// Status and headers; empty until [`Exchange::read_head`] has returned.
    pub head: ResponseHead,
    framing: Framing,
    keep_alive: bool,
    /// The request went out whole; otherwise its rest would be read as the next request, so the connection is not kept.
    sent_whole: bool,
    /// Bytes of the answer that came before it was waited for.
    early: Vec<u8>,
    /// An interim answer came: the provider has the request.
    interim: bool,
    ended: bool,
    /// Body bytes that came and were not taken.
    pub out: BytesMut,
    /// For the deadlines of an exchange whose connection was given back.
    spare_alarm: Alarm,
}

impl Exchange {
    pub(crate) fn new(client: Arc<Client>, origin: Arc<Origin>, conn: Conn) -> Self {
        let head = ResponseHead { status: StatusCode::OK, headers: HeaderMap::new() };
        Self {
            client,
            origin,
            conn: Some(conn),
            head,
            framing: Framing::Length(0),
            keep_alive: false,
            sent_whole: false,
            early: Vec::new(),
            interim: false,
            ended: false,
            out: BytesMut::new(),
            spare_alarm: Alarm::default(),
        }
    }

    pub(crate) fn is_reused(&self) -> bool {
        self.conn.as_ref().is_some_and(|conn| conn.reused)
    }

    /// What is left of the exchange, for somebody who only wants it ended; `None` when it has ended.
    pub fn detach(&mut self) -> Option<Self> {
        let conn = self.conn.take()?;
        let mut rest = Self::new(Arc::clone(&self.client), Arc::clone(&self.origin), conn);
        (rest.framing, rest.keep_alive, rest.sent_whole) = (self.framing, self.keep_alive, self.sent_whole);
        Some(rest)
    }

    /// Whether the whole answer has been read from the connection.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// How many body bytes are still to come, where the answer said so.
    pub fn remaining(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(left) => Some(left),
            _ => None,
        }
    }

    /// Ready once `deadline` has passed.
    pub fn poll_deadline(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        match &mut self.conn {
            Some(conn) => conn.alarm.poll(cx, deadline),
            None => self.spare_alarm.poll(cx, deadline),
        }
    }

    /// Says that the request has been written to its last byte.
    pub fn finish_request(&mut self) {
        self.sent_whole = true;
    }

    /// Writes head and body pieces; `false` when the provider began to answer before it had taken them all: what it
    /// says (too large, no such path) is then worth more than the rest of the request.
    ///
    /// # Errors
    /// When the connection does not take them.
    pub async fn write_parts(&mut self, head: &[u8], body: &[Bytes]) -> Result<bool, HttpError> {
        let total = head.len() + body.iter().map(Bytes::len).sum::<usize>();
        let mut written = 0;
        let mut parts: Vec<IoSlice<'_>> = Vec::with_capacity(1 + body.len());
        while written < total {
            slices(head, body, written, &mut parts);
            let taken = poll_fn(|cx| self.poll_send(cx, &parts)).await.map_err(|e| send_error(&e))?;
            match taken {
                None => return Ok(false),
                Some(0) => return Err(send_error(&io::ErrorKind::WriteZero.into())),
                Some(taken) => written += taken,
            }
        }
        poll_fn(|cx| self.conn()?.poll_flush(cx)).await.map_err(|e| send_error(&e))?;
        Ok(true)
    }

    /// Writes some; `None` when the answer has begun.
    fn poll_send(&mut self, cx: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<Option<usize>>> {
        if let Poll::Ready(written) = self.conn()?.poll_write(cx, parts) {
            return Poll::Ready(written.map(Some));
        }
        self.poll_begun(cx).map_ok(|()| None)
    }

    fn conn(&mut self) -> io::Result<&mut Conn> {
        self.conn.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Waits until the provider begins to answer, or closes, although the request is not over.
    pub async fn answer_begins(&mut self) {
        let _ = poll_fn(|cx| self.poll_begun(cx)).await;
    }

    fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let client = Arc::clone(&self.client);
            let mut scratch = client.scratch();
            let mut buffer = ReadBuf::new(&mut scratch);
            ready!(self.conn()?.poll_read(cx, &mut buffer))?;
            self.early.extend_from_slice(buffer.filled());
            if buffer.filled().is_empty() || self.answer_has_begun() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Whether what came is more than interim answers (100, 103), which do not end a request; they are taken out.
    fn answer_has_begun(&mut self) -> bool {
        while let Ok(Some(parsed)) = head::parse(&self.early, false) {
            let status = parsed.head.status;
            if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
                return true;
            }
            self.interim = true;
            self.early.drain(..parsed.len);
        }
        // What is no head at all is an answer too, though a bad one.
        head::parse(&self.early, false).is_err()
    }

    /// Reads until the answer's head is whole; interim answers (100, 103) are skipped.
    ///
    /// # Errors
    /// [`What::NoAnswer`] when the connection ended without a byte, [`What::BadAnswer`] when it is not HTTP.
    pub async fn read_head(&mut self, no_body: bool) -> Result<(), HttpError> {
        // Bytes of a head that did not come whole.
        let mut early = std::mem::take(&mut self.early);
        let mut nothing_came = early.is_empty() && !self.interim;
        if !early.is_empty() {
            match self.take_head(&early, no_body)? {
                ControlFlow::Break(()) => return Ok(()),
                ControlFlow::Continue(used) => drop(early.drain(..used)),
            }
        }
        poll_fn(|cx| self.poll_head(cx, &mut early, &mut nothing_came, no_body)).await
    }

    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        early: &mut Vec<u8>,
        nothing_came: &mut bool,
        no_body: bool,
    ) -> Poll<Result<(), HttpError>> {
        loop {
            let client = Arc::clone(&self.client);
            let mut scratch = client.scratch();
            let mut buffer = ReadBuf::new(&mut scratch);
            let outcome = match self.conn() {
                Ok(conn) => ready!(conn.poll_read(cx, &mut buffer)),
                Err(error) => Err(error),
            };
            let came = buffer.filled();
            if let Some(error) = no_answer(outcome, came.is_empty(), *nothing_came) {
                return Poll::Ready(Err(error));
            }
            *nothing_came = false;
            let whole = if early.is_empty() {
                self.take_head(came, no_body)
            } else {
                early.extend_from_slice(came);
                self.take_head(early, no_body)
            };
            match whole {
                Ok(ControlFlow::Break(())) => return Poll::Ready(Ok(())),
                Ok(ControlFlow::Continue(used)) if early.is_empty() => early.extend_from_slice(&came[used..]),
                Ok(ControlFlow::Continue(used)) => drop(early.drain(..used)),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Takes heads from `input`; `Continue(n)`: more is needed, and the first n bytes were interim answers.
    fn take_head(&mut self, input: &[u8], no_body: bool) -> Result<ControlFlow<(), usize>, HttpError> {
        let mut used = 0;
        while let Some(Parsed { head, framing, keep_alive, len }) = head::parse(&input[used..], no_body)? {
            used += len;
            if head.status == StatusCode::SWITCHING_PROTOCOLS {
                return Err(HttpError::new(
                    What::BadAnswer,
                    "the answer changes the protocol, which was not asked",
                ));
            }
            if head.status.is_informational() {
                continue;
            }
            (self.head, self.framing, self.keep_alive) = (head, framing, keep_alive);
            if let Some(left) = self.remaining() {
                self.out.reserve(usize::try_from(left).unwrap_or(usize::MAX).min(64 * 1024));
            }
            self.take_body(&input[used..])?;
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(used))
    }

    /// Decodes body bytes into [`Exchange::out`]; at the end, gives the connection back.
    fn take_body(&mut self, input: &[u8]) -> Result<(), HttpError> {
        let taken = match &mut self.framing {
            Framing::Length(left) => {
                let len = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= len as u64;
                self.ended = *left == 0;
                self.out.extend_from_slice(&input[..len]);
                len
            }
            Framing::Chunked(decoder) => {
                let out = &mut self.out;
                let taken = decoder.decode(input, |data| out.extend_from_slice(data)).map_err(|bad| {
                    HttpError::new(What::BadAnswer, format!("the answer's chunks are broken: {}", bad.0))
                })?;
                self.ended = decoder.is_done();
                taken
            }
            Framing::Close => {
                self.out.extend_from_slice(input);
                input.len()
            }
        };
        if self.ended {
            let conn = self.conn.take();
            // Bytes after the end were not asked for: such a connection is not trusted again.
            if let Some(conn) = conn.filter(|_| self.sent_whole && self.keep_alive && taken == input.len()) {
                self.client.keep(&self.origin, conn);
            }
        }
        Ok(())
    }

    /// Reads more of the body into [`Exchange::out`]: `true` when something came, `false` at the end.
    ///
    /// # Errors
    /// When the connection ends or breaks before the body does.
    pub fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, HttpError>> {
        loop {
            if self.ended {
                return Poll::Ready(Ok(false));
            }
            let before = self.out.len();
            let client = Arc::clone(&self.client);
            let mut scratch = client.scratch();
            let mut buffer = ReadBuf::new(&mut scratch);
            let outcome = match self.conn() {
                Ok(conn) => ready!(conn.poll_read(cx, &mut buffer)),
                Err(error) => Err(error),
            };
            let came = buffer.filled();
            match outcome {
                Err(error) => return Poll::Ready(Err(cut(&error.to_string()))),
                Ok(()) if came.is_empty() => return Poll::Ready(self.at_close()),
                Ok(()) => self.take_body(came)?,
            }
            if self.out.len() > before {
                return Poll::Ready(Ok(true));
            }
        }
    }

    fn at_close(&mut self) -> Result<bool, HttpError> {
        self.conn = None;
        match self.framing {
            Framing::Close => {
                self.ended = true;
                Ok(false)
            }
            Framing::Length(left) => Err(cut(&format!("{left} bytes were missing"))),
            Framing::Chunked(_) => Err(cut("the last chunk was missing")),
        }
    }
}

fn cut(how: &str) -> HttpError {
    HttpError::new(What::Cut, format!("the connection ended before the answer did: {how}"))
}

fn send_error(error: &io::Error) -> HttpError {
    HttpError::new(What::Send, format!("the request could not be sent: {error}"))
}

/// What a read without bytes means while a head is awaited.
fn no_answer(outcome: io::Result<()>, nothing_came: bool, nothing_before: bool) -> Option<HttpError> {
    let how = match outcome {
        Ok(()) if !nothing_came => return None,
        Ok(()) => "it was closed".to_owned(),
        Err(error) => error.to_string(),
    };
    let what = if nothing_before { What::NoAnswer } else { What::Cut };
    Some(HttpError::new(what, format!("the connection ended before an answer came: {how}")))
}
