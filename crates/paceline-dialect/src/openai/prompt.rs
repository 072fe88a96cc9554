//! The text of a request's messages, for a tokenizer.

use crate::json::{self, IGNORE, Node, ROOT, Token, Visitor};

const MESSAGES: Node = 2;
const MESSAGE: Node = 3;
const CONTENT: Node = 4;
const PART: Node = 5;
const TOOLS: Node = 6;

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
            (ROOT, b"messages") => MESSAGES,
            (ROOT, b"tools") => TOOLS,
            // Tool descriptions are sent to the model nearly as written.
            (TOOLS, _) => TOOLS,
            (MESSAGE, b"content" | b"tool_calls" | b"name") => CONTENT,
            (PART, b"text" | b"function" | b"arguments" | b"name") => CONTENT,
            (CONTENT, b"arguments" | b"name") => CONTENT,
            _ => IGNORE,
        }
    }

    fn element(&mut self, parent: Node) -> Node {
        match parent {
            MESSAGES => MESSAGE,
            CONTENT => PART,
            TOOLS => TOOLS,
            _ => IGNORE,
        }
    }

    fn open(&mut self, node: Node, _start: usize) {
        self.messages += u64::from(node == MESSAGE);
    }

    fn scalar(&mut self, node: Node, token: &Token<'_>) {
        if matches!(node, CONTENT | TOOLS)
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
        assert_eq!(prompt(b"{").messages, 0);
        assert_eq!(prompt(br#"{"messages":[]}"#).messages, 0);
    }
}
