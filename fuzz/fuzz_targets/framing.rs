//! What must hold stands in `src/framing.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| paceline_fuzz::framing(data));
