//! A request of another dialect, written as one of Anthropic's.

use crate::neutral::json::Json;
use crate::neutral::notes::{Notes, Unsupported};
use crate::neutral::request::{
    ChatRequest, Format, Part, Reasoning, Side, Source, Tool, ToolCall, ToolChoice, Turn,
};
use crate::neutral::seal;
use crate::neutral::write::{Array, Object, array, object};

/// The output limit where the caller sets none: the dialect needs one.
pub const DEFAULT_MAX_TOKENS: u64 = 8192;
/// The least budget for thought the dialect takes, tokens.
const LEAST_BUDGET: u64 = 1024;

/// Members of other dialects' requests that this one has under the same name and meaning.
const SAME: [&str; 7] = [
    "thinking",
    "service_tier",
    "container",
    "mcp_servers",
    "context_management",
    "output_config",
    "inference_geo",
];

/// Where the request goes: the dialect as Anthropic speaks it, or as a body for Bedrock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// Anthropic, and who speaks like it; the model is in the body.
    Direct(&'a str),
    /// Bedrock, where model and stream are in the path.
    Bedrock,
}

/// Writes `ask`; `max_tokens` is the limit where the request has none.
///
/// # Errors
/// Where the dialect cannot say what the request means.
pub fn write(
    ask: &ChatRequest<'_>,
    place: Place<'_>,
    max_tokens: u64,
    notes: &mut Notes,
) -> Result<Vec<u8>, Unsupported> {
    if ask.choices > 1 {
        let why = "this provider gives one answer to a request; ask for n = 1, or several times";
        return Err(Unsupported { field: "n".to_owned(), why: why.to_owned() });
    }
    let mut out = Vec::with_capacity(1024);
    let mut wrong = None;
    object(&mut out, |o| {
        match place {
            Place::Direct(model) => {
                o.text("model", model);
                if ask.stream {
                    o.truth("stream", true);
                }
            }
            Place::Bedrock => o.text("anthropic_version", "bedrock-2023-05-31"),
        }
        let limit = ask.max_tokens.unwrap_or(max_tokens);
        let thinks = thinking(ask, limit, o, notes);
        o.number("max_tokens", limit);
        let mut blocks = Blocks { notes: &mut *notes, wrong: &mut wrong };
        blocks.system(&ask.system, o);
        o.array("messages", |list| ask.turns.iter().for_each(|turn| blocks.turn(turn, list)));
        settings(ask, thinks, o, notes);
        tools(ask, thinks, o, notes);
    });
    wrong.map_or(Ok(out), Err)
}

/// Writes how much to think; whether it does.
fn thinking(ask: &ChatRequest<'_>, limit: u64, o: &mut Object<'_>, notes: &mut Notes) -> bool {
    if let Some((_, own)) = ask.extra.iter().find(|(key, _)| key == "thinking") {
        return !own.member("type").is_some_and(|kind| kind.is("disabled"));
    }
    let budget = match ask.reasoning {
        None | Some(Reasoning::Off) => return false,
        Some(Reasoning::Adaptive) => {
            o.raw("thinking", "{\"type\":\"adaptive\"}");
            return true;
        }
        Some(Reasoning::Effort(effort)) => effort.budget(),
        Some(Reasoning::Budget(tokens)) => tokens,
    };
    // The limit holds for thought and answer together.
    if limit < 2 * LEAST_BUDGET {
        notes.dropped("reasoning (max_tokens leaves no room for it)");
        return false;
    }
    let room = budget.clamp(LEAST_BUDGET, limit / 2);
    if !ask.thought_can_follow() {
        notes.dropped("reasoning (the thoughts before the last tool calls are not there)");
        return false;
    }
    o.object("thinking", |thinking| {
        thinking.text("type", "enabled");
        thinking.number("budget_tokens", room);
    });
    true
}

fn settings(ask: &ChatRequest<'_>, thinks: bool, o: &mut Object<'_>, notes: &mut Notes) {
    // With thinking on, the dialect takes no other temperature than its own.
    if thinks {
        for (key, value) in [("temperature", &ask.temperature), ("top_k", &ask.top_k)] {
            if value.as_ref().is_some_and(|value| value.get() != "1") {
                notes.dropped(&format!("{key} (thinking is on)"));
            }
        }
    } else {
        if let Some(value) = &ask.temperature {
            temperature(value, o, notes);
        }
        o.maybe("top_k", ask.top_k.as_ref());
    }
    o.maybe("top_p", ask.top_p.as_ref());
    if !ask.stop.is_empty() {
        o.array("stop_sequences", |stop| ask.stop.iter().for_each(|text| stop.json(text)));
    }
    if let Some(user) = &ask.user {
        o.object("metadata", |metadata| metadata.json("user_id", user));
    }
    for (name, value) in [
        ("seed", &ask.seed),
        ("presence_penalty", &ask.presence_penalty),
        ("frequency_penalty", &ask.frequency_penalty),
    ] {
        if value.is_some() {
            notes.dropped(name);
        }
    }
    if ask.logprobs.is_some() {
        notes.dropped("logprobs");
    }
    match &ask.format {
        None => {}
        Some(Format::Json) => notes.dropped("response_format (json_object)"),
        Some(Format::Schema { schema, .. }) => o.object("output_config", |config| {
            config.object("format", |format| {
                format.text("type", "json_schema");
                format.json("schema", schema);
            });
        }),
    }
    for (key, value) in &ask.extra {
        let twice = key == "output_config" && matches!(ask.format, Some(Format::Schema { .. }));
        // Service tiers have the same field and other words.
        if SAME.contains(&key.as_str()) && !twice && key != "service_tier" {
            o.json(key, value);
        } else {
            notes.dropped(key);
        }
    }
}

/// 0 to 1 here, 0 to 2 elsewhere.
fn temperature(value: &Json<'_>, o: &mut Object<'_>, notes: &mut Notes) {
    match value.get().parse::<f64>() {
        Ok(number) if number > 1.0 => {
            notes.changed("temperature", "lowered to 1");
            o.number("temperature", 1);
        }
        _ => o.json("temperature", value),
    }
}

fn tools(ask: &ChatRequest<'_>, thinks: bool, o: &mut Object<'_>, notes: &mut Notes) {
    let mut listed = false;
    for tool in &ask.tools {
        match tool {
            Tool::Function { .. } => listed = true,
            Tool::Hosted { kind, .. } => notes.dropped(&format!("tools.{kind}")),
        }
    }
    if !listed {
        return;
    }
    o.array("tools", |list| {
        for tool in &ask.tools {
            let Tool::Function { name, description, schema, strict, cache } = tool else { continue };
            list.object(|o| {
                o.json("name", name);
                o.maybe("description", description.as_ref());
                match schema.as_ref().filter(|schema| !schema.is_empty_object()) {
                    Some(schema) => o.json("input_schema", schema),
                    None => o.raw("input_schema", "{\"type\":\"object\",\"properties\":{}}"),
                }
                if let Some(true) = strict {
                    o.truth("strict", true);
                }
                o.maybe("cache_control", cache.as_ref());
            });
        }
    });
    let alone = ask.parallel_tools == Some(false);
    let forced = matches!(ask.tool_choice, Some(ToolChoice::Any | ToolChoice::Named(_)));
    if forced && thinks {
        notes.changed("tool_choice", "left to the model (thinking is on)");
    }
    if ask.tool_choice.is_none() && !alone {
        return;
    }
    o.object("tool_choice", |choice| {
        match &ask.tool_choice {
            Some(ToolChoice::Never) => choice.text("type", "none"),
            Some(ToolChoice::Any) if !thinks => choice.text("type", "any"),
            Some(ToolChoice::Named(name)) if !thinks => {
                choice.text("type", "tool");
                choice.json("name", name);
            }
            _ => choice.text("type", "auto"),
        }
        if alone && !matches!(ask.tool_choice, Some(ToolChoice::Never)) {
            choice.truth("disable_parallel_tool_use", true);
        }
    });
}

struct Blocks<'m> {
    notes: &'m mut Notes,
    wrong: &'m mut Option<Unsupported>,
}

impl Blocks<'_> {
    fn system(&mut self, parts: &[Part<'_>], o: &mut Object<'_>) {
        match parts {
            [] => {}
            [Part::Text { text, .. }] if text.inner().is_empty() => {}
            [Part::Text { text, cache: None }] => o.json("system", text),
            _ => o.array("system", |list| self.list(parts, list)),
        }
    }

    fn turn(&mut self, turn: &Turn<'_>, list: &mut Array<'_>) {
        let results = |part: &&Part<'_>| matches!(part, Part::ToolResult { .. });
        let parts = turn.parts.iter();
        let content = match turn.parts.as_slice() {
            [Part::Text { text, cache: None }] if !text.inner().is_empty() => text.view(),
            _ => {
                let mut out = Vec::new();
                array(&mut out, |list| {
                    // Results of tools come first.
                    for part in parts.clone().filter(results).chain(parts.filter(|part| !results(part))) {
                        self.block(part, list);
                    }
                });
                Json::known(String::from_utf8_lossy(&out).into_owned())
            }
        };
        // Nothing of it crosses: the dialect has no empty turns.
        if content.get() == "[]" {
            return;
        }
        list.object(|o| {
            o.text("role", if turn.side == Side::User { "user" } else { "assistant" });
            o.json("content", &content);
        });
    }

    fn list(&mut self, parts: &[Part<'_>], list: &mut Array<'_>) {
        for part in parts {
            self.block(part, list);
        }
    }

    fn block(&mut self, part: &Part<'_>, list: &mut Array<'_>) {
        match part {
            // The dialect refuses empty text.
            Part::Text { text, .. } | Part::Refusal { text } if text.inner().is_empty() => {}
            Part::Text { text, cache } => list.object(|o| {
                o.text("type", "text");
                o.json("text", text);
                o.maybe("cache_control", cache.as_ref());
            }),
            Part::Refusal { text } => list.object(|o| {
                o.text("type", "text");
                o.json("text", text);
            }),
            Part::Image { source, detail, cache } => {
                if detail.as_ref().is_some_and(|detail| !detail.is("auto")) {
                    self.notes.dropped("image_url.detail");
                }
                self.sourced("image", source, None, cache.as_ref(), list);
            }
            Part::File { source, name, cache } => {
                self.sourced("document", source, name.as_ref(), cache.as_ref(), list);
            }
            Part::Audio { .. } => {
                self.refuse("input_audio", "this provider hears no sound; name a model that does");
            }
            Part::ToolCall(call) => tool_use(call, list),
            Part::ToolResult { id, content, is_error, cache, .. } => {
                self.tool_result(id.as_ref(), content, *is_error, cache.as_ref(), list);
            }
            Part::Reasoning { signature: Some(seal), .. } if seal::is_marked(seal) => {
                self.notes.dropped("thinking of another provider");
            }
            Part::Reasoning { signature: Some(seal), .. } if seal.inner().is_empty() => {
                self.notes.dropped("reasoning without its signature");
            }
            Part::Reasoning { text, signature: Some(seal) } => list.object(|o| {
                o.text("type", "thinking");
                o.json("thinking", text);
                o.json("signature", seal);
            }),
            Part::Sealed { data } if seal::of_call(data).is_some() => {
                self.notes.dropped("thinking of another provider");
            }
            Part::Sealed { data } => list.object(|o| {
                o.text("type", "redacted_thinking");
                o.json("data", data);
            }),
            Part::Reasoning { signature: None, .. } => self.notes.dropped("reasoning without its signature"),
            Part::Other { kind, .. } => self.notes.dropped(kind),
        }
    }

    fn sourced(
        &mut self,
        kind: &str,
        source: &Source<'_>,
        name: Option<&Json<'_>>,
        cache: Option<&Json<'_>>,
        list: &mut Array<'_>,
    ) {
        if matches!(source, Source::Id(_)) {
            return self
                .refuse("file_id", "the file is stored at another provider; send it as data or by address");
        }
        list.object(|o| {
            o.text("type", kind);
            o.object("source", |o| match source {
                Source::Url(url) | Source::Id(url) => {
                    o.text("type", "url");
                    o.json("url", url);
                }
                Source::Data { media_type, data } => {
                    o.text("type", "base64");
                    o.json("media_type", media_type);
                    o.json("data", data);
                }
                Source::Text(text) => {
                    o.text("type", "text");
                    o.text("media_type", "text/plain");
                    o.json("data", text);
                }
            });
            o.maybe("title", name);
            o.maybe("cache_control", cache);
        });
    }

    fn tool_result(
        &mut self,
        id: Option<&Json<'_>>,
        content: &[Part<'_>],
        is_error: bool,
        cache: Option<&Json<'_>>,
        list: &mut Array<'_>,
    ) {
        list.object(|o| {
            o.text("type", "tool_result");
            match id {
                Some(id) => o.json("tool_use_id", id),
                None => o.text("tool_use_id", "toolu_0"),
            }
            match content {
                [] => {}
                [Part::Text { text, cache: None }] => o.json("content", text),
                parts => o.array("content", |list| self.list(parts, list)),
            }
            if is_error {
                o.truth("is_error", true);
            }
            o.maybe("cache_control", cache);
        });
    }

    fn refuse(&mut self, field: &str, why: &str) {
        self.wrong.get_or_insert_with(|| Unsupported { field: field.to_owned(), why: why.to_owned() });
    }
}

fn tool_use(call: &ToolCall<'_>, list: &mut Array<'_>) {
    list.object(|o| {
        o.text("type", "tool_use");
        match &call.id {
            Some(id) => o.json("id", id),
            None => o.text("id", "toolu_0"),
        }
        o.json("name", &call.name);
        o.json("input", &call.input);
        o.maybe("cache_control", call.cache.as_ref());
    });
}
