//! Whose next calls are captured: how many are left, and until when.

use crate::ledger::AccountName;
use paceline_http::clock;
use paceline_types::record::Caller;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// One caller's captures. A call costs one relaxed load while nothing is captured.
#[derive(Debug)]
pub(crate) struct Capture {
    left: AtomicU32,
    /// When it expires, in milliseconds since `began`.
    until_ms: AtomicU64,
    began: Instant,
}

impl Capture {
    /// Whether the call that begins now is captured; it is counted then.
    pub(crate) fn takes(&self) -> bool {
        self.left.load(Ordering::Relaxed) != 0 && self.takes_one()
    }

    #[cold]
    fn takes_one(&self) -> bool {
        if self.time_left().is_zero() {
            self.left.store(0, Ordering::Relaxed);
            return false;
        }
        let one_less = |left: u32| left.checked_sub(1);
        self.left.fetch_update(Ordering::Acquire, Ordering::Relaxed, one_less).is_ok()
    }

    fn time_left(&self) -> Duration {
        let until = Duration::from_millis(self.until_ms.load(Ordering::Relaxed));
        until.saturating_sub(clock::now().saturating_duration_since(self.began))
    }

    fn start(&self, calls: u32, time: Duration) {
        let until = (clock::now().saturating_duration_since(self.began) + time).as_millis() as u64;
        self.until_ms.store(until, Ordering::Relaxed);
        // After the time: who sees the count sees no expiry of before.
        self.left.store(calls, Ordering::Release);
    }
}

/// A capture that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The key's name; `None` for calls without a key.
    pub key: Option<String>,
    /// Calls that are still to be captured.
    pub calls_left: u32,
    /// Time that is left for them.
    pub time_left: Duration,
}

/// There is no such key to capture calls of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKey {
    /// What was asked for; `None`: calls without a key.
    pub key: Option<String>,
    /// The names that there are; with none, calls need no key.
    pub known: Vec<String>,
}

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "there is no key `{key}`")?,
            None => f.write_str("calls need a key here, so say whose")?,
        }
        if self.known.is_empty() {
            return f.write_str("; no keys are configured: leave the key out to capture calls without one");
        }
        write!(f, "; the keys are {}", self.known.join(", "))
    }
}

impl std::error::Error for UnknownKey {}

/// The captures of all callers; like their accounts they survive a reload, and unlike them not the process.
#[derive(Debug)]
pub(crate) struct Captures {
    began: Instant,
    /// One for each caller of the configurations so far.
    all: RwLock<BTreeMap<AccountName, Arc<Capture>>>,
}

impl Default for Captures {
    fn default() -> Self {
        Self { began: clock::now(), all: RwLock::default() }
    }
}

impl Captures {
    /// The capture of a caller.
    pub(crate) fn of(&self, caller: &Caller) -> Arc<Capture> {
        let key = caller.key.clone().unwrap_or_else(|| "".into());
        let name = (Arc::clone(&caller.tenant), Arc::clone(&caller.workspace), key);
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let new =
            || Arc::new(Capture { left: AtomicU32::new(0), until_ms: AtomicU64::new(0), began: self.began });
        Arc::clone(all.entry(name).or_insert_with(new))
    }

    /// Captures the next `calls` of a caller, for `time` at most; one that is under way begins anew.
    pub(crate) fn start(&self, caller: &Caller, calls: u32, time: Duration) {
        self.of(caller).start(calls, time);
    }

    /// Ends the captures of that key, `None` for calls without one; `false` where there was none.
    pub(crate) fn end(&self, key: Option<&str>) -> bool {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let named = all.iter().filter(|((_, _, name), _)| &**name == key.unwrap_or_default());
        let mut was_running = false;
        for (_, capture) in named {
            let in_time = !capture.time_left().is_zero();
            was_running |= capture.left.swap(0, Ordering::Relaxed) > 0 && in_time;
        }
        was_running
    }

    /// The captures under way.
    pub(crate) fn running(&self) -> Vec<Running> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let running = all.iter().map(|((_, _, key), capture)| Running {
            key: Some(key.to_string()).filter(|key| !key.is_empty()),
            calls_left: capture.left.load(Ordering::Relaxed),
            time_left: capture.time_left(),
        });
        running.filter(|one| one.calls_left > 0 && !one.time_left.is_zero()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Captures, Running};
    use paceline_types::record::Caller;
    use std::time::Duration;

    fn caller(key: Option<&str>) -> Caller {
        Caller { tenant: "t".into(), workspace: "w".into(), key: key.map(Into::into) }
    }

    #[test]
    fn so_many_calls_are_taken_and_no_more() {
        let captures = Captures::default();
        let (mine, other) = (captures.of(&caller(Some("a"))), captures.of(&caller(None)));
        assert!(!mine.takes() && captures.running().is_empty());
        captures.start(&caller(Some("a")), 2, Duration::from_mins(1));
        let running = captures.running();
        assert!(matches!(&running[..], [Running { key: Some(key), calls_left: 2, .. }] if key == "a"));
        assert_eq!([mine.takes(), mine.takes(), mine.takes(), other.takes()], [true, true, false, false]);
        assert!(captures.running().is_empty());
    }

    #[test]
    fn a_caller_of_the_next_configuration_has_the_same_capture() {
        let captures = Captures::default();
        let (before, after) = (captures.of(&caller(Some("a"))), captures.of(&caller(Some("a"))));
        captures.start(&caller(Some("a")), 2, Duration::from_mins(1));
        assert_eq!([before.takes(), after.takes(), before.takes()], [true, true, false]);
    }

    #[test]
    fn one_that_has_expired_or_was_ended_takes_none() {
        let captures = Captures::default();
        let mine = captures.of(&caller(None));
        captures.start(&caller(None), 5, Duration::ZERO);
        assert!(captures.running().is_empty() && !captures.end(None) && !mine.takes());
        captures.start(&caller(None), 5, Duration::from_mins(1));
        assert!(captures.end(None) && !captures.end(None) && !mine.takes());
    }
}
