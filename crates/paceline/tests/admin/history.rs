//! What lasts: accounts and records over a restart, costs learned later, sessions, a copy that can be served.

use crate::support::{Ask, House, ask, chat};
use paceline_store::filter::Filter;
use paceline_store::sqlite::History;
use paceline_types::record::CallRecord;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    crate::support::house::fresh(&format!("history-{name}"))
}

fn house(data: &Path, more: &str) -> House {
    let text = format!("{}\n{more}", crate::support::house::USUAL);
    House::with(&text, &[("PACELINE_DATA", &data.display().to_string())])
}

#[tokio::test]
async fn records_statistics_and_accounts_go_on_after_a_restart() {
    let data = folder("restart");
    let first = house(&data, "");
    let ids = [first.send(&chat("", &ask(false))).await.id(), first.send(&chat("", &ask(true))).await.id()];
    first.newest_of(2).await;
    let before = first.admin("/v1/performance/summary").await.json();
    assert_eq!(before["overview"]["ever"]["calls"], 2);
    drop(first);
    let second = house(&data, "");
    for id in &ids {
        assert_eq!(second.record(id).await["id"], id.as_str());
    }
    second.send(&chat("", &ask(false))).await;
    second.newest_of(3).await;
    let overview = second.admin("/v1/performance/summary").await.json()["overview"].clone();
    assert_eq!((&overview["ever"]["calls"], &overview["calls"]), (&3.into(), &3.into()));
    assert_eq!(overview["total_requests"], 1, "since this start");
    drop(second);
    std::fs::remove_dir_all(&data).unwrap();
}

#[tokio::test]
async fn a_restart_is_no_way_round_a_budget() {
    let data = folder("budget");
    let rules = "[prices.\"sim/sim/instant\"]\ninput_usd_per_million = 0\noutput_usd_per_million = 1000\n\
                 [tenants.default.budget]\nday_usd = 0.02";
    let first = house(&data, rules);
    let mut body = ask(false);
    body["max_tokens"] = 15.into();
    let reply = first.send(&chat("burst,tokens=15", &body)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    first.newest_of(1).await;
    drop(first);
    let second = house(&data, rules);
    let spent = |state: &serde_json::Value| state["scopes"][0]["budget_day"]["spent_usd"].clone();
    // What was spent before is known before the first call, and not some time after it.
    assert_eq!(spent(&second.admin("/v1/limits").await.json()), "0.015");
    let reply = second.send(&chat("burst,tokens=15", &body)).await;
    assert_eq!(reply.refusal(), (429, "budget_exceeded".into()), "{}", reply.text());
    drop(second);
    std::fs::remove_dir_all(&data).unwrap();
}

#[tokio::test]
async fn a_price_that_becomes_known_is_added_to_calls_sums_and_accounts() {
    let data = folder("recost");
    let first = house(&data, "");
    let id = first.send(&chat("", &ask(false))).await.id();
    let record = first.record(&id).await;
    assert!(record["cost_usd"].is_null() && record["usage"].is_object(), "{record}");
    assert_eq!(first.metrics().await.one("paceline_price_unknown_models"), 1);
    drop(first);
    let price = "[prices.\"sim/sim/instant\"]\ninput_usd_per_million = 2.5\noutput_usd_per_million = 10";
    let second = house(&data, price);
    let told = second.send(&Ask::post("/v1/costs/recalculate", "")).await.json();
    assert_eq!((&told["unknown"], &told["priced"]), (&1.into(), &1.into()));
    let count = |name: &str| record["usage"][name].as_u64().unwrap();
    let pico = count("input_tokens") * 2_500_000 + count("output_tokens") * 10_000_000;
    let cost = paceline_types::money::Cost(pico as i64).to_string();
    assert_eq!(second.record(&id).await["cost_usd"], cost);
    let overview = second.admin("/v1/performance/summary").await.json()["overview"].clone();
    assert_eq!((overview["cost_usd"].as_str(), &overview["cost_unknown_calls"]), (Some(&*cost), &0.into()));
    // A second time there is nothing left to do, and a new call has its cost at once.
    let told = second.send(&Ask::post("/v1/costs/recalculate", "")).await.json();
    assert_eq!(told["unknown"], 0);
    drop(second);
    // Also in the account, though no call came after it that would have taken it to the disk.
    let third = house(&data, price);
    let ever = third.admin("/v1/performance/summary").await.json()["overview"]["ever"].clone();
    assert_eq!((&ever["calls"], &ever["cost_known_usd"]), (&1.into(), &cost.into()));
    let id = third.send(&chat("", &ask(false))).await.id();
    assert!(third.record(&id).await["cost_usd"].is_string());
    drop(third);
    std::fs::remove_dir_all(&data).unwrap();
}

#[tokio::test]
async fn sessions_are_listed_with_what_they_come_to() {
    let house = House::new();
    for (session, role) in [("s1", "writer"), ("s1", "reviewer"), ("s2", "writer")] {
        let call =
            chat("", &ask(false)).header("x-paceline-session", session).header("x-paceline-role", role);
        house.send(&call).await;
    }
    house.newest_of(3).await;
    let listed = house.admin("/v1/sessions").await.json();
    let rows = listed["sessions"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["session"].as_str().unwrap()).collect::<Vec<_>>(), ["s2", "s1"]);
    assert_eq!((&rows[1]["calls"], &rows[1]["errors"]), (&2.into(), &0.into()));
    assert_eq!(rows[1]["roles"], serde_json::json!(["reviewer", "writer"]));
    assert_eq!(house.admin("/v1/sessions?limit=0").await.status, 400);
}

#[tokio::test]
async fn with_a_window_of_zero_an_answer_ends_when_its_record_is_on_disk() {
    let data = folder("window");
    let house = house(&data, "[storage]\nwindow_ms = 0");
    let asks = [
        chat("", &ask(false)),
        chat("", &ask(true)),
        chat("no-usage", &ask(true)),
        chat("status=503", &ask(false)),
        chat("", &serde_json::json!({"model": "nobody"})),
    ];
    for (at, one) in asks.iter().enumerate() {
        let id = house.send(one).await.id();
        // What another process sees, at once.
        let mut found = Vec::new();
        let mut take = |records: Vec<std::sync::Arc<CallRecord>>| {
            found.extend(records.iter().map(|record| record.id.to_string()));
            true
        };
        History::open(&data).unwrap().each(&Filter::default(), &mut take).unwrap();
        assert!(found.contains(&id) && found.len() == at + 1, "call {at}: {id} in {found:?}");
    }
    drop(house);
    std::fs::remove_dir_all(&data).unwrap();
}
