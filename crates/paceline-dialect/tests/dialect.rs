//! The quiet parts that read foreign bytes, compared with slow and simple readers under any cut of the bytes.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test may fail like the test")]

#[path = "../../../fuzz/src/answers.rs"]
mod answers;
#[path = "../../../fuzz/src/anthropic_answer.rs"]
mod anthropic_answer;
#[path = "../../../fuzz/src/anthropic_request_neutral.rs"]
mod anthropic_request_neutral;
#[path = "../../../fuzz/src/cuts.rs"]
mod cuts;
#[path = "../../../fuzz/src/eventstream_frames.rs"]
mod eventstream_frames;
#[path = "../../../fuzz/src/gemini_answer.rs"]
mod gemini_answer;
#[path = "../../../fuzz/src/gemini_request_neutral.rs"]
mod gemini_request_neutral;
#[path = "../../../fuzz/src/json_scan.rs"]
mod json_scan;
#[path = "../../../fuzz/src/ollama_answer.rs"]
mod ollama_answer;
#[path = "../../../fuzz/src/openai_answer.rs"]
mod openai_answer;
#[path = "../../../fuzz/src/openai_request_neutral.rs"]
mod openai_request_neutral;
#[path = "../../../fuzz/src/raw.rs"]
mod raw;
#[path = "../../../fuzz/src/recorder.rs"]
mod recorder;
#[path = "../../../fuzz/src/request_edits.rs"]
mod request_edits;
#[path = "../../../fuzz/src/requests.rs"]
mod requests;
#[path = "../../../fuzz/src/smoke.rs"]
mod smoke;
#[path = "../../../fuzz/src/sse.rs"]
mod sse;
#[path = "../../../fuzz/src/sse_chat.rs"]
mod sse_chat;

#[path = "dialect/converse.rs"]
mod converse;
#[path = "dialect/dialects.rs"]
mod dialects;
#[path = "dialect/documents.rs"]
mod documents;
#[path = "dialect/frames.rs"]
mod frames;
#[path = "dialect/gemini.rs"]
mod gemini;
#[path = "dialect/golden.rs"]
mod golden;
#[path = "dialect/json.rs"]
mod json;
#[path = "dialect/made_up.rs"]
mod made_up;
#[path = "dialect/matrix.rs"]
mod matrix;
#[path = "dialect/ollama.rs"]
mod ollama;
#[path = "dialect/reference.rs"]
mod reference;
#[path = "dialect/request.rs"]
mod request;
#[path = "dialect/responses.rs"]
mod responses;
#[path = "dialect/sequences.rs"]
mod sequences;
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

#[test]
fn corpus_and_mutations_of_answers_of_openais() {
    smoke::run("openai_answer", ROUNDS, openai_answer::check);
}

#[test]
fn corpus_and_mutations_of_answers_of_anthropics() {
    smoke::run("anthropic_answer", ROUNDS, anthropic_answer::check);
}

#[test]
fn corpus_and_mutations_of_answers_of_geminis() {
    smoke::run("gemini_answer", ROUNDS, gemini_answer::check);
}

#[test]
fn corpus_and_mutations_of_answers_of_ollamas() {
    smoke::run("ollama_answer", ROUNDS, ollama_answer::check);
}

#[test]
fn corpus_and_mutations_of_requests_of_openais() {
    smoke::run("openai_request_neutral", ROUNDS, openai_request_neutral::check);
}

#[test]
fn corpus_and_mutations_of_requests_of_anthropics() {
    smoke::run("anthropic_request_neutral", ROUNDS, anthropic_request_neutral::check);
}

#[test]
fn corpus_and_mutations_of_requests_of_geminis() {
    smoke::run("gemini_request_neutral", ROUNDS, gemini_request_neutral::check);
}

#[test]
fn corpus_and_mutations_of_frames_of_event_streams() {
    smoke::run("eventstream_frames", ROUNDS, eventstream_frames::check);
}
