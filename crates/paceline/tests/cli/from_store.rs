//! `paceline router train --from-store`: a route explores, bodies are captured, answers are judged, and a router comes of it.

use crate::program::{Ended, Folder};
use crate::support::house::USUAL;
use crate::support::{Ask, House, PATIENCE, chat};
use paceline_sim::SimConfig;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;

const MORE: &str = r#"
    cheap = "sim/sim/instant"
    strong = "sim/sim/strong"
    [prices]
    "sim/sim/instant" = { input_usd_per_million = 0.1, output_usd_per_million = 0.4 }
    "sim/sim/strong" = { input_usd_per_million = 10, output_usd_per_million = 40 }
    [routes.work]
    models = ["cheap", "strong"]
    strategy = "cost_effective"
    explore = 0.02
    explore_within = 1.0
"#;
/// About 44 of them explore.
const CALLS: usize = 2200;

/// A call by its number: sums, which the cheap model cannot do, and facts, which it knows.
fn prompt(at: usize) -> (bool, String) {
    let thing = ["apples", "pears", "coins", "books", "trains"][at / 2 % 5];
    let (a, b) = (at * 7 % 90 + 10, at * 13 % 80 + 10);
    if at.is_multiple_of(2) {
        (true, format!("Tom has {a} {thing} and buys {b} more {thing}. How many {thing} has he now?"))
    } else {
        (false, format!("Which king is meant in chapter {a} of the book about old {thing}?"))
    }
}

/// Two models that answer at once.
fn start(data: &Path) -> House {
    let mut sim = SimConfig::default();
    let mut strong = sim.models.iter().find(|model| model.name == "sim/instant").unwrap().clone();
    strong.name = "sim/strong".into();
    sim.models.push(strong);
    House::start(&format!("{USUAL}{MORE}"), &[("PACELINE_DATA", data.to_str().unwrap())], sim)
}

/// Asks; which call it became, and who answered.
async fn asked(house: &House, model: &str, at: usize) -> (String, String) {
    let content = prompt(at).1;
    let body = json!({"model": model, "max_tokens": 4, "messages": [{"role": "system", "content": "Be brief."},
        {"role": "user", "content": content}]});
    let reply = house.send(&chat("", &body)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    (reply.id(), reply.header("x-paceline-model").unwrap().to_owned())
}

async fn judged(house: &House, id: &str, score: f64) {
    let began = Instant::now();
    loop {
        let body = json!({"call_id": id, "score": score}).to_string();
        let reply = house.send(&Ask::post("/v1/feedback", body)).await;
        if reply.status == 200 {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{}", reply.text());
    }
}

/// Does something with every number below `count`, eight at a time.
async fn each<F, W>(count: usize, work: W)
where
    F: Future<Output = ()> + Send + 'static,
    W: Fn(usize) -> F,
{
    let mut under_way = JoinSet::new();
    for at in 0..count {
        under_way.spawn(work(at));
        while under_way.len() >= 8 {
            under_way.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(done) = under_way.join_next().await {
        done.unwrap();
    }
}

async fn capture(house: &House) {
    let body = json!({"calls": 1000, "expires_in_s": 600}).to_string();
    assert_eq!(house.send(&Ask::post("/v1/captures", body)).await.status, 200);
}

fn train(folder: &Folder, more: &str) -> Ended {
    let args = format!("router train --from-store --data-dir history --out made.router {more}");
    folder.run(&args.split_whitespace().collect::<Vec<_>>(), &[])
}

/// Trains until it is refused with these words: history is written a moment after a call.
fn refused(folder: &Folder, words: &str) {
    let began = Instant::now();
    loop {
        let ended = train(folder, "");
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{}", ended.err);
        if ended.err.contains(words) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{words}: {}", ended.err);
    }
}

async fn refusals(house: &House, folder: &Folder) {
    assert!(train(folder, "").err.contains("no call that was looked at has a quality"));
    for at in 0..3 {
        let (id, _) = asked(house, "cheap", at).await;
        judged(house, &id, 0.5).await;
    }
    refused(folder, "3 calls have a quality, but no body of theirs is kept");
    refused(
        folder,
        "`paceline capture` keeps the bodies of the next calls, for storage.bodies_days (7 days)",
    );
    capture(house).await;
    for at in 0..60 {
        let (id, _) = asked(house, "cheap", at).await;
        judged(house, &id, if prompt(at).0 { 0.0 } else { 1.0 }).await;
        if at == 9 {
            refused(
                folder,
                "10 calls have a quality, a prompt and a cost, 50 are needed; by model: cheap 10 (0 by",
            );
        }
    }
    refused(
        folder,
        "at least two models need 20 calls each that a route sent there by chance (its `explore`)",
    );
    refused(folder, "by model: cheap 60 (0 by chance); left out: 3 without a captured body");
}

/// Calls of a route that explores, captured: their number, their id and who answered.
async fn explored(house: &Arc<House>) -> Arc<Vec<(usize, String, String)>> {
    let calls = Arc::new(std::sync::Mutex::new(Vec::new()));
    for part in 0..CALLS.div_ceil(1000) {
        capture(house).await;
        each((CALLS - part * 1000).min(1000), |at| {
            let (house, calls, at) = (Arc::clone(house), Arc::clone(&calls), part * 1000 + at);
            async move {
                let (id, model) = asked(&house, "work", at).await;
                calls.lock().unwrap().push((at, id, model));
            }
        })
        .await;
    }
    let calls = std::mem::take(&mut *calls.lock().unwrap());
    Arc::new(calls)
}

/// What the router says of a new prompt of each kind.
fn kinds_are_told_apart(folder: &Folder) {
    let asks = [(0, prompt(4001 * 2).1), (1, prompt(4001 * 2 + 1).1)];
    let lines = asks.map(|(id, prompt)| json!({"id": id.to_string(), "prompt": prompt}).to_string());
    std::fs::write(folder.0.join("ask.jsonl"), lines.join("\n")).unwrap();
    let predict =
        ["router", "predict", "--model", "made.router", "--data", "ask.jsonl", "--out", "said.jsonl"];
    assert_eq!(folder.run(&predict, &[]).code, 0);
    let said = std::fs::read_to_string(folder.0.join("said.jsonl")).unwrap();
    let said: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let quality = |row: usize, model: usize| said[row]["q"][model].as_f64().unwrap();
    assert!(quality(0, 0) < 0.3 && quality(1, 0) > 0.7, "kinds are told apart: {said:?}");
    assert!(quality(0, 1) > 0.8 && quality(1, 1) > 0.8, "{said:?}");
}

#[tokio::test]
async fn a_route_that_explores_and_feedback_make_a_router() {
    let folder = Folder::new();
    let data = folder.0.join("history");
    let house = Arc::new(start(&data));
    refusals(&house, &folder).await;

    let calls = explored(&house).await;
    let strong = calls.iter().filter(|call| call.2 == "strong").count();
    println!("{strong} of {CALLS} calls explored");
    each(CALLS, |at| {
        let (house, calls) = (Arc::clone(&house), Arc::clone(&calls));
        async move {
            let (at, id, model) = &calls[at];
            judged(&house, id, if model == "cheap" && prompt(*at).0 { 0.0 } else { 1.0 }).await;
        }
    })
    .await;
    Arc::into_inner(house).unwrap().end();

    let trained = train(&folder, "--json");
    assert_eq!(trained.code, 0, "{} {}", trained.out, trained.err);
    let figures: Value = serde_json::from_str(&trained.out).unwrap();
    let figure = |name: &str| figures[0][name].as_f64().unwrap();
    println!("gain {} ± {}", figure("gain"), figure("standard_error"));
    assert!(figure("gain") > 0.05 && figure("gain") > 2.0 * figure("standard_error"), "{figures:#}");
    assert_eq!(figures[0]["report"]["rows"], CALLS + 60);
    let said = format!("strong {strong} ({strong} by chance)");
    assert!(
        trained.err.contains(&said) && trained.err.contains("3 without a captured body"),
        "{}",
        trained.err
    );

    kinds_are_told_apart(&folder);

    // Options choose calls, as elsewhere.
    let none = train(&folder, "--since 2100-01-01T00:00:00Z");
    assert!(none.err.contains("no call that was looked at has a quality"), "{}", none.err);
    assert!(train(&folder, "route=other").err.contains("no call that was looked at"));
    let bare = folder.run(&["router", "train", "--since", "7d", "--data", "x.jsonl", "--out", "x"], &[]);
    assert_eq!(bare.code, 2, "{}", bare.err);

    // The same calls, all answers alike: there is nothing to learn, and no file.
    let house = Arc::new(start(&data));
    each(CALLS, |at| {
        let (house, calls) = (Arc::clone(&house), Arc::clone(&calls));
        async move { judged(&house, &calls[at].1, 0.6).await }
    })
    .await;
    Arc::into_inner(house).unwrap().end();
    std::fs::remove_file(folder.0.join("made.router")).unwrap();
    let refused = train(&folder, "route=work");
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.err.contains("refused: AIQ against no-look is"), "{}", refused.err);
    assert!(refused.out.contains("no look") && !folder.0.join("made.router").exists(), "{}", refused.out);
}
