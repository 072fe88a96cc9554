//! What routes learn from finished calls, now and after a restart, and how their decisions turned out.

use crate::admin::Admin;
use crate::routing_sums::RoutingSums;
use paceline_gateway::Gateway;
use paceline_stats::indicator::Decisions;
use paceline_store::filter::Filter;
use paceline_types::record::CallRecord;
use paceline_types::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How far back routes learn at the start, and from how many calls at most.
const LEARNED: (i64, usize) = (3600, 4000);
/// Minutes whose decisions are counted: a month and a day.
const MINUTES: usize = 31 * 1440;

/// How decisions turned out, by minute.
#[derive(Debug, Default)]
pub struct Outcomes(Mutex<BTreeMap<i64, Decisions>>);

impl Outcomes {
    fn add<'a>(&self, records: impl Iterator<Item = &'a CallRecord>) {
        let mut routed = records.filter(|record| record.decision.is_some()).peekable();
        if routed.peek().is_none() {
            return;
        }
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for record in routed {
            if let Some(is_right) = RoutingSums::verdict(record) {
                let minute = minutes.entry(record.started_at.seconds().div_euclid(60)).or_default();
                minute.judged += 1;
                minute.right += u64::from(is_right);
            }
        }
        while minutes.len() > MINUTES {
            minutes.pop_first();
        }
    }

    /// The decisions of the last `window_s` seconds before `now`.
    pub(crate) fn of_window(&self, now: Timestamp, window_s: i64) -> Decisions {
        let minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = (now.seconds() - window_s).div_euclid(60);
        let add = |sum: Decisions, (_, minute): (&i64, &Decisions)| Decisions {
            right: sum.right + minute.right,
            judged: sum.judged + minute.judged,
        };
        minutes.range(from..).fold(Decisions::default(), add)
    }
}

/// From now on every batch of finished calls teaches the gateway's routes.
pub(crate) fn begin(admin: &Arc<Admin>, gateway: &Arc<Gateway>) {
    // The admin side owns the recorder, which owns this.
    let (gateway, owner) = (Arc::clone(gateway), Arc::downgrade(admin));
    admin.recorder.teach(move |batch| {
        gateway.learn(batch.iter().map(|entry| &*entry.record));
        if let Some(admin) = owner.upgrade() {
            admin.outcomes.add(batch.iter().map(|entry| &*entry.record));
        }
    });
}

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
        admin.outcomes.add(page.calls.iter().map(AsRef::as_ref));
    }
}
