//! What a record holds, compared with what the provider really did.

use crate::support::{Ask, House, ask, ask_with, chat};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn every_fixed_name_is_there() {
    let house = House::new();
    let (_, record) = house.call(&chat("", &ask(true))).await;
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    for name in "id started_at tenant workspace key role task task_type session user trace_id region operation dialect \
        stream requested_model route strategy model provider deployment status error_kind http_status finish_reason \
        cache decision usage cost_usd duration_ms queue_ms ttft_ms tpot_ms itl_p99_ms route_us \
        output_tokens_per_second overhead_ms attempts quality tags"
        .split_whitespace()
    {
        assert!(keys(&record).contains(name), "{name}: {record:#}");
    }
    for name in
        "n reason deployment provider model http_status error_kind retry_after_ms started_ms connect_ms \
        ttft_ms ended_ms usage cost_usd"
            .split_whitespace()
    {
        assert!(keys(&record["attempts"][0]).contains(name), "{name}: {record:#}");
    }
    let usage = "cache_read_tokens cache_write_1h_tokens cache_write_tokens input_tokens output_tokens reasoning_tokens source";
    assert_eq!(keys(&record["usage"]).into_iter().collect::<Vec<_>>().join(" "), usage);
}

#[tokio::test]
async fn who_asked_for_what_and_who_answered() {
    let house = House::but("api_key_env", "region = \"eu-west\"\napi_key_env");
    let (reply, record) = house.call(&chat("", &ask(false))).await;
    let sent = house.only_call().await;
    let expected = json!({
        "tenant": "default", "workspace": "default", "key": null, "region": "eu-west", "operation": "chat",
        "dialect": "openai", "stream": false, "requested_model": "instant", "model": "instant", "provider": "sim",
        "deployment": "sim/sim/instant", "status": "ok", "error_kind": null, "http_status": 200,
        "finish_reason": sent.finish, "cache": "off", "ttft_ms": null, "tpot_ms": null, "tags": {},
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&record[name], value, "{name}");
    }
    assert_eq!(record["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(record["attempts"][0]["http_status"], 200);
    assert_eq!(reply.header("x-paceline-model"), Some("instant"));
    assert_eq!(reply.header("x-paceline-provider"), Some("sim"));
    assert_eq!(reply.header("x-paceline-attempts"), Some("1"));
    assert_eq!(reply.header("x-paceline-cache"), Some("off"));
}

#[tokio::test]
async fn an_answered_call_is_found_at_once() {
    let house = House::new();
    for at in 0..20 {
        let reply = house.send(&chat("", &ask(at % 2 == 0))).await;
        assert_eq!(house.admin(&format!("/v1/calls/{}", reply.id())).await.status, 200);
    }
}

#[tokio::test]
async fn times_are_those_of_the_provider() {
    let house = House::new();
    let (_, record) = house.call(&chat("ttft=120,itl=10,tokens=21", &ask(true))).await;
    let sent = house.only_call().await;
    let ms = |name: &str| record[name].as_f64().unwrap();
    let near = |found: f64, really: f64| found >= really - 2.0 && found < really + 60.0;
    assert!(near(ms("ttft_ms"), sent.first_content_sent_ms.unwrap()), "{record:#} {sent:#?}");
    assert!(near(ms("duration_ms"), sent.last_byte_sent_ms.unwrap()), "{record:#} {sent:#?}");
    assert!((8.0..14.0).contains(&ms("tpot_ms")), "{record:#}");
    assert!(ms("itl_p99_ms") >= 8.0, "{record:#}");
    assert!((70.0..125.0).contains(&ms("output_tokens_per_second")), "{record:#}");
    assert!(ms("overhead_ms") < ms("duration_ms") / 2.0, "waiting is no work: {record:#}");
    assert!(ms("route_us") > 0.0);
    let attempt = &record["attempts"][0];
    let at = |name: &str| attempt[name].as_f64().unwrap();
    assert!(at("started_ms") + at("ttft_ms") - ms("ttft_ms") < 0.01, "{record:#}");
    assert!(at("ended_ms") <= ms("duration_ms") && at("ended_ms") > ms("ttft_ms"), "{record:#}");
}

#[tokio::test]
async fn the_role_chunk_and_comments_are_no_tokens() {
    let house = House::new();
    let (_, record) = house.call(&chat("ttft=150,itl=0,tokens=3,comments", &ask(true))).await;
    assert!(record["ttft_ms"].as_f64().unwrap() >= 148.0, "{record:#}");
}

#[tokio::test]
async fn labels_come_from_headers_and_from_metadata() {
    let house = House::new();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let metadata = json!({"metadata": {"role": "ignored", "task": "t-9", "session": "s-1", "other": "x"}, "user": "u-2"});
    let labelled = chat("", &ask_with(false, &metadata))
        .header("x-paceline-role", "planner")
        .header("x-paceline-task-type", "coding")
        .header("X-Paceline-Tags", "team=red, env=test,broken")
        .header("x-paceline-operation", "summarize")
        .header("traceparent", trace);
    let (_, record) = house.call(&labelled).await;
    let expected = json!({"role": "planner", "task": "t-9", "task_type": "coding", "session": "s-1", "user": "u-2",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "tags": {"team": "red", "env": "test"},
        "operation": "summarize"});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&record[name], value, "{name}");
    }
    let long = "x".repeat(5000);
    let (_, record) = house.call(&chat("", &ask(false)).header("x-paceline-role", &long)).await;
    assert_eq!(record["role"].as_str().unwrap().len(), 256, "labels are bounded");
}

#[tokio::test]
async fn embeddings_are_calls_too() {
    let house = House::new();
    for (input, more) in [
        (json!("some words here"), json!({})),
        (json!(["a b", "c"]), json!({"dimensions": 8, "encoding_format": "base64"})),
    ] {
        let mut body = json!({"model": "embed", "input": input});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let ask = Ask::post("/v1/embeddings", body.to_string()).header("content-type", "application/json");
        let direct =
            Ask { body: body.to_string().replace("\"embed\"", "\"sim/embed\"").into(), ..ask.clone() };
        let wanted = house.direct(&direct).await;
        let (reply, record) = house.call(&ask).await;
        assert_eq!(reply.body, wanted.body);
        let sent = house.sim.calls(0).pop().unwrap();
        assert_eq!(sent.body.unwrap().as_bytes(), direct.body);
        assert_eq!(record["usage"]["input_tokens"], sent.usage.unwrap()["prompt_tokens"]);
        assert_eq!(
            (&record["operation"], &record["usage"]["output_tokens"]),
            (&json!("embeddings"), &json!(0))
        );
    }
}

#[tokio::test]
async fn the_prompt_and_the_answer_are_in_no_record() {
    let house = House::new();
    let planted = json!({"messages": [{"role": "user", "content": "planted-prompt-text"}]});
    for (fault, stream) in
        [("", true), ("", false), ("error-after=2", true), ("status=400", false), ("body=garbage", false)]
    {
        house.send(&chat(fault, &ask_with(stream, &planted))).await;
    }
    house
        .send(&chat("", &json!({"model": "no-such", "messages": [{"content": "planted-prompt-text"}]})))
        .await;
    let all = house.admin("/v1/calls").await.text() + &house.admin("/metrics").await.text();
    let sent = house.sim.calls(0)[0].text.clone();
    assert!(!all.contains("planted-prompt-text"));
    assert!(sent.len() > 20 && !all.contains(&sent[..20]));
}
