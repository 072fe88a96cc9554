//! `GET /v1/models`: what callers can ask for: the configuration's models, tiers and routes, and what
//! providers say they have.

use crate::admin::{Admin, reply};
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use paceline_gateway::Asker;
use paceline_http::{Client, Marks, Origin};
use paceline_types::rules::Rights;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long a provider's list is believed.
const FRESH: Duration = Duration::from_mins(5);
/// How long a provider may take to give it.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest list taken, in bytes and in models.
const MAX_BYTES: usize = 4 << 20;
const MAX_MODELS: usize = 5000;

/// How a provider is asked for its models.
pub struct Source {
    /// Its name.
    pub provider: String,
    /// Where it is.
    pub origin: Arc<Origin>,
    /// The whole head of the request.
    pub head: Vec<u8>,
}

/// The lists of providers, fetched when somebody asks and kept for a while.
pub struct Listing {
    client: Arc<Client>,
    known: Mutex<Vec<(Arc<Source>, Option<Fetched>)>>,
    /// One fetches at a time; who waits finds what it brought.
    fetching: tokio::sync::Mutex<()>,
}

/// When a list was fetched, and the names in it.
type Fetched = (Instant, Vec<String>);

impl Listing {
    /// Over these providers.
    pub fn new(sources: Vec<Source>) -> Self {
        let known = Mutex::new(sources.into_iter().map(|source| (Arc::new(source), None)).collect());
        Self { client: Client::new(), known, fetching: tokio::sync::Mutex::default() }
    }

    /// Other providers from now on.
    pub fn replace(&self, sources: Vec<Source>) {
        *self.known() = sources.into_iter().map(|source| (Arc::new(source), None)).collect();
    }

    fn known(&self) -> MutexGuard<'_, Vec<(Arc<Source>, Option<Fetched>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `(provider, model's name there)` of all providers that answer in time.
    async fn all(&self) -> Vec<(String, String)> {
        let _turn = self.fetching.lock().await;
        let fresh = |slot: &Option<Fetched>| slot.as_ref().is_some_and(|(at, _)| at.elapsed() < FRESH);
        let stale: Vec<Arc<Source>> = self
            .known()
            .iter()
            .filter(|(_, slot)| !fresh(slot))
            .map(|(source, _)| Arc::clone(source))
            .collect();
        let mut asked = JoinSet::new();
        for source in stale {
            let client = Arc::clone(&self.client);
            asked.spawn(async move {
                let fetched = tokio::time::timeout(PATIENCE, fetch(&client, &source)).await.ok().flatten();
                (source, fetched)
            });
        }
        while let Some(Ok((source, fetched))) = asked.join_next().await {
            if let Some((_, slot)) = self.known().iter_mut().find(|(other, _)| Arc::ptr_eq(other, &source)) {
                // A provider that is away keeps its old list, and is not asked again at every look.
                let old = slot.take().map(|(_, names)| names).unwrap_or_default();
                *slot = Some((Instant::now(), fetched.unwrap_or(old)));
            }
        }
        self.client.sweep(Instant::now());
        let known = self.known();
        let pairs = known.iter().flat_map(|(source, slot)| {
            let names = slot.as_ref().map(|(_, names)| names.clone()).unwrap_or_default();
            names.into_iter().map(|name| (source.provider.clone(), name))
        });
        pairs.collect()
    }
}

async fn fetch(client: &Arc<Client>, source: &Source) -> Option<Vec<String>> {
    let mut marks = Marks::default();
    let mut exchange = client.send(&source.origin, &source.head, &[], &mut marks).await.ok()?;
    while !exchange.is_ended() && exchange.out.len() <= MAX_BYTES {
        poll_fn(|cx| exchange.poll_more(cx)).await.ok()?;
    }
    if !exchange.head.status.is_success() {
        return None;
    }
    let list: Value = serde_json::from_slice(&exchange.out).ok()?;
    // Together answers a bare array; Gemini has its own names for both.
    let rows = list.get("data").or_else(|| list.get("models")).unwrap_or(&list).as_array()?;
    let name = |row: &Value| {
        let name = row.get("id").or_else(|| row.get("name"))?.as_str()?;
        Some(name.strip_prefix("models/").unwrap_or(name).to_owned())
    };
    Some(rows.iter().take(MAX_MODELS).filter_map(name).collect())
}

fn entry(id: &str, owner: &str) -> Value {
    json!({"id": id, "object": "model", "created": 0, "owned_by": owner})
}

/// What a caller may ask for.
async fn entries(admin: &Admin, rights: &Rights) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    let mut known: HashSet<String> = HashSet::new();
    let loaded = admin.loaded.load();
    for model in &loaded.config.models {
        let owner = model.targets.first().map_or("", |target| target.provider.as_str());
        for name in std::iter::once(&model.name).chain(&model.aliases) {
            known.insert(name.clone());
            all.push(entry(name, owner));
        }
    }
    for (index, tier) in loaded.config.tiers.iter().enumerate() {
        let name = format!("tier{}", index + 1);
        if !tier.links.is_empty() && known.insert(name.clone()) {
            all.push(entry(&name, "paceline"));
        }
    }
    for route in &loaded.config.routes {
        for name in
            std::iter::once(&route.name).chain(&route.aliases).filter(|name| known.insert((*name).clone()))
        {
            let mut entry = entry(name, "paceline");
            entry["route"] = json!(true);
            all.push(entry);
        }
    }
    for (provider, name) in admin.listing.all().await {
        // A provider in whose list names begin with its own name (`sim/fast`) is not named twice.
        let own = name.strip_prefix(&provider).is_some_and(|rest| rest.starts_with('/'));
        let id = if own { name } else { format!("{provider}/{name}") };
        if !known.contains(&id) {
            all.push(entry(&id, &provider));
            known.insert(id);
        }
    }
    all.retain(|entry| entry["id"].as_str().is_some_and(|id| rights.allows(id)));
    all
}

pub(crate) async fn list(
    State(admin): State<Arc<Admin>>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
) -> Response {
    let data = entries(&admin, &asker.rights).await;
    if !headers.contains_key("anthropic-version") {
        return reply::json(&json!({"object": "list", "data": data}));
    }
    // Anthropic's callers ask at the same path, and expect another form.
    let data: Vec<Value> = data.iter().map(of_anthropic).collect();
    let id = |entry: Option<&Value>| entry.map_or(Value::Null, |entry| entry["id"].clone());
    let (first, last) = (id(data.first()), id(data.last()));
    reply::json(&json!({"data": data, "has_more": false, "first_id": first, "last_id": last}))
}

fn of_anthropic(entry: &Value) -> Value {
    let id = &entry["id"];
    json!({"type": "model", "id": id, "display_name": id, "created_at": "1970-01-01T00:00:00Z"})
}

/// `GET /v1beta/models`, for Gemini's callers.
pub(crate) async fn list_of_gemini(
    State(admin): State<Arc<Admin>>,
    Extension(asker): Extension<Asker>,
) -> Response {
    let data = entries(&admin, &asker.rights).await;
    let model = |entry: &Value| {
        let id = entry["id"].as_str().unwrap_or_default();
        let methods = ["generateContent", "countTokens"];
        json!({"name": format!("models/{id}"), "displayName": id, "supportedGenerationMethods": methods})
    };
    let models: Vec<Value> = data.iter().map(model).collect();
    reply::json(&json!({"models": models}))
}

pub(crate) async fn one(
    State(admin): State<Arc<Admin>>,
    Extension(asker): Extension<Asker>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let all = entries(&admin, &asker.rights).await;
    if let Some(found) = all.iter().find(|entry| entry["id"] == id.as_str()) {
        let is_other = headers.contains_key("anthropic-version");
        return reply::json(&if is_other { of_anthropic(found) } else { found.clone() });
    }
    let names = all.iter().filter_map(|entry| entry["id"].as_str());
    let close: Vec<String> =
        paceline_routing::nearest::nearest(&id, names).into_iter().map(|n| format!("`{n}`")).collect();
    let hint =
        if close.is_empty() { String::new() } else { format!("; the closest are {}", close.join(", ")) };
    let message = format!("the model `{id}` is not known here{hint}");
    reply::fail(StatusCode::NOT_FOUND, "model_not_found", Some("model"), &message)
}
