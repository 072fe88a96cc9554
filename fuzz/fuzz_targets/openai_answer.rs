//! What must hold stands in `src/openai_answer.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| paceline_fuzz::openai_answer(data));
