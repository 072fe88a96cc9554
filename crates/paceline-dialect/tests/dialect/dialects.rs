//! The dialects of the matrix: one line each. What is listed here is tried with all that is listed on the other side.

use crate::golden::lines;
use paceline_dialect::bedrock::frames::{write_event, write_exception};
use paceline_dialect::neutral::about::About;
use paceline_dialect::neutral::json::Members;
use paceline_dialect::openai::write_request::Habits;
use paceline_dialect::translate::Target;
use paceline_types::record::Dialect;

/// What callers speak; the names are those of the folders with what they ask.
pub(crate) const CALLERS: &[(&str, Dialect)] = &[
    ("openai", Dialect::OpenAi),
    ("anthropic", Dialect::Anthropic),
    ("gemini", Dialect::Gemini),
    ("responses", Dialect::Responses),
];

/// What providers speak; the names are those of the folders with what they answer.
pub(crate) const PROVIDERS: &[(&str, Dialect)] = &[
    ("openai", Dialect::OpenAi),
    ("anthropic", Dialect::Anthropic),
    ("gemini", Dialect::Gemini),
    ("ollama", Dialect::Ollama),
    ("responses", Dialect::Responses),
    ("bedrock", Dialect::Bedrock),
];

const OPENAI: Habits = Habits { completion_limit: true, cache_marks: false };
const OPENROUTER: Habits = Habits { completion_limit: false, cache_marks: true };

/// Where requests go. Some dialects are written differently for some models and services.
pub(crate) const TARGETS: &[(&str, Dialect, Habits)] = &[
    ("gpt-5", Dialect::OpenAi, OPENAI),
    ("openrouter/x", Dialect::OpenAi, OPENROUTER),
    ("claude-5", Dialect::Anthropic, OPENAI),
    ("gemini-3-pro-preview", Dialect::Gemini, OPENAI),
    ("gemini-2.5-flash", Dialect::Gemini, OPENAI),
    ("qwen3", Dialect::Ollama, OPENAI),
    ("gpt-oss:20b", Dialect::Ollama, OPENAI),
    ("gpt-5", Dialect::Responses, OPENAI),
    ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", Dialect::Bedrock, OPENAI),
    ("meta.llama3-3-70b-instruct-v1:0", Dialect::Bedrock, OPENAI),
];

/// The target of that name.
pub(crate) fn target<'a>((model, dialect, habits): &(&'a str, Dialect, Habits)) -> Target<'a> {
    Target { dialect: *dialect, model, habits: *habits, asks_for_usage: true, max_tokens: 8192 }
}

/// What writers are told in the matrix.
pub(crate) fn about(provider: Dialect) -> About {
    About {
        call: "c1".to_owned(),
        model: "alias".to_owned(),
        provider: Some(provider),
        created: 7,
        include_usage: true,
    }
}

/// The events of a fixture, as their dialect sends them: each line of it is what one event holds.
pub(crate) fn framed(dialect: Dialect, file: &[u8]) -> Vec<Vec<u8>> {
    lines(file).map(|line| event(dialect, line)).collect()
}

fn event(dialect: Dialect, data: &[u8]) -> Vec<u8> {
    match dialect {
        Dialect::Ollama => [data, b"\n"].concat(),
        Dialect::Gemini => [b"data: ", data, b"\r\n\r\n"].concat(),
        Dialect::Bedrock => frame(data),
        Dialect::Anthropic | Dialect::Responses => {
            let kind: serde_json::Value = serde_json::from_slice(data).unwrap_or_default();
            let kind = kind["type"].as_str().unwrap_or("unnamed").to_owned();
            [b"event: ", kind.as_bytes(), b"\ndata: ", data, b"\n\n"].concat()
        }
        _ => [b"data: ", data, b"\n\n"].concat(),
    }
}

/// A frame of what stands in a line as `{"its name":its payload}`.
fn frame(line: &[u8]) -> Vec<u8> {
    let members = Members::read(line).unwrap();
    let (name, payload) = &members.0[0];
    let (mut out, payload) = (Vec::new(), payload.get().as_bytes());
    if name.ends_with("Exception") {
        write_exception(&mut out, name, payload).unwrap();
    } else {
        write_event(&mut out, name, payload).unwrap();
    }
    out
}
