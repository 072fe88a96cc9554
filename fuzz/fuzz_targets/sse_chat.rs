//! What must hold stands in `src/sse_chat.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| paceline_fuzz::sse_chat(data));
