//! What must hold stands in `src/anthropic_request_neutral.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| paceline_fuzz::anthropic_request_neutral(data));
