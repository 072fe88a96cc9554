//! `POST /v1/costs/recalculate`: calls whose price was not known get their cost by the prices known now.

use crate::admin::query::Query;
use crate::admin::{Admin, reply};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use paceline_gateway::Gateway;
use paceline_store::error::StoreError;
use paceline_store::filter::Filter;
use paceline_store::store::{Patch, Store};
use paceline_types::measure;
use paceline_types::money::Cost;
use paceline_types::price::Tariff;
use paceline_types::record::CallRecord;
use paceline_types::time::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const DAY: i64 = 86_400;
/// Calls looked at in one step.
const PAGE: usize = 1000;

/// What came of it.
#[derive(Default)]
struct Recalculated {
    /// Calls that used tokens and had no cost.
    unknown: u64,
    /// Of them: now have one.
    priced: usize,
    cost_pico: i128,
    /// Where still no price is known: deployment and calls.
    left: BTreeMap<String, u64>,
}

pub(crate) async fn recalculate(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let window = match Query::read(query.as_deref(), &["window"]).and_then(|query| query.window(30 * DAY)) {
        Ok(window) => window,
        Err(bad) => return bad.into(),
    };
    let Some(gateway) = admin.gateway.get().map(Arc::clone) else {
        return reply::json(&json!({"unknown": 0, "priced": 0}));
    };
    if admin.recalculating.swap(true, Ordering::AcqRel) {
        let told = "costs are being recalculated already; ask again when that is done";
        return reply::fail(StatusCode::CONFLICT, "recalculation_running", None, told);
    }
    let since = Timestamp(crate::recorder::now().0 - window * 1_000_000);
    let running = Running(Arc::clone(&admin));
    let work = move |store: &dyn Store| {
        // It goes on when whoever asked has gone, and then ends here.
        let _running = running;
        run(store, &gateway, since)
    };
    match admin.ask(work).await {
        Ok(done) => reply::json(&json!({
            "window_seconds": window,
            "unknown": done.unknown,
            "priced": done.priced,
            "cost_usd": super::shape::dollars(done.cost_pico),
            "still_unknown": done.left,
        })),
        Err(answer) => answer,
    }
}

/// Nobody else recalculates meanwhile.
struct Running(Arc<Admin>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.recalculating.store(false, Ordering::Release);
    }
}

fn run(store: &dyn Store, gateway: &Gateway, since: Timestamp) -> Result<Recalculated, StoreError> {
    let filter = Filter { since: Some(since), unpriced: true, ..Filter::default() };
    let mut done = Recalculated::default();
    let mut below = None;
    loop {
        let page = store.page(&filter, PAGE, below)?;
        let mut patches = Vec::new();
        let mut priced = Vec::new();
        for record in &page.calls {
            done.unknown += 1;
            match price(gateway, record) {
                Some(cost) => {
                    done.cost_pico += i128::from(cost.0);
                    priced.push((record, cost));
                    patches.push(Patch {
                        id: record.id,
                        cost: Some(cost),
                        quality: None,
                        source: "recalculated".into(),
                    });
                }
                None => {
                    let name =
                        record.target.as_ref().map_or_else(|| "?".into(), |target| target.name.to_string());
                    *done.left.entry(name).or_default() += 1;
                }
            }
        }
        done.priced += store.patch(&patches)?;
        // Only what was written: a failure above leaves the accounts as the records are.
        for (record, cost) in &priced {
            gateway.known.ledger.recost(&record.caller, *cost);
        }
        below = page.next;
        if below.is_none() {
            return Ok(done);
        }
    }
}

/// What a call costs by the prices known now, as they were when it was made.
fn price(gateway: &Gateway, record: &CallRecord) -> Option<Cost> {
    let target = record.target.as_deref()?;
    let price = gateway.price(&target.provider, &target.upstream_model)?;
    let tariff = Tariff { took: measure::provider_time(record), ..Tariff::default() };
    Some(price.cost(record.usage.as_ref()?, record.started_at, tariff)?.total())
}
