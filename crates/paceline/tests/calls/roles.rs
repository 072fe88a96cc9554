//! Other models that are tried, tiers that are asked for, and calls that leave their model to their role.

use crate::support::{Ask, House, ask, chat};
use serde_json::{Value, json};

const MORE: &str = r#"
    chain = { targets = ["sim/sim/instant"], fallback = ["sim/fast"], tier = "tier2" }
    alone = { targets = ["sim/sim/instant"], fallback_enabled = false, tier = "tier2" }
    [tiers]
    tier1 = ["instant", "sim/fast"]
    tier2 = ["chain", "sim/balanced"]
    [roles."Pricing Strategist"]
    model = "instant"
    tier = "tier1"
    [roles.clerk]
    tier = "tier2"
"#;

fn house() -> House {
    House::and(MORE)
}

/// A call of `model`, or of none.
fn asks(model: Option<&str>, stream: bool) -> Value {
    let mut body = ask(stream);
    match model {
        Some(model) => body["model"] = json!(model),
        None => drop(body.as_object_mut().unwrap().remove("model")),
    }
    body
}

fn deployments(record: &Value) -> Vec<String> {
    let attempts = record["attempts"].as_array().unwrap();
    attempts.iter().map(|attempt| attempt["deployment"].as_str().unwrap().to_owned()).collect()
}

/// The models failed before the call of `model`, and the deployments it tried.
async fn tried(house: &House, model: &str, failing: &[&str]) -> (u16, Vec<String>) {
    for name in failing {
        house.sim.script(Some(name), &["status=503"]).unwrap();
    }
    let (reply, record) = house.call(&chat("", &asks(Some(model), false))).await;
    (reply.status, deployments(&record))
}

#[tokio::test]
async fn a_models_own_list_is_tried_and_then_its_tier() {
    let house = house();
    let chain = ["sim/sim/instant", "sim/fast", "sim/balanced"];
    assert_eq!(
        tried(&house, "chain", &["instant"]).await,
        (200, chain[..2].iter().map(ToString::to_string).collect())
    );
    assert_eq!(tried(&house, "chain", &["instant", "fast"]).await, (200, chain.map(String::from).to_vec()));
    assert_eq!(tried(&house, "alone", &["instant"]).await, (503, vec![chain[0].to_owned()]));
}

#[tokio::test]
async fn a_tier_is_a_name_callers_may_write() {
    let house = house();
    for stream in [true, false] {
        house.sim.script(Some("instant"), &["status=503"]).unwrap();
        let (reply, record) = house.call(&chat("", &asks(Some("tier1"), stream))).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(deployments(&record), ["sim/sim/instant", "sim/fast"]);
        assert_eq!((&record["requested_model"], &record["model"]), (&json!("tier1"), &json!("sim/fast")));
        assert_eq!(reply.header("x-paceline-model"), Some("sim/fast"));
    }
    let list = house.send(&Ask::get("/v1/models")).await.json();
    let ids: Vec<&str> =
        list["data"].as_array().unwrap().iter().filter_map(|model| model["id"].as_str()).collect();
    assert!(ids.contains(&"tier1") && ids.contains(&"tier2") && !ids.contains(&"tier3"), "{ids:?}");
    let metrics = house.admin("/metrics").await.text();
    assert!(metrics.contains("model=\"sim/fast\""), "a provider's model of a tier is told apart");
}

#[tokio::test]
async fn a_name_outside_the_configuration_means_exactly_that_model() {
    let house = house();
    assert_eq!(tried(&house, "sim/fast", &["fast"]).await, (503, vec!["sim/fast".to_owned()]));
}

#[tokio::test]
async fn a_call_that_names_no_model_gets_its_roles() {
    let house = house();
    for (model, stream) in
        [(None, false), (None, true), (Some("auto"), false), (Some("auto"), true), (Some("role"), false)]
    {
        let before = house.sim.calls(0).len() as u64;
        let request = chat("", &asks(model, stream)).header("x-paceline-role", "PRICING_STRATEGIST");
        let (reply, record) = house.call(&request).await;
        assert_eq!(reply.status, 200, "{model:?} {}", reply.text());
        let sent = house.sim.settled(before, 1, crate::support::PATIENCE).await.remove(0);
        let body: Value = serde_json::from_str(sent.body.as_ref().unwrap()).unwrap();
        assert_eq!(body["model"], "sim/instant", "{model:?}");
        assert_eq!(body["messages"], asks(model, stream)["messages"]);
        assert_eq!(record["requested_model"], json!(model));
        assert_eq!(
            (&record["model"], &record["role"]),
            (&json!("instant"), &json!("PRICING_STRATEGIST")),
            "{record:#}"
        );
        assert_eq!(record["usage"]["output_tokens"], sent.tokens_sent);
    }
    let mut body = asks(None, false);
    body["metadata"] = json!({"role": "clerk"});
    house.sim.script(Some("instant"), &["status=503"]).unwrap();
    house.sim.script(Some("balanced"), &["burst"]).unwrap();
    let (reply, record) = house.call(&chat("", &body)).await;
    assert_eq!(
        (reply.status, deployments(&record)),
        (200, ["sim/sim/instant", "sim/balanced"].map(String::from).to_vec())
    );
}

#[tokio::test]
async fn a_model_that_is_named_wins_over_the_role() {
    let house = house();
    let request = chat("", &asks(Some("sim/fast"), false)).header("x-paceline-role", "clerk");
    let (_, record) = house.call(&request).await;
    assert_eq!((deployments(&record), &record["role"]), (vec!["sim/fast".to_owned()], &json!("clerk")));
}

#[tokio::test]
async fn a_call_without_a_model_is_told_what_it_may_do() {
    let house = house();
    for (model, role, status, code, said) in [
        (None, None, 400, "missing_model", &["names no model", "x-paceline-role"][..]),
        (Some("role"), None, 400, "missing_model", &["`role`", "x-paceline-role"]),
        (
            None,
            Some("clark"),
            404,
            "role_not_found",
            &["`clark`", "`clerk`, `Pricing Strategist`", "MODEL_<ROLE>"],
        ),
        (Some("auto"), Some("cook"), 404, "role_not_found", &["`cook`", "`clerk`"]),
        (Some("instent"), Some("clerk"), 404, "model_not_found", &["`instant`"]),
    ] {
        let request = chat("", &asks(model, false));
        let request = role.into_iter().fold(request, |request, role| request.header("x-paceline-role", role));
        let (reply, record) = house.call(&request).await;
        assert_eq!(reply.refusal(), (status, code.to_owned()), "{}", reply.text());
        let message = reply.error().1;
        assert!(said.iter().all(|word| message.contains(word)), "{message}");
        assert_eq!(record["requested_model"], json!(model));
        assert_eq!((&record["status"], &record["role"]), (&json!("refused"), &json!(role)), "{record:#}");
    }
    assert!(house.sim.calls(0).is_empty());
}
