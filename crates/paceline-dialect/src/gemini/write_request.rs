//! A request of another dialect, written as one of Gemini's.

use super::model::Model;
use super::write_parts::Parts;
use crate::neutral::notes::{Notes, Unsupported};
use crate::neutral::request::{ChatRequest, Effort, Format, Reasoning, Tool, ToolChoice};
use crate::neutral::write::{Object, object};
use paceline_types::record::Dialect;

/// The most stop texts the dialect takes.
const MAX_STOPS: usize = 5;
/// The most answers to one request.
const MAX_CHOICES: u64 = 8;

/// Members of the dialect that callers of another one may give beside their own.
const SAME: [(&str, &str); 5] = [
    ("safetySettings", "safetySettings"),
    ("safety_settings", "safetySettings"),
    ("cachedContent", "cachedContent"),
    ("cached_content", "cachedContent"),
    ("labels", "labels"),
];

/// Writes `ask`. The model is not in the body, but its generation decides how thought is asked for and given back.
///
/// # Errors
/// Where the dialect cannot say what the request means.
pub fn write(ask: &ChatRequest<'_>, model: &str, notes: &mut Notes) -> Result<Vec<u8>, Unsupported> {
    if ask.choices > MAX_CHOICES {
        let why = "this provider gives at most 8 answers to a request";
        return Err(Unsupported { field: "n".to_owned(), why: why.to_owned() });
    }
    let model = Model::new(model);
    let mut out = Vec::with_capacity(1024);
    let mut wrong = None;
    object(&mut out, |o| {
        let mut parts = Parts { ask, model, notes: &mut *notes, wrong: &mut wrong };
        parts.system(o);
        parts.contents(o);
        tools(ask, o, notes);
        generation(ask, model, o, notes);
        extra(ask, o, notes);
    });
    if ask.user.is_some() {
        notes.dropped("user");
    }
    wrong.map_or(Ok(out), Err)
}

fn generation(ask: &ChatRequest<'_>, model: Model<'_>, o: &mut Object<'_>, notes: &mut Notes) {
    o.object("generationConfig", |config| {
        if let Some(limit) = ask.max_tokens {
            config.number("maxOutputTokens", limit);
        }
        config.maybe("temperature", ask.temperature.as_ref());
        config.maybe("topP", ask.top_p.as_ref());
        config.maybe("topK", ask.top_k.as_ref());
        match &ask.seed {
            Some(seed) if seed.get().parse::<i32>().is_err() => {
                notes.dropped("seed (this provider takes 32 bits)");
            }
            seed => config.maybe("seed", seed.as_ref()),
        }
        config.maybe("presencePenalty", ask.presence_penalty.as_ref());
        config.maybe("frequencyPenalty", ask.frequency_penalty.as_ref());
        if !ask.stop.is_empty() {
            config.array("stopSequences", |stop| {
                ask.stop.iter().take(MAX_STOPS).for_each(|text| stop.json(text));
            });
            if ask.stop.len() > MAX_STOPS {
                notes.changed("stop", "cut to its first 5");
            }
        }
        if ask.choices > 1 {
            config.number("candidateCount", ask.choices);
        }
        if let Some(alternatives) = ask.logprobs {
            config.truth("responseLogprobs", true);
            if alternatives > 0 {
                config.number("logprobs", alternatives);
            }
        }
        match &ask.format {
            None => {}
            Some(Format::Json) => config.text("responseMimeType", "application/json"),
            Some(Format::Schema { schema, .. }) => {
                config.text("responseMimeType", "application/json");
                config.json("responseJsonSchema", schema);
            }
        }
        if let Some(asked) = ask.reasoning {
            reasoning(asked, model, config, notes);
        }
        for (key, value) in &ask.extra {
            if let Some(own) = key.strip_prefix("generationConfig.") {
                config.json(own, value);
            }
        }
    });
}

/// How much to think: in words from the third generation on, in tokens before.
fn reasoning(asked: Reasoning, model: Model<'_>, config: &mut Object<'_>, notes: &mut Notes) {
    if !model.thinks() {
        if asked != Reasoning::Off {
            notes.dropped("reasoning (this model does not think)");
        }
        return;
    }
    config.object("thinkingConfig", |thinking| {
        if model.is_sealed() {
            let effort = match asked {
                Reasoning::Adaptive => None,
                Reasoning::Effort(effort) => Some(effort),
                Reasoning::Budget(tokens) => Some(Effort::of_budget(tokens)),
                Reasoning::Off => {
                    notes.changed("reasoning", "lowered to the least, this model cannot do without");
                    Some(Effort::Minimal)
                }
            };
            if let Some(effort) = effort {
                thinking.text("thinkingLevel", model.level(effort));
            }
        } else {
            let (least, most) = model.budgets();
            let wanted = match asked {
                Reasoning::Adaptive => None,
                Reasoning::Effort(effort) => Some(effort.budget().clamp(least, most)),
                Reasoning::Budget(tokens) => Some(tokens.clamp(least, most)),
                Reasoning::Off if model.can_be_silent() => Some(0),
                Reasoning::Off => Some(least),
            };
            if matches!(asked, Reasoning::Budget(tokens) if wanted != Some(tokens)) {
                notes.changed("thinking.budget_tokens", "set to the nearest that this model takes");
            }
            if asked == Reasoning::Off && wanted != Some(0) {
                notes.changed("reasoning", "lowered to the least, this model cannot do without");
            }
            match wanted {
                Some(tokens) => thinking.number("thinkingBudget", tokens),
                None => thinking.raw("thinkingBudget", "-1"),
            }
        }
        if asked != Reasoning::Off {
            thinking.truth("includeThoughts", true);
        }
    });
}

fn tools(ask: &ChatRequest<'_>, o: &mut Object<'_>, notes: &mut Notes) {
    let own = ask.from == Dialect::Gemini;
    let functions: Vec<_> = ask.tools.iter().filter(|tool| matches!(tool, Tool::Function { .. })).collect();
    let mut hosted = Vec::new();
    for tool in &ask.tools {
        if let Tool::Hosted { kind, json } = tool {
            if own {
                hosted.push(json);
            } else {
                notes.dropped(&format!("tools.{kind}"));
            }
        }
    }
    if !functions.is_empty() || !hosted.is_empty() {
        o.array("tools", |list| {
            if !functions.is_empty() {
                list.object(|o| {
                    o.array("functionDeclarations", |list| {
                        for tool in &functions {
                            list.object(|o| function(tool, o, notes));
                        }
                    });
                });
            }
            for json in hosted {
                list.json(json);
            }
        });
    }
    if ask.parallel_tools == Some(false) && !functions.is_empty() {
        notes.dropped("parallel_tool_calls");
    }
    let others: Vec<_> = ask
        .extra
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix("toolConfig.")?, value)))
        .filter(|(key, _)| !key.starts_with("functionCallingConfig"))
        .collect();
    let choice = ask.tool_choice.as_ref().filter(|_| !functions.is_empty());
    if choice.is_none() && others.is_empty() {
        return;
    }
    let validated = ask.extra.iter().any(|(key, _)| key == "toolConfig.functionCallingConfig.mode");
    o.object("toolConfig", |config| {
        if let Some(choice) = choice {
            config.object("functionCallingConfig", |calling| match choice {
                ToolChoice::Auto if validated => calling.text("mode", "VALIDATED"),
                ToolChoice::Auto => calling.text("mode", "AUTO"),
                ToolChoice::Any => calling.text("mode", "ANY"),
                ToolChoice::Never => calling.text("mode", "NONE"),
                ToolChoice::Named(name) => {
                    calling.text("mode", "ANY");
                    calling.array("allowedFunctionNames", |names| names.json(name));
                }
            });
        }
        for (key, value) in others {
            config.json(key, value);
        }
    });
}

fn function(tool: &Tool<'_>, o: &mut Object<'_>, notes: &mut Notes) {
    let Tool::Function { name, description, schema, strict, cache } = tool else { return };
    o.json("name", name);
    o.maybe("description", description.as_ref());
    // A function without parameters has no schema here. The member for plain JSON schema: the other one, `parameters`, refuses most of it.
    o.maybe("parametersJsonSchema", schema.as_ref().filter(|schema| !schema.is_empty_object()));
    if *strict == Some(true) {
        notes.dropped("tools.strict");
    }
    if cache.is_some() {
        notes.dropped("cache_control");
    }
}

fn extra(ask: &ChatRequest<'_>, o: &mut Object<'_>, notes: &mut Notes) {
    let own = ask.from == Dialect::Gemini;
    for (key, value) in &ask.extra {
        if key.starts_with("generationConfig.") || key.starts_with("toolConfig.") {
            continue;
        }
        match SAME.iter().find(|(name, _)| name == key) {
            Some((_, name)) => o.json(name, value),
            None if own => o.json(key, value),
            None => notes.dropped(key),
        }
    }
}
