//! From a name to a connection that can carry a request.

use crate::conn::{Conn, Io};
use crate::error::{HttpError, What};
use crate::origin::{Origin, OriginConfig};
use crate::proxy::Proxy;
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

const KEEPALIVE: Duration = Duration::from_secs(30);

/// Opens a connection within the origin's connect timeout.
pub(crate) async fn dial(origin: &Origin) -> Result<Conn, HttpError> {
    let limit = origin.config.connect_timeout;
    let late = || {
        let OriginConfig { host, port, .. } = &origin.config;
        HttpError::new(
            What::ConnectTimeout,
            format!("no connection to {host}:{port} within {} ms", limit.as_millis()),
        )
    };
    timeout(limit, connect(&origin.config)).await.map_err(|_| late())?
}

async fn connect(config: &OriginConfig) -> Result<Conn, HttpError> {
    let (host, port) = match &config.proxy {
        Some(proxy) => (proxy.host.as_str(), proxy.port),
        None => (config.host.as_str(), config.port),
    };
    let mut stream = tcp(host, port).await?;
    let _ = stream.set_nodelay(true);
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive);
    if !config.https {
        return Ok(Conn::new(Io::Plain(stream)));
    }
    if let Some(proxy) = &config.proxy {
        tunnel(&mut stream, proxy, config).await?;
    }
    let fail = |error: String| HttpError::new(What::Tls, format!("TLS with {}: {error}", config.host));
    let name = ServerName::try_from(config.host.clone()).map_err(|error| fail(error.to_string()))?;
    let connector = TlsConnector::from(config.tls.config()?);
    let stream = connector.connect(name, stream).await.map_err(|error| fail(error.to_string()))?;
    Ok(Conn::new(Io::Tls(Box::new(stream))))
}

/// Tries the addresses of a name in turn; each gets an equal share of patience by the caller's own timeout.
async fn tcp(host: &str, port: u16) -> Result<TcpStream, HttpError> {
    let found: io::Result<Vec<SocketAddr>> = match host.parse() {
        Ok(ip) => Ok(vec![SocketAddr::new(ip, port)]),
        Err(_) => tokio::net::lookup_host((host, port)).await.map(Iterator::collect),
    };
    let addresses = found
        .map_err(|error| HttpError::new(What::Dns, format!("the name {host} was not found: {error}")))?;
    let mut last = HttpError::new(What::Dns, format!("the name {host} has no address"));
    for (at, address) in addresses.iter().enumerate() {
        let is_last = at + 1 == addresses.len();
        let attempt = TcpStream::connect(address);
        // One address that swallows packets must not use up the time of those after it.
        let outcome = if is_last { attempt.await } else { give(attempt, Duration::from_millis(1500)).await };
        match outcome {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                last = HttpError::new(What::Connect, format!("no connection to {host}:{port}: {error}"));
            }
        }
    }
    Err(last)
}

async fn give<T>(attempt: impl Future<Output = io::Result<T>>, patience: Duration) -> io::Result<T> {
    timeout(patience, attempt).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Asks a proxy for a tunnel (RFC 9110 §9.3.6).
async fn tunnel(stream: &mut TcpStream, proxy: &Proxy, config: &OriginConfig) -> Result<(), HttpError> {
    let fail = |message: String| {
        HttpError::new(What::Proxy, format!("proxy {}:{}: {message}", proxy.host, proxy.port))
    };
    let host = if config.host.contains(':') { format!("[{}]", config.host) } else { config.host.clone() };
    let place = format!("{host}:{}", config.port);
    let authorization =
        proxy.authorization().map_or_else(String::new, |value| format!("proxy-authorization: {value}\r\n"));
    let ask = format!("CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n{authorization}\r\n");
    stream.write_all(ask.as_bytes()).await.map_err(|error| fail(error.to_string()))?;
    let mut answer = Vec::with_capacity(256);
    // Byte by byte: what follows the head belongs to the handshake.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() > 8192 {
            return Err(fail("its answer is too long".into()));
        }
        answer.push(stream.read_u8().await.map_err(|error| fail(error.to_string()))?);
    }
    let text = String::from_utf8_lossy(&answer);
    let status = text.split(' ').nth(1).unwrap_or_default();
    if status == "200" { Ok(()) } else { Err(fail(format!("it answered {status} to CONNECT {place}"))) }
}
