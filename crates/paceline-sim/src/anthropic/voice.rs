//! An Anthropic message, whole and as a stream.

use super::{check::signature, error};
use crate::{
    bedrock,
    call::{Claim, Mark, Part, Tokens},
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

/// Tells messages; on Bedrock in frames and without pings.
pub(crate) struct Messages {
    seed: u64,
    on_bedrock: bool,
    id: String,
    blocks: Blocks,
}

impl Messages {
    pub(crate) fn new(told: &Told, seed: u64, on_bedrock: bool) -> Self {
        let kind = if on_bedrock { "bdrk_" } else { "" };
        let id = format!("msg_{kind}sim{:016x}", told.answer.id);
        Self { seed, on_bedrock, id, blocks: Blocks::default() }
    }

    fn message(&self, told: &Told, content: &[Value]) -> Value {
        json!({"id": self.id, "type": "message", "role": "assistant", "model": told.model, "content": content,
            "stop_reason": null, "stop_sequence": null})
    }

    fn open(&self, told: &Told, block: Block) -> Vec<Event> {
        let index = block.index;
        let (empty, mark) = match block.part {
            Part::Text => (json!({"type": "text", "text": ""}), quiet()),
            Part::Reasoning => (json!({"type": "thinking", "thinking": "", "signature": ""}), quiet()),
            Part::ToolArguments => {
                let call = &told.answer.choices[0].tools[block.tool];
                (tool_use(call, &json!({})), content())
            }
        };
        let start = json!({"index": index, "content_block": empty});
        let mut events = vec![Event::typed("content_block_start", &start, mark)];
        if index == 0 && !self.on_bedrock {
            events.push(Event::typed("ping", &json!({}), quiet()));
        }
        events
    }

    fn close(&self, told: &Told, block: Option<Block>) -> Vec<Event> {
        let Some(Block { index, part, .. }) = block else { return Vec::new() };
        let mut events = Vec::new();
        if part == Part::Reasoning {
            let signature = signature(self.seed, &told.answer.choices[0].reasoning.concat());
            let delta = json!({"index": index, "delta": {"type": "signature_delta", "signature": signature}});
            events.push(Event::typed("content_block_delta", &delta, quiet()));
        }
        events.push(Event::typed("content_block_stop", &json!({"index": index}), quiet()));
        events
    }
}

impl Voice for Messages {
    fn framing(&self) -> Framing {
        if self.on_bedrock { Framing::Chunks } else { Framing::Sse }
    }

    fn whole(&mut self, told: &Told) -> (String, Option<Claim>) {
        let choice = &told.answer.choices[0];
        let mut blocks = Vec::new();
        if !choice.reasoning.is_empty() {
            let thought = choice.reasoning.concat();
            let signature = signature(self.seed, &thought);
            blocks.push(json!({"type": "thinking", "thinking": thought, "signature": signature}));
        }
        if !choice.text.is_empty() {
            blocks.push(json!({"type": "text", "text": choice.text.concat()}));
        }
        blocks.extend(choice.tools.iter().map(|call| tool_use(call, &call.input())));
        let mut message = self.message(told, &blocks);
        message["stop_reason"] = json!(stop_reason(choice));
        message["stop_sequence"] = json!(choice.stopped_at);
        let claim = told.usage_told().then(|| told.claim(usage(told)));
        if let Some(claim) = &claim {
            message["usage"] = claim.raw.clone();
        }
        (message.to_string(), claim)
    }

    fn finish_name(&self, choice: &Choice) -> &'static str {
        stop_reason(choice)
    }

    fn begin(&mut self, told: &Told) -> Vec<Event> {
        let mut message = self.message(told, &[]);
        let claim = told.usage_told().then(|| first_claim(told));
        if let Some(claim) = &claim {
            message["usage"] = claim.raw.clone();
        }
        let mark = Mark { usage: claim, ..quiet() };
        vec![Event::typed("message_start", &json!({"message": message}), mark)]
    }

    fn token(&mut self, told: &Told, index: usize, token: Token<'_>) -> Vec<Event> {
        let turn = self.blocks.turn(token);
        let mut events = self.close(told, turn.closed);
        if turn.opens {
            events.extend(self.open(told, turn.block));
        }
        let delta = match token.part {
            Part::Text => json!({"type": "text_delta", "text": token.text}),
            Part::Reasoning => json!({"type": "thinking_delta", "thinking": token.text}),
            // A call without arguments has no JSON at all in a stream.
            Part::ToolArguments if token.opens && token.text == "{}" => {
                json!({"type": "input_json_delta", "partial_json": ""})
            }
            Part::ToolArguments => json!({"type": "input_json_delta", "partial_json": token.text}),
        };
        let delta = json!({"index": turn.block.index, "delta": delta});
        events.push(Event::typed("content_block_delta", &delta, Told::mark(index, token)));
        events
    }

    fn finish(&mut self, told: &Told, index: usize, _last: bool) -> Vec<Event> {
        let open = self.blocks.close();
        let mut events = self.close(told, open);
        if told.fault.has(Flag::NoFinish) {
            return events;
        }
        let choice = &told.answer.choices[index];
        let delta = json!({"stop_reason": stop_reason(choice), "stop_sequence": choice.stopped_at});
        let mut data = json!({"delta": delta});
        let claim = told.usage_told().then(|| told.claim(usage(told)));
        if let Some(claim) = &claim {
            data["usage"] = claim.raw.clone();
        }
        let mark = Mark { finish: vec![(index, stop_reason(choice))], usage: claim, ..quiet() };
        events.push(Event::typed("message_delta", &data, mark));
        events
    }

    fn end(&mut self, told: &Told) -> Vec<Event> {
        let mut data = json!({});
        if self.on_bedrock {
            let tokens = told.answer.tokens();
            data["amazon-bedrock-invocationMetrics"] = json!({
                "inputTokenCount": uncached(tokens), "outputTokenCount": tokens.output_total,
                "cacheReadInputTokenCount": tokens.cache_read, "cacheWriteInputTokenCount": tokens.cache_write,
                "invocationLatency": told.total_ms.round() as u64,
                "firstByteLatency": told.first_ms.round() as u64,
            });
        }
        told.end_mark(Event::typed("message_stop", &data, quiet()))
    }

    fn error(&mut self, told: &Told, _contents: u64) -> Event {
        if self.on_bedrock {
            return bedrock::exception(&told.fault);
        }
        Event::named("error", error::in_stream(&told.fault), quiet())
    }
}

fn stop_reason(choice: &Choice) -> &'static str {
    match choice.finish {
        Finish::Stop => "end_turn",
        Finish::StopText => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::Tools => "tool_use",
        Finish::Blocked => "refusal",
    }
}

fn tool_use(call: &ToolCall, input: &Value) -> Value {
    json!({"type": "tool_use", "id": call.id_as("toolu_"), "name": call.name, "input": input})
}

/// Prompt tokens beside those from and into the cache.
fn uncached(tokens: Tokens) -> u64 {
    tokens.input_total - tokens.cache_read - tokens.cache_write
}

/// Usage at the end; every counter is cumulative.
fn usage(told: &Told) -> Value {
    let (tokens, cache) = (told.answer.tokens(), told.answer.cache);
    json!({
        "input_tokens": uncached(tokens), "output_tokens": tokens.output_total,
        "cache_creation_input_tokens": tokens.cache_write, "cache_read_input_tokens": tokens.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": cache.write_5m,
            "ephemeral_1h_input_tokens": cache.write_1h},
        "output_tokens_details": {"thinking_tokens": tokens.reasoning},
        "service_tier": "standard",
    })
}

/// Usage before anything was said.
fn first_claim(told: &Told) -> Claim {
    let all = told.answer.tokens();
    let begun = Tokens { output_total: all.output_total.min(1), reasoning: 0, ..all };
    if told.fault.has(Flag::LateSplit) {
        let tokens = Tokens { cache_read: 0, cache_write: 0, cache_write_1h: 0, ..begun };
        let raw = json!({"input_tokens": tokens.input_total, "output_tokens": tokens.output_total});
        return Claim { raw, tokens };
    }
    let mut raw = usage(told);
    raw["output_tokens"] = json!(begun.output_total);
    if let Some(raw) = raw.as_object_mut() {
        raw.remove("output_tokens_details");
    }
    Claim { raw, tokens: begun }
}
