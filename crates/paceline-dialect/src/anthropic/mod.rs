//! Anthropic's messages: requests, answers and errors, read and written.

pub mod error;
pub mod read_answer;
pub mod read_request;
pub mod write_answer;
mod write_document;
pub mod write_request;

use crate::provider::{KeyHeader, Kind, ROW, StreamUsage};
use paceline_types::record::Dialect;

/// Anthropic, and services that speak like it.
pub const KIND: Kind = Kind {
    name: "anthropic",
    title: "Anthropic",
    otel_name: "anthropic",
    dialect: Dialect::Anthropic,
    key_header: KeyHeader::Named("x-api-key"),
    base_url: "https://api.anthropic.com/v1",
    stream_usage: StreamUsage::Always,
    usual_path: "/v1",
    key_env: &["ANTHROPIC_API_KEY"],
    base_url_env: &["ANTHROPIC_BASE_URL"],
    model_prefixes: &["claude-"],
    ..ROW
};
