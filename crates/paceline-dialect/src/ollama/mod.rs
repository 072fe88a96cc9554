//! Ollama's own chat: requests written, answers and errors read. Of providers only.

pub mod error;
pub mod read_answer;
pub mod write_request;
