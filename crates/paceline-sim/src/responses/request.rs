//! A request for a response, retold.

use crate::{
    dialect::Problem,
    generate::{
        ask::Ask,
        talk::{self, Talk},
    },
};
use serde_json::{Value, json};

/// Reads a request.
pub(crate) fn read(value: &Value) -> Result<Ask, Problem> {
    let mut talk = Talk::default();
    if let Some(system) = value.get("instructions").and_then(Value::as_str) {
        talk.say("system", vec![talk::text(system)], Vec::new());
    }
    match value.get("input") {
        Some(Value::String(text)) => talk.say("user", vec![talk::text(text)], Vec::new()),
        Some(Value::Array(items)) if !items.is_empty() => items.iter().for_each(|item| tell(&mut talk, item)),
        _ => return Err(Problem::of("input", "Missing required parameter: 'input'.")),
    }
    for tool in value.get("tools").and_then(Value::as_array).into_iter().flatten() {
        if let (Some("function"), Some(name)) = (tool["type"].as_str(), tool["name"].as_str()) {
            talk.tool(name, tool.get("description"), tool.get("parameters"));
        }
    }
    match value.get("tool_choice") {
        Some(Value::String(choice)) => talk.set("tool_choice", choice.as_str()),
        Some(choice) if choice["type"] == "function" => {
            talk.demand(choice["name"].as_str().unwrap_or_default());
        }
        _ => {}
    }
    match value.pointer("/text/format") {
        Some(format) if format["type"] == "json_schema" => talk.schema(&format["schema"]),
        Some(format) if format["type"] == "json_object" => {
            talk.set("response_format", json!({"type": "json_object"}));
        }
        _ => {}
    }
    let same = ["temperature", "top_p", "seed", "stream", "parallel_tool_calls"].map(|name| (name, name));
    talk.carry(Some(value), &same);
    talk.carry(Some(value), &[("max_output_tokens", "max_tokens")]);
    let thoughts_shown = value.pointer("/reasoning/summary").is_some_and(Value::is_string);
    Ok(Ask { thoughts_shown, ..talk.ask()? })
}

fn tell(talk: &mut Talk, item: &Value) {
    let text = |key: &str| item[key].as_str().unwrap_or_default();
    match item["type"].as_str() {
        None | Some("message") => talk.say(text("role"), parts(&item["content"]), Vec::new()),
        Some("function_call") => {
            let call = talk::call(text("call_id"), text("name"), &item["arguments"]);
            talk.say("assistant", Vec::new(), vec![call]);
        }
        Some("function_call_output") => talk.tool_said(text("call_id"), parts(&item["output"])),
        // Thoughts and the work of built-in tools say nothing to the model.
        Some(_) => {}
    }
}

fn parts(content: &Value) -> Vec<Value> {
    let part = |part: &Value| match part["text"].as_str() {
        Some(text) => talk::text(text),
        None => talk::other(part),
    };
    match content {
        Value::String(text) => vec![talk::text(text)],
        Value::Array(list) => list.iter().map(part).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_what_the_chat_dialect_asks() {
        let chat = Ask::read(&json!({"max_tokens": 20, "seed": 4, "messages": [
            {"role": "system", "content": "be brief"}, {"role": "user", "content": "how are you"}]}))
        .unwrap();
        for input in [
            json!("how are you"),
            json!([{"role": "user", "content": [{"type": "input_text", "text": "how are you"}]}]),
        ] {
            let ours =
                json!({"instructions": "be brief", "input": input, "max_output_tokens": 20, "seed": 4});
            let ours = read(&ours).unwrap();
            assert_eq!((ours.fingerprint, ours.prompt_tokens), (chat.fingerprint, chat.prompt_tokens));
        }
        assert_eq!(read(&json!({"input": []})).unwrap_err().param, Some("input"));
    }
}
