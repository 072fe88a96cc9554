//! Budgets after the process was killed: what was spent is spent, and what was reserved by calls under way is too.

use crate::program::{Folder, Serving};
use crate::support::http::{Conn, exchange};
use crate::support::{Ask, Reply, ask_with, chat};
use serde_json::{Value, json};

const KEY: &str = "pk-planted-caller-0123456789abcdef";
const ADMIN: &str = "ak-planted-admin-0123456789abcdef";
const ENV: [(&str, &str); 2] = [("TEAM_A", KEY), ("PACELINE_ADMIN_KEY", ADMIN)];
/// A token of `mine` costs a tenth of a cent. An answer ends once its record is kept.
const CONFIG: &str = r#"
    [server]
    listen = "127.0.0.1:0"
    [storage]
    window_ms = 0
    [retry]
    attempts = 0
    [providers.sim]
    [providers.gone]
    kind = "compatible"
    base_url = "http://127.0.0.1:9/v1"
    [models]
    mine = "sim/instant"
    cheap = { targets = ["gone/cheap"], fallback = ["mine"] }
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
    workspace = "search"
    [tenants.acme.budget]
    day_usd = 0.5
    month_usd = 1
"#;

/// A call that reserves two cents, and costs them where it ends.
fn ask(model: &str, fault: &str, stream: bool) -> Ask {
    let body = ask_with(stream, &json!({"model": model, "max_tokens": 20}));
    chat(fault, &body).header("authorization", &format!("Bearer {KEY}"))
}

async fn call(serving: &Serving) -> Reply {
    exchange(serving.address, &ask("mine", "burst,tokens=20", false)).await
}

async fn tenant(serving: &Serving) -> Value {
    let ask = Ask::get("/v1/limits").header("authorization", &format!("Bearer {ADMIN}"));
    let state = exchange(serving.address, &ask).await.json();
    let scopes = state["scopes"].as_array().unwrap();
    scopes.iter().find(|scope| scope["kind"] == "tenant").cloned().unwrap_or_else(|| panic!("{state:#}"))
}

/// Cents of a member of the day's and the month's budget, which must agree.
fn cents(tenant: &Value, member: &str) -> u64 {
    let of = |span: &str| {
        let text = tenant[span][member].as_str().unwrap_or_else(|| panic!("{tenant:#}"));
        (text.parse::<f64>().unwrap() * 100.0).round() as u64
    };
    assert_eq!(of("budget_day"), of("budget_month"), "{tenant:#}");
    of("budget_day")
}

/// What is spent by the first answer after a start: nobody waits for what was spent before.
async fn spent(serving: &Serving) -> u64 {
    cents(&tenant(serving).await, "spent_usd")
}

#[tokio::test]
async fn what_was_spent_and_reserved_stays_so_over_kills() {
    let folder = Folder::with(CONFIG);
    let mut known = 0;
    for (round, model) in ["mine", "cheap", "mine", "cheap"].into_iter().enumerate() {
        let serving = folder.serve(&[], &ENV);
        assert_eq!(spent(&serving).await, known, "round {round}");
        // One stays under way, at a target that may be dearer than the one that was asked for first.
        let mut held = Conn::open(serving.address).await;
        held.send(&ask(model, "burst,tokens=20,stall-after=2", true).bytes(serving.address)).await;
        held.reply_until(|reply| !reply.body.is_empty()).await;
        assert_eq!(cents(&tenant(&serving).await, "reserved_usd"), 2, "round {round} {model}");
        // What ends afterwards takes with it to the disk how the account stands.
        for _ in 0..3 {
            let reply = call(&serving).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        assert_eq!(cents(&tenant(&serving).await, "spent_usd"), known + 6);
        serving.signal("-KILL");
        drop(serving);
        known += 8;
    }
    // The budget goes on where it was.
    let serving = folder.serve(&[], &ENV);
    assert_eq!(spent(&serving).await, 32);
    for left in (0..9).rev() {
        assert_eq!(call(&serving).await.status, 200, "{left} left");
    }
    let refused = call(&serving).await;
    assert_eq!(refused.refusal(), (429, "budget_exceeded".into()));
    assert!(refused.error().1.contains("tenant acme: $0.5 of $0.5 a day"), "{}", refused.error().1);
}
