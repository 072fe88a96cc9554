//! An answer of another dialect, written as one message of Anthropic's; and what it has in common with a stream.

use crate::neutral::about::About;
use crate::neutral::citation;
use crate::neutral::collect::{Block, Collected, Gathered};
use crate::neutral::event::Finish;
use crate::neutral::json::Json;
use crate::neutral::seal;
use crate::neutral::write::{Array, Object, object};
use paceline_types::tokens::Usage;

/// The dialect's word for an end.
pub(super) fn word(reason: Finish, asks_for_tools: bool) -> &'static str {
    match reason {
        Finish::Stop | Finish::Failed if asks_for_tools => "tool_use",
        Finish::Stop | Finish::Failed => "end_turn",
        Finish::StopText => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::ContentFilter => "refusal",
        Finish::Pause => "pause_turn",
    }
}

/// Writes the usage object's members: here `input_tokens` are those that no cache was part of.
pub fn usage(usage: &Usage, o: &mut Object<'_>) {
    let cached = usage.cache_read_tokens.saturating_add(usage.cache_write_tokens);
    o.number("input_tokens", usage.input_tokens.saturating_sub(cached));
    o.number("cache_creation_input_tokens", usage.cache_write_tokens);
    o.number("cache_read_input_tokens", usage.cache_read_tokens);
    o.number("output_tokens", usage.output_tokens);
    if usage.reasoning_tokens > 0 {
        o.object("output_tokens_details", |details| {
            details.number("thinking_tokens", usage.reasoning_tokens);
        });
    }
}

/// Writes the message in one piece.
pub fn document(answer: &Collected, about: &About) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    object(&mut out, |o| {
        o.raw("id", answer.id.as_ref().map_or(&*about.id_json(), Json::get));
        o.text("type", "message");
        o.text("role", "assistant");
        o.raw("model", answer.model.as_ref().map_or(&*about.model_json(), Json::get));
        let choice = answer.first();
        o.array("content", |list| {
            for block in choice.iter().flat_map(|choice| &choice.blocks) {
                block_of(block, about, list);
            }
        });
        let asks = choice.is_some_and(Gathered::asks_for_tools);
        let finish = choice.and_then(|choice| choice.finish).unwrap_or(Finish::Stop);
        o.text("stop_reason", word(finish, asks));
        let stop = choice.and_then(|choice| choice.stop.as_ref());
        o.raw("stop_sequence", stop.map_or("null", Json::get));
        o.object("usage", |o| usage(&answer.usage.unwrap_or_default(), o));
    });
    out
}

fn block_of(block: &Block, about: &About, list: &mut Array<'_>) {
    if let Block::Tool { signature: Some(signature), .. } = block {
        list.object(|o| {
            o.text("type", "redacted_thinking");
            o.json("data", &seal::mark_call(signature));
        });
    }
    list.object(|o| match block {
        Block::Text { text, citations } => {
            o.text("type", "text");
            o.raw("text", &format!("\"{text}\""));
            let citations: Vec<_> = citations.iter().filter_map(citation::for_anthropic).collect();
            if !citations.is_empty() {
                o.array("citations", |list| citations.iter().for_each(|json| list.json(json)));
            }
        }
        Block::Refusal(text) => {
            o.text("type", "text");
            o.raw("text", &format!("\"{text}\""));
        }
        Block::Reasoning { text, signature } => {
            o.text("type", "thinking");
            o.raw("thinking", &format!("\"{text}\""));
            let sealed = signature.as_ref().map(|signature| about.sealed(signature));
            o.raw("signature", sealed.as_ref().map_or(seal::UNSIGNED, Json::get));
        }
        Block::Sealed(data) => {
            o.text("type", "redacted_thinking");
            o.json("data", data);
        }
        Block::Tool { tool, id, name, input, .. } => {
            o.text("type", "tool_use");
            o.raw("id", id.as_ref().map_or(&*about.tool_id(*tool), Json::get));
            o.json("name", name);
            o.json("input", &Block::tool_input(input));
        }
    });
}
