//! What must hold stands in `src/chunked.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| paceline_fuzz::chunked(data));
