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

use crate::provider::{Kind, ROW, StreamUsage};
use paceline_types::record::Dialect;

/// Bedrock's runtime. Its address is that of a region.
pub const KIND: Kind = Kind {
    name: "bedrock",
    title: "AWS Bedrock",
    otel_name: "aws.bedrock",
    dialect: Dialect::Bedrock,
    key_env: &["AWS_BEARER_TOKEN_BEDROCK"],
    base_url_env: &["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"],
    stream_usage: StreamUsage::Always,
    ..ROW
};
