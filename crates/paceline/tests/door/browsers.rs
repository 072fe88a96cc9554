//! Pages in a browser: none may call unless it is allowed, by whatever name it reaches this machine.

use crate::support::{Ask, House, ask, chat};

fn from(origin: &str) -> Ask {
    chat("", &ask(false)).header("origin", origin)
}

async fn forbidden(house: &House, ask: &Ask, code: &str) {
    let reply = house.send(ask).await;
    assert_eq!(reply.refusal(), (403, code.into()), "{ask:?}");
    assert_eq!(reply.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn foreign_pages_are_refused() {
    let house = House::new();
    let code = "origin_not_allowed";
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "file://", ""] {
        forbidden(&house, &from(origin), code).await;
        forbidden(&house, &Ask::get("/v1/calls").header("origin", origin), code).await;
        forbidden(&house, &Ask::get("/sim/v1/models").header("origin", origin), code).await;
        let ask = Ask::new("OPTIONS", "/v1/chat/completions").header("origin", origin);
        forbidden(&house, &ask.header("access-control-request-method", "POST"), code).await;
    }
    assert!(house.sim.calls(0).is_empty());
    assert!(house.records().await.is_empty());
}

#[tokio::test]
async fn a_name_that_somebody_else_may_own_is_refused_to_browsers() {
    let house = House::but("[log]", "allowed_hosts = [\"paceline.internal\"]\n[log]");
    let get = |host: &str| Ask::get("/v1/calls").header("host", host);
    for host in ["evil.example", "evil.example:8420", "127.0.0.1.evil.example", "localhost.evil.example", ""]
    {
        let code = "host_not_allowed";
        forbidden(&house, &get(host).header("sec-fetch-site", "none"), code).await;
        forbidden(&house, &get(host).header("user-agent", "Mozilla/5.0"), code).await;
        forbidden(&house, &get(host).header("origin", &format!("http://{host}")), code).await;
    }
    let port = house.address.port();
    for host in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "paceline.internal", "Paceline.Internal"] {
        for host in [host.to_owned(), format!("{host}:{port}")] {
            let reply = house.send(&get(&host).header("sec-fetch-site", "none")).await;
            assert_eq!(reply.status, 200, "{host}");
        }
    }
    assert_eq!(house.send(&get("evil.example")).await.status, 200, "a program may use any name");
}

#[tokio::test]
async fn our_own_pages_may_call() {
    let house = House::new();
    let own = format!("http://{}", house.address);
    assert_eq!(house.send(&from(&own)).await.status, 200);
    assert_eq!(house.send(&Ask::get("/v1/calls").header("origin", &own)).await.status, 200);
}

#[tokio::test]
async fn allowed_pages_may_call_and_read() {
    let house = House::but("[log]", "cors_origins = [\"https://app.example.com\"]\n[log]");
    let origin = "https://app.example.com";
    let ask = Ask::new("OPTIONS", "/v1/chat/completions").header("origin", origin);
    let ask = ask.header("access-control-request-method", "POST");
    let reply =
        house.send(&ask.header("access-control-request-headers", "authorization, x-stainless-os")).await;
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
    assert!(reply.header("access-control-allow-methods").unwrap().contains("POST"));
    assert_eq!(reply.header("access-control-allow-headers"), Some("authorization, x-stainless-os"));
    assert_eq!(reply.header("vary"), Some("origin"));
    for fault in ["", "status=400", "body=garbage"] {
        for stream in [true, false] {
            let reply = house.send(&chat(fault, &crate::support::ask(stream)).header("origin", origin)).await;
            assert_eq!(reply.header("access-control-allow-origin"), Some(origin), "{fault}");
            assert_eq!(reply.header("access-control-expose-headers"), Some("*"));
        }
    }
    let reply = house.send(&chat("", &crate::support::ask(false))).await;
    assert_eq!(reply.header("access-control-allow-origin"), None, "who has no origin is told none");
    forbidden(&house, &from("https://app.example.com.evil.example"), "origin_not_allowed").await;
    forbidden(&house, &from("http://app.example.com"), "origin_not_allowed").await;
    assert_eq!(house.records().await.len(), 7, "what is asked beforehand is no call");
}

#[tokio::test]
async fn a_page_needs_its_key_all_the_same() {
    let text = crate::support::house::USUAL.replace("[log]", "cors_origins = [\"*\"]\n[log]");
    let text = format!("{text}\n[[keys]]\nname = \"a\"\nkey_env = \"TEAM_KEY\"");
    let house = House::with(&text, &[("TEAM_KEY", "pk-0123456789abcdef")]);
    let reply = house.send(&from("https://any.example")).await;
    assert_eq!(
        (reply.status, reply.header("access-control-allow-origin")),
        (401, Some("https://any.example"))
    );
    let ask = from("https://any.example").header("authorization", "Bearer pk-0123456789abcdef");
    assert_eq!(house.send(&ask).await.status, 200);
}
