//! Feedback on answers: who may give it, what it says, and that routes learn from it.

use crate::support::house::USUAL;
use crate::support::{Ask, House, PATIENCE, Reply, ask, chat};
use paceline_stats::rollup::Names;
use paceline_store::filter::Filter;
use paceline_store::sqlite::{History, Settings, SqliteStore};
use paceline_store::store::{Entry, Patch, Store};
use paceline_types::id::CallId;
use paceline_types::record::CallRecord;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

const ADMIN: &str = "ak-planted-admin-0123456789abcdef";
const ONE: &str = "pk-planted-one-0123456789abcdef";
const OTHER: &str = "pk-planted-other-0123456789abcdef";
const ENDED: &str = "pk-planted-ended-0123456789abcdef";

fn feedback(key: &str, body: &Value) -> Ask {
    let ask = Ask::post("/v1/feedback", body.to_string());
    if key.is_empty() { ask } else { ask.header("authorization", &format!("Bearer {key}")) }
}

async fn judge(house: &House, key: &str, body: &Value) -> Reply {
    house.send(&feedback(key, body)).await
}

#[tokio::test]
async fn every_way_to_judge_becomes_a_quality_that_the_record_shows() {
    let house = House::new();
    let id = house.send(&chat("", &ask(false))).await.id();
    assert_eq!(house.record(&id).await["quality"], Value::Null);
    for (said, quality) in [
        (json!({"score": 0.8}), 0.8),
        (json!({"score": 0}), 0.0),
        (json!({"thumbs": "up", "source": "the chat page"}), 1.0),
        (json!({"thumbs": "down"}), 0.0),
        (json!({"accepted": true}), 1.0),
        (json!({"accepted": false}), 0.0),
        (json!({"edited": 0.25}), 0.75),
        (json!({"score": 0.123_456_7}), 0.123_457),
    ] {
        let mut body = said;
        body["call_id"] = json!(id);
        let reply = judge(&house, "", &body).await;
        let wanted = json!({"call_id": id, "quality": quality, "model": "instant", "provider": "sim"});
        assert_eq!((reply.status, reply.json()), (200, wanted), "{body}");
        // Cost and all else stay as they were; the last word counts.
        assert_eq!(house.record(&id).await["quality"], quality, "{body}");
        assert_eq!(house.records().await[0]["quality"], quality);
    }
}

#[tokio::test]
async fn what_says_nothing_is_refused_with_what_is_allowed() {
    let house = House::new();
    let id = house.send(&chat("", &ask(false))).await.id();
    for (body, param, part) in [
        (json!({"call_id": id}), Value::Null, "exactly one judgement"),
        (json!({"call_id": id, "score": 1, "thumbs": "up"}), Value::Null, "exactly one judgement"),
        (json!({"call_id": id, "score": 1.01}), json!("score"), "`score` must be 0 to 1, not 1.01"),
        (json!({"call_id": id, "edited": -0.1}), json!("edited"), "`edited` must be 0 to 1"),
        (json!({"call_id": id, "thumbs": "sideways"}), Value::Null, "\"thumbs\": \"up\" or \"down\""),
        (json!({"call_id": id, "stars": 5}), Value::Null, "unknown field `stars`"),
        (json!({"score": 0.5}), Value::Null, "missing field `call_id`"),
        (json!({"call_id": id, "score": 1, "source": "x".repeat(129)}), json!("source"), "128 bytes"),
    ] {
        let reply = judge(&house, "", &body).await;
        assert_eq!(reply.refusal(), (400, "invalid_parameter".into()), "{body}");
        let told = reply.json();
        assert_eq!(told["error"]["param"], param, "{body}");
        assert!(told["error"]["message"].as_str().unwrap().contains(part), "{told}");
    }
    let long = judge(&house, "", &json!({"call_id": id, "score": 1, "source": "x".repeat(5000)})).await;
    assert_eq!(long.refusal(), (413, "request_too_large".into()));
    let wrong = house.send(&Ask::get("/v1/feedback")).await;
    assert_eq!((wrong.status, wrong.text().contains("use POST")), (405, true));
    assert_eq!(house.record(&id).await["quality"], Value::Null, "none of them was kept");
}

#[tokio::test]
async fn only_what_a_model_answered_can_be_judged() {
    let house = House::new();
    let good = |id: &str| json!({"call_id": id, "thumbs": "up"});
    let failed = house.send(&chat("status=503", &ask(false))).await.id();
    let refused = house.send(&chat("", &json!({"model": "nobody"}))).await.id();
    for id in [failed, refused] {
        house.record(&id).await;
        let reply = judge(&house, "", &good(&id)).await;
        assert_eq!(reply.refusal(), (409, "call_not_answered".into()));
        assert_eq!(house.record(&id).await["quality"], Value::Null);
    }
    for unknown in ["01m837xkv7000000000bpbz6tf", "nonsense", ""] {
        assert_eq!(judge(&house, "", &good(unknown)).await.refusal(), (404, "call_not_found".into()));
    }
    let mut open = house.begin(&chat("stall-after=2", &ask(true))).await;
    let id = open.head().await.id();
    let reply = judge(&house, "", &good(&id)).await;
    assert_eq!(reply.refusal(), (409, "call_not_finished".into()));
    // One letter is wrong: nobody waits for a call that there is not.
    for at in [0, 9, 15, 22, 25] {
        let mut wrong = id.clone().into_bytes();
        wrong[at] = if wrong[at] == b'1' { b'2' } else { b'1' };
        let wrong = String::from_utf8(wrong).unwrap();
        assert_eq!(
            judge(&house, "", &good(&wrong)).await.refusal(),
            (404, "call_not_found".into()),
            "{wrong}"
        );
    }
    drop(open);
    assert_eq!(house.record(&id).await["status"], "canceled");
    assert_eq!(judge(&house, "", &good(&id)).await.status, 200, "there was something to read");
}

#[tokio::test]
async fn a_key_says_what_it_thinks_as_often_as_it_may_call() {
    let text = format!(
        "{USUAL}\n[[keys]]\nname = \"one\"\nkey_env = \"ONE\"\nlimits = {{ calls_per_minute = 4 }}\n\
         [[keys]]\nname = \"other\"\nkey_env = \"OTHER\"\n[tenants.default]\nlimits = {{ calls_per_minute = 9 }}\n"
    );
    let env = [("ONE", ONE), ("OTHER", OTHER), ("PACELINE_ADMIN_KEY", ADMIN)];
    let house = House::with(&text, &env);
    let by = |key: &str| chat("", &ask(false)).header("authorization", &format!("Bearer {key}"));
    let id = house.send(&by(ONE)).await.id();
    house.record(&id).await;
    let good = json!({"call_id": id, "score": 1});
    for _ in 0..3 {
        assert_eq!(judge(&house, ONE, &good).await.status, 200);
    }
    let refused = judge(&house, ONE, &json!({"call_id": id, "score": 0})).await;
    assert_eq!(refused.refusal(), (429, "rate_limit_exceeded".into()));
    assert!(refused.text().contains("key one: 4 of 4 calls a minute"), "{}", refused.text());
    let head = |name: &str| refused.header(name).and_then(|value| value.parse::<u64>().ok());
    assert!(head("retry-after").is_some_and(|seconds| (50..=60).contains(&seconds)), "{refused:?}");
    assert_eq!(
        (head("x-ratelimit-limit-requests"), head("x-ratelimit-remaining-requests")),
        (Some(4), Some(0))
    );
    assert_eq!(house.record(&id).await["quality"], 1.0, "it was not kept");
    assert_eq!(house.send(&by(ONE)).await.status, 429, "calls and judgements count together");
    // What was refused is not taken from the tenant's: five of nine are left for others.
    for left in (0..5).rev() {
        assert_eq!(judge(&house, OTHER, &good).await.status, 404, "{left}");
    }
    assert_eq!(judge(&house, OTHER, &good).await.status, 429);
    assert_eq!(judge(&house, ADMIN, &good).await.status, 200, "the administrator is not limited");
}

#[tokio::test]
async fn nobody_learns_that_another_keys_call_is_under_way() {
    let text = format!(
        "{USUAL}\n[[keys]]\nname = \"one\"\nkey_env = \"ONE\"\n[[keys]]\nname = \"other\"\nkey_env = \"OTHER\"\n"
    );
    let house = House::with(&text, &[("ONE", ONE), ("OTHER", OTHER), ("PACELINE_ADMIN_KEY", ADMIN)]);
    let call = chat("stall-after=2", &ask(true)).header("authorization", &format!("Bearer {ONE}"));
    let mut open = house.begin(&call).await;
    let good = json!({"call_id": open.head().await.id(), "score": 1});
    assert_eq!(judge(&house, ONE, &good).await.refusal(), (409, "call_not_finished".into()));
    assert_eq!(judge(&house, ADMIN, &good).await.refusal(), (409, "call_not_finished".into()));
    assert_eq!(judge(&house, OTHER, &good).await.refusal(), (404, "call_not_found".into()));
}

#[tokio::test]
async fn a_key_judges_its_own_calls_alone() {
    let text = format!(
        "{USUAL}\n[[keys]]\nname = \"one\"\nkey_env = \"ONE\"\n[[keys]]\nname = \"other\"\nkey_env = \"OTHER\"\n\
         [[keys]]\nname = \"ended\"\nkey_env = \"ENDED\"\nexpires = \"2020-01-31T18:00:00+01:00\"\n"
    );
    let env = [("ONE", ONE), ("OTHER", OTHER), ("ENDED", ENDED), ("PACELINE_ADMIN_KEY", ADMIN)];
    let house = House::with(&text, &env);
    let by = |key: &str| chat("", &ask(false)).header("authorization", &format!("Bearer {key}"));
    let id = house.send(&by(ONE)).await.id();
    let of_admin = house.send(&by(ADMIN)).await.id();
    house.record(&id).await;
    let bad = |id: &str| json!({"call_id": id, "score": 0.25});
    for (key, id) in [(OTHER, &id), (ONE, &of_admin)] {
        let reply = judge(&house, key, &bad(id)).await;
        assert_eq!(reply.refusal(), (404, "call_not_found".into()), "as if there were none");
        assert!(reply.text().contains("of this key"), "{}", reply.text());
        assert_eq!(house.record(id).await["quality"], Value::Null);
    }
    for key in ["", "pk-nobody-has-this-0123456789abcdef"] {
        assert_eq!(judge(&house, key, &bad(&id)).await.refusal(), (401, "invalid_api_key".into()));
    }
    assert_eq!(judge(&house, ENDED, &bad(&id)).await.refusal(), (401, "key_expired".into()));
    assert_eq!(judge(&house, ONE, &bad(&id)).await.status, 200);
    assert_eq!(house.record(&id).await["quality"], 0.25);
    for id in [&id, &of_admin] {
        assert_eq!(judge(&house, ADMIN, &json!({"call_id": id, "score": 0.5})).await.status, 200);
        assert_eq!(house.record(id).await["quality"], 0.5);
    }
    // The rest of the admin side stays closed to callers.
    let calls = Ask::get("/v1/calls").header("authorization", &format!("Bearer {ONE}"));
    assert_eq!(house.send(&calls).await.status, 403);
}

#[tokio::test]
async fn who_needs_no_key_judges_calls_without_one() {
    let house = House::with(USUAL, &[("PACELINE_ADMIN_KEY", ADMIN)]);
    let id = house.send(&chat("", &ask(false))).await.id();
    let by_admin = chat("", &ask(false)).header("authorization", &format!("Bearer {ADMIN}"));
    let of_admin = house.send(&by_admin).await.id();
    house.record(&of_admin).await;
    let said = |id: &str| json!({"call_id": id, "accepted": true});
    assert_eq!(judge(&house, "", &said(&id)).await.status, 200);
    assert_eq!(judge(&house, "", &said(&of_admin)).await.status, 404);
    assert_eq!(house.record(&id).await["quality"], 1.0);
}

/// Two models of which nothing is known beforehand that tells them apart.
const TWO: &str = r#"
    one = "sim/sim/instant"
    two = "sim/sim/fast"
    [prices]
    "sim/sim/instant" = { input_usd_per_million = 1, output_usd_per_million = 4 }
    "sim/sim/fast" = { input_usd_per_million = 1, output_usd_per_million = 4 }
    [routes.pick]
    models = ["one", "two"]
    strategy = "highest_quality"
"#;

/// A call about a kind of work; its id.
async fn about(house: &House, model: &str, task: &str) -> String {
    let mut body = ask(false);
    body["model"] = json!(model);
    let reply = house.send(&chat("burst", &body).header("x-paceline-task-type", task)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.id()
}

/// Whom the route takes for a kind of work.
async fn taken(house: &House, task: &str) -> String {
    let id = about(house, "pick", task).await;
    house.record(&id).await["model"].as_str().unwrap().to_owned()
}

/// Whom the route would take for SQL, and what it says.
async fn recommended(house: &House) -> (String, Value) {
    let told = house.admin("/v1/models/recommendations?route=pick&task_type=sql").await.json();
    (told["selected_model"].as_str().unwrap().to_owned(), told)
}

/// Before anything is known one of them is taken; that one and the other.
async fn both(house: &House) -> (String, &'static str) {
    let first = recommended(house).await.0;
    let other = if first == "one" { "two" } else { "one" };
    (first, other)
}

#[tokio::test]
async fn a_route_learns_by_kind_of_work_which_model_answers_well() {
    let house = House::and(TWO);
    let (bad, other) = both(&house).await;
    assert_eq!((taken(&house, "sql").await, taken(&house, "poetry").await), (bad.clone(), bad.clone()));
    for _ in 0..30 {
        for (task, score) in [("sql", 0.0), ("poetry", 1.0)] {
            let id = about(&house, &bad, task).await;
            assert_eq!(judge(&house, "", &json!({"call_id": id, "score": score})).await.status, 200);
        }
    }
    for (task, wanted) in [("sql", other), ("poetry", &bad)] {
        assert_eq!(taken(&house, task).await, wanted, "{task}");
    }
}

#[tokio::test]
async fn a_kind_of_work_named_as_a_feature_is_learned_too_and_a_call_teaches_once() {
    let house = House::and(TWO);
    let (bad, other) = both(&house).await;
    let mut body = ask(false);
    body["model"] = json!("pick");
    let features = format!("task_type=sql,available_models={bad}");
    let mut last = String::new();
    for _ in 0..30 {
        let request = chat("burst", &body).header("x-paceline-features", &features);
        last = house.send(&request).await.id();
        let record = house.record(&last).await;
        assert_eq!((&record["task_type"], &record["model"]), (&json!("sql"), &json!(bad)), "{record:#}");
        judge(&house, "", &json!({"call_id": last, "thumbs": "down"})).await;
    }
    let before = recommended(&house).await;
    assert_eq!(before.0, other, "{:#}", before.1);
    for _ in 0..40 {
        assert_eq!(judge(&house, "", &json!({"call_id": last, "thumbs": "up"})).await.status, 200);
    }
    let after = recommended(&house).await;
    let quality = |told: &Value| told["alternatives"][0]["quality"].clone();
    assert_eq!((after.0.as_str(), quality(&after.1)), (other, quality(&before.1)), "{:#}", after.1);
}

fn folder(name: &str) -> PathBuf {
    crate::support::house::fresh(&format!("feedback-{name}"))
}

fn kept(data: &Path) -> House {
    House::with(&format!("{USUAL}\n{TWO}"), &[("PACELINE_DATA", &data.display().to_string())])
}

fn names(record: &CallRecord) -> Names {
    let empty = || Arc::from("");
    let (tenant, target) = (Arc::clone(&record.caller.tenant), record.target.as_deref().unwrap());
    let (provider, model) = (Arc::clone(&target.provider), Arc::clone(&target.model));
    Names { provider, model, tenant, role: empty(), task: empty(), region: empty() }
}

/// Writes history anew, as if its calls had been made three days before.
fn age(data: &Path) {
    const DAYS_MS: u64 = 3 * 86_400_000;
    let mut all: Vec<CallRecord> = Vec::new();
    let mut take = |records: Vec<Arc<CallRecord>>| {
        all.extend(records.iter().map(|record| CallRecord::clone(record)));
        true
    };
    History::open(data).unwrap().each(&Filter::default(), &mut take).unwrap();
    std::fs::remove_file(data.join("history.db")).unwrap();
    let store = SqliteStore::open(Settings::new(data, Arc::new(names)), Box::new(|_, _| {})).unwrap();
    let mut scores = Vec::new();
    for record in &mut all {
        let (ms, count, worker) = record.id.parts();
        record.id = CallId::new(ms - DAYS_MS, count, worker);
        record.started_at.0 -= DAYS_MS as i64 * 1000;
        let quality = record.quality.take();
        if quality.is_some() {
            scores.push(Patch { id: record.id, cost: None, quality, source: "test".into() });
        }
    }
    assert_eq!(scores.len(), 30);
    store.append(all.into_iter().map(|r| Entry { names: names(&r), record: Arc::new(r) }).collect());
    assert_eq!(store.patch(&scores).unwrap(), 30);
    store.stop();
}

#[tokio::test]
async fn what_scores_taught_is_known_after_a_restart_for_days() {
    let data = folder("restart");
    let first = kept(&data);
    let (bad, other) = both(&first).await;
    let mut last = String::new();
    for _ in 0..30 {
        last = about(&first, &bad, "sql").await;
        judge(&first, "", &json!({"call_id": last, "score": 0.1})).await;
    }
    drop(first);
    for days in [0, 3] {
        if days > 0 {
            age(&data);
        }
        let house = kept(&data);
        // It is read beside the start: it is waited for.
        let began = Instant::now();
        loop {
            let (taken, told) = recommended(&house).await;
            if taken == other {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{days} days: {told:#}");
        }
        if days == 0 {
            assert_eq!(house.record(&last).await["quality"], 0.1);
        }
    }
    std::fs::remove_dir_all(&data).unwrap();
}
