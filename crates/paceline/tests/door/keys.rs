//! Who may call and who may administer; and that no key is ever seen again.

use crate::support::house::{PROVIDER_KEY, USUAL, received};
use crate::support::{Ask, Canned, House, ask, chat};
use serde_json::json;

const CALLER: &str = "pk-planted-caller-0123456789abcdef";
const ADMIN: &str = "ak-planted-admin-0123456789abcdef";

fn with_keys() -> House {
    let text = format!(
        "{USUAL}\n[[keys]]\nname = \"team-a\"\nkey_env = \"TEAM_KEY\"\ntenant = \"acme\"\nworkspace = \"web\""
    );
    House::with(&text, &[("TEAM_KEY", CALLER), ("PACELINE_ADMIN_KEY", ADMIN)])
}

fn bearer(ask: Ask, key: &str) -> Ask {
    ask.header("authorization", &format!("Bearer {key}"))
}

#[tokio::test]
async fn calls_need_a_key_where_there_are_keys() {
    let house = with_keys();
    let call = || chat("", &ask(false));
    for (what, wrong) in [
        ("none", call()),
        ("unknown", bearer(call(), "pk-unknown")),
        ("empty", bearer(call(), "")),
        ("no bearer", call().header("authorization", CALLER)),
        ("basic", call().header("authorization", &format!("Basic {CALLER}"))),
        ("a part of it", bearer(call(), &CALLER[..CALLER.len() - 1])),
        ("the provider's", bearer(call(), PROVIDER_KEY)),
        ("raw", Ask::get("/sim/v1/models")),
        ("embeddings", Ask::post("/v1/embeddings", "{\"model\":\"embed\",\"input\":\"x\"}")),
    ] {
        let (reply, record) = house.call(&wrong).await;
        assert_eq!(reply.refusal(), (401, "invalid_api_key".into()), "{what}");
        assert_eq!(reply.json()["error"]["type"], "authentication_error", "{what}");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{what}");
        assert_eq!(
            (&record["status"], &record["error_kind"]),
            (&json!("refused"), &json!("unauthorized")),
            "{what}"
        );
    }
    assert!(house.sim.calls(0).is_empty(), "none of them reached the provider");
    for right in [
        bearer(call(), CALLER),
        call().header("authorization", &format!("bearer {CALLER}")),
        call().header("x-api-key", CALLER),
        bearer(call(), ADMIN),
    ] {
        let (reply, record) = house.call(&right).await;
        assert_eq!(reply.status, 200);
        let key = record["key"].as_str().unwrap();
        assert_eq!(record["tenant"], if key == "team-a" { "acme" } else { "default" });
        assert_eq!(record["workspace"], if key == "team-a" { "web" } else { "default" });
    }
    for sent in house.sim.calls(0) {
        let credential = received(&sent, "authorization").unwrap();
        assert!(
            credential.ends_with(&PROVIDER_KEY[PROVIDER_KEY.len() - 4..]),
            "the provider got its own key"
        );
        assert_eq!(received(&sent, "x-api-key"), None);
    }
}

#[tokio::test]
async fn the_admin_side_needs_the_admin_key() {
    let house = with_keys();
    // The dashboard's page at `/` shows nothing by itself, and is open.
    for path in
        ["/v1/calls", "/v1/calls/x", "/v1/performance/summary", "/v1/performance/models/x", "/metrics"]
    {
        let get = || Ask::get(path);
        assert_eq!(house.send(&get()).await.refusal(), (401, "invalid_api_key".into()), "{path}");
        assert_eq!(house.send(&bearer(get(), "wrong")).await.status, 401, "{path}");
        assert_eq!(house.send(&bearer(get(), CALLER)).await.refusal(), (403, "admin_only".into()), "{path}");
        assert!([200, 404].contains(&house.send(&bearer(get(), ADMIN)).await.status), "{path}");
    }
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(house.send(&Ask::get(path)).await.status, 200, "{path}");
    }
    assert_eq!(house.send(&bearer(Ask::get("/v1/models"), CALLER)).await.status, 200);
    assert_eq!(house.send(&Ask::get("/v1/models")).await.status, 401);
}

#[tokio::test]
async fn an_admin_key_alone_leaves_calls_open_on_this_machine() {
    let house = House::with(USUAL, &[("PACELINE_ADMIN_KEY", ADMIN)]);
    assert_eq!(house.send(&chat("", &ask(false))).await.status, 200);
    assert_eq!(house.send(&Ask::get("/v1/calls")).await.status, 401);
    assert_eq!(house.admin("/v1/calls").await.status, 200);
    assert_eq!(house.send(&Ask::get("/v1/models")).await.status, 200);
}

#[tokio::test]
async fn no_key_is_in_anything_that_is_given_out() {
    let house = with_keys();
    let mut said = String::new();
    let mut tell = |reply: &crate::support::Reply| {
        said.push_str(&format!("{:?} {}\n", reply.headers, reply.text()));
    };
    for key in [CALLER, ADMIN, PROVIDER_KEY, "pk-unknown"] {
        for fault in ["echo-key", "status=401", "status=500", "error-first", "body=garbage", "cut=rst", ""] {
            for stream in [true, false] {
                tell(&house.send(&bearer(chat(fault, &ask(stream)), key)).await);
            }
            // A raw answer that breaks off at once has nothing to say.
            if fault != "cut=rst" {
                let raw = bearer(Ask::get("/sim/v1/models"), key).header("x-sim-fault", fault);
                tell(&house.send(&raw).await);
            }
        }
        tell(&house.send(&bearer(Ask::get(&format!("/{key}/x?{key}")), key)).await);
        tell(&house.send(&bearer(Ask::get("/v1/models"), key)).await);
    }
    for path in
        ["/v1/calls?limit=1000", "/metrics", "/v1/performance/summary?by=tenant", "/health/ready", "/"]
    {
        tell(&house.admin(path).await);
    }
    let said = said
        .replace(&format!("/{CALLER}/x"), "")
        .replace(&format!("/{ADMIN}/x"), "")
        .replace(&format!("/{PROVIDER_KEY}/x"), "");
    for key in [CALLER, ADMIN, PROVIDER_KEY] {
        for part in [key, &key[..12], &key[key.len() - 12..]] {
            assert!(
                !said.contains(part),
                "{part}: {}",
                said.lines().find(|line| line.contains(part)).unwrap()
            );
        }
    }
    assert!(said.contains("[redacted]"), "the provider did repeat it");
}

#[tokio::test]
async fn our_own_keys_are_not_passed_on_where_callers_bring_theirs() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let provider = Canned::new(&[&answer[..]]).await;
    let text = provider.config("[[keys]]\nname = \"a\"\nkey_env = \"TEAM_KEY\"");
    let text = text.replace("api_key_env = \"SIM_KEY\"", "auth = \"passthrough\"");
    let house = House::with(&text, &[("TEAM_KEY", CALLER), ("PACELINE_ADMIN_KEY", ADMIN)]);
    for key in [CALLER, ADMIN] {
        house.send(&bearer(Ask::get("/canned/v1/x"), key)).await;
        house
            .send(&Ask::get("/canned/v1/x").header("x-api-key", key).header("authorization", "Bearer theirs"))
            .await;
        house.send(&bearer(chat("", &ask(false)), key)).await;
    }
    let seen = provider.seen().concat();
    for key in [CALLER, ADMIN] {
        assert!(!seen.contains(key), "{seen}");
    }
}

#[tokio::test]
async fn a_key_is_needed_for_every_provider_where_there_are_keys() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let provider = Canned::new(&[&answer[..]]).await;
    let text = provider.config("[[keys]]\nname = \"a\"\nkey_env = \"TEAM_KEY\"");
    let text = text.replace("api_key_env = \"SIM_KEY\"", "auth = \"passthrough\"");
    let house = House::with(&text, &[("TEAM_KEY", CALLER)]);
    for ask in [Ask::get("/canned/v1/x"), bearer(Ask::get("/canned/v1/x"), "unknown-here")] {
        assert_eq!(house.send(&ask).await.status, 401);
    }
    assert!(provider.seen().is_empty());
}
