//! A running Paceline with its provider and its callers on one runtime whose time is paused: it passes only when nobody
//! has anything left to do, so that minutes are over in a moment and every wait is exact.

use super::house::{PROVIDER_KEY, folder, loaded};
use super::http::{Ask, Conn, Reply};
use paceline::app::App;
use paceline_sim::{SimConfig, SimHandle, SimServer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How often sockets are looked at in vain before time passes: the runtime alone would let it pass while bytes are on
/// their way from one of its tasks to another.
const LOOKS: u32 = 120;
/// What no call here takes.
const FOR_EVER: Duration = Duration::from_hours(24);
const ADMIN_KEY: &str = "ak-planted-admin-0123456789abcdef";

/// Runs a test while time is paused.
pub(crate) fn paused<F: Future>(test: F) -> F::Output {
    let quiet = Arc::new(Quiet::default());
    let hook = Arc::clone(&quiet);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .on_thread_park(move || hook.look_again())
        .build()
        .unwrap();
    runtime.block_on(async move {
        tokio::spawn(std::future::poll_fn(move |cx| -> Poll<()> {
            *quiet.waker.lock().unwrap() = Some(cx.waker().clone());
            Poll::Pending
        }));
        test.await
    })
}

/// Keeps the runtime from resting, and time from passing, until it has looked often enough.
#[derive(Default)]
struct Quiet {
    looks: AtomicU32,
    waker: Mutex<Option<Waker>>,
}

impl Quiet {
    fn look_again(&self) {
        if self.looks.fetch_add(1, Ordering::Relaxed) >= LOOKS {
            self.looks.store(0, Ordering::Relaxed);
        } else if let Some(waker) = self.waker.lock().unwrap().take() {
            waker.wake();
        }
    }
}

/// A running Paceline and its provider. To be made in a test whose time is paused.
pub(crate) struct PausedHouse {
    pub(crate) address: SocketAddr,
    pub(crate) sim: SimHandle,
    /// When the provider began.
    pub(crate) began: Instant,
    stop: Option<oneshot::Sender<()>>,
    ended: Option<tokio::task::JoinHandle<()>>,
    data: PathBuf,
}

impl PausedHouse {
    /// `SIM` in `text` stands for the provider's address.
    pub(crate) async fn new(text: &str, env: &BTreeMap<String, String>, models: SimConfig) -> Self {
        let (began, data) = (Instant::now(), folder());
        let sim = SimServer::bind(([127, 0, 0, 1], 0).into(), models).await.unwrap();
        let (handle, sim_address) = (sim.handle(), sim.addr());
        let mut vars = env.clone();
        vars.insert("PACELINE_DATA".into(), data.display().to_string());
        vars.insert("PACELINE_ADMIN_KEY".into(), ADMIN_KEY.into());
        vars.entry("SIM_KEY".into()).or_insert_with(|| PROVIDER_KEY.into());
        let mut loaded = loaded(&text.replace("SIM/v1", &format!("{sim_address}/v1")), &vars);
        // No thread of its own, whose time would be another.
        loaded.config.server.workers = 0;
        let app = App::start(loaded, std::time::Instant::now()).await.unwrap();
        let address = app.address;
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(sim.run(std::future::pending()));
        let ended = tokio::spawn(app.run(async { drop(stopped.await) }, std::future::pending()));
        Self { address, sim: handle, began, stop: Some(stop), ended: Some(ended), data }
    }

    /// One request on a connection of its own.
    pub(crate) async fn send(&self, ask: &Ask) -> Reply {
        let mut conn = Conn::open(self.address).await.patient(FOR_EVER);
        conn.send(&ask.bytes(self.address)).await;
        conn.reply().await
    }

    /// An answer of the admin side.
    pub(crate) async fn admin(&self, path: &str) -> Reply {
        self.send(&Ask::get(path).header("authorization", &format!("Bearer {ADMIN_KEY}"))).await
    }

    /// The record of a call that has ended.
    pub(crate) async fn record(&self, id: &str) -> Value {
        for _ in 0..100 {
            let reply = self.admin(&format!("/v1/calls/{id}")).await;
            if reply.status == 200 {
                return reply.json();
            }
            // sleep: of paused time, in which the record is written.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("there is no record of {id}")
    }

    /// Ends as a service manager ends it, and waits for that.
    pub(crate) async fn end(mut self) {
        drop(self.stop.take());
        if let Some(ended) = self.ended.take() {
            ended.await.unwrap();
        }
    }
}

impl Drop for PausedHouse {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.data);
    }
}
