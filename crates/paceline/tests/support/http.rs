//! An HTTP client that hides nothing: it writes the bytes it is given and tells how an answer really ended.

use super::PATIENCE;
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { method: method.into(), path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new("POST", path) }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The request as bytes; `host` and `content-length` are added where they are not given.
    pub(crate) fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let given = |name: &str| self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !given("host") {
            head.push_str(&format!("host: {address}\r\n"));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let framed = given("content-length") || given("transfer-encoding");
        if !framed && (self.method != "GET" || !self.body.is_empty()) {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

/// An answer, as far as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// Without framing.
    pub(crate) body: Vec<u8>,
    /// The body ended as its framing says, not by a broken connection.
    pub(crate) whole: bool,
    /// Status codes of interim answers before it.
    pub(crate) interim: Vec<u16>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("no JSON ({e}): {}", self.text()))
    }

    /// The call's id.
    pub(crate) fn id(&self) -> String {
        let id = self.header("x-paceline-call-id");
        id.unwrap_or_else(|| panic!("no call id: {} {}", self.status, self.text())).to_owned()
    }

    /// Code and message of an error envelope, whose shape is checked.
    pub(crate) fn error(&self) -> (String, String) {
        error_of(&self.json())
    }

    /// Status and code of an error answer.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status, self.error().0)
    }

    /// The `data:` of all events of a stream.
    pub(crate) fn events(&self) -> Vec<String> {
        let text = self.text().replace("\r\n", "\n");
        let blocks = text.trim_start_matches('\u{feff}').split("\n\n");
        blocks
            .filter_map(|block| block.strip_prefix("data:").map(|data| data.trim_start().to_owned()))
            .collect()
    }

    /// Whether the stream says that it ended well.
    pub(crate) fn is_done(&self) -> bool {
        self.events().iter().any(|event| event == "[DONE]")
    }

    /// The errors told inside a stream.
    pub(crate) fn error_events(&self) -> Vec<Value> {
        let parsed = self.events().into_iter().filter_map(|event| serde_json::from_str::<Value>(&event).ok());
        parsed.filter(|event| event.get("error").is_some() || event["object"] == "error").collect()
    }
}

/// Code and message of an error envelope, whose shape is checked.
pub(crate) fn error_of(value: &Value) -> (String, String) {
    let error = &value["error"];
    for name in ["message", "type", "param", "code"] {
        assert!(error.get(name).is_some(), "an envelope has `{name}`: {value}");
    }
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (text("code"), text("message"))
}

/// A connection to a server.
pub(crate) struct Conn {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
    left: Left,
    patience: Duration,
}

/// What is left of the body being read.
#[derive(Clone, Copy, Debug)]
enum Left {
    Length(usize),
    /// Bytes of the chunk being read, its line end included; 0 before a size line.
    Chunks(usize),
    UntilClose,
}

impl Conn {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server takes connections");
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new(), left: Left::Length(0), patience: PATIENCE }
    }

    /// Waits so long for each piece of an answer.
    pub(crate) fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Writes; a server that has closed is no failure of the test, its answer tells.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("the server reads");
    }

    /// Closes by a reset.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }

    /// Reads more into the buffer; `false` at the end, however it came.
    async fn fill(&mut self) -> bool {
        let read = timeout(self.patience, self.stream.read_buf(&mut self.buffer)).await;
        matches!(read.expect("the server answers in time"), Ok(1..))
    }

    /// Whether the server closes the connection without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill().await && self.buffer.is_empty()
    }

    /// Whether nothing has come that was not read yet.
    pub(crate) fn is_silent(&mut self) -> bool {
        let nothing = matches!(self.stream.try_read_buf(&mut self.buffer), Err(e) if e.kind() == io::ErrorKind::WouldBlock);
        self.buffer.is_empty() && nothing
    }

    /// Reads the head of an answer.
    pub(crate) async fn head(&mut self) -> Reply {
        let mut interim = Vec::new();
        loop {
            let end = loop {
                if let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                    break at;
                }
                assert!(self.fill().await, "no answer, only {:?}", String::from_utf8_lossy(&self.buffer));
            };
            let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
            let mut reply = parse_head(std::str::from_utf8(&head[..end]).expect("a head is text"));
            if (100..200).contains(&reply.status) {
                interim.push(reply.status);
                continue;
            }
            let length = reply.header("content-length").map(|text| text.parse().unwrap());
            let chunked = reply.header("transfer-encoding") == Some("chunked");
            self.left = match (length, chunked) {
                (Some(_), true) => panic!("both framings in {:?}", reply.headers),
                (Some(length), _) => Left::Length(length),
                (_, true) => Left::Chunks(0),
                _ if matches!(reply.status, 204 | 304) => Left::Length(0),
                _ => Left::UntilClose,
            };
            reply.interim = interim;
            return reply;
        }
    }

    /// Reads one more piece of the body; `false` at its end.
    pub(crate) async fn more(&mut self, reply: &mut Reply) -> bool {
        loop {
            match self.left {
                Left::Length(0) => {
                    reply.whole = true;
                    return false;
                }
                Left::Length(left) if !self.buffer.is_empty() => {
                    let len = left.min(self.buffer.len());
                    reply.body.extend(self.buffer.drain(..len));
                    self.left = Left::Length(left - len);
                    return true;
                }
                Left::Chunks(0) => {
                    if let Some(at) = self.buffer.windows(2).position(|w| w == b"\r\n") {
                        let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                        let size = usize::from_str_radix(std::str::from_utf8(&line[..at]).unwrap(), 16);
                        let size = size.expect("a chunk begins with its size");
                        self.left = if size == 0 { self.last_chunk().await } else { Left::Chunks(size + 2) };
                        continue;
                    }
                }
                Left::Chunks(left) if self.buffer.len() > 2 || self.buffer.len() >= left => {
                    let len = left.min(self.buffer.len());
                    let data = len.min(left.saturating_sub(2));
                    reply.body.extend_from_slice(&self.buffer[..data]);
                    self.buffer.drain(..len);
                    self.left = Left::Chunks(left - len);
                    return true;
                }
                Left::UntilClose if !self.buffer.is_empty() => {
                    reply.body.append(&mut self.buffer);
                    return true;
                }
                _ => {}
            }
            if !self.fill().await {
                reply.whole = matches!(self.left, Left::UntilClose);
                return false;
            }
        }
    }

    /// The line after the last chunk.
    async fn last_chunk(&mut self) -> Left {
        while self.buffer.len() < 2 {
            if !self.fill().await {
                return Left::Chunks(0);
            }
        }
        self.buffer.drain(..2);
        Left::Length(0)
    }

    /// Reads a whole answer.
    pub(crate) async fn reply(&mut self) -> Reply {
        let mut reply = self.head().await;
        while self.more(&mut reply).await {}
        reply
    }

    /// Reads a head and as much of the body as `enough` wants.
    pub(crate) async fn reply_until(&mut self, enough: impl Fn(&Reply) -> bool) -> Reply {
        let mut reply = self.head().await;
        while !enough(&reply) {
            assert!(self.more(&mut reply).await, "the answer ended early: {}", reply.text());
        }
        reply
    }
}

fn parse_head(head: &str) -> Reply {
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status line: {first}"));
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').expect("a header line has a colon");
        (name.to_ascii_lowercase(), value.trim().to_owned())
    });
    Reply { status, headers: headers.collect(), ..Reply::default() }
}

/// One request on a connection of its own.
pub(crate) async fn exchange(address: SocketAddr, ask: &Ask) -> Reply {
    let mut conn = Conn::open(address).await;
    conn.send(&ask.bytes(address)).await;
    conn.reply().await
}
