//! OpenAI's dialect: requests ([`request`]), answers and stream events ([`answer`], [`stream`]), errors ([`error`]).
//!
//! Source: OpenAI's API description of August 2026 and the official SDKs.

pub mod answer;
pub mod error;
pub mod prompt;
pub mod read_answer;
pub mod read_request;
pub mod request;
pub mod stream;
pub mod write_answer;
pub mod write_request;
