//! A Gemini request, retold.

use super::signature;
use crate::{
    dialect::Problem,
    generate::{
        ask::{Ask, Thinking},
        talk::{self, Talk},
    },
    world::World,
};
use serde_json::{Value, json};

/// Reads a request.
pub(crate) fn read(value: &Value, world: &World) -> Result<Ask, Problem> {
    let Some(contents) = value.get("contents").and_then(Value::as_array).filter(|list| !list.is_empty())
    else {
        return Err(Problem::new(400, "* GenerateContentRequest.contents: contents is not specified"));
    };
    let mut talk = Talk::default();
    if let Some(system) = either(value, "systemInstruction", "system_instruction") {
        tell(&mut talk, "system", &parts(system));
    }
    for (index, content) in contents.iter().enumerate() {
        let role = match content.get("role").and_then(Value::as_str) {
            Some("model") => "assistant",
            None | Some("user" | "function") => "user",
            Some(_) => return Err(Problem::new(400, "Please use a valid role: user, model.")),
        };
        let parts = parts(content);
        for (place, part) in parts.iter().enumerate() {
            signature::check(world, part, &format!("contents.{index}.parts.{place}"))?;
        }
        tell(&mut talk, role, &parts);
    }
    tools(&mut talk, value);
    let config = either(value, "generationConfig", "generation_config");
    let thinking = config.and_then(|config| either(config, "thinkingConfig", "thinking_config"));
    talk.carry(
        config,
        &[
            ("maxOutputTokens", "max_tokens"),
            ("temperature", "temperature"),
            ("topP", "top_p"),
            ("topK", "top_k"),
            ("stopSequences", "stop"),
            ("seed", "seed"),
            ("candidateCount", "n"),
        ],
    );
    form(&mut talk, config);
    let said = |camel, snake| thinking.and_then(|thinking| either(thinking, camel, snake));
    let shown = said("includeThoughts", "include_thoughts").is_some_and(|shown| *shown == true);
    let thinking = match said("thinkingBudget", "thinking_budget").and_then(Value::as_u64) {
        Some(0) => Thinking::Off,
        None if !shown => Thinking::AsUsual,
        _ => Thinking::On,
    };
    Ok(Ask { thinking, thoughts_shown: shown, ..talk.ask()? })
}

/// A field under its name in JSON or in its older spelling.
fn either<'a>(value: &'a Value, camel: &str, snake: &str) -> Option<&'a Value> {
    value.get(camel).or_else(|| value.get(snake)).filter(|value| !value.is_null())
}

fn parts(content: &Value) -> Vec<Value> {
    match content.get("parts") {
        Some(Value::Array(parts)) => parts.clone(),
        Some(part @ Value::Object(_)) => vec![part.clone()],
        _ => Vec::new(),
    }
}

fn tell(talk: &mut Talk, role: &str, parts: &[Value]) {
    let (mut said, mut calls) = (Vec::new(), Vec::new());
    for part in parts {
        if part["thought"] == true {
            continue;
        }
        let named = |key: &str| part[key]["name"].as_str().unwrap_or_default().to_owned();
        if let Some(text) = part.get("text").and_then(Value::as_str) {
            said.push(talk::text(text));
        } else if let Some(call) = part.get("functionCall") {
            calls.push(talk::call("", &named("functionCall"), &call["args"]));
        } else if let Some(answer) = part.get("functionResponse") {
            let text = talk::text(&answer["response"].to_string());
            talk.tool_said(&named("functionResponse"), vec![text]);
        } else {
            said.push(talk::other(part));
        }
    }
    talk.say(role, said, calls);
}

fn tools(talk: &mut Talk, value: &Value) {
    for tool in value.get("tools").and_then(Value::as_array).into_iter().flatten() {
        let declared = either(tool, "functionDeclarations", "function_declarations");
        for function in declared.and_then(Value::as_array).into_iter().flatten() {
            let Some(name) = function["name"].as_str() else { continue };
            let parameters = either(function, "parametersJsonSchema", "parameters_json_schema")
                .or_else(|| function.get("parameters"));
            talk.tool(name, function.get("description"), parameters.cloned().map(lower).as_ref());
        }
    }
    let config = either(value, "toolConfig", "tool_config")
        .and_then(|config| either(config, "functionCallingConfig", "function_calling_config"));
    let Some(config) = config else { return };
    let allowed = either(config, "allowedFunctionNames", "allowed_function_names");
    match (config["mode"].as_str(), allowed.and_then(|names| names[0].as_str())) {
        (Some("ANY"), Some(name)) => talk.demand(name),
        (Some("ANY"), None) => talk.set("tool_choice", "required"),
        (Some("NONE"), _) => talk.set("tool_choice", "none"),
        (Some("AUTO"), _) => talk.set("tool_choice", "auto"),
        _ => {}
    }
}

fn form(talk: &mut Talk, config: Option<&Value>) {
    let Some(config) = config else { return };
    let schema = ["responseJsonSchema", "responseSchema"].into_iter().find_map(|key| config.get(key));
    match schema.filter(|schema| !schema.is_null()) {
        Some(schema) => talk.schema(&lower(schema.clone())),
        None if config["responseMimeType"] == "application/json" => {
            talk.set("response_format", json!({"type": "json_object"}));
        }
        None => {}
    }
}

/// A schema with its types in small letters, as JSON schemas have them.
fn lower(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                *value = match value.take() {
                    Value::String(kind) if key == "type" => Value::String(kind.to_lowercase()),
                    other => lower(other),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = lower(item.take())),
        _ => {}
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SimConfig;

    #[test]
    fn it_asks_what_the_chat_dialect_asks() {
        let chat = Ask::read(&json!({"max_tokens": 20, "seed": 4, "messages": [
            {"role": "system", "content": "be brief"}, {"role": "user", "content": "how are you"}]}))
        .unwrap();
        let world = World::new(SimConfig::default());
        let ours = json!({"systemInstruction": {"parts": [{"text": "be brief"}]},
            "contents": [{"parts": [{"text": "how are you"}]}],
            "generationConfig": {"maxOutputTokens": 20, "seed": 4}});
        let ours = read(&ours, &world).unwrap();
        assert_eq!((ours.fingerprint, ours.seed, ours.prompt_tokens), (chat.fingerprint, chat.seed, 5));
    }

    #[test]
    fn signed_calls_come_back_signed() {
        let world = World::new(SimConfig::default());
        let ask = |part: Value| {
            let part =
                json!({"contents": [{"role": "model", "parts": [part]}, {"parts": [{"text": "go on"}]}]});
            read(&part, &world).err().map(|problem| problem.message)
        };
        let call = json!({"name": "f", "args": {"a": 1}});
        assert_eq!(ask(json!({"functionCall": call})), None, "nothing was signed yet");
        let signature = signature::sign(&world, "f", &call["args"]);
        assert!(ask(json!({"functionCall": call})).unwrap().contains("MISSING_THOUGHT_SIGNATURE"));
        assert!(
            ask(json!({"functionCall": call, "thoughtSignature": "AAAA"})).unwrap().contains("not valid")
        );
        assert_eq!(ask(json!({"functionCall": call, "thoughtSignature": signature})), None);
    }
}
