//! `GET /v1/costs`: what today and this month cost until now, and what they will come to at the present pace.

use crate::admin::shape::dollars;
use crate::admin::{Admin, reply};
use crate::calendar::ZoneCalendar;
use axum::extract::State;
use axum::response::Response;
use paceline_stats::bucket::Level;
use paceline_stats::rollup::Facet;
use paceline_store::error::StoreError;
use paceline_store::store::{Store, Window};
use paceline_types::ports::Calendar;
use paceline_types::time::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A cost, and of how many calls none is known.
#[derive(Clone, Copy, Default)]
struct Cost {
    pico: i128,
    unknown: u64,
}

pub(crate) async fn costs(State(admin): State<Arc<Admin>>) -> Response {
    let zone = admin.loaded.load().config.budgets.zone.clone();
    let name = zone.name().to_owned();
    let now = crate::recorder::now();
    match admin.ask(move |store| all(store, &ZoneCalendar(zone), now)).await {
        Ok(mut found) => {
            found["time_zone"] = json!(name);
            reply::json(&found)
        }
        Err(answer) => answer,
    }
}

fn all(store: &dyn Store, calendar: &dyn Calendar, now: Timestamp) -> Result<Value, StoreError> {
    let (today, month) = (calendar.day(now), calendar.month(now));
    let yesterday = calendar.day(Timestamp(today.0.0 - SECOND));
    let oldest = store.state().oldest.unwrap_or(now);
    Ok(json!({
        "today": period(store, today, DAY, oldest, now)?,
        "yesterday": {
            "from": yesterday.0,
            "until": yesterday.1,
            "cost_known_usd": dollars(cost(store, yesterday.0, Some(yesterday.1), Level::Hour, now)?.pico),
        },
        "month": period(store, month, 7 * DAY, oldest, now)?,
    }))
}

/// What a period cost until now. The forecast: the rest goes on as the last `look` microseconds went, or as long as there are
/// records.
fn period(
    store: &dyn Store,
    (from, until): (Timestamp, Timestamp),
    look: i64,
    oldest: Timestamp,
    now: Timestamp,
) -> Result<Value, StoreError> {
    let spent = cost(store, from, None, Level::Hour, now)?;
    let begin = Timestamp((now.0 - look).max(oldest.0));
    let seen = now.0 - begin.0;
    let forecast = if seen < 600 * SECOND {
        None
    } else {
        let recent = cost(store, begin, None, Level::Hour, now)?;
        let rest = recent.pico as f64 * (until.0 - now.0) as f64 / seen as f64;
        Some(dollars(spent.pico + rest as i128))
    };
    Ok(json!({
        "from": from,
        "until": until,
        "cost_known_usd": dollars(spent.pico),
        "cost_unknown_calls": spent.unknown,
        "forecast_usd": forecast,
        "forecast_by_seconds": seen / SECOND,
    }))
}

fn cost(
    store: &dyn Store,
    from: Timestamp,
    until: Option<Timestamp>,
    widest: Level,
    now: Timestamp,
) -> Result<Cost, StoreError> {
    let mut sum = Cost::default();
    let window = Window { from, until, facet: Facet::Served, widest, now };
    store.tallies(&window, &mut |_, _, _, tally| {
        sum.pico += tally.cost_pico;
        sum.unknown += tally.cost_unknown;
    })?;
    Ok(sum)
}
