//! One connection of the load generator: sends a prepared request, compares the answer byte for byte.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Target;
use crate::cases::Exchange;
use crate::error::{Context, Error, Result, fail};
use crate::payload::translated::ANY;
use crate::wire::{self, Chunks, Framing};

const BUFFER_BYTES: usize = 64 * 1024;

/// A prepared call.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    address: SocketAddr,
    request: Vec<u8>,
    answer: Vec<u8>,
    first: usize,
}

impl Plan {
    /// Prepares the bytes of `exchange` for `target`.
    pub(crate) fn new(target: &Target, exchange: Exchange) -> Self {
        let mut request = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer test\r\naccept: application/json\r\n\
             user-agent: paceline-perf\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            target.path,
            target.address,
            exchange.request.len()
        )
        .into_bytes();
        request.extend_from_slice(&exchange.request);
        Self { address: target.address, request, answer: exchange.answer, first: exchange.first }
    }
}

/// When the parts of a call had arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// The end of the first event, or of the whole answer when it is not streamed.
    pub(crate) first: Instant,
    /// The last byte.
    pub(crate) end: Instant,
}

/// A connection that is opened when needed and opened again when the other side closed it between two calls.
pub(crate) struct Lane {
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
    reconnects: u64,
}

enum Broken {
    /// Closed before any byte of the answer: to be expected of a kept connection, once.
    Stale,
    Wrong(Error),
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Wrong(error)
    }
}

impl Lane {
    /// Not connected yet.
    pub(crate) fn new() -> Self {
        Self { stream: None, buffer: vec![0; BUFFER_BYTES], reconnects: 0 }
    }

    /// Kept connections that were found closed.
    pub(crate) fn reconnects(&self) -> u64 {
        self.reconnects
    }

    /// Makes one call and checks its answer.
    pub(crate) async fn call(&mut self, plan: &Plan) -> Result<Arrival> {
        if let Some(stream) = self.stream.take() {
            match self.attempt(stream, plan).await {
                Ok(arrival) => return Ok(arrival),
                Err(Broken::Wrong(error)) => return Err(error),
                Err(Broken::Stale) => self.reconnects += 1,
            }
        }
        let stream = TcpStream::connect(plan.address).await.context("connect")?;
        stream.set_nodelay(true).context("no delay")?;
        match self.attempt(stream, plan).await {
            Ok(arrival) => Ok(arrival),
            Err(Broken::Wrong(error)) => Err(error),
            Err(Broken::Stale) => fail("closed without an answer"),
        }
    }

    async fn attempt(&mut self, mut stream: TcpStream, plan: &Plan) -> std::result::Result<Arrival, Broken> {
        if stream.write_all(&plan.request).await.is_err() {
            return Err(Broken::Stale);
        }
        let mut filled = 0;
        let head = loop {
            match stream.read(&mut self.buffer[filled..]).await {
                Ok(0) | Err(_) if filled == 0 => return Err(Broken::Stale),
                read => filled += some(read)?,
            }
            if let Some(head) = wire::response_head(&self.buffer[..filled])? {
                break head;
            }
        };
        let body = &self.buffer[head.bytes..filled];
        if head.status != 200 {
            let start = String::from_utf8_lossy(&body[..body.len().min(300)]);
            return Err(Broken::Wrong(Error(format!("status {}: {start}", head.status))));
        }
        let mut check = Check { plan, at: 0, first: None };
        match head.framing {
            Framing::Length(length) => {
                check.take(body)?;
                if length != plan.answer.len() {
                    return Err(Broken::Wrong(Error(format!(
                        "answer of {length} bytes instead of {}",
                        plan.answer.len()
                    ))));
                }
                while check.at < length {
                    let read = some(stream.read(&mut self.buffer).await)?;
                    check.take(&self.buffer[..read])?;
                }
            }
            Framing::Chunked => {
                let mut chunks = Chunks::new();
                let mut rest = chunks.feed(body, |data| check.take(data))? < body.len();
                while !chunks.done() {
                    let read = some(stream.read(&mut self.buffer).await)?;
                    rest = chunks.feed(&self.buffer[..read], |data| check.take(data))? < read;
                }
                if rest {
                    return Err(Broken::Wrong(Error("bytes after the end of the answer".to_owned())));
                }
            }
        }
        let arrival = check.end()?;
        if !head.close {
            self.stream = Some(stream);
        }
        Ok(arrival)
    }
}

fn some(read: std::io::Result<usize>) -> Result<usize> {
    match read.context("read")? {
        0 => fail("the answer was cut"),
        bytes => Ok(bytes),
    }
}

/// Whether the bytes are those that are expected, but for places where any may stand.
fn is_like(data: &[u8], expected: &[u8]) -> bool {
    data.iter().zip(expected).all(|(byte, expected)| byte == expected || *expected == ANY as u8)
}

/// Compares an answer with what it has to be, as it comes in.
struct Check<'a> {
    plan: &'a Plan,
    at: usize,
    first: Option<Instant>,
}

impl Check<'_> {
    fn take(&mut self, data: &[u8]) -> Result<()> {
        let end = self.at + data.len();
        let expected = self.plan.answer.get(self.at..end);
        if expected.is_none_or(|expected| expected != data && !is_like(data, expected)) {
            let start = String::from_utf8_lossy(&data[..data.len().min(300)]);
            return fail(format!("the answer differs at or after byte {}: {start:?}", self.at));
        }
        self.at = end;
        if self.first.is_none() && end >= self.plan.first {
            self.first = Some(Instant::now());
        }
        Ok(())
    }

    fn end(&self) -> Result<Arrival> {
        let Some(first) = self.first.filter(|_| self.at == self.plan.answer.len()) else {
            return fail(format!("the answer ends after {} of {} bytes", self.at, self.plan.answer.len()));
        };
        let whole_at_once = self.plan.first == self.plan.answer.len();
        Ok(Arrival { first, end: if whole_at_once { first } else { Instant::now() } })
    }
}
