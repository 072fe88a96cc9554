//! What can go wrong between us and a provider.

use std::fmt;

/// Which step failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The name was not found.
    Dns,
    /// No connection was made.
    Connect,
    /// No connection was made in time.
    ConnectTimeout,
    /// The proxy refused.
    Proxy,
    /// The TLS handshake failed.
    Tls,
    /// The request could not be sent.
    Send,
    /// The connection closed before an answer began.
    NoAnswer,
    /// The answer is not HTTP.
    BadAnswer,
    /// The answer ended before its end.
    Cut,
}

/// A failure, with the words for the person who must act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpError {
    /// Which step.
    pub what: What,
    /// What happened, without the provider's name; may be shown to callers.
    pub message: String,
}

impl HttpError {
    pub(crate) fn new(what: What, message: impl Into<String>) -> Self {
        Self { what, message: message.into() }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for HttpError {}
