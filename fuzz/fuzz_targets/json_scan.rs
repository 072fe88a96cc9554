//! What must hold stands in `src/json_scan.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| paceline_fuzz::json_scan(data));
