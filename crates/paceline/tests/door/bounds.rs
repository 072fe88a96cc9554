//! Everything that comes in is bounded: heads, bodies, depth, time, connections.

use crate::support::{Ask, Canned, Conn, House, ask, chat, chat_raw};
use serde_json::json;
use std::time::Instant;

#[tokio::test]
async fn a_head_has_64_kilobytes() {
    let house = House::new();
    let ask = |fill: usize| chat("", &ask(false)).header("x-fill", &"f".repeat(fill));
    let with = |fill: usize| ask(fill).bytes(house.address);
    let body = with(0).len() - with(0).windows(4).position(|w| w == b"\r\n\r\n").unwrap() - 4;
    let room = 65_536 - (with(0).len() - body);
    assert_eq!(house.send(&ask(room)).await.status, 200, "64 KB to the byte");
    for more in [1, 4_000, 200_000] {
        let reply = house.send(&ask(room + more)).await;
        assert_eq!(reply.refusal(), (431, "head_too_large".into()), "{more} more");
    }
    assert_eq!(house.records().await.len(), 1);
}

#[tokio::test]
async fn a_body_has_as_many_bytes_as_is_configured() {
    let house = House::but("[log]", "max_body_bytes = 2048\n[log]");
    let fill = |len: usize| {
        let mut body = ask(false);
        let have = body.to_string().len() + ",\"pad\":\"\"".len();
        body["pad"] = json!("p".repeat(len - have));
        chat_raw("", body.to_string())
    };
    assert_eq!(fill(2048).body.len(), 2048);
    assert_eq!(house.send(&fill(2048)).await.status, 200);
    for len in [2049, 100_000, 5_000_000] {
        let (reply, record) = house.call(&fill(len)).await;
        assert_eq!(reply.refusal(), (413, "request_too_large".into()), "{len}");
        assert!(reply.error().1.contains("2048"), "{}", reply.text());
        assert_eq!((&record["status"], &record["error_kind"]), (&json!("refused"), &json!("too_large")));
        let ask = fill(len);
        let chunked =
            format!("{:x}\r\n{}\r\n0\r\n\r\n", ask.body.len(), String::from_utf8(ask.body.clone()).unwrap());
        let ask = Ask { body: chunked.into(), ..ask }.header("transfer-encoding", "chunked");
        assert_eq!(house.send(&ask).await.refusal(), (413, "request_too_large".into()), "{len} in chunks");
        let raw = Ask { path: "/sim/v1/echo".into(), ..fill(len) };
        assert_eq!(house.send(&raw).await.refusal(), (413, "request_too_large".into()), "{len} raw");
    }
    assert_eq!(house.sim.calls(0).len(), 1);
}

#[tokio::test]
async fn the_usual_bound_of_a_body_is_32_megabytes() {
    let house = House::new();
    let mut conn = house.begin(&chat_raw("", "").header("content-length", "33554433")).await;
    assert_eq!(conn.reply().await.refusal(), (413, "request_too_large".into()));
    let mut body = ask(false);
    body["pad"] = json!("p".repeat(20_000_000));
    let reply = house.send(&chat("", &body)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(house.only_call().await.body_bytes > 20_000_000);
}

#[tokio::test]
async fn json_may_be_128_deep() {
    // The simulated provider itself reads less deep.
    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let provider = Canned::new(&[&answer[..]]).await;
    let house = House::with(&provider.config(""), &[]);
    let nested = |depth: usize| {
        // The object itself is one.
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        ask(false).to_string().replacen('{', &format!("{{\"x\":{open}{close},"), 1)
    };
    assert_eq!(house.send(&chat_raw("", nested(128))).await.status, 200);
    assert!(provider.seen()[0].contains(&"[".repeat(127)));
    for depth in [129, 100_000] {
        let (reply, record) = house.call(&chat_raw("", nested(depth))).await;
        assert_eq!(reply.refusal(), (400, "json_too_deep".into()), "{depth}");
        assert_eq!(record["status"], "refused");
    }
}

#[tokio::test]
async fn a_head_that_comes_slowly_is_not_waited_for() {
    let house = House::but("[log]", "head_timeout_ms = 200\n[log]");
    let began = Instant::now();
    let mut silent = Conn::open(house.address).await;
    let mut half = Conn::open(house.address).await;
    half.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x").await;
    let mut drip = Conn::open(house.address).await;
    drip.send(b"GET / HTTP/1.1\r\n").await;
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(40));
    for _ in 0..4 {
        tick.tick().await;
        drip.send(b"a: b\r\n").await;
    }
    for conn in [&mut half, &mut drip] {
        let reply = conn.reply().await;
        assert_eq!(reply.refusal(), (408, "slow_head".into()));
        assert!(conn.is_closed().await);
    }
    assert!(silent.is_closed().await, "who says nothing is closed without words");
    let took = began.elapsed().as_millis();
    assert!((190..1500).contains(&took), "{took} ms");
    // The second head of a connection has no more time than the first.
    let mut conn = Conn::open(house.address).await;
    conn.send(&Ask::get("/health/live").bytes(house.address)).await;
    assert_eq!(conn.reply().await.status, 200);
    conn.send(b"GET /health/l").await;
    assert_eq!(conn.reply().await.status, 408);
}

#[tokio::test]
async fn a_call_may_take_longer_than_a_head() {
    let house = House::but("[log]", "head_timeout_ms = 100\n[log]");
    let reply = house.send(&chat("ttft=300", &ask(true))).await;
    assert!(reply.is_done());
}

#[tokio::test]
async fn connections_have_a_bound() {
    let house = House::but("[log]", "max_connections = 3\n[log]");
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut conn = house.begin(&Ask::get("/health/live")).await;
        assert_eq!(conn.reply().await.status, 200);
        open.push(conn);
    }
    for _ in 0..3 {
        let reply = house.send(&chat("", &ask(false))).await;
        assert_eq!(reply.refusal(), (503, "too_many_connections".into()));
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
    drop(open.pop());
    let began = Instant::now();
    loop {
        let reply = house.send(&Ask::get("/health/live")).await;
        if reply.status == 200 {
            break;
        }
        assert!(began.elapsed() < crate::support::PATIENCE, "room again: {}", reply.text());
    }
    open.clear();
    // Their ends are seen a moment after they come.
    while house.send(&Ask::get("/health/live")).await.status != 200 {
        assert!(began.elapsed() < crate::support::PATIENCE, "room again");
    }
    assert!(house.metrics().await.one("paceline_connections_refused_total") >= 3);
}

#[tokio::test]
async fn many_header_lines_are_refused() {
    let house = House::new();
    let mut ask = Ask::get("/health/live");
    for at in 0..1000 {
        ask = ask.header(&format!("x-{at}"), "y");
    }
    let reply = house.send(&ask).await;
    assert_eq!(reply.status, 431);
}
