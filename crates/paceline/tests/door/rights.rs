//! What a key may do: models and its end; and calls without a key where there are keys.

use crate::support::house::USUAL;
use crate::support::{Ask, House, ask, chat};
use serde_json::{Value, json};

const NARROW: &str = "pk-planted-narrow-0123456789abcdef";
const WIDE: &str = "pk-planted-wide-0123456789abcdef";
const ENDED: &str = "pk-planted-ended-0123456789abcdef";
const ADMIN: &str = "ak-planted-admin-0123456789abcdef";

fn house(server: &str) -> House {
    let text = USUAL.replace("workers = 2", &format!("workers = 2\n{server}"));
    let text = format!(
        "{text}\n\
         [[keys]]\nname = \"narrow\"\nkey_env = \"NARROW\"\nmodels = [\"smart\", \"em*\", \"sim/sim/*\"]\n\
         [[keys]]\nname = \"wide\"\nkey_env = \"WIDE\"\nmodels = [\"si*\", \"instant\"]\n\
         [[keys]]\nname = \"ended\"\nkey_env = \"ENDED\"\nexpires = \"2020-01-31T18:00:00+01:00\"\n"
    );
    let env = [("NARROW", NARROW), ("WIDE", WIDE), ("ENDED", ENDED), ("PACELINE_ADMIN_KEY", ADMIN)];
    House::with(&text, &env)
}

fn bearer(ask: Ask, key: &str) -> Ask {
    ask.header("authorization", &format!("Bearer {key}"))
}

fn naming(model: &str) -> Ask {
    let mut body = ask(false);
    body["model"] = json!(model);
    chat("", &body)
}

#[tokio::test]
async fn a_model_that_the_key_may_not_name_is_refused() {
    let house = house("");
    for model in ["instant", "smarter", "no-such-model", "sim/other"] {
        let (reply, record) = house.call(&bearer(naming(model), NARROW)).await;
        assert_eq!(reply.refusal(), (403, "model_not_allowed".into()), "{model}");
        let told = reply.json();
        let message = told["error"]["message"].as_str().unwrap();
        assert!(message.contains("`smart`, `em*`, `sim/sim/*`"), "{message}");
        assert!(!message.contains("closest"), "nobody learns what else there is: {message}");
        assert_eq!(told["error"]["param"], "model");
        assert_eq!(record["status"], "refused");
        assert_eq!((&record["requested_model"], &record["key"]), (&json!(model), &json!("narrow")));
    }
    assert!(house.sim.calls(0).is_empty(), "none of them reached the provider");
    assert_eq!(house.send(&bearer(naming("sim/sim/instant"), NARROW)).await.status, 200);
    assert_eq!(house.send(&bearer(naming("instant"), WIDE)).await.status, 200);
    assert_eq!(house.send(&bearer(naming("instant"), ADMIN)).await.status, 200);
    let embed = Ask::post("/v1/embeddings", "{\"model\":\"embed\",\"input\":\"x\"}");
    assert_eq!(house.send(&bearer(embed, NARROW)).await.status, 200);
}

#[tokio::test]
async fn a_providers_own_paths_need_all_of_its_models() {
    let house = house("");
    let (reply, record) = house.call(&bearer(Ask::get("/sim/v1/models"), NARROW)).await;
    assert_eq!(reply.refusal(), (403, "model_not_allowed".into()));
    assert!(reply.text().contains("`sim/*`"), "{}", reply.text());
    assert_eq!(record["status"], "refused");
    assert_eq!(house.send(&bearer(Ask::get("/sim/v1/models"), WIDE)).await.status, 200);
}

#[tokio::test]
async fn the_list_of_models_is_what_may_be_named() {
    let house = house("");
    let ids = |list: &Value| {
        let all = list["data"].as_array().unwrap().iter();
        all.map(|model| model["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let narrow = ids(&house.send(&bearer(Ask::get("/v1/models"), NARROW)).await.json());
    assert!(narrow.contains(&"smart".to_owned()) && narrow.contains(&"embed".to_owned()), "{narrow:?}");
    assert!(narrow.iter().all(|id| id == "smart" || id.starts_with("em") || id.starts_with("sim/sim/")));
    let all = ids(&house.admin("/v1/models").await.json());
    assert!(all.contains(&"instant".to_owned()) && all.len() > narrow.len());
    assert_eq!(house.send(&bearer(Ask::get("/v1/models/instant"), NARROW)).await.status, 404);
    let near = house.send(&bearer(Ask::get("/v1/models/instan"), NARROW)).await.text();
    assert!(!near.contains("`instant`"), "{near}");
    assert_eq!(house.send(&bearer(Ask::get("/v1/models/smart"), NARROW)).await.status, 200);
}

#[tokio::test]
async fn a_key_that_has_ended_is_told_when() {
    let house = house("");
    let (reply, record) = house.call(&bearer(naming("instant"), ENDED)).await;
    assert_eq!(reply.refusal(), (401, "key_expired".into()));
    assert!(reply.text().contains("2020-01-31T17:00:00.000Z"), "{}", reply.text());
    assert_eq!((&record["status"], &record["key"]), (&json!("refused"), &json!("ended")));
    for path in ["/sim/v1/models", "/v1/models"] {
        let refusal = house.send(&bearer(Ask::get(path), ENDED)).await.refusal();
        assert_eq!(refusal, (401, "key_expired".into()), "{path}");
    }
}

#[tokio::test]
async fn keys_that_are_not_required_still_tell_who_calls() {
    let house = house("keys_required = false");
    let (reply, record) = house.call(&naming("instant")).await;
    assert_eq!((reply.status, &record["key"]), (200, &Value::Null));
    let (reply, record) = house.call(&bearer(naming("instant"), WIDE)).await;
    assert_eq!((reply.status, &record["key"]), (200, &json!("wide")));
    let unknown = house.send(&bearer(naming("instant"), "pk-unknown")).await;
    assert_eq!(unknown.refusal(), (401, "invalid_api_key".into()));
    assert_eq!(house.send(&bearer(naming("instant"), NARROW)).await.status, 403);
    assert_eq!(house.send(&Ask::get("/v1/calls")).await.status, 401, "the admin side stays closed");
    // Pages of others must not get in without a key.
    let page = naming("instant").header("origin", "https://evil.example");
    assert_eq!(house.send(&page).await.refusal(), (403, "origin_not_allowed".into()));
    let rebound = naming("instant").header("host", "evil.example").header("sec-fetch-site", "same-origin");
    assert_eq!(house.send(&rebound).await.refusal(), (403, "host_not_allowed".into()));
}

#[tokio::test]
async fn keys_can_be_required_before_there_are_any() {
    let text = USUAL.replace("workers = 2", "workers = 2\nkeys_required = true");
    let house = House::with(&text, &[("PACELINE_ADMIN_KEY", ADMIN)]);
    assert_eq!(house.send(&naming("instant")).await.status, 401);
    assert_eq!(house.send(&bearer(naming("instant"), ADMIN)).await.status, 200);
}
