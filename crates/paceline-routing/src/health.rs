//! How a place fares: told to wait (429), failing (5xx, time limits), or refusing our key; each ends in its own way.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// When a place is left alone, and for how long (G9).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthPolicy {
    /// Failures in a row that open the breaker.
    pub failures: u32,
    /// How long it stays open the first time; doubled each time after.
    pub open: Duration,
    /// The longest it stays open.
    pub open_max: Duration,
    /// How long after reopening a place gets less than its share.
    pub slow_start: Duration,
    /// How long a place that answers 429 without saying how long is left alone the first time; doubled each time after.
    pub gate: Duration,
    /// The longest of these, and of what a provider may ask.
    pub gate_max: Duration,
    /// How often a refused key is tried again.
    pub key_retry: Duration,
}

impl Default for HealthPolicy {
    fn default() -> Self {
        Self {
            failures: 5,
            open: Duration::from_secs(1),
            open_max: Duration::from_mins(1),
            slow_start: Duration::from_secs(30),
            gate: Duration::from_secs(1),
            gate_max: Duration::from_mins(10),
            key_retry: Duration::from_mins(5),
        }
    }
}

/// Why a place is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// It said so, by 429.
    RateLimited,
    /// It failed several times in a row.
    Failing,
    /// It refuses our key or account.
    KeyRefused,
}

impl Why {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Failing => "failing",
            Self::KeyRefused => "key_refused",
        }
    }
}

/// Whether a place may be asked now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It may.
    Ready,
    /// It has just come back and gets this share of what it would get.
    Slow(f64),
    /// One call may see whether it is back.
    Probe,
    /// It is left alone until then.
    Closed {
        /// Why.
        why: Why,
        /// When it may be asked again.
        until: Instant,
    },
}

/// How an attempt ended, as far as it tells about the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// An answer, or a refusal that is the caller's fault: it works.
    Well,
    /// 429, with how long it asks to wait.
    RateLimited(Option<Duration>),
    /// A 5xx, a time limit, no connection, a broken answer.
    Failed,
    /// 401, 402, 403: our key or account.
    KeyRefused,
    /// Nothing is known: the caller went away.
    Nothing,
}

/// A change that people should hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The breaker opened after so many failures in a row, for so long.
    Opened(u32, Duration),
    /// It answers again.
    Recovered(Why),
    /// It asked to be left alone for so long.
    Gated(Duration),
    /// It refuses our key.
    KeyRefused,
}

#[derive(Debug, Default)]
struct Inner {
    /// Until when 429 keeps it closed, and how many in a row without a time.
    gate: Option<Instant>,
    untimed: u32,
    /// Until when the breaker is open, how many times in a row it opened, and when last.
    open: Option<Instant>,
    opened: u32,
    opened_at: Option<Instant>,
    /// Until when its key is out.
    key_out: Option<Instant>,
    /// One call is under way to see whether it is back.
    probing: Option<Instant>,
    /// When it came back.
    back: Option<Instant>,
}

/// The health of one place: provider, key and model.
#[derive(Debug, Default)]
pub struct Health {
    /// Something is wrong or was lately: look under the lock. Without it, asking costs one load.
    troubled: AtomicBool,
    failures: AtomicU32,
    inner: Mutex<Inner>,
}

/// A probe that nobody reported on is given up after so long.
const PROBE_LOST: Duration = Duration::from_mins(2);

impl Health {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it may be asked now; changes nothing.
    pub fn look(&self, now: Instant, policy: &HealthPolicy) -> Verdict {
        if !self.troubled.load(Ordering::Acquire) {
            return Verdict::Ready;
        }
        self.inner().verdict(now, policy)
    }

    /// As [`Health::look`]; where the verdict is [`Verdict::Probe`], the asker is the one, and must report.
    pub fn enter(&self, now: Instant, policy: &HealthPolicy) -> Verdict {
        if !self.troubled.load(Ordering::Acquire) {
            return Verdict::Ready;
        }
        let mut inner = self.inner();
        let verdict = inner.verdict(now, policy);
        if verdict == Verdict::Probe {
            inner.probing = Some(now);
        }
        if verdict == Verdict::Ready && inner.is_clear() {
            self.troubled.store(false, Ordering::Release);
        }
        verdict
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    /// As [`Health::report_of`], of an attempt that began just now.
    pub fn report(&self, sign: Sign, now: Instant, chance: f64, policy: &HealthPolicy) -> Option<Change> {
        self.report_of(now, sign, now, chance, policy)
    }

    /// Takes in how an attempt that began then ended; `chance` (0 to 1) spreads the times of probes. Returns what people
    /// should hear of.
    pub fn report_of(
        &self,
        began: Instant,
        sign: Sign,
        now: Instant,
        chance: f64,
        policy: &HealthPolicy,
    ) -> Option<Change> {
        match sign {
            Sign::Well => self.well(now),
            Sign::Nothing => {
                if self.troubled.load(Ordering::Acquire) {
                    self.inner().end_probe(began);
                }
                None
            }
            Sign::RateLimited(asked) => {
                let mut inner = self.inner();
                self.troubled.store(true, Ordering::Release);
                inner.end_probe(began);
                let wait = match asked {
                    Some(asked) => asked.min(policy.gate_max),
                    None => {
                        let wait = policy.gate.saturating_mul(2u32.saturating_pow(inner.untimed));
                        inner.untimed = inner.untimed.saturating_add(1);
                        wait.min(Duration::from_mins(1)).min(policy.gate_max)
                    }
                };
                let until = now + wait;
                let is_new = inner.gate.is_none_or(|gate| gate <= now);
                inner.gate = Some(inner.gate.map_or(until, |gate| gate.max(until)));
                is_new.then_some(Change::Gated(wait))
            }
            Sign::Failed => {
                let failures = self.failures.fetch_add(1, Ordering::AcqRel).saturating_add(1);
                let mut inner = self.inner();
                let probed = inner.end_probe(began);
                let is_open = inner.open.is_some_and(|open| open > now);
                // What was under way as the breaker opened tells nothing that is not known.
                let is_late = inner.opened_at.is_some_and(|opened| began < opened);
                if (failures < policy.failures && !probed) || is_open || is_late {
                    return None;
                }
                self.troubled.store(true, Ordering::Release);
                let wait = policy.open.saturating_mul(2u32.saturating_pow(inner.opened)).min(policy.open_max);
                // Between all and one and a half of it, so that many gateways do not probe together.
                let wait = wait.mul_f64(1.0 + chance.clamp(0.0, 1.0) / 2.0);
                inner.opened = inner.opened.saturating_add(1);
                inner.open = Some(now + wait);
                inner.opened_at = Some(now);
                inner.back = None;
                (inner.opened == 1).then_some(Change::Opened(failures, wait))
            }
            Sign::KeyRefused => {
                let mut inner = self.inner();
                self.troubled.store(true, Ordering::Release);
                inner.end_probe(began);
                let is_new = inner.key_out.is_none();
                inner.key_out = Some(now + policy.key_retry);
                is_new.then_some(Change::KeyRefused)
            }
        }
    }

    fn well(&self, now: Instant) -> Option<Change> {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        if !self.troubled.load(Ordering::Acquire) {
            return None;
        }
        let mut inner = self.inner();
        inner.probing = None;
        inner.untimed = 0;
        let change = if inner.key_out.is_some() {
            Some(Change::Recovered(Why::KeyRefused))
        } else if inner.open.is_some() {
            Some(Change::Recovered(Why::Failing))
        } else {
            None
        };
        if inner.open.take().is_some() {
            inner.back = Some(now);
        }
        (inner.opened, inner.opened_at, inner.key_out) = (0, None, None);
        // A gate ends by its own time: an answer to an older call says nothing about it.
        if inner.gate.is_some_and(|gate| gate <= now) {
            inner.gate = None;
        }
        change
    }
}

impl Inner {
    fn is_clear(&self) -> bool {
        self.gate.is_none() && self.open.is_none() && self.key_out.is_none() && self.back.is_none()
    }

    /// The probe is over where an attempt that began then was it: who was under way before the probe leaves it alone, or
    /// there would soon be two. Whether it was.
    fn end_probe(&mut self, began: Instant) -> bool {
        let was_it = self.probing.is_some_and(|since| began >= since);
        if was_it {
            self.probing = None;
        }
        was_it
    }

    fn verdict(&mut self, now: Instant, policy: &HealthPolicy) -> Verdict {
        let closed = |why, until| Verdict::Closed { why, until };
        match self.gate {
            Some(gate) if gate > now => return closed(Why::RateLimited, gate),
            _ => self.gate = None,
        }
        let out = self.key_out.map(|until| (Why::KeyRefused, until));
        if let Some((why, until)) = out.or(self.open.map(|until| (Why::Failing, until))) {
            if until > now {
                return closed(why, until);
            }
            return match self.probing {
                Some(since) if now.saturating_duration_since(since) < PROBE_LOST => {
                    closed(why, since + PROBE_LOST)
                }
                _ => Verdict::Probe,
            };
        }
        match self.back.map(|back| now.saturating_duration_since(back)) {
            Some(since) if since < policy.slow_start => {
                let share = since.as_secs_f64() / policy.slow_start.as_secs_f64();
                Verdict::Slow(0.1 + 0.9 * share)
            }
            _ => {
                self.back = None;
                Verdict::Ready
            }
        }
    }
}

#[cfg(test)]
#[path = "health_test.rs"]
mod tests;
