//! OpenAI's responses: requests, answers and errors, read and written.
//!
//! Source: OpenAI's API description of August 2026 and the official SDKs.

pub mod error;
mod object;
mod open;
pub mod read_answer;
pub mod read_request;
pub mod write_answer;
mod write_document;
mod write_items;
pub mod write_request;

use crate::neutral::json::Json;

/// Whether a seal on thought is OpenAI's own: no other family can read it, and OpenAI can read no other.
///
/// What OpenAI seals is a Fernet token, and these begin with the version and the upper half of the time.
pub(crate) fn is_own_seal(seal: &Json<'_>) -> bool {
    seal.inner().starts_with("gAAAA")
}
