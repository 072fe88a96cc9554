//! What must hold for any bytes, one function a fuzz target; a panic is a finding.
//!
//! The same files are modules of tests beside the crates they check, which replay the corpus and mutations of it.

mod chunked;
mod cuts;
mod frames;
mod framing;
mod json_scan;
mod raw;
mod recorder;
mod request_edits;
mod sse;
mod sse_chat;

/// The decoder of the chunked coding.
pub fn chunked(data: &[u8]) {
    chunked::check(data);
}

/// The watch over where requests begin and end.
pub fn framing(data: &[u8]) {
    framing::check(data);
}

/// The walk over JSON text.
pub fn json_scan(data: &[u8]) {
    json_scan::check(data);
}

/// Reading a chat request and changing it in place.
pub fn request_edits(data: &[u8]) {
    request_edits::check(data);
}

/// The observer of a chat stream.
pub fn sse_chat(data: &[u8]) {
    sse_chat::check(data);
}
