//! `paceline router`: a router learned from made-up outcomes, from training to figures, and what is refused.

use crate::program::{Ended, Folder, Serving};
use crate::support::http::exchange;
use crate::support::{Ask, ask_with, chat};
use serde_json::{Value, json};
use std::fmt::Write;

/// Numbers that look like chance, from a seed (a linear congruence).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn holds(&mut self, percent: u64) -> u8 {
        u8::from(self.below(100) < percent)
    }
}

/// Sums, which the cheap model cannot do, and facts, which it knows; where `pattern` is false, outcomes are chance.
fn set(rows: usize, pattern: bool, seed: u64) -> String {
    let mut chance = Chance(seed);
    let mut out = String::new();
    for at in 0..rows {
        let sums = chance.below(2) == 0;
        let (a, b) = (chance.below(90), chance.below(90));
        let thing = ["apples", "pears", "coins", "books"][chance.below(4) as usize];
        let (task, prompt) = if sums {
            ("sums", format!("Tom has {a} {thing} and buys {b} more {thing}. How many {thing} has he now?"))
        } else {
            ("facts", format!("Which king is meant in chapter {a} of the book about old {thing}?"))
        };
        let cheap = if !pattern {
            60
        } else if sums {
            10
        } else {
            90
        };
        let q = [chance.holds(cheap), chance.holds(95)];
        let row =
            json!({"id": format!("r{at}"), "task": task, "prompt": prompt, "q": q, "c": [0.00001, 0.001]});
        writeln!(out, "{row}").unwrap();
    }
    out
}

/// A folder with a set, `name.jsonl`, and the models' names.
fn with(name: &str, rows: &str) -> Folder {
    let folder = Folder::new();
    put(&folder, name, rows);
    folder
}

fn put(folder: &Folder, name: &str, rows: &str) {
    std::fs::write(folder.0.join(format!("{name}.jsonl")), rows).unwrap();
    let meta = json!({"models": [{"name": "cheap"}, {"name": "strong"}]}).to_string();
    std::fs::write(folder.0.join(format!("{name}.meta.json")), meta).unwrap();
}

fn router(folder: &Folder, args: &str) -> Ended {
    let args: Vec<&str> = std::iter::once("router").chain(args.split(' ')).collect();
    folder.run(&args, &[])
}

/// What a command printed with `--json`.
fn told(folder: &Folder, args: &str) -> Value {
    let ended = router(folder, args);
    assert_eq!(ended.code, 0, "{args}: {}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

#[test]
fn a_router_is_trained_asked_and_judged() {
    let folder = with("work", &set(300, true, 1));
    let trained = router(&folder, "train --data work.jsonl --out work.router");
    assert_eq!(trained.code, 0, "{}", trained.err);
    for part in ["work: 300 rows, 2 models", "no look", "gain +", "fold 5: AIQ", "written to work.router"] {
        assert!(trained.out.contains(part), "{part}: {}", trained.out);
    }

    // Only what is known before the call; the order of the file, the order of the models.
    let questions = "{\"id\":\"x\",\"prompt\":\"Tom has 3 coins and buys 4 more coins. How many coins has he now?\"}\n\n\
                     {\"id\":\"a\",\"prompt\":\"Which king is meant in chapter 7 of the book about old pears?\"}\n\
                     {\"id\":\"empty\",\"prompt\":\"\"}\n\
                     {\"id\":\"told\",\"task\":\"sums\",\"prompt\":\"Which king is meant in chapter 7?\"}\n";
    std::fs::write(folder.0.join("ask.jsonl"), questions).unwrap();
    let asked = router(&folder, "predict --model work.router --data ask.jsonl --out pred.jsonl");
    assert_eq!(asked.out, "4 predictions for 2 models written to pred.jsonl\n", "{}", asked.err);
    let text = std::fs::read_to_string(folder.0.join("pred.jsonl")).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["x", "a", "empty", "told"]);
    let number = |row: usize, key: &str, model: usize| rows[row][key][model].as_f64().unwrap();
    for (row, told) in rows.iter().enumerate() {
        assert_eq!(told.as_object().unwrap().len(), 3, "{told}");
        for model in 0..2 {
            assert!((0.0..=1.0).contains(&number(row, "q", model)), "{told}");
        }
        assert!(number(row, "c", 0) > 0.0 && number(row, "c", 1) > 10.0 * number(row, "c", 0), "{}", told);
        assert!(number(row, "q", 1) > 0.8, "{told}");
    }
    assert!(number(0, "q", 0) < 0.35 && number(1, "q", 0) > 0.7, "{text}");
    assert!(number(3, "q", 0) < number(1, "q", 0), "a caller's word on the task counts: {text}");

    put(&folder, "fresh", &set(200, true, 2));
    let judged =
        told(&folder, "eval --data fresh.jsonl --model work.router --draws 20 --svg curve.svg --json");
    let lines: Vec<&str> =
        judged["lines"].as_array().unwrap().iter().map(|line| line["name"].as_str().unwrap()).collect();
    assert_eq!(lines, ["router", "no_look", "random_mix", "oracle"]);
    assert!(judged["gain"].as_f64().unwrap() > 0.05 && judged["ece"].as_f64().unwrap() < 0.1, "{judged}");
    let picture = std::fs::read_to_string(folder.0.join("curve.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n") && picture.contains("strong"));

    // The same judgement of predictions that come from a file.
    let prompts: String = set(200, true, 2)
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            json!({"id": row["id"], "prompt": row["prompt"]}).to_string() + "\n"
        })
        .collect();
    std::fs::write(folder.0.join("fresh-ask.jsonl"), prompts).unwrap();
    let asked = router(&folder, "predict --model work.router --data fresh-ask.jsonl --out fresh-pred.jsonl");
    assert_eq!(asked.code, 0, "{}", asked.err);
    let given = told(&folder, "eval --data fresh.jsonl --pred fresh-pred.jsonl --draws 20 --json");
    assert_eq!((&given["lines"], &given["ece"]), (&judged["lines"], &judged["ece"]));
    let page = router(&folder, "eval --data fresh.jsonl --model work.router --draws 20").out;
    for part in ["fresh: 200 rows", "AIQ", "cost at 95 %", "router", "no_look", "oracle", "ECE"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let bench = told(&folder, "bench --model work.router --bytes 200 --runs 20 --json");
    assert_eq!((&bench["models"], &bench["tasks"], &bench["runs"]), (&json!(2), &json!(2), &json!(20)));
}

#[test]
fn what_does_not_pay_is_refused_with_its_figures() {
    let folder = with("chance", &set(150, false, 4));
    let refused = router(&folder, "train --data chance.jsonl --out chance.router");
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.out.contains("no look") && refused.out.contains("ECE"), "{}", refused.out);
    assert!(
        refused.err.contains("refused: AIQ against no-look is") && refused.err.contains("--force"),
        "{}",
        refused.err
    );
    assert!(!folder.0.join("chance.router").exists());
    let told = router(&folder, "train --data chance.jsonl --out chance.router --json");
    let figures: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((told.code, &figures[0]["holds"], &figures[0]["written"]), (1, &json!(false), &json!(false)));
    assert!(figures[0]["gain"].as_f64().unwrap() <= figures[0]["standard_error"].as_f64().unwrap());

    let forced = router(&folder, "train --data chance.jsonl --out chance.router --force");
    assert_eq!(forced.code, 0, "{}", forced.err);
    assert!(forced.err.contains("written by --force") && forced.err.contains("given up"), "{}", forced.err);
    assert!(folder.0.join("chance.router").exists());
}

/// The same rows as a log has them: of each one outcome, drawn by chance.
fn logged(rows: &str) -> String {
    let mut chance = Chance(11);
    let one = |line: &str| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        let other = chance.below(2) as usize;
        (row["q"][other], row["c"][other], row["p"]) = (Value::Null, Value::Null, json!(0.5));
        format!("{row}\n")
    };
    rows.lines().map(one).collect()
}

#[test]
fn rows_of_which_one_outcome_is_known_teach_and_prove_where_it_was_drawn() {
    let rows = logged(&set(500, true, 9));
    let folder = with("log", &rows);
    let trained = router(&folder, "train --data log.jsonl --out log.router");
    assert_eq!(trained.code, 0, "{}{}", trained.out, trained.err);
    assert!(trained.out.contains("log: 500 rows, 2 models"), "{}", trained.out);
    let judged = told(&folder, "eval --data log.jsonl --model log.router --draws 20 --json");
    let names: Vec<&str> =
        judged["lines"].as_array().unwrap().iter().map(|line| line["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["router", "no_look", "random_mix"], "nobody knows what was not asked");
    put(&folder, "fresh", &set(200, true, 10));
    let fresh = told(&folder, "eval --data fresh.jsonl --model log.router --draws 20 --json");
    assert!(fresh["gain"].as_f64().unwrap() > 0.05, "on whole rows it pays too: {fresh}");

    put(&folder, "sure", &rows.replace("\"p\":0.5", "\"p\":1"));
    let sure = router(&folder, "train --data sure.jsonl --out sure.router --force");
    assert_eq!((sure.code, sure.out.as_str()), (1, ""));
    assert!(
        sure.err.contains("sure: cheap is known of 0 rows whose model was drawn by chance"),
        "{}",
        sure.err
    );
    let played = router(&folder, "simulate --data log.jsonl");
    assert!(played.code == 1 && played.err.contains("some are null"), "{}", played.err);
}

#[test]
fn a_folder_of_sets_becomes_a_folder_of_routers() {
    let folder = with("one", &set(200, true, 5));
    std::fs::create_dir(folder.0.join("sets")).unwrap();
    for (name, seed) in [("one", 5), ("two", 6)] {
        put(&folder, &format!("sets/{name}"), &set(200, true, seed));
    }
    let trained = router(&folder, "train --data sets --out routers");
    assert_eq!(trained.code, 0, "{}", trained.err);
    let alone = router(&folder, "train --data one.jsonl --out one.router");
    assert_eq!(alone.code, 0, "{}", alone.err);
    let read = |name: &str| std::fs::read(folder.0.join(name)).unwrap();
    assert_eq!(read("routers/one.router"), read("one.router"), "the same rows and seed give the same bytes");
    assert_ne!(read("routers/two.router"), read("one.router"));
    let runs = told(&folder, "simulate --data one.jsonl --model routers/two.router --seeds 2 --json");
    let names: Vec<&str> =
        runs.as_array().unwrap().iter().map(|run| run["policy"].as_str().unwrap()).collect();
    assert_eq!(names, ["uniform", "thompson", "contextual", "trained"]);
}

#[test]
fn wrong_files_are_named() {
    let folder = with("work", &set(200, true, 7));
    std::fs::write(folder.0.join("no.router"), "{}").unwrap();
    put(&folder, "bad", "{\"id\":\"a\",\"prompt\":\"p\",\"q\":[0,3],\"c\":[1,1]}\n");
    put(&folder, "few", &set(20, true, 7));
    put(&folder, "near", &set(60, true, 8).replacen("\"q\":[0,", "\"q\":[-0.033,", 1));
    for (args, part) in [
        ("train --data missing.jsonl --out x", "cannot read missing.jsonl"),
        ("train --data bad.jsonl --out x", "bad:1: `q` must be between 0 and 1"),
        ("train --data few.jsonl --out x", "20 rows are too few"),
        ("train --from-store --data-dir missing --out x", "there is no history in missing"),
        ("predict --model no.router --data work.jsonl --out x", "no.router: this is no trained router"),
        ("eval --data work.jsonl --pred few.jsonl", "few.jsonl has no prediction for `r20`"),
    ] {
        let ended = router(&folder, args);
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{args}: {}", ended.err);
        assert!(ended.err.contains(part), "{args}: {}", ended.err);
    }
    assert!(!folder.0.join("x").exists());
    let near = router(&folder, "eval --data near.jsonl --pred near.jsonl --draws 0");
    assert_eq!(near.code, 0, "{}", near.err);
    assert!(near.err.contains("near.jsonl: 1 of the qualities lay outside 0 to 1"), "{}", near.err);
    assert_eq!(router(&folder, "eval --data work.jsonl").code, 2, "nothing to judge");
}

const ASKED: &str = "Tom has 3 coins and buys 4 more coins. How many coins has he now?";

/// What is expected of the strong model at sums.
async fn expected(serving: &Serving) -> f64 {
    let body = json!({"prompt": ASKED, "available_models": ["strong"]}).to_string();
    let ask = Ask::post("/v1/models/recommendations", body).header("content-type", "application/json");
    let told = exchange(serving.address, &ask).await.json();
    told["expected_quality"].as_f64().unwrap_or_else(|| panic!("{told:#}"))
}

#[tokio::test]
async fn a_reload_keeps_what_a_router_was_taught_and_a_new_file_begins_anew() {
    let folder = with("work", &set(300, true, 1));
    assert_eq!(router(&folder, "train --data work.jsonl --out work.router").code, 0);
    let config = "[server]\nlisten = \"127.0.0.1:0\"\n[providers.sim]\n[models]\ncheap = \"sim/fast\"\n\
                  strong = \"sim/instant\"\n[routes.auto]\nmodels = [\"cheap\", \"strong\"]\nrouter = \"work.router\"\n";
    std::fs::write(folder.0.join("paceline.toml"), config).unwrap();
    let serving = folder.serve(&[], &[]);
    let trained = expected(&serving).await;
    for _ in 0..30 {
        let messages = json!([{"role": "user", "content": ASKED}]);
        let body = ask_with(false, &json!({"model": "auto", "messages": messages, "max_tokens": 4}));
        let ask = chat("", &body).header("x-paceline-features", "available_models=strong");
        let id = exchange(serving.address, &ask).await.id();
        let judge = Ask::post("/v1/feedback", json!({"call_id": id, "score": 0}).to_string());
        // The record comes a moment after the answer.
        while exchange(serving.address, &judge).await.status == 409 {}
    }
    let taught = expected(&serving).await;
    assert!(trained > 0.85 && taught < 0.6, "{trained} {taught}");
    let reload = Ask::post("/v1/config/reload", "");
    assert_eq!(exchange(serving.address, &reload).await.status, 200);
    assert!((expected(&serving).await - taught).abs() < 0.001);
    assert_eq!(router(&folder, "train --data work.jsonl --out work.router --seed 2").code, 0);
    assert_eq!(exchange(serving.address, &reload).await.status, 200);
    assert!(expected(&serving).await > 0.85, "{}", expected(&serving).await);
}
