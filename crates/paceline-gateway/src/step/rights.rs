//! What a caller's key may do: which models it may name, and how long.

use crate::call::Call;
use crate::refuse::Fail;
use crate::step::admit::unauthorized;
use crate::step::read::Ask;
use http::StatusCode;
use paceline_routing::directory::MAX_NAME;
use paceline_types::error::ErrorKind;
use paceline_types::rules::Rights;
use paceline_types::time::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// Patterns named in a refusal at most.
const MAX_NAMED: usize = 16;

/// The refusal, where a key has ended.
pub(crate) fn ended(rights: &Rights) -> Option<Fail> {
    let end = rights.expires_at?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if Timestamp(since.as_micros() as i64) < end {
        return None;
    }
    let message = format!("this key ended at {}; ask who gave it to you for a new one", end.rfc3339());
    Some(Fail { code: "key_expired", ..unauthorized(&message) })
}

/// Refuses a model that the key may not name; before it is looked up, so that nobody learns what else there is.
pub(crate) fn model(call: &mut Call, ask: &Ask) -> Result<(), Fail> {
    let Some(name) = &ask.asked.model else { return Ok(()) };
    if call.party.rights.allows(name) {
        return Ok(());
    }
    let shown = &name[..name.floor_char_boundary(MAX_NAME)];
    call.note(|record| record.requested_model = Some(shown.into()));
    let what = format!("this key may not name the model `{shown}`");
    Err(not_allowed(&what, &call.party.rights).param("model"))
}

/// Refuses a route that the key may not name.
pub(crate) fn route(call: &Call, name: &str) -> Result<(), Fail> {
    if call.party.rights.allows(name) {
        return Ok(());
    }
    let what = format!("this key may not name the route `{}`", &name[..name.floor_char_boundary(MAX_NAME)]);
    Err(not_allowed(&what, &call.party.rights))
}

/// Refuses a provider's own paths, whose bodies are not read, unless the key may name all of its models.
pub(crate) fn provider(call: &Call, name: &str) -> Result<(), Fail> {
    let all = format!("{name}/");
    let is_wide = |pattern: &str| pattern.strip_suffix('*').is_some_and(|start| all.starts_with(start));
    if call.party.rights.models.is_empty() || call.party.rights.models.iter().any(|pattern| is_wide(pattern))
    {
        return Ok(());
    }
    let what = format!("this key may not use /{name}/…, which needs `{name}/*` among its models");
    Err(not_allowed(&what, &call.party.rights))
}

fn not_allowed(what: &str, rights: &Rights) -> Fail {
    let mut named: Vec<String> =
        rights.models.iter().take(MAX_NAMED).map(|pattern| format!("`{pattern}`")).collect();
    if rights.models.len() > MAX_NAMED {
        named.push("…".into());
    }
    let message = format!("{what}; it may name {}", named.join(", "));
    Fail::refuse(StatusCode::FORBIDDEN, ErrorKind::Forbidden, "model_not_allowed", message)
}
