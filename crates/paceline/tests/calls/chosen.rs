//! Names that choose a model: `auto`, routes of the configuration, and what is left of them where routing is off.

use crate::support::house::USUAL;
use crate::support::{Ask, House, ask_with, chat};
use serde_json::{Value, json};

const MORE: &str = r#"
    [tiers]
    tier1 = ["smart"]
    tier4 = ["instant"]
    [routes.two]
    models = ["instant", "smart"]
    aliases = ["pair"]
    strategy = "lowest_latency"
    fallback = ["sim/balanced"]
    [routes.best]
    models = ["instant", "smart"]
    weights = { quality = 1 }
"#;

fn call(model: &str) -> Ask {
    chat("", &ask_with(false, &json!({ "model": model, "max_tokens": 8 })))
}

fn deployments(record: &Value) -> Vec<&str> {
    record["attempts"].as_array().unwrap().iter().map(|one| one["deployment"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn without_any_configuration_auto_chooses_among_simulated_models() {
    let house = House::with("[server]\nlisten = \"127.0.0.1:0\"\n[log]\nlevel = \"off\"\n", &[]);
    let (reply, record) = house.call(&call("auto")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!((&record["requested_model"], &record["route"]), (&json!("auto"), &json!("auto")));
    let chosen = record["model"].as_str().unwrap();
    assert!(["sim/smart", "sim/balanced", "sim/fast", "sim/instant"].contains(&chosen), "{chosen}");
    assert_eq!(record["decision"]["candidates"].as_array().unwrap().len(), 4, "{record:#}");
    assert_eq!(reply.header("x-paceline-model"), Some(chosen));
}

#[tokio::test]
async fn a_route_may_be_called_like_a_simulated_model() {
    let usual = "[server]\nlisten = \"127.0.0.1:0\"\n[log]\nlevel = \"off\"\n";
    for more in ["", "[routing]\nenabled = false\n"] {
        let house = House::with(&format!("{usual}{more}[routes.fast]\nmodels = [\"sim/smart\"]\n"), &[]);
        for (name, model) in [("fast", "sim/smart"), ("sim/fast", "sim/fast"), ("smart", "sim/smart")] {
            let (reply, record) = house.call(&call(name)).await;
            assert_eq!((reply.status, &record["model"]), (200, &json!(model)), "{name} {more}");
        }
    }
}

#[tokio::test]
async fn routes_weigh_as_the_file_says_and_go_on_when_models_fail() {
    let house = House::and(MORE);
    for (name, route, chosen) in
        [("best", "best", "sim/smart"), ("two", "two", "sim/sim/instant"), ("pair", "two", "sim/sim/instant")]
    {
        let (_, record) = house.call(&call(name)).await;
        assert_eq!((deployments(&record), &record["route"]), (vec![chosen], &json!(route)), "{record:#}");
        assert_eq!(record["decision"]["candidates"].as_array().unwrap().len(), 2, "{record:#}");
    }
    for model in ["instant", "smart"] {
        house.sim.script(Some(model), &["status=503"]).unwrap();
    }
    let (reply, record) = house.call(&call("two")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(deployments(&record).last(), Some(&"sim/balanced"), "{record:#}");
    assert_eq!(deployments(&record).len(), 3);
    let (_, auto) = house.call(&call("auto")).await;
    let all = auto["decision"]["candidates"].as_array().unwrap().len()
        + auto["decision"]["rejected"].as_array().map_or(0, Vec::len);
    assert_eq!(all, 2, "all models but the one for vectors: {auto:#}");
    let (reply, record) = house.call(&call("instant").header("x-paceline-route", "best")).await;
    assert_eq!((reply.status, &record["route"]), (200, &json!("best")));
}

#[tokio::test]
async fn routes_are_listed_and_a_key_may_name_some() {
    let text = format!("{MORE}\n[[keys]]\nname = \"few\"\nkey_env = \"FEW\"\nmodels = [\"pair\", \"au*\"]\n");
    let house = House::with(&format!("{USUAL}\n{text}"), &[("FEW", "planted-few")]);
    let key = |ask: Ask| ask.header("authorization", "Bearer planted-few");
    let list = house.send(&key(Ask::get("/v1/models"))).await.json();
    let entries = list["data"].as_array().unwrap();
    let names: Vec<&str> = entries.iter().filter_map(|entry| entry["id"].as_str()).collect();
    assert_eq!(names, ["pair", "auto"]);
    for entry in entries {
        assert_eq!((&entry["owned_by"], &entry["route"]), (&json!("paceline"), &json!(true)));
    }
    assert_eq!(house.send(&key(call("pair"))).await.status, 200);
    for name in ["two", "best", "instant"] {
        assert_eq!(house.send(&key(call(name))).await.refusal(), (403, "model_not_allowed".into()), "{name}");
    }
}

#[tokio::test]
async fn where_routing_is_off_a_route_is_a_list() {
    let house = House::and(&format!("{MORE}\n[routing]\nenabled = false\n"));
    for name in ["best", "two", "pair"] {
        let (reply, record) = house.call(&call(name)).await;
        assert_eq!((reply.status, deployments(&record)), (200, vec!["sim/sim/instant"]), "{name}");
        assert_eq!(record["requested_model"], json!(name));
        assert!(record["decision"].is_null() && reply.header("x-paceline-route").is_none(), "{record:#}");
    }
    for model in ["instant", "smart"] {
        house.sim.script(Some(model), &["status=503"]).unwrap();
    }
    let (_, record) = house.call(&call("two")).await;
    assert_eq!(deployments(&record), ["sim/sim/instant", "sim/smart", "sim/balanced"]);
    assert_eq!(house.send(&call("auto")).await.refusal(), (400, "missing_model".into()));
}

#[tokio::test]
async fn auto_is_left_to_roles_that_have_a_model() {
    let off = "[routes.auto]\nmodels = [\"smart\"]\n[roles.clerk]\nmodel = \"instant\"\n";
    for (text, without) in [(off.to_owned(), 200), (format!("{off}[routing]\nenabled = false\n"), 400)] {
        let house = House::and(&text);
        let (_, record) = house.call(&call("auto").header("x-paceline-role", "clerk")).await;
        assert_eq!(deployments(&record), ["sim/sim/instant"]);
        assert_eq!(house.send(&call("auto")).await.status, without);
    }
}
