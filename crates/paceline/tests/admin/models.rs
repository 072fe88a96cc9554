//! `GET /v1/models`: what callers can ask for, from the configuration and from the providers.

use crate::support::{Ask, Canned, House, ask_with, chat};
use serde_json::json;

#[tokio::test]
async fn configured_names_aliases_and_what_providers_list() {
    let house =
        House::and("quick = { targets = [\"sim/instant\"], aliases = [\"q\", \"vendor/quick:free\"] }");
    let list = house.send(&Ask::get("/v1/models")).await.json();
    assert_eq!(list["object"], "list");
    let ids: Vec<&str> =
        list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    for name in ["instant", "embed", "quick", "q", "vendor/quick:free", "sim/fast", "sim/reasoner"] {
        assert!(ids.contains(&name), "{name}: {ids:?}");
        let one = house.send(&Ask::get(&format!("/v1/models/{name}"))).await;
        assert_eq!((one.status, &one.json()["id"]), (200, &json!(name)));
        for field in ["object", "created", "owned_by"] {
            assert!(one.json().get(field).is_some(), "{field}");
        }
    }
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), ids.len(), "no name twice");
    let reply = house.send(&Ask::get("/v1/models/instent")).await;
    assert_eq!(reply.refusal(), (404, "model_not_found".into()));
    assert!(reply.error().1.contains("`instant`"), "{}", reply.text());
    assert!(house.records().await.is_empty(), "asking for models is no call");
}

#[tokio::test]
async fn every_listed_name_can_be_called() {
    let house = House::new();
    let list = house.send(&Ask::get("/v1/models")).await.json();
    for model in list["data"].as_array().unwrap() {
        let name = model["id"].as_str().unwrap();
        if name.contains("embed") || name.contains("speech") {
            continue;
        }
        let reply = house.send(&chat("burst,tokens=1", &ask_with(false, &json!({"model": name})))).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
    }
}

#[tokio::test]
async fn a_provider_without_a_list_costs_nothing_but_its_part() {
    let broken = Canned::new(&[b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\noops"]).await;
    let house = House::with(&broken.config("[models]\nmine = \"canned/x\""), &[]);
    for _ in 0..3 {
        let list = house.send(&Ask::get("/v1/models")).await.json();
        let ids: Vec<&str> =
            list["data"].as_array().unwrap().iter().filter_map(|model| model["id"].as_str()).collect();
        assert_eq!(ids, ["mine", "auto"]);
    }
    assert_eq!(broken.seen().len(), 1, "it is not asked again at every look");
}
