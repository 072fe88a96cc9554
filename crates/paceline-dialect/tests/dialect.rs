//! The quiet parts that read foreign bytes, compared with slow and simple readers under any cut of the bytes.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test may fail like the test")]

#[path = "../../../fuzz/src/cuts.rs"]
mod cuts;
#[path = "../../../fuzz/src/json_scan.rs"]
mod json_scan;
#[path = "../../../fuzz/src/raw.rs"]
mod raw;
#[path = "../../../fuzz/src/recorder.rs"]
mod recorder;
#[path = "../../../fuzz/src/request_edits.rs"]
mod request_edits;
#[path = "../../../fuzz/src/smoke.rs"]
mod smoke;
#[path = "../../../fuzz/src/sse.rs"]
mod sse;
#[path = "../../../fuzz/src/sse_chat.rs"]
mod sse_chat;

#[path = "dialect/converse.rs"]
mod converse;
#[path = "dialect/documents.rs"]
mod documents;
#[path = "dialect/frames.rs"]
mod frames;
#[path = "dialect/gemini.rs"]
mod gemini;
#[path = "dialect/gemini_golden.rs"]
mod gemini_golden;
#[path = "dialect/golden.rs"]
mod golden;
#[path = "dialect/json.rs"]
mod json;
#[path = "dialect/ollama.rs"]
mod ollama;
#[path = "dialect/reference.rs"]
mod reference;
#[path = "dialect/request.rs"]
mod request;
#[path = "dialect/responses.rs"]
mod responses;
#[path = "dialect/stream.rs"]
mod stream;
#[path = "dialect/streams.rs"]
mod streams;

/// How many mutations of the corpus are checked each time.
const ROUNDS: usize = 3000;

#[test]
fn corpus_and_mutations_of_json() {
    smoke::run("json_scan", ROUNDS, json_scan::check);
}

#[test]
fn corpus_and_mutations_of_requests() {
    smoke::run("request_edits", ROUNDS, request_edits::check);
}

#[test]
fn corpus_and_mutations_of_streams() {
    smoke::run("sse_chat", ROUNDS, sse_chat::check);
}
