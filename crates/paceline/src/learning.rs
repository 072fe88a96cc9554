//! What routes learn from finished calls, now and after a restart.

use crate::admin::Admin;
use paceline_gateway::Gateway;
use paceline_store::filter::Filter;
use paceline_types::time::Timestamp;
use std::sync::Arc;

/// From now on every batch of finished calls teaches the gateway's routes.
pub(crate) fn begin(admin: &Admin, gateway: &Arc<Gateway>) {
    let learner = Arc::clone(gateway);
    admin.recorder.teach(move |batch| learner.learn(batch.iter().map(|entry| &*entry.record)));
}

/// How far back routes learn at the start, and from how many calls at most.
const LEARNED: (i64, usize) = (3600, 4000);

/// The same of scores, which are fewer and count for longer.
const SCORED: (i64, usize) = (28 * 86_400, 4000);

/// What the last calls and scores taught is known again after a restart.
pub(crate) async fn from_history(admin: Arc<Admin>) {
    let Some(gateway) = admin.gateway.get().map(Arc::clone) else { return };
    if gateway.routes().is_empty() {
        return;
    }
    let last = |(seconds, most): (i64, usize), scored| {
        let since = Some(Timestamp(admin.started_at.0 - seconds * 1_000_000));
        let filter = Filter { since, until: Some(admin.started_at), scored, ..Filter::default() };
        admin.ask(move |store| store.page(&filter, most, None))
    };
    // History that cannot be read now is no reason to wait: routes then begin with what the catalogue says.
    // What is older first: what is known ages by what comes after it.
    if let Ok(page) = last(SCORED, true).await {
        gateway.scored(page.calls.iter().rev().map(AsRef::as_ref));
    }
    if let Ok(page) = last(LEARNED, false).await {
        gateway.learn(page.calls.iter().rev().map(AsRef::as_ref));
    }
}
