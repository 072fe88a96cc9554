//! Assembly: configuration in, a running Paceline out. The one place that knows every room.

use crate::admin::models::Listing;
use crate::admin::{Admin, AdminSide, Logins, Refusals};
use crate::assemble;
use crate::aws::Signings;
use crate::config::{Config, Loaded, StorageKind};
use crate::files::run::{Files, TURN};
use crate::keys::Keys;
use crate::keys::value::random;
use crate::labels::Bounded;
use crate::learning::Outcomes;
use crate::log::Log;
use crate::notices::Notices;
use crate::recorder::{RecordQueue, Recorder, now};
use crate::reload::Source;
use crate::tokens::BytePairs;
use arc_swap::ArcSwap;
use paceline_gateway::{Gateway, Patience, ServeError, Server};
use paceline_sim::{SimConfig, SimServer};
use paceline_store::control::Control;
use paceline_store::error::StoreError;
use paceline_store::memory::MemoryStore;
use paceline_store::memory_control::MemoryControl;
use paceline_store::sqlite::{Settings, SqliteStore};
use paceline_store::store::Store;
use paceline_types::ports::RecordSink;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

/// Calls that the simulated provider in process remembers.
const SIM_LEDGER: usize = 500;

/// Why Paceline does not run.
#[derive(Debug)]
pub enum AppError {
    /// No address, or no threads.
    Serve(ServeError),
    /// The system refused something.
    Io(&'static str, io::Error),
    /// The data folder cannot be used.
    Store(StoreError),
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serve(error) => error.fmt(f),
            Self::Io(what, error) => write!(f, "{what}: {error}"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AppError {}

/// A Paceline that listens and does not serve yet.
pub struct App {
    /// The configuration as it is meant, the simulated provider's address in it.
    pub config: Config,
    /// Where it listens.
    pub address: SocketAddr,
    server: Server,
    admin: Arc<Admin>,
    sim: Option<SimServer>,
}

impl App {
    /// Builds everything and listens. To be called on the control runtime.
    ///
    /// # Errors
    /// When the address cannot be had or the system refuses a thread.
    pub async fn start(loaded: Loaded, started: Instant) -> Result<Self, AppError> {
        let mut loaded = loaded;
        let config = &mut loaded.config;
        let sim = if config.simulated { Some(simulated(config).await?) } else { None };
        let config = config.clone();
        let log = Arc::new(Log::new(config.log.level, config.log.calls_per_second));
        let names = Arc::new(Bounded::default());
        names.configured(config.model_names().iter().map(String::as_str));
        let (store, control) = store(&config, &names, &log)?;
        let no_random = |error| AppError::Io("no random numbers from the system", error);
        let seed = random().map_err(no_random)?;
        let fresh = random().map_err(no_random)?;
        let keys = Keys::open(control, fresh).map_err(AppError::Store)?;
        if !keys.is_settled() {
            log.warn("control.db cannot be read: until it can, keys that were made here are not known");
        }
        let signings = Signings::new(tokio::runtime::Handle::current(), Arc::clone(&log));
        let gateway_config = assemble::gateway(&config, &keys, &signings);
        let settles = config.storage.kind == StorageKind::Disk && config.storage.window.is_zero();
        let queue = Arc::new(if settles { RecordQueue::settling() } else { RecordQueue::default() });
        let sink: Arc<dyn RecordSink> = Arc::clone(&queue) as _;
        let started_at = now();
        let files = Files::new(&config, started, started_at);
        let admin = Arc::new(Admin {
            recorder: Recorder::new(queue, Arc::clone(&store), names, log).with_files(files),
            gateway: OnceLock::new(),
            keys,
            outcomes: Outcomes::default(),
            notices: Notices::default(),
            refusals: Refusals::default(),
            logins: Logins::default(),
            signings,
            runtime: tokio::runtime::Handle::current(),
            replacing: Mutex::default(),
            loaded: ArcSwap::from_pointee(loaded),
            source: OnceLock::new(),
            draining: AtomicBool::new(false),
            recalculating: AtomicBool::new(false),
            kept_bodies: config.storage.keep_bodies,
            started_at,
            started,
            listing: Listing::new(assemble::sources(&gateway_config)),
        });
        admin.recorder.metrics.configured(&config);
        admin.recorder.bodies.know(&assemble::secrets(&config));
        admin.name_tenants();
        let control = Arc::new(AdminSide::new(Arc::clone(&admin)));
        let runtime = tokio::runtime::Handle::current();
        let gateway = Gateway::new(gateway_config, seed, sink, control, Arc::new(BytePairs), runtime);
        let _ = admin.gateway.set(Arc::clone(&gateway));
        crate::accounts::at_start(&admin);
        crate::learning::begin(&admin, &gateway);
        let bound = Server::bind(config.server.listen, config.server.workers, gateway).await;
        let server = bound.map_err(AppError::Serve)?;
        let address = server.address().map_err(|error| AppError::Io("no local address", error))?;
        Ok(Self { config, address, server, admin, sim })
    }

    /// From now on the configuration can be read again from where it came.
    pub fn reloadable(&self, source: Source) {
        let models = |sim: &SimServer| sim.models().map(str::to_owned).collect();
        let simulated = self.sim.as_ref().map(|sim| (sim.addr(), models(sim)));
        let _ = self.admin.source.set(Source { simulated, bound: Some(self.address), ..source });
    }

    /// The admin side's view: for what else triggers a reload.
    pub fn admin(&self) -> Arc<Admin> {
        Arc::clone(&self.admin)
    }

    /// Serves until `shutdown`, then lets calls end; those that have not when their time or `hurry` is over are told so.
    pub async fn run(self, shutdown: impl Future<Output = ()>, hurry: impl Future<Output = ()>) {
        let (sim_stop, sim_stopped) = tokio::sync::oneshot::channel::<()>();
        let sim = self.sim.map(|sim| {
            tokio::spawn(sim.run(async {
                let _ = sim_stopped.await;
            }))
        });
        let admin = Arc::clone(&self.admin);
        let recorder = tokio::spawn(async move { admin.recorder.run().await });
        let admin = Arc::clone(&self.admin);
        let watch = tokio::spawn(async move {
            match admin.source.get() {
                Some(source) => source.watch(&admin).await,
                None => std::future::pending().await,
            }
        });
        let files = tokio::spawn(write_files(Arc::clone(&self.admin)));
        let events = tokio::spawn(crate::events::tell(Arc::clone(&self.admin)));
        let bodies = tokio::spawn(keep_bodies(Arc::clone(&self.admin)));
        let accounts = tokio::spawn(crate::accounts::open(Arc::clone(&self.admin)));
        let keys = tokio::spawn(read_keys(Arc::clone(&self.admin)));
        let learning = tokio::spawn(crate::learning::from_history(Arc::clone(&self.admin)));
        let draining = async {
            shutdown.await;
            self.admin.announce_end()
        };
        let left = self.server.run(draining, hurry).await;
        if left > 0 {
            self.admin.recorder.log().warn(&format!("stopping: calls ended before they were over: {left}"));
        }
        watch.abort();
        recorder.abort();
        self.admin.recorder.drain();
        files.abort();
        events.abort();
        bodies.abort();
        accounts.abort();
        keys.abort();
        learning.abort();
        crate::accounts::close(&self.admin);
        let recorder = &self.admin.recorder;
        if let Some(files) = &recorder.files {
            files.close(&*recorder.store, recorder.log());
        }
        recorder.keep_bodies();
        recorder.bodies.close(&recorder.queue.bodies, recorder.log());
        recorder.store.stop();
        self.admin.recorder.log().info("stopped");
        self.admin.recorder.log().flush();
        drop(sim_stop);
        if let Some(sim) = sim {
            let _ = sim.await;
        }
    }
}

impl Admin {
    /// Readiness goes off; how long calls may go on, as the configuration says now.
    fn announce_end(&self) -> Patience {
        self.draining.store(true, Ordering::Relaxed);
        let server = &self.loaded.load().config.server;
        let calls =
            self.gateway.get().map_or(0, |gateway| gateway.gauges.calls_in_flight.load(Ordering::Relaxed));
        let seconds = server.drain.as_secs_f64();
        self.recorder.log().info(&format!("stopping: calls under way: {calls}, for {seconds} s at most"));
        Patience { ready: server.drain_ready, limit: server.drain }
    }
}

/// Writes snapshots when they are due, for ever; the disk is waited for on a thread of its own.
async fn write_files(admin: Arc<Admin>) {
    let mut tick = tokio::time::interval(TURN);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let admin = Arc::clone(&admin);
        let turn = move || {
            if let Some(files) = &admin.recorder.files {
                files.turn(&*admin.recorder.store, admin.recorder.log());
            }
        };
        let _ = tokio::task::spawn_blocking(turn).await;
    }
}

/// Stores captured bodies, for ever; the disk is waited for on a thread of its own.
async fn keep_bodies(admin: Arc<Admin>) {
    let mut tick = tokio::time::interval(crate::recorder::DRAIN);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if admin.recorder.queue.bodies.waiting() > 0 {
            let admin = Arc::clone(&admin);
            let _ = tokio::task::spawn_blocking(move || admin.recorder.keep_bodies()).await;
        }
    }
}

/// Where records are kept, and where keys and the audit log.
type Kept = (Arc<dyn Store>, Arc<dyn Control>);

/// Opens where records and keys are kept.
fn store(config: &Config, names: &Arc<Bounded>, log: &Arc<Log>) -> Result<Kept, AppError> {
    let storage = &config.storage;
    if storage.kind == StorageKind::Memory {
        let store = MemoryStore::new(config.records.keep).with_bodies_for(storage.keep_bodies);
        return Ok((Arc::new(store), Arc::new(MemoryControl::default())));
    }
    let names = Arc::clone(names);
    let settings = Settings {
        window: storage.window.saturating_sub(crate::recorder::DRAIN),
        flush: storage.window.is_zero(),
        keep: storage.keep,
        keep_bodies: storage.keep_bodies,
        max_bytes: storage.max_bytes,
        ..Settings::new(&config.data, Arc::new(move |record| names.of(record)))
    };
    let log = Arc::clone(log);
    let tell = move |urgent: bool, text: &str| if urgent { log.warn(text) } else { log.info(text) };
    let store = SqliteStore::open(settings, Box::new(tell)).map_err(AppError::Store)?;
    let control = Arc::new(store.control());
    Ok((Arc::new(store), control))
}

/// Keys that could not be read at the start are read as soon as that is possible.
async fn read_keys(admin: Arc<Admin>) {
    while !admin.keys.is_settled() {
        tokio::time::sleep(TURN).await;
        let own = Arc::clone(&admin);
        let read = move || own.keys.read().map(|()| own.apply_keys());
        if let Ok(Ok(())) = tokio::task::spawn_blocking(read).await {
            admin.recorder.log().info("the keys that were made here are known again");
        }
    }
}

/// Starts the simulated provider on a free port of this machine: the path to it is that to any provider.
async fn simulated(config: &mut Config) -> Result<SimServer, AppError> {
    let own = SimConfig { ledger_max: SIM_LEDGER, ..SimConfig::default() };
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = SimServer::bind(local, own).await;
    let server = server.map_err(|error| AppError::Io("the simulated provider cannot listen", error))?;
    let names: Vec<String> = server.models().map(str::to_owned).collect();
    assemble::add_simulated(config, server.addr(), &names);
    Ok(server)
}
