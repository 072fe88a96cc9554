//! Limits and budgets: what is let in, what is refused and in which words, and that nothing goes round them.

use crate::support::house::USUAL;
use crate::support::{Ask, Reply};
use crate::support::{House, ask, chat};
use serde_json::{Value, json};

const KEY: &str = "pk-planted-caller-0123456789abcdef";

/// A house with one key, `team-a` of tenant `acme`, and these settings of it and beside it.
fn house(key: &str, more: &str) -> House {
    let text = format!(
        "{USUAL}\n[[keys]]\nname = \"team-a\"\nkey_env = \"TEAM_A\"\ntenant = \"acme\"\nworkspace = \"search\"\n{key}\n{more}"
    );
    House::with(&text, &[("TEAM_A", KEY), ("PACELINE_ADMIN_KEY", "ak-planted-admin-0123456789abcdef")])
}

fn by_key(fault: &str, body: &Value) -> Ask {
    chat(fault, body).header("authorization", &format!("Bearer {KEY}"))
}

async fn call(house: &House, body: &Value) -> Reply {
    house.send(&by_key("burst,tokens=5", body)).await
}

fn short(max_tokens: u64) -> Value {
    let mut body = ask(false);
    body["max_tokens"] = json!(max_tokens);
    body
}

async fn scope(house: &House, kind: &str) -> Value {
    let state = house.admin("/v1/limits").await.json();
    let scopes = state["scopes"].as_array().unwrap();
    scopes.iter().find(|scope| scope["kind"] == kind).cloned().unwrap_or_else(|| panic!("{kind}: {state:#}"))
}

#[tokio::test]
async fn calls_a_minute_are_counted_and_told() {
    let house = house("limits = { calls_per_minute = 3 }", "");
    for left in ["2", "1", "0"] {
        let reply = call(&house, &ask(false)).await;
        assert_eq!((reply.status, reply.header("x-ratelimit-remaining-requests")), (200, Some(left)));
        assert_eq!(reply.header("x-ratelimit-limit-requests"), Some("3"));
    }
    let reply = call(&house, &ask(false)).await;
    assert_eq!(reply.refusal(), (429, "rate_limit_exceeded".into()));
    let said = reply.error().1;
    assert!(said.contains("key team-a: 3 of 3 calls a minute"), "{said}");
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((55..=60).contains(&wait), "{wait}");
    assert_eq!(reply.header("x-should-retry"), Some("true"));
    assert_eq!(house.sim.calls(0).len(), 3, "no provider was asked");
    let record = house.newest_of(4).await;
    assert_eq!(
        (&record["status"], &record["error_code"]),
        (&json!("refused"), &json!("rate_limit_exceeded"))
    );
    let key = scope(&house, "key").await;
    assert_eq!(key["calls_per_minute"], json!({"used": 3, "limit": 3}));
    assert_eq!(key["refused"], 1);
    // Nothing goes round it.
    let raw = Ask::post("/sim/chat/completions", ask(false).to_string())
        .header("content-type", "application/json")
        .header("authorization", &format!("Bearer {KEY}"));
    assert_eq!(house.send(&raw).await.status, 429);
}

#[tokio::test]
async fn tokens_are_reserved_by_estimate_and_settled_by_usage() {
    let house = house("limits = { tokens_per_minute = 1000 }", "");
    let reply = call(&house, &short(900)).await;
    assert_eq!(reply.status, 200);
    let used = scope(&house, "key").await["tokens_per_minute"]["used"].as_u64().unwrap();
    let usage = reply.json()["usage"].clone();
    assert_eq!(
        json!(used),
        json!(usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap())
    );
    // 900 fit again because 5 were used; what never fits is told so.
    assert_eq!(call(&house, &short(900)).await.status, 200);
    let reply = call(&house, &short(5000)).await;
    assert_eq!(reply.refusal(), (429, "rate_limit_exceeded".into()));
    assert!(reply.error().1.contains("lower max_tokens"), "{}", reply.error().1);
    assert_eq!((reply.header("x-should-retry"), reply.header("retry-after")), (Some("false"), None));
    // A call that fails gives back what it reserved.
    let failed = house.send(&by_key("status=400", &short(900))).await;
    assert_eq!(failed.status, 400);
    assert_eq!(scope(&house, "key").await["tokens_per_minute"]["used"], 2 * used);
}

#[tokio::test]
async fn calls_at_once_wait_for_room_and_not_for_ever() {
    let text = "limits = { concurrent = 1 }";
    let house = house(text, "[queue]\nmax_wait_ms = 400");
    let mut held = house.begin(&by_key("burst,tokens=9,stall-after=3,stall-ms=60000", &ask(true))).await;
    assert_eq!(held.head().await.status, 200);
    let refused = call(&house, &ask(false)).await;
    assert_eq!(refused.refusal(), (429, "concurrency_limit_exceeded".into()));
    assert!(refused.header("retry-after").is_some());
    let key = scope(&house, "key").await;
    assert_eq!((&key["concurrent"]["used"], &key["concurrent"]["waiting"]), (&json!(1), &json!(0)));
    // The caller's own time ends its waiting too.
    let hurried = by_key("", &ask(false)).header("x-paceline-timeout-ms", "30");
    let (reply, record) = house.call(&hurried).await;
    assert_eq!(reply.refusal(), (429, "concurrency_limit_exceeded".into()));
    assert!(record["duration_ms"].as_f64().unwrap() < 400.0, "{record:#}");
    // Whoever goes away makes room for who waits.
    let body = ask(false);
    let waiting = call(&house, &body);
    let leaving = async {
        // sleep: the other call is in line by then, or goes in at once; both are right.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        held.reset();
    };
    let (reply, ()) = tokio::join!(waiting, leaving);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(scope(&house, "key").await["concurrent"]["used"], 0);
}

#[tokio::test]
async fn tenants_models_and_providers_have_limits_too() {
    for (more, kind) in [
        ("[tenants.acme.limits]\ncalls_per_minute = 1", "tenant acme"),
        ("[workspaces.\"acme/search\".limits]\ncalls_per_minute = 1", "workspace acme/search"),
        ("[models.limited]\ntargets = [\"sim/fast\"]\nlimits = { calls_per_minute = 1 }", "model limited"),
    ] {
        let house = house("", more);
        let mut body = ask(false);
        if kind.starts_with("model") {
            body["model"] = json!("limited");
        }
        assert_eq!(call(&house, &body).await.status, 200, "{kind}");
        let reply = call(&house, &body).await;
        assert_eq!(reply.refusal(), (429, "rate_limit_exceeded".into()), "{kind}");
        assert!(reply.error().1.contains(kind), "{}", reply.error().1);
    }
    let text = USUAL.replace("[providers.sim]", "[providers.sim]\nlimits = { calls_per_minute = 1 }");
    let house = House::with(&text, &[]);
    assert_eq!(house.send(&chat("burst", &ask(false))).await.status, 200);
    let reply = house.send(&chat("burst", &ask(false))).await;
    assert!(reply.error().1.contains("provider sim"), "{}", reply.error().1);
}

#[tokio::test]
async fn batch_work_waits_for_people() {
    let house =
        house("limits = { concurrent = 1 }", "[queue]\nmax_wait_ms = 5000\noverloaded_after_ms = 60000");
    let mut held = house.begin(&by_key("burst,tokens=9,stall-after=3,stall-ms=60000", &ask(true))).await;
    assert_eq!(held.head().await.status, 200);
    let waiting = |count: u64| {
        let house = &house;
        async move {
            while scope(house, "key").await["concurrent"]["waiting"] != count {
                tokio::task::yield_now().await;
            }
        }
    };
    let batch = by_key("burst", &short(7)).header("x-paceline-priority", "batch");
    let people = by_key("burst", &short(8));
    let orders = async {
        waiting(1).await;
        let second = house.send(&people);
        let leaving = async {
            waiting(2).await;
            held.reset();
        };
        tokio::join!(second, leaving).0
    };
    let (first, second) = tokio::join!(house.send(&batch), orders);
    assert_eq!((first.status, second.status), (200, 200));
    let is_batch = |call: &paceline_sim::CallReport| call.body.as_ref().unwrap().contains("\"max_tokens\":7");
    let sent: Vec<bool> = house.sim.calls(0).iter().map(is_batch).collect();
    assert_eq!(sent, [false, false, true], "who came first and can wait was served last");
}

#[tokio::test]
async fn what_is_in_shadow_is_only_counted() {
    let house = house("limits = { calls_per_minute = 1, concurrent = 1, shadow = true }", "");
    for _ in 0..4 {
        let reply = call(&house, &ask(false)).await;
        assert_eq!(
            (reply.status, reply.header("x-ratelimit-limit-requests")),
            (200, Some("10000")),
            "the provider's own, as it came"
        );
    }
    let key = scope(&house, "key").await;
    assert_eq!((&key["shadow"]["would_have_refused"], &key["refused"]), (&json!(3), &json!(0)));
}

const PRICE: &str =
    "[prices.\"sim/sim/instant\"]\ninput_usd_per_million = 0\noutput_usd_per_million = 1000\n";

#[tokio::test]
async fn a_budget_is_reserved_settled_and_explained() {
    // Each token costs a tenth of a cent; 100 tokens a day.
    let house = house("budget = { day_usd = 0.1, soft = 0.5 }", PRICE);
    let reply = call(&house, &short(90)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let tokens = reply.json()["usage"]["completion_tokens"].as_u64().unwrap();
    let key = scope(&house, "key").await;
    assert_eq!(key["budget_day"]["spent_usd"], format!("0.00{tokens}"));
    assert_eq!(key["budget_day"]["reserved_usd"], "0");
    let reply = call(&house, &short(99)).await;
    assert_eq!(reply.refusal(), (429, "budget_exceeded".into()));
    let said = reply.error().1;
    assert!(
        said.contains("key team-a: $0.005 of $0.1 a day are spent") && said.contains("begins anew at"),
        "{said}"
    );
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    assert!(reply.header("retry-after").is_some());
    // Nothing goes round it, and what has no price is not let in.
    let raw = |path: &str, body: &Value| {
        Ask::post(path, body.to_string())
            .header("content-type", "application/json")
            .header("x-sim-fault", "burst,tokens=5")
            .header("authorization", &format!("Bearer {KEY}"))
    };
    let mut body = short(99);
    body["model"] = json!("sim/instant");
    let refused = house.send(&raw("/sim/chat/completions", &body)).await;
    assert_eq!(refused.refusal(), (429, "budget_exceeded".into()));
    body["model"] = json!("sim/unpriced");
    let refused = house.send(&raw("/sim/chat/completions", &body)).await;
    assert_eq!(refused.refusal(), (403, "price_unknown".into()), "{}", refused.text());
    // What a raw stream used is not told: what was reserved is spent, or budgets would have a way round them.
    body["model"] = json!("sim/instant");
    body["stream"] = json!(true);
    body["max_tokens"] = json!(40);
    let streamed = house.send(&raw("/sim/chat/completions", &body)).await;
    assert_eq!((streamed.status, streamed.is_done()), (200, true), "{}", streamed.text());
    let day = scope(&house, "key").await["budget_day"].clone();
    assert_eq!((&day["spent_usd"], &day["reserved_usd"]), (&json!("0.045"), &json!("0")));
    let list = Ask::get("/sim/models").header("authorization", &format!("Bearer {KEY}"));
    assert_eq!(house.send(&list).await.status, 200, "what costs nothing is let in");
}

#[tokio::test]
async fn many_at_once_cannot_overspend() {
    let house = house("", &format!("{PRICE}[tenants.acme.budget]\nday_usd = 0.1"));
    let body = short(20);
    let calls = (0..20).map(|_| call(&house, &body));
    let mut fine = 0;
    for reply in futures_of(calls).await {
        match reply.status {
            200 => fine += 1,
            _ => assert_eq!(reply.refusal(), (429, "budget_exceeded".into())),
        }
    }
    assert!(fine >= 5, "{fine}");
    let tenant = scope(&house, "tenant").await;
    let spent: f64 = tenant["budget_day"]["spent_usd"].as_str().unwrap().parse().unwrap();
    assert!(spent <= 0.1 && spent > 0.0, "{spent}");
}

#[tokio::test]
async fn a_thousand_callers_on_two_threads_settle_to_the_cent() {
    // A word is a token that is counted and half a token by the estimate, so that calls cost more than they reserved.
    let price = "[prices.\"sim/sim/instant\"]\ninput_usd_per_million = 1000\noutput_usd_per_million = 1000\n";
    let house = std::sync::Arc::new(house("", &format!("{price}[tenants.acme.budget]\nday_usd = 20")));
    let mut calls = tokio::task::JoinSet::new();
    for nth in 0..1000u64 {
        let house = std::sync::Arc::clone(&house);
        calls.spawn(async move {
            let max_tokens = 1 + nth % 37;
            let mut body = short(max_tokens);
            body["messages"][0]["content"] = json!("w ".repeat(20 + nth as usize % 300));
            let reserved = (body.to_string().len() as u64).div_ceil(4) + max_tokens;
            (reserved, house.send(&by_key("burst", &body)).await)
        });
    }
    let (mut fine, mut used, mut beyond) = (0, 0, 0);
    for (reserved, reply) in calls.join_all().await {
        if reply.status != 200 {
            assert_eq!(reply.refusal(), (429, "budget_exceeded".into()));
            continue;
        }
        let usage = reply.json()["usage"]["total_tokens"].as_u64().unwrap();
        (fine, used, beyond) = (fine + 1, used + usage, beyond + usage.saturating_sub(reserved));
    }
    let tenant = scope(&house, "tenant").await;
    let spent = tenant["budget_day"]["spent_usd"].as_str().unwrap();
    let mills = (spent.parse::<f64>().unwrap() * 1000.0).round() as u64;
    assert_eq!(
        (mills, &tenant["budget_day"]["reserved_usd"]),
        (used, &json!("0")),
        "every token and no other"
    );
    assert!(mills <= 20_000 + beyond, "{mills} of 20000, {beyond} beyond what was reserved");
    assert!((40..1000).contains(&fine), "{fine}");
}

/// All of them at once.
async fn futures_of<F: Future<Output = Reply>>(all: impl Iterator<Item = F>) -> Vec<Reply> {
    let mut waiting: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<Reply>> = waiting.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (one, place) in waiting.iter_mut().zip(&mut done) {
            if place.is_none()
                && let std::task::Poll::Ready(reply) = one.as_mut().poll(cx)
            {
                *place = Some(reply);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
