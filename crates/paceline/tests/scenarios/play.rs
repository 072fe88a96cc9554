//! Plays scenarios and compares what comes of them with what must.

use crate::script::{About, Scenario, Step, read};
use crate::support::http::{Ask, Conn, Reply};
use crate::support::paused::{PausedHouse, paused};
use paceline_sim::{Dist, SimConfig, SimModel};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

const USUAL: &str = r#"
    [server]
    listen = "127.0.0.1:0"
    [log]
    level = "off"
    [storage]
    kind = "memory"
    [providers.p]
    kind = "compatible"
    base_url = "http://SIM/v1"
    api_key_env = "SIM_KEY"
    [providers.q]
    kind = "compatible"
    base_url = "http://SIM/v1"
    api_key_env = "SIM_KEY"
"#;
/// How much later than said something may be, in milliseconds.
const LATE: f64 = 150.0;
/// What no call here takes.
const FOR_EVER: Duration = Duration::from_hours(24);

/// Plays all scenarios of a file, and tells all that is wrong with them.
pub(crate) fn all(text: &str) {
    let wrong: Vec<String> = read(text).into_iter().flat_map(one).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// How one call ended.
struct End {
    step: usize,
    reply: Option<Reply>,
    ms: f64,
    record: Value,
}

fn one(scenario: Scenario) -> Vec<String> {
    let name = scenario.name.clone();
    let wrong = paused(async move {
        let models = ["a", "b", "c", "d"].map(|name| SimModel {
            name: name.into(),
            head_ms: Dist::constant(0.0),
            ttft_ms: Dist::constant(0.0),
            inter_token_ms: Dist::constant(0.0),
            output_tokens: Dist::constant(5.0),
            ..SimModel::default()
        });
        let config = format!("{}\n{USUAL}", scenario.config);
        let models = SimConfig { models: models.into(), ..SimConfig::default() };
        let house = PausedHouse::new(&config, &scenario.env, models).await;
        for (model, faults) in &scenario.script {
            let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
            house.sim.script(Some(model), &faults).unwrap();
        }
        let began = Instant::now();
        let ends = calls(&house, &scenario, began).await;
        let mut wrong = Vec::new();
        for (at, step) in scenario.call.iter().enumerate() {
            let own: Vec<&End> = ends.iter().filter(|end| end.step == at).collect();
            for end in &own {
                look(step, end, &mut wrong);
            }
            look_at_all(step, &own, &mut wrong);
        }
        asked(&house, &scenario, began, &mut wrong);
        if !scenario.state.is_empty() {
            let state = house.admin("/v1/limits").await.json();
            values(&scenario.state, &state, 0.0, "state", &mut wrong);
        }
        house.end().await;
        wrong
    });
    wrong.into_iter().map(|what| format!("{name}: {what}")).collect()
}

/// Makes all calls, each at its time, and waits for their records.
async fn calls(house: &PausedHouse, scenario: &Scenario, began: Instant) -> Vec<End> {
    let mut under_way = JoinSet::new();
    for (at, step) in scenario.call.iter().enumerate() {
        for nth in 0..step.times {
            let due = began + Duration::from_millis(step.at_ms + nth * step.every_ms);
            let (step, address) = (step.clone(), house.address);
            under_way.spawn(async move {
                // sleep: of paused time, until the call is due.
                tokio::time::sleep_until(due).await;
                let mut conn = Conn::open(address).await.patient(FOR_EVER);
                conn.send(&ask(&step).bytes(address)).await;
                let patience = step.leaves_ms.map_or(FOR_EVER, Duration::from_millis);
                let reply = tokio::time::timeout(patience, conn.reply()).await.ok();
                let ms = due.elapsed().as_secs_f64() * 1e3;
                End { step: at, reply, ms, record: Value::Null }
            });
        }
    }
    let mut ends = under_way.join_all().await;
    let is_looked_at = |end: &&mut End| {
        let step = &scenario.call[end.step];
        step.tries.is_some() || !step.record.is_empty() || !step.share.is_empty()
    };
    for end in ends.iter_mut().filter(is_looked_at) {
        let id = end.reply.as_ref().and_then(|reply| reply.header("x-paceline-call-id"));
        if let Some(id) = id {
            end.record = house.record(id).await;
        }
    }
    ends
}

fn ask(step: &Step) -> Ask {
    let mut body = json!({"model": step.model, "stream": step.stream,
        "messages": [{"role": "user", "content": "w ".repeat(step.words.unwrap_or(2))}]});
    for (name, value) in &step.body {
        body[name] = serde_json::to_value(value).unwrap();
    }
    let path = step.path.as_deref().unwrap_or("/v1/chat/completions");
    let ask = Ask::post(path, body.to_string()).header("content-type", "application/json");
    step.headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value))
}

/// Compares one call with what must come of it.
fn look(step: &Step, end: &End, wrong: &mut Vec<String>) {
    let Some(reply) = &end.reply else {
        if step.leaves_ms.is_none() {
            wrong.push("there is no answer".into());
        }
        return;
    };
    let mut at = |what: String| wrong.push(format!("call at {} ms: {what}", step.at_ms));
    if let Some(status) = step.status.filter(|status| *status != reply.status) {
        at(format!("status {} instead of {status}: {}", reply.status, reply.text()));
    }
    if let Some(ms) = step.ms.filter(|ms| !ms.allows(end.ms, LATE)) {
        at(format!("took {:.1} ms instead of {ms:?}: {}", end.ms, reply.text()));
    }
    if step.code.is_some() || !step.says.is_empty() {
        let error = &reply.json()["error"];
        if let Some(code) = step.code.as_ref().filter(|code| error["code"] != **code) {
            at(format!("code {} instead of {code}: {error}", error["code"]));
        }
        let said = error["message"].as_str().unwrap_or_default();
        for part in step.says.iter().filter(|part| !said.contains(*part)) {
            at(format!("`{part}` is not in `{said}`"));
        }
    }
    if let Some(done) = step.done.filter(|done| *done != reply.is_done()) {
        at(format!("the stream's end mark should be there: {done}; {}", reply.text()));
    }
    if let Some(code) = &step.ended_by
        && !reply.error_events().iter().any(|event| event["error"]["code"] == **code)
    {
        at(format!("the stream is not ended by {code}: {}", reply.text()));
    }
    if let Some(tries) = step.tries.as_ref().filter(|tries| **tries != tries_of(&end.record)) {
        at(format!("tries {:?} instead of {tries:?}", tries_of(&end.record)));
    }
    let heads: BTreeMap<&str, &str> = reply.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    values(&step.head, &pointed(&heads), LATE, "head", wrong);
    values(&step.record, &end.record, LATE, "record", wrong);
}

/// Headers as a document whose members are found by JSON pointer.
fn pointed(heads: &BTreeMap<&str, &str>) -> Value {
    let number = |text: &str| text.parse::<f64>().ok().map(Value::from);
    let members =
        heads.iter().map(|(name, value)| ((*name).to_owned(), number(value).unwrap_or(json!(value))));
    Value::Object(members.collect())
}

/// Deployment, reason and end of every try.
fn tries_of(record: &Value) -> Vec<String> {
    let attempts = record["attempts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let word = |attempt: &Value, name: &str| attempt[name].as_str().unwrap_or("ok").to_owned();
    attempts
        .iter()
        .map(|one| ["deployment", "reason", "error_kind"].map(|name| word(one, name)).join(" "))
        .collect()
}

/// Compares what several calls came to together.
fn look_at_all(step: &Step, ends: &[&End], wrong: &mut Vec<String>) {
    let replies: Vec<&Reply> = ends.iter().filter_map(|end| end.reply.as_ref()).collect();
    for (status, about) in &step.statuses {
        let count = replies.iter().filter(|reply| reply.status.to_string() == *status).count();
        if !about.allows(count as f64, 0.0) {
            wrong.push(format!(
                "calls at {} ms: {count} have status {status} instead of {about:?}",
                step.at_ms
            ));
        }
    }
    for (deployment, about) in &step.share {
        let own = ends.iter().filter(|end| end.record["deployment"] == **deployment).count();
        let share = own as f64 / ends.len() as f64;
        if !about.allows(share, 0.0) {
            wrong.push(format!(
                "calls at {} ms: {share:.3} went to {deployment} instead of {about:?}",
                step.at_ms
            ));
        }
    }
}

/// Compares members of a document, found by JSON pointer or, without a slash, by name.
fn values(
    wanted: &BTreeMap<String, toml::Value>,
    document: &Value,
    late: f64,
    what: &str,
    wrong: &mut Vec<String>,
) {
    for (name, value) in wanted {
        let pointer = if name.starts_with('/') { name.clone() } else { format!("/{name}") };
        let found = document.pointer(&pointer);
        let about = value.clone().try_into::<About>().ok();
        let fits = match (value, about, found) {
            // `false` for what is not there; also for what is `false`.
            (toml::Value::Boolean(false), _, found) => {
                matches!(found, None | Some(Value::Null | Value::Bool(false)))
            }
            (_, Some(about), Some(found)) => {
                let late = if name.ends_with("ms") { late } else { 0.0 };
                let number = found.as_f64().or_else(|| found.as_str()?.parse().ok());
                number.is_some_and(|number| about.allows(number, late))
            }
            (value, _, Some(found)) => serde_json::to_value(value).unwrap() == *found,
            (_, _, None) => false,
        };
        if !fits {
            let found = found.map_or_else(|| "nothing".into(), Value::to_string);
            let whole = if what == "head" { String::new() } else { format!("\n{document:#}") };
            wrong.push(format!("{what}: {name} is {found} instead of {value}{whole}"));
        }
    }
}

/// Compares what the provider saw with what it must have seen.
fn asked(house: &PausedHouse, scenario: &Scenario, began: Instant, wrong: &mut Vec<String>) {
    for (model, about) in &scenario.asked_in_all {
        let count = house.sim.calls(0).iter().filter(|call| call.model.as_ref() == Some(model)).count();
        if !about.allows(count as f64, 0.0) {
            wrong.push(format!("{model} was asked {count} times instead of {about:?}"));
        }
    }
    let Some(asked) = &scenario.asked else { return };
    let offset = began.duration_since(house.began).as_secs_f64() * 1e3;
    let seen: Vec<(String, f64)> = house
        .sim
        .calls(0)
        .into_iter()
        .map(|call| (call.model.unwrap_or_default(), call.received_age_ms - offset))
        .collect();
    let fits = seen.len() == asked.len()
        && seen.iter().zip(asked).all(|((model, at), wanted)| {
            let (name, time) = wanted.split_once(' ').expect("a model and a time");
            let about = match time.split_once("..") {
                Some((least, most)) => About::Between([least.parse().unwrap(), most.parse().unwrap()]),
                None => About::One(time.parse().unwrap()),
            };
            name == model && about.allows(*at, LATE)
        });
    if !fits {
        wrong.push(format!("the provider was asked {seen:.0?} instead of {asked:?}"));
    }
}
