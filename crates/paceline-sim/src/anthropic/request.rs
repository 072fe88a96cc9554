//! An Anthropic request, retold.

use super::check;
use crate::{
    dialect::Problem,
    generate::{
        ask::{Ask, Thinking, content_tokens},
        cache::{Caching, Walk},
        talk::{self, Talk},
    },
};
use serde_json::{Value, json};

/// The least a caller may let the model think, tokens.
const BUDGET_MIN: u64 = 1_024;

/// Reads a request; `strict` ones must say how long the answer may be.
pub(crate) fn read(value: &Value, model: &str, seed: u64, strict: bool) -> Result<Ask, Problem> {
    let max_tokens = value.get("max_tokens").and_then(Value::as_u64);
    if strict && max_tokens.is_none() {
        return Err(Problem::new(400, "max_tokens: Field required"));
    }
    let Some(messages) = value.get("messages").and_then(Value::as_array) else {
        return Err(Problem::new(400, "messages: Field required"));
    };
    if messages.is_empty() {
        return Err(Problem::new(400, "messages: at least one message is required"));
    }
    check::conversation(messages, seed)?;
    let mut talk = Talk::default();
    let fields = ["max_tokens", "temperature", "top_p", "top_k", "stream", "seed"].map(|name| (name, name));
    talk.carry(Some(value), &fields);
    talk.carry(Some(value), &[("stop_sequences", "stop")]);
    talk.say("system", parts(&blocks(value.get("system"))), Vec::new());
    for (index, message) in messages.iter().enumerate() {
        match message.get("role").and_then(Value::as_str) {
            Some(role @ ("user" | "assistant")) => tell(&mut talk, role, &blocks(message.get("content"))),
            role => {
                let role = role.unwrap_or_default();
                let message = format!(
                    "messages.{index}: Unexpected role \"{role}\". Allowed roles are \"user\" or \"assistant\"."
                );
                return Err(Problem::new(400, message));
            }
        }
    }
    tools(&mut talk, value);
    let format = value.pointer("/output_config/format").or_else(|| value.get("output_format"));
    if let Some(schema) = format.and_then(|format| format.get("schema")) {
        talk.schema(schema);
    }
    let (thinking, caching) = (thinking(value, max_tokens)?, caching(value, model, messages));
    Ok(Ask { thinking, caching, ..talk.ask()? })
}

/// Content as blocks; text alone is one block of it.
pub(crate) fn blocks(content: Option<&Value>) -> Vec<Value> {
    match content {
        Some(Value::String(text)) => vec![talk::text(text)],
        Some(Value::Array(blocks)) => blocks.clone(),
        _ => Vec::new(),
    }
}

/// The parts a model reads in these blocks: no thoughts, no calls, no results.
fn parts(blocks: &[Value]) -> Vec<Value> {
    let part = |block: &Value| match block["type"].as_str() {
        Some("text") => Some(talk::text(block["text"].as_str().unwrap_or_default())),
        Some("thinking" | "redacted_thinking" | "tool_use" | "tool_result") => None,
        _ => Some(talk::other(&block["source"])),
    };
    blocks.iter().filter_map(part).collect()
}

fn tell(talk: &mut Talk, role: &str, blocks: &[Value]) {
    for block in blocks.iter().filter(|block| block["type"] == "tool_result") {
        talk.tool_said(block["tool_use_id"].as_str().unwrap_or_default(), result_parts(block));
    }
    let uses = blocks.iter().filter(|block| block["type"] == "tool_use");
    let text = |block: &Value, key: &str| block[key].as_str().unwrap_or_default().to_owned();
    let calls = uses.map(|block| talk::call(&text(block, "id"), &text(block, "name"), &block["input"]));
    talk.say(role, parts(blocks), calls.collect());
}

fn result_parts(block: &Value) -> Vec<Value> {
    parts(&blocks(block.get("content")))
}

fn tools(talk: &mut Talk, value: &Value) {
    for tool in value.get("tools").and_then(Value::as_array).into_iter().flatten() {
        if let (Some(name), Some(schema)) = (tool["name"].as_str(), tool.get("input_schema")) {
            talk.tool(name, tool.get("description"), Some(schema));
        }
    }
    let Some(choice) = value.get("tool_choice") else { return };
    match choice["type"].as_str() {
        Some("any") => talk.set("tool_choice", "required"),
        Some("tool") => talk.demand(choice["name"].as_str().unwrap_or_default()),
        Some(other) => talk.set("tool_choice", other),
        None => {}
    }
    if choice["disable_parallel_tool_use"] == true {
        talk.set("parallel_tool_calls", false);
    }
}

fn thinking(value: &Value, max_tokens: Option<u64>) -> Result<Thinking, Problem> {
    let Some(thinking) = value.get("thinking") else { return Ok(Thinking::Off) };
    match thinking["type"].as_str() {
        Some("enabled") => {
            let budget = thinking["budget_tokens"].as_u64().unwrap_or(0);
            if budget < BUDGET_MIN {
                let message = "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024";
                return Err(Problem::new(400, message));
            }
            if max_tokens.is_some_and(|max| max <= budget) {
                let message = "`max_tokens` must be greater than `thinking.budget_tokens`.";
                return Err(Problem::new(400, message));
            }
            Ok(Thinking::On)
        }
        Some("adaptive") => Ok(Thinking::On),
        _ => Ok(Thinking::Off),
    }
}

/// Where the caller wants the prompt kept: tools first, then the system's words, then the messages.
fn caching(value: &Value, model: &str, messages: &[Value]) -> Caching {
    let mut walk = Walk::new(model);
    let mark = |walk: &mut Walk, block: &Value| {
        if let Some(control) = block.get("cache_control").filter(|control| !control.is_null()) {
            walk.mark(control["ttl"] == "1h");
        }
    };
    for tool in value.get("tools").and_then(Value::as_array).into_iter().flatten() {
        walk.step("tools", tool, 0);
        mark(&mut walk, tool);
    }
    let said =
        messages.iter().map(|message| (message["role"].as_str().unwrap_or_default(), message.get("content")));
    for (role, content) in std::iter::once(("system", value.get("system"))).chain(said) {
        for block in blocks(content) {
            walk.step(role, &block, tokens(&block));
            mark(&mut walk, &block);
        }
    }
    // On the request itself the mark means its last block.
    mark(&mut walk, value);
    walk.caching()
}

fn tokens(block: &Value) -> u64 {
    let parts = match block["type"].as_str() {
        Some("tool_result") => result_parts(block),
        _ => parts(std::slice::from_ref(block)),
    };
    content_tokens(Some(&json!(parts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(extra: &Value) -> Result<Ask, Problem> {
        let mut body = json!({"max_tokens": 2000, "messages": [{"role": "user", "content": "how are you"}]});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        read(&body, "m", 1, true)
    }

    #[test]
    fn it_asks_what_the_chat_dialect_asks() {
        let chat = Ask::read(&json!({"max_tokens": 2000, "messages": [
            {"role": "system", "content": "be brief"}, {"role": "user", "content": "how are you"}]}))
        .unwrap();
        let system = json!([{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}]);
        let ours = ask(&json!({"system": system})).unwrap();
        assert_eq!((ours.fingerprint, ours.prompt_tokens), (chat.fingerprint, 5));
        let Caching::Points(points) = ours.caching else { panic!("points") };
        assert_eq!((points.len(), points[0].tokens, points[0].hour), (1, 2, false));
    }

    #[test]
    fn thinking_needs_room() {
        let thinking = |budget: u64| ask(&json!({"thinking": {"type": "enabled", "budget_tokens": budget}}));
        assert_eq!(thinking(1_024).unwrap().thinking, Thinking::On);
        assert!(thinking(100).unwrap_err().message.contains("1024"));
        assert!(thinking(2_000).unwrap_err().message.contains("greater than `thinking"));
        assert_eq!(ask(&json!({})).unwrap().thinking, Thinking::Off);
    }
}
