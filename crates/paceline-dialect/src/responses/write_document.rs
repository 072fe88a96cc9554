//! An answer of another dialect, written as one response.

use crate::neutral::about::About;
use crate::neutral::citation;
use crate::neutral::collect::{Block, Collected, Gathered};
use crate::neutral::event::Finish;
use crate::neutral::json::Json;
use crate::neutral::seal;
use crate::responses::object::{self as objects, Front, Progress, made};

/// Writes the response in one piece.
pub fn document(answer: &Collected, about: &About) -> Vec<u8> {
    let choice = answer.first();
    let finish = choice.and_then(|choice| choice.finish).unwrap_or(Finish::Stop);
    let (status, lacks) = (objects::status(finish), objects::lacks(finish));
    let output = choice.map(|choice| output(choice, objects::item_status(finish), about)).unwrap_or_default();
    let usage = Some(answer.usage.unwrap_or_default());
    let front = Front::new(about, answer.id.as_ref(), answer.model.as_ref());
    let response = made(|o| front.response(&Progress { status, lacks, output: &output, usage }, o));
    response.get().as_bytes().to_vec()
}

/// The items of an answer; only the last can be incomplete.
fn output(choice: &Gathered, status: &'static str, about: &About) -> Vec<Json<'static>> {
    let mut items = Vec::new();
    let mut blocks = choice.blocks.iter().peekable();
    while let Some(block) = blocks.next() {
        if let Block::Tool { signature: Some(signature), .. } = block {
            let id = format!("rs_{}_{}", about.call, items.len());
            items.push(objects::reasoning(&id, None, Some(&seal::mark_call(signature))));
        }
        let id = |kind: &str| format!("{kind}_{}_{}", about.call, items.len());
        let item = match block {
            Block::Text { .. } | Block::Refusal(_) => {
                let mut parts: Vec<_> = said(block, choice).into_iter().collect();
                while let Some(part) = blocks.peek().and_then(|block| said(block, choice)) {
                    parts.push(part);
                    blocks.next();
                }
                let status = if blocks.peek().is_none() { status } else { "completed" };
                objects::message(&id("msg"), status, &parts)
            }
            Block::Reasoning { text, signature } => {
                let seal = signature.as_ref().map(|seal| about.sealed(seal));
                objects::reasoning(&id("rs"), Some(text), seal.as_ref())
            }
            Block::Sealed(data) => objects::reasoning(&id("rs"), None, Some(data)),
            Block::Tool { tool, id: call, name, input, .. } => {
                let call = call.as_ref().map_or_else(|| about.tool_id(*tool), |call| call.get().to_owned());
                let status = if blocks.peek().is_none() { status } else { "completed" };
                let input = if input.is_empty() { "{}" } else { input };
                objects::function_call(&id("fc"), status, (&call, name), input)
            }
        };
        items.push(item);
    }
    items
}

/// A part of a message. Probabilities of all text stand at the first of it.
fn said(block: &Block, choice: &Gathered) -> Option<Json<'static>> {
    match block {
        Block::Refusal(text) => Some(objects::refusal_part(text)),
        Block::Text { text, citations } => {
            let cites: Vec<_> = citations.iter().filter_map(citation::for_responses).collect();
            let first = choice.blocks.iter().find(|block| matches!(block, Block::Text { .. }));
            let weights =
                choice.logprobs.as_ref().filter(|_| first.is_some_and(|one| std::ptr::eq(one, block)));
            let weights = weights.and_then(|json| json.member("content")).filter(|list| list.get().len() > 2);
            let weights = weights.as_ref().map_or("", |list| &list.get()[1..list.get().len() - 1]);
            Some(objects::text_part(text, &cites, weights))
        }
        _ => None,
    }
}
