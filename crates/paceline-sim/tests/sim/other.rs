//! Embeddings, models, speech, files and the echo.

use crate::client::{End, PATIENCE, Sim};
use paceline_sim::Outcome;
use serde_json::{Value, json};

fn floats(item: &Value) -> Vec<f64> {
    item["embedding"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

#[tokio::test]
async fn embeddings_take_every_form_of_input() {
    let sim = Sim::start().await;
    let embed = async |input: Value| {
        sim.post("/v1/embeddings", &json!({"model": "sim/embed", "input": input})).await.json()
    };
    for (input, vectors, tokens) in [
        (json!("one two three"), 1, 3),
        (json!(["one two", "three"]), 2, 3),
        (json!([5, 6, 7, 8]), 1, 4),
        (json!([[5, 6], [7]]), 2, 3),
    ] {
        let body = embed(input).await;
        assert_eq!((&body["object"], &body["model"]), (&json!("list"), &json!("sim/embed")));
        let data = body["data"].as_array().unwrap();
        assert_eq!(data.len(), vectors);
        assert_eq!(body["usage"], json!({"prompt_tokens": tokens, "total_tokens": tokens}));
        for (index, item) in data.iter().enumerate() {
            assert_eq!((&item["index"], &item["object"]), (&json!(index), &json!("embedding")));
            let length: f64 = floats(item).iter().map(|x| x * x).sum();
            assert!(floats(item).len() == 256 && (length - 1.0).abs() < 1e-4);
        }
    }
    assert_eq!(embed(json!("same")).await["data"], embed(json!("same")).await["data"]);
    assert!(embed(json!("")).await["error"]["param"] == "input");
    let call = sim.handle.settled(0, 1, PATIENCE).await.remove(0);
    assert_eq!((call.usage.unwrap()["prompt_tokens"].as_u64(), call.outcome), (Some(3), Outcome::Completed));
}

#[tokio::test]
async fn embeddings_can_be_base64_and_shorter() {
    let sim = Sim::start().await;
    let ask =
        |format: &str| json!({"model": "embed", "input": "a b", "dimensions": 8, "encoding_format": format});
    let plain = floats(&sim.post("/v1/embeddings", &ask("float")).await.json()["data"][0]);
    assert_eq!(plain.len(), 8);
    let packed = sim.post("/v1/embeddings", &ask("base64")).await.json();
    let bytes = unbase64(packed["data"][0]["embedding"].as_str().unwrap());
    let numbers: Vec<f64> =
        bytes.chunks(4).map(|four| f64::from(f32::from_le_bytes(four.try_into().unwrap()))).collect();
    assert_eq!(numbers.len(), 8);
    assert!(numbers.iter().zip(&plain).all(|(a, b)| (a - b).abs() < 1e-6));
    assert_eq!(sim.post("/v1/embeddings", &ask("int8")).await.status, 400);
    assert_eq!(sim.post("/v1/embeddings", &json!({"model": "fast", "input": "a"})).await.status, 400);
}

fn unbase64(text: &str) -> Vec<u8> {
    let digit = |c: char| match c {
        'A'..='Z' => c as u32 - 65,
        'a'..='z' => c as u32 - 71,
        '0'..='9' => c as u32 + 4,
        '+' => 62,
        '/' => 63,
        _ => panic!("{c} in base64"),
    };
    let bits =
        text.trim_end_matches('=').chars().flat_map(|c| (0..6).rev().map(move |bit| digit(c) >> bit & 1));
    let bits: Vec<u32> = bits.collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | *bit as u8)).collect()
}

#[tokio::test]
async fn embeddings_fail_as_told() {
    let sim = Sim::start().await;
    sim.handle.script(Some("embed"), &["status=503", "cut-at-byte=20", "body=garbage"]).unwrap();
    let ask = json!({"model": "embed", "input": "a b"});
    assert_eq!(sim.post("/v1/embeddings", &ask).await.status, 503);
    let cut = sim.post("/v1/embeddings", &ask).await;
    assert_eq!((cut.body.len(), cut.end), (20, End::Closed));
    assert!(sim.post("/v1/embeddings", &ask).await.text().contains("<h1>"));
    assert_eq!(sim.post("/v1/embeddings", &ask).await.status, 200);
}

#[tokio::test]
async fn models_are_listed_and_found() {
    let sim = Sim::start().await;
    let list = sim.get("/v1/models").await.json();
    let ids: Vec<&str> =
        list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(list["object"], "list");
    for id in ["sim/fast", "sim/balanced", "sim/smart", "sim/reasoner", "sim/instant", "sim/embed"] {
        assert!(ids.contains(&id), "{id}");
        for path in [id.to_owned(), id.replace('/', "%2F"), id[4..].to_owned()] {
            let model = sim.get(&format!("/v1/models/{path}")).await.json();
            assert_eq!((&model["id"], &model["object"]), (&json!(id), &json!("model")));
        }
    }
    assert_eq!(sim.get("/v1/models/nobody").await.json()["error"]["code"], "model_not_found");
}

#[tokio::test]
async fn speech_comes_in_pieces_and_is_repeatable() {
    let sim = Sim::start().await;
    let ask = json!({"model": "speech", "input": "say this", "voice": "alloy"});
    let mut client = sim.client().await;
    let mut sounds = Vec::new();
    for fault in ["", "burst"] {
        let line = format!("x-sim-fault: {fault}\r\n");
        let lines = if fault.is_empty() { "" } else { line.as_str() };
        let answer = client.send("POST", "/v1/audio/speech", lines, ask.to_string().as_bytes()).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("audio/mpeg")));
        assert_eq!((answer.body.len(), answer.header("transfer-encoding")), (6 * 1_024, Some("chunked")));
        sounds.push(answer.body);
    }
    assert_eq!(sounds[0], sounds[1]);
    let call = sim.handle.settled(0, 2, PATIENCE).await.remove(0);
    assert!(call.last_byte_sent_ms.unwrap() - call.first_content_sent_ms.unwrap() > 40.0, "{call:?}");
    assert_eq!(sim.post("/v1/audio/speech", &json!({"model": "speech"})).await.status, 400);
}

#[tokio::test]
async fn files_are_measured() {
    let sim = Sim::start().await;
    let content = "{\"a\":1}\r\n".repeat(1_000);
    let form = format!(
        "--b0und\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b0und\r\nContent-Disposition: \
         form-data; name=\"file\"; filename=\"in.jsonl\"\r\nContent-Type: application/json\r\n\r\n{content}\r\n--b0und--\r\n"
    );
    let lines = "Content-Type: multipart/form-data; boundary=b0und\r\n";
    let file = sim.client().await.send("POST", "/v1/files", lines, form.as_bytes()).await.json();
    assert_eq!((&file["bytes"], &file["filename"]), (&json!(content.len()), &json!("in.jsonl")));
    assert_eq!((&file["purpose"], &file["object"]), (&json!("batch"), &json!("file")));
    assert_eq!(sim.post("/v1/files", &json!({})).await.status, 400);
}

#[tokio::test]
async fn the_echo_shows_the_request_as_received() {
    let sim = Sim::start().await;
    let lines = "X-B: 1\r\nx-a: 2\r\nX-B: 3\r\nAuthorization: Bearer mine\r\n";
    let answer = sim.client().await.send("PATCH", "/v1/echo/deep?q=%20&r", lines, b"a\xC3\xA9b").await;
    let seen = answer.json();
    assert_eq!(
        (&seen["method"], &seen["path"], &seen["query"]),
        (&json!("PATCH"), &json!("/v1/echo/deep"), &json!("q=%20&r"))
    );
    assert_eq!(
        seen["headers"],
        json!([
            ["Host", "sim"],
            ["content-type", "application/json"],
            ["X-B", "1"],
            ["x-a", "2"],
            ["X-B", "3"],
            ["Authorization", "Bearer mine"],
            ["Content-Length", "4"]
        ])
    );
    assert_eq!(
        (&seen["body"], &seen["body_bytes"], &seen["body_fnv"]),
        (&json!("aéb"), &json!(4), &json!(fnv(b"a\xC3\xA9b")))
    );
    let mut client = sim.client().await;
    let binary = client.send("POST", "/v1/echo", "", &[0xFF, 0xFE]).await.json();
    assert_eq!((&binary["body"], &binary["body_base64"]), (&json!(null), &json!("//4=")));
    let large = client.send("PUT", "/v1/echo", "", &vec![b'x'; (1 << 20) + 1]).await.json();
    assert_eq!((&large["body"], &large["body_bytes"]), (&json!(null), &json!((1 << 20) + 1)));
    let faulty = client.send("GET", "/v1/echo", "x-sim-fault: status=502\r\n", b"").await;
    assert_eq!(faulty.status, 502);
    assert!(client.send("GET", "/v1/echo", "X-Later: kept\r\n", b"").await.text().contains("X-Later"));
}

fn fnv(bytes: &[u8]) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3);
    format!("{:016x}", bytes.iter().fold(0xCBF2_9CE4_8422_2325, step))
}
