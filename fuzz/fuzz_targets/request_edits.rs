//! What must hold stands in `src/request_edits.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| paceline_fuzz::request_edits(data));
