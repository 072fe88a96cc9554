//! The objects of an answer that its stream and its whole form share: the response, its items, their parts.

use crate::neutral::about::About;
use crate::neutral::event::Finish;
use crate::neutral::json::Json;
use crate::neutral::write::{Object, object};
use paceline_types::tokens::Usage;

/// An object made here.
pub(super) fn made(fill: impl FnOnce(&mut Object<'_>)) -> Json<'static> {
    let mut out = Vec::new();
    object(&mut out, fill);
    Json::known(String::from_utf8(out).unwrap_or_default())
}

/// Text between quotes again.
pub(super) fn quoted(escaped: &str) -> String {
    format!("\"{escaped}\"")
}

/// The members of the response that do not change while it comes.
#[derive(Debug)]
pub(super) struct Front {
    /// A JSON string.
    id: String,
    /// A JSON string.
    model: String,
    created: u64,
}

/// How far a response is.
pub(super) struct Progress<'p> {
    pub(super) status: &'static str,
    /// Why it is not complete.
    pub(super) lacks: Option<&'static str>,
    pub(super) output: &'p [Json<'static>],
    pub(super) usage: Option<Usage>,
}

impl Front {
    pub(super) fn new(about: &About, id: Option<&Json<'_>>, model: Option<&Json<'_>>) -> Self {
        let own = || format!("\"resp_{}\"", about.call);
        Self {
            id: id.filter(|id| id.is_string()).map_or_else(own, |id| id.get().to_owned()),
            model: model
                .filter(|model| model.is_string())
                .map_or_else(|| about.model_json(), |model| model.get().to_owned()),
            created: about.created,
        }
    }

    /// Writes the response's members. What the request said is not repeated: its writer does not know it.
    pub(super) fn response(&self, progress: &Progress<'_>, o: &mut Object<'_>) {
        o.raw("id", &self.id);
        o.text("object", "response");
        o.number("created_at", self.created);
        o.text("status", progress.status);
        o.truth("background", false);
        if progress.status == "failed" {
            o.object("error", |error| {
                error.text("code", "server_error");
                error.text("message", "the model's answer could not be completed");
            });
        } else {
            o.raw("error", "null");
        }
        match progress.lacks {
            Some(reason) => o.object("incomplete_details", |details| details.text("reason", reason)),
            None => o.raw("incomplete_details", "null"),
        }
        o.raw("instructions", "null");
        o.raw("max_output_tokens", "null");
        o.raw("metadata", "{}");
        o.raw("model", &self.model);
        o.array("output", |list| progress.output.iter().for_each(|item| list.json(item)));
        o.truth("parallel_tool_calls", true);
        o.raw("previous_response_id", "null");
        o.raw("reasoning", "{\"effort\":null,\"summary\":null}");
        o.truth("store", false);
        o.raw("temperature", "null");
        o.raw("text", "{\"format\":{\"type\":\"text\"}}");
        o.text("tool_choice", "auto");
        o.raw("tools", "[]");
        o.raw("top_p", "null");
        o.text("truncation", "disabled");
        match &progress.usage {
            Some(used) => o.object("usage", |o| usage(used, o)),
            None => o.raw("usage", "null"),
        }
        o.raw("user", "null");
    }
}

/// The status of a response that ended so.
pub(super) fn status(finish: Finish) -> &'static str {
    match finish {
        Finish::Length | Finish::ContentFilter => "incomplete",
        Finish::Failed => "failed",
        _ => "completed",
    }
}

/// The status of the last item of a response that ended so: items do not fail.
pub(super) fn item_status(finish: Finish) -> &'static str {
    if status(finish) == "completed" { "completed" } else { "incomplete" }
}

/// Why a response that ended so is not complete.
pub(super) fn lacks(finish: Finish) -> Option<&'static str> {
    match finish {
        Finish::Length => Some("max_output_tokens"),
        Finish::ContentFilter => Some("content_filter"),
        _ => None,
    }
}

/// Writes the usage object's members.
pub(super) fn usage(usage: &Usage, o: &mut Object<'_>) {
    o.number("input_tokens", usage.input_tokens);
    o.object("input_tokens_details", |details| {
        details.number("cached_tokens", usage.cache_read_tokens);
        details.number("cache_write_tokens", usage.cache_write_tokens);
    });
    o.number("output_tokens", usage.output_tokens);
    o.object("output_tokens_details", |details| {
        details.number("reasoning_tokens", usage.reasoning_tokens);
    });
    o.number("total_tokens", usage.input_tokens.saturating_add(usage.output_tokens));
}

/// A part of a message that is text; `logprobs` are elements of an array.
pub(super) fn text_part(text: &str, annotations: &[Json<'static>], logprobs: &str) -> Json<'static> {
    made(|o| {
        o.text("type", "output_text");
        o.raw("text", &quoted(text));
        o.array("annotations", |list| annotations.iter().for_each(|json| list.json(json)));
        o.raw("logprobs", &format!("[{logprobs}]"));
    })
}

/// A part of a message that declines.
pub(super) fn refusal_part(text: &str) -> Json<'static> {
    made(|o| {
        o.text("type", "refusal");
        o.raw("refusal", &quoted(text));
    })
}

/// A message of the model.
pub(super) fn message(id: &str, status: &str, parts: &[Json<'static>]) -> Json<'static> {
    made(|o| {
        o.text("id", id);
        o.text("type", "message");
        o.text("status", status);
        o.text("role", "assistant");
        o.array("content", |list| parts.iter().for_each(|part| list.json(part)));
    })
}

/// A part of a summary of thought.
pub(super) fn summary_part(text: &str) -> Json<'static> {
    made(|o| {
        o.text("type", "summary_text");
        o.raw("text", &quoted(text));
    })
}

/// Thought. What has a text, even an empty one, comes back with its seal as a signature; what has none, as sealed.
pub(super) fn reasoning(id: &str, text: Option<&str>, seal: Option<&Json<'_>>) -> Json<'static> {
    made(|o| {
        o.text("id", id);
        o.text("type", "reasoning");
        o.array("summary", |list| {
            if let Some(text) = text {
                list.json(&summary_part(text));
            }
        });
        o.maybe("encrypted_content", seal);
    })
}

/// A call of a tool.
pub(super) fn function_call(
    id: &str,
    status: &str,
    (call_id, name): (&str, &Json<'_>),
    arguments: &str,
) -> Json<'static> {
    made(|o| {
        o.text("id", id);
        o.text("type", "function_call");
        o.text("status", status);
        o.raw("arguments", &quoted(arguments));
        o.raw("call_id", call_id);
        o.json("name", name);
    })
}
