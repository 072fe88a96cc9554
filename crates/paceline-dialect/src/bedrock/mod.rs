//! AWS Bedrock.

pub mod converse_answer;
mod converse_parts;
pub mod converse_request;
pub mod error;
