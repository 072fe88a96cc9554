//! Routes: a call leaves the choice of its model to Paceline, and is told why it got which.

use crate::support::{Ask, House, ask, chat};
use serde_json::{Value, json};

const ROUTES: &str = r#"
    cheap = { targets = ["sim/sim/instant"], tier = "tier4" }
    dear = { targets = ["sim/sim/smart"], tier = "tier1" }
    [prices]
    "sim/sim/instant" = { input_usd_per_million = 0.1, output_usd_per_million = 0.4 }
    "sim/sim/smart" = { input_usd_per_million = 5, output_usd_per_million = 20 }
    [routes.pick]
    models = ["cheap", "dear"]
    baseline = "dear"
    [routes.careful]
    models = ["cheap", "dear"]
    strategy = "highest_quality"
    cascade = { on = ["empty", "length", "refusal", "invalid_json"] }
    [routes.learning]
    models = ["cheap", "dear"]
    explore = 0.02
    explore_within = 1.0
"#;

fn body(model: &str, stream: bool) -> Value {
    let mut body = ask(stream);
    body["model"] = json!(model);
    body
}

fn post(path: &str, body: &Value) -> Ask {
    Ask::post(path, body.to_string()).header("content-type", "application/json")
}

fn reasons(record: &Value) -> Vec<&str> {
    record["attempts"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_route_decides_and_says_why() {
    let house = House::and(ROUTES);
    for (strategy, model) in [("cost_effective", "cheap"), ("highest_quality", "dear")] {
        for stream in [false, true] {
            let request = chat("", &body("pick", stream)).header("x-paceline-strategy", strategy);
            let (reply, record) = house.call(&request).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            assert_eq!(reply.header("x-paceline-model"), Some(model));
            assert_eq!(reply.header("x-paceline-route"), Some("pick"));
            let reason = reply.header("x-paceline-reason").unwrap();
            assert!(reason.starts_with(&format!("{model} by {strategy}, score ")), "{reason}");
            assert_eq!((&record["route"], &record["strategy"]), (&json!("pick"), &json!(strategy)));
            assert_eq!((&record["requested_model"], &record["model"]), (&json!("pick"), &json!(model)));
            let decision = &record["decision"];
            assert_eq!(decision["candidates"].as_array().unwrap().len(), 2);
            let sure = decision["confidence"].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&sure), "{decision:#}");
            // The sentence is made of the record alone: the header's, and how sure it is.
            assert_eq!(decision["reasoning"], format!("{reason}; confidence {sure:.2}"));
        }
    }
    let listed = house.admin("/v1/calls?route=pick").await.json();
    assert_eq!(listed["calls"].as_array().unwrap().len(), 4);
    assert!(house.admin("/v1/calls?route=other").await.json()["calls"].as_array().unwrap().is_empty());
    let stats = house.admin("/v1/routing/stats?window=1h").await.json();
    assert_eq!((&stats["decisions"], &stats["success_rate"]), (&json!(4), &json!(1.0)), "{stats:#}");
    assert_eq!(stats["baseline"]["names"]["pick"], "dear");
    assert!(stats["savings_usd"].as_f64().unwrap() > 0.0, "{stats:#}");
    assert_eq!(stats["controls"].as_array().unwrap().len(), 4);
    let summary = house.admin("/v1/performance/summary?window=1h").await.json();
    let rows = summary["indicators"].as_array().unwrap();
    let accuracy = rows.iter().find(|row| row["name"] == "selection_accuracy").unwrap();
    assert_eq!(accuracy["value"], stats["accuracy"], "{accuracy:#}");
    assert!(accuracy["words"].as_str().unwrap().contains("of 4 routing decisions"), "{accuracy:#}");
}

#[tokio::test]
async fn a_span_of_the_past_holds_its_own_decisions() {
    let house = House::and(ROUTES);
    for strategy in ["cost_effective", "highest_quality", "cost_effective"] {
        let request = chat("", &body("pick", false)).header("x-paceline-strategy", strategy);
        assert_eq!(house.call(&request).await.0.status, 200);
    }
    let listed = house.admin("/v1/calls?route=pick").await.json();
    let begun: Vec<&str> =
        listed["calls"].as_array().unwrap().iter().map(|call| call["started_at"].as_str().unwrap()).collect();
    let (last, day) = (begun[0], "2001-02-03T04:00:00Z");
    let before = begun.iter().filter(|start| **start < last).count();
    let stats = house.admin(&format!("/v1/routing/stats?window=1h&until={last}")).await.json();
    assert_eq!((&stats["decisions"], &stats["until"]), (&json!(before), &json!(last)), "{stats:#}");
    assert!(stats["since"].as_str().unwrap() < begun[2] && stats["window_seconds"] == 3600, "{stats:#}");
    let stats =
        house.admin(&format!("/v1/routing/stats?since={day}&until=2001-02-03T05:00:00Z")).await.json();
    assert_eq!((&stats["decisions"], &stats["window_seconds"]), (&json!(0), &json!(3600)), "{stats:#}");
    for bad in [format!("since={day}"), format!("until={day}&since={last}"), "since=today".into()] {
        let reply = house.admin(&format!("/v1/routing/stats?{bad}")).await;
        assert_eq!(reply.status, 400, "{bad}: {}", reply.text());
    }
}

#[tokio::test]
async fn the_header_names_a_route_and_bad_names_are_told() {
    let house = House::and(ROUTES);
    let (reply, record) =
        house.call(&chat("", &body("instant", false)).header("x-paceline-route", "pick")).await;
    assert_eq!((reply.status, &record["route"]), (200, &json!("pick")));
    let reply = house.send(&chat("", &body("instant", false)).header("x-paceline-route", "pikc")).await;
    assert_eq!(reply.status, 404);
    assert!(reply.text().contains("`pick`"), "{}", reply.text());
    for (header, value, part) in [
        ("x-paceline-strategy", "fastest", "there are lowest_latency"),
        ("x-paceline-features", "creativity_requirement=2", "no number from 0 to 1"),
        ("x-paceline-features", "colour=red", "there is no such feature"),
    ] {
        let reply = house.send(&chat("", &body("pick", false)).header(header, value)).await;
        assert_eq!(reply.status, 400, "{value}");
        assert!(reply.text().contains(part), "{}", reply.text());
    }
}

#[tokio::test]
async fn limits_are_kept_and_a_call_that_fits_nobody_is_refused_with_all_reasons() {
    let house = House::and(ROUTES);
    let strict = |features: &str| chat("", &body("pick", false)).header("x-paceline-features", features);
    let (reply, record) =
        house.call(&strict("estimated_tokens=1000,cost_budget=0.001,strategy=highest_quality")).await;
    assert_eq!((reply.status, &record["model"]), (200, &json!("cheap")));
    assert_eq!(record["decision"]["rejected"][0]["reason"], "cost_limit", "{record:#}");
    let before = house.sim.calls(0).len();
    let (reply, record) = house.call(&strict("latency_requirement=0.0001")).await;
    assert_eq!((reply.status, &record["status"]), (422, &json!("refused")), "{}", reply.text());
    let said = reply.text();
    assert!(
        said.contains("no_model_fits") && said.contains("sim/sim/instant expected to take longer"),
        "{said}"
    );
    assert!(said.contains("sim/sim/smart"), "{said}");
    assert_eq!(house.sim.calls(0).len(), before, "nobody was asked");
    assert_eq!(record["requested_model"], "pick");
}

#[tokio::test]
async fn the_next_best_is_asked_when_the_best_fails() {
    let house = House::and(ROUTES);
    house.sim.script(Some("sim/instant"), &["status=503"]).unwrap();
    let request = chat("", &body("pick", false)).header("x-paceline-strategy", "cost_effective");
    let (reply, record) = house.call(&request).await;
    assert_eq!((reply.status, reasons(&record)), (200, vec!["first", "fallback"]), "{record:#}");
    assert_eq!((&record["model"], &record["decision"]["selected_model"]), (&json!("dear"), &json!("cheap")));
    assert_eq!(house.admin("/v1/routing/stats").await.json()["fallbacks"], 1);
}

#[tokio::test]
async fn an_outage_is_felt_by_the_estimates() {
    let house = House::and(ROUTES);
    let request = chat("", &body("pick", false)).header("x-paceline-strategy", "cost_effective");
    for _ in 0..12 {
        house.sim.script(Some("sim/instant"), &["status=500"]).unwrap();
        let (reply, _) = house.call(&request).await;
        assert_eq!(reply.status, 200);
    }
    let (_, record) = house.call(&request).await;
    assert_eq!((&record["model"], reasons(&record)), (&json!("dear"), vec!["first"]), "{record:#}");
    assert_eq!(record["decision"]["rejected"][0]["reason"], "reliability");
}

#[tokio::test]
async fn generate_answers_with_the_decision_beside_the_text() {
    let house = House::and(ROUTES);
    let asked = json!({
        "prompt": "Write a haiku", "route": "pick", "max_tokens": 40,
        "creativity_requirement": 0.8, "strategy": "cost_effective", "top_n": 1,
    });
    let reply = house.send(&post("/v1/models/generate", &asked)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let told = reply.json();
    for name in [
        "selected_model",
        "provider",
        "deployment",
        "confidence",
        "reasoning",
        "expected_cost",
        "expected_latency",
        "expected_quality",
        "optimization_type",
        "alternatives",
        "rejected",
        "text",
        "usage",
        "cost_usd",
    ] {
        assert!(told.get(name).is_some_and(|value| !value.is_null()), "{name} {told:#}");
    }
    assert_eq!((&told["selected_model"], &told["optimization_type"]), (&json!("cheap"), &json!("routing")));
    assert_eq!(told["alternatives"].as_array().unwrap().len(), 1);
    assert!(!told["text"].as_str().unwrap().is_empty());
    let sent = house.sim.calls(0).pop().unwrap();
    let sent: Value = serde_json::from_str(sent.body.as_ref().unwrap()).unwrap();
    assert_eq!(sent["messages"], json!([{"role": "user", "content": "Write a haiku"}]));
    assert_eq!(sent["max_tokens"], 40);
    let record = house.record(told["call_id"].as_str().unwrap()).await;
    assert_eq!((&record["route"], &record["cost_usd"]), (&json!("pick"), &told["cost_usd"]));
    for (asked, part) in [
        (json!({"route": "pick"}), "give the prompt"),
        (json!({"prompt": "x", "colour": 1}), "there is no field `colour`"),
        (json!({"prompt": "x", "route": "pick", "cost_budget": -1}), "no number from 0"),
        (json!({"prompt": "x", "route": "pick", "available_models": ["gone"]}), "not among the models"),
    ] {
        let reply = house.send(&post("/v1/models/generate", &asked)).await;
        assert!((400..500).contains(&reply.status) && reply.text().contains(part), "{}", reply.text());
    }
}

#[tokio::test]
async fn recommendations_ask_nobody() {
    let house = House::and(ROUTES);
    let by_query =
        house.admin("/v1/models/recommendations?prompt=hello&route=pick&strategy=highest_quality").await;
    let by_body = json!({"prompt": "hello", "route": "pick", "strategy": "highest_quality"});
    let by_body = house.send(&post("/v1/models/recommendations", &by_body)).await;
    assert_eq!((by_query.status, by_body.status), (200, 200), "{}", by_body.text());
    let (by_query, by_body) = (by_query.json(), by_body.json());
    assert_eq!(by_query["selected_model"], "dear");
    assert_eq!(by_query["alternatives"], by_body["alternatives"]);
    assert!(house.sim.calls(0).is_empty());
    let none = house.admin("/v1/models/recommendations?route=pick&accuracy_requirement=1").await.json();
    assert_eq!((&none["selected_model"], none["rejected"].as_array().unwrap().len()), (&Value::Null, 2));
    assert_eq!(house.admin("/v1/models/recommendations?route=gone").await.status, 404);
}

#[tokio::test]
async fn a_cascade_asks_a_better_model_when_the_cheap_answer_does_not_hold() {
    let house = House::and(ROUTES);
    let (reply, record) = house.call(&chat("", &body("careful", false))).await;
    assert_eq!(
        (reply.status, &record["model"], reasons(&record)),
        (200, &json!("cheap"), vec!["first"]),
        "{record:#}"
    );
    assert_eq!(record["decision"]["escalated"], false);
    let mut cut = body("careful", false);
    cut["max_tokens"] = json!(2);
    let (reply, record) = house.call(&chat("", &cut)).await;
    assert_eq!((reply.status, &record["model"]), (200, &json!("dear")), "{record:#}");
    assert_eq!(reasons(&record), ["first", "cascade"]);
    assert_eq!((&record["decision"]["escalated"], &record["status"]), (&json!(true), &json!("ok")));
    let paid = |at: usize| record["attempts"][at]["cost_usd"].as_str().unwrap().parse::<f64>().unwrap();
    let whole = record["cost_usd"].as_str().unwrap().parse::<f64>().unwrap();
    assert!((whole - paid(0) - paid(1)).abs() < 1e-12 && paid(0) > 0.0 && paid(1) > paid(0), "{record:#}");
    let stats = house.admin("/v1/routing/stats").await.json();
    assert_eq!((&stats["escalated"], &stats["fallbacks"]), (&json!(1), &json!(0)), "{stats:#}");
    // A stream cannot be taken back, so it goes to the best at once.
    let (_, record) = house.call(&chat("", &body("careful", true))).await;
    assert_eq!(record["model"], "dear");
}

#[tokio::test]
async fn a_cheap_answer_is_better_than_none() {
    let house = House::and(ROUTES);
    house.sim.script(Some("sim/smart"), &["status=500"]).unwrap();
    let mut cut = body("careful", false);
    cut["max_tokens"] = json!(2);
    let (reply, record) = house.call(&chat("", &cut)).await;
    assert_eq!(
        (reply.status, &record["model"], &record["status"]),
        (200, &json!("cheap"), &json!("ok")),
        "{record:#}"
    );
    assert_eq!(reasons(&record), ["first", "cascade"]);
    assert_eq!(record["cost_usd"], record["attempts"][0]["cost_usd"]);
    assert_eq!(reply.json()["usage"]["completion_tokens"], record["usage"]["output_tokens"]);
}

#[tokio::test]
async fn what_a_call_holds_filters() {
    let more = format!("{ROUTES}\n[routes.seen]\nmodels = [\"cheap\", \"dear\"]\n");
    let house = House::and(&more);
    let mut asked = body("seen", false);
    asked["messages"][0]["content"] = json!([
        {"type": "text", "text": "what is it"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]);
    let (reply, record) = house.call(&chat("", &asked)).await;
    assert_eq!(reply.status, 200, "nothing is known of these models, so nothing is held against them");
    assert_eq!(record["decision"]["candidates"].as_array().unwrap().len(), 2);
}
