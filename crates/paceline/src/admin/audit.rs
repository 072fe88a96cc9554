//! `GET /v1/audit`: what administrators did, and who was kept from it. And how it gets there.

use crate::admin::query::{BadQuery, Query};
use crate::admin::{Admin, reply};
use crate::recorder::now;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use paceline_gateway::{Asker, Refused};
use paceline_store::control::Deed;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Entries of an answer, unless asked otherwise, and at most.
const USUAL: usize = 100;
const MOST: usize = 1000;
/// The longest detail kept, in bytes.
const MAX_DETAIL: usize = 16 << 10;
/// Refused logins that are noted in a minute; the others are counted in the next one that is.
const REFUSALS: u32 = 20;

/// Who asks.
pub(crate) fn who(asker: &Asker) -> &'static str {
    // Without an admin key only who is on this machine gets here.
    if asker.holds_admin_key { "admin key" } else { "local" }
}

/// How many refused logins were noted lately.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<(Option<Instant>, u32, u64)>);

impl Refusals {
    /// Whether another one is noted, and how many were not before it.
    fn take(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, noted, silent) = &mut *state;
        if began.is_none_or(|at| at.elapsed() >= Duration::from_mins(1)) {
            (*began, *noted) = (Some(Instant::now()), 0);
        }
        if *noted >= REFUSALS {
            *silent += 1;
            return None;
        }
        *noted += 1;
        Some(std::mem::take(silent))
    }
}

impl Admin {
    /// Adds to the audit log; the disk is waited for on a thread of its own.
    pub(crate) fn note(self: &Arc<Self>, who: &str, action: &str, object: &str, detail: &Value) {
        let mut detail = detail.to_string();
        if detail.len() > MAX_DETAIL {
            detail = json!({ "bytes_left_out": detail.len() }).to_string();
        }
        let (who, action, object) = (who.to_owned(), action.to_owned(), object.to_owned());
        let deed = Deed { id: 0, at: now(), who, action, object, detail };
        let admin = Arc::clone(self);
        self.runtime.spawn_blocking(move || {
            if let Err(error) = admin.keys.note(&deed) {
                admin.recorder.log().warn(&format!("not in the audit log: {}: {error}", deed.action));
            }
        });
    }

    /// Somebody was kept from the admin side.
    pub(crate) fn note_refusal(self: &Arc<Self>, refused: &Refused) {
        let Some(silent) = self.refusals.take() else { return };
        let mut detail = json!({ "status": refused.status.as_u16(), "method": refused.method.as_str() });
        if silent > 0 {
            detail["not_noted_before"] = json!(silent);
        }
        let who = refused.key.as_ref().map_or_else(|| "unknown".to_owned(), |key| format!("key {key}"));
        self.note(&who, "login.refused", place(&refused.path), &detail);
    }
}

/// A path of ours, without what somebody may have written into it.
fn place(path: &str) -> &'static str {
    const PLACES: [&str; 14] = [
        "/v1/keys",
        "/v1/audit",
        "/v1/calls",
        "/v1/sessions",
        "/v1/costs",
        "/v1/config",
        "/v1/performance",
        "/v1/session",
        "/v1/live",
        "/v1/",
        "/metrics",
        "/page.css",
        "/health",
        "/",
    ];
    let known = PLACES.into_iter().find(|place| path == *place || *place != "/" && path.starts_with(place));
    known.unwrap_or("another path")
}

pub(crate) async fn list(State(admin): State<Arc<Admin>>, uri: Uri) -> Response {
    match asked(uri.query()) {
        Ok((limit, before)) => answer(&admin, limit, before).await,
        Err(bad) => bad.into(),
    }
}

fn asked(query: Option<&str>) -> Result<(usize, Option<i64>), BadQuery> {
    let query = Query::read(query, &["limit", "before"])?;
    let number = |text: &str| text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    let limit = query.parsed("limit", "a number from 1 to 1000", number)?.unwrap_or(USUAL);
    let before = query.parsed("before", "the `next_before` of an answer", |text| text.parse().ok())?;
    Ok((limit, before))
}

async fn answer(admin: &Arc<Admin>, limit: usize, before: Option<i64>) -> Response {
    let asked = Arc::clone(admin);
    let found = tokio::task::spawn_blocking(move || asked.keys.audit(limit + 1, before)).await;
    let mut deeds = match found {
        Ok(Ok(deeds)) => deeds,
        Ok(Err(error)) => return reply::no_store(&error.to_string()),
        Err(error) => return reply::no_store(&error.to_string()),
    };
    let more = deeds.len() > limit;
    deeds.truncate(limit);
    let next = deeds.last().filter(|_| more).map(|deed| deed.id);
    let one = |deed: &Deed| {
        json!({
            "id": deed.id,
            "at": deed.at,
            "who": deed.who,
            "action": deed.action,
            "object": deed.object,
            "detail": serde_json::from_str::<Value>(&deed.detail).unwrap_or(Value::Null),
        })
    };
    let mut out = json!({ "audit": deeds.iter().map(one).collect::<Vec<_>>(), "next_before": next });
    super::keys::tell_end(admin, &mut out);
    reply::json(&out)
}

#[cfg(test)]
mod tests {
    use super::{REFUSALS, Refusals, place};

    #[test]
    fn refusals_are_noted_up_to_a_rate_and_then_counted() {
        let refusals = Refusals::default();
        assert!((0..REFUSALS).all(|_| refusals.take() == Some(0)));
        assert!((0..5).all(|_| refusals.take().is_none()));
        refusals.0.lock().unwrap().0 = None;
        assert_eq!(refusals.take(), Some(5));
    }

    #[test]
    fn what_somebody_wrote_into_a_path_is_not_noted() {
        assert_eq!(place("/v1/keys/team-a"), "/v1/keys");
        assert_eq!(place("/"), "/");
        assert_eq!(place("/pk-secret/x"), "another path");
        assert_eq!(place("/v1/pk-secret"), "/v1/");
    }
}
