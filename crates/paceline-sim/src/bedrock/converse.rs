//! A Converse answer, whole and as a stream of frames.

use crate::{
    anthropic::signature,
    call::{Claim, Mark, Part},
    fault::Flag,
    generate::{
        Told, Voice,
        answer::{Choice, Finish, Token, ToolCall},
        blocks::{Block, Blocks},
        content,
        events::{Event, Framing},
        quiet,
    },
};
use serde_json::{Value, json};

/// Tells Converse messages.
pub(crate) struct Converse {
    seed: u64,
    blocks: Blocks,
}

impl Converse {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, blocks: Blocks::default() }
    }

    fn event(name: &'static str, data: &Value, mark: Mark) -> Event {
        Event::named(name, data.to_string(), mark)
    }

    fn delta(index: usize, delta: &Value, mark: Mark) -> Event {
        let data = json!({"contentBlockIndex": index, "delta": delta});
        Self::event("contentBlockDelta", &data, mark)
    }

    fn close(&self, told: &Told, block: Option<Block>) -> Vec<Event> {
        let Some(Block { index, part, .. }) = block else { return Vec::new() };
        let mut events = Vec::new();
        if part == Part::Reasoning {
            let signature = signature(self.seed, &told.answer.choices[0].reasoning.concat());
            events.push(Self::delta(index, &json!({"reasoningContent": {"signature": signature}}), quiet()));
        }
        events.push(Self::event("contentBlockStop", &json!({"contentBlockIndex": index}), quiet()));
        events
    }
}

impl Voice for Converse {
    fn framing(&self) -> Framing {
        Framing::Frames
    }

    fn whole(&mut self, told: &Told) -> (String, Option<Claim>) {
        let choice = &told.answer.choices[0];
        let mut blocks = Vec::new();
        if !choice.reasoning.is_empty() {
            let text = choice.reasoning.concat();
            let signature = signature(self.seed, &text);
            blocks
                .push(json!({"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}}));
        }
        if !choice.text.is_empty() {
            blocks.push(json!({"text": choice.text.concat()}));
        }
        blocks.extend(choice.tools.iter().map(|call| {
            let mut told = tool(call);
            told["input"] = call.input();
            json!({"toolUse": told})
        }));
        let claim = told.usage_told().then(|| claim(told));
        let mut body = json!({
            "output": {"message": {"role": "assistant", "content": blocks}},
            "stopReason": self.finish_name(choice),
            "metrics": {"latencyMs": told.total_ms.round() as u64},
        });
        if let Some(claim) = &claim {
            body["usage"] = claim.raw.clone();
        }
        (body.to_string(), claim)
    }

    fn finish_name(&self, choice: &Choice) -> &'static str {
        match choice.finish {
            Finish::Stop => "end_turn",
            Finish::StopText => "stop_sequence",
            Finish::Length => "max_tokens",
            Finish::Tools => "tool_use",
            Finish::Blocked => "guardrail_intervened",
        }
    }

    fn begin(&mut self, _told: &Told) -> Vec<Event> {
        vec![Self::event("messageStart", &json!({"role": "assistant"}), quiet())]
    }

    fn token(&mut self, told: &Told, index: usize, token: Token<'_>) -> Vec<Event> {
        let turn = self.blocks.turn(token);
        let mut events = self.close(told, turn.closed);
        // Only calls are opened; text and thoughts begin with their first piece.
        if turn.opens && token.part == Part::ToolArguments {
            let call = tool(&told.answer.choices[index].tools[token.tool]);
            let start = json!({"contentBlockIndex": turn.block.index, "start": {"toolUse": call}});
            events.push(Self::event("contentBlockStart", &start, content()));
        }
        let delta = match token.part {
            Part::Text => json!({"text": token.text}),
            Part::Reasoning => json!({"reasoningContent": {"text": token.text}}),
            Part::ToolArguments => json!({"toolUse": {"input": token.text}}),
        };
        events.push(Self::delta(turn.block.index, &delta, Told::mark(index, token)));
        events
    }

    fn finish(&mut self, told: &Told, index: usize, _last: bool) -> Vec<Event> {
        let open = self.blocks.close();
        let mut events = self.close(told, open);
        if !told.fault.has(Flag::NoFinish) {
            let name = self.finish_name(&told.answer.choices[index]);
            let mark = Mark { finish: vec![(index, name)], ..quiet() };
            events.extend(told.end_mark(Self::event("messageStop", &json!({"stopReason": name}), mark)));
        }
        events
    }

    fn end(&mut self, told: &Told) -> Vec<Event> {
        if !told.usage_told() || told.fault.has(Flag::NoDone) {
            return Vec::new();
        }
        let claim = claim(told);
        let metrics = json!({"latencyMs": told.total_ms.round() as u64});
        let data = json!({"usage": claim.raw, "metrics": metrics});
        vec![Self::event("metadata", &data, Mark { usage: Some(claim), ..quiet() })]
    }

    fn error(&mut self, told: &Told, _contents: u64) -> Event {
        super::exception(&told.fault)
    }
}

fn tool(call: &ToolCall) -> Value {
    json!({"toolUseId": call.id_as("tooluse_"), "name": call.name})
}

fn claim(told: &Told) -> Claim {
    let tokens = told.answer.tokens();
    let raw = json!({
        "inputTokens": tokens.input_total - tokens.cache_read - tokens.cache_write,
        "outputTokens": tokens.output_total, "totalTokens": tokens.input_total + tokens.output_total,
        "cacheReadInputTokens": tokens.cache_read, "cacheWriteInputTokens": tokens.cache_write,
    });
    told.claim(raw)
}
