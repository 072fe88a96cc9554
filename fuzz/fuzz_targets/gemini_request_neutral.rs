//! What must hold stands in `src/gemini_request_neutral.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| paceline_fuzz::gemini_request_neutral(data));
