//! Asking a running Paceline.

use super::Where;
use crate::config::{self, Flags};
use bytes::Bytes;
use paceline_http::{Client, Exchange, HttpError, Marks, Origin, OriginConfig, Tls};
use serde_json::Value;
use std::future::poll_fn;
use std::net::SocketAddr;
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
    let door = Door::to(place)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(door.ask(method, path, body, patience))
}

/// The way to a running Paceline.
pub(crate) struct Door {
    url: String,
    authority: String,
    authorization: String,
    origin: Arc<Origin>,
    client: Arc<Client>,
}

impl Door {
    /// To the one at `place`; nothing is asked yet.
    ///
    /// # Errors
    /// When the address is none, or the configuration that has it cannot be read.
    pub(crate) fn to(place: &Where) -> Result<Self, String> {
        let (url, admin_key) = address(place)?;
        let (https, rest) = match url.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            None => (false, url.as_str()),
            Some((scheme, _)) => return Err(format!("{scheme}:// is not possible; use http:// or https://")),
        };
        let authority = rest.trim_end_matches('/').to_owned();
        let usual = if https { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') => {
                (host, port.parse().map_err(|_| format!("`{port}` is no port"))?)
            }
            _ => (authority.as_str(), usual),
        };
        let origin = origin(https, host.trim_matches(['[', ']']).to_owned(), port);
        let authorization =
            admin_key.map_or_else(String::new, |key| format!("authorization: Bearer {key}\r\n"));
        Ok(Self { url, authority, authorization, origin, client: Client::new() })
    }

    /// To the one at a socket address, for a caller with this key.
    pub(crate) fn at(address: SocketAddr, key: &str) -> Self {
        Self {
            url: format!("http://{address}"),
            authority: address.to_string(),
            authorization: format!("authorization: Bearer {key}\r\n"),
            origin: origin(false, address.ip().to_string(), address.port()),
            client: Client::new(),
        }
    }

    /// Its address, as it was given.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Asks, and reads the answer's head.
    ///
    /// # Errors
    /// In words, when nothing answers there.
    pub(crate) async fn begin(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Exchange, String> {
        self.begin_with(method, path, "", body).await
    }

    /// As [`Door::begin`], with further header lines, each with its end.
    ///
    /// # Errors
    /// In words, when nothing answers there.
    pub(crate) async fn begin_with(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: Option<&Value>,
    ) -> Result<Exchange, String> {
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\n{}{headers}{kind}content-length: {}\r\n\r\n",
            self.authority,
            self.authorization,
            body.len()
        );
        let body: &[Bytes] = if body.is_empty() { &[] } else { &[body] };
        let sent = self.client.send(&self.origin, head.as_bytes(), body, &mut Marks::default()).await;
        sent.map_err(|error| self.unreachable(&error))
    }

    /// Asks, and reads the whole answer: its status and its body.
    ///
    /// # Errors
    /// In words, when no whole answer came within `patience`.
    pub(crate) async fn whole(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        patience: Duration,
    ) -> Result<(u16, Vec<u8>), String> {
        let whole = async {
            let mut exchange = self.begin(method, path, body).await?;
            while !exchange.is_ended() {
                poll_fn(|cx| exchange.poll_more(cx)).await.map_err(|error| self.unreachable(&error))?;
            }
            Ok((exchange.head.status.as_u16(), exchange.out.to_vec()))
        };
        let late = |_| format!("no answer from {} within {} s", self.url, patience.as_secs());
        tokio::time::timeout(patience, whole).await.map_err(late)?
    }

    /// Asks for JSON.
    ///
    /// # Errors
    /// In words: it does not run, it refuses, or it says what is wrong with the question.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        patience: Duration,
    ) -> Result<Value, String> {
        let (status, body) = self.whole(method, path, body, patience).await?;
        if status != 200 {
            return Err(self.refusal(status, &body));
        }
        serde_json::from_slice(&body).map_err(|_| self.no_paceline())
    }

    /// What an answer that is no success says.
    pub(crate) fn refusal(&self, status: u16, body: &[u8]) -> String {
        let Ok(value) = serde_json::from_slice::<Value>(body) else { return self.no_paceline() };
        let said = value.pointer("/error/message").and_then(Value::as_str).unwrap_or("no reason given");
        let hint = if status == 401 { " (the admin key is read from PACELINE_ADMIN_KEY)" } else { "" };
        format!("{said}{hint}")
    }

    fn no_paceline(&self) -> String {
        format!("{} answered no JSON; is it a Paceline?", self.url)
    }

    fn unreachable(&self, error: &HttpError) -> String {
        let url = &self.url;
        format!(
            "{error}; is Paceline running at {url}? Start it with `paceline serve`, or name it with --url"
        )
    }
}

/// Few connections, kept for a while.
fn origin(https: bool, host: String, port: u16) -> Arc<Origin> {
    Origin::new(OriginConfig {
        https,
        host,
        port,
        proxy: None,
        tls: Arc::new(Tls::default()),
        connect_timeout: Duration::from_secs(5),
        max_idle: 2,
        idle_timeout: Duration::from_secs(30),
        max_age: Duration::from_mins(5),
    })
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
