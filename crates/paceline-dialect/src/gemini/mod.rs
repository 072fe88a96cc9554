//! Gemini's `generateContent`: requests, answers and errors, read and written.
//!
//! Model and streaming are in the path of a request, not in its body. Its tool calls often have no ids, its streams no end
//! mark: what stands for them is told where it is made.

pub mod error;
mod logprobs;
mod model;
pub mod read_answer;
mod read_parts;
pub mod read_request;
mod schema;
pub mod write_answer;
mod write_parts;
pub mod write_request;

use crate::neutral::json::{Json, Members};
use crate::provider::{KeyHeader, Kind, ROW, StreamUsage};
use paceline_types::record::Dialect;
use std::borrow::Cow;

/// Google's Gemini API.
pub const KIND: Kind = Kind {
    name: "gemini",
    title: "Gemini",
    otel_name: "gcp.gemini",
    dialect: Dialect::Gemini,
    key_header: KeyHeader::Named("x-goog-api-key"),
    base_url: "https://generativelanguage.googleapis.com/v1beta",
    usual_path: "/v1beta",
    key_env: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
    base_url_env: &["GEMINI_BASE_URL", "GOOGLE_GEMINI_BASE_URL"],
    stream_usage: StreamUsage::Always,
    done_mark: false,
    model_prefixes: &["gemini-", "gemma-"],
    ..ROW
};

/// The members of one of Google's messages. As at Google, `max_output_tokens` is the same as `maxOutputTokens`.
fn fields<'a>(json: &Json<'a>) -> Option<Members<'a>> {
    let mut members = json.open()?;
    for (key, _) in &mut members.0 {
        // A leading underscore is part of the name.
        if key.get(1..).is_some_and(|rest| rest.contains('_')) {
            *key = Cow::Owned(camel(key));
        }
    }
    Some(members)
}

fn camel(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    let mut upper = false;
    for c in key.chars() {
        if c == '_' && !out.is_empty() {
            upper = true;
        } else if std::mem::take(&mut upper) {
            out.push(c.to_ascii_uppercase());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::camel;

    #[test]
    fn names_have_one_form() {
        assert_eq!(camel("max_output_tokens"), "maxOutputTokens");
        assert_eq!(camel("topP"), "topP");
        assert_eq!(camel("_responseJsonSchema"), "_responseJsonSchema");
    }
}
