//! The closed loop: each connection starts its next call when the last one has ended.

use std::rc::Rc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::connection::{Lane, Plan};
use super::tally::Shared;
use crate::error::{Context, Result};

/// Runs until told to stop or until no call is left.
pub(super) async fn run(plan: Rc<Plan>, shared: Rc<Shared>, connections: usize) -> Result<()> {
    let mut workers = JoinSet::new();
    for _ in 0..connections {
        let (plan, shared) = (Rc::clone(&plan), Rc::clone(&shared));
        workers.spawn_local(async move { worker(&plan, &shared).await });
    }
    while let Some(ended) = workers.join_next().await {
        ended.context("worker")?;
    }
    Ok(())
}

async fn worker(plan: &Plan, shared: &Shared) {
    let mut lane = Lane::new();
    while shared.admit() {
        let start = Instant::now();
        match lane.call(plan).await {
            Ok(call) if shared.counting.get() => shared.with(|tally| {
                tally.calls += 1;
                tally.note(call.end - start, call.first - start);
            }),
            Ok(_) => {}
            Err(error) => shared.failed(&error),
        }
    }
    shared.with(|tally| tally.reconnects += lane.reconnects());
}
