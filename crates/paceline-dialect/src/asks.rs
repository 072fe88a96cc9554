//! What a request asks of a model, in whatever dialect it is written: read only where somebody chooses a model by it.

use crate::json::{self, IGNORE, Kind, Node, ROOT, Token, Visitor};

/// How much of a prompt is taken.
const MAX_PROMPT: usize = 64 * 1024;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about one request")]
pub struct Asks {
    /// It holds images.
    pub images: bool,
    /// It holds sound.
    pub audio: bool,
    /// It describes tools.
    pub tools: bool,
    /// It asks for JSON, with a schema or without.
    pub json: bool,
    /// It asks for JSON of a schema.
    pub schema: bool,
    /// It asks for thought.
    pub reasoning: bool,
    /// The text of its last message, cut at 64 KiB.
    pub prompt: String,
    takes_prompt: bool,
}

const MESSAGES: Node = 2;
const MESSAGE: Node = 3;
const CONTENT: Node = 4;
const PART: Node = 5;
const PART_TYPE: Node = 6;
const TEXT: Node = 7;
const BLOB: Node = 8;
const MIME: Node = 9;
const TOOLS: Node = 10;
const FORMAT: Node = 11;
const FORMAT_TYPE: Node = 12;
const TEXT_CONFIG: Node = 13;
const GENERATION: Node = 14;
const SCHEMA: Node = 15;
const JSON_MIME: Node = 16;
const EFFORT: Node = 17;
const THINKING: Node = 18;
const THINKING_TYPE: Node = 19;

impl Visitor for Asks {
    fn member(&mut self, parent: Node, key: &[u8]) -> Node {
        match (parent, key) {
            (ROOT, b"messages" | b"contents" | b"input") => MESSAGES,
            (MESSAGE | PART, b"content" | b"parts") => CONTENT,
            (MESSAGE | PART, b"type") => PART_TYPE,
            (PART, b"text") => TEXT,
            (PART, b"inlineData" | b"inline_data" | b"fileData" | b"file_data") => BLOB,
            (BLOB, b"mimeType" | b"mime_type") => MIME,
            (ROOT, b"tools" | b"functions") => TOOLS,
            (ROOT, b"response_format") | (TEXT_CONFIG, b"format") => FORMAT,
            (FORMAT, b"type") => FORMAT_TYPE,
            (ROOT, b"text") => TEXT_CONFIG,
            (ROOT, b"generationConfig" | b"generation_config") => GENERATION,
            (GENERATION, b"responseSchema" | b"response_schema" | b"responseJsonSchema") => SCHEMA,
            (GENERATION, b"responseMimeType" | b"response_mime_type") => JSON_MIME,
            (ROOT, b"reasoning_effort") => EFFORT,
            (ROOT, b"reasoning" | b"thinking") | (GENERATION, b"thinkingConfig") => THINKING,
            (THINKING, b"type" | b"effort") => THINKING_TYPE,
            _ => IGNORE,
        }
    }

    fn element(&mut self, parent: Node) -> Node {
        match parent {
            MESSAGES => {
                self.prompt.clear();
                MESSAGE
            }
            CONTENT => PART,
            _ => IGNORE,
        }
    }

    fn scalar(&mut self, node: Node, token: &Token<'_>) {
        let is = |words: &[&[u8]]| words.contains(&token.text);
        match node {
            PART_TYPE => {
                self.images |= is(&[b"image_url", b"input_image", b"image"]);
                self.audio |= is(&[b"input_audio", b"audio"]);
            }
            MIME => {
                self.images |= token.text.starts_with(b"image/");
                self.audio |= token.text.starts_with(b"audio/");
            }
            FORMAT_TYPE => {
                self.schema |= is(&[b"json_schema"]);
                self.json |= is(&[b"json_schema", b"json_object"]);
            }
            JSON_MIME => self.json |= is(&[b"application/json"]),
            EFFORT => self.reasoning |= token.kind != Kind::Null && !is(&[b"none", b"minimal"]),
            THINKING_TYPE if is(&[b"disabled", b"none", b"minimal"]) => self.reasoning = false,
            MESSAGES | CONTENT | TEXT if self.takes_prompt => self.take(token),
            _ => {}
        }
    }

    fn open(&mut self, node: Node, _start: usize) {
        match node {
            SCHEMA => (self.schema, self.json) = (true, true),
            THINKING => self.reasoning = true,
            _ => {}
        }
    }

    fn close(&mut self, node: Node, _end: usize, is_empty: bool) {
        self.tools |= node == TOOLS && !is_empty;
    }
}

impl Asks {
    fn take(&mut self, token: &Token<'_>) {
        let Some(text) = token.string() else { return };
        if !self.prompt.is_empty() {
            self.prompt.push('\n');
        }
        let room = MAX_PROMPT.saturating_sub(self.prompt.len());
        self.prompt.push_str(&text[..text.floor_char_boundary(room)]);
    }

    /// Reads a body that is known to be JSON; `with_prompt` where the text is wanted too.
    pub fn of(body: &[u8], with_prompt: bool) -> Self {
        let mut asks = Self { takes_prompt: with_prompt, ..Self::default() };
        // What is no JSON has been refused before.
        let _ = json::scan(body, &mut asks);
        asks
    }
}

#[cfg(test)]
mod tests {
    use super::Asks;

    fn of(body: &str) -> Asks {
        Asks::of(body.as_bytes(), true)
    }

    #[test]
    fn every_dialect_says_what_it_asks() {
        let chat = of(
            r#"{"tools":[{"type":"function"}],"response_format":{"type":"json_schema","json_schema":{}},
            "messages":[{"role":"system","content":"be brief"},{"role":"user","content":[{"type":"text","text":"what is\nit"},
            {"type":"image_url","image_url":{"url":"data:"}}]}],"reasoning_effort":"high"}"#,
        );
        assert!(chat.images && chat.tools && chat.schema && chat.json && chat.reasoning && !chat.audio);
        assert_eq!(chat.prompt, "what is\nit");
        let messages = of(
            r#"{"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"image"}]}]}],
            "thinking":{"type":"disabled"},"tools":[]}"#,
        );
        assert!(messages.images && !messages.tools && !messages.reasoning);
        let gemini = of(
            r#"{"contents":[{"parts":[{"text":"hear"},{"inlineData":{"mimeType":"audio/wav","data":""}}]}],
            "generationConfig":{"responseMimeType":"application/json","thinkingConfig":{"thinkingBudget":5}}}"#,
        );
        assert!(gemini.audio && gemini.json && !gemini.schema && gemini.reasoning && !gemini.images);
        let responses = of(r#"{"input":"say \"hi\"","text":{"format":{"type":"json_object"}}}"#);
        assert!(responses.json && !responses.schema);
        assert_eq!(responses.prompt, "say \"hi\"");
        // Words in a text ask for nothing.
        let plain = of(r#"{"messages":[{"role":"user","content":"{\"type\":\"image_url\"}"}]}"#);
        assert!(!plain.images);
        assert_eq!(Asks::of(b"{\"messages\":[{\"content\":\"x\"}]}", false), Asks::default());
    }
}
