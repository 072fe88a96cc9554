//! The text of a request's messages, for a tokenizer.

use crate::json::{self, IGNORE, Node, ROOT, Token, Visitor};

const MESSAGES: Node = 2;
const MESSAGE: Node = 3;
const CONTENT: Node = 4;
const PART: Node = 5;
const TOOLS: Node = 6;
/// OpenAI's responses: a text, or a list of messages.
const INPUT: Node = 7;

/// What a tokenizer is given, and how many messages there were (each costs a few tokens of its own).
#[derive(Debug, Default)]
pub struct Prompt {
    /// The texts, one after the other.
    pub text: String,
    /// How many messages.
    pub messages: u64,
}

impl Visitor for Prompt {
    fn member(&mut self, parent: Node, key: &[u8]) -> Node {
        match (parent, key) {
            // The conversation, as each dialect calls it, and what stands above it.
            (ROOT, b"messages" | b"contents") => MESSAGES,
            (ROOT, b"input") => INPUT,
            (ROOT, b"system" | b"instructions" | b"systemInstruction" | b"system_instruction") => CONTENT,
            (ROOT, b"tools") => TOOLS,
            // Tool descriptions are sent to the model nearly as written.
            (TOOLS, _) => TOOLS,
            (MESSAGE, b"content" | b"tool_calls" | b"name" | b"parts" | b"arguments" | b"output") => CONTENT,
            (CONTENT, b"parts") => CONTENT,
            (PART, b"text" | b"function" | b"arguments" | b"name" | b"input" | b"content" | b"thinking") => {
                CONTENT
            }
            (PART, b"functionCall" | b"functionResponse") => CONTENT,
            // What a tool is given, where it is no text.
            (CONTENT, _) => CONTENT,
            _ => IGNORE,
        }
    }

    fn element(&mut self, parent: Node) -> Node {
        match parent {
            MESSAGES | INPUT => MESSAGE,
            CONTENT => PART,
            TOOLS => TOOLS,
            _ => IGNORE,
        }
    }

    fn open(&mut self, node: Node, _start: usize) {
        self.messages += u64::from(node == MESSAGE);
    }

    fn scalar(&mut self, node: Node, token: &Token<'_>) {
        if matches!(node, CONTENT | TOOLS | INPUT)
            && let Some(piece) = token.string()
        {
            self.text.push_str(&piece);
            self.text.push('\n');
        }
    }
}

/// The text of a request; empty when it is not JSON.
pub fn prompt(body: &[u8]) -> Prompt {
    let mut prompt = Prompt::default();
    match json::scan(body, &mut prompt) {
        Ok(()) => prompt,
        Err(_) => Prompt::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::prompt;

    #[test]
    fn messages_parts_and_tools_are_text() {
        let body = br#"{"model":"m","messages":[{"role":"user","content":"one"},{"role":"user","content":[
            {"type":"text","text":"two"},{"type":"image_url","image_url":{"url":"data:"}}]},
            {"role":"assistant","tool_calls":[{"id":"x","function":{"name":"f","arguments":"{}"}}]}]}"#;
        let found = prompt(body);
        assert_eq!((found.text.as_str(), found.messages), ("one\ntwo\nf\n{}\n", 3));
        let anthropic = br#"{"system":"s","max_tokens":3,"messages":[{"role":"user","content":[
            {"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"r"}]},
            {"type":"image","source":{"type":"base64","data":"AAAA"}}]}]}"#;
        assert_eq!(prompt(anthropic).text, "s\nr\n");
        let gemini =
            br#"{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"parts":[{"text":"t"}]}]}"#;
        assert_eq!(prompt(gemini).text, "s\nt\n");
        let responses =
            br#"{"instructions":"s","input":[{"role":"user","content":[{"type":"input_text","text":"t"}]}]}"#;
        assert_eq!(
            (prompt(responses).text.as_str(), prompt(br#"{"input":"i"}"#).text.as_str()),
            ("s\nt\n", "i\n")
        );
        assert_eq!(prompt(b"{").messages, 0);
        assert_eq!(prompt(br#"{"messages":[]}"#).messages, 0);
    }
}
