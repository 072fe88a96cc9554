//! Listening: connections are accepted in one place and spread over the workers, one thread each.

use crate::body::{AnswerBody, Keeping, Marked};
use crate::door::Door;
use crate::drain::{Patience, Phase};
use crate::gateway::{Gateway, Gauges};
use crate::pipeline;
use crate::turn::{Owed, Turn};
use crate::worker::Worker;
use http::HeaderValue;
use http::header::CONNECTION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use paceline_http::clock;
use paceline_types::ports::RecordSink;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use std::{fmt, io, thread};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// How many accepted connections may wait for their worker.
const HANDOVER: usize = 1024;
/// How often unused connections to providers are looked after.
const SWEEP: Duration = Duration::from_secs(5);
/// How often it is looked whether all calls have ended.
const LOOK: Duration = Duration::from_millis(20);
/// How long callers may take what their calls are told when these are cut off.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// The most header lines of a request.
const MAX_HEADERS: usize = 128;

/// Why there is no server.
#[derive(Debug)]
pub enum ServeError {
    /// The address cannot be had.
    Bind(SocketAddr, io::Error),
    /// A thread or its runtime cannot be had.
    Thread(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(at, error) if error.kind() == io::ErrorKind::AddrInUse => {
                write!(
                    f,
                    "{at} is in use: another program (or another Paceline) listens there; stop it, or choose another address with --listen {}:{}",
                    at.ip(),
                    at.port().wrapping_add(1)
                )
            }
            Self::Bind(at, error) => write!(f, "cannot listen on {at}: {error}"),
            Self::Thread(error) => write!(f, "cannot start a worker: {error}"),
        }
    }
}

impl std::error::Error for ServeError {}

/// A listening server.
pub struct Server {
    listener: TcpListener,
    gateway: Arc<Gateway>,
    workers: Vec<Hand>,
}

/// A worker, from outside.
struct Hand {
    worker: Arc<Worker>,
    deliver: mpsc::Sender<std::net::TcpStream>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Listens at `address` with so many worker threads. To be called on the control runtime, which serves calls itself
    /// where there are to be none: then all goes by that runtime's clock.
    ///
    /// # Errors
    /// When the address or a thread cannot be had.
    pub async fn bind(
        address: SocketAddr,
        workers: usize,
        gateway: Arc<Gateway>,
    ) -> Result<Self, ServeError> {
        let listener = TcpListener::bind(address).await.map_err(|error| ServeError::Bind(address, error))?;
        let hands = (0..workers).map(|at| Hand::start(at, &gateway));
        let mut workers = hands.collect::<io::Result<Vec<_>>>().map_err(ServeError::Thread)?;
        if workers.is_empty() {
            workers.push(Hand::here(&gateway));
        }
        Ok(Self { listener, gateway, workers })
    }

    /// The address listened on.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` says how long calls under way may go on; then lets them end, until that time is over or
    /// `hurry` is. What has not ended then is cut off: how many calls, is the answer.
    pub async fn run(
        mut self,
        shutdown: impl Future<Output = Patience>,
        hurry: impl Future<Output = ()>,
    ) -> u64 {
        let patience = self.accept_until(shutdown).await;
        let deadline = clock::now() + patience.limit;
        let gateway = Arc::clone(&self.gateway);
        gateway.drain.announce();
        let mut hurry = pin!(hurry);
        let ready = tokio::time::sleep(patience.ready.min(patience.limit));
        let hurried = async {
            tokio::select! { () = ready => false, () = &mut hurry => true }
        };
        let hurried = self.accept_until(hurried).await;
        drop(self.listener);
        gateway.drain.close();
        if !hurried {
            tokio::select! {
                () = rest(&gateway.gauges, deadline) => {}
                () = hurry => {}
            }
        }
        let shadows = gateway.gauges.shadows_in_flight.load(Ordering::Relaxed);
        let left = gateway.gauges.calls_in_flight.load(Ordering::Relaxed).saturating_sub(shadows);
        gateway.drain.cut();
        rest(&gateway.gauges, clock::now() + LAST_WORDS).await;
        for hand in &mut self.workers {
            let (closed, _) = mpsc::channel(1);
            drop(std::mem::replace(&mut hand.deliver, closed));
        }
        for thread in self.workers.iter_mut().filter_map(|hand| hand.thread.take()) {
            let _ = thread.join();
        }
        gateway.counting.finish();
        left
    }

    /// Takes connections until `end`.
    async fn accept_until<T>(&self, end: impl Future<Output = T>) -> T {
        let mut end = pin!(end);
        loop {
            tokio::select! {
                ended = &mut end => return ended,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => self.deliver(stream),
                    // Out of file descriptors, most likely: waiting is all that helps.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
            }
        }
    }

    /// Gives a connection to the worker with the fewest.
    fn deliver(&self, stream: TcpStream) {
        let gauges = &self.gateway.gauges;
        let limit = self.gateway.snapshot().config.max_connections as u64;
        let least = self.workers.iter().min_by_key(|hand| hand.worker.connections.load(Ordering::Relaxed));
        let Some(hand) = least.filter(|_| gauges.connections.load(Ordering::Relaxed) < limit) else {
            return refuse(&stream, gauges);
        };
        let _ = stream.set_nodelay(true);
        let Ok(stream) = stream.into_std() else { return };
        Gauges::add(&gauges.connections);
        Gauges::add(&hand.worker.connections);
        if let Err(full) = hand.deliver.try_send(stream) {
            Gauges::remove(&gauges.connections);
            Gauges::remove(&hand.worker.connections);
            Gauges::add(&gauges.connections_refused);
            drop(full);
        }
    }
}

/// Waits until no connection is open and no call under way, until `deadline` at most.
async fn rest(gauges: &Gauges, deadline: Instant) {
    let is_busy =
        || [&gauges.connections, &gauges.calls_in_flight].iter().any(|n| n.load(Ordering::Relaxed) > 0);
    while is_busy() && clock::now() < deadline {
        tokio::time::sleep(LOOK).await;
    }
}

fn refuse(stream: &TcpStream, gauges: &Gauges) {
    Gauges::add(&gauges.connections_refused);
    let message = "all connections are in use (server.max_connections); try again in a moment";
    let body = paceline_dialect::openai::error::envelope(message, "api_error", None, "too_many_connections");
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.try_write(answer.as_bytes());
}

impl Hand {
    /// Works on the runtime it is called on.
    fn here(gateway: &Arc<Gateway>) -> Self {
        let (deliver, received) = mpsc::channel(HANDOVER);
        let worker = Worker::new(Arc::clone(gateway), gateway.random(0));
        tokio::spawn(work(Arc::clone(&worker), received));
        Self { worker, deliver, thread: None }
    }

    /// Works on a thread and a runtime of its own.
    fn start(at: usize, gateway: &Arc<Gateway>) -> io::Result<Self> {
        let (deliver, received) = mpsc::channel(HANDOVER);
        let random = gateway.random(at);
        let worker = Worker::new(Arc::clone(gateway), random);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let own = Arc::clone(&worker);
        let thread = thread::Builder::new().name(format!("paceline-{at}")).spawn(move || {
            runtime.block_on(work(own, received));
            // Name look-ups that hang must not hold up the end.
            runtime.shutdown_background();
        })?;
        Ok(Self { worker, deliver, thread: Some(thread) })
    }
}

/// One worker's life: connections come, are served each in its own task, until no more can come.
async fn work(worker: Arc<Worker>, mut received: mpsc::Receiver<std::net::TcpStream>) {
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            stream = received.recv() => {
                let Some(stream) = stream else { break };
                tokio::spawn(connection(Arc::clone(&worker), stream));
            }
            _ = sweep.tick() => worker.client.sweep(clock::now()),
        }
    }
}

/// Counts a connection down when it ends, however it does.
struct Counted(Arc<Worker>);

impl Drop for Counted {
    fn drop(&mut self) {
        Gauges::remove(&self.0.connections);
        Gauges::remove(&self.0.gateway.gauges.connections);
    }
}

/// What the end of a call's answer waits for; nothing for the admin side's.
fn keeping(body: &AnswerBody, sink: Option<Arc<dyn RecordSink>>) -> Option<Box<Keeping>> {
    let is_call = !matches!(body, AnswerBody::Control(_));
    sink.filter(|_| is_call).map(Keeping::new)
}

async fn connection(worker: Arc<Worker>, stream: std::net::TcpStream) {
    let counted = Counted(Arc::clone(&worker));
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let (max_head, head_timeout) = {
        let config = &worker.gateway.snapshot().config;
        (config.max_head, config.head_timeout)
    };
    let turn = Arc::new(Turn::default());
    let door = Door::new(stream, max_head, head_timeout, Arc::clone(&turn));
    let keeps = worker.gateway.keeps;
    let mut phases = worker.gateway.drain.phases();
    let service = service_fn(move |request| {
        let (worker, owed) = (Arc::clone(&worker), Owed(Arc::clone(&turn)));
        let sink = keeps.then(|| Arc::clone(&worker.gateway.sink));
        async move {
            let mut answer = pipeline::serve(&worker, request).await;
            if worker.gateway.drain.is_announced() {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer.map(|body| Marked {
                keeping: keeping(&body, sink),
                body,
                _owed: owed,
            }))
        }
    });
    let served = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_buf_size(max_head.max(64 * 1024) + 8192)
        .serve_connection(TokioIo::new(door), service);
    let mut served = pin!(served);
    loop {
        if *phases.borrow_and_update() >= Phase::Closing {
            served.as_mut().graceful_shutdown();
        }
        tokio::select! {
            _ = &mut served => break,
            // Also to look again at answers under way: they find that their time is over.
            _ = phases.changed() => {}
        }
    }
    drop(counted);
}
