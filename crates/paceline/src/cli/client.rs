//! Asking a running Paceline.

use super::Where;
use crate::config::{self, Flags};
use bytes::Bytes;
use paceline_http::{Client, Marks, Origin, OriginConfig, Tls};
use serde_json::Value;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long work over all records may take.
const LONG_PATIENCE: Duration = Duration::from_hours(1);

/// `GET path` of the Paceline at `place`.
///
/// # Errors
/// In words: it does not run, it refuses, or it says what is wrong with the question.
pub(crate) fn get(place: &Where, path: &str) -> Result<Value, String> {
    ask("GET", place, path, None, PATIENCE)
}

/// Another method, with a JSON body where there is one; as [`get`].
pub(crate) fn send(method: &str, place: &Where, path: &str, body: Option<&Value>) -> Result<Value, String> {
    ask(method, place, path, body, PATIENCE)
}

/// `POST path`, without a body, of the Paceline at `place`; as [`get`], but with more patience.
pub(crate) fn post(place: &Where, path: &str) -> Result<Value, String> {
    ask("POST", place, path, None, LONG_PATIENCE)
}

/// `POST path` with a JSON body; as [`get`].
pub(crate) fn post_json(place: &Where, path: &str, body: &Value) -> Result<Value, String> {
    ask("POST", place, path, Some(body), PATIENCE)
}

/// `DELETE path`; as [`get`].
pub(crate) fn delete(place: &Where, path: &str) -> Result<Value, String> {
    ask("DELETE", place, path, None, PATIENCE)
}

fn ask(
    method: &str,
    place: &Where,
    path: &str,
    body: Option<&Value>,
    patience: Duration,
) -> Result<Value, String> {
    let (url, admin_key) = address(place)?;
    let (https, rest) = match url.split_once("://") {
        Some(("https", rest)) => (true, rest),
        Some(("http", rest)) => (false, rest),
        None => (false, url.as_str()),
        Some((scheme, _)) => return Err(format!("{scheme}:// is not possible; use http:// or https://")),
    };
    let authority = rest.trim_end_matches('/');
    let usual = if https { 443 } else { 80 };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') => {
            (host, port.parse().map_err(|_| format!("`{port}` is no port"))?)
        }
        _ => (authority, usual),
    };
    let origin = Origin::new(OriginConfig {
        https,
        host: host.trim_matches(['[', ']']).to_owned(),
        port,
        proxy: None,
        tls: Arc::new(Tls::default()),
        connect_timeout: Duration::from_secs(5),
        max_idle: 0,
        idle_timeout: Duration::ZERO,
        max_age: Duration::ZERO,
    });
    let authorization = admin_key.map_or_else(String::new, |key| format!("authorization: Bearer {key}\r\n"));
    let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {authority}\r\n{authorization}{kind}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let answer = runtime
        .block_on(async { tokio::time::timeout(patience, fetch(&origin, head.as_bytes(), body)).await });
    let (status, body) = answer
        .map_err(|_| format!("no answer from {url} within {} s", patience.as_secs()))?
        .map_err(|error| {
            format!(
                "{error}; is Paceline running at {url}? Start it with `paceline serve`, or name it with --url"
            )
        })?;
    let value: Value =
        serde_json::from_slice(&body).map_err(|_| format!("{url} answered no JSON; is it a Paceline?"))?;
    if status == 200 {
        return Ok(value);
    }
    let said = value.pointer("/error/message").and_then(Value::as_str).unwrap_or("no reason given");
    let hint = if status == 401 { " (the admin key is read from PACELINE_ADMIN_KEY)" } else { "" };
    Err(format!("{said}{hint}"))
}

async fn fetch(
    origin: &Arc<Origin>,
    head: &[u8],
    body: Bytes,
) -> Result<(u16, Vec<u8>), paceline_http::HttpError> {
    let mut marks = Marks::default();
    let body: &[Bytes] = if body.is_empty() { &[] } else { &[body] };
    let mut exchange = Client::new().send(origin, head, body, &mut marks).await?;
    while !exchange.is_ended() {
        poll_fn(|cx| exchange.poll_more(cx)).await?;
    }
    Ok((exchange.head.status.as_u16(), exchange.out.to_vec()))
}

/// Where it is, and the admin key where there is one.
fn address(place: &Where) -> Result<(String, Option<String>), String> {
    let from_env = std::env::var("PACELINE_ADMIN_KEY").ok().filter(|key| !key.is_empty());
    if let Some(url) = &place.url {
        return Ok((url.clone(), from_env));
    }
    let loaded =
        config::load(Flags::default(), place.config.as_deref()).map_err(|error| error.to_string())?;
    let listen = loaded.config.server.listen;
    let ip = if listen.ip().is_unspecified() { "127.0.0.1".to_owned() } else { listen.ip().to_string() };
    let host = if ip.contains(':') { format!("[{ip}]") } else { ip };
    let key = loaded.config.server.admin_key.as_ref().map(|secret| secret.expose().to_owned());
    Ok((format!("http://{host}:{}", listen.port()), key.or(from_env)))
}

/// A value of a query string.
pub(crate) fn encoded(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b':');
    text.bytes().map(|b| if keep(b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}
