//! A request as the simulated model sees it, whatever the dialect it came in.

use super::cache::Caching;
use crate::{dialect::Problem, fault::TOKENS_MAX, hash::Fnv};
use serde_json::Value;

/// Choices of one call.
const CHOICES_MAX: u64 = 128;
/// Tokens a picture or another part that is not text counts for.
const PART_TOKENS: u64 = 85;
/// Fields that say how an answer travels, not what it says.
const CARRIAGE: [&str; 7] =
    ["model", "seed", "stream", "stream_options", "user", "metadata", "prompt_cache_key"];

/// A tool the model may call.
#[derive(Debug)]
pub(crate) struct ToolSpec {
    pub(crate) name: String,
    pub(crate) parameters: Value,
}

/// The form of the text.
#[derive(Debug, PartialEq)]
pub(crate) enum Format {
    Text,
    JsonObject,
    JsonSchema(Value),
}

/// Whether the model thinks before it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Thinking {
    /// When it is a model that does.
    #[default]
    AsUsual,
    Off,
    On,
}

/// What matters of a request.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) stream: bool,
    pub(crate) n: usize,
    pub(crate) max_tokens: Option<usize>,
    /// Texts at which the answer ends; the chat dialect does not fill them.
    pub(crate) stops: Vec<String>,
    pub(crate) thinking: Thinking,
    /// Whether what the model thinks is sent, or only counted.
    pub(crate) thoughts_shown: bool,
    pub(crate) caching: Caching,
    /// The tools that will be called, none for an answer in text.
    pub(crate) calls: Vec<ToolSpec>,
    pub(crate) format: Format,
    pub(crate) prompt_tokens: u64,
    /// The request's own seed, and a hash of everything that shapes the answer.
    pub(crate) seed: Option<u64>,
    pub(crate) fingerprint: u64,
}

impl Ask {
    /// Reads a chat request as loosely as providers do.
    pub(crate) fn read(value: &Value) -> Result<Self, Problem> {
        let Some(messages) = value.get("messages").and_then(Value::as_array) else {
            return Err(Problem::of("messages", "Missing required parameter: 'messages'."));
        };
        if messages.is_empty() {
            return Err(Problem::of("messages", "'messages' must not be empty."));
        }
        let n = bounded(value, "n", CHOICES_MAX)?.unwrap_or(1);
        let newer = bounded(value, "max_completion_tokens", u64::MAX)?;
        let max_tokens = newer.or(bounded(value, "max_tokens", u64::MAX)?);
        Ok(Self {
            stream: wants(value, "stream"),
            n,
            max_tokens,
            stops: Vec::new(),
            thinking: Thinking::AsUsual,
            thoughts_shown: true,
            caching: Caching::Automatic,
            calls: tool_calls(value, messages),
            format: format(value),
            prompt_tokens: messages.iter().map(|message| content_tokens(message.get("content"))).sum(),
            seed: value.get("seed").filter(|seed| !seed.is_null()).map(|seed| Fnv::new().json(seed).value()),
            fingerprint: fingerprint(value),
        })
    }
}

/// Whether a field is there and true.
pub(crate) fn wants(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool) == Some(true)
}

fn bounded(value: &Value, key: &'static str, max: u64) -> Result<Option<usize>, Problem> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(number) => match number.as_u64() {
            Some(number) if (1..=max).contains(&number) => Ok(Some(number.min(TOKENS_MAX) as usize)),
            _ => {
                let message = format!("Invalid '{key}': expected an integer of at least 1.");
                Err(Problem { code: Some("invalid_value"), ..Problem::of(key, message) })
            }
        },
    }
}

/// Tools are called when the caller demands it, or when the latest message asks the model to "use the
/// tool" (the first one) or "use the tools" (all of them).
fn tool_calls(value: &Value, messages: &[Value]) -> Vec<ToolSpec> {
    let spec = |tool: &Value| {
        let function = tool.get("function")?;
        Some(ToolSpec {
            name: function.get("name")?.as_str()?.to_owned(),
            parameters: function.get("parameters").cloned().unwrap_or_default(),
        })
    };
    let tools = value.get("tools").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut tools: Vec<ToolSpec> = tools.iter().filter_map(spec).take(128).collect();
    let asked = messages.last().map(last_words).unwrap_or_default();
    let all = asked.contains("use the tools")
        && value.get("parallel_tool_calls").and_then(Value::as_bool) != Some(false);
    let demanded = match value.get("tool_choice") {
        Some(Value::String(choice)) if choice == "none" => return Vec::new(),
        Some(Value::String(choice)) => choice == "required",
        Some(choice) => match choice.pointer("/function/name").and_then(Value::as_str) {
            Some(name) => {
                tools.retain(|tool| tool.name == name);
                true
            }
            None => false,
        },
        None => false,
    };
    if !demanded && !asked.contains("use the tool") {
        return Vec::new();
    }
    tools.truncate(if all { 8 } else { 1 });
    tools
}

/// The latest message in small letters, if the user wrote it.
fn last_words(message: &Value) -> String {
    if message.get("role").and_then(Value::as_str) != Some("user") {
        return String::new();
    }
    match message.get("content") {
        Some(Value::String(text)) => text.to_lowercase(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
            texts.collect::<Vec<_>>().join(" ").to_lowercase()
        }
        _ => String::new(),
    }
}

fn format(value: &Value) -> Format {
    let Some(format) = value.get("response_format") else { return Format::Text };
    match format.get("type").and_then(Value::as_str) {
        Some("json_object") => Format::JsonObject,
        Some("json_schema") => {
            Format::JsonSchema(format.pointer("/json_schema/schema").cloned().unwrap_or_default())
        }
        _ => Format::Text,
    }
}

/// One word is one token; parts that are not text count for a fixed number.
pub(crate) fn content_tokens(content: Option<&Value>) -> u64 {
    match content {
        Some(Value::String(text)) => words(text),
        Some(Value::Array(parts)) => {
            let part_tokens =
                |part: &Value| part.get("text").and_then(Value::as_str).map_or(PART_TOKENS, words);
            parts.iter().map(part_tokens).sum()
        }
        _ => 0,
    }
}

/// The words of a text, each of which is one token.
pub(crate) fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

fn fingerprint(value: &Value) -> u64 {
    let Some(object) = value.as_object() else { return 0 };
    let mut fields: Vec<_> = object.iter().filter(|(key, _)| !CARRIAGE.contains(&key.as_str())).collect();
    fields.sort_unstable_by_key(|(key, _)| *key);
    fields.into_iter().fold(Fnv::new(), |hash, (key, value)| hash.text(key).json(value)).value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Ask {
        Ask::read(value).unwrap()
    }

    #[test]
    fn what_only_concerns_the_carriage_does_not_change_the_answer() {
        let plain = read(&json!({"model": "a", "messages": [{"role": "user", "content": "hi"}]}));
        let streamed = read(&json!({
            "messages": [{"content": "hi", "role": "user"}], "model": "b", "stream": true,
            "stream_options": {"include_usage": true}, "user": "u1",
        }));
        assert_eq!(plain.fingerprint, streamed.fingerprint);
        assert!(streamed.stream && !plain.stream);
        let warmer = json!({"model": "a", "messages": [{"role": "user", "content": "hi"}], "temperature": 1});
        assert_ne!(plain.fingerprint, read(&warmer).fingerprint);
    }

    #[test]
    fn prompt_tokens_are_words() {
        let request = read(&json!({"messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": "x"}}]},
            {"role": "assistant", "content": null},
        ]}));
        assert_eq!(request.prompt_tokens, 2 + 3 + PART_TOKENS);
    }

    #[test]
    fn tools_are_called_when_asked_for() {
        let names = |choice: Value, text: &str| {
            let tools = json!([{"type": "function", "function": {"name": "a"}},
                               {"type": "function", "function": {"name": "b"}}]);
            let message = json!([{"role": "user", "content": text}]);
            let request = read(&json!({"messages": message, "tools": tools, "tool_choice": choice}));
            request.calls.into_iter().map(|tool| tool.name).collect::<String>()
        };
        assert_eq!(names(Value::Null, "hello"), "");
        assert_eq!(names(Value::Null, "please Use the tool"), "a");
        assert_eq!(names(json!("auto"), "use the tools"), "ab");
        assert_eq!(names(json!("required"), "hello"), "a");
        assert_eq!(names(json!({"type": "function", "function": {"name": "b"}}), "hello"), "b");
        assert_eq!(names(json!("none"), "use the tool"), "");
    }
}
