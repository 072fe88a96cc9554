//! A trained router goes on learning: what users say of answers moves what it predicts, at the kind of work they speak of, and
//! a restart does not forget it.

use crate::support::house::{USUAL, fresh};
use crate::support::{Ask, House, PATIENCE, ask_with, chat};
use paceline_router::file;
use paceline_router::learn::train::train;
use paceline_router::set::{Row, Set};
use paceline_sim::SimConfig;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

const MORE: &str = r#"
    steady = "sim/sim/steady"
    [prices]
    "sim/sim/instant" = { input_usd_per_million = 1, output_usd_per_million = 1 }
    "sim/sim/steady" = { input_usd_per_million = 1, output_usd_per_million = 1 }
    [routes.auto]
    models = ["instant", "steady"]
    strategy = "highest_quality"
    router = "ROUTER"
"#;
const SUMS: &str = "Tom has 31 coins and buys 17 more coins. How many coins has he now?";
const FACTS: &str = "Which king is meant in chapter 21 of the book about old coins?";

/// A router by which `instant` answers sums and facts well, `steady` both fairly.
fn router(folder: &Path) -> PathBuf {
    let row = |at: usize| {
        let thing = ["apples", "pears", "coins", "books", "trains"][at / 2 % 5];
        let (a, b) = (at * 7 % 90 + 10, at * 13 % 80 + 10);
        let (task, prompt) = if at.is_multiple_of(2) {
            ("sums", format!("Tom has {a} {thing} and buys {b} more {thing}. How many {thing} has he now?"))
        } else {
            ("facts", format!("Which king is meant in chapter {a} of the book about old {thing}?"))
        };
        let q = vec![if at % 20 < 2 { 0.0 } else { 1.0 }, 0.6];
        Row { id: at.to_string(), task: Some(task.into()), prompt, q, c: vec![1e-5; 2], ..Row::default() }
    };
    let models = vec!["instant".into(), "steady".into()];
    let set = Set { name: "kinds".into(), models, rows: (0..200).map(row).collect(), moved: 0 };
    let path = folder.join("kinds.router");
    std::fs::write(&path, file::write(&train(&set, 1).unwrap().0)).unwrap();
    path
}

fn house(folder: &Path, router: &Path) -> House {
    let mut sim = SimConfig::default();
    let mut steady = sim.models.iter().find(|model| model.name == "sim/instant").unwrap().clone();
    steady.name = "sim/steady".into();
    sim.models.push(steady);
    let text = format!("{USUAL}{MORE}").replace("ROUTER", router.to_str().unwrap());
    House::start(&text, &[("PACELINE_DATA", folder.join("data").to_str().unwrap())], sim)
}

async fn record(house: &House, prompt: &str, features: &str) -> Value {
    let messages = json!([{"role": "user", "content": prompt}]);
    let body = ask_with(false, &json!({"model": "auto", "max_tokens": 4, "messages": messages}));
    let ask = chat("", &body);
    let ask = if features.is_empty() { ask } else { ask.header("x-paceline-features", features) };
    house.call(&ask).await.1
}

async fn judge(house: &House, record: &Value, score: f64) {
    let body = json!({"call_id": record["id"], "score": score}).to_string();
    assert_eq!(house.send(&Ask::post("/v1/feedback", body)).await.status, 200);
}

/// Who would be asked, and what is expected of `instant`.
async fn expected(house: &House, prompt: &str) -> (String, f64) {
    let path =
        format!("/v1/models/recommendations?prompt={}", prompt.replace(' ', "%20").replace('?', "%3F"));
    let told = house.admin(&path).await.json();
    let chosen = told["selected_model"].as_str().unwrap_or_else(|| panic!("{told:#}")).to_owned();
    let all = std::iter::once(&told).chain(told["alternatives"].as_array().unwrap());
    let is_instant = |one: &&Value| one["model"] == "instant" || one["selected_model"] == "instant";
    let quality = all.into_iter().find(is_instant).unwrap()["expected_quality"].as_f64().unwrap();
    (chosen, quality)
}

#[tokio::test]
async fn what_is_said_of_answers_moves_a_trained_router_at_that_kind_of_work() {
    let folder = fresh("lessons");
    std::fs::create_dir_all(&folder).unwrap();
    let router = router(&folder);
    let here = house(&folder, &router);
    let (sums, facts) = (expected(&here, SUMS).await, expected(&here, FACTS).await);
    assert_eq!((sums.0.as_str(), facts.0.as_str()), ("instant", "instant"), "as it was trained");

    // The record says what was predicted, and of what kind of work.
    let first = record(&here, SUMS, "").await;
    let predicted = &first["decision"]["predicted"];
    assert_eq!((&first["model"], &predicted["task"]), (&json!("instant"), &json!("sums")), "{first:#}");
    assert!((predicted["quality"].as_f64().unwrap() - sums.1).abs() < 0.01, "{predicted}");

    // So many answers of each kind are judged; these callers allow no other model.
    for _ in 0..30 {
        for (prompt, score) in [(SUMS, 0.0), (FACTS, 1.0)] {
            let record = record(&here, prompt, "available_models=instant").await;
            judge(&here, &record, score).await;
        }
    }
    for (prompt, model) in [(SUMS, "steady"), (FACTS, "instant")] {
        let record = record(&here, prompt, "").await;
        assert_eq!(record["model"], model, "{record:#}");
        assert_eq!(record["decision"]["predicted"]["router"], predicted["router"]);
    }
    // What was predicted is told without what was learned since.
    let told = record(&here, SUMS, "available_models=instant").await;
    assert_eq!(&told["decision"]["predicted"], predicted);
    let (sums, facts) = (expected(&here, SUMS).await, expected(&here, FACTS).await);
    println!("instant: sums {sums:?}, facts {facts:?}");
    assert_eq!((sums.0.as_str(), facts.0.as_str()), ("steady", "instant"));
    assert!(sums.1 < 0.6 && facts.1 > 0.7 && facts.1 <= 1.0, "{sums:?} {facts:?}");
    here.end();

    // Read again out of history, the scores teach the same.
    let again = house(&folder, &router);
    let began = Instant::now();
    loop {
        let now = (expected(&again, SUMS).await, expected(&again, FACTS).await);
        if (now.0.1 - sums.1).abs() < 0.02 && (now.1.1 - facts.1).abs() < 0.02 {
            assert_eq!((now.0.0.as_str(), now.1.0.as_str()), ("steady", "instant"));
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{now:?}, before {sums:?} {facts:?}");
    }
    again.end();
    let _ = std::fs::remove_dir_all(&folder);
}
