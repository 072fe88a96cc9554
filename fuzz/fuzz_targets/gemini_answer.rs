//! What must hold stands in `src/gemini_answer.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| paceline_fuzz::gemini_answer(data));
