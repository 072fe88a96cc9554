//! AWS Bedrock: the frames its streams come in, how requests are signed, and the forms credentials are found in.

pub mod document;
pub mod frames;
pub mod headers;
pub mod profile;
pub mod sign;
