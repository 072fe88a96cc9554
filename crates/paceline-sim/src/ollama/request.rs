//! An Ollama request, retold.

use crate::{
    dialect::Problem,
    generate::{
        ask::{Ask, Thinking},
        cache::Caching,
        talk::{self, Talk},
    },
};
use serde_json::{Value, json};

/// Reads a request.
pub(crate) fn read(value: &Value) -> Result<Ask, Problem> {
    let mut talk = Talk::default();
    for message in value.get("messages").and_then(Value::as_array).into_iter().flatten() {
        tell(&mut talk, message);
    }
    for tool in value.get("tools").and_then(Value::as_array).into_iter().flatten() {
        let function = &tool["function"];
        if let Some(name) = function["name"].as_str() {
            talk.tool(name, function.get("description"), function.get("parameters"));
        }
    }
    match value.get("format") {
        Some(schema @ Value::Object(_)) => talk.schema(schema),
        Some(format) if format == "json" => talk.set("response_format", json!({"type": "json_object"})),
        _ => {}
    }
    let options = value.get("options");
    // Less than one means no limit.
    if let Some(limit) = options.and_then(|options| options["num_predict"].as_u64()).filter(|n| *n > 0) {
        talk.set("max_tokens", limit);
    }
    let names = ["temperature", "top_p", "top_k", "seed", "stop"].map(|name| (name, name));
    talk.carry(options, &names);
    let thinking = match value.get("think") {
        None | Some(Value::Null) => Thinking::AsUsual,
        Some(Value::Bool(false)) => Thinking::Off,
        Some(_) => Thinking::On,
    };
    let stream = value.get("stream").and_then(Value::as_bool).unwrap_or(true);
    Ok(Ask { stream, thinking, caching: Caching::Points(Vec::new()), ..talk.ask()? })
}

fn tell(talk: &mut Talk, message: &Value) {
    let text = |key: &str| message[key].as_str().unwrap_or_default();
    let mut parts = Vec::new();
    if !text("content").is_empty() {
        parts.push(talk::text(text("content")));
    }
    if text("role") == "tool" {
        return talk.tool_said(text("tool_name"), parts);
    }
    let images = message.get("images").and_then(Value::as_array).into_iter().flatten();
    parts.extend(images.map(talk::other));
    let calls = message.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
    let call = |call: &Value| {
        let function = &call["function"];
        talk::call("", function["name"].as_str().unwrap_or_default(), &function["arguments"])
    };
    talk.say(text("role"), parts, calls.map(call).collect());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_what_the_chat_dialect_asks() {
        let chat = Ask::read(&json!({"max_tokens": 20, "seed": 4, "messages": [
            {"role": "system", "content": "be brief"}, {"role": "user", "content": "how are you"}]}))
        .unwrap();
        let ours = read(&json!({"options": {"num_predict": 20, "seed": 4}, "messages": [
            {"role": "system", "content": "be brief"}, {"role": "user", "content": "how are you"}]}))
        .unwrap();
        assert_eq!((ours.fingerprint, ours.seed, ours.stream), (chat.fingerprint, chat.seed, true));
    }
}
