//! A running Paceline with a simulated provider, in this process, on ports of its own.

use super::http::{Ask, Conn, Reply, exchange};
use super::{PATIENCE, page};
use paceline::app::App;
use paceline::config::{Flags, Loaded, Sources, resolve};
use paceline_sim::{CallReport, SimConfig, SimHandle, SimServer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The provider's key.
pub(crate) const PROVIDER_KEY: &str = "sk-planted-provider-0123456789abcdef";

/// The usual configuration; `SIM` stands for the provider's address.
pub(crate) const USUAL: &str = r#"
    [server]
    listen = "127.0.0.1:0"
    workers = 2
    [log]
    level = "off"
    [retry]
    attempts = 0
    max_wait_ms = 0
    [health]
    failures = 1000
    rate_limited_max_ms = 1
    key_retry_ms = 1
    [providers.sim]
    kind = "compatible"
    base_url = "http://SIM/v1"
    api_key_env = "SIM_KEY"
    [models]
    instant = "sim/sim/instant"
    embed = "sim/sim/embed"
    smart = "sim/smart"
"#;

/// How old a house may get: a test that goes on asking after that waits for what will not come.
const LIFE: Duration = Duration::from_mins(5);

/// A running Paceline and its provider. Both end when it is dropped.
pub(crate) struct House {
    began: Instant,
    /// The id of the call that was sent last.
    last: Mutex<Option<String>>,
    pub(crate) address: SocketAddr,
    pub(crate) sim: SimHandle,
    pub(crate) sim_address: SocketAddr,
    /// Sent with admin requests.
    pub(crate) admin_key: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    hurry: Option<oneshot::Sender<()>>,
    ended: Option<std::thread::JoinHandle<()>>,
    data: PathBuf,
}

impl Drop for House {
    fn drop(&mut self) {
        // The store writes its last words before its folder goes.
        drop((self.stop.take(), self.hurry.take()));
        if let Some(ended) = self.ended.take() {
            let _ = ended.join();
        }
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// A folder that no other house of any test has.
pub(super) fn folder() -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    fresh(&format!("house-{number}"))
}

/// A place for a folder of that name; what a process of the same number once left there is gone.
pub(crate) fn fresh(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("paceline-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

impl House {
    /// With the usual configuration.
    pub(crate) fn new() -> Self {
        Self::with(USUAL, &[])
    }

    /// With the usual configuration and more of it.
    pub(crate) fn and(more: &str) -> Self {
        Self::with(&format!("{USUAL}\n{more}"), &[])
    }

    /// The usual configuration with `old` replaced.
    pub(crate) fn but(old: &str, new: &str) -> Self {
        assert!(USUAL.contains(old), "{old}");
        Self::with(&USUAL.replace(old, new), &[])
    }

    /// With a configuration of its own and a pretended environment.
    pub(crate) fn with(text: &str, env: &[(&str, &str)]) -> Self {
        Self::start(text, env, SimConfig::default())
    }

    /// The same with models of its own.
    pub(crate) fn start(text: &str, env: &[(&str, &str)], models: SimConfig) -> Self {
        let (ready, started) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let (hurry, hurried) = oneshot::channel::<()>();
        let text = text.to_owned();
        let mut vars: BTreeMap<String, String> =
            env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        vars.entry("SIM_KEY".into()).or_insert_with(|| PROVIDER_KEY.into());
        let data = folder();
        vars.entry("PACELINE_DATA".into()).or_insert_with(|| data.display().to_string());
        let admin_key = vars.get("PACELINE_ADMIN_KEY").cloned();
        let ended = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let sim = SimServer::bind(([127, 0, 0, 1], 0).into(), models).await.unwrap();
                let (handle, sim_address) = (sim.handle(), sim.addr());
                let app = app(&text.replace("SIM/v1", &format!("{sim_address}/v1")), &vars).await;
                let _ = ready.send((app.address, handle, sim_address));
                let sim = tokio::spawn(sim.run(std::future::pending()));
                app.run(async { drop(stopped.await) }, async { drop(hurried.await) }).await;
                sim.abort();
            });
        });
        let (address, sim, sim_address) = started.recv().expect("Paceline starts");
        Self {
            began: Instant::now(),
            last: Mutex::default(),
            address,
            sim,
            sim_address,
            admin_key,
            stop: Some(stop),
            hurry: Some(hurry),
            ended: Some(ended),
            data,
        }
    }

    /// Ends as a service manager ends it, and waits for that.
    pub(crate) fn end(mut self) {
        drop(self.stop.take());
        if let Some(ended) = self.ended.take() {
            let _ = ended.join();
        }
    }

    /// One request on a connection of its own.
    pub(crate) async fn send(&self, ask: &Ask) -> Reply {
        assert!(self.began.elapsed() < LIFE, "the test waits for what does not come");
        let reply = exchange(self.address, ask).await;
        if let Some(id) = reply.header("x-paceline-call-id") {
            *self.last.lock().unwrap() = Some(id.to_owned());
        }
        reply
    }

    /// The same request to the provider itself.
    pub(crate) async fn direct(&self, ask: &Ask) -> Reply {
        exchange(self.sim_address, ask).await
    }

    /// A request under way.
    pub(crate) async fn begin(&self, ask: &Ask) -> Conn {
        let mut conn = Conn::open(self.address).await;
        conn.send(&ask.bytes(self.address)).await;
        conn
    }

    /// An answer of the admin side.
    pub(crate) async fn admin(&self, path: &str) -> Reply {
        let ask = Ask::get(path);
        let ask = match &self.admin_key {
            Some(key) => ask.header("authorization", &format!("Bearer {key}")),
            None => ask,
        };
        self.send(&ask).await
    }

    /// One record, once it is there: where tokens have to be counted that is a little after the answer.
    pub(crate) async fn record(&self, id: &str) -> Value {
        let began = Instant::now();
        loop {
            let reply = self.admin(&format!("/v1/calls/{id}")).await;
            if reply.status == 200 {
                return reply.json();
            }
            assert!(reply.status == 404 && began.elapsed() < PATIENCE, "{}", reply.text());
        }
    }

    /// A request, its answer and its record.
    pub(crate) async fn call(&self, ask: &Ask) -> (Reply, Value) {
        let reply = self.send(ask).await;
        let record = self.record(&reply.id()).await;
        (reply, record)
    }

    /// All records, newest first, read page by page.
    pub(crate) async fn records(&self) -> Vec<Value> {
        let (mut all, mut path) = (Vec::new(), "/v1/calls?limit=500".to_owned());
        loop {
            let page = self.admin(&path).await.json();
            all.extend(page["calls"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { return all };
            path = format!("/v1/calls?limit=500&cursor={cursor}");
        }
    }

    /// The newest record once there are `count` in all and none is under way.
    pub(crate) async fn newest_of(&self, count: usize) -> Value {
        let began = Instant::now();
        loop {
            let records = self.records().await;
            let metrics = self.metrics().await;
            if records.len() == count && metrics.one("paceline_calls_in_flight") == 0 {
                // Of the calls of one millisecond the order among threads is not known: the one that was sent last.
                let last = self.last.lock().unwrap().clone();
                let began = &records[0]["started_at"];
                let mut newest = records.iter().take_while(|record| record["started_at"] == *began);
                let sent = newest.find(|record| record["id"].as_str() == last.as_deref());
                return sent.unwrap_or(&records[0]).clone();
            }
            assert!(records.len() <= count, "more records than calls: {records:#?}");
            assert!(began.elapsed() < PATIENCE, "{} records of {count}", records.len());
        }
    }

    /// The metrics now.
    pub(crate) async fn metrics(&self) -> page::Page {
        page::Page::read(&self.admin("/metrics").await.text())
    }

    /// What the provider saw of its first `count` calls, once all have ended.
    pub(crate) async fn ledger(&self, count: usize) -> Vec<CallReport> {
        let calls = self.sim.settled(0, count, PATIENCE).await;
        assert_eq!(calls.len(), count, "calls at the provider: {calls:#?}");
        calls
    }

    /// What the provider saw of its only call.
    pub(crate) async fn only_call(&self) -> CallReport {
        self.ledger(1).await.remove(0)
    }
}

async fn app(text: &str, vars: &BTreeMap<String, String>) -> App {
    let loaded = loaded(text, vars);
    App::start(loaded, Instant::now()).await.unwrap_or_else(|error| panic!("{error}"))
}

/// A configuration as it is meant.
pub(super) fn loaded(text: &str, vars: &BTreeMap<String, String>) -> Loaded {
    let names: Vec<String> = vars.keys().cloned().collect();
    let get = |name: &str| vars.get(name).cloned();
    let file = Some((Path::new("paceline.toml"), text));
    let loaded = resolve(&Sources { file, env: &get, env_names: &names, flags: Flags::default() });
    loaded.unwrap_or_else(|error| panic!("{error}"))
}

/// The header of that name as the provider received it.
pub(crate) fn received<'a>(call: &'a CallReport, name: &str) -> Option<&'a str> {
    call.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}
