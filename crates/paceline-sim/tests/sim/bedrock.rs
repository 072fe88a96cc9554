//! Bedrock's runtime: Converse and Claude's own format, whole and in frames with checksums.

use crate::client::{Answer, Sim};
use serde_json::{Value, json};

/// A frame: its headers by name, and its payload.
struct Frame {
    headers: Vec<(String, String)>,
    payload: Value,
}

impl Frame {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn event(&self) -> &str {
        self.header(":event-type")
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn frames(answer: &Answer) -> Vec<Frame> {
    assert_eq!(answer.header("content-type"), Some("application/vnd.amazon.eventstream"));
    let (mut rest, mut frames) = (answer.body.as_slice(), Vec::new());
    while !rest.is_empty() {
        let (total, head) = (word(rest, 0) as usize, word(rest, 4) as usize);
        assert_eq!(crc32fast::hash(&rest[..8]), word(rest, 8), "of the lengths");
        assert_eq!(crc32fast::hash(&rest[..total - 4]), word(rest, total - 4), "of all before");
        let (mut lines, mut headers) = (&rest[12..12 + head], Vec::new());
        while let Some((length, after)) = lines.split_first() {
            let (name, after) = after.split_at(usize::from(*length));
            assert_eq!(after[0], 7, "text");
            let (value, after) = after[3..].split_at(usize::from(u16::from_be_bytes([after[1], after[2]])));
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            headers.push((text(name), text(value)));
            lines = after;
        }
        let payload = serde_json::from_slice(&rest[12 + head..total - 4]).unwrap();
        frames.push(Frame { headers, payload });
        rest = &rest[total..];
    }
    frames
}

fn unbase64(text: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.trim_end_matches('=').chars().map(|c| ALPHABET.find(c).unwrap());
    let bits: Vec<usize> = digits.flat_map(|digit| (0..6).rev().map(move |bit| digit >> bit & 1)).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | *bit as u8)).collect()
}

fn body(text: &str, extra: Value) -> Value {
    let mut body = json!({"messages": [{"role": "user", "content": [{"text": text}]}]});
    let Value::Object(extra) = extra else { panic!("an object") };
    body.as_object_mut().unwrap().extend(extra);
    body
}

async fn ask(sim: &Sim, verb: &str, fault: &str, body: &Value) -> Answer {
    sim.ask(&format!("/model/sim%2Finstant/{verb}"), fault, body).await
}

fn tools() -> Value {
    let schema = json!({"json": {"type": "object", "properties": {"city": {"type": "string"}}}});
    json!({"tools": [{"toolSpec": {"name": "weather", "inputSchema": schema}}], "toolChoice": {"any": {}}})
}

#[tokio::test]
async fn converse_answers_whole_and_in_frames() {
    let sim = Sim::start().await;
    let question = body("how are you", json!({"additionalModelRequestFields": {"seed": 1}}));
    let whole = ask(&sim, "converse", "", &question).await.json();
    assert_eq!(whole["stopReason"], "end_turn");
    assert_eq!(
        whole["usage"],
        json!({"inputTokens": 3, "outputTokens": 24, "totalTokens": 27, "cacheReadInputTokens": 0,
            "cacheWriteInputTokens": 0})
    );
    let answer = ask(&sim, "converse-stream", "", &question).await;
    let frames = frames(&answer);
    let mut names: Vec<&str> = frames.iter().map(Frame::event).collect();
    assert_eq!(names.len(), 24 + 4);
    names.dedup();
    assert_eq!(names, ["messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"]);
    assert!(
        frames.iter().all(|frame| frame.payload["p"].is_string() && frame.header(":message-type") == "event")
    );
    let text: String = frames.iter().filter_map(|frame| frame.payload["delta"]["text"].as_str()).collect();
    assert_eq!(whole["output"]["message"]["content"][0]["text"], text);
    assert_eq!(frames.last().unwrap().payload["usage"], whole["usage"]);
    let call = sim.last().await;
    assert_eq!(
        (call.text, call.usage.as_ref(), call.finish.as_deref()),
        (text, Some(&whole["usage"]), Some("end_turn"))
    );
}

#[tokio::test]
async fn tools_and_thoughts_have_blocks() {
    let sim = Sim::start().await;
    let thinking = json!({"thinking": {"type": "enabled", "budget_tokens": 2000}});
    let question = body("hi", json!({"toolConfig": tools(), "additionalModelRequestFields": thinking}));
    let stream = frames(&ask(&sim, "converse-stream", "", &question).await);
    let starts: Vec<&Frame> = stream.iter().filter(|frame| frame.event() == "contentBlockStart").collect();
    assert_eq!((starts.len(), &starts[0].payload["start"]["toolUse"]["name"]), (1, &json!("weather")));
    assert_eq!(starts[0].payload["contentBlockIndex"], 1, "after the thoughts, which are not opened");
    assert!(stream.iter().any(|frame| frame.payload["delta"]["reasoningContent"]["signature"].is_string()));
    let input: String =
        stream.iter().filter_map(|frame| frame.payload["delta"]["toolUse"]["input"].as_str()).collect();
    assert!(serde_json::from_str::<Value>(&input).unwrap()["city"].is_string());
    let said = ask(&sim, "converse", "", &question).await.json()["output"]["message"].clone();
    let id = said["content"][1]["toolUse"]["toolUseId"].clone();
    let answered =
        json!({"role": "user", "content": [{"toolResult": {"toolUseId": id, "content": [{"text": "sun"}]}}]});
    let turn = |said: &Value| json!({"messages": [question["messages"][0], said, answered]});
    assert_eq!(ask(&sim, "converse", "", &turn(&said)).await.json()["stopReason"], "end_turn");
    let mut forged = said.clone();
    forged["content"][0]["reasoningContent"]["reasoningText"]["text"] = json!("other");
    assert_eq!(ask(&sim, "converse", "", &turn(&forged)).await.status, 400);
}

#[tokio::test]
async fn claude_answers_in_its_own_format() {
    let sim = Sim::start().await;
    let question = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "seed": 1,
        "messages": [{"role": "user", "content": "how are you"}]});
    let whole = ask(&sim, "invoke", "", &question).await.json();
    assert_eq!((&whole["type"], &whole["usage"]["input_tokens"]), (&json!("message"), &json!(3)));
    let frames = frames(&ask(&sim, "invoke-with-response-stream", "", &question).await);
    assert!(frames.iter().all(|frame| frame.event() == "chunk"));
    let event = |frame: &Frame| -> Value {
        serde_json::from_slice(&unbase64(frame.payload["bytes"].as_str().unwrap())).unwrap()
    };
    let events: Vec<Value> = frames.iter().map(event).collect();
    assert_eq!(
        (&events[0]["type"], events.iter().any(|event| event["type"] == "ping")),
        (&json!("message_start"), false)
    );
    let text: String = events.iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
    assert_eq!(whole["content"][0]["text"], text);
    let metrics = &events.last().unwrap()["amazon-bedrock-invocationMetrics"];
    assert_eq!((&metrics["inputTokenCount"], &metrics["outputTokenCount"]), (&json!(3), &json!(24)));
    let bare = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(ask(&sim, "invoke", "", &bare).await.status, 400);
}

#[tokio::test]
async fn errors_have_a_type_in_the_header() {
    let sim = Sim::start().await;
    let question = body("hi", json!({}));
    for (fault, status, kind) in [
        ("status=400", 400, "ValidationException"),
        ("status=400,code=ServiceQuotaExceededException", 400, "ServiceQuotaExceededException"),
        ("status=424", 424, "ModelErrorException"),
        ("status=429,retry-after=2", 429, "ThrottlingException"),
        ("status=503", 503, "ServiceUnavailableException"),
        ("exception=modelTimeoutException", 408, "ModelTimeoutException"),
    ] {
        let answer = ask(&sim, "converse", fault, &question).await;
        let told = answer.header("x-amzn-errortype").unwrap().split(':').next();
        assert_eq!(
            (answer.status, told, answer.header("retry-after")),
            (status, Some(kind), None),
            "{fault}"
        );
        assert!(answer.json()["message"].is_string());
    }
    let unsigned = sim.post("/model/instant/converse", &question).await;
    assert!(unsigned.status == 403 && unsigned.header("x-amzn-errortype").is_some());
    assert_eq!(sim.ask("/model/anthropic.x%3A0/converse", "", &question).await.status, 404);
    assert_eq!(sim.ask("/model/instant/nothing", "", &question).await.status, 404);
}

#[tokio::test]
async fn streams_break_off_with_an_exception() {
    let sim = Sim::start().await;
    let question = body("hi", json!({}));
    for (fault, count, kind) in [
        ("error-after=3", 5, "internalServerException"),
        ("exception=throttlingException", 1, "throttlingException"),
        ("exception=modelStreamErrorException,error-after=1", 3, "modelStreamErrorException"),
    ] {
        let frames = frames(&ask(&sim, "converse-stream", fault, &question).await);
        let last = frames.last().unwrap();
        assert_eq!((frames.len(), last.header(":exception-type")), (count, kind), "{fault}");
        assert_eq!(last.header(":message-type"), "exception");
        assert!(last.payload["message"].is_string());
    }
    let open = frames(&ask(&sim, "converse-stream", "no-done", &question).await);
    assert_eq!(open.last().unwrap().event(), "contentBlockStop");
    let unusual = ask(&sim, "converse-stream", "blocked", &question).await;
    assert_eq!(frames(&unusual)[1].payload["stopReason"], "guardrail_intervened");
}

#[tokio::test]
async fn prompts_are_cached_where_marked() {
    let sim = Sim::start().await;
    let question =
        body("hi", json!({"system": [{"text": "one two three"}, {"cachePoint": {"type": "default"}}]}));
    let usage = async || ask(&sim, "converse", "", &question).await.json()["usage"].clone();
    let (first, second) = (usage().await, usage().await);
    assert_eq!((&first["inputTokens"], &first["cacheWriteInputTokens"]), (&json!(1), &json!(3)));
    assert_eq!((&second["cacheReadInputTokens"], &second["totalTokens"]), (&json!(3), &json!(28)));
}
