//! `/v1/keys`: callers' keys, made, changed, rotated and revoked while Paceline runs.

use crate::admin::audit::who;
use crate::admin::{Admin, reply};
use crate::config::{CallerKey, asked, show};
use crate::keys::{By, KeyError, Wanted};
use crate::recorder::now;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use paceline_gateway::Asker;
use paceline_store::control::StoredKey;
use paceline_types::time::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// The longest time an old value works on after a rotation, in days.
const MOST_OVERLAP_DAYS: u64 = 31;
/// The longest life of a key that is told in days.
const MOST_LIFE_DAYS: u64 = 3660;

pub(crate) async fn list(State(admin): State<Arc<Admin>>) -> Response {
    let now = now();
    let loaded = admin.loaded.load();
    let mut all: Vec<Value> = loaded.config.keys.iter().map(|key| of_file(key, now)).collect();
    let filed: HashSet<&str> = loaded.config.keys.iter().map(|key| key.name.as_str()).collect();
    all.extend(admin.keys.all().iter().map(|key| of_store(key, filed.contains(&*key.name), now)));
    let mut out = json!({ "keys": all });
    tell_end(&admin, &mut out);
    reply::json(&out)
}

pub(crate) async fn one(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Response {
    let loaded = admin.loaded.load();
    if let Some(key) = loaded.config.keys.iter().find(|key| key.name == name) {
        return reply::json(&of_file(key, now()));
    }
    match admin.keys.get(&name) {
        Some(key) => reply::json(&of_store(&key, false, now())),
        None => refuse(&KeyError::Missing(shown(&name))),
    }
}

pub(crate) async fn create(
    State(admin): State<Arc<Admin>>,
    Extension(asker): Extension<Asker>,
    body: Bytes,
) -> Response {
    work(&admin, move |admin| {
        let wanted = wanted(admin, object(&body)?, true)?;
        not_in_file(admin, &wanted.name)?;
        leaves_a_way_in(admin)?;
        let detail = Value::Object(asked::written(&wanted)).to_string();
        let (value, key) = admin.keys.create(wanted, &By { who: who(&asker), detail })?;
        Ok(told(admin, &key, Some(&value)))
    })
    .await
}

pub(crate) async fn update(
    State(admin): State<Arc<Admin>>,
    Extension(asker): Extension<Asker>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    work(&admin, move |admin| {
        not_in_file(admin, &name)?;
        let patch = object(&body)?;
        let key = admin.keys.update(&name, |before| {
            let was = asked::written(&as_wanted(before));
            let mut is = was.clone();
            asked::merge(&mut is, &patch);
            if is.get("name") != was.get("name") {
                return Err(Refusal::bad("name", "a key keeps its name: records tell callers apart by it"));
            }
            let wanted = wanted(admin, is, patch.contains_key("expires"))?;
            let is = asked::written(&wanted);
            let names = was.keys().chain(is.keys()).filter(|name| was.get(*name) != is.get(*name));
            let changes: Map<String, Value> = names
                .map(|name| (name.clone(), json!({ "before": was.get(name), "after": is.get(name) })))
                .collect();
            Ok((wanted, By { who: who(&asker), detail: Value::Object(changes).to_string() }))
        })?;
        Ok(told(admin, &key, None))
    })
    .await
}

pub(crate) async fn rotate(
    State(admin): State<Arc<Admin>>,
    Extension(asker): Extension<Asker>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    work(&admin, move |admin| {
        not_in_file(admin, &name)?;
        let wish = if body.is_empty() { Map::new() } else { object(&body)? };
        if let Some(other) = wish.keys().find(|name| *name != "overlap") {
            return Err(Refusal::bad(other, "only `overlap` can be said of a rotation"));
        }
        let overlap = match wish.get("overlap") {
            None | Some(Value::Null) => Duration::ZERO,
            Some(text) => {
                let span = text.as_str().and_then(|text| span(text, MOST_OVERLAP_DAYS));
                span.ok_or_else(|| {
                    Refusal::bad("overlap", "`overlap` must be a time like 90s, 15m, 24h or 7d, 31d at most")
                })?
            }
        };
        let detail = json!({ "overlap_seconds": overlap.as_secs() }).to_string();
        let (value, key) = admin.keys.rotate(&name, overlap, &By { who: who(&asker), detail })?;
        Ok(told(admin, &key, Some(&value)))
    })
    .await
}

pub(crate) async fn revoke(
    State(admin): State<Arc<Admin>>,
    Extension(asker): Extension<Asker>,
    Path(name): Path<String>,
) -> Response {
    work(&admin, move |admin| {
        not_in_file(admin, &name)?;
        let key = admin.keys.revoke(&name, &By { who: who(&asker), detail: "{}".into() })?;
        Ok(told(admin, &key, None))
    })
    .await
}

/// Why it was not done.
enum Refusal {
    Bad { param: Option<String>, message: String },
    Key(KeyError),
}

impl Refusal {
    fn bad(param: &str, message: impl Into<String>) -> Self {
        let param = (!param.is_empty()).then(|| shown(param));
        Self::Bad { param, message: message.into() }
    }
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

/// Does what waits for a disk on a thread of its own; calls see the outcome before whoever asked does.
async fn work(
    admin: &Arc<Admin>,
    change: impl FnOnce(&Admin) -> Result<Value, Refusal> + Send + 'static,
) -> Response {
    let own = Arc::clone(admin);
    let done = tokio::task::spawn_blocking(move || {
        let done = change(&own);
        if done.is_ok() {
            own.apply_keys();
        }
        done
    });
    match done.await {
        Ok(Ok(answer)) => reply::json(&answer),
        Ok(Err(Refusal::Bad { param, message })) => {
            reply::fail(StatusCode::BAD_REQUEST, "invalid_request", param.as_deref(), &message)
        }
        Ok(Err(Refusal::Key(error))) => refuse(&error),
        Err(error) => reply::no_store(&error.to_string()),
    }
}

fn refuse(error: &KeyError) -> Response {
    let (status, code) = match error {
        KeyError::Missing(_) => (StatusCode::NOT_FOUND, "key_not_found"),
        KeyError::Taken(_) => (StatusCode::CONFLICT, "key_exists"),
        KeyError::InFile(_) => (StatusCode::CONFLICT, "key_in_configuration"),
        KeyError::Revoked(_) => (StatusCode::CONFLICT, "key_revoked"),
        KeyError::NoAdmin => (StatusCode::CONFLICT, "admin_key_needed"),
        KeyError::TooMany => (StatusCode::CONFLICT, "too_many_keys"),
        KeyError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable"),
        KeyError::Random(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
    };
    reply::fail(status, code, None, &error.to_string())
}

fn not_in_file(admin: &Admin, name: &str) -> Result<(), KeyError> {
    let in_file = admin.loaded.load().config.keys.iter().any(|key| key.name == name);
    if in_file { Err(KeyError::InFile(name.to_owned())) } else { Ok(()) }
}

/// Where keys are needed only the admin key opens the admin side: the first key must not close it for good.
fn leaves_a_way_in(admin: &Admin) -> Result<(), KeyError> {
    let server = &admin.loaded.load().config.server;
    let closes = server.admin_key.is_none() && server.keys_required != Some(false);
    if closes { Err(KeyError::NoAdmin) } else { Ok(()) }
}

fn object(body: &Bytes) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Refusal::bad("", "the body must be a JSON object")),
        // The parser's words could repeat what is in the body.
        Err(error) => Err(Refusal::bad(
            "",
            format!("the body is no JSON (line {}, column {})", error.line(), error.column()),
        )),
    }
}

/// Reads what a key is to be; `expires` may be a time from now.
fn wanted(admin: &Admin, mut asked: Map<String, Value>, ends_later: bool) -> Result<Wanted, Refusal> {
    if let Some(life) =
        asked.get("expires").and_then(Value::as_str).and_then(|text| span(text, MOST_LIFE_DAYS))
    {
        let end = Timestamp((now().seconds() + life.as_secs() as i64) * 1_000_000);
        asked.insert("expires".into(), json!(end));
    }
    asked.retain(|_, value| !value.is_null());
    let wanted = asked::key(&asked, &admin.loaded.load().config).map_err(|problems| {
        let tell = |problem: &crate::config::Problem| {
            let help = problem.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
            let place = if problem.key.is_empty() { String::new() } else { format!("`{}`: ", problem.key) };
            format!("{place}{}{help}", problem.message)
        };
        let message = problems.iter().take(8).map(tell).collect::<Vec<_>>().join(". ");
        Refusal::bad(problems.first().map_or("", |problem| &problem.key), message)
    })?;
    if ends_later && wanted.rights.expires_at.is_some_and(|end| end <= now()) {
        return Err(Refusal::bad("expires", "`expires` is in the past; revoke the key to end it at once"));
    }
    Ok(wanted)
}

/// `90s`, `15m`, `24h`, `30d`, up to so many days.
fn span(text: &str, most_days: u64) -> Option<Duration> {
    crate::span::seconds(text).filter(|seconds| *seconds <= most_days * 86_400).map(Duration::from_secs)
}

fn as_wanted(key: &StoredKey) -> Wanted {
    Wanted {
        name: Arc::clone(&key.name),
        tenant: Arc::clone(&key.tenant),
        workspace: Arc::clone(&key.workspace),
        rights: key.rights.clone(),
    }
}

/// A name for a message.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// The answer to a change, with the key's value where it has a new one.
fn told(admin: &Admin, key: &StoredKey, value: Option<&str>) -> Value {
    // What is in the file is not changed here.
    let mut out = of_store(key, false, now());
    if let Some(value) = value {
        out["key"] = json!(value);
        out["note"] = json!("the key is shown this once and kept nowhere");
    }
    tell_end(admin, &mut out);
    out
}

/// Says where nothing outlives the process.
pub(crate) fn tell_end(admin: &Admin, out: &mut Value) {
    if !admin.keys.last() {
        out["ends_with_process"] = json!(true);
        let note = "storage.kind is memory: keys made here and the audit log end with the process";
        out["storage_note"] = json!(note);
    }
}

fn of_file(key: &CallerKey, now: Timestamp) -> Value {
    let mut out = show::rights_json(&key.rights);
    let expired = key.rights.expires_at.is_some_and(|end| end <= now);
    out["name"] = json!(key.name);
    out["source"] = json!("file");
    out["state"] = json!(if expired { "expired" } else { "active" });
    out["tenant"] = json!(key.tenant);
    out["workspace"] = json!(key.workspace);
    out["key_from"] = json!(key.source.to_string());
    out
}

/// `overridden`: a key of the configuration has its name.
fn of_store(key: &StoredKey, overridden: bool, now: Timestamp) -> Value {
    let mut out = show::rights_json(&key.rights);
    let state = if key.revoked_at.is_some() {
        "revoked"
    } else if overridden {
        "overridden"
    } else if key.rights.expires_at.is_some_and(|end| end <= now) {
        "expired"
    } else {
        "active"
    };
    let old = key.old.map(|(_, until)| until).filter(|until| *until > now);
    out["name"] = json!(&*key.name);
    out["source"] = json!("store");
    out["state"] = json!(state);
    out["tenant"] = json!(&*key.tenant);
    out["workspace"] = json!(&*key.workspace);
    out["ends_in"] = json!(key.ending);
    out["created_at"] = json!(key.created_at);
    out["changed_at"] = json!(key.changed_at);
    out["revoked_at"] = json!(key.revoked_at);
    out["old_value_until"] = json!(old);
    out
}
