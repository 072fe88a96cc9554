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

/// What the last hour's calls taught is known again after a restart.
pub(crate) async fn from_history(admin: Arc<Admin>) {
    let Some(gateway) = admin.gateway.get().map(Arc::clone) else { return };
    if gateway.routes().is_empty() {
        return;
    }
    let since = Timestamp(admin.started_at.0 - LEARNED.0 * 1_000_000);
    let filter = Filter { since: Some(since), until: Some(admin.started_at), ..Filter::default() };
    // History that cannot be read now is no reason to wait: routes then begin with what the catalogue says.
    if let Ok(page) = admin.ask(move |store| store.page(&filter, LEARNED.1, None)).await {
        gateway.learn(page.calls.iter().rev().map(AsRef::as_ref));
    }
}
