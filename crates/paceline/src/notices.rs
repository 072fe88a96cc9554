//! What people should hear of, for who watches and for metrics: counted for ever, told to all who watch, never waited for.

use paceline_types::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// Notices that a slow watcher may be behind; then it misses some and is told how many.
const BEHIND: usize = 64;
/// Providers that are counted by name; those beyond together as `other`. Names are those of configurations.
const PROVIDERS: usize = 1000;

/// What a deployment may do that is told.
pub const CHANGES: [&str; 4] = ["failing", "rate_limited", "key_refused", "recovered"];

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// When.
    pub at: Timestamp,
    /// One of [`CHANGES`], or `budget_nearly_used`.
    pub event: &'static str,
    /// Whether somebody may have to act.
    pub alert: bool,
    /// Which deployment; a provider as a whole for raw calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// Where its key comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_from: Option<String>,
    /// The same for people, as the log tells it.
    pub message: String,
}

/// All of them.
#[derive(Debug)]
pub struct Notices {
    sender: broadcast::Sender<Arc<Notice>>,
    counts: Mutex<BTreeMap<String, [u64; CHANGES.len()]>>,
}

impl Default for Notices {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(BEHIND), counts: Mutex::default() }
    }
}

impl Notices {
    fn counts(&self) -> MutexGuard<'_, BTreeMap<String, [u64; CHANGES.len()]>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells one; `provider` where it is about one.
    pub fn tell(&self, provider: Option<&str>, notice: Notice) {
        let which = CHANGES.iter().position(|change| *change == notice.event);
        if let (Some(provider), Some(which)) = (provider, which) {
            let mut counts = self.counts();
            let is_known = counts.len() < PROVIDERS || counts.contains_key(provider);
            let name = if is_known { provider } else { "other" };
            counts.entry(name.to_owned()).or_default()[which] += 1;
        }
        let _ = self.sender.send(Arc::new(notice));
    }

    /// How often what happened to the deployments of each provider since the start, in the order of [`CHANGES`].
    pub fn counted(&self) -> BTreeMap<String, [u64; CHANGES.len()]> {
        self.counts().clone()
    }

    /// Begins to watch.
    pub fn watch(&self) -> broadcast::Receiver<Arc<Notice>> {
        self.sender.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::{Notice, Notices, PROVIDERS};
    use paceline_types::time::Timestamp;

    #[test]
    fn providers_beyond_the_bound_are_counted_together() {
        let notices = Notices::default();
        let notice = |event| {
            let message = String::new();
            Notice { at: Timestamp(0), event, alert: true, deployment: None, key_from: None, message }
        };
        for at in 0..PROVIDERS + 2 {
            notices.tell(Some(&format!("p{at}")), notice("key_refused"));
        }
        notices.tell(Some("p0"), notice("recovered"));
        notices.tell(None, notice("budget_nearly_used"));
        let counted = notices.counted();
        assert_eq!(
            (counted.len(), counted["p0"], counted["other"]),
            (PROVIDERS + 1, [0, 0, 1, 1], [0, 0, 2, 0])
        );
    }
}
