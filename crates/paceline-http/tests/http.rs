//! The HTTP client against a peer that says exactly what it is told to, byte by byte.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test may fail like the test")]

#[path = "../../../fuzz/src/chunked.rs"]
mod chunked;
#[path = "../../../fuzz/src/cuts.rs"]
mod cuts;
#[expect(dead_code, reason = "requests are read elsewhere")]
#[path = "../../../fuzz/src/frames.rs"]
mod frames;
#[path = "../../../fuzz/src/smoke.rs"]
mod smoke;

#[path = "http/answers.rs"]
mod answers;
#[path = "http/coding.rs"]
mod coding;
#[path = "http/kept.rs"]
mod kept;
#[path = "http/peer.rs"]
mod peer;
