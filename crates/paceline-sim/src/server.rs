//! Listening, accepting and stopping; and the ledger for tests in the same process.

use crate::{
    call::CallReport,
    config::SimConfig,
    exchange::serve,
    ledger::Totals,
    wire::{Tap, Wire},
    world::World,
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

/// Connections open at the same time; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 4_096;
/// The longest wait for a request head, also on an idle connection: longer than clients keep theirs.
const HEAD_TIMEOUT: Duration = Duration::from_mins(2);
/// Pause after a failed accept, such as one for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A simulated provider that listens.
#[derive(Debug)]
pub struct SimServer {
    listener: TcpListener,
    addr: SocketAddr,
    world: Arc<World>,
}

/// A running provider's ledger and script, for the process it runs in.
#[derive(Clone, Debug)]
pub struct SimHandle {
    world: Arc<World>,
}

impl SimServer {
    /// Listens on this address; port 0 takes a free one. Fails on a configuration that is not sound.
    pub async fn bind(addr: SocketAddr, config: SimConfig) -> io::Result<Self> {
        config.check().map_err(|problem| io::Error::new(io::ErrorKind::InvalidInput, problem))?;
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        Ok(Self { listener, addr, world: World::new(config) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The names of its models.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.world.config.models.iter().map(|model| model.name.as_str())
    }

    /// Its ledger and script, without HTTP.
    pub fn handle(&self) -> SimHandle {
        SimHandle { world: Arc::clone(&self.world) }
    }

    /// Serves until `shutdown` is ready, then breaks off what is still going on. Dropping the future
    /// breaks everything off, too.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        loop {
            let accept = async {
                let permit = Arc::clone(&permits).acquire_owned().await;
                (permit, self.listener.accept().await)
            };
            tokio::select! {
                () = &mut shutdown => return,
                Some(_) = connections.join_next() => {}
                (permit, accepted) = accept => match accepted {
                    Ok((stream, _)) => {
                        let world = Arc::clone(&self.world);
                        connections.spawn(async move {
                            connection(world, stream).await;
                            drop(permit);
                        });
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
            }
        }
    }
}

/// Counts a connection for as long as it is open, and tells its wire when it ends by itself.
struct Presence {
    world: Arc<World>,
    wire: Arc<Wire>,
    ended: bool,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.world.open.fetch_sub(1, Ordering::Relaxed);
        if !self.ended {
            self.wire.stopping();
        }
    }
}

async fn connection(world: Arc<World>, stream: TcpStream) {
    let wire = Wire::new(world.accepted.fetch_add(1, Ordering::Relaxed) + 1);
    world.open.fetch_add(1, Ordering::Relaxed);
    // Without it small writes would wait for acknowledgements; the connection works either way.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Tap::new(stream, Arc::clone(&wire)));
    let serving = {
        let (world, wire) = (Arc::clone(&world), Arc::clone(&wire));
        service_fn(move |request| serve(Arc::clone(&world), Arc::clone(&wire), request))
    };
    let mut served = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(io, serving)
    );
    // Declared later, so dropped before the connection when the task is stopped from outside.
    let mut presence = Presence { world, wire, ended: false };
    // How a connection ended is in the ledger, call by call.
    let _ = served.as_mut().await;
    presence.ended = true;
}

impl SimHandle {
    /// The calls with a number above `since`.
    pub fn calls(&self, since: u64) -> Vec<CallReport> {
        self.world.ledger.reports(since, usize::MAX)
    }

    /// Waits until at least `min` calls above `since` are there and all of them have ended, at most for
    /// `patience`; then the same as [`SimHandle::calls`].
    pub async fn settled(&self, since: u64, min: usize, patience: Duration) -> Vec<CallReport> {
        self.world.ledger.settled(since, min, patience).await;
        self.calls(since)
    }

    /// Sums over all calls.
    pub fn totals(&self) -> Totals {
        self.world.ledger.totals()
    }

    /// Queues faults for the next calls of a model, or of any; the new length of the queue.
    pub fn script(&self, model: Option<&str>, faults: &[&str]) -> Result<usize, String> {
        let faults: Vec<String> = faults.iter().map(|fault| (*fault).to_owned()).collect();
        self.world.script(model, &faults)
    }

    /// Forgets all calls and scripts; numbers start again at 1.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Connections open now, and accepted since the start.
    pub fn connections(&self) -> (u64, u64) {
        (self.world.open.load(Ordering::Relaxed), self.world.accepted.load(Ordering::Relaxed))
    }
}
