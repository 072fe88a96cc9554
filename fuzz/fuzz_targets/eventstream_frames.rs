//! What must hold stands in `src/eventstream_frames.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| paceline_fuzz::eventstream_frames(data));
