//! The end of the process: how it is announced, and how calls learn that their time is over.

use crate::refuse::Fail;
use http::StatusCode;
use paceline_types::error::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// What a caller is told to wait before it tries again: by then another instance, or this one anew, may answer.
const RETRY_AFTER_MS: u64 = 1000;

/// How long an end may take, from the signal on.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long new connections are still taken, so that load balancers see that readiness is off; `limit` at most.
    pub ready: Duration,
    /// How long calls under way may go on.
    pub limit: Duration,
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Calls come and go.
    Serving,
    /// No connection is taken; each closes when it owes nothing.
    Closing,
    /// Calls still under way are ended.
    Cut,
}

/// Shared by the server, which ends, and by calls. A call reads flags only; the watch wakes who waits.
#[derive(Debug)]
pub(crate) struct Drain {
    announced: AtomicBool,
    cut: AtomicBool,
    phase: watch::Sender<Phase>,
}

impl Default for Drain {
    fn default() -> Self {
        let [announced, cut] = [(); 2].map(|()| AtomicBool::new(false));
        Self { announced, cut, phase: watch::Sender::new(Phase::Serving) }
    }
}

impl Drain {
    /// From now on each answer is its connection's last.
    pub(crate) fn announce(&self) {
        self.announced.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_announced(&self) -> bool {
        self.announced.load(Ordering::Relaxed)
    }

    /// From now on connections close as soon as they owe nothing.
    pub(crate) fn close(&self) {
        self.phase.send_replace(Phase::Closing);
    }

    /// From now on calls end, whole or not.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
        self.phase.send_replace(Phase::Cut);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    /// Tells of every further phase.
    pub(crate) fn phases(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Over once no more calls come.
    pub(crate) async fn until_closing(&self) {
        let _ = self.phases().wait_for(|phase| *phase >= Phase::Closing).await;
    }

    /// Over once calls are to end.
    pub(crate) async fn until_cut(&self) {
        // The sender is ours: there always is one.
        let _ = self.phases().wait_for(|phase| *phase == Phase::Cut).await;
    }
}

/// What a call is told whose time is over.
pub(crate) fn cut_off() -> Fail {
    let message = "Paceline is being stopped and this call did not end in time (server.drain_ms); try again";
    let fail =
        Fail::upstream(StatusCode::SERVICE_UNAVAILABLE, ErrorKind::Overloaded, "gateway_draining", message);
    Fail { retry_after_ms: Some(RETRY_AFTER_MS), ..fail }
}
