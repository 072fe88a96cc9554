//! `paceline demo`: something to see at once, marked as made up wherever it is seen, and nothing left behind.

use crate::program::{Folder, Serving};
use crate::support::http::exchange;
use crate::support::{Ask, PATIENCE};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

async fn asked(demo: &Serving, path: &str) -> Value {
    exchange(demo.address, &Ask::get(path)).await.json()
}

fn demo(folder: &Folder, more: &[&str]) -> Serving {
    let args: Vec<&str> =
        ["demo", "--port", "0", "--calls", "3000"].into_iter().chain(more.iter().copied()).collect();
    folder.serve(&args, &[("TMPDIR", folder.0.to_str().unwrap())])
}

fn files(path: &Path) -> Vec<String> {
    let names =
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

/// Waits until a call that is made now has ended.
async fn live_call(demo: &Serving) -> Value {
    let (began, mut tick) = (Instant::now(), tokio::time::interval(Duration::from_millis(20)));
    loop {
        let page = asked(demo, "/v1/calls?limit=20").await;
        let calls = page["calls"].as_array().unwrap();
        let is_live = |call: &&Value| call["session"].as_str().is_some_and(|name| name.contains("-live-"));
        if let Some(call) = calls.iter().find(is_live) {
            return call.clone();
        }
        assert!(began.elapsed() < 3 * PATIENCE, "nobody calls");
        tick.tick().await;
    }
}

#[tokio::test]
async fn a_demo_has_something_everywhere_says_that_it_is_one_and_leaves_nothing() {
    let folder = Folder::new();
    let demo = demo(&folder, &[]);
    let said = format!("{:?}", demo.banner);
    for words in ["SIMULATED", "made up", &format!("http://{}/", demo.address), "paceline top", "Ctrl-C"] {
        assert!(demo.banner.contains(words), "{words}: {said}");
    }
    assert_eq!(files(&folder.0).len(), 1, "a folder of its own");

    let ready = asked(&demo, "/health/ready").await;
    assert_eq!(ready["degraded"][0]["part"], "demo", "{ready:#}");
    assert!(ready["degraded"][0]["detail"].as_str().unwrap().contains("SIMULATED"));
    let day = asked(&demo, "/v1/performance/summary?window=24h").await;
    let overview = &day["overview"];
    assert!(overview["calls"].as_u64().unwrap() >= 2990, "{overview:#}");
    for figure in ["errors", "partial", "canceled", "fallbacks"] {
        assert!(overview[figure].as_u64().unwrap() > 0, "{figure}: {overview:#}");
    }
    assert_eq!(overview["cost_unknown_calls"], 0);
    for model in day["models"].as_array().unwrap() {
        assert!(model["provider"].as_str().unwrap().starts_with("sim-"), "{model:#}");
    }
    let limits = asked(&demo, "/v1/limits").await;
    let scopes = limits["scopes"].as_array().unwrap();
    assert!(scopes.iter().any(|scope| scope["calls_per_minute"]["limit"].is_number()), "{limits:#}");
    let costs = asked(&demo, "/v1/costs").await;
    assert!(costs["month"]["cost_known_usd"].as_str().unwrap().parse::<f64>().unwrap() > 0.0, "{costs:#}");
    assert!(!asked(&demo, "/v1/sessions").await["sessions"].as_array().unwrap().is_empty());

    let call = live_call(&demo).await;
    assert_eq!(call["tags"]["simulated"], "yes", "{call:#}");
    assert!(!call["key"].is_null() && !call["role"].is_null() && !call["cost_usd"].is_null(), "{call:#}");

    demo.signal("-INT");
    let ended = demo.ended();
    assert_eq!((ended.code, ended.out.as_str()), (0, ""), "{}", ended.err);
    assert!(ended.err.contains("its folder is gone"), "{}", ended.err);
    assert_eq!(files(&folder.0), Vec::<String>::new());
}

#[tokio::test]
async fn what_callers_spent_is_what_their_records_cost() {
    let folder = Folder::new();
    let demo = demo(&folder, &[]);
    let dollars = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    let (began, mut tick) = (Instant::now(), tokio::time::interval(Duration::from_millis(5)));
    // What was spent before the start is read after it.
    let month = loop {
        let limits = asked(&demo, "/v1/limits").await;
        let scopes = limits["scopes"].as_array().unwrap();
        let scope = scopes.iter().find(|scope| scope["name"] == "lab-research").unwrap();
        let month = dollars(&scope["budget_month"]["spent_usd"]);
        if month > 0.1 {
            break month;
        }
        assert!(began.elapsed() < PATIENCE, "{limits:#}");
        tick.tick().await;
    };
    let since = asked(&demo, "/v1/costs").await["month"]["from"].as_str().unwrap().to_owned();
    let (mut sum, mut path) = (0.0, format!("/v1/calls?key=lab-research&since={since}&limit=1000"));
    let first = path.clone();
    loop {
        let page = asked(&demo, &path).await;
        sum += page["calls"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|call| Some(dollars(call.get("cost_usd").filter(|cost| cost.is_string())?)))
            .sum::<f64>();
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{first}&cursor={cursor}");
    }
    // Calls that ended between the two questions.
    assert!((sum - month).abs() <= month * 0.1 + 0.05, "{sum} in records, {month} in the budget");
    assert_eq!(demo.stop().code, 0);
}

#[test]
fn a_named_folder_stays_and_a_foreign_one_is_refused() {
    let folder = Folder::new();
    let data = folder.0.join("kept");
    let name = data.to_str().unwrap();
    assert_eq!(demo(&folder, &["--data", name]).stop().code, 0);
    assert!(files(&data).contains(&"SIMULATED".to_owned()));
    let again = demo(&folder, &["--data", name]);
    assert!(again.banner.contains("it stays"), "{}", again.banner);
    assert_eq!(again.stop().code, 0);
    let foreign = folder.0.join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("history.db"), "real").unwrap();
    let ended = folder.run(&["demo", "--port", "0", "--data", foreign.to_str().unwrap()], &[]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("--data") && ended.err.contains("new folder"), "{}", ended.err);
    assert_eq!(files(&foreign), ["history.db"]);
}

#[test]
fn a_port_that_is_taken_is_told_at_once_and_nothing_is_left() {
    let folder = Folder::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = folder.run(&["demo", "--port", &port], &[("TMPDIR", folder.0.to_str().unwrap())]);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""));
    for said in [&port[..], "another Paceline", "--port 0"] {
        assert!(ended.err.contains(said), "{said}: {}", ended.err);
    }
    assert_eq!(files(&folder.0), Vec::<String>::new());
}
