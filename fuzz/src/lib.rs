//! What must hold for any bytes, one function a fuzz target; a panic is a finding.
//!
//! The same files are modules of tests beside the crates they check, which replay the corpus and mutations of it.

mod answers;
mod anthropic_answer;
mod anthropic_request_neutral;
mod chunked;
mod cuts;
mod eventstream_frames;
mod frames;
mod framing;
mod gemini_answer;
mod gemini_request_neutral;
mod json_scan;
mod ollama_answer;
mod openai_answer;
mod openai_request_neutral;
mod raw;
mod recorder;
mod request_edits;
mod requests;
mod sse;
mod sse_chat;

/// The decoder of the chunked coding.
pub fn chunked(data: &[u8]) {
    chunked::check(data);
}

/// The watch over where requests begin and end.
pub fn framing(data: &[u8]) {
    framing::check(data);
}

/// The walk over JSON text.
pub fn json_scan(data: &[u8]) {
    json_scan::check(data);
}

/// Reading a chat request and changing it in place.
pub fn request_edits(data: &[u8]) {
    request_edits::check(data);
}

/// The observer of a chat stream.
pub fn sse_chat(data: &[u8]) {
    sse_chat::check(data);
}

/// The reader of answers in Anthropic's dialect, and what is told of them.
pub fn anthropic_answer(data: &[u8]) {
    anthropic_answer::check(data);
}

/// The reader of answers in OpenAI's dialect, and what is told of them.
pub fn openai_answer(data: &[u8]) {
    openai_answer::check(data);
}

/// The reader of answers in Gemini's dialect, and what is told of them.
pub fn gemini_answer(data: &[u8]) {
    gemini_answer::check(data);
}

/// The reader of answers in Ollama's dialect, and what is told of them.
pub fn ollama_answer(data: &[u8]) {
    ollama_answer::check(data);
}

/// Requests of OpenAI's dialect, written for every provider.
pub fn openai_request_neutral(data: &[u8]) {
    openai_request_neutral::check(data);
}

/// Requests of Anthropic's dialect, written for every provider.
pub fn anthropic_request_neutral(data: &[u8]) {
    anthropic_request_neutral::check(data);
}

/// Requests of Gemini's dialect, written for every provider.
pub fn gemini_request_neutral(data: &[u8]) {
    gemini_request_neutral::check(data);
}

/// Where frames of an event stream end, and what they say.
pub fn eventstream_frames(data: &[u8]) {
    eventstream_frames::check(data);
}
