//! How long a call may take: which patience ends next, and how its end is told (G10).

use crate::call::Call;
use crate::refuse::Fail;
use http::{HeaderMap, StatusCode};
use paceline_routing::plan::Patience;
use paceline_types::error::ErrorKind;
use std::time::{Duration, Instant};

/// When a call's patience ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    began: Instant,
    call_began: Instant,
    pub(crate) patience: Patience,
    pub(crate) stream: bool,
    /// What the caller itself allows (`x-paceline-timeout-ms`).
    allowed: Option<Duration>,
}

/// What the caller itself allows.
pub(crate) fn allowed(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("x-paceline-timeout-ms")?;
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_millis)
}

/// Until when a call may be tried.
pub(crate) fn deadline_of(call: &mut Call, patience: &Patience) -> Instant {
    let is_stream = call.record().is_some_and(|record| record.stream);
    let total = if is_stream { patience.stream_total } else { patience.total };
    call.started + call.allowed.map_or(total, |allowed| allowed.min(total))
}

impl Limits {
    pub(crate) fn new(
        call_began: Instant,
        began: Instant,
        patience: Patience,
        stream: bool,
        allowed: Option<Duration>,
    ) -> Self {
        Self { began, call_began, patience, stream, allowed }
    }

    fn total(&self) -> Duration {
        let total = if self.stream { self.patience.stream_total } else { self.patience.total };
        self.allowed.map_or(total, |allowed| allowed.min(total))
    }

    pub(crate) fn total_deadline(&self) -> Instant {
        self.call_began + self.total()
    }

    /// The head of a stream must come before its first token must.
    pub(crate) fn head_deadline(&self) -> Instant {
        if self.stream {
            self.first_token_deadline().min(self.total_deadline())
        } else {
            self.total_deadline()
        }
    }

    pub(crate) fn first_token_deadline(&self) -> Instant {
        self.began + self.patience.first_token
    }

    pub(crate) fn late_head(&self, provider: &str) -> Fail {
        if self.stream && self.first_token_deadline() < self.total_deadline() {
            self.late_first_token(provider)
        } else {
            self.late_total(provider)
        }
    }

    pub(crate) fn late_first_token(&self, provider: &str) -> Fail {
        let advice = "try a shorter prompt or a faster model, or raise timeouts.first_token_ms";
        late("first_token_timeout", provider, "no first token", self.patience.first_token, advice)
    }

    pub(crate) fn late_total(&self, provider: &str) -> Fail {
        let (setting, what) = if self.stream {
            ("timeouts.stream_total_ms", "the stream did not end")
        } else {
            ("timeouts.total_ms", "no whole answer")
        };
        let advice = match self.allowed {
            Some(allowed) if allowed <= self.total() => {
                "the caller's x-paceline-timeout-ms allows no more".to_owned()
            }
            _ => format!("try a shorter answer (max_tokens) or a faster model, or raise {setting}"),
        };
        let mut fail = late("total_timeout", provider, what, self.total(), &advice);
        fail.callers_time = self.allowed.is_some_and(|allowed| allowed <= self.total());
        fail
    }

    pub(crate) fn late_slow(&self, provider: &str) -> Fail {
        let least = self.patience.least_tokens_per_s;
        let message = format!(
            "provider {provider}: the stream came slower than {least} tokens a second; try a faster model, or lower timeouts.min_tokens_per_s"
        );
        Fail::upstream(StatusCode::GATEWAY_TIMEOUT, ErrorKind::Timeout, "stream_too_slow", message)
    }

    pub(crate) fn late_idle(&self, provider: &str) -> Fail {
        let advice = "the provider stalled: try again or another provider, or raise timeouts.idle_ms";
        late("idle_timeout", provider, "nothing came", self.patience.idle, advice)
    }
}

fn late(code: &'static str, provider: &str, what: &str, waited: Duration, advice: &str) -> Fail {
    let message = format!("provider {provider}: {what} within {} s; {advice}", waited.as_secs_f64());
    Fail::upstream(StatusCode::GATEWAY_TIMEOUT, ErrorKind::Timeout, code, message)
}
