//! AWS Bedrock: the frames its streams come in, how requests are signed, the forms credentials are found in, and Converse.

pub mod converse_answer;
mod converse_parts;
pub mod converse_request;
pub mod document;
pub mod error;
pub mod frames;
pub mod headers;
pub mod profile;
pub mod sign;
