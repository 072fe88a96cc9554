//! Faults of status, body and time, from headers, scripts and rates.

use crate::client::{End, PATIENCE, Sim};
use flate2::read::GzDecoder;
use paceline_sim::{Dist, Outcome, SimConfig, SimModel};
use serde_json::{Value, json};
use std::io::Read;

#[tokio::test]
async fn errors_have_status_shape_and_headers() {
    let sim = Sim::start().await;
    let answer = sim.chat("status=429,retry-after=2,retry-after-ms=1500.5", json!({})).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("2")));
    assert_eq!(answer.header("retry-after-ms"), Some("1500.5"));
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(answer.json()["error"]["code"], "rate_limit_exceeded");
    let quota = sim.chat("status=429,code=insufficient_quota", json!({"stream": true})).await;
    assert_eq!((quota.status, &quota.json()["error"]["code"]), (429, &json!("insufficient_quota")));
    for status in [400, 401, 403, 404, 408, 409, 413, 422, 500, 502, 503, 504, 529] {
        let answer = sim.chat(&format!("status={status}"), json!({})).await;
        assert_eq!(answer.status, status);
        assert!(!answer.json()["error"]["message"].as_str().unwrap().is_empty());
        let call = sim.last().await;
        assert_eq!((call.status, call.outcome), (Some(status), Outcome::Completed));
        assert_eq!(call.fault.unwrap(), format!("status={status}"));
    }
}

#[tokio::test]
async fn dates_are_http_dates() {
    let sim = Sim::start().await;
    let answer = sim.chat("status=503,retry-after-date=3600", json!({})).await;
    let (now, later) = (answer.header("date").unwrap(), answer.header("retry-after").unwrap());
    let minute = |date: &str| {
        let clock: Vec<u32> = date[17..25].split(':').map(|part| part.parse().unwrap()).collect();
        clock[0] * 60 + clock[1]
    };
    assert_eq!((later.len(), &later[25..]), (29, " GMT"));
    let passed = (minute(later) + 1_440 - minute(now)) % 1_440;
    assert!((60..=61).contains(&passed), "{now} to {later}");
}

#[tokio::test]
async fn a_refused_key_is_repeated_to_the_caller() {
    let sim = Sim::start().await;
    let lines = "Authorization: Bearer sk-planted-0123456789\r\nx-sim-fault: echo-key\r\n";
    let body = crate::client::request(json!({})).to_string();
    let answer = sim.client().await.send("POST", "/v1/chat/completions", lines, body.as_bytes()).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (401, &json!("invalid_api_key")));
    assert!(answer.text().contains(" sk-planted-0123456789."));
}

#[tokio::test]
async fn a_200_can_hold_something_else() {
    let sim = Sim::start().await;
    for stream in [true, false] {
        let ask = json!({"stream": stream});
        let garbage = sim.chat("body=garbage", ask.clone()).await;
        assert_eq!((garbage.status, garbage.header("content-type")), (200, Some("text/html; charset=utf-8")));
        assert!(serde_json::from_slice::<Value>(&garbage.body).is_err());
        let empty = sim.chat("body=empty", ask.clone()).await;
        assert_eq!((empty.status, empty.body.len(), empty.header("content-length")), (200, 0, Some("0")));
        assert_eq!(sim.last().await.outcome, Outcome::Completed);
        assert!(sim.chat("body=error", ask).await.json()["error"]["message"].is_string());
    }
    let whole = sim.chat("json-answer", json!({"stream": true})).await;
    assert_eq!(whole.header("content-type"), Some("application/json"));
    assert_eq!(whole.json()["object"], "chat.completion");
    assert_eq!(sim.chat("error-first", json!({})).await.json()["error"]["type"], "server_error");
}

#[tokio::test]
async fn errors_can_come_in_the_stream() {
    let sim = Sim::start().await;
    let first = sim.chat("error-first", json!({"stream": true})).await;
    assert_eq!((first.status, first.end, first.data().len()), (200, End::Clean, 1));
    assert!(first.events()[0]["error"]["message"].is_string());
    let later = sim.chat("error-after=3", json!({"stream": true})).await;
    let events = later.events();
    assert_eq!(events.len(), 1 + 3 + 1, "role, content, error");
    assert!(events[4]["error"].is_object() && !later.text().contains("[DONE]"));
    let call = sim.last().await;
    assert_eq!((call.content_events, call.tokens_sent, call.finish), (3, 3, None));
    let flat = sim.chat("vllm-error", json!({"stream": true})).await.events();
    assert_eq!((&flat[0]["object"], flat[0].get("error")), (&json!("error"), None));
    let refused = sim.chat("vllm-error,status=400", json!({})).await.json();
    assert_eq!((&refused["object"], &refused["code"]), (&json!("error"), &json!(400)));
}

#[tokio::test]
async fn answers_can_be_compressed_unasked() {
    let sim = Sim::start().await;
    for stream in [true, false] {
        let plain = sim.chat("", json!({"stream": stream, "seed": 3})).await;
        let packed = sim.chat("gzip", json!({"stream": stream, "seed": 3})).await;
        assert_eq!(packed.header("content-encoding"), Some("gzip"));
        let mut text = String::new();
        GzDecoder::new(&packed.body[..]).read_to_string(&mut text).unwrap();
        let without_time = |text: &str| {
            text.split("\"created\":")
                .map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(without_time(&text), without_time(plain.text()));
    }
}

#[tokio::test]
async fn connections_are_kept_unless_told_otherwise() {
    let sim = Sim::start().await;
    let mut client = sim.client().await;
    for _ in 0..3 {
        assert_eq!(client.chat("", json!({})).await.status, 200);
        assert_eq!(client.chat("", json!({"stream": true})).await.end, End::Clean);
    }
    let calls = sim.handle.settled(0, 6, PATIENCE).await;
    assert!(calls.iter().all(|call| call.connection == 1));
    assert_eq!(client.chat("close", json!({})).await.header("connection"), Some("close"));
    assert_eq!(client.read_until(b"x").await, Err(End::Closed), "closed by the provider");
}

#[tokio::test]
async fn scripts_are_used_up_in_order() {
    let sim = Sim::start().await;
    let script = json!({"faults": ["status=500", "status=503"]});
    assert_eq!(sim.post("/sim/script", &script).await.json(), json!({"queued": 2}));
    let script = json!({"model": "sim/fast", "faults": ["status=418,burst"]});
    sim.post("/sim/script", &script).await;
    let mut statuses = Vec::new();
    for model in ["instant", "instant", "instant", "fast"] {
        statuses.push(sim.chat("", json!({"model": model})).await.status);
    }
    assert_eq!(statuses, [500, 503, 200, 418]);
    assert_eq!(sim.get("/v1/models").await.status, 200, "reading models uses up no script");
    for (wrong, hint) in [
        (json!({"faults": ["statsu=500"]}), "statsu=500"),
        (json!({"model": "nobody", "faults": []}), "nobody"),
        (json!({"fault": []}), "fault"),
    ] {
        let answer = sim.post("/sim/script", &wrong).await;
        assert!(answer.status == 400 && answer.text().contains(hint), "{}", answer.text());
    }
    let answer = sim.chat("nonsense", json!({})).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!("sim_bad_fault")));
}

#[tokio::test]
async fn rates_make_a_model_unreliable() {
    let flaky = SimModel {
        name: "flaky".into(),
        ttft_ms: Dist::constant(0.0),
        inter_token_ms: Dist::constant(0.0),
        error_rate: 0.3,
        rate_limit_rate: 0.2,
        retry_after_ms: 1_200,
        ..SimModel::default()
    };
    let sim = Sim::with(SimConfig { models: vec![flaky], ..SimConfig::default() }).await;
    let mut client = sim.client().await;
    let mut count = std::collections::BTreeMap::new();
    for _ in 0..200 {
        let answer = client.chat("", json!({"model": "flaky"})).await;
        *count.entry(answer.status).or_insert(0) += 1;
        if answer.status == 429 {
            assert_eq!(
                (answer.header("retry-after"), answer.header("retry-after-ms")),
                (Some("2"), Some("1200"))
            );
        }
    }
    let failed = count[&500] + count[&503];
    assert!((40..80).contains(&failed) && (14..45).contains(&count[&429]), "{count:?}");
    let call = sim.handle.calls(0).into_iter().find(|call| call.status == Some(500)).unwrap();
    assert_eq!(call.fault.as_deref(), Some("drawn:status=500"));
    // A fault that is asked for takes the place of drawn ones.
    for _ in 0..20 {
        assert_eq!(client.chat("burst", json!({"model": "flaky"})).await.status, 200);
    }
}

#[tokio::test]
async fn cold_models_start_slowly() {
    let cold = SimModel {
        name: "cold".into(),
        ttft_ms: Dist::constant(1.0),
        inter_token_ms: Dist::constant(0.0),
        slow_start_ms: 60,
        slow_start_calls: 2,
        ..SimModel::default()
    };
    let sim = Sim::with(SimConfig { models: vec![cold], ..SimConfig::default() }).await;
    for expected in [61.0, 31.0, 1.0] {
        sim.chat("", json!({"model": "cold", "stream": true})).await;
        let call = sim.last().await;
        assert!((call.planned.unwrap().ttft_ms - expected).abs() < 1e-9);
        assert!(call.first_content_sent_ms.unwrap() >= expected);
    }
    sim.chat("slow-start=30", json!({"model": "cold", "stream": true})).await;
    assert!(sim.last().await.first_byte_sent_ms.unwrap() >= 30.0, "the head waits too");
}
