//! Finds providers by the variables that people already have in their environment.

use super::env::Env;
use super::problem::Fault;
use super::report::{Report, join};
use super::url::{self, BaseUrl};
use super::values::Origin;
use paceline_dialect::provider::{KINDS, Kind};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Port of an Ollama server whose address names none.
const OLLAMA_PORT: u16 = 11434;

/// Adds an empty entry for each provider found; gives back the variables by which they were found.
pub(super) fn detect(
    tree: &mut Map<String, Value>,
    env: &Env<'_>,
    report: &mut Report,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let wanted = tree.get("server").and_then(|server| server["detect"].as_bool());
    let named = tree.get("providers").and_then(Value::as_object).is_some_and(|named| !named.is_empty());
    if !wanted.unwrap_or(!named) {
        return found;
    }
    let entry = tree.entry("providers").or_insert_with(|| json!({}));
    let Value::Object(providers) = entry else { return found };
    for row in KINDS {
        let there = providers.iter().any(|(name, entry)| name == row.name || entry["kind"] == row.name);
        let Some(by) = (!there).then(|| found_by(row, env)).flatten() else { continue };
        providers.insert(row.name.to_owned(), json!({}));
        report.origins.insert(join("providers", row.name), Origin::Env(by.to_owned()));
        found.insert(row.name.to_owned(), by.to_owned());
    }
    found
}

/// The variable that shows a service to be in use: its key, or its address where only the user knows it.
fn found_by(row: &Kind, env: &Env<'_>) -> Option<&'static str> {
    let key = env.first(row.key_env).map(|(name, _)| name).filter(|_| !row.base_url.is_empty());
    key.or_else(|| env.first(row.base_url_env).map(|(name, _)| name))
}

/// The address that the environment gives for a service, with the variable's name.
pub(super) fn address(row: &Kind, env: &Env<'_>) -> Option<(&'static str, Result<BaseUrl, Fault>)> {
    let (name, text) = env.first(row.base_url_env)?;
    Some((name, read_address(row, name, text.trim())))
}

fn read_address(row: &Kind, name: &str, text: &str) -> Result<BaseUrl, Fault> {
    let mut url = if name == "OLLAMA_HOST" { ollama_host(text)? } else { url::base_url(text)? };
    // What a server listens on is not always what a client can call.
    if url.host == "0.0.0.0" {
        url.host = "127.0.0.1".into();
    } else if url.host == "::" {
        url.host = "::1".into();
    }
    Ok(with_usual_path(row, url))
}

/// Servers that people run themselves answer below `/v1`, whose address is often given without.
pub(super) fn with_usual_path(row: &Kind, mut url: BaseUrl) -> BaseUrl {
    if url.path.is_empty() {
        url.path = row.usual_path.into();
    }
    url
}

/// Ollama's own variable: a URL, `host`, `host:port` or `:port`.
fn ollama_host(text: &str) -> Result<BaseUrl, Fault> {
    if text.contains("://") {
        return url::base_url(text);
    }
    let (authority, path) = text.split_at(text.find('/').unwrap_or(text.len()));
    let authority =
        if authority.starts_with(':') { format!("127.0.0.1{authority}") } else { authority.to_owned() };
    let (host, port) = url::host_and_port(&authority)?;
    let path = path.trim_end_matches('/').to_owned();
    Ok(BaseUrl { https: false, host, port: port.unwrap_or(OLLAMA_PORT), path })
}
