//! Anthropic's messages: requests, answers and errors, read and written.

pub mod error;
pub mod read_answer;
pub mod read_request;
pub mod write_answer;
pub mod write_request;
