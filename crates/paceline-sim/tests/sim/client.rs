//! A small HTTP/1.1 client that sees every byte, and a provider to point it at.

use paceline_sim::{CallReport, SimConfig, SimHandle, SimServer};
use serde_json::{Value, json};
use std::{io::ErrorKind, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A provider that runs until it is dropped.
pub(crate) struct Sim {
    pub(crate) addr: SocketAddr,
    pub(crate) handle: SimHandle,
    task: JoinHandle<()>,
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sim {
    pub(crate) async fn start() -> Self {
        Self::with(SimConfig::default()).await
    }

    pub(crate) async fn with(config: SimConfig) -> Self {
        let server = SimServer::bind("127.0.0.1:0".parse().unwrap(), config).await.unwrap();
        let (addr, handle) = (server.addr(), server.handle());
        Self { addr, handle, task: tokio::spawn(server.run(std::future::pending())) }
    }

    pub(crate) async fn client(&self) -> Client {
        let stream = TcpStream::connect(self.addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, buffer: Vec::new() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.client().await.send("GET", path, "", b"").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.client().await.send("POST", path, "", body.to_string().as_bytes()).await
    }

    /// Asks in any dialect, with this fault and a credential.
    pub(crate) async fn ask(&self, path: &str, fault: &str, body: &Value) -> Answer {
        let fault = if fault.is_empty() { String::new() } else { format!("x-sim-fault: {fault}\r\n") };
        let lines = format!("authorization: Bearer planted\r\n{fault}");
        self.client().await.send("POST", path, &lines, body.to_string().as_bytes()).await
    }

    /// A chat call with this fault; `extra` is added to a plain request.
    pub(crate) async fn chat(&self, fault: &str, extra: Value) -> Answer {
        self.client().await.chat(fault, extra).await
    }

    /// The latest call, once every call has ended.
    pub(crate) async fn last(&self) -> CallReport {
        self.handle.settled(0, 1, PATIENCE).await.pop().unwrap()
    }
}

/// Waits until this holds; the test fails when it never does.
pub(crate) async fn eventually(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it happens in time");
}

/// A plain chat request for the model without delays, with `extra` added.
pub(crate) fn request(extra: Value) -> Value {
    let mut body = json!({"model": "sim/instant", "messages": [{"role": "user", "content": "how are you"}]});
    let Value::Object(extra) = extra else { panic!("an object") };
    body.as_object_mut().unwrap().extend(extra);
    body
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As HTTP says: the promised length, or the last chunk.
    Clean,
    /// The connection was closed before.
    Closed,
    /// The connection was reset before.
    Reset,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) end: End,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The data of every event.
    pub(crate) fn data(&self) -> Vec<String> {
        let text = self.text().replace("\r\n", "\n");
        let events = text.trim_start_matches('\u{feff}').split_terminator("\n\n").map(str::to_owned);
        let data = events.filter(|event| !event.starts_with(':'));
        data.map(|event| event.strip_prefix("data:").unwrap().trim_start().to_owned()).collect()
    }

    /// Every event with its name, as JSON.
    pub(crate) fn named(&self) -> Vec<(String, Value)> {
        let text = self.text().replace("\r\n", "\n");
        let event = |event: &str| {
            let (name, data) = event.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
            (name.to_owned(), serde_json::from_str(data).unwrap())
        };
        text.split_terminator("\n\n").filter(|event| !event.starts_with(':')).map(event).collect()
    }

    /// The names of all events.
    pub(crate) fn names(&self) -> Vec<String> {
        self.named().into_iter().map(|(name, _)| name).collect()
    }

    /// Every line, as JSON.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Every event but `[DONE]`, as JSON.
    pub(crate) fn events(&self) -> Vec<Value> {
        let data = self.data();
        data.iter().filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    /// What choice `index` says under `field` of its deltas, put together.
    pub(crate) fn said(&self, index: u64, field: &str) -> String {
        let of_choice = |event: &Value| {
            let choices = event["choices"].as_array().cloned().unwrap_or_default();
            choices.into_iter().filter(move |choice| choice["index"] == index).collect::<Vec<_>>()
        };
        let pieces = self.events().iter().flat_map(of_choice).collect::<Vec<_>>();
        pieces.iter().filter_map(|choice| choice["delta"][field].as_str()).collect()
    }
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) async fn chat(&mut self, fault: &str, extra: Value) -> Answer {
        self.begin_chat(fault, extra).await;
        self.answer().await.unwrap()
    }

    pub(crate) async fn begin_chat(&mut self, fault: &str, extra: Value) {
        let header = if fault.is_empty() { String::new() } else { format!("x-sim-fault: {fault}\r\n") };
        let body = request(extra).to_string();
        self.begin("POST", "/v1/chat/completions", &header, body.as_bytes()).await;
    }

    /// Sends a request with these further header lines and reads the answer.
    pub(crate) async fn send(&mut self, method: &str, path: &str, lines: &str, body: &[u8]) -> Answer {
        self.begin(method, path, lines, body).await;
        self.answer().await.unwrap()
    }

    pub(crate) async fn begin(&mut self, method: &str, path: &str, lines: &str, body: &[u8]) {
        let kind = if lines.to_lowercase().contains("content-type") {
            ""
        } else {
            "content-type: application/json\r\n"
        };
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: sim\r\n{kind}{lines}Content-Length: {length}\r\n\r\n");
        self.stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    }

    /// Reads an answer; `None` when the connection ended before a whole head.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        tokio::time::timeout(PATIENCE, self.read_answer()).await.expect("an answer in time")
    }

    /// Reads until these bytes have come; everything up to their end is used up.
    pub(crate) async fn read_until(&mut self, mark: &[u8]) -> Result<Vec<u8>, End> {
        loop {
            if let Some(at) = self.buffer.windows(mark.len()).position(|window| window == mark) {
                return Ok(self.buffer.drain(..at + mark.len()).collect());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Result<(), End> {
        match tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.buffer))
            .await
            .expect("bytes in time")
        {
            Ok(0) => Err(End::Closed),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(End::Reset),
            Err(error) => panic!("{error}"),
        }
    }

    async fn exactly(&mut self, length: usize, body: &mut Vec<u8>) -> Result<(), End> {
        let wanted = body.len() + length;
        loop {
            let take = self.buffer.len().min(wanted - body.len());
            body.extend(self.buffer.drain(..take));
            if body.len() == wanted {
                return Ok(());
            }
            self.more().await?;
        }
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        let head = String::from_utf8(self.read_until(b"\r\n\r\n").await.ok()?).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| line.split_once(": ").map(|(k, v)| (k.to_lowercase(), v.to_owned()));
        let headers: Vec<_> = lines.filter_map(header).collect();
        let mut answer = Answer { status, headers, body: Vec::new(), end: End::Clean };
        let length = answer.header("content-length").map(|length| length.parse().unwrap());
        let read = match length {
            Some(length) => self.exactly(length, &mut answer.body).await,
            None => self.chunks(&mut answer.body).await,
        };
        answer.end = read.err().unwrap_or(End::Clean);
        Some(answer)
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> Result<(), End> {
        loop {
            let line = self.read_until(b"\r\n").await?;
            let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
            self.exactly(size, body).await?;
            self.exactly(2, &mut Vec::new()).await?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}
