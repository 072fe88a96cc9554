//! `GET /v1/calls`: every filter, every page, one by id, and questions that cannot be answered.

use crate::support::{Ask, House, ask, chat};
use serde_json::Value;
use std::collections::BTreeSet;

fn ids(page: &Value) -> Vec<String> {
    let calls = page["calls"].as_array().unwrap();
    calls.iter().map(|call| call["id"].as_str().unwrap().to_owned()).collect()
}

/// A house with one call of every kind.
async fn mixed() -> House {
    let house = House::new();
    let labelled = chat("cost=0.05", &ask(true))
        .header("x-paceline-role", "planner")
        .header("x-paceline-task", "t1")
        .header("x-paceline-session", "s1")
        .header("x-paceline-user", "u1")
        .header("x-paceline-tags", "team=red,env=a b");
    for ask in [
        labelled,
        chat("status=503", &ask(false)),
        chat("no-done", &ask(true)),
        chat("", &serde_json::json!({"model": "nobody", "x": 1})),
        chat("ttft=120,tokens=2", &ask(false)),
        Ask::get("/sim/v1/models"),
        Ask::post("/v1/embeddings", "{\"model\":\"embed\",\"input\":\"x\"}"),
    ] {
        house.send(&ask).await;
    }
    house.newest_of(7).await;
    house
}

#[tokio::test]
async fn filters_find_exactly_what_they_say() {
    let house = mixed().await;
    for (query, count) in [
        ("", 7),
        ("?model=instant", 4),
        ("?model=sim/sim/instant", 4),
        ("?model=sim%2Finstant", 4),
        ("?model=nobody", 0),
        ("?provider=sim", 6),
        ("?provider=other", 0),
        ("?status=ok", 4),
        ("?status=error", 1),
        ("?status=partial", 1),
        ("?status=refused", 1),
        ("?status=canceled", 0),
        ("?error_kind=provider_failed", 1),
        ("?error_kind=truncated", 1),
        ("?role=planner", 1),
        ("?task=t1&session=s1&user=u1", 1),
        ("?task=t2", 0),
        ("?tag=team:red", 1),
        ("?tag=env:a+b", 1),
        ("?tag=team:blue", 0),
        ("?tenant=default", 7),
        ("?workspace=default&tenant=default", 7),
        ("?tenant=acme", 0),
        ("?key=team-a", 0),
        ("?cache=off", 7),
        ("?cache=hit", 0),
        ("?route=x", 0),
        ("?min_cost_usd=0.05", 1),
        ("?min_cost_usd=0.0500001", 0),
        ("?min_duration_ms=115&status=ok", 1),
        ("?window=1h", 7),
        ("?since=2020-01-01T00:00:00Z", 7),
        ("?since=2020-01-01T00:00:00Z&until=2021-01-01T00:00:00Z", 0),
        ("?until=2020-01-01T00:00:00Z", 0),
        ("?status=&model=", 7),
    ] {
        let reply = house.admin(&format!("/v1/calls{query}")).await;
        assert_eq!(reply.status, 200, "{query} {}", reply.text());
        let found = reply.json();
        let expected = if query == "?model=nobody" { 1 } else { count };
        assert_eq!(ids(&found).len(), expected, "{query}");
        assert_eq!(found["next_cursor"], Value::Null, "{query}");
    }
}

#[tokio::test]
async fn since_and_until_are_exact() {
    let house = mixed().await;
    let all = house.admin("/v1/calls").await.json();
    let times: Vec<&str> =
        all["calls"].as_array().unwrap().iter().map(|c| c["started_at"].as_str().unwrap()).collect();
    let middle = times[3];
    let since = house.admin(&format!("/v1/calls?since={middle}")).await.json();
    let until = house.admin(&format!("/v1/calls?until={middle}")).await.json();
    let both: BTreeSet<String> = ids(&since).into_iter().chain(ids(&until)).collect();
    assert_eq!((ids(&since).len() + ids(&until).len(), both.len()), (7, 7), "{middle} of {times:?}");
}

#[tokio::test]
async fn pages_have_no_gaps_and_no_repeats() {
    let house = House::new();
    for at in 0..23 {
        house.send(&chat(if at % 3 == 0 { "status=500" } else { "" }, &ask(false))).await;
    }
    for (filter, count) in [("", 23), ("&status=error", 8), ("&status=ok", 15)] {
        let whole = ids(&house.admin(&format!("/v1/calls?limit=1000{filter}")).await.json());
        assert_eq!(whole.len(), count);
        for limit in [1, 4, 8, 15, 22, 23] {
            let (mut found, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = house.admin(&format!("/v1/calls?limit={limit}{filter}{cursor}")).await.json();
                assert!(!ids(&page).is_empty() && ids(&page).len() <= limit);
                found.extend(ids(&page));
                // New calls come first and move no page.
                if cursor.is_empty() && limit == 4 && filter.is_empty() {
                    house.send(&chat("", &serde_json::json!({"model": 1}))).await;
                }
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            let mut wanted = ids(&house.admin(&format!("/v1/calls?limit=1000{filter}")).await.json());
            wanted.retain(|id| whole.contains(id));
            found.retain(|id| whole.contains(id));
            assert_eq!(found, wanted, "limit={limit}{filter}");
        }
    }
    let usual = house.admin("/v1/calls").await.json();
    assert_eq!(ids(&usual).len(), 24, "fifty a page unless told otherwise");
}

#[tokio::test]
async fn the_newest_are_kept_and_the_page_says_when_one_is_gone() {
    let house = House::but("[log]", "[storage]\nkind = \"memory\"\n[records]\nkeep = 100\n[log]");
    let first = house.send(&chat("status=400", &ask(false))).await.id();
    for _ in 0..100 {
        house.send(&chat("", &serde_json::json!({"model": 1}))).await;
    }
    assert_eq!(house.records().await.len(), 100);
    let reply = house.admin(&format!("/v1/calls/{first}")).await;
    let (code, message) = reply.error();
    assert_eq!((reply.status, code.as_str()), (404, "call_not_found"));
    assert!(message.contains("100") && message.contains("records.keep"), "{message}");
    assert_eq!(house.metrics().await.one("paceline_records_total"), 101);
}

#[tokio::test]
async fn one_call_is_the_same_as_in_the_list() {
    let house = mixed().await;
    let listed = house.admin("/v1/calls").await.json();
    for call in listed["calls"].as_array().unwrap() {
        assert_eq!(&house.record(call["id"].as_str().unwrap()).await, call);
    }
    for id in ["x", "00000000000000000000000000", "%00", "a%2Fb"] {
        let reply = house.admin(&format!("/v1/calls/{id}")).await;
        assert_eq!((reply.status, reply.error().0.as_str()), (404, "call_not_found"), "{id}");
    }
}

#[tokio::test]
async fn bad_questions_are_told_what_is_wrong() {
    let house = House::new();
    for (query, param, says) in [
        ("modle=x", "modle", "did you mean `model`?"),
        ("stauts=ok", "stauts", "`status`"),
        ("zzz=1", "zzz", "known are"),
        ("model=a&model=b", "model", "twice"),
        ("status=fine", "status", "ok, error, partial, canceled or refused"),
        ("error_kind=rate_limit", "error_kind", "rate_limited"),
        ("limit=0", "limit", "1 to 1000"),
        ("limit=1001", "limit", "1 to 1000"),
        ("limit=ten", "limit", "not `ten`"),
        ("window=5", "window", "15m, 24h or 30d"),
        ("window=90d", "window", "31d"),
        ("since=yesterday", "since", "2026-11-23T02:17:00Z"),
        ("until=12", "until", "time"),
        ("tag=red", "tag", "key:value"),
        ("min_cost_usd=cheap", "min_cost_usd", "0.01"),
        ("min_duration_ms=-1", "min_duration_ms", "number"),
        ("cursor=%21", "cursor", "next_cursor"),
    ] {
        let reply = house.admin(&format!("/v1/calls?{query}")).await;
        let (code, message) = reply.error();
        assert_eq!((reply.status, code.as_str()), (400, "invalid_parameter"), "{query}");
        assert_eq!(reply.json()["error"]["param"], param, "{query}");
        assert!(message.contains(says), "{query}: {message}");
    }
    for path in [
        "/v1/performance/summary?by=colour",
        "/v1/performance/summary?model=x",
        "/v1/performance/models/x?by=model",
    ] {
        assert_eq!(house.admin(path).await.refusal(), (400, "invalid_parameter".into()), "{path}");
    }
}
