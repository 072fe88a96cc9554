//! What holds in every dialect: the same words for the same question, and sums that agree.

use crate::client::{End, PATIENCE, Sim};
use paceline_sim::Outcome;
use serde_json::{Value, json};

/// The same question in every dialect: path and body, whole or streamed.
fn questions(stream: bool) -> Vec<(&'static str, Value)> {
    let messages = json!([{"role": "user", "content": "how are you"}]);
    let (gemini, converse) = if stream {
        ("/v1beta/models/instant:streamGenerateContent?alt=sse", "/model/instant/converse-stream")
    } else {
        ("/v1beta/models/instant:generateContent", "/model/instant/converse")
    };
    let invoke = if stream { "/model/instant/invoke-with-response-stream" } else { "/model/instant/invoke" };
    let options = json!({"include_usage": true});
    vec![
        (
            "/v1/chat/completions",
            json!({"model": "instant", "messages": messages, "max_tokens": 20, "seed": 5,
            "stream": stream, "stream_options": options}),
        ),
        (
            "/v1/responses",
            json!({"model": "instant", "input": "how are you", "max_output_tokens": 20, "seed": 5,
            "stream": stream}),
        ),
        (
            "/v1/messages",
            json!({"model": "instant", "messages": messages, "max_tokens": 20, "seed": 5,
            "stream": stream}),
        ),
        (
            gemini,
            json!({"contents": [{"parts": [{"text": "how are you"}]}],
            "generationConfig": {"maxOutputTokens": 20, "seed": 5}}),
        ),
        (
            "/api/chat",
            json!({"model": "instant", "messages": messages, "stream": stream,
            "options": {"num_predict": 20, "seed": 5}}),
        ),
        (
            converse,
            json!({"messages": [{"role": "user", "content": [{"text": "how are you"}]}],
            "inferenceConfig": {"maxTokens": 20}, "additionalModelRequestFields": {"seed": 5}}),
        ),
        (invoke, json!({"anthropic_version": "x", "messages": messages, "max_tokens": 20, "seed": 5})),
    ]
}

#[tokio::test]
async fn the_same_question_gets_the_same_words_and_counts() {
    let sim = Sim::start().await;
    for stream in [false, true] {
        for (path, body) in questions(stream) {
            assert_eq!(sim.ask(path, "", &body).await.status, 200, "{path}");
        }
    }
    let calls = sim.handle.settled(0, 14, PATIENCE).await;
    for call in &calls {
        let tokens = call.tokens.unwrap();
        assert_eq!(call.text, calls[0].text, "{}", call.path);
        assert_eq!((tokens.input_total, tokens.output_total), (3, 20), "{}", call.path);
        assert_eq!((call.tokens_sent, call.outcome), (20, Outcome::Completed));
    }
    let totals = sim.handle.totals();
    assert_eq!((totals.input_tokens, totals.output_tokens), (14 * 3, 14 * 20));
}

#[tokio::test]
async fn sums_agree_with_what_was_claimed() {
    let sim = Sim::start().await;
    for (path, body) in questions(true) {
        sim.ask(path, "cached=1,cache-write=1", &body).await;
    }
    let (mut read, mut written, mut input) = (0, 0, 0);
    for call in sim.handle.settled(0, 7, PATIENCE).await {
        let tokens = call.tokens.unwrap();
        (read, written, input) =
            (read + tokens.cache_read, written + tokens.cache_write, input + tokens.input_total);
        let told = (tokens.cache_read, tokens.cache_write, tokens.input_total);
        let expected = match call.path.as_str() {
            "/api/chat" => (0, 0, 2),
            path if path.starts_with("/v1beta") => (1, 0, 3),
            _ => (1, 1, 3),
        };
        assert_eq!(told, expected, "{}", call.path);
    }
    let totals = sim.handle.totals();
    assert_eq!(
        (totals.cache_read_tokens, totals.cache_write_tokens, totals.input_tokens),
        (read, written, input)
    );
}

#[tokio::test]
async fn every_dialect_stalls_breaks_and_splits() {
    let sim = Sim::start().await;
    for (path, body) in questions(true) {
        let whole = sim.ask(path, "", &body).await;
        let split = sim.ask(path, "chunk=1,unicode,burst", &body).await;
        assert_eq!((split.end, sim.last().await.bytes_sent), (End::Clean, split.body.len() as u64), "{path}");
        let cut = sim.ask(path, "cut-at-byte=150", &body).await;
        assert_eq!((cut.body.len(), cut.end, sim.last().await.outcome), (150, End::Closed, Outcome::Cut));
        let events = sim.ask(path, "cut-after=3,cut=fin", &body).await;
        assert_eq!((events.end, sim.last().await.events_sent), (End::Clean, 3), "{path}");
        let stalled = sim.ask(path, "stall-after=2,stall-ms=20", &body).await;
        assert_eq!((stalled.body.len(), stalled.status), (whole.body.len(), 200), "{path}");
        let large = sim.ask(path, "event-bytes=9000", &body).await;
        assert!(large.body.len() > 9_000, "{path}");
        let packed = sim.ask(path, "gzip", &body).await;
        assert_eq!(packed.header("content-encoding"), Some("gzip"));
        let asked_whole = sim.ask(path, "json-answer", &body).await;
        assert!(asked_whole.header("content-type").unwrap().starts_with("application/json"));
        assert!(asked_whole.json().is_object());
        for (fault, length) in [("body=garbage", None), ("body=empty", Some(0))] {
            let wrong = sim.ask(path, fault, &body).await;
            assert!(wrong.status == 200 && length.is_none_or(|length| wrong.body.len() == length));
        }
    }
}

#[tokio::test]
async fn scripts_hold_in_every_dialect() {
    let sim = Sim::start().await;
    for (path, body) in questions(false) {
        sim.handle.script(Some("instant"), &["status=503", "echo-key"]).unwrap();
        assert_eq!(sim.ask(path, "", &body).await.status, 503, "{path}");
        let echoed = sim.ask(path, "", &body).await;
        assert!(echoed.status == 401 && echoed.text().contains("planted"), "{path}");
        assert_eq!(sim.ask(path, "", &body).await.status, 200);
    }
}
