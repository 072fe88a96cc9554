//! Bodies of calls that somebody asked to see, as they are stored: redacted, cut, for some days.

use paceline_types::id::CallId;
use paceline_types::time::Timestamp;
use std::time::Duration;

/// Bytes that all bodies may take on disk; the oldest go first. Of a small history they take a quarter at most.
pub(crate) const DISK_BYTES: u64 = 256 << 20;
/// The same in memory.
pub(crate) const MEMORY_BYTES: u64 = 64 << 20;
/// How long bodies are kept unless told otherwise.
pub(crate) const KEEP: Duration = Duration::from_hours(7 * 24);

/// One body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// As the sender named it.
    pub content_type: Option<String>,
    /// How long it was when it came, in bytes.
    pub length: u64,
    /// Whether only its beginning is kept.
    pub cut: bool,
    /// What is kept of it, redacted; `None` where it is no text.
    pub text: Option<String>,
}

/// The bodies of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bodies {
    /// Which call.
    pub id: CallId,
    /// When it started.
    pub started_at: Timestamp,
    /// What the caller sent; `None` where there was no body.
    pub request: Option<Body>,
    /// What the caller got; `None` where nothing was sent.
    pub answer: Option<Body>,
}

impl Bodies {
    /// Bytes that they take.
    pub fn bytes(&self) -> u64 {
        let held =
            |body: &Option<Body>| body.as_ref().and_then(|body| body.text.as_ref()).map_or(0, String::len);
        (held(&self.request) + held(&self.answer) + 128) as u64
    }
}

/// Of what time bodies are still kept at `now`.
pub(crate) fn oldest(now: Timestamp, keep: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(keep.as_micros() as i64))
}
