//! What a call's request is, as far as its head tells; and the paths of the dialects.

use crate::step::compose::Tongues;
use bytes::Bytes;
use http::HeaderMap;
use paceline_types::record::{Dialect, Operation};

/// What a request is, as far as its head tells.
pub(crate) struct Letter<'a> {
    pub(crate) operation: Operation,
    pub(crate) tongues: Tongues,
    /// The model's name at the provider.
    pub(crate) model: &'a str,
    pub(crate) stream: bool,
    /// The caller's headers.
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [Bytes],
}

/// The body of a raw request.
#[derive(Clone, Copy)]
pub(crate) enum RawBody<'a> {
    /// At hand.
    Whole(&'a Bytes),
    /// Sent as it comes; its length, or `None` for a body in chunks.
    Coming(Option<u64>),
}

impl RawBody<'_> {
    pub(crate) fn length(self) -> Option<u64> {
        match self {
            Self::Whole(body) => Some(body.len() as u64),
            Self::Coming(length) => length,
        }
    }
}

/// A name as one segment of a path (RFC 3986: all but unreserved characters escaped).
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Ollama's own paths stand beside those of OpenAI's dialect.
pub(crate) fn ollama_base(base: &str) -> &str {
    base.strip_suffix("/v1").unwrap_or(base)
}

/// Whether a dialect names the model in the path of a request.
pub(crate) fn has_model_in_path(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::Gemini | Dialect::Bedrock)
}

/// The path of a call, behind the base path.
pub(crate) fn call_path(dialect: Dialect, letter: &Letter<'_>) -> String {
    match dialect {
        Dialect::Responses => "/responses".to_owned(),
        Dialect::Anthropic if letter.operation == Operation::CountTokens => {
            "/messages/count_tokens".to_owned()
        }
        Dialect::Anthropic => "/messages".to_owned(),
        Dialect::Gemini => {
            let method = match (letter.operation, letter.stream) {
                (Operation::CountTokens, _) => "countTokens",
                (_, true) => "streamGenerateContent?alt=sse",
                (_, false) => "generateContent",
            };
            format!("/models/{}:{method}", letter.model)
        }
        Dialect::Bedrock => {
            let method = if letter.stream { "converse-stream" } else { "converse" };
            format!("/model/{}/{method}", escaped(letter.model))
        }
        _ => "/chat/completions".to_owned(),
    }
}
