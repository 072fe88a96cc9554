//! A request of another dialect, written as one of Bedrock's Converse. The model and whether it streams are in the path.

use crate::bedrock::converse_parts::{Blocks, cache_point};
use crate::neutral::json::Json;
use crate::neutral::notes::{Notes, Unsupported};
use crate::neutral::request::{ChatRequest, Format, Part, Reasoning, Tool, ToolChoice};
use crate::neutral::write::{Array, Object, object};
use paceline_types::record::Dialect;

/// The room for the answer beside a budget for thought, where the caller sets no limit.
const ROOM: u64 = 8192;
/// The least budget for thought that Anthropic's models take, tokens.
const LEAST_BUDGET: u64 = 1024;

/// Whose model it is: what stands beside the common fields differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    Anthropic,
    Nova,
    Other,
}

impl Maker {
    /// From a model's id, an inference profile's or an address of either. Profiles with made-up names tell nothing.
    fn of(model: &str) -> Self {
        if model.contains("anthropic.") {
            Self::Anthropic
        } else if model.contains("amazon.nova") {
            Self::Nova
        } else {
            Self::Other
        }
    }

    /// Whether marks of what is worth keeping are understood; other models refuse them.
    pub(super) fn keeps(self) -> bool {
        self != Self::Other
    }
}

/// Writes `ask` for `model`.
///
/// # Errors
/// Where the dialect cannot say what the request means.
pub fn write(ask: &ChatRequest<'_>, model: &str, notes: &mut Notes) -> Result<Vec<u8>, Unsupported> {
    if ask.choices > 1 {
        let why = "this provider gives one answer to a request; ask for n = 1, or several times";
        return Err(Unsupported { field: "n".to_owned(), why: why.to_owned() });
    }
    let maker = Maker::of(model);
    let mut out = Vec::with_capacity(1024);
    let mut wrong = None;
    object(&mut out, |o| {
        let thought = thought(ask, maker, notes);
        let mut blocks = Blocks::new(maker, notes, &mut wrong);
        blocks.system(&ask.system, o);
        blocks.messages(&ask.turns, o);
        inference(ask, thought, o, notes);
        tools(ask, maker, thought.is_some(), o, notes);
        additional(ask, maker, thought, o, notes);
        format(ask, o, notes);
        rest(ask, o, notes);
    });
    wrong.map_or(Ok(out), Err)
}

/// How to think, as Anthropic's models are told.
#[derive(Clone, Copy, Debug)]
enum Thought {
    Adaptive,
    Budget(u64),
}

fn thought(ask: &ChatRequest<'_>, maker: Maker, notes: &mut Notes) -> Option<Thought> {
    let wanted = ask.reasoning.filter(|&reasoning| reasoning != Reasoning::Off)?;
    if maker != Maker::Anthropic {
        notes.dropped("reasoning");
        return None;
    }
    let budget = match wanted {
        Reasoning::Effort(effort) => effort.budget(),
        Reasoning::Budget(tokens) => tokens,
        Reasoning::Adaptive | Reasoning::Off => return Some(Thought::Adaptive),
    };
    // The limit holds for thought and answer together.
    let limit = ask.max_tokens.unwrap_or_else(|| budget.saturating_mul(2).max(2 * LEAST_BUDGET));
    if limit < 2 * LEAST_BUDGET {
        notes.dropped("reasoning (max_tokens leaves no room for it)");
        return None;
    }
    if !ask.thought_can_follow() {
        notes.dropped("reasoning (the thoughts before the last tool calls are not there)");
        return None;
    }
    Some(Thought::Budget(budget.clamp(LEAST_BUDGET, limit / 2)))
}

fn inference(ask: &ChatRequest<'_>, thought: Option<Thought>, o: &mut Object<'_>, notes: &mut Notes) {
    let limit = match (ask.max_tokens, thought) {
        (None, Some(Thought::Budget(budget))) => Some(budget.saturating_add(ROOM)),
        (limit, _) => limit,
    };
    // With thinking on, Anthropic's models take no other temperature than their own.
    let temperature = ask.temperature.as_ref().filter(|value| {
        let lost = thought.is_some() && value.get() != "1";
        if lost {
            notes.dropped("temperature (thinking is on)");
        }
        thought.is_none()
    });
    let says_nothing = limit.is_none() && temperature.is_none() && ask.top_p.is_none();
    if says_nothing && ask.stop.is_empty() {
        return;
    }
    o.object("inferenceConfig", |config| {
        if let Some(limit) = limit {
            config.number("maxTokens", limit);
        }
        match temperature {
            // 0 to 1 here, 0 to 2 elsewhere.
            Some(value) if value.get().parse::<f64>().is_ok_and(|number| number > 1.0) => {
                notes.changed("temperature", "lowered to 1");
                config.number("temperature", 1);
            }
            value => config.maybe("temperature", value),
        }
        config.maybe("topP", ask.top_p.as_ref());
        if !ask.stop.is_empty() {
            config.array("stopSequences", |stop| ask.stop.iter().for_each(|text| stop.json(text)));
        }
    });
}

/// What only the model's maker knows.
fn additional(
    ask: &ChatRequest<'_>,
    maker: Maker,
    thought: Option<Thought>,
    o: &mut Object<'_>,
    notes: &mut Notes,
) {
    let top_k = ask.top_k.as_ref().filter(|_| {
        match (maker, thought) {
            (Maker::Other, _) => notes.dropped("top_k"),
            (_, Some(_)) => notes.dropped("top_k (thinking is on)"),
            _ => return true,
        }
        false
    });
    if thought.is_none() && top_k.is_none() {
        return;
    }
    o.object("additionalModelRequestFields", |fields| {
        match thought {
            None => {}
            Some(Thought::Adaptive) => fields.raw("thinking", "{\"type\":\"adaptive\"}"),
            Some(Thought::Budget(tokens)) => fields.object("thinking", |thinking| {
                thinking.text("type", "enabled");
                thinking.number("budget_tokens", tokens);
            }),
        }
        match (maker, top_k) {
            (Maker::Nova, Some(top_k)) => {
                fields.object("inferenceConfig", |config| config.json("topK", top_k));
            }
            (_, top_k) => fields.maybe("top_k", top_k),
        }
    });
}

fn format(ask: &ChatRequest<'_>, o: &mut Object<'_>, notes: &mut Notes) {
    match &ask.format {
        None => {}
        Some(Format::Json) => notes.dropped("response_format (json_object)"),
        Some(Format::Schema { name, schema, .. }) => o.object("outputConfig", |config| {
            config.object("textFormat", |format| {
                format.text("type", "json_schema");
                format.object("structure", |structure| {
                    structure.object("jsonSchema", |inner| {
                        // Here the schema is a string.
                        inner.text("schema", schema.get());
                        inner.maybe("name", name.as_ref());
                    });
                });
            });
        }),
    }
}

fn rest(ask: &ChatRequest<'_>, o: &mut Object<'_>, notes: &mut Notes) {
    for (name, value) in [
        ("seed", &ask.seed),
        ("presence_penalty", &ask.presence_penalty),
        ("frequency_penalty", &ask.frequency_penalty),
        ("user", &ask.user),
    ] {
        if value.is_some() {
            notes.dropped(name);
        }
    }
    if ask.logprobs.is_some() {
        notes.dropped("logprobs");
    }
    let openai = matches!(ask.from, Dialect::OpenAi | Dialect::Responses);
    for (key, value) in &ask.extra {
        // Of the tiers, these three are called the same.
        let tier =
            openai && key == "service_tier" && ["default", "flex", "priority"].iter().any(|t| value.is(t));
        if tier {
            o.object("serviceTier", |tier| tier.json("type", value));
        } else if !(key == "service_tier" && value.is("auto")) {
            notes.dropped(key);
        }
    }
}

fn tools(ask: &ChatRequest<'_>, maker: Maker, thinks: bool, o: &mut Object<'_>, notes: &mut Notes) {
    for tool in &ask.tools {
        if let Tool::Hosted { kind, .. } = tool {
            notes.dropped(&format!("tools.{kind}"));
        }
    }
    let calls = ask.turns.iter().flat_map(|turn| &turn.parts).filter_map(|part| match part {
        Part::ToolCall(call) => Some(&call.name),
        _ => None,
    });
    let mut called: Vec<&Json<'_>> = Vec::new();
    for name in calls {
        if !called.iter().any(|known| known.get() == name.get()) {
            called.push(name);
        }
    }
    let listed = ask.tools.iter().any(|tool| matches!(tool, Tool::Function { .. }));
    let never = matches!(ask.tool_choice, Some(ToolChoice::Never));
    if called.is_empty() && (never || !listed) {
        return;
    }
    if never {
        notes.changed("tool_choice", "left to the model (the conversation has calls of tools)");
    }
    if ask.parallel_tools == Some(false) {
        notes.dropped("parallel_tool_calls");
    }
    o.object("toolConfig", |config| {
        config.array("tools", |list| {
            ask.tools.iter().for_each(|tool| specification(tool, maker, list, notes));
            // A conversation with calls is refused without tools.
            if !listed {
                notes.changed("tools", "named as the conversation calls them");
                for name in called {
                    known_by_name(name, list);
                }
            }
        });
        match &ask.tool_choice {
            None | Some(ToolChoice::Never) => {}
            Some(ToolChoice::Any | ToolChoice::Named(_)) if thinks => {
                notes.changed("tool_choice", "left to the model (thinking is on)");
            }
            Some(ToolChoice::Auto) => config.raw("toolChoice", "{\"auto\":{}}"),
            Some(ToolChoice::Any) => config.raw("toolChoice", "{\"any\":{}}"),
            Some(ToolChoice::Named(name)) => config.object("toolChoice", |choice| {
                choice.object("tool", |tool| tool.json("name", name));
            }),
        }
    });
}

fn specification(tool: &Tool<'_>, maker: Maker, list: &mut Array<'_>, notes: &mut Notes) {
    let Tool::Function { name, description, schema, strict, cache } = tool else { return };
    list.object(|o| {
        o.object("toolSpec", |spec| {
            spec.json("name", name);
            spec.maybe("description", description.as_ref().filter(|text| !text.inner().is_empty()));
            spec.object("inputSchema", |input| match schema {
                Some(schema) => input.json("json", schema),
                None => input.raw("json", "{\"type\":\"object\",\"properties\":{}}"),
            });
            if *strict == Some(true) {
                spec.truth("strict", true);
            }
        });
    });
    // Of the models that keep prompts, Amazon's keep no tools.
    let keeps = if maker == Maker::Anthropic { maker } else { Maker::Other };
    cache_point(cache.as_ref(), keeps, list, notes);
}

fn known_by_name(name: &Json<'_>, list: &mut Array<'_>) {
    list.object(|o| {
        o.object("toolSpec", |spec| {
            spec.json("name", name);
            spec.object("inputSchema", |input| {
                input.raw("json", "{\"type\":\"object\",\"properties\":{}}");
            });
        });
    });
}
