//! Where a request ends is never in doubt: what can be read in two ways is refused and the connection closed.

use crate::support::{Ask, Conn, House, ask, chat};

fn post(headers: &str, body: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{headers}\r\n{body}"
    )
}

/// The bytes are refused with 400 and the connection is closed; nothing of them becomes a call.
async fn refused(house: &House, bytes: &[u8], what: &str) {
    let mut conn = Conn::open(house.address).await;
    conn.send(bytes).await;
    let reply = conn.reply().await;
    assert_eq!(reply.status, 400, "{what}: {}", reply.text());
    if reply.body.is_empty() {
        // What is no HTTP at all is refused by the parser, without words.
        assert_eq!(reply.header("content-length"), Some("0"), "{what}");
    } else {
        let (code, message) = reply.error();
        assert_eq!(code, "ambiguous_framing", "{what}: {message}");
    }
    assert!(conn.is_closed().await, "{what}: closed after the refusal");
}

#[tokio::test]
async fn ambiguous_requests_are_refused_and_closed() {
    let house = House::new();
    let body = ask(false).to_string();
    let len = body.len();
    let smuggled = "GET /v1/calls HTTP/1.1\r\nhost: x\r\n\r\n";
    let cases = [
        ("CL and TE", post(&format!("content-length: {len}\r\ntransfer-encoding: chunked\r\n"), &body)),
        (
            "TE and CL",
            post(
                &format!("Transfer-Encoding: chunked\r\nContent-Length: {len}\r\n"),
                &format!("0\r\n\r\n{smuggled}"),
            ),
        ),
        ("two lengths", post(&format!("content-length: {len}\r\ncontent-length: {}\r\n", len + 1), &body)),
        (
            "the same length twice",
            post(&format!("content-length: {len}\r\nContent-Length: {len}\r\n"), &body),
        ),
        ("a list of lengths", post(&format!("content-length: {len}, {len}\r\n"), &body)),
        ("a length with a sign", post(&format!("content-length: +{len}\r\n"), &body)),
        ("a length in hex", post("content-length: 0x10\r\n", &body)),
        ("a length that is too large", post("content-length: 99999999999999999999999\r\n", &body)),
        ("an empty length", post("content-length:\r\n", &body)),
        ("an unknown coding", post("transfer-encoding: gzip\r\n", &body)),
        ("a coding twice", post("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n")),
        ("two codings", post("transfer-encoding: gzip, chunked\r\n", "0\r\n\r\n")),
        ("an identity coding", post("transfer-encoding: identity\r\n", &body)),
        ("a coding with a tab", post("transfer-encoding:\tchunked, identity\r\n", "0\r\n\r\n")),
        ("a bare CR in a header", post(&format!("x-a: b\rcontent-length: {len}\r\n"), &body)),
        ("a bare CR in the request line", "GET /\rx HTTP/1.1\r\nhost: x\r\n\r\n".into()),
        (
            "a folded header",
            post(&format!("x-a: b\r\n content-length: 5\r\ncontent-length: {len}\r\n"), &body),
        ),
        ("a header folded with a tab", post("x-a: b\r\n\tc\r\n", "")),
        ("white space before a colon", post(&format!("content-length : {len}\r\n"), &body)),
        ("a coding with white space before its colon", post("transfer-encoding : chunked\r\n", "0\r\n\r\n")),
        ("no header at all", "GET / HTTP/1.1\r\nnonsense\r\n\r\n".into()),
        ("a NUL", "GET / HTTP/1.1\r\nhost: x\r\na: \0\r\n\r\n".into()),
        (
            "chunked in HTTP/1.0",
            post("transfer-encoding: chunked\r\n", "0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0"),
        ),
    ];
    for (what, bytes) in &cases {
        refused(&house, bytes.as_bytes(), what).await;
    }
    assert!(house.sim.calls(0).is_empty(), "nothing reached the provider");
    assert!(house.records().await.is_empty(), "none became a call");
}

#[tokio::test]
async fn broken_chunks_reach_nobody() {
    let house = House::new();
    for body in [
        "g\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "-1\r\n\r\n",
        "fffffffffffffffff\r\n",
        "5;\nx\r\nhello\r\n0\r\n\r\n",
    ] {
        let mut conn = Conn::open(house.address).await;
        conn.send(post("transfer-encoding: chunked\r\n", body).as_bytes()).await;
        let reply = conn.reply().await;
        assert_eq!(reply.status, 400, "{body:?}: {}", reply.text());
        assert!(conn.is_closed().await, "{body:?}");
    }
    assert!(house.sim.calls(0).is_empty());
    assert_eq!(house.metrics().await.one("paceline_calls_in_flight"), 0);
}

#[tokio::test]
async fn what_is_hidden_in_a_body_is_no_request() {
    let house = House::new();
    let hidden = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    let body = serde_json::json!({"model": "instant", "messages": [{"role": "user", "content": hidden}]})
        .to_string();
    let body = body.replace("\\r\\n", "  ");
    let whole = post(&format!("content-length: {}\r\n", body.len()), &body);
    let mut conn = Conn::open(house.address).await;
    conn.send(whole.as_bytes()).await;
    assert_eq!(conn.reply().await.status, 200);
    assert!(conn.is_silent());
    assert_eq!(house.records().await.len(), 1);
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_order_each_with_its_own() {
    let house = House::new();
    let mut bytes = Vec::new();
    for at in 0..6 {
        let mut body = ask(at % 2 == 0);
        body["seed"] = at.into();
        bytes.extend_from_slice(
            &chat("", &body).header("x-paceline-task", &format!("t{at}")).bytes(house.address),
        );
    }
    bytes.extend_from_slice(&Ask::get("/health/live").bytes(house.address));
    let mut conn = Conn::open(house.address).await;
    conn.send(&bytes).await;
    for at in 0..6 {
        let reply = conn.reply().await;
        assert_eq!(house.record(&reply.id()).await["task"], format!("t{at}"));
    }
    assert_eq!(conn.reply().await.json()["status"], "ok");
    // A request in doubt behind a good one is refused, and whatever follows it is not read.
    let mut conn = Conn::open(house.address).await;
    let good = Ask::get("/health/live").bytes(house.address);
    let bad = post("content-length: 5\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n");
    conn.send(&good).await;
    assert_eq!(conn.reply().await.status, 200);
    conn.send(&[bad.as_bytes(), &good].concat()).await;
    assert_eq!(conn.reply().await.status, 400);
    assert!(conn.is_closed().await);
}

#[tokio::test]
async fn bodies_in_chunks_expectations_and_old_clients_are_served() {
    let house = House::new();
    let body = ask(false).to_string();
    let (first, second) = body.split_at(7);
    let chunks = format!(
        "{:x}\r\n{first}\r\n{:X};a=b\r\n{second}\r\n0\r\nx-trailer: 1\r\n\r\n",
        first.len(),
        second.len()
    );
    let mut conn = Conn::open(house.address).await;
    conn.send(post("transfer-encoding: Chunked\r\n", &chunks).as_bytes()).await;
    assert_eq!(conn.reply().await.status, 200);
    assert_eq!(house.only_call().await.body.unwrap(), body.replace("\"instant\"", "\"sim/instant\""));

    let mut conn = Conn::open(house.address).await;
    conn.send(post(&format!("expect: 100-continue\r\ncontent-length: {}\r\n", body.len()), "").as_bytes())
        .await;
    let mut head = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut conn.stream, &mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 100 Continue\r\n\r\n");
    conn.send(body.as_bytes()).await;
    assert_eq!(conn.reply().await.status, 200);

    let sent = house.sim.calls(0).len() as u64;
    let old = post(&format!("content-length: {}\r\n", body.len()), &body).replace("HTTP/1.1", "HTTP/1.0");
    let mut conn = Conn::open(house.address).await;
    conn.send(old.as_bytes()).await;
    let reply = conn.reply().await;
    assert_eq!((reply.status, reply.json()["object"].as_str()), (200, Some("chat.completion")));
    assert_eq!(reply.header("transfer-encoding"), None, "HTTP/1.0 knows no chunks");
    let stream = ask(true).to_string();
    let old = post(&format!("content-length: {}\r\n", stream.len()), &stream).replace("HTTP/1.1", "HTTP/1.0");
    let mut conn = Conn::open(house.address).await;
    conn.send(old.as_bytes()).await;
    let reply = conn.reply().await;
    assert!(reply.is_done() && reply.header("transfer-encoding").is_none());
    assert_eq!(house.sim.calls(sent).len(), 2);
}
