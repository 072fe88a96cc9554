//! What must hold stands in `src/ollama_answer.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| paceline_fuzz::ollama_answer(data));
