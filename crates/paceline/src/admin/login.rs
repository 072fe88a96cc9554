//! Signing in with a browser: the admin key is given once, then a cookie that scripts cannot read stands for it.

use crate::admin::{Admin, reply};
use crate::keys::value;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use axum::response::Response;
use http::Method;
use paceline_gateway::Asker;
use paceline_types::secret::Secret;
use serde_json::json;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const COOKIE_NAME: &str = "paceline-session";
/// What a page of another origin cannot send without being asked for: changes need it.
const PROOF: &str = "x-paceline-csrf";
/// How long a browser stays signed in.
const LIFE: Duration = Duration::from_hours(12);
/// Browsers that are signed in at once; then the oldest is signed out.
const MOST: usize = 64;

/// Who is signed in.
#[derive(Default)]
pub struct Logins {
    /// By what the cookie says: when it began, and a mark of the key it was begun with.
    open: Mutex<HashMap<String, (Instant, u64)>>,
    marks: RandomState,
}

impl Logins {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Instant, u64)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one; what the cookie is to say.
    fn begin(&self, key: &Secret) -> std::io::Result<String> {
        let id = value::new()?;
        let mut open = self.lock();
        open.retain(|_, (since, _)| since.elapsed() < LIFE);
        while open.len() >= MOST {
            let oldest = open.iter().min_by_key(|(_, (since, _))| *since).map(|(id, _)| id.clone());
            let Some(oldest) = oldest else { break };
            open.remove(&oldest);
        }
        open.insert(id.clone(), (Instant::now(), self.marks.hash_one(key)));
        Ok(id)
    }

    /// Whether the cookie among `headers` stands for `key`, and has not ended.
    pub(crate) fn holds(&self, headers: &HeaderMap, key: Option<&Secret>) -> bool {
        let (Some(id), Some(key)) = (cookie(headers), key) else { return false };
        self.lock()
            .get(id)
            .is_some_and(|(since, mark)| since.elapsed() < LIFE && *mark == self.marks.hash_one(key))
    }

    fn end(&self, headers: &HeaderMap) {
        if let Some(id) = cookie(headers) {
            self.lock().remove(id);
        }
    }
}

/// Whether a request may be let in by its cookie: what changes something must show that our own page sent it.
pub(crate) fn may_use_cookie(method: &Method, headers: &HeaderMap) -> bool {
    method.is_safe() || headers.contains_key(PROOF)
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE_NAME).map(|(_, id)| id)
}

/// `GET /v1/session`: whether this browser has to sign in. Open to all.
pub(crate) async fn state(State(admin): State<Arc<Admin>>, headers: HeaderMap) -> Response {
    let loaded = admin.loaded.load();
    let key = loaded.config.server.admin_key.as_ref();
    let has_callers = !loaded.config.keys.is_empty() || !admin.keys.all().is_empty();
    let needed = key.is_some();
    reply::json(&json!({
        "needed": needed,
        "possible": needed || !has_callers || loaded.config.server.keys_required == Some(false),
        "signed_in": admin.logins.holds(&headers, key),
        "version": env!("CARGO_PKG_VERSION"),
    }))
}

/// `POST /v1/session` with the admin key: signs this browser in.
pub(crate) async fn begin(
    State(admin): State<Arc<Admin>>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
) -> Response {
    let loaded = admin.loaded.load();
    let Some(key) = loaded.config.server.admin_key.as_ref().filter(|_| asker.holds_admin_key) else {
        let message = "there is no admin key here, so there is nothing to sign in with";
        return reply::fail(StatusCode::CONFLICT, "no_admin_key", None, message);
    };
    match admin.logins.begin(key) {
        Ok(id) => {
            let answer = reply::json(&json!({"signed_in": true, "expires_in_s": LIFE.as_secs()}));
            with_cookie(answer, &id, LIFE, &headers)
        }
        Err(error) => {
            reply::fail(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", None, &error.to_string())
        }
    }
}

/// `DELETE /v1/session`: signs this browser out.
pub(crate) async fn end(State(admin): State<Arc<Admin>>, headers: HeaderMap) -> Response {
    admin.logins.end(&headers);
    with_cookie(reply::json(&json!({"signed_in": false})), "", Duration::ZERO, &headers)
}

fn with_cookie(mut answer: Response, id: &str, life: Duration, asked: &HeaderMap) -> Response {
    let is_https = asked.get("x-forwarded-proto").is_some_and(|value| value.as_bytes() == b"https");
    let secure = if is_https { "; Secure" } else { "" };
    let seconds = life.as_secs();
    let text = format!("{COOKIE_NAME}={id}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(value) = HeaderValue::from_str(&text) {
        answer.headers_mut().insert(SET_COOKIE, value);
    }
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::{COOKIE_NAME, Logins, MOST, may_use_cookie};
    use axum::http::header::{COOKIE, HeaderMap, HeaderValue};
    use http::Method;
    use paceline_types::secret::Secret;

    fn with(id: &str) -> HeaderMap {
        let text = format!("theme=dark; {COOKIE_NAME}={id}");
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&text).unwrap())])
    }

    #[test]
    fn a_cookie_stands_for_the_key_it_was_made_with() {
        let (logins, key) = (Logins::default(), Secret::new("0123456789abcdef"));
        let id = logins.begin(&key).unwrap();
        assert!(logins.holds(&with(&id), Some(&key)));
        assert!(!logins.holds(&with(&id), Some(&Secret::new("another-admin-key"))));
        assert!(!logins.holds(&with(&id), None));
        assert!(!logins.holds(&with("pk-guess"), Some(&key)));
        assert!(!logins.holds(&HeaderMap::new(), Some(&key)));
        logins.end(&with(&id));
        assert!(!logins.holds(&with(&id), Some(&key)));
    }

    #[test]
    fn there_is_a_bound_and_the_oldest_goes() {
        let (logins, key) = (Logins::default(), Secret::new("0123456789abcdef"));
        let ids: Vec<String> = (0..=MOST).map(|_| logins.begin(&key).unwrap()).collect();
        assert!(!logins.holds(&with(&ids[0]), Some(&key)));
        assert!(ids[1..].iter().all(|id| logins.holds(&with(id), Some(&key))));
    }

    #[test]
    fn what_changes_something_needs_more_than_a_cookie() {
        let bare = HeaderMap::new();
        let shown =
            HeaderMap::from_iter([("x-paceline-csrf".parse().unwrap(), HeaderValue::from_static("1"))]);
        assert!(may_use_cookie(&Method::GET, &bare));
        for changes in [Method::POST, Method::PATCH, Method::DELETE, Method::PUT] {
            assert!(!may_use_cookie(&changes, &bare), "{changes}");
            assert!(may_use_cookie(&changes, &shown), "{changes}");
        }
    }
}
