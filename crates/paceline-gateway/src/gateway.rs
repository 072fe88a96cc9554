//! What all workers share: the configuration as calls see it, and the counts.

use crate::caps::Caps;
use crate::capture::{Capture, Captures, Running, UnknownKey};
use crate::config::{GatewayConfig, KeyConfig, KeyRule, KeyValue, OnCancel};
use crate::control::Control;
use crate::drain::Drain;
use crate::events::Events;
use crate::ledger::{Account, AccountName, Ledger, Standing};
use crate::scope::{Days, Scope, Scopes};
use crate::step::count::Counting;
use crate::under_way::AllUnderWay;
use crate::upstream::Upstream;
use arc_swap::ArcSwap;
use paceline_http::clock;
use paceline_routing::board::Board;
use paceline_routing::confidence::confidence;
use paceline_routing::decide::NoModel;
use paceline_routing::directory::Directory;
use paceline_routing::need::Need;
use paceline_routing::place::Fleet;
use paceline_routing::question::Question;
use paceline_routing::route::Route;
use paceline_types::decision::Decision;
use paceline_types::id::{CallId, Name};
use paceline_types::ports::{RecordSink, TokenCounter};
use paceline_types::price::Price;
use paceline_types::record::{CallRecord, Caller};
use paceline_types::rules::Rights;
use paceline_types::time::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// What a call sees from its first step to its record.
pub(crate) struct Snapshot {
    pub(crate) directory: Directory,
    pub(crate) upstreams: Vec<Arc<Upstream>>,
    /// Whether any provider is read on when its caller has gone.
    pub(crate) drains: bool,
    keys: HashMap<[u8; 32], Access>,
    pub(crate) anonymous: Arc<Party>,
    /// Models that are limited.
    pub(crate) model_scopes: HashMap<Name, Arc<Scope>>,
    /// For each provider its limits, where it has any.
    pub(crate) provider_scopes: Vec<Option<Arc<Scope>>>,
    administrator: Arc<Party>,
    pub(crate) config: GatewayConfig,
}

/// Who calls, and the account that the call is settled on.
#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) caller: Arc<Caller>,
    pub(crate) account: Arc<Account>,
    /// Its key, workspace and tenant, as far as they have limits or budgets.
    pub(crate) scopes: Vec<Arc<Scope>>,
    /// What it may do.
    pub(crate) rights: Arc<Rights>,
    pub(crate) capture: Arc<Capture>,
}

/// Who a key belongs to.
#[derive(Clone)]
enum Access {
    Caller(Arc<Party>),
    Administrator,
}

/// What a credential allows.
pub(crate) enum Identity {
    /// May call, in this name.
    Caller(Arc<Party>),
    /// May call and administer.
    Administrator(Arc<Party>),
    /// No credential where none is needed.
    Anonymous(Arc<Party>),
    /// A credential is needed and none was given.
    Missing,
    /// A credential was given that nobody has.
    Unknown,
}

impl Snapshot {
    pub(crate) fn new(config: GatewayConfig, known: &Known) -> Self {
        let entries = config.providers.iter().map(|provider| provider.entry.clone()).collect();
        let directory =
            Directory::new(entries, &config.models, Arc::clone(&config.prices), Arc::clone(&known.fleet))
                .with_tiers(&config.tiers)
                .with_roles(&config.roles)
                .with_routes(&config.routes, &known.board, crate::worker::wall());
        let upstreams = config.providers.iter().map(|provider| Arc::new(Upstream::new(provider))).collect();
        let drains = config.providers.iter().any(|provider| provider.on_cancel != OnCancel::Abort);
        let default = Arc::clone(&config.anonymous);
        let caps = Caps::new(&config, known);
        let party = |caller: Arc<Caller>, rights: Arc<Rights>| {
            let scopes = caps.of(&caller, &rights);
            let (account, capture) = (known.ledger.account(&caller), known.captures.of(&caller));
            Arc::new(Party { caller, account, scopes, rights, capture })
        };
        let named = |key: Option<&str>| {
            let caller = Caller {
                tenant: Arc::clone(&default),
                workspace: Arc::clone(&default),
                key: key.map(Into::into),
            };
            party(Arc::new(caller), Arc::default())
        };
        let callers = config.keys.iter().map(|KeyConfig { value, caller, rights }| {
            let hash = match value {
                KeyValue::Plain(secret) => config.hash_key.hash(secret.expose()),
                KeyValue::Hashed(hash) => *hash,
            };
            (hash, Access::Caller(party(Arc::clone(caller), Arc::clone(rights))))
        });
        let mut keys: HashMap<_, _> = callers.collect();
        if let Some(secret) = &config.admin_key {
            keys.insert(config.hash_key.hash(secret.expose()), Access::Administrator);
        }
        let (anonymous, administrator) = (named(None), named(Some("admin")));
        let model_scopes = caps.models(&config);
        let provider_scopes = caps.providers(&config);
        Self {
            directory,
            upstreams,
            drains,
            keys,
            anonymous,
            model_scopes,
            provider_scopes,
            administrator,
            config,
        }
    }

    /// All who may call.
    pub(crate) fn parties(&self) -> impl Iterator<Item = &Arc<Party>> {
        let callers = self.keys.values().filter_map(|access| match access {
            Access::Caller(party) => Some(party),
            Access::Administrator => None,
        });
        callers.chain([&self.anonymous, &self.administrator])
    }

    /// Who calls under that key's name, or without a key.
    fn party(&self, key: Option<&str>) -> Option<&Arc<Party>> {
        let Some(key) = key else { return Some(&self.anonymous).filter(|_| self.config.keys.is_empty()) };
        let mut parties = self.keys.values().map(|access| match access {
            Access::Caller(party) => party,
            Access::Administrator => &self.administrator,
        });
        parties.find(|party| party.caller.key.as_deref() == Some(key))
    }

    /// The names of all keys.
    fn key_names(&self) -> Vec<String> {
        let callers = self.config.keys.iter().filter_map(|key| key.caller.key.as_deref());
        let admin = self.config.admin_key.as_ref().map(|_| "admin");
        callers.chain(admin).map(str::to_owned).collect()
    }

    /// Who carries `credential`. Keys are compared by keyed hash, so time tells nothing about them.
    pub(crate) fn identify(&self, credential: Option<&str>) -> Identity {
        if let (false, Some(credential)) = (self.keys.is_empty(), credential) {
            match self.keys.get(&self.config.hash_key.hash(credential)) {
                Some(Access::Caller(party)) => return Identity::Caller(Arc::clone(party)),
                Some(Access::Administrator) => {
                    return Identity::Administrator(Arc::clone(&self.administrator));
                }
                None => {}
            }
        }
        let anonymous = match self.config.key_rule {
            KeyRule::Unused => true,
            KeyRule::Optional => credential.is_none(),
            KeyRule::Required => false,
        };
        if self.config.open && anonymous {
            return Identity::Anonymous(Arc::clone(&self.anonymous));
        }
        if credential.is_some() { Identity::Unknown } else { Identity::Missing }
    }
}

/// Counts of what is there now and what came since start.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Calls let through the door: each leaves one record.
    pub calls_accepted: AtomicU64,
    /// Calls under way.
    pub calls_in_flight: AtomicU64,
    /// Of them copies for a shadow.
    pub shadows_in_flight: AtomicU64,
    /// Copies for a shadow that were not made, because as many as may be were under way.
    pub shadows_skipped: AtomicU64,
    /// Client connections open.
    pub connections: AtomicU64,
    /// Connections closed because of their framing, a slow head or a full house.
    pub connections_refused: AtomicU64,
}

impl Gauges {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn remove(counter: &AtomicU64) {
        counter.fetch_sub(1, Ordering::Relaxed);
    }
}

/// As long as it lives one call more waits.
pub(crate) struct WaitingPlace(Arc<Gateway>);

impl Drop for WaitingPlace {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What outlives a configuration: sums, how places fare, what is used of limits and budgets.
#[derive(Debug)]
pub struct Known {
    /// Sums that are never dropped.
    pub ledger: Ledger,
    /// All places that are or may be asked.
    pub fleet: Arc<Fleet>,
    /// What records taught about deployments.
    pub board: Board,
    /// What is used of limits and budgets.
    pub scopes: Scopes,
    captures: Captures,
}

/// The gateway: shared by all workers.
pub struct Gateway {
    snapshot: ArcSwap<Snapshot>,
    random: [u8; 32],
    /// Counts for metrics.
    pub gauges: Gauges,
    /// What outlives a configuration.
    pub known: Known,
    /// What people should hear of.
    pub events: Events,
    waiting: AtomicUsize,
    pub(crate) under_way: AllUnderWay,
    /// How far the end of the process has come.
    pub(crate) drain: Drain,
    pub(crate) sink: Arc<dyn RecordSink>,
    /// Whether answers wait until their records are kept.
    pub(crate) keeps: bool,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) counter: Arc<dyn TokenCounter>,
    pub(crate) counting: Counting,
    pub(crate) control_runtime: tokio::runtime::Handle,
}

impl Gateway {
    /// Builds a gateway; `random` seeds what must not be guessed.
    pub fn new(
        config: GatewayConfig,
        random: [u8; 32],
        sink: Arc<dyn RecordSink>,
        control: Arc<dyn Control>,
        counter: Arc<dyn TokenCounter>,
        control_runtime: tokio::runtime::Handle,
    ) -> Arc<Self> {
        let fleet = Arc::new(Fleet::new(clock::now()));
        let known = Known {
            ledger: Ledger::default(),
            fleet,
            board: Board::default(),
            scopes: Scopes::default(),
            captures: Captures::default(),
        };
        Arc::new(Self {
            snapshot: ArcSwap::from_pointee(Snapshot::new(config, &known)),
            known,
            events: Events::default(),
            waiting: AtomicUsize::new(0),
            under_way: AllUnderWay::default(),
            random,
            gauges: Gauges::default(),
            drain: Drain::default(),
            keeps: sink.settled().is_some(),
            sink,
            control,
            counter,
            counting: Counting::default(),
            control_runtime,
        })
    }

    /// What calls see now.
    pub fn config(&self) -> GatewayConfig {
        self.snapshot.load().config.clone()
    }

    /// Calls from now on see `config`; those under way go on with what they saw.
    pub fn replace(&self, config: GatewayConfig) {
        self.snapshot.store(Arc::new(Snapshot::new(config, &self.known)));
        self.known.fleet.forget_unused();
        self.known.scopes.forget_unused();
    }

    /// What callers had used before this process started: in their accounts, and in the budgets that count them.
    pub fn open_accounts(&self, known: impl Iterator<Item = (AccountName, Standing)>) {
        let (snapshot, wall) = (self.snapshot(), crate::worker::wall());
        let days = Days(&*snapshot.config.calendar);
        for (name, before) in known {
            if self.known.ledger.open(name.clone(), before, wall, days) {
                self.known.scopes.restore(&name, &before.spend, wall, days);
            }
        }
    }

    /// Room for one more call that waits for a provider; `None` where so many wait already.
    pub(crate) fn waiting_place(self: &Arc<Self>, most: usize) -> Option<WaitingPlace> {
        let place = WaitingPlace(Arc::clone(self));
        (self.waiting.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }

    /// Calls that wait until a provider may be asked again.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Who makes that call, where it is under way: it has no record yet.
    pub fn caller_under_way(&self, id: CallId) -> Option<Arc<Caller>> {
        self.under_way.caller(id)
    }

    /// Captures the bodies of the next `calls` of a key, or of calls without one, for `time` at most. One that is under
    /// way begins anew.
    ///
    /// # Errors
    /// When nobody can call by that name, or without a key.
    pub fn capture(&self, key: Option<&str>, calls: u32, time: Duration) -> Result<(), UnknownKey> {
        let snapshot = self.snapshot.load();
        let party = snapshot
            .party(key)
            .ok_or_else(|| UnknownKey { key: key.map(str::to_owned), known: snapshot.key_names() })?;
        self.known.captures.start(&party.caller, calls, time);
        Ok(())
    }

    /// The captures under way.
    pub fn captures(&self) -> Vec<Running> {
        self.known.captures.running()
    }

    /// Ends the capture of a key, `None` for calls without one; `false` where none was under way.
    pub fn end_capture(&self, key: Option<&str>) -> bool {
        self.known.captures.end(key)
    }

    /// A number for worker `at` that other processes are unlikely to have.
    pub(crate) fn random(&self, at: usize) -> u32 {
        let hash = blake3::keyed_hash(&self.random, &at.to_le_bytes());
        let bytes = hash.as_bytes();
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Takes in what finished calls teach about deployments; calls from now on know it.
    pub fn learn<'a>(&self, records: impl Iterator<Item = &'a CallRecord>) {
        let snapshot = self.snapshot.load();
        let routes = snapshot.directory.routes();
        if routes.is_empty() {
            return;
        }
        self.known.board.fold(records);
        let now = crate::worker::wall();
        for route in routes {
            route.learn(&self.known.board, now);
        }
    }

    /// Takes in how good the answers of finished calls were, each once; calls from now on know it.
    pub fn scored<'a>(&self, records: impl Iterator<Item = &'a CallRecord>) {
        let board = &self.known.board;
        let snapshot = self.snapshot.load();
        let routes = snapshot.directory.routes();
        for record in records {
            // Routes may share a trained router: it is told once.
            let _ = routes.iter().any(|route| route.scored(record));
            let (Some(quality), Some(target)) = (record.quality, record.target.as_deref()) else { continue };
            let task = record.labels.as_deref().and_then(|labels| labels.task_type.as_deref());
            let ended = record.started_at.0.saturating_add_unsigned(record.duration.0 / 1000);
            let (provider, model) = (&target.provider, &target.upstream_model);
            board.scored(provider, model, quality.into(), task, Timestamp(ended));
        }
        routes.iter().filter_map(|route| route.policy.learned.as_ref()).for_each(|model| model.settle());
        self.learn(std::iter::empty());
    }

    /// What a route would decide now of a call that asks this; nothing is asked of anybody, and it is never an experiment.
    ///
    /// # Errors
    /// When nobody could take it.
    pub fn recommend(&self, route: &Route, need: &Need, prompt: &str) -> Result<Decision, NoModel> {
        let snapshot = self.snapshot.load();
        let learned = route.policy.learned.as_ref();
        let foresight = learned.map(|model| model.quality(prompt, need.task_type.as_deref()));
        let need = Need { pinned: true, ..need.clone() };
        let question = Question {
            need: &need,
            now: clock::now(),
            at: crate::worker::wall(),
            prefix: None,
            learned: foresight.as_ref().map(|said| &*said.quality),
            policy: &snapshot.config.policy,
        };
        let mut decision = route.decide(&question, &mut || 1.0)?.decision;
        decision.predicted = foresight.and_then(|said| route.predicted(&decision, said));
        decision.confidence = confidence(&decision).map(|sure| sure as f32);
        Ok(decision)
    }

    /// The routes, by name.
    pub fn routes(&self) -> Vec<Arc<Route>> {
        self.snapshot.load().directory.routes().into_iter().map(Arc::clone).collect()
    }

    /// The route of that name or alias.
    pub fn route(&self, name: &str) -> Option<Arc<Route>> {
        self.snapshot.load().directory.route(name).map(Arc::clone)
    }

    /// What tokens cost for calls from now on.
    pub fn price(&self, provider: &str, model: &str) -> Option<Arc<Price>> {
        self.snapshot.load().config.prices.price(provider, model)
    }

    /// The configured models' names.
    pub fn model_names(&self) -> Vec<String> {
        self.snapshot.load().directory.listed().iter().map(ToString::to_string).collect()
    }
}
