//! A slow and simple reader of chat streams, to compare with: every event as a tree, nothing remembered but sums.

use crate::raw::{Members, string};
use crate::sse;
use paceline_dialect::openai::answer::Learned;
use paceline_dialect::openai::stream::Seen;
use paceline_types::money::Cost;
use paceline_types::tokens::{Usage, UsageSource};
use serde_json::value::RawValue;

/// What a stream said.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Each event that has data, in order.
    pub(crate) seen: Vec<Seen>,
    pub(crate) learned: Learned,
    pub(crate) text: Vec<u8>,
}

/// Reads a whole stream.
pub(crate) fn read(stream: &[u8]) -> Read {
    let mut read = Read::default();
    for payload in sse::payloads(stream) {
        let seen = read.event(payload.trim_ascii());
        read.seen.push(seen);
    }
    read
}

impl Read {
    fn event(&mut self, payload: &[u8]) -> Seen {
        if payload.is_empty() {
            return Seen::default();
        }
        if payload == b"[DONE]" {
            return Seen { done: true, ..Seen::default() };
        }
        // The inside of strings is the receiver's matter: a line end may stand there.
        let payload: Vec<u8> = payload.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect();
        let Some(chunk) = Members::of(&payload) else { return Seen { garbage: true, ..Seen::default() } };
        let error = self.error(&chunk);
        let choices = chunk.last("choices").map_or_else(Vec::new, items);
        let content: usize = choices.iter().map(|choice| self.choice(choice)).sum();
        if self.learned.model.is_none() {
            self.learned.model = chunk.all("model").find_map(name);
        }
        let groq = member(&chunk, "x_groq").and_then(|groq| member(&groq, "usage"));
        let usage = member(&chunk, "usage").or(groq);
        if let Some(usage) = &usage {
            self.usage(usage);
        }
        let no_choices = chunk.last("choices").is_some() && choices.is_empty();
        // An error is for the caller, whatever else its event says.
        let usage_only = usage.is_some() && no_choices && !error;
        Seen { content: content > 0, usage_only, has_usage: usage.is_some(), error, ..Seen::default() }
    }

    /// Whether the event is an error.
    fn error(&mut self, chunk: &Members<'_>) -> bool {
        let error = chunk.all("error").find(|value| !["null", "false", "\"\""].contains(&value.get()));
        let is_object = chunk.last("object").and_then(string).as_deref() == Some("error");
        let is_error = error.is_some() || is_object;
        self.learned.error |= is_error;
        if let Some(error) = error.and_then(Members::of_value) {
            let told = |key| error.last(key).and_then(name);
            self.learned.error_code = told("code").or(self.learned.error_code.take()).or(told("type"));
        }
        is_error
    }

    /// Reads one choice; returns how many pieces of content it has.
    fn choice(&mut self, choice: &RawValue) -> usize {
        let choice = Members::of_value(choice).expect("choices of the generator are objects");
        if self.learned.finish_reason.is_none() {
            self.learned.finish_reason = choice.all("finish_reason").find_map(name);
        }
        let mut found = self.contents(&choice, &["text"]);
        let Some(delta) = member(&choice, "delta") else { return found };
        found += self.contents(&delta, &["content", "reasoning_content", "reasoning", "refusal"]);
        for part in delta.all("content").flat_map(items) {
            let part = Members::of_value(part).expect("parts of the generator are objects");
            found += self.contents(&part, &["text"]);
        }
        let calls = delta.last("tool_calls").map_or_else(Vec::new, items);
        let functions = calls.into_iter().filter_map(Members::of_value);
        let functions = functions.filter_map(|call| member(&call, "function"));
        for function in functions.chain(member(&delta, "function_call")) {
            found += self.contents(&function, &["name", "arguments"]);
        }
        found
    }

    /// Takes the texts of these members; also of one that comes twice, since the walk keeps nothing to replace.
    fn contents(&mut self, of: &Members<'_>, names: &[&str]) -> usize {
        let texts = of.0.iter().filter(|(key, _)| names.contains(&key.as_str()));
        texts.map(|(_, value)| self.content(value)).sum()
    }

    fn content(&mut self, value: &RawValue) -> usize {
        let Some(text) = string(value).filter(|text| !text.is_empty()) else { return 0 };
        self.learned.content_bytes += value.get().len() as u64 - 2;
        self.learned.content_pieces += 1;
        self.text.extend_from_slice(text.as_bytes());
        1
    }

    /// Usage is a total: a later one replaces an earlier one.
    fn usage(&mut self, usage: &Members<'_>) {
        let count = |of: &Members<'_>, name| of.last(name).and_then(|value| value.get().parse().ok());
        let detail = |details, name| member(usage, details).and_then(|details| count(&details, name));
        let counts = [
            count(usage, "prompt_tokens"),
            count(usage, "completion_tokens"),
            detail("prompt_tokens_details", "cached_tokens"),
            detail("prompt_tokens_details", "cache_write_tokens"),
            detail("completion_tokens_details", "reasoning_tokens"),
        ];
        // Without a single number it says nothing.
        if counts.iter().any(Option::is_some) {
            let [input, output, cache_read, cache_write, reasoning] = counts.map(Option::unwrap_or_default);
            self.learned.usage = Some(Usage {
                input_tokens: input,
                output_tokens: output,
                cache_read_tokens: cache_read,
                cache_write_tokens: cache_write,
                reasoning_tokens: reasoning,
                cache_write_1h_tokens: 0,
                source: UsageSource::Reported,
            });
        }
        if let Some(cost) = usage.last("cost") {
            self.learned.cost = Cost::parse_usd(cost.get());
        }
    }
}

fn member<'a>(of: &Members<'a>, name: &str) -> Option<Members<'a>> {
    of.last(name).and_then(Members::of_value)
}

fn items(value: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(value.get()).unwrap_or_default()
}

/// A code, reason or name, as far as it can be one: what could be a piece of a text is not kept.
fn name(value: &RawValue) -> Option<Box<str>> {
    let is_number = value.get().starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let text = if is_number { value.get().to_owned() } else { string(value)? };
    let fits = !text.is_empty() && text.len() <= 96;
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./:@".contains(&byte));
    (fits && plain).then(|| text.into())
}
