//! A Converse request in the words of Anthropic's dialect, whose rules hold for both.

use serde_json::{Map, Value, json};

/// The same request as Anthropic's own API would get it.
pub(crate) fn as_anthropic(value: &Value) -> Value {
    let mut body = Map::new();
    let mut put = |key: &str, value: Option<&Value>| {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            body.insert(key.to_owned(), value.clone());
        }
    };
    for (name, key) in [
        ("maxTokens", "max_tokens"),
        ("temperature", "temperature"),
        ("topP", "top_p"),
        ("stopSequences", "stop_sequences"),
    ] {
        put(key, value.pointer(&format!("/inferenceConfig/{name}")));
    }
    for key in ["thinking", "seed", "top_k"] {
        put(key, value.pointer(&format!("/additionalModelRequestFields/{key}")));
    }
    let system = value.get("system").map(|system| blocks(Some(system)));
    put("system", system.as_ref());
    let messages = value.get("messages").and_then(Value::as_array).map(|messages| {
        let message =
            |message: &Value| json!({"role": message["role"], "content": blocks(message.get("content"))});
        messages.iter().map(message).collect::<Value>()
    });
    put("messages", messages.as_ref());
    let tools = value.pointer("/toolConfig/tools").map(|tools| marked(tools, tool));
    put("tools", tools.as_ref());
    let choice = value.pointer("/toolConfig/toolChoice").and_then(choice);
    put("tool_choice", choice.as_ref());
    Value::Object(body)
}

fn blocks(content: Option<&Value>) -> Value {
    content.map_or_else(|| json!([]), |content| marked(content, block))
}

/// Entries retold; a cache point becomes a mark on the entry before it.
fn marked(entries: &Value, tell: impl Fn(&Value) -> Value) -> Value {
    let mut retold: Vec<Value> = Vec::new();
    for one in entries.as_array().into_iter().flatten() {
        match (one.get("cachePoint"), retold.last_mut()) {
            (Some(cache), Some(last)) => {
                last["cache_control"] = json!({"type": "ephemeral", "ttl": cache["ttl"]});
            }
            (Some(_), None) => {}
            (None, _) => retold.push(tell(one)),
        }
    }
    Value::Array(retold)
}

fn block(block: &Value) -> Value {
    if let Some(text) = block.get("text") {
        return json!({"type": "text", "text": text});
    }
    if let Some(call) = block.get("toolUse") {
        return json!({"type": "tool_use", "id": call["toolUseId"], "name": call["name"], "input": call["input"]});
    }
    if let Some(result) = block.get("toolResult") {
        return json!({"type": "tool_result", "tool_use_id": result["toolUseId"], "content": results(result)});
    }
    if let Some(thought) = block.pointer("/reasoningContent/reasoningText") {
        return json!({"type": "thinking", "thinking": thought["text"], "signature": thought["signature"]});
    }
    if block.get("reasoningContent").is_some() {
        return json!({"type": "redacted_thinking"});
    }
    json!({"type": "document", "source": block})
}

fn results(result: &Value) -> Value {
    let one = |part: &Value| match part.get("json") {
        Some(value) => json!({"type": "text", "text": value.to_string()}),
        None => block(part),
    };
    result["content"].as_array().into_iter().flatten().map(one).collect()
}

fn tool(tool: &Value) -> Value {
    let spec = &tool["toolSpec"];
    let mut told = json!({"name": spec["name"], "input_schema": spec["inputSchema"]["json"]});
    if let Some(description) = spec.get("description") {
        told["description"] = description.clone();
    }
    told
}

fn choice(choice: &Value) -> Option<Value> {
    let (kind, what) = choice.as_object()?.iter().next()?;
    let mut told = json!({"type": kind});
    if let Some(name) = what.get("name") {
        told["name"] = name.clone();
    }
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_converse_request_is_retold() {
        let told = as_anthropic(&json!({
            "system": [{"text": "be brief"}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
            "messages": [{"role": "user", "content": [{"text": "hi"}]},
                {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}}]},
                {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"json": {"b": 2}}]}}]}],
            "inferenceConfig": {"maxTokens": 5},
            "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {}}}}], "toolChoice": {"any": {}}},
        }));
        assert_eq!(told["system"][0]["cache_control"]["ttl"], "1h");
        assert_eq!(told["messages"][1]["content"][0]["input"], json!({"a": 1}));
        assert_eq!(told["messages"][2]["content"][0]["content"][0]["text"], "{\"b\":2}");
        assert_eq!((&told["max_tokens"], &told["tool_choice"]), (&json!(5), &json!({"type": "any"})));
    }
}
