//! What Anthropic checks in a conversation: tool results answer the calls before them, thoughts are its own.

use super::request::blocks;
use crate::{base64, dialect::Problem, hash::Fnv};
use serde_json::Value;

/// The signature of a thought: only the provider with this seed makes it, and only for this text.
pub(crate) fn signature(seed: u64, thought: &str) -> String {
    let words = (0_u64..6).flat_map(|part| {
        Fnv::new().number(seed).number(part).text("thought").text(thought).value().to_le_bytes()
    });
    base64::encode(&words.collect::<Vec<u8>>())
}

/// Refuses a conversation that cannot have happened.
pub(crate) fn conversation(messages: &[Value], seed: u64) -> Result<(), Problem> {
    let ids = |message: &Value, kind: &str, key: &str| {
        let of_kind = blocks(message.get("content")).into_iter().filter(|block| block["type"] == kind);
        of_kind.filter_map(|block| block[key].as_str().map(str::to_owned)).collect::<Vec<String>>()
    };
    let mut called: Vec<String> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let answered = ids(message, "tool_result", "tool_use_id");
        if let Some(stray) = answered.iter().find(|id| !called.contains(id)) {
            return Err(Problem::new(
                400,
                format!(
                    "messages.{index}.content: unexpected `tool_use_id` found in `tool_result` blocks: {stray}. \
                     Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                ),
            ));
        }
        if let Some(open) = called.iter().find(|id| !answered.contains(id)) {
            return Err(Problem::new(
                400,
                format!(
                    "messages.{}: `tool_use` ids were found without `tool_result` blocks immediately after: {open}. \
                     Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
                    index - 1
                ),
            ));
        }
        for (place, block) in blocks(message.get("content")).into_iter().enumerate() {
            thought(&block, index, place, seed)?;
        }
        called = ids(message, "tool_use", "id");
    }
    Ok(())
}

fn thought(block: &Value, index: usize, place: usize, seed: u64) -> Result<(), Problem> {
    let wrong = match block["type"].as_str() {
        Some("thinking") => {
            let made = block["thinking"].as_str().map(|thought| signature(seed, thought));
            (made.as_deref() != block["signature"].as_str()).then_some("signature")
        }
        // This provider never hides a thought, so it made none of these.
        Some("redacted_thinking") => Some("data"),
        _ => None,
    };
    match wrong {
        Some(field) => Err(Problem::new(
            400,
            format!("messages.{index}.content.{place}: Invalid `{field}` in `thinking` block"),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(messages: &Value) -> String {
        conversation(messages.as_array().unwrap(), 1).err().map(|problem| problem.message).unwrap_or_default()
    }

    #[test]
    fn results_answer_the_calls_before_them() {
        let call = json!({"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]});
        let result =
            |id: &str| json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id}]});
        assert_eq!(refused(&json!([call, result("a")])), "");
        assert!(refused(&json!([call, result("b")])).contains("unexpected `tool_use_id`"));
        assert!(refused(&json!([result("a")])).contains("unexpected `tool_use_id`"));
        assert!(
            refused(&json!([call, {"role": "user", "content": "so?"}])).starts_with("messages.0: `tool_use`")
        );
    }

    #[test]
    fn thoughts_are_signed() {
        let thought = |signature: String| json!([{"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": signature}]}]);
        assert_eq!(refused(&thought(signature(1, "hm"))), "");
        assert!(refused(&thought(signature(2, "hm"))).contains("Invalid `signature`"));
        assert!(refused(&thought(String::new())).contains("Invalid `signature`"));
    }
}
