//! The open loop: calls start on schedule, and latency counts from the intended start.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::connection::{Lane, Plan};
use super::tally::Shared;
use crate::alarm::Alarm;
use crate::error::{Context, Result, fail};

/// More calls under way than this: the gateway cannot keep the schedule.
const MAX_UNDER_WAY: usize = 1_000;
const GOLDEN: f64 = 0.618_033_988_749_895;

/// When call number `index` is meant to start. Spread within its slot, always in the same way, so that calls do not
/// fall in step with the pauses of the streams.
fn offset(index: u64, per_second: u32) -> Duration {
    let index = index as f64;
    Duration::from_secs_f64((index + (index * GOLDEN).fract()) / f64::from(per_second))
}

/// Starts calls until told to stop, then waits for those under way.
pub(super) async fn run(plan: Rc<Plan>, shared: Rc<Shared>, per_second: u32) -> Result<()> {
    let mut alarm = Alarm::new()?;
    let idle: Rc<RefCell<Vec<Lane>>> = Rc::default();
    let mut calls = JoinSet::new();
    let start = Instant::now();
    for index in 0.. {
        let intended = start + offset(index, per_second);
        alarm.until(intended).await?;
        while calls.try_join_next().is_some() {}
        if !shared.admit() {
            break;
        }
        if calls.len() > MAX_UNDER_WAY {
            shared.stop.set(true);
            return fail(format!("cannot keep the schedule: {MAX_UNDER_WAY} calls under way"));
        }
        let (plan, shared, idle) = (Rc::clone(&plan), Rc::clone(&shared), Rc::clone(&idle));
        calls.spawn_local(async move { one(&plan, &shared, &idle, intended).await });
    }
    while let Some(ended) = calls.join_next().await {
        ended.context("call")?;
    }
    shared.with(|tally| tally.reconnects += idle.borrow().iter().map(Lane::reconnects).sum::<u64>());
    Ok(())
}

async fn one(plan: &Plan, shared: &Shared, idle: &RefCell<Vec<Lane>>, intended: Instant) {
    // Latency belongs to the calls meant to start in the window, however late they end; the number of calls to
    // those that end in it, as the processor time is read at its two ends.
    let counts = shared.counting.get();
    let delay = intended.elapsed();
    let lane = idle.borrow_mut().pop();
    let mut lane = lane.unwrap_or_else(Lane::new);
    match lane.call(plan).await {
        Ok(call) => {
            let ended_in_window = shared.counting.get();
            shared.with(|tally| {
                tally.calls += u64::from(ended_in_window);
                if counts {
                    tally.note(call.end - intended, call.first - intended);
                    tally.note_late(delay);
                }
            });
        }
        Err(error) => shared.failed(&error),
    }
    idle.borrow_mut().push(lane);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_keeps_its_rate_and_order_and_is_spread_over_the_pause_of_a_stream() {
        let pause = crate::upstream::EVENT_PAUSE.as_secs_f64();
        let mut phases = [0_usize; 10];
        for index in 0..600 {
            assert!(offset(index + 1, 60) > offset(index, 60));
            let phase = offset(index, 60).as_secs_f64() / pause;
            phases[(phase.fract() * 10.0) as usize] += 1;
        }
        assert!((9.99..10.02).contains(&offset(600, 60).as_secs_f64()));
        assert!(phases.iter().all(|count| (30..=90).contains(count)), "{phases:?}");
    }
}
