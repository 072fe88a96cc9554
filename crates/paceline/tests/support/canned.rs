//! A provider that answers with given bytes and keeps the bytes it was asked with.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Listens, and answers each connection once with the next of its answers (the last one again and again).
pub(crate) struct Canned {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Canned {
    /// To be called in the test's runtime. Each answer is written whole; then the connection is closed.
    pub(crate) async fn new(answers: &[&[u8]]) -> Self {
        Self::start(answers, true).await
    }

    /// The same, but only the other side closes.
    pub(crate) async fn left_open(answers: &[&[u8]]) -> Self {
        Self::start(answers, false).await
    }

    async fn start(answers: &[&[u8]], closes: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<Vec<u8>> = answers.iter().map(|answer| answer.to_vec()).collect();
        let book = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            for at in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let answer = answers.get(at).or(answers.last()).unwrap().clone();
                tokio::spawn(serve(stream, answer, closes, Arc::clone(&book)));
            }
        });
        Self { address, seen, task }
    }

    /// The requests so far, to the byte.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }

    /// A configuration with this as the provider `canned`.
    pub(crate) fn config(&self, more: &str) -> String {
        format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nworkers = 1\n[log]\nlevel = \"off\"\n[providers.canned]\n\
             kind = \"compatible\"\nbase_url = \"http://{}/v1\"\napi_key_env = \"SIM_KEY\"\n{more}",
            self.address
        )
    }
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, answer: Vec<u8>, closes: bool, book: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut request = Vec::new();
    while !is_whole(&request) {
        match stream.read_buf(&mut request).await {
            Ok(1..) => {}
            _ => return,
        }
    }
    book.lock().unwrap().push(request);
    let _ = stream.write_all(&answer).await;
    if closes {
        let _ = stream.shutdown().await;
    }
    // Not to reset what was just written, the other side closes first.
    let _ = stream.read(&mut [0]).await;
}

/// Requests here have a content-length or no body.
pub(crate) fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |text| text.trim().parse().unwrap());
    request.len() >= end + 4 + length
}
