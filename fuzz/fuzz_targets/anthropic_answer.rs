//! What must hold stands in `src/anthropic_answer.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| paceline_fuzz::anthropic_answer(data));
