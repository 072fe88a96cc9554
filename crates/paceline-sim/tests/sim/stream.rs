//! Chat completions as streams: the order and shape of events, usage, and hard bytes.

use crate::{
    chat::tools,
    client::{Answer, End, Sim},
};
use serde_json::{Value, json};

fn finishes(answer: &Answer) -> Vec<(u64, String)> {
    let of = |event: &Value| {
        let choice = &event["choices"][0];
        Some((choice["index"].as_u64()?, choice["finish_reason"].as_str()?.to_owned()))
    };
    answer.events().iter().filter_map(of).collect()
}

#[tokio::test]
async fn events_come_in_order() {
    let sim = Sim::start().await;
    let answer = sim.chat("", json!({"stream": true})).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!((answer.header("transfer-encoding"), answer.end), (Some("chunked"), End::Clean));
    assert_eq!(answer.data().last().unwrap(), "[DONE]");
    let events = answer.events();
    assert_eq!(
        events[0]["choices"],
        json!([{"index": 0, "delta": {"role": "assistant", "content": "", "refusal": null},
        "logprobs": null, "finish_reason": null}])
    );
    assert_eq!(
        events.last().unwrap()["choices"],
        json!([{"index": 0, "delta": {}, "logprobs": null, "finish_reason": "stop"}])
    );
    assert_eq!(events.len(), 24 + 2, "role, one per token, finish");
    for event in &events {
        assert_eq!((&event["object"], &event["id"]), (&json!("chat.completion.chunk"), &events[0]["id"]));
        assert!(event.get("usage").is_none());
    }
    let call = sim.last().await;
    assert_eq!(call.text, answer.said(0, "content"));
    assert_eq!((call.events_sent, call.content_events, call.tokens_sent), (26, 24, 24));
    assert_eq!(call.bytes_sent, answer.body.len() as u64);
}

#[tokio::test]
async fn usage_comes_in_a_chunk_of_its_own_when_asked_for() {
    let sim = Sim::start().await;
    let answer = sim.chat("", json!({"stream": true, "stream_options": {"include_usage": true}})).await;
    let mut events = answer.events();
    let last = events.pop().unwrap();
    assert_eq!((&last["choices"], &last["usage"]["completion_tokens"]), (&json!([]), &json!(24)));
    assert!(events.iter().all(|event| event.get("usage") == Some(&Value::Null)));
    assert_eq!(sim.last().await.usage.unwrap(), last["usage"]);
    let options = json!({"include_obfuscation": true});
    let answer = sim.chat("", json!({"stream": true, "stream_options": options})).await;
    assert!(
        answer.events().iter().all(|event| event["obfuscation"].is_string() && event.get("usage").is_none())
    );
}

#[tokio::test]
async fn choices_are_interleaved() {
    let sim = Sim::start().await;
    let answer = sim.chat("", json!({"stream": true, "n": 2})).await;
    let indices: Vec<u64> =
        answer.events().iter().map(|e| e["choices"][0]["index"].as_u64().unwrap()).collect();
    assert_eq!(indices[..6], [0, 1, 0, 1, 0, 1]);
    assert_eq!(finishes(&answer), [(0, "stop".to_owned()), (1, "stop".to_owned())]);
    let call = sim.last().await;
    assert_eq!(
        [&call.choices[0].text, &call.choices[1].text],
        [&answer.said(0, "content"), &answer.said(1, "content")]
    );
    assert_ne!(call.choices[0].text, call.choices[1].text);
}

#[tokio::test]
async fn tool_calls_come_in_pieces() {
    let sim = Sim::start().await;
    let ask = json!([{"role": "user", "content": "please use the tools"}]);
    let answer = sim.chat("", json!({"stream": true, "tools": tools(), "messages": ask})).await;
    let mut names = Vec::new();
    let mut arguments = vec![String::new(); 2];
    for event in answer.events() {
        let Some(call) = event["choices"][0]["delta"]["tool_calls"].get(0).cloned() else { continue };
        let index = call["index"].as_u64().unwrap() as usize;
        if let Some(name) = call["function"]["name"].as_str() {
            assert!(
                call["id"].is_string() && call["type"] == "function" && call["function"]["arguments"] == ""
            );
            names.push(name.to_owned());
        } else {
            assert!(call.get("id").is_none());
        }
        arguments[index].push_str(call["function"]["arguments"].as_str().unwrap());
    }
    assert_eq!(names, ["weather", "clock"]);
    assert!(serde_json::from_str::<Value>(&arguments[0]).unwrap()["city"].is_string());
    assert_eq!(arguments[1], "{}");
    assert_eq!(finishes(&answer), [(0, "tool_calls".to_owned())]);
    assert_eq!(sim.last().await.choices[0].tool_arguments, arguments.concat());
}

#[tokio::test]
async fn reasoning_comes_first() {
    let sim = Sim::start().await;
    let answer = sim.chat("burst", json!({"stream": true, "model": "reasoner"})).await;
    let kinds: Vec<bool> = answer
        .events()
        .iter()
        .filter_map(|event| {
            let delta = &event["choices"][0]["delta"];
            let text = delta["reasoning_content"].as_str().or(delta["content"].as_str())?;
            (!text.is_empty()).then(|| delta["reasoning_content"].is_string())
        })
        .collect();
    assert!(kinds[0] && !kinds[kinds.len() - 1] && kinds.is_sorted_by(|a, b| a >= b));
    assert_eq!(sim.last().await.choices[0].reasoning, answer.said(0, "reasoning_content"));
}

#[tokio::test]
async fn probabilities_ride_with_each_token() {
    let sim = Sim::start().await;
    let answer = sim.chat("", json!({"stream": true, "logprobs": true})).await;
    let events = answer.events();
    let with_text =
        events.iter().filter(|e| e["choices"][0]["delta"]["content"].as_str().is_some_and(|t| !t.is_empty()));
    for event in with_text {
        let choice = &event["choices"][0];
        assert_eq!(choice["logprobs"]["content"][0]["token"], choice["delta"]["content"]);
    }
}

#[tokio::test]
async fn hard_text_arrives_whole_however_it_is_split() {
    let sim = Sim::start().await;
    let plain = sim.chat("unicode,tokens=40", json!({"stream": true, "seed": 1})).await;
    let text = plain.said(0, "content");
    for hard in ["世界", "🙂", "\u{2028}", "data: [DONE]", "\u{85}"] {
        assert!(text.contains(hard), "{hard:?}");
    }
    assert!(plain.text().contains(r#""x_big":123456789012345678901234567890,"x_dup":{"k":1,"k":2}"#));
    assert!(plain.text().contains('\u{2028}'), "not escaped, as JSON allows");
    assert_eq!(sim.last().await.text, text);
    for spec in ["chunk=1", "chunk=7", "crlf", "bom", "comments", "crlf,bom,comments,chunk=3"] {
        let answer = sim.chat(&format!("unicode,tokens=40,{spec}"), json!({"stream": true, "seed": 1})).await;
        assert_eq!((answer.said(0, "content"), answer.end), (text.clone(), End::Clean), "{spec}");
        assert_eq!(sim.last().await.bytes_sent, answer.body.len() as u64);
    }
}

#[tokio::test]
async fn small_writes_are_real() {
    let sim = Sim::start().await;
    let mut client = sim.client().await;
    client.begin_chat("chunk=5,tokens=2", json!({"stream": true})).await;
    client.read_until(b"\r\n\r\n").await.unwrap();
    // Each piece is a chunk of its own: its size, five bytes, the line end.
    for _ in 0..10 {
        assert_eq!(client.read_until(b"\r\n").await.unwrap(), b"5\r\n");
        assert_eq!(client.read_until(b"\r\n").await.unwrap().len(), 7);
    }
    let split = sim.chat("chunk=1,tokens=2", json!({"stream": true})).await;
    assert!(sim.last().await.writes > split.body.len() as u64);
    sim.chat("tokens=2", json!({"stream": true})).await;
    assert!(sim.last().await.writes < 10);
}

#[tokio::test]
async fn the_framing_is_as_told() {
    let sim = Sim::start().await;
    let stream = json!({"stream": true});
    let crlf = sim.chat("crlf", stream.clone()).await;
    assert!(crlf.text().ends_with("data: [DONE]\r\n\r\n") && !crlf.text().replace("\r\n", "").contains('\n'));
    let bom = sim.chat("bom", stream.clone()).await;
    assert!(bom.body.starts_with(b"\xEF\xBB\xBFdata: "));
    let comments = sim.chat("comments", stream.clone()).await;
    assert!(comments.text().starts_with(": keep-alive\n\ndata: "));
    assert_eq!(comments.text().matches(": keep-alive\n\n").count(), comments.data().len());
    assert!(sim.chat("done-tight", stream.clone()).await.text().ends_with("\n\ndata:[DONE]\n\n"));
    let twice = sim.chat("done-twice", stream.clone()).await;
    assert_eq!(twice.data().iter().filter(|data| *data == "[DONE]").count(), 2);
    assert!(!sim.chat("no-done", stream.clone()).await.text().contains("[DONE]"));
    assert!(finishes(&sim.chat("no-finish", stream).await).is_empty());
}

#[tokio::test]
async fn usage_can_be_withheld_or_sit_elsewhere() {
    let sim = Sim::start().await;
    let ask = json!({"stream": true, "stream_options": {"include_usage": true}});
    let none = sim.chat("no-usage", ask.clone()).await;
    assert!(!none.text().contains("\"usage\"") && none.data().last().unwrap() == "[DONE]");
    assert_eq!(sim.last().await.usage, None);
    let events = sim.chat("usage-with-finish", ask.clone()).await.events();
    let last = events.last().unwrap();
    assert_eq!(
        (&last["choices"][0]["finish_reason"], &last["usage"]["prompt_tokens"]),
        (&json!("stop"), &json!(3))
    );
    let cost = sim.chat("cost=0.000123", json!({"stream": true})).await;
    assert!(cost.text().contains(r#""cost":0.000123"#), "sent unasked");
    let cached = sim.chat("cached=2", json!({})).await.json();
    assert_eq!(cached["usage"]["prompt_tokens_details"]["cached_tokens"], 2);
}

#[tokio::test]
async fn one_event_can_be_large_to_the_byte() {
    let sim = Sim::start().await;
    for (spec, size) in [("event-bytes=1048576", 1 << 20), ("event-bytes=5000,crlf", 5_000)] {
        let answer = sim.chat(spec, json!({"stream": true})).await;
        let end = if spec.contains("crlf") { "\r\n\r\n" } else { "\n\n" };
        let sizes: Vec<usize> = answer.text().split_inclusive(end).map(str::len).collect();
        assert_eq!(sizes[1], size, "the first content event follows the role");
        assert!(sizes[2] < 1_000);
        assert_eq!(answer.said(0, "content"), sim.last().await.text);
    }
}

#[tokio::test]
async fn values_can_be_fixed() {
    let sim = Sim::start().await;
    let answer = sim.chat("ttft=40,itl=10,tokens=3", json!({"stream": true, "model": "sim/smart"})).await;
    assert_eq!(answer.events().len(), 5);
    let call = sim.last().await;
    let planned = call.planned.unwrap();
    assert_eq!((planned.ttft_ms, planned.total_ms, planned.output_tokens), (40.0, 60.0, 3));
    let (first, last) = (call.first_content_sent_ms.unwrap(), call.last_byte_sent_ms.unwrap());
    assert!(call.first_byte_sent_ms.unwrap() <= first && first >= 40.0 && last >= 60.0, "{call:?}");
}
