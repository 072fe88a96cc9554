//! A provider that takes so many calls at once and refuses the rest: what a server with fixed room does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What an answer takes.
const SERVICE: Duration = Duration::from_millis(30);
/// A streamed answer of one token.
const EVENTS: &str = concat!(
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n",
    "data: [DONE]\n\n"
);
const REFUSED: &str = "{\"error\":{\"message\":\"too many calls at once\",\"type\":\"server_error\",\"param\":null,\"code\":null}}";

/// Counts what is under way, and holds every call until it lets them through.
pub(crate) struct Narrow {
    pub(crate) address: SocketAddr,
    counts: Arc<Counts>,
    gate: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

struct Counts {
    room: AtomicUsize,
    inside: AtomicUsize,
    refused: AtomicUsize,
    /// Status line and header lines of a refusal.
    refusal: &'static str,
}

impl Narrow {
    /// With room for so many, refusing further ones in this way: status line and header lines.
    pub(crate) async fn new(room: usize, refusal: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::new(Counts { room: room.into(), inside: 0.into(), refused: 0.into(), refusal });
        let (gate, opened) = watch::channel(false);
        let kept = Arc::clone(&counts);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&kept), opened.clone()));
            }
        });
        Self { address, counts, gate, task }
    }

    /// How many calls it has from now on room for.
    pub(crate) fn widen(&self, room: usize) {
        self.counts.room.store(room, Ordering::SeqCst);
    }

    /// Lets all calls through, or holds those that come.
    pub(crate) fn open(&self, open: bool) {
        self.gate.send_replace(open);
    }

    /// Calls under way now.
    pub(crate) fn inside(&self) -> usize {
        self.counts.inside.load(Ordering::SeqCst)
    }

    /// Calls it has refused.
    pub(crate) fn refused(&self) -> usize {
        self.counts.refused.load(Ordering::SeqCst)
    }
}

impl Drop for Narrow {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, counts: Arc<Counts>, mut opened: watch::Receiver<bool>) {
    let mut request = Vec::new();
    while !super::canned::is_whole(&request) {
        if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
            return;
        }
    }
    let inside = counts.inside.fetch_add(1, Ordering::SeqCst);
    let has_room = inside < counts.room.load(Ordering::SeqCst);
    let (head, kind, body) = if has_room {
        let _ = opened.wait_for(|open| *open).await;
        // sleep: what an answer takes when nobody holds it; next to it the machine's own noise is small.
        tokio::time::sleep(SERVICE).await;
        ("HTTP/1.1 200 OK\r\n", "text/event-stream", EVENTS)
    } else {
        counts.refused.fetch_add(1, Ordering::SeqCst);
        (counts.refusal, "application/json", REFUSED)
    };
    counts.inside.fetch_sub(1, Ordering::SeqCst);
    let answer = format!(
        "{head}content-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    let _ = stream.read(&mut [0]).await;
}
