//! A copy of a call for another model, whose answer nobody sees.
//!
//! It runs beside the call and leaves a record of its own. Its caller's account pays for it, because its caller's call
//! is the reason of it; the caller's limits, budgets, captures and answer do not know of it.

use crate::call::Call;
use crate::gateway::Gauges;
use crate::step::attempt::{self, Outcome};
use crate::step::quota::Need;
use crate::step::read::Ask;
use crate::step::recover;
use crate::step::relay::Relay;
use crate::worker::Worker;
use paceline_http::clock;
use paceline_routing::plan::Plan;
use paceline_types::record::Operation;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The tag that tells a copy from a caller's call: its value is the id of the call that it copies.
pub(crate) const TAG: &str = "shadow_of";
/// How many copies are under way at once.
const MAX_SHADOWS: u64 = 64;
/// How much of an answer is read.
const MAX_ANSWER: usize = 16 << 20;

/// A place among the copies that are under way; free again when dropped.
struct ShadowPlace(Arc<Worker>);

impl ShadowPlace {
    /// `None` when all are taken.
    fn take(worker: &Arc<Worker>) -> Option<Self> {
        let place = Self(Arc::clone(worker));
        let gauges = &worker.gateway.gauges;
        if gauges.shadows_in_flight.fetch_add(1, Ordering::Relaxed) < MAX_SHADOWS {
            return Some(place);
        }
        Gauges::add(&gauges.shadows_skipped);
        None
    }
}

impl Drop for ShadowPlace {
    fn drop(&mut self) {
        Gauges::remove(&self.0.gateway.gauges.shadows_in_flight);
    }
}

/// Sends a copy of the call to the plan's shadow, where it has one and chance says so. Waits for nothing.
pub(crate) fn cast(call: &mut Call, plan: &Plan, ask: &Ask, need: &Need) {
    let Some(shadow) = &plan.shadow else { return };
    let worker = Arc::clone(&call.worker);
    if worker.chance() >= shadow.share || worker.gateway.drain.is_announced() {
        return;
    }
    let Some(place) = ShadowPlace::take(&worker) else { return };
    let copy = copy(call, &shadow.targets, ask.asked.stream);
    let mut headers = ask.headers.clone();
    // A provider that both are sent to would take the second for the first.
    headers.remove("idempotency-key");
    let ask = Ask { headers, body: ask.body.clone(), asked: ask.asked.clone() };
    tokio::spawn(run(copy, Arc::clone(&shadow.targets), ask, *need, place));
}

/// A call like this one, with a record of its own.
fn copy(call: &mut Call, plan: &Plan, stream: bool) -> Call {
    let (worker, snapshot) = (Arc::clone(&call.worker), Arc::clone(&call.snapshot));
    let party = Arc::clone(&call.party);
    let original = call.record().map(|record| (record.id, record.operation, record.labels.clone()));
    let operation = original.as_ref().map_or(Operation::Chat, |(_, operation, _)| *operation);
    let mut copy = Call::untaped(worker, snapshot, (operation, call.dialect), &party);
    copy.is_shadow = true;
    copy.request_bytes = call.request_bytes;
    copy.note(|record| {
        record.stream = stream;
        record.requested_model = plan.targets.first().map(|target| Arc::clone(&target.deployment.model));
        if let Some((id, _, labels)) = original {
            let mut labels = labels.unwrap_or_default();
            labels.tags.push((TAG.into(), id.to_string().into()));
            record.labels = Some(labels);
        }
    });
    copy
}

/// Its whole life: one try, and an answer that is read and dropped. What fails is not tried again, and what the end of
/// the process leaves undone is dropped: the guard closes its record.
async fn run(mut call: Call, plan: Arc<Plan>, ask: Ask, need: Need, _place: ShadowPlace) {
    let worker = Arc::clone(&call.worker);
    let mut ending = pin!(worker.gateway.drain.until_closing());
    let outcome = tokio::select! {
        outcome = recover::once(&mut call, &plan, &ask, &need) => outcome,
        () = &mut ending => return attempt::note_marks(&mut call),
    };
    match outcome {
        Ok(Outcome::Coming(_, mut relay)) => {
            relay.own(call);
            tokio::select! {
                () = read(&mut relay) => {}
                () = &mut ending => {}
            }
            relay.abort();
        }
        Ok(Outcome::Whole(_)) => call.close(clock::now()),
        Err(fail) => {
            call.note_failure(&fail);
            call.close(clock::now());
        }
    }
}

/// Reads an answer to its end, or as far as one is read.
async fn read(relay: &mut Relay) {
    let mut bytes = 0;
    while bytes <= MAX_ANSWER
        && let Some(Ok(frame)) = poll_fn(|cx| relay.poll_frame(cx)).await
    {
        bytes += frame.data_ref().map_or(0, bytes::Bytes::len);
    }
}
