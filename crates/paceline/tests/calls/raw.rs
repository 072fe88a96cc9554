//! `/{provider}/…`: passed on as it is, recorded, and never anywhere else than to that provider.

use crate::support::house::{PROVIDER_KEY, received};
use crate::support::{Ask, Canned, Conn, House};
use serde_json::{Value, json};

#[tokio::test]
async fn any_method_path_and_query_is_passed_on() {
    let house = House::new();
    for (method, path, at) in [
        ("GET", "/sim/v1/echo?a=1&b=%20x&a=2", "/v1/echo"),
        ("GET", "/sim/echo/deep/er", "/v1/echo/deep/er"),
        ("DELETE", "/sim/v1/echo/file-1", "/v1/echo/file-1"),
        ("PUT", "/sim/v1/echo", "/v1/echo"),
        ("PATCH", "/sim/v1/echo?", "/v1/echo"),
        ("POST", "/sim/v1/echo", "/v1/echo"),
    ] {
        let body = if method == "GET" || method == "DELETE" { "" } else { "{\"x\": 1 }" };
        let ask = Ask { body: body.into(), ..Ask::new(method, path) };
        let ask = ask.header("x-custom", "kept").header("content-type", "application/x-thing");
        let (reply, record) = house.call(&ask).await;
        let seen = reply.json();
        assert_eq!((seen["method"].as_str(), seen["path"].as_str()), (Some(method), Some(at)), "{path}");
        let query = path.split_once('?').map(|(_, query)| query).filter(|query| !query.is_empty());
        assert_eq!(seen["query"].as_str().filter(|query| !query.is_empty()), query, "{path}");
        assert_eq!(seen["body"], body, "{path}");
        let sent = house.sim.calls(0).pop().unwrap();
        assert_eq!(received(&sent, "x-custom"), Some("kept"));
        assert_eq!(received(&sent, "content-type"), Some("application/x-thing"));
        let fields = json!({"operation": "passthrough", "dialect": "raw", "provider": "sim", "status": "ok",
            "http_status": 200, "requested_model": null});
        for (name, value) in fields.as_object().unwrap() {
            assert_eq!(&record[name], value, "{path} {name}");
        }
        assert_eq!(record["attempts"].as_array().unwrap().len(), 1);
    }
}

fn form(size: usize) -> (String, Vec<u8>) {
    let head = "--xyz\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--xyz\r\n\
        content-disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n";
    let content: Vec<u8> = (0..size).map(|at| (at * 31 % 251) as u8).collect();
    ("multipart/form-data; boundary=xyz".into(), [head.as_bytes(), &content, b"\r\n--xyz--\r\n"].concat())
}

fn in_chunks(body: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for part in body.chunks(size) {
        out.extend_from_slice(format!("{:x};x=y\r\n", part.len()).as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

#[tokio::test]
async fn uploads_of_any_size_with_length_and_in_chunks() {
    let house = House::new();
    for size in [10, 70_000, 3_000_000] {
        let (kind, body) = form(size);
        for chunked in [false, true] {
            let ask = Ask::post("/sim/v1/files", body.clone()).header("content-type", &kind);
            let ask = if chunked {
                Ask { body: in_chunks(&body, 50_000), ..ask }.header("transfer-encoding", "chunked")
            } else {
                ask
            };
            let (reply, record) = house.call(&ask).await;
            assert_eq!(reply.json()["bytes"], size, "chunked={chunked}");
            let sent = house.sim.calls(0).pop().unwrap();
            assert_eq!(sent.body_bytes as usize, body.len());
            let mut hash = 0xcbf2_9ce4_8422_2325_u64;
            for byte in &body {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
            }
            assert_eq!(
                u64::from_str_radix(&sent.body_fnv, 16).unwrap(),
                hash,
                "size={size} chunked={chunked}"
            );
            assert_eq!((&record["status"], &record["http_status"]), (&json!("ok"), &json!(200)));
        }
    }
}

#[tokio::test]
async fn speech_comes_as_it_is_made() {
    let house = House::new();
    let ask = |fault: &str| {
        let body = json!({"model": "sim/speech", "voice": "a", "input": "one two three"}).to_string();
        Ask::post("/sim/v1/audio/speech", body)
            .header("content-type", "application/json")
            .header("x-sim-fault", fault)
    };
    let direct = Ask { path: "/v1/audio/speech".into(), ..ask("burst") };
    let (wanted, (reply, record)) = (house.direct(&direct).await, house.call(&ask("burst")).await);
    assert!(reply.body == wanted.body && reply.whole && reply.body.len() > 4000);
    assert_eq!(reply.header("content-type"), Some("audio/mpeg"));
    assert_eq!((&record["status"], &record["usage"]), (&json!("ok"), &Value::Null));
    let mut conn = house.begin(&ask("burst,stall-after=3")).await;
    let early = conn.reply_until(|reply| reply.body.len() == 3072).await;
    assert_eq!(early.body, wanted.body[..3072], "nothing is held back");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_seen_to_be_broken() {
    let house = House::new();
    let body = json!({"model": "sim/speech", "voice": "a", "input": "one two three"}).to_string();
    for how in ["abrupt", "rst"] {
        // Silent for a moment before it breaks, so that what came before has surely gone on.
        let fault = format!("burst,stall-after=3,stall-ms=50,cut-after=3,cut={how}");
        let ask = Ask::post("/sim/v1/audio/speech", body.clone()).header("x-sim-fault", &fault);
        let (reply, record) = house.call(&ask).await;
        assert_eq!((reply.status, reply.body.len()), (200, 3072), "{fault}");
        assert!(!reply.whole, "{fault}: the caller must see it");
        assert_eq!(
            (&record["status"], &record["error_kind"]),
            (&json!("partial"), &json!("truncated")),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn errors_of_the_provider_are_passed_on_and_recorded() {
    let house = House::new();
    let (reply, record) = house.call(&Ask::get("/sim/v1/models/nothing")).await;
    assert_eq!((reply.status, reply.error().0.as_str()), (404, "model_not_found"));
    assert_eq!((&record["status"], &record["error_kind"]), (&json!("error"), &json!("not_found")));
    let (reply, record) =
        house.call(&Ask::get("/sim/v1/models").header("x-sim-fault", "status=429,retry-after=4")).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("4")));
    assert_eq!(record["error_kind"], "rate_limited");
    let (reply, _) = house.call(&Ask::get("/sim/v1/models").header("x-sim-fault", "echo-key")).await;
    assert_eq!((reply.status, reply.text().contains(PROVIDER_KEY)), (502, false));
}

#[tokio::test]
async fn usage_is_noted_where_the_answer_tells_it() {
    let house = House::new();
    for stream in [true, false] {
        let body = json!({"model": "sim/instant", "stream": stream, "stream_options": {"include_usage": stream},
            "messages": [{"role": "user", "content": "hi"}]});
        let ask = Ask::post("/sim/v1/chat/completions", body.to_string());
        let (reply, record) = house.call(&ask).await;
        let sent = house.sim.calls(0).pop().unwrap();
        assert_eq!(sent.body.unwrap(), body.to_string(), "nothing is spliced in");
        assert!(reply.text().contains("prompt_tokens"), "nothing is taken out");
        assert_eq!(record["usage"]["output_tokens"], sent.usage.unwrap()["completion_tokens"]);
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_provider() {
    let house = House::new();
    for path in [
        "/sim/../admin",
        "/sim/v1/../../x",
        "/sim/%2e%2e/x",
        "/sim/v1/..%2fx",
        "/sim//evil.example/x",
        "/sim/a\\b",
        "/sim/./x",
    ] {
        let (reply, record) = house.call(&Ask::get(path)).await;
        assert_eq!(reply.refusal(), (400, "invalid_path".into()), "{path}");
        assert_eq!(record["status"], "refused", "{path}");
    }
    for path in ["/sim", "/nobody/v1/x", "//127.0.0.1:1/sim/v1/echo", "/SIM/v1/echo", "/%73im/v1/echo"] {
        let reply = house.send(&Ask::get(path)).await;
        assert_eq!(reply.refusal(), (404, "unknown_path".into()), "{path}");
    }
    assert!(house.sim.calls(0).is_empty(), "nothing reached the provider");
}

#[tokio::test]
async fn a_provider_may_take_the_callers_own_credential() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let provider = Canned::new(&[&answer[..]]).await;
    let text = provider.config("").replace("api_key_env = \"SIM_KEY\"", "auth = \"passthrough\"");
    let house = House::with(&text, &[]);
    let ask = Ask::post("/canned/v1/files", "{}")
        .header("authorization", "Bearer own")
        .header("openai-organization", "org-1");
    let (reply, record) = house.call(&ask.header("cookie", "a=b")).await;
    assert_eq!((reply.status, &record["status"]), (200, &json!("ok")));
    let seen = provider.seen().remove(0);
    assert!(
        seen.contains("authorization: Bearer own\r\n") && seen.contains("openai-organization: org-1"),
        "{seen}"
    );
    assert!(!seen.contains("cookie"), "{seen}");
}

#[tokio::test]
async fn a_provider_that_answers_before_the_upload_is_over_is_heard() {
    let answer = b"HTTP/1.1 413 Too Large\r\ncontent-type: application/json\r\ncontent-length: 27\r\n\r\n{\"error\":{\"message\":\"no\"}} ";
    let provider = Canned::new(&[&answer[..]]).await;
    let house = House::with(&provider.config(""), &[]);
    let ask = Ask::post("/canned/v1/files", "x").header("content-length", "1");
    let reply = house.send(&ask).await;
    assert_eq!((reply.status, reply.text().trim()), (413, "{\"error\":{\"message\":\"no\"}}"));
    let mut conn = Conn::open(house.address).await;
    conn.send(&Ask::new("HEAD", "/canned/v1/files").bytes(house.address)).await;
    assert_eq!(conn.head().await.status, 413);
}
