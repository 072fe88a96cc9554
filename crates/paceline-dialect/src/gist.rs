//! What a whole answer comes to, in whatever dialect it is written: for checks of answers that somebody may replace.

use serde_json::Value;

/// An answer in short.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gist {
    /// All its text.
    pub text: String,
    /// It calls a tool.
    pub calls_tool: bool,
    /// It says itself that it refuses.
    pub refuses: bool,
}

impl Gist {
    /// Reads an answer; of what is none, nothing.
    pub fn of(body: &[u8]) -> Self {
        let mut gist = Self::default();
        let Ok(answer) = serde_json::from_slice::<Value>(body) else { return gist };
        // OpenAI's chat.
        for choice in list(&answer["choices"]) {
            let message = &choice["message"];
            gist.text(&message["content"]);
            gist.refuses |= message["refusal"].is_string();
            gist.calls_tool |=
                !list(&message["tool_calls"]).is_empty() || message["function_call"].is_object();
        }
        // Gemini.
        for part in list(&answer["candidates"]).iter().flat_map(|one| list(&one["content"]["parts"])) {
            gist.part(part);
        }
        // Anthropic, and OpenAI's responses, whose parts lie one level deeper.
        for part in list(&answer["content"]).iter().chain(list(&answer["output"])) {
            gist.part(part);
            list(&part["content"]).iter().for_each(|inner| gist.part(inner));
        }
        gist
    }

    fn part(&mut self, part: &Value) {
        let kind = part["type"].as_str().unwrap_or_default();
        self.calls_tool |= matches!(kind, "tool_use" | "function_call" | "custom_tool_call")
            || part["functionCall"].is_object();
        self.refuses |= kind == "refusal";
        let is_thought = part["thought"] == true || matches!(kind, "thinking" | "reasoning");
        if !is_thought {
            self.text(&part["text"]);
        }
    }

    fn text(&mut self, value: &Value) {
        if let Some(text) = value.as_str() {
            self.text.push_str(text);
        }
        list(value).iter().for_each(|part| self.part(part));
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::Gist;

    #[test]
    fn every_dialect_has_its_gist() {
        let of = |body: &str| Gist::of(body.as_bytes());
        let chat = of(r#"{"choices":[{"message":{"content":"hi","tool_calls":[{}]}}]}"#);
        assert_eq!((chat.text.as_str(), chat.calls_tool, chat.refuses), ("hi", true, false));
        let refused = of(r#"{"choices":[{"message":{"content":null,"refusal":"no"}}]}"#);
        assert_eq!((refused.text.as_str(), refused.refuses), ("", true));
        let messages = of(
            r#"{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#,
        );
        assert_eq!((messages.text.as_str(), messages.calls_tool), ("ab", false));
        let gemini =
            of(r#"{"candidates":[{"content":{"parts":[{"text":"t","thought":true},{"functionCall":{}}]}}]}"#);
        assert_eq!((gemini.text.as_str(), gemini.calls_tool), ("", true));
        let responses = of(
            r#"{"output":[{"type":"reasoning"},{"type":"message","content":[{"type":"output_text","text":"ok"}]}]}"#,
        );
        assert_eq!(responses.text, "ok");
        assert_eq!(of("no json"), Gist::default());
    }
}
