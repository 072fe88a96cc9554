//! What a caller sends besides its question: what crosses to the provider, and what never does.

use crate::support::house::received;
use crate::support::{Ask, Canned, Conn, House, ask, chat};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

#[tokio::test]
async fn private_headers_stay_here_and_others_cross() {
    let provider = Canned::new(&[ANSWER]).await;
    let house = House::with(&provider.config("headers = { \"x-fixed\" = \"yes\" }"), &[]);
    let mine = [
        ("cookie", "session=1"),
        ("authorization", "Bearer mine"),
        ("x-api-key", "mine"),
        ("api-key", "mine"),
        ("x-goog-api-key", "mine"),
        ("proxy-authorization", "Basic mine"),
        ("openai-organization", "org-mine"),
        ("openai-project", "proj-mine"),
        ("x-paceline-role", "planner"),
        ("x-paceline-anything", "x"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=10.0.0.1"),
        ("x-real-ip", "10.0.0.1"),
        ("via", "1.1 mine"),
        ("referer", "https://mine.example/secret"),
        ("te", "trailers"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("upgrade", "h2c"),
        ("accept-encoding", "gzip, br"),
        ("sec-fetch-mode", "cors"),
    ];
    let theirs = [
        ("accept", "text/event-stream"),
        ("user-agent", "OpenAI/Python 3"),
        ("x-stainless-lang", "python"),
        ("idempotency-key", "k-1"),
        ("openai-beta", "assistants=v2"),
        ("x-anything", "goes"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    for path in ["/v1/chat/completions", "/canned/v1/chat/completions"] {
        let mut ask = Ask { path: path.into(), ..chat("", &ask(false)) }
            .header("connection", "x-hop, close")
            .header("x-hop", "1");
        for (name, value) in mine.iter().chain(&theirs) {
            ask = ask.header(name, value);
        }
        assert_eq!(house.send(&ask).await.status, 200);
        let seen = provider.seen().pop().unwrap().to_ascii_lowercase();
        let head = seen.split("\r\n\r\n").next().unwrap();
        for (name, value) in mine {
            assert!(
                !head.contains(&format!("\r\n{name}: {}", value.to_ascii_lowercase())),
                "{path} {name}: {head}"
            );
        }
        for (name, value) in theirs {
            assert!(
                head.contains(&format!("\r\n{name}: {}", value.to_ascii_lowercase())),
                "{path} {name}: {head}"
            );
        }
        assert!(
            head.contains("\r\nx-fixed: yes") && head.contains("\r\naccept-encoding: identity"),
            "{head}"
        );
        assert!(head.contains(&format!("\r\nhost: {}", provider.address)), "{head}");
        for name in ["host", "content-length", "authorization", "content-type"] {
            assert_eq!(head.matches(&format!("\r\n{name}:")).count(), 1, "{path} {name}: {head}");
        }
        assert!(!head.contains("x-hop: 1"), "what `connection` names belongs to the connection: {head}");
    }
}

#[tokio::test]
async fn nothing_that_a_caller_sends_chooses_the_provider() {
    let decoy = Canned::new(&[ANSWER]).await;
    let house = House::new();
    let elsewhere = decoy.address.to_string();
    let body = ask(false).to_string();
    let targets = ["/v1/chat/completions".to_owned(), format!("http://{elsewhere}/v1/chat/completions")];
    let mut expected = 0;
    for target in &targets {
        for (name, value) in [
            ("host", elsewhere.as_str()),
            ("x-forwarded-host", &elsewhere),
            ("x-forwarded-server", &elsewhere),
            ("forwarded", &format!("host={elsewhere}")),
            ("x-base-url", &format!("http://{elsewhere}/v1")),
            ("x-paceline-provider", "evil"),
        ] {
            let ask = Ask::post(target, body.clone())
                .header("content-type", "application/json")
                .header(name, value);
            assert_eq!(house.send(&ask).await.status, 200, "{target} {name}");
            expected += 1;
        }
    }
    let request = Ask::post(&targets[0], body.clone()).header("content-type", "application/json");
    let routed = house.send(&request.header("x-paceline-route", &format!("http://{elsewhere}"))).await;
    assert_eq!(
        routed.refusal(),
        (404, "route_not_found".to_owned()),
        "a route is a name of the configuration"
    );
    let sent = house.ledger(expected).await;
    for call in &sent {
        assert_eq!(call.path, "/v1/chat/completions");
        assert_eq!(received(call, "host"), Some(house.sim_address.to_string().as_str()));
    }
    let route = Ask::post(&targets[0], body.clone()).header("content-type", "application/json");
    let route = house.send(&route.header("x-paceline-route", "http://evil")).await;
    assert_eq!(route.refusal(), (404, "route_not_found".into()));
    let models =
        [format!("http://{elsewhere}/v1/x"), format!("{elsewhere}/x"), "../x".into(), "sim/../../x".into()];
    for model in &models {
        let mut body = ask(false);
        body["model"] = model.as_str().into();
        house.send(&chat("", &body)).await;
    }
    assert!(decoy.seen().is_empty());
}

#[tokio::test]
async fn a_proxy_request_is_no_way_out() {
    let decoy = Canned::new(&[ANSWER]).await;
    let house = House::new();
    for line in [
        format!("CONNECT {} HTTP/1.1\r\nhost: {}\r\n\r\n", decoy.address, decoy.address),
        format!("GET http://{}/x HTTP/1.1\r\nhost: {}\r\n\r\n", decoy.address, decoy.address),
        "OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
    ] {
        let mut conn = Conn::open(house.address).await;
        conn.send(line.as_bytes()).await;
        let reply = conn.head().await;
        assert!((400..500).contains(&reply.status), "{line} {}", reply.status);
    }
    assert!(decoy.seen().is_empty());
    assert!(house.sim.calls(0).is_empty());
}

#[tokio::test]
async fn names_are_not_told_where_that_is_not_wanted() {
    let house = House::but("[log]", "answer_headers = false\n[log]");
    let reply = house.send(&chat("", &ask(false))).await;
    assert_eq!(reply.status, 200);
    assert!(!reply.headers.iter().any(|(name, _)| name.starts_with("x-paceline-")), "{:?}", reply.headers);
    assert_eq!(house.records().await.len(), 1);
}
