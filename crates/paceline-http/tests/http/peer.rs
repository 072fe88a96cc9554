//! A provider that does what a test says, and a caller that asks it.

use bytes::Bytes;
use http::StatusCode;
use paceline_http::{Client, HttpError, Marks, Origin, OriginConfig, Tls};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::timeout;

/// Far more than any test takes; only one that hangs meets it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The provider's side.
pub(crate) struct Peer {
    listener: TcpListener,
    /// A connection to itself: see [`Peer::settle`].
    own: (TcpStream, TcpStream),
}

impl Peer {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let connecting = TcpStream::connect(listener.local_addr().unwrap());
        let (near, far) = tokio::join!(connecting, listener.accept());
        Self { listener, own: (near.unwrap(), far.unwrap().0) }
    }

    /// This peer as a client sees it.
    pub(crate) fn origin(&self) -> Arc<Origin> {
        Origin::new(OriginConfig {
            https: false,
            host: "127.0.0.1".into(),
            port: self.listener.local_addr().unwrap().port(),
            proxy: None,
            tls: Arc::new(Tls::default()),
            connect_timeout: PATIENCE,
            max_idle: 4,
            idle_timeout: PATIENCE,
            max_age: PATIENCE,
        })
    }

    pub(crate) async fn accept(&self) -> TcpStream {
        let stream = self.listener.accept().await.unwrap().0;
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Whether nobody else has connected.
    pub(crate) async fn nobody_waits(&mut self) -> bool {
        self.settle().await;
        poll_fn(|cx| Poll::Ready(self.listener.poll_accept(cx).is_pending())).await
    }

    /// Returns once the other side has seen what was written so far. Everything is one task on one thread: what was
    /// written is readable at the latest with the byte that we send to ourselves, and giving way lets the runtime look
    /// what is readable and the other side read it.
    pub(crate) async fn settle(&mut self) {
        for _ in 0..3 {
            self.own.0.write_all(b".").await.unwrap();
            self.own.1.read_exact(&mut [0]).await.unwrap();
            yield_now().await;
        }
    }

    /// Writes the pieces one after the other, each after the one before has been read.
    pub(crate) async fn say(&mut self, stream: &mut TcpStream, pieces: &[&[u8]]) {
        for piece in pieces {
            stream.write_all(piece).await.unwrap();
            self.settle().await;
        }
    }
}

/// Reads a request of [`ask`] to its end; `false` when the connection ends instead.
pub(crate) async fn request(stream: &mut TcpStream) -> bool {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n{}") && !read.ends_with(b"HEAD\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => read.push(byte),
            // Closed, or reset because something we said was not read.
            Err(_) if read.is_empty() => return false,
            Err(error) => panic!("{error} after {}", read.escape_ascii()),
        }
    }
    true
}

/// An answer as far as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
    /// How the body ended.
    pub(crate) end: Result<(), HttpError>,
    /// It came over a connection that was kept.
    pub(crate) over_kept: bool,
}

/// Sends a small request and reads the answer to its end.
pub(crate) async fn ask(client: &Arc<Client>, origin: &Arc<Origin>) -> Result<Answer, HttpError> {
    ask_with(
        client,
        origin,
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n",
        &[Bytes::from_static(b"{}")],
    )
    .await
}

/// Sends a HEAD request and reads the answer to its end.
pub(crate) async fn ask_head(client: &Arc<Client>, origin: &Arc<Origin>) -> Result<Answer, HttpError> {
    ask_with(client, origin, "HEAD / HTTP/1.1\r\nx: HEAD\r\n\r\n", &[]).await
}

/// Sends this request and reads the answer to its end.
pub(crate) async fn ask_with(
    client: &Arc<Client>,
    origin: &Arc<Origin>,
    head: &str,
    body: &[Bytes],
) -> Result<Answer, HttpError> {
    let mut marks = Marks::default();
    let mut exchange = client.send(origin, head.as_bytes(), body, &mut marks).await?;
    let end = loop {
        match poll_fn(|cx| exchange.poll_more(cx)).await {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let body = exchange.out.to_vec();
    Ok(Answer { status: exchange.head.status, body, end, over_kept: marks.connected.is_none() })
}

/// A request of more than the buffers between two sockets hold, so that its writing has to wait.
pub(crate) fn long_request() -> (String, Vec<Bytes>) {
    let body = vec![Bytes::from(vec![b' '; 32 << 20]), Bytes::from_static(b"{}")];
    (format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", (32 << 20) + 2), body)
}

/// Runs both sides to their ends.
pub(crate) async fn both<A, B>(peer: impl Future<Output = A>, caller: impl Future<Output = B>) -> (A, B) {
    timeout(PATIENCE, async { tokio::join!(peer, caller) }).await.expect("both sides come to an end")
}
