//! A request of another dialect, written as one of the responses dialect, for providers that speak nothing else.

use crate::neutral::json::{Json, join};
use crate::neutral::notes::{Notes, Unsupported};
use crate::neutral::request::{ChatRequest, Format, Part, Side, Source, Tool, ToolChoice, Turn};
use crate::neutral::write::{Array, Object, object};
use crate::openai::write_request::{address, effort_word};
use crate::responses::is_own_seal;
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
            let mut items = Items { list, own_ids, calls: 0, results: 0, notes, wrong: &mut wrong };
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
                match name {
                    Some(name) => format.json("name", name),
                    None => format.text("name", "answer"),
                }
                format.json("schema", schema);
                if let Some(strict) = strict {
                    format.truth("strict", *strict);
                }
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

struct Items<'m, 'o> {
    list: &'m mut Array<'o>,
    /// Ids of files are of the same house.
    own_ids: bool,
    /// Calls and results without ids, which answer each other in their order.
    calls: u32,
    results: u32,
    notes: &'m mut Notes,
    wrong: &'m mut Option<Unsupported>,
}

impl Items<'_, '_> {
    fn turn(&mut self, turn: &Turn<'_>) {
        match turn.side {
            Side::User => self.user(&turn.parts),
            Side::Assistant => self.assistant(&turn.parts),
        }
    }

    /// Results of tools are items of their own and come first.
    fn user(&mut self, parts: &[Part<'_>]) {
        let mut said = Vec::new();
        for part in parts {
            let Part::ToolResult { id, content, is_error, .. } = part else {
                said.push(part);
                continue;
            };
            if *is_error {
                self.notes.dropped("tool_result.is_error");
            }
            let id = self.id(id.as_ref(), false);
            let content: Vec<_> = content.iter().filter(|part| self.crosses(part)).collect();
            self.list.object(|o| {
                o.text("type", "function_call_output");
                o.raw("call_id", &id);
                content_of("output", &content, o);
            });
        }
        let said: Vec<_> = said.into_iter().filter(|part| self.crosses(part)).collect();
        if !said.is_empty() {
            self.list.object(|o| {
                o.text("role", "user");
                content_of("content", &said, o);
            });
        }
    }

    /// Items in their order; text that stands together is one message.
    fn assistant(&mut self, parts: &[Part<'_>]) {
        let mut said: Vec<&Part<'_>> = Vec::new();
        for part in parts {
            if matches!(part, Part::Text { .. } | Part::Refusal { .. }) {
                self.crosses(part);
                said.push(part);
                continue;
            }
            self.message(&mut said);
            match part {
                Part::ToolCall(call) => {
                    let id = self.id(call.id.as_ref(), true);
                    self.list.object(|o| {
                        o.text("type", "function_call");
                        o.raw("call_id", &id);
                        o.json("name", &call.name);
                        o.text("arguments", call.input.get());
                    });
                }
                Part::Reasoning { text, signature: Some(seal) } if is_own_seal(seal) => {
                    self.thought(Some(text), seal);
                }
                Part::Sealed { data } if is_own_seal(data) => self.thought(None, data),
                Part::Reasoning { .. } | Part::Sealed { .. } => self.notes.dropped("thinking"),
                Part::Other { kind, .. } => self.notes.dropped(kind),
                _ => self.notes.dropped("what is no text of the assistant"),
            }
        }
        self.message(&mut said);
    }

    fn message(&mut self, said: &mut Vec<&Part<'_>>) {
        if said.is_empty() {
            return;
        }
        self.list.object(|o| {
            o.text("role", "assistant");
            o.array("content", |list| {
                for part in said.drain(..) {
                    list.object(|o| match part {
                        Part::Refusal { text } => {
                            o.text("type", "refusal");
                            o.json("refusal", text);
                        }
                        Part::Text { text, .. } => {
                            o.text("type", "output_text");
                            o.json("text", text);
                        }
                        _ => {}
                    });
                }
            });
        });
    }

    fn thought(&mut self, text: Option<&Json<'_>>, seal: &Json<'_>) {
        self.list.object(|o| {
            o.text("type", "reasoning");
            o.array("summary", |list| {
                if let Some(text) = text.filter(|text| !text.inner().is_empty()) {
                    list.object(|o| {
                        o.text("type", "summary_text");
                        o.json("text", text);
                    });
                }
            });
            o.json("encrypted_content", seal);
        });
    }

    /// A call's name; one is made where the caller's dialect has none.
    fn id(&mut self, id: Option<&Json<'_>>, is_call: bool) -> String {
        let counter = if is_call { &mut self.calls } else { &mut self.results };
        id.map_or_else(
            || {
                *counter += 1;
                format!("\"call_{counter}\"")
            },
            |id| id.get().to_owned(),
        )
    }

    /// Whether a part can be said by the user; what cannot is told.
    fn crosses(&mut self, part: &Part<'_>) -> bool {
        match part {
            Part::Text { cache: Some(_), .. }
            | Part::Image { cache: Some(_), .. }
            | Part::File { cache: Some(_), .. } => self.notes.dropped("cache_control"),
            _ => {}
        }
        match part {
            Part::Text { .. } | Part::Refusal { .. } => true,
            Part::Image { source: Source::Id(_), .. } | Part::File { source: Source::Id(_), .. }
                if !self.own_ids =>
            {
                self.refuse(
                    "file_id",
                    "the file is stored at another provider; send it as data or by address",
                )
            }
            Part::Image { .. } | Part::File { .. } => true,
            Part::Audio { .. } => {
                self.refuse("input_audio", "this provider hears no sound; name a model that does")
            }
            Part::Other { kind, .. } => {
                self.notes.dropped(kind);
                false
            }
            Part::Reasoning { .. } | Part::Sealed { .. } => {
                self.notes.dropped("thinking");
                false
            }
            Part::ToolCall(_) | Part::ToolResult { .. } => false,
        }
    }

    fn refuse(&mut self, field: &str, why: &str) -> bool {
        self.wrong.get_or_insert_with(|| Unsupported { field: field.to_owned(), why: why.to_owned() });
        false
    }
}

/// What a user or a tool said: plain text is a string.
fn content_of(key: &str, parts: &[&Part<'_>], o: &mut Object<'_>) {
    match parts {
        [] => o.text(key, ""),
        [Part::Text { text, .. } | Part::Refusal { text }] => o.json(key, text),
        parts => o.array(key, |list| parts.iter().for_each(|part| list.object(|o| part_of(part, o)))),
    }
}

fn part_of(part: &Part<'_>, o: &mut Object<'_>) {
    match part {
        Part::Text { text, .. } | Part::Refusal { text } | Part::File { source: Source::Text(text), .. } => {
            o.text("type", "input_text");
            o.json("text", text);
        }
        Part::Image { source, detail, .. } => {
            o.text("type", "input_image");
            match source {
                Source::Id(id) => o.json("file_id", id),
                _ => o.json("image_url", &address(source)),
            }
            match detail {
                Some(detail) => o.json("detail", detail),
                None => o.text("detail", "auto"),
            }
        }
        Part::File { source, name, .. } => {
            o.text("type", "input_file");
            match source {
                Source::Id(id) => o.json("file_id", id),
                Source::Url(url) => o.json("file_url", url),
                _ => {
                    match name {
                        Some(name) => o.json("filename", name),
                        None => o.text("filename", "document.pdf"),
                    }
                    o.json("file_data", &address(source));
                }
            }
        }
        _ => {}
    }
}
