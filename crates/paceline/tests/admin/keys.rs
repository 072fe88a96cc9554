//! Keys made over HTTP, and the audit log.

use crate::support::house::USUAL;
use crate::support::{Ask, House, PATIENCE, Reply, ask, chat};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;

const ADMIN: &str = "ak-planted-admin-0123456789abcdef";
const FILED: &str = "pk-planted-filed-0123456789abcdef";
const KEYS: &str = "[[keys]]\nname = \"filed\"\nkey_env = \"FILED\"";

fn bearer(ask: Ask, key: &str) -> Ask {
    ask.header("authorization", &format!("Bearer {key}"))
}

async fn admin(house: &House, method: &str, path: &str, body: &Value) -> Reply {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let ask = Ask { body, ..Ask::new(method, path) };
    let ask = if house.admin_key.is_some() { bearer(ask, ADMIN) } else { ask };
    house.send(&ask).await
}

/// Makes a key; its value.
async fn create(house: &House, body: &Value) -> String {
    let reply = admin(house, "POST", "/v1/keys", body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["key"].as_str().unwrap().to_owned()
}

async fn status(house: &House, key: &str) -> u16 {
    house.send(&bearer(chat("", &ask(false)), key)).await.status
}

/// The audit log once it has `count` entries, the oldest first.
async fn audit(house: &House, count: usize) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let reply = admin(house, "GET", "/v1/audit?limit=1000", &Value::Null).await.json();
        let mut all = reply["audit"].as_array().unwrap().clone();
        if all.len() >= count {
            all.reverse();
            return all;
        }
        assert!(began.elapsed() < PATIENCE, "{all:#?}");
    }
}

/// A data folder that outlives a house.
struct Data(PathBuf);

impl Data {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("paceline-keys-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn house(&self, more: &str) -> House {
        let data = self.0.display().to_string();
        let env = [("PACELINE_DATA", data.as_str()), ("PACELINE_ADMIN_KEY", ADMIN), ("FILED", FILED)];
        House::with(&format!("{USUAL}\n{more}"), &env)
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_key_works_at_once_and_after_a_restart_until_it_is_revoked() {
    let data = Data::new("life");
    let key = {
        let house = data.house("");
        assert_eq!(house.send(&chat("", &ask(false))).await.status, 200, "no keys yet");
        let key = create(&house, &json!({"name": "team-a", "tenant": "acme", "workspace": "web"})).await;
        assert!(key.starts_with("pk-") && key.len() == 46, "{key}");
        let (reply, record) = house.call(&bearer(chat("", &ask(false)), &key)).await;
        assert_eq!(reply.status, 200);
        let who = [&record["tenant"], &record["workspace"], &record["key"]];
        assert_eq!(who, [&json!("acme"), &json!("web"), &json!("team-a")]);
        assert_eq!(house.send(&chat("", &ask(false))).await.status, 401, "from now on a key is needed");
        key
    };
    let house = data.house("");
    assert_eq!(status(&house, &key).await, 200);
    let revoked = admin(&house, "DELETE", "/v1/keys/team-a", &Value::Null).await.json();
    assert_eq!(revoked["state"], "revoked");
    assert_eq!(status(&house, &key).await, 401);
    assert_eq!(house.send(&chat("", &ask(false))).await.status, 401, "the last revocation opens no door");
    assert_eq!(admin(&house, "DELETE", "/v1/keys/team-a", &Value::Null).await.status, 200, "again");
    drop(house);
    let house = data.house("");
    assert_eq!(status(&house, &key).await, 401);
    assert_eq!(house.send(&chat("", &ask(false))).await.status, 401);
    for (method, path) in [("PATCH", "/v1/keys/team-a"), ("POST", "/v1/keys/team-a/rotate")] {
        let refusal = admin(&house, method, path, &json!({})).await.refusal();
        assert_eq!(refusal, (409, "key_revoked".into()), "{path}");
    }
    let again = create(&house, &json!({"name": "team-a"})).await;
    assert_eq!((status(&house, &again).await, status(&house, &key).await), (200, 401));
}

#[tokio::test]
async fn a_rotated_key_overlaps_as_long_as_is_said() {
    let house = House::with(USUAL, &[("PACELINE_ADMIN_KEY", ADMIN)]);
    let first = create(&house, &json!({"name": "a"})).await;
    let rotate = async |body: Value| {
        let reply = admin(&house, "POST", "/v1/keys/a/rotate", &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    };
    let second = rotate(json!({"overlap": "24h"})).await;
    let (value, until) = (second["key"].as_str().unwrap(), second["old_value_until"].as_str());
    assert!(until.is_some(), "{second}");
    assert_eq!((status(&house, &first).await, status(&house, value).await), (200, 200));
    let third = rotate(Value::Null).await;
    assert!(third["old_value_until"].is_null());
    let newest = third["key"].as_str().unwrap();
    for (key, expected) in [(first.as_str(), 401), (value, 401), (newest, 200)] {
        assert_eq!(status(&house, key).await, expected);
    }
    for bad in [json!({"overlap": "soon"}), json!({"overlap": "400d"}), json!({"overlp": "1h"})] {
        assert_eq!(admin(&house, "POST", "/v1/keys/a/rotate", &bad).await.status, 400, "{bad}");
    }
    // The old value ends by itself.
    let fourth = rotate(json!({"overlap": "1s"})).await;
    assert_eq!(status(&house, fourth["key"].as_str().unwrap()).await, 200);
    let began = Instant::now();
    while status(&house, newest).await == 200 {
        assert!(began.elapsed() < PATIENCE);
    }
    let ended = house.send(&bearer(chat("", &ask(false)), newest)).await;
    assert_eq!(ended.refusal(), (401, "key_expired".into()));
}

#[tokio::test]
async fn what_a_key_may_do_is_read_strictly_and_changed_in_part() {
    // Its models have no price, and the key gets a budget.
    let house = House::with(
        &format!("{USUAL}\n[budgets]\nunknown_price = \"allow\""),
        &[("PACELINE_ADMIN_KEY", ADMIN)],
    );
    let whole = json!({
        "name": "a", "models": ["smart", "sim/*"], "expires": "30d", "priority": "batch",
        "limits": {"calls_per_minute": 60, "concurrent": 4}, "budget": {"day_usd": 12.5, "soft": 0.9},
    });
    let key = create(&house, &whole).await;
    assert_eq!(status(&house, &key).await, 403, "`instant` is not among its models");
    let change = json!({"models": null, "limits": {"concurrent": null, "tokens_per_minute": 9000}});
    let changed = admin(&house, "PATCH", "/v1/keys/a", &change).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let changed = changed.json();
    assert!(changed.get("key").is_none(), "a change shows no key");
    assert_eq!(changed["models"], json!([]));
    let limits =
        json!({"calls_per_minute": 60, "tokens_per_minute": 9000, "concurrent": null, "shadow": false});
    assert_eq!(changed["limits"], limits);
    assert_eq!(changed["budget"]["day_usd"], "12.5");
    assert_eq!((&changed["priority"], &changed["budget"]["soft"]), (&json!("batch"), &json!(0.9)));
    assert!(changed["expires_at"].is_string());
    assert_eq!(status(&house, &key).await, 200);
    assert_eq!(admin(&house, "GET", "/v1/keys/a", &Value::Null).await.json()["limits"], limits);

    for (bad, param, said) in [
        (json!({}), "name", "a name is needed"),
        (json!({"name": "a b"}), "name", "this is no name"),
        (json!({"name": "admin"}), "name", "choose another name"),
        (json!({"name": "b", "key_env": "X"}), "key_env", "there is no such setting"),
        (json!({"name": "b", "model": ["smart"]}), "model", "did you mean `models`?"),
        (json!({"name": "b", "models": ["smrt"]}), "models", "did you mean `smart`?"),
        (json!({"name": "b", "limits": {"concurrent": 0}}), "limits.concurrent", "out of range: 1"),
        (json!({"name": "b", "limits": {"concurrent": "4"}}), "limits.concurrent", "write `concurrent = 4`"),
        (json!({"name": "b", "budget": {"day_usd": -1}}), "budget.day_usd", "out of range"),
        (json!({"name": "b", "expires": "2020-01-01"}), "expires", "in the past"),
        (json!({"name": "b", "expires": "soon"}), "expires", "no date"),
        (json!({"name": "b", "priority": "low"}), "priority", "none of `interactive`, `batch`"),
    ] {
        let reply = admin(&house, "POST", "/v1/keys", &bad).await;
        assert_eq!(reply.refusal(), (400, "invalid_request".into()), "{bad}");
        let told = reply.json();
        assert_eq!(told["error"]["param"], param, "{bad}");
        let message = told["error"]["message"].as_str().unwrap();
        assert!(message.contains(said), "{bad}: {message}");
    }
    for body in ["", "[]", "{", "\u{0}"] {
        let reply = house.send(&bearer(Ask::post("/v1/keys", body), ADMIN)).await;
        assert_eq!(reply.refusal(), (400, "invalid_request".into()), "{body:?}");
    }
    assert_eq!(admin(&house, "PATCH", "/v1/keys/a", &json!({"name": "c"})).await.status, 400);
    let taken = admin(&house, "POST", "/v1/keys", &json!({"name": "a"})).await;
    assert_eq!(taken.refusal(), (409, "key_exists".into()));
    for (method, path) in [("GET", "/v1/keys/x"), ("PATCH", "/v1/keys/x"), ("DELETE", "/v1/keys/x")] {
        let refusal = admin(&house, method, path, &json!({})).await.refusal();
        assert_eq!(refusal, (404, "key_not_found".into()), "{method}");
    }
}

#[tokio::test]
async fn keys_of_the_file_are_listed_and_not_changed_here() {
    let data = Data::new("file");
    {
        let house = data.house("");
        create(&house, &json!({"name": "made"})).await;
        create(&house, &json!({"name": "filed"})).await;
    }
    let house = data.house(KEYS);
    let list = admin(&house, "GET", "/v1/keys", &Value::Null).await.json();
    let rows: Vec<_> = list["keys"].as_array().unwrap().iter().collect();
    let told: Vec<_> = rows.iter().map(|key| json!([key["name"], key["source"], key["state"]])).collect();
    let expected = [
        json!(["filed", "file", "active"]),
        json!(["filed", "store", "overridden"]),
        json!(["made", "store", "active"]),
    ];
    assert_eq!(told, expected);
    assert_eq!(rows[0]["key_from"], "FILED");
    for (method, path) in
        [("PATCH", "/v1/keys/filed"), ("DELETE", "/v1/keys/filed"), ("POST", "/v1/keys/filed/rotate")]
    {
        let reply = admin(&house, method, path, &json!({})).await;
        assert_eq!(reply.refusal(), (409, "key_in_configuration".into()), "{method}");
        assert!(reply.text().contains("[[keys]]"), "{}", reply.text());
    }
    let taken = admin(&house, "POST", "/v1/keys", &json!({"name": "filed"})).await;
    assert_eq!(taken.refusal(), (409, "key_in_configuration".into()));
    assert_eq!(status(&house, FILED).await, 200);
}

#[tokio::test]
async fn who_did_what_is_in_the_audit_log_without_secrets() {
    let house = House::with(&format!("{USUAL}\n{KEYS}"), &[("PACELINE_ADMIN_KEY", ADMIN), ("FILED", FILED)]);
    let first = create(&house, &json!({"name": "a", "limits": {"concurrent": 2}})).await;
    admin(&house, "PATCH", "/v1/keys/a", &json!({"limits": {"concurrent": 3}})).await;
    let rotated = admin(&house, "POST", "/v1/keys/a/rotate", &json!({"overlap": "1h"})).await.json();
    let second = rotated["key"].as_str().unwrap().to_owned();
    admin(&house, "DELETE", "/v1/keys/a", &Value::Null).await;
    house.send(&bearer(Ask::get("/v1/calls"), "wrong-key-wrong-key")).await;
    house.send(&bearer(Ask::get("/v1/keys"), FILED)).await;
    house.send(&Ask::get(&format!("/{second}/x"))).await;
    let log = audit(&house, 7).await;
    let mut told: Vec<_> =
        log.iter().map(|deed| json!([deed["who"], deed["action"], deed["object"]])).collect();
    // Refusals are written beside the path: their order is not told.
    told[4..].sort_by_key(ToString::to_string);
    let expected = [
        json!(["admin key", "key.create", "a"]),
        json!(["admin key", "key.update", "a"]),
        json!(["admin key", "key.rotate", "a"]),
        json!(["admin key", "key.revoke", "a"]),
        json!(["key filed", "login.refused", "/v1/keys"]),
        json!(["unknown", "login.refused", "/v1/calls"]),
        json!(["unknown", "login.refused", "another path"]),
    ];
    assert_eq!(told, expected);
    assert_eq!(log[0]["detail"]["limits"]["concurrent"], 2);
    assert_eq!(log[1]["detail"]["limits"]["after"]["concurrent"], 3);
    assert_eq!(log[2]["detail"], json!({"overlap_seconds": 3600}));
    let page = admin(&house, "GET", "/v1/audit?limit=3", &Value::Null).await.json();
    let next = page["next_before"].as_i64().unwrap();
    let rest = admin(&house, "GET", &format!("/v1/audit?before={next}"), &Value::Null).await.json();
    assert_eq!(rest["audit"].as_array().unwrap().len(), 4);
    assert!(rest["next_before"].is_null());
    assert_eq!(admin(&house, "GET", "/v1/audit?limit=0", &Value::Null).await.status, 400);
    let mut said = String::new();
    for path in ["/v1/audit", "/v1/keys", "/v1/keys/a", "/metrics", "/v1/calls", "/health/ready"] {
        said.push_str(&house.admin(path).await.text());
    }
    for key in [&first, &second, ADMIN, FILED, "wrong-key-wrong-key"] {
        for part in [key, &key[3..15], &key[key.len() - 12..]] {
            assert!(!said.contains(part), "{part}");
        }
    }
}

#[tokio::test]
async fn a_value_is_in_no_file_of_the_data_folder() {
    let data = Data::new("canary");
    let house = data.house("");
    let key = create(&house, &json!({"name": "a"})).await;
    assert_eq!(status(&house, &key).await, 200);
    drop(house);
    let mut folders = vec![data.0.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = std::fs::read(entry.path()).unwrap();
            let part = &key.as_bytes()[3..15];
            assert!(!bytes.windows(part.len()).any(|window| window == part), "{}", entry.path().display());
        }
    }
}

#[tokio::test]
async fn callers_have_no_say() {
    let house = House::with(&format!("{USUAL}\n{KEYS}"), &[("PACELINE_ADMIN_KEY", ADMIN), ("FILED", FILED)]);
    for (method, path) in [
        ("GET", "/v1/keys"),
        ("POST", "/v1/keys"),
        ("GET", "/v1/keys/filed"),
        ("PATCH", "/v1/keys/filed"),
        ("DELETE", "/v1/keys/filed"),
        ("POST", "/v1/keys/filed/rotate"),
        ("GET", "/v1/audit"),
    ] {
        let ask = Ask::new(method, path);
        assert_eq!(house.send(&ask).await.status, 401, "{method} {path}");
        let refusal = house.send(&bearer(ask, FILED)).await.refusal();
        assert_eq!(refusal, (403, "admin_only".into()), "{method} {path}");
    }
}

#[tokio::test]
async fn in_memory_the_answer_says_that_keys_end() {
    let text = USUAL.replace("workers = 2", "workers = 2\nkeys_required = false");
    let house = House::with(&format!("{text}\n[storage]\nkind = \"memory\""), &[]);
    let made = admin(&house, "POST", "/v1/keys", &json!({"name": "a"})).await.json();
    assert_eq!(made["ends_with_process"], true);
    assert!(made["storage_note"].as_str().unwrap().contains("end with the process"));
    let (reply, record) = house.call(&bearer(chat("", &ask(false)), made["key"].as_str().unwrap())).await;
    assert_eq!((reply.status, &record["key"]), (200, &json!("a")));
    // Without an admin key who is on this machine administers, and keys that are not required stay so.
    let log = audit(&house, 1).await;
    assert_eq!((&log[0]["who"], &log[0]["action"]), (&json!("local"), &json!("key.create")));
    assert_eq!(house.send(&chat("", &ask(false))).await.status, 200);
    assert_eq!(status(&house, "pk-unknown").await, 401);
}

#[tokio::test]
async fn the_first_key_does_not_close_the_admin_side_for_good() {
    let house = House::new();
    let refused = admin(&house, "POST", "/v1/keys", &json!({"name": "a"})).await;
    assert_eq!(refused.refusal(), (409, "admin_key_needed".into()));
    assert!(refused.text().contains("PACELINE_ADMIN_KEY"), "{}", refused.text());
    assert_eq!(house.send(&chat("", &ask(false))).await.status, 200, "nothing has changed");
}

#[tokio::test]
async fn keys_that_cannot_be_read_at_the_start_open_no_door() {
    let data = Data::new("unread");
    let key = {
        let house = data.house("");
        create(&house, &json!({"name": "a"})).await
    };
    let (file, aside) = (data.0.join("control.db"), data.0.join("aside.db"));
    std::fs::rename(&file, &aside).unwrap();
    std::fs::create_dir(&file).unwrap();
    let house = data.house("");
    assert_eq!(house.send(&chat("", &ask(false))).await.status, 401);
    assert_eq!(status(&house, &key).await, 401);
    assert_eq!(status(&house, ADMIN).await, 200);
    let made = admin(&house, "POST", "/v1/keys", &json!({"name": "b"})).await;
    assert_eq!(made.refusal(), (503, "storage_unavailable".into()));
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&aside, &file).unwrap();
    let began = Instant::now();
    while status(&house, &key).await != 200 {
        assert!(began.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    assert_eq!(house.send(&chat("", &ask(false))).await.status, 401);
}
