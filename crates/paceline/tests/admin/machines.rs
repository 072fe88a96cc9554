//! Models that are paid by the hour of their machine: the cost is the provider's time, to the pico-dollar.

use crate::support::house::USUAL;
use crate::support::{Ask, House, ask, chat};
use paceline_store::filter::Filter;
use paceline_store::sqlite::History;
use paceline_types::record::CallRecord;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Pico-dollars and nanoseconds of an hour.
const PICO: u128 = 1_000_000_000_000;
const HOUR: u128 = 3_600_000_000_000;

fn folder(name: &str) -> PathBuf {
    crate::support::house::fresh(&format!("machines-{name}"))
}

fn house(data: &Path, more: &str) -> House {
    House::with(&format!("{USUAL}\n{more}"), &[("PACELINE_DATA", &data.display().to_string())])
}

/// What is on disk, the oldest first, with what was learned later.
fn kept(data: &Path) -> Vec<Arc<CallRecord>> {
    let mut found = Vec::new();
    let mut take = |records: Vec<Arc<CallRecord>>| {
        found.extend(records);
        true
    };
    History::open(data).unwrap().each(&Filter::default(), &mut take).unwrap();
    found.sort_by_key(|record| record.id);
    found
}

/// The share of an hour of `cents` that the last attempt took, by its own nanoseconds.
fn share(record: &CallRecord, cents: u128, concurrent: u128) -> i64 {
    let attempt = record.attempts.last().unwrap();
    let took = u128::from(attempt.ended.0 - attempt.started.0);
    assert!(took > 0 && attempt.ended <= record.duration, "{record:?}");
    let (pico, shared) = (took * cents * (PICO / 100), HOUR * concurrent);
    ((pico + shared / 2) / shared) as i64
}

#[tokio::test]
async fn a_call_costs_the_time_that_the_provider_worked_on_it() {
    let data = folder("cost");
    let price = "[prices.\"sim/sim/instant\"]\ngpu_hour_usd = 1.80\nconcurrent = 4";
    let house = house(&data, price);
    let whole = house.send(&chat("", &ask(false))).await;
    let told = whole.header("x-paceline-cost-usd").unwrap().to_owned();
    house.send(&chat("", &ask(true))).await;
    // A provider that says what a call cost is believed; a call that used nothing costs nothing.
    house.send(&chat("cost=0.5", &ask(false))).await;
    assert_eq!(house.send(&chat("status=503", &ask(false))).await.status, 503);
    let failed = house.newest_of(4).await;
    assert!(failed["cost_usd"].is_null() && failed["usage"].is_null(), "{failed:#}");
    drop(house);

    let records = kept(&data);
    assert_eq!(records.len(), 4);
    for record in &records[..2] {
        let cost = record.cost.unwrap();
        assert_eq!(cost.0, share(record, 180, 4));
        assert_eq!(record.attempts[0].cost, Some(cost));
    }
    assert_eq!(records[0].cost.unwrap().to_string(), told, "the answer's header and the record say one cost");
    assert_eq!(records[2].cost.unwrap().to_string(), "0.5");
    std::fs::remove_dir_all(&data).unwrap();
}

#[tokio::test]
async fn a_price_of_the_hour_that_becomes_known_is_given_to_past_calls() {
    let data = folder("recost");
    let first = house(&data, "");
    for stream in [false, true] {
        first.send(&chat("", &ask(stream))).await;
    }
    drop(first);
    assert!(kept(&data).iter().all(|record| record.cost.is_none()));

    let second = house(&data, "[prices.\"sim/sim/instant\"]\ngpu_hour_usd = 0.99");
    let told = second.send(&Ask::post("/v1/costs/recalculate", "")).await.json();
    assert_eq!((&told["unknown"], &told["priced"]), (&2.into(), &2.into()));
    drop(second);
    let records = kept(&data);
    assert_eq!(records.len(), 2);
    for record in records {
        assert_eq!(record.cost.map(|cost| cost.0), Some(share(&record, 99, 1)));
    }
    std::fs::remove_dir_all(&data).unwrap();
}
