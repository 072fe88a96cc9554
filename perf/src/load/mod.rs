//! The load generator: drives calls at a pace, checks every answer, and counts within one window.

mod closed;
mod connection;
mod open;
mod tally;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

pub(crate) use connection::{Lane, Plan};
pub(crate) use tally::Tally;

use crate::cases::Pace;
use crate::error::{Error, Result};
use tally::Shared;

/// Longest a call may go on after the window before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(12);

/// How long a measurement lasts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Calls before the count starts.
    pub(crate) warm_up: Duration,
    /// The part that counts.
    pub(crate) count: Duration,
}

/// One measurement.
pub(crate) struct Outcome<S> {
    /// What was counted.
    pub(crate) tally: Tally,
    /// Length of the counted part.
    pub(crate) elapsed: Duration,
    /// The sample taken when the count began.
    pub(crate) before: S,
    /// The sample taken when it ended.
    pub(crate) after: S,
}

/// Drives `plan` at `pace` and takes a `sample` at both ends of the window. Needs a `LocalSet`.
pub(crate) async fn drive<S>(
    plan: Plan,
    pace: Pace,
    window: Window,
    sample: impl Fn() -> Result<S>,
) -> Result<Outcome<S>> {
    let (plan, shared) = (Rc::new(plan), Rc::new(Shared::new(u64::MAX)?));
    let workers = {
        let (plan, shared) = (Rc::clone(&plan), Rc::clone(&shared));
        tokio::task::spawn_local(async move {
            match pace {
                Pace::Closed { connections } => closed::run(plan, shared, connections).await,
                Pace::Open { per_second } => open::run(plan, shared, per_second).await,
            }
        })
    };
    tokio::time::sleep(window.warm_up).await;
    let before = sample()?;
    let start = Instant::now();
    shared.counting.set(true);
    tokio::time::sleep(window.count).await;
    shared.counting.set(false);
    let elapsed = start.elapsed();
    let after = sample()?;
    shared.stop.set(true);
    let abort = workers.abort_handle();
    match tokio::time::timeout(PATIENCE, workers).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => shared.failed(&error),
        Ok(Err(error)) => shared.failed(&Error(error.to_string())),
        Err(_) => {
            abort.abort();
            shared.failed(&Error(format!("a call was still open {} s after the window", PATIENCE.as_secs())));
        }
    }
    Ok(Outcome { tally: shared.counted(), elapsed, before, after })
}

/// Sends a fixed number of calls over `connections` connections, one after the other on each.
pub(crate) async fn fixed(plan: Plan, connections: usize, calls: u64) -> Result<Tally> {
    let (plan, shared) = (Rc::new(plan), Rc::new(Shared::new(calls)?));
    shared.counting.set(true);
    closed::run(plan, Rc::clone(&shared), connections).await?;
    Ok(shared.counted())
}

/// Where calls go.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Address connected to.
    pub(crate) address: SocketAddr,
    /// Path of the request.
    pub(crate) path: String,
}

impl Target {
    /// The chat completions of a server on this machine.
    pub(crate) fn local(port: u16) -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), path: "/v1/chat/completions".to_owned() }
    }
}
