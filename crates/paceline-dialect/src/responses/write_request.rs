//! A request of another dialect, written as one of the responses dialect, for providers that speak nothing else.

use crate::neutral::json::join;
use crate::neutral::notes::{Notes, Unsupported};
use crate::neutral::request::{ChatRequest, Format, Part, Tool, ToolChoice};
use crate::neutral::write::{Object, object};
use crate::openai::write_request::{effort_word, schema_of};
use crate::responses::write_items::Items;
use paceline_types::record::Dialect;

/// The least output limit that the dialect takes.
const LEAST_LIMIT: u64 = 16;

/// Members of OpenAI's other dialect that this one has under the same name and meaning.
const SAME: [&str; 2] = ["service_tier", "prompt_cache_key"];

/// Writes `ask` for `model`.
///
/// # Errors
/// Where the dialect cannot say what the request means.
pub fn write(ask: &ChatRequest<'_>, model: &str, notes: &mut Notes) -> Result<Vec<u8>, Unsupported> {
    if ask.choices > 1 {
        let why = "this provider gives one answer to a request; ask for n = 1, or several times";
        return Err(Unsupported { field: "n".to_owned(), why: why.to_owned() });
    }
    let mut out = Vec::with_capacity(1024);
    let mut wrong = None;
    object(&mut out, |o| {
        o.text("model", model);
        system(&ask.system, o, notes);
        o.array("input", |list| {
            let own_ids = matches!(ask.from, Dialect::OpenAi | Dialect::Responses);
            let mut items = Items::new(list, own_ids, notes, &mut wrong);
            ask.turns.iter().for_each(|turn| items.turn(turn));
        });
        // Nobody asks for it again: the conversation is kept by the caller.
        o.truth("store", false);
        if ask.stream {
            o.truth("stream", true);
        }
        settings(ask, o, notes);
        text(ask, o);
        tools(ask, o, notes);
        extra(ask, o, notes);
    });
    wrong.map_or(Ok(out), Err)
}

fn system(parts: &[Part<'_>], o: &mut Object<'_>, notes: &mut Notes) {
    let mut texts = Vec::new();
    for part in parts {
        match part {
            Part::Text { text, cache } => {
                texts.push(text);
                if cache.is_some() {
                    notes.dropped("cache_control");
                }
            }
            Part::Refusal { text } => texts.push(text),
            Part::Other { kind, .. } => notes.dropped(kind),
            _ => notes.dropped("system (what is no text)"),
        }
    }
    if !texts.is_empty() {
        o.json("instructions", &join(texts, "\\n"));
    }
}

fn settings(ask: &ChatRequest<'_>, o: &mut Object<'_>, notes: &mut Notes) {
    if let Some(limit) = ask.max_tokens {
        if limit < LEAST_LIMIT {
            notes.changed("max_tokens", "raised to 16");
        }
        o.number("max_output_tokens", limit.max(LEAST_LIMIT));
    }
    o.maybe("temperature", ask.temperature.as_ref());
    o.maybe("top_p", ask.top_p.as_ref());
    o.maybe("user", ask.user.as_ref());
    for (name, value) in [
        ("top_k", &ask.top_k),
        ("seed", &ask.seed),
        ("presence_penalty", &ask.presence_penalty),
        ("frequency_penalty", &ask.frequency_penalty),
    ] {
        if value.is_some() {
            notes.dropped(name);
        }
    }
    if !ask.stop.is_empty() {
        notes.dropped("stop");
    }
    if let Some(alternatives) = ask.logprobs.filter(|&alternatives| alternatives > 0) {
        o.number("top_logprobs", alternatives);
    }
    let effort = ask.reasoning.and_then(effort_word);
    if let Some(word) = effort {
        o.object("reasoning", |reasoning| reasoning.text("effort", word));
    }
    // Models without thought refuse to be asked for its seal.
    if effort.is_some() || ask.logprobs.is_some() {
        o.array("include", |include| {
            if effort.is_some() {
                include.text("reasoning.encrypted_content");
            }
            if ask.logprobs.is_some() {
                include.text("message.output_text.logprobs");
            }
        });
    }
}

fn text(ask: &ChatRequest<'_>, o: &mut Object<'_>) {
    let verbosity = ask.extra.iter().find(|(key, _)| key == "verbosity").map(|(_, value)| value);
    if ask.format.is_none() && verbosity.is_none() {
        return;
    }
    o.object("text", |text| {
        match &ask.format {
            None => {}
            Some(Format::Json) => text.raw("format", "{\"type\":\"json_object\"}"),
            Some(Format::Schema { name, schema, strict }) => text.object("format", |format| {
                format.text("type", "json_schema");
                schema_of(name.as_ref(), schema, *strict, format);
            }),
        }
        text.maybe("verbosity", verbosity);
    });
}

fn tools(ask: &ChatRequest<'_>, o: &mut Object<'_>, notes: &mut Notes) {
    let crosses = |tool: &&Tool<'_>| match tool {
        Tool::Function { .. } => true,
        Tool::Hosted { .. } => ask.from == Dialect::Responses,
    };
    for tool in ask.tools.iter().filter(|tool| !crosses(tool)) {
        if let Tool::Hosted { kind, .. } = tool {
            notes.dropped(&format!("tools.{kind}"));
        }
    }
    if !ask.tools.iter().any(|tool| crosses(&tool)) {
        return;
    }
    o.array("tools", |list| {
        for tool in ask.tools.iter().filter(crosses) {
            match tool {
                Tool::Hosted { json, .. } => list.json(json),
                Tool::Function { name, description, schema, strict, .. } => list.object(|o| {
                    o.text("type", "function");
                    o.json("name", name);
                    o.maybe("description", description.as_ref());
                    match schema {
                        Some(schema) => o.json("parameters", schema),
                        None => o.raw("parameters", "{\"type\":\"object\",\"properties\":{}}"),
                    }
                    // Here, what is not said is strict, and most schemas are not made for it.
                    o.truth("strict", strict.unwrap_or(false));
                }),
            }
        }
    });
    match &ask.tool_choice {
        None => {}
        Some(ToolChoice::Auto) => o.text("tool_choice", "auto"),
        Some(ToolChoice::Any) => o.text("tool_choice", "required"),
        Some(ToolChoice::Never) => o.text("tool_choice", "none"),
        Some(ToolChoice::Named(name)) => o.object("tool_choice", |choice| {
            choice.text("type", "function");
            choice.json("name", name);
        }),
    }
    if let Some(parallel) = ask.parallel_tools {
        o.truth("parallel_tool_calls", parallel);
    }
}

fn extra(ask: &ChatRequest<'_>, o: &mut Object<'_>, notes: &mut Notes) {
    for (key, value) in &ask.extra {
        match ask.from {
            Dialect::Responses if !key.contains('.') => o.json(key, value),
            Dialect::OpenAi if key == "verbosity" => {}
            Dialect::OpenAi if SAME.contains(&key.as_str()) => o.json(key, value),
            _ => notes.dropped(key),
        }
    }
}
