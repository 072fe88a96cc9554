//! One place to send requests to, with everything about the way there decided beforehand.

use crate::proxy::Proxy;
use crate::tls::Tls;
use std::sync::Arc;
use std::time::Duration;

/// What the configuration says of a provider's address.
#[derive(Clone, Debug)]
pub struct OriginConfig {
    /// `https`?
    pub https: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The way out.
    pub proxy: Option<Proxy>,
    /// Whom to trust.
    pub tls: Arc<Tls>,
    /// How long a connection may take, name look-up and handshakes included.
    pub connect_timeout: Duration,
    /// Kept open and unused, per worker.
    pub max_idle: usize,
    /// How long unused.
    pub idle_timeout: Duration,
    /// How long used at most, so that a change of DNS is felt.
    pub max_age: Duration,
}

/// A place to send requests to.
#[derive(Debug)]
pub struct Origin {
    pub(crate) config: OriginConfig,
}

impl Origin {
    /// From its configuration.
    pub fn new(config: OriginConfig) -> Arc<Self> {
        Arc::new(Self { config })
    }

    /// The value of `host`: brackets around IPv6, the port when it is not the scheme's own.
    pub fn host_header(&self) -> String {
        let OriginConfig { https, host, port, .. } = &self.config;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let usual = if *https { 443 } else { 80 };
        if *port == usual { host } else { format!("{host}:{port}") }
    }

    /// What stands before the path in the request line: nothing, or the whole address where a proxy wants it.
    pub fn target_prefix(&self) -> String {
        if self.config.proxy.is_some() && !self.config.https {
            format!("http://{}", self.host_header())
        } else {
            String::new()
        }
    }

    /// Headers for the proxy, where requests go through one in the open; whole lines.
    pub fn proxy_lines(&self) -> String {
        match &self.config.proxy {
            Some(proxy) if !self.config.https => proxy
                .authorization()
                .map_or_else(String::new, |value| format!("proxy-authorization: {value}\r\n")),
            _ => String::new(),
        }
    }
}
