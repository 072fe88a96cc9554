//! A caller that takes whatever answer comes, and one that holds a stream open.

use std::net::SocketAddr;
use std::time::Instant;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::error::{Context, Result, fail};
use crate::payload;
use crate::wire::{self, Framing};

const BUFFER_BYTES: usize = 8 * 1024;

/// A prepared request.
pub(super) struct Request {
    address: SocketAddr,
    bytes: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// It says when another try may help.
    pub(super) says_when: bool,
    pub(super) end: Instant,
}

impl Request {
    /// To this model, at Paceline on this port.
    pub(super) fn new(port: u16, model: &str, stream: bool) -> Self {
        let body = payload::request(model, false, stream, false);
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), bytes: (head + &body).into_bytes() }
    }

    /// Opens a connection and sends the request there.
    pub(super) async fn begin(&self) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address).await.context("connect")?;
        stream.set_nodelay(true).context("no delay")?;
        stream.write_all(&self.bytes).await.context("write")?;
        Ok(stream)
    }

    /// The same, and waits for the first event of the answer.
    pub(super) async fn until_first_event(&self) -> Result<TcpStream> {
        let mut stream = self.begin().await?;
        let mut input = Vec::with_capacity(1024);
        loop {
            if stream.read_buf(&mut input).await.context("read")? == 0 {
                return fail(format!("closed after {:?}", String::from_utf8_lossy(&input)));
            }
            let Some(head) = wire::response_head(&input)? else { continue };
            if head.status != 200 {
                return fail(format!("status {}", head.status));
            }
            if memmem::find(&input[head.bytes..], b"\n\n").is_some() {
                return Ok(stream);
            }
        }
    }
}

/// A kept connection for one call after the other.
#[derive(Default)]
pub(super) struct Line(Option<TcpStream>);

impl Line {
    /// Makes one call and takes its whole answer.
    pub(super) async fn call(&mut self, request: &Request) -> Result<Answer> {
        let mut stream = match self.0.take() {
            Some(mut kept) => {
                kept.write_all(&request.bytes).await.context("write")?;
                kept
            }
            None => request.begin().await?,
        };
        let mut input = Vec::with_capacity(BUFFER_BYTES);
        let head = loop {
            if stream.read_buf(&mut input).await.context("read")? == 0 {
                return fail("closed without an answer");
            }
            if let Some(head) = wire::response_head(&input)? {
                break head;
            }
        };
        let Framing::Length(length) = head.framing else { return fail("an answer in chunks") };
        while input.len() < head.bytes + length {
            if stream.read_buf(&mut input).await.context("read")? == 0 {
                return fail("the answer was cut");
            }
        }
        let says_when = memmem::find(&input[..head.bytes], b"\r\nretry-after: ").is_some();
        if !head.close {
            self.0 = Some(stream);
        }
        Ok(Answer { status: head.status, says_when, end: Instant::now() })
    }
}
