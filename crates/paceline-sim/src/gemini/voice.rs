//! Gemini content, whole and in chunks.

use super::{error, signature};
use crate::{
    call::{Claim, Mark, Part, Tokens},
    fault::Flag,
    generate::{
        Told, Voice,
        answer::{Choice, Finish, Token},
        events::{Event, Framing},
        quiet,
    },
    world::World,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// What a refused prompt is refused for.
const BLOCKED: &str = "PROHIBITED_CONTENT";

/// Tells content.
pub(crate) struct Content {
    world: Arc<World>,
    framing: Framing,
    id: String,
    /// Tokens told so far: of the answers, and of the thoughts.
    said: u64,
    thought: u64,
}

impl Content {
    pub(crate) fn new(told: &Told, world: Arc<World>, framing: Framing) -> Self {
        Self { world, framing, id: format!("sim{:016x}", told.answer.id), said: 0, thought: 0 }
    }

    /// Usage as it stands; every chunk carries it.
    fn claim(&self, told: &Told) -> Option<Claim> {
        if !told.usage_told() {
            return None;
        }
        let tokens = Tokens {
            output_total: self.said + self.thought,
            reasoning: self.thought,
            ..told.answer.tokens()
        };
        let mut raw = json!({
            "promptTokenCount": tokens.input_total, "totalTokenCount": tokens.input_total + tokens.output_total,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens.input_total}],
        });
        for (key, count) in [
            ("candidatesTokenCount", self.said),
            ("thoughtsTokenCount", self.thought),
            ("cachedContentTokenCount", tokens.cache_read),
        ] {
            // Counters of nothing are left out.
            if count > 0 {
                raw[key] = json!(count);
            }
        }
        // What is written into a cache is not told here.
        Some(Claim { raw, tokens: Tokens { cache_write: 0, cache_write_1h: 0, ..tokens } })
    }

    fn chunk(&self, told: &Told, fields: Value, claim: Option<&Claim>) -> String {
        let mut chunk = fields;
        chunk["modelVersion"] = json!(told.model);
        chunk["responseId"] = json!(self.id);
        if let Some(claim) = claim {
            chunk["usageMetadata"] = claim.raw.clone();
        }
        chunk.to_string()
    }

    fn call(&self, told: &Told, index: usize, tool: usize) -> Value {
        let call = &told.answer.choices[index].tools[tool];
        let args = call.input();
        let mut part = json!({"functionCall": {"name": call.name, "args": args}});
        // Of several calls only the first is signed.
        if tool == 0 {
            part["thoughtSignature"] = json!(signature::sign(&self.world, &call.name, &args));
        }
        part
    }

    fn event(&self, told: &Told, index: usize, part: &Value, mark: Mark) -> Event {
        let content = json!({"parts": [part], "role": "model"});
        let fields = json!({"candidates": [{"content": content, "index": index}]});
        let claim = self.claim(told);
        Event::new(self.chunk(told, fields, claim.as_ref()), Mark { usage: claim, ..mark })
    }
}

impl Voice for Content {
    fn framing(&self) -> Framing {
        self.framing
    }

    fn whole(&mut self, told: &Told) -> (String, Option<Claim>) {
        self.thought = told.answer.reasoning_tokens();
        self.said = told.answer.output_tokens() - self.thought;
        let claim = self.claim(told);
        if told.fault.has(Flag::Blocked) {
            return (self.chunk(told, blocked(), claim.as_ref()), claim);
        }
        let candidates = told.answer.choices.iter().enumerate().map(|(index, choice)| {
            let mut parts = Vec::new();
            if told.thoughts_shown && !choice.reasoning.is_empty() {
                parts.push(json!({"text": choice.reasoning.concat(), "thought": true}));
            }
            if !choice.text.is_empty() {
                parts.push(json!({"text": choice.text.concat()}));
            }
            parts.extend((0..choice.tools.len()).map(|tool| self.call(told, index, tool)));
            let content = json!({"parts": parts, "role": "model"});
            json!({"content": content, "finishReason": self.finish_name(choice), "index": index})
        });
        let fields = json!({"candidates": candidates.collect::<Vec<_>>()});
        (self.chunk(told, fields, claim.as_ref()), claim)
    }

    fn finish_name(&self, choice: &Choice) -> &'static str {
        match choice.finish {
            // A call of a tool is an ordinary end here.
            Finish::Stop | Finish::StopText | Finish::Tools => "STOP",
            Finish::Length => "MAX_TOKENS",
            Finish::Blocked => BLOCKED,
        }
    }

    fn begin(&mut self, _told: &Told) -> Vec<Event> {
        Vec::new()
    }

    fn token(&mut self, told: &Told, index: usize, token: Token<'_>) -> Vec<Event> {
        if token.part == Part::Reasoning {
            self.thought += 1;
        } else {
            self.said += 1;
        }
        let mark = Told::mark(index, token);
        match token.part {
            Part::Text => vec![self.event(told, index, &json!({"text": token.text}), mark)],
            Part::Reasoning if told.thoughts_shown => {
                vec![self.event(told, index, &json!({"text": token.text, "thought": true}), mark)]
            }
            // Calls come whole.
            Part::ToolArguments if token.closes => {
                let part = self.call(told, index, token.tool);
                vec![self.event(told, index, &part, told.call_mark(index, token.tool))]
            }
            Part::Reasoning | Part::ToolArguments => Vec::new(),
        }
    }

    fn finish(&mut self, told: &Told, index: usize, _last: bool) -> Vec<Event> {
        let choice = &told.answer.choices[index];
        let name = self.finish_name(choice);
        let claim = self.claim(told);
        let mark = Mark { finish: vec![(index, name)], usage: claim.clone(), ..quiet() };
        let fields = if choice.finish == Finish::Blocked {
            blocked()
        } else if told.fault.has(Flag::NoFinish) {
            return Vec::new();
        } else {
            let content = json!({"parts": [{"text": ""}], "role": "model"});
            json!({"candidates": [{"content": content, "finishReason": name, "index": index}]})
        };
        // The finish is the only end mark there is.
        told.end_mark(Event::new(self.chunk(told, fields, claim.as_ref()), mark))
    }

    fn end(&mut self, _told: &Told) -> Vec<Event> {
        Vec::new()
    }

    fn error(&mut self, told: &Told, _contents: u64) -> Event {
        Event::new(error::in_stream(&told.fault), quiet())
    }
}

fn blocked() -> Value {
    json!({"promptFeedback": {"blockReason": BLOCKED}})
}
