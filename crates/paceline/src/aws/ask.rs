//! One short question over HTTP to a service that gives credentials.

use bytes::Bytes;
use paceline_http::{Client, HttpError, Marks, Origin, OriginConfig, Tls};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

/// The longest answer taken.
const MAX_BYTES: usize = 64 << 10;

/// An address of a service.
#[derive(Debug)]
pub(super) struct Address {
    /// As it was written.
    pub(super) url: String,
    pub(super) https: bool,
    /// Without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query.
    pub(super) path: String,
}

impl Address {
    /// Takes an address apart; a user name in it is refused.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let url = url.trim();
        let bad = || "is no address (e.g. http://169.254.170.2/v2/credentials)".to_owned();
        let uri: http::Uri = url.parse().map_err(|_| bad())?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(bad()),
        };
        let authority =
            uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(bad)?;
        let host = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
        if host.is_empty() {
            return Err(bad());
        }
        Ok(Self {
            url: url.to_owned(),
            https,
            host,
            port: authority.port_u16().unwrap_or(if https { 443 } else { 80 }),
            path: uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned(),
        })
    }

    fn origin(&self, patience: Duration) -> Arc<Origin> {
        Origin::new(OriginConfig {
            https: self.https,
            host: self.host.clone(),
            port: self.port,
            // These services are on this machine or beside it; a proxy would hand our credentials to others.
            proxy: None,
            tls: Arc::new(Tls::default()),
            connect_timeout: patience,
            max_idle: 0,
            idle_timeout: Duration::ZERO,
            max_age: Duration::ZERO,
        })
    }
}

/// An answer: its status and body.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Asks for `path` at an address; the error is in words and begins with the address.
pub(super) async fn ask(
    address: &Address,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    patience: Duration,
) -> Result<Answer, String> {
    let origin = address.origin(patience);
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", origin.host_header());
    for (name, value) in headers {
        if value.bytes().any(|b| b.is_ascii_control()) {
            return Err(format!("{}: the value for `{name}` has control characters", address.url));
        }
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("accept: */*\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    match tokio::time::timeout(patience, fetch(&origin, head.as_bytes())).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("{}: {error}", address.url)),
        Err(_) => Err(format!("{}: no answer within {} s", address.url, patience.as_secs_f32())),
    }
}

async fn fetch(origin: &Arc<Origin>, head: &[u8]) -> Result<Answer, HttpError> {
    let body: &[Bytes] = &[];
    let mut exchange = Client::new().send(origin, head, body, &mut Marks::default()).await?;
    while !exchange.is_ended() && exchange.out.len() <= MAX_BYTES {
        poll_fn(|cx| exchange.poll_more(cx)).await?;
    }
    let mut body = exchange.out.to_vec();
    body.truncate(MAX_BYTES);
    Ok(Answer { status: exchange.head.status.as_u16(), body })
}
