//! The ledger over HTTP: what it shows, hides, sums, forgets and bounds.

use crate::client::{PATIENCE, Sim, eventually, request};
use paceline_sim::{Outcome, SimConfig, SimServer};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn a_call_is_shown_as_it_was() {
    let sim = Sim::start().await;
    let body = b"{ \"model\":\"instant\",\"x\":1,\"x\":2, \"messages\":[{\"role\":\"user\",\"content\":\"\xC3\xA9\"}]}";
    let lines =
        "X-Odd-Case: Yes\r\nx-twice: 1\r\nauthorization: Bearer sk-planted-9876543210zyxw\r\nX-Twice: 2\r\n";
    sim.client().await.send("POST", "/v1/chat/completions?a=b", lines, body).await;
    let calls = sim.get("/sim/calls?since=0&wait_ms=5000&min=1").await.json();
    let call = &calls[0];
    assert_eq!(call["body"], std::str::from_utf8(body).unwrap());
    assert_eq!((&call["body_bytes"], &call["query"]), (&json!(body.len()), &json!("a=b")));
    assert_eq!(
        (&call["n"], &call["path"], &call["model"]),
        (&json!(1), &json!("/v1/chat/completions"), &json!("sim/instant"))
    );
    assert_eq!(
        (&call["outcome"], &call["stream"], &call["status"]),
        (&json!("completed"), &json!(false), &json!(200))
    );
    let headers = call["headers"].as_array().unwrap();
    let names: Vec<&str> = headers.iter().map(|line| line[0].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["Host", "content-type", "X-Odd-Case", "x-twice", "authorization", "X-Twice", "Content-Length"]
    );
    assert_eq!(headers[5], json!(["X-Twice", "2"]));
    let key = headers[4][1].as_str().unwrap();
    assert!(key.starts_with("Bearer fnv:") && key.ends_with("…zyxw"), "{key}");
    assert!(!calls.to_string().contains("planted"));
}

#[tokio::test]
async fn times_are_in_order() {
    let sim = Sim::start().await;
    sim.chat("ttft=20,itl=4,tokens=5", json!({"stream": true, "model": "smart"})).await;
    let call = sim.last().await;
    let times =
        [call.first_byte_sent_ms, call.first_content_sent_ms, call.last_byte_sent_ms].map(Option::unwrap);
    assert!(times.is_sorted() && times[1] >= 20.0 && times[2] >= 36.0 && times[2] < 2_000.0, "{times:?}");
}

#[tokio::test]
async fn calls_are_numbered_filtered_and_summed() {
    let sim = Sim::start().await;
    let mut client = sim.client().await;
    for fault in ["", "status=500", "cut=fin"] {
        client.chat(fault, json!({"stream": true, "stream_options": {"include_usage": true}})).await;
    }
    client.send("GET", "/v1/models", "", b"").await;
    let calls = client.send("GET", "/sim/calls?since=1&wait_ms=5000&min=3", "", b"").await.json();
    let numbers: Vec<&Value> = calls.as_array().unwrap().iter().map(|call| &call["n"]).collect();
    assert_eq!(numbers, [2, 3, 4]);
    assert_eq!(client.send("GET", "/sim/calls?limit=2", "", b"").await.json().as_array().unwrap().len(), 2);
    assert_eq!(
        client.send("GET", "/sim/totals", "", b"").await.json(),
        json!({
            "calls": 4, "open": 0, "completed": 3, "cut": 1, "stalled": 0, "client_gone": 0,
            "input_tokens": 3, "cache_read_tokens": 0, "cache_write_tokens": 0, "output_tokens": 24,
            "reasoning_tokens": 0, "dropped": 0,
        })
    );
    assert_eq!(
        client.send("GET", "/sim/connections", "", b"").await.json(),
        json!({"open": 1, "accepted": 1})
    );
    for wrong in ["/sim/calls?since=x", "/sim/calls?sinse=1", "/sim/nothing"] {
        assert!(client.send("GET", wrong, "", b"").await.status >= 400);
    }
    assert_eq!(client.send("GET", "/sim/reset", "", b"").await.status, 405);
}

#[tokio::test]
async fn a_reset_makes_everything_as_new() {
    let sim = Sim::start().await;
    let first = sim.chat("", json!({})).await.json();
    sim.post("/sim/script", &json!({"faults": ["status=500"]})).await;
    sim.post("/sim/reset", &json!({})).await;
    assert_eq!(sim.get("/sim/calls").await.json(), json!([]));
    let again = sim.chat("", json!({})).await.json();
    assert_eq!((&again["choices"], &again["id"]), (&first["choices"], &first["id"]), "numbers start again");
    assert_eq!(sim.last().await.n, 1);
}

#[tokio::test]
async fn bounds_hold() {
    let sim = Sim::with(SimConfig { ledger_max: 3, ..SimConfig::default() }).await;
    let mut client = sim.client().await;
    for _ in 0..5 {
        client.chat("", json!({})).await;
    }
    let numbers: Vec<u64> = sim.handle.settled(0, 3, PATIENCE).await.iter().map(|call| call.n).collect();
    assert_eq!((numbers, sim.handle.totals().dropped), (vec![3, 4, 5], 2));
    let large = request(json!({"padding": "x".repeat(300_000)})).to_string();
    client.send("POST", "/v1/chat/completions", "", large.as_bytes()).await;
    let call = sim.last().await;
    assert_eq!((call.body, call.body_bytes), (None, large.len() as u64));
    // Said in the head, so that nothing of it has to be sent.
    client
        .stream
        .write_all(b"POST /v1/files HTTP/1.1\r\nHost: sim\r\nContent-Length: 99999999\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(client.answer().await.unwrap().status, 413);
}

#[tokio::test]
async fn a_request_that_is_never_complete_is_recorded() {
    let sim = Sim::start().await;
    let mut client = sim.client().await;
    let half = b"POST /v1/chat/completions HTTP/1.1\r\nHost: sim\r\nContent-Length: 500\r\n\r\n{\"model\":";
    client.stream.write_all(half).await.unwrap();
    eventually(|| sim.handle.totals().open == 1).await;
    drop(client);
    let call = sim.last().await;
    assert_eq!((call.outcome, call.body_bytes, call.status), (Outcome::ClientGone, 0, None));
}

#[tokio::test]
async fn calls_broken_by_a_stop_were_not_left_by_the_client() {
    let server = SimServer::bind("127.0.0.1:0".parse().unwrap(), SimConfig::default()).await.unwrap();
    let (addr, handle) = (server.addr(), server.handle());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let task = tokio::spawn(server.run(async { drop(stopped.await) }));
    let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let body = request(json!({"stream": true})).to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: s\r\nx-sim-fault: stall-before-head\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    eventually(|| handle.totals().open == 1).await;
    stop.send(()).unwrap();
    task.await.unwrap();
    let calls = handle.settled(0, 1, PATIENCE).await;
    assert_eq!((calls[0].outcome, handle.connections()), (Outcome::Cut, (0, 1)));
}

#[tokio::test]
async fn a_configuration_that_is_not_sound_does_not_start() {
    let config = SimConfig { models: Vec::new(), ..SimConfig::default() };
    let error = SimServer::bind("127.0.0.1:0".parse().unwrap(), config).await.unwrap_err();
    assert!(error.to_string().contains("at least one model"));
}
