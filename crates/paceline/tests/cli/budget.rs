//! A budget that is nearly used: said once a day for each scope, and nobody is refused for it.

use crate::program::{Folder, Serving};
use crate::support::http::exchange;
use crate::support::{Ask, Reply, ask_with, chat};
use serde_json::{Value, json};

const KEY: &str = "pk-planted-caller-0123456789abcdef";
const ADMIN: &str = "ak-planted-admin-0123456789abcdef";
const ENV: [(&str, &str); 2] = [("TEAM_A", KEY), ("PACELINE_ADMIN_KEY", ADMIN)];
/// A token costs a tenth of a cent.
const CONFIG: &str = r#"
    [server]
    listen = "127.0.0.1:0"
    [providers.sim]
    [providers.gone]
    kind = "compatible"
    base_url = "http://127.0.0.1:9/v1"
    [models]
    cheap = { targets = ["gone/cheap"], fallback = ["mine"] }
    mine = "sim/instant"
    [prices."sim/instant"]
    input_usd_per_million = 0
    output_usd_per_million = 1000
    [prices."gone/cheap"]
    input_usd_per_million = 0
    output_usd_per_million = 1
    [[keys]]
    name = "team-a"
    key_env = "TEAM_A"
    tenant = "acme"
    budget = { day_usd = 0.1, month_usd = 100, soft = 0.5 }
    [tenants.acme.budget]
    day_usd = 0.1
    soft = 0.75
"#;

/// A call that may cost, and costs, two cents at `mine`.
async fn call(serving: &Serving, model: &str, fault: &str) -> Reply {
    let body = ask_with(false, &json!({"model": model, "max_tokens": 20}));
    let ask = chat(fault, &body).header("authorization", &format!("Bearer {KEY}"));
    exchange(serving.address, &ask).await
}

/// What `/v1/limits` tells of the day's budget of the key, or of its tenant.
async fn day(serving: &Serving, kind: &str) -> Value {
    let ask = Ask::get("/v1/limits").header("authorization", &format!("Bearer {ADMIN}"));
    let state = exchange(serving.address, &ask).await.json();
    let scopes = state["scopes"].as_array().unwrap();
    scopes.iter().find(|scope| scope["kind"] == kind).unwrap()["budget_day"].clone()
}

#[tokio::test]
async fn it_is_told_once_and_the_calls_go_on() {
    let folder = Folder::with(CONFIG);
    let serving = folder.serve(&[], &ENV);
    for cents in ["0.02", "0.04"] {
        let reply = call(&serving, "mine", "burst,tokens=20").await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let key = day(&serving, "key").await;
        assert_eq!((&key["spent_usd"], &key["nearly_used"]), (&json!(cents), &json!(false)));
    }
    // With the third more than half of the key's budget is used, with the fourth three quarters of the tenant's.
    for (kind, before) in [("key", false), ("tenant", false), ("tenant", true)] {
        assert_eq!(day(&serving, kind).await["nearly_used"], before);
        let reply = call(&serving, "mine", "burst,tokens=20").await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(day(&serving, kind).await["nearly_used"], true);
    }
    let line = serving.line_with("budget nearly used");
    assert!(line.contains("WARN") && line.contains("key team-a, $0.06 of $0.1 a day"), "{line}");
    assert!(line.contains("$0.06 of $100 a month"), "{line}");
    // Events come in their order: what the key's fourth and fifth call had told would come before and after this.
    let line = serving.line_with("budget nearly used");
    assert!(line.contains("tenant acme, $0.08 of $0.1 a day"), "{line}");
    let reply = call(&serving, "mine", "burst,tokens=20").await;
    assert_eq!(reply.refusal(), (429, "budget_exceeded".into()));
    let ended = serving.stop();
    assert!(!ended.err.contains("nearly used"), "{}", ended.err);
}

#[tokio::test]
async fn it_is_told_also_where_a_dearer_target_crosses_it() {
    let folder = Folder::with(CONFIG);
    let serving = folder.serve(&[], &ENV);
    for _ in 0..3 {
        let reply = call(&serving, "cheap", "burst,tokens=20").await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    serving.line_with("budget nearly used");
}
