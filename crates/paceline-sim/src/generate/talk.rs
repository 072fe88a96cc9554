//! A request of any dialect, retold in the one form the model reads (that of chat completions), so that the
//! same question gets the same answer everywhere.

use super::ask::Ask;
use crate::dialect::Problem;
use serde_json::{Map, Value, json};

/// A request being retold.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    body: Map<String, Value>,
    messages: Vec<Value>,
    tools: Vec<Value>,
}

impl Talk {
    /// Sets a field.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.body.insert(key.to_owned(), value.into());
    }

    /// Takes fields over, each under its new name, where they are there.
    pub(crate) fn carry(&mut self, from: Option<&Value>, names: &[(&str, &str)]) {
        for (name, key) in names {
            if let Some(value) = from.and_then(|from| from.get(*name)).filter(|value| !value.is_null()) {
                self.set(key, value.clone());
            }
        }
    }

    /// A message of these parts; nothing when there are none.
    pub(crate) fn say(&mut self, role: &str, parts: Vec<Value>, calls: Vec<Value>) {
        if parts.is_empty() && calls.is_empty() {
            return;
        }
        let mut message = json!({"role": role, "content": content(parts)});
        if !calls.is_empty() {
            message["tool_calls"] = Value::Array(calls);
        }
        self.messages.push(message);
    }

    /// What a tool answered.
    pub(crate) fn tool_said(&mut self, id: &str, parts: Vec<Value>) {
        self.messages.push(json!({"role": "tool", "tool_call_id": id, "content": content(parts)}));
    }

    /// A tool that may be called.
    pub(crate) fn tool(&mut self, name: &str, description: Option<&Value>, parameters: Option<&Value>) {
        let mut function = json!({"name": name});
        if let Some(description) = description {
            function["description"] = description.clone();
        }
        if let Some(parameters) = parameters {
            function["parameters"] = parameters.clone();
        }
        self.tools.push(json!({"type": "function", "function": function}));
    }

    /// That this tool must be called.
    pub(crate) fn demand(&mut self, name: &str) {
        self.set("tool_choice", json!({"type": "function", "function": {"name": name}}));
    }

    /// That the text must be JSON of this schema.
    pub(crate) fn schema(&mut self, schema: &Value) {
        self.set("response_format", json!({"type": "json_schema", "json_schema": {"schema": schema}}));
    }

    /// The request as the model reads it.
    pub(crate) fn ask(mut self) -> Result<Ask, Problem> {
        if !self.tools.is_empty() {
            self.body.insert("tools".to_owned(), Value::Array(self.tools));
        }
        self.body.insert("messages".to_owned(), Value::Array(self.messages));
        let stops = self.body.get("stop").and_then(Value::as_array).into_iter().flatten();
        let stops = stops.filter_map(Value::as_str).filter(|stop| !stop.is_empty());
        let stops = stops.map(str::to_owned).collect();
        Ok(Ask { stops, ..Ask::read(&Value::Object(self.body))? })
    }
}

/// A part that is text.
pub(crate) fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// A part that is something else; only what it is shapes the answer.
pub(crate) fn other(part: &Value) -> Value {
    json!({"type": "image_url", "image_url": part})
}

/// A call the model made earlier.
pub(crate) fn call(id: &str, name: &str, arguments: &Value) -> Value {
    let arguments = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

/// One text alone is plain text, as most clients of the chat dialect send it.
fn content(mut parts: Vec<Value>) -> Value {
    match parts.as_mut_slice() {
        [] => Value::Null,
        [only] if only["type"] == "text" => only["text"].take(),
        _ => Value::Array(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retold_request_asks_the_same() {
        let mut talk = Talk::default();
        talk.carry(
            Some(&json!({"maxTokens": 9, "topP": null})),
            &[("maxTokens", "max_tokens"), ("topP", "top_p")],
        );
        talk.say("user", vec![text("hello you")], Vec::new());
        talk.set("stop", json!(["x"]));
        let told = talk.ask().unwrap();
        let plain = Ask::read(&json!({"messages": [{"role": "user", "content": "hello you"}],
            "max_tokens": 9, "stop": ["x"]}))
        .unwrap();
        assert_eq!((told.fingerprint, told.prompt_tokens), (plain.fingerprint, 2));
        assert_eq!((told.stops, plain.stops), (vec!["x".to_owned()], Vec::new()));
    }
}
