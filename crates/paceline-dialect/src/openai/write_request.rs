//! A request of another dialect, written as a chat request of OpenAI's.

use crate::neutral::json::{Json, join};
use crate::neutral::notes::{Notes, Unsupported};
use crate::neutral::request::{
    ChatRequest, Effort, Format, Part, Reasoning, Side, Source, Tool, ToolChoice, Turn,
};
use crate::neutral::write::{Array, Object, object};

/// Small differences between services that speak this dialect.
#[derive(Clone, Copy, Debug, Default)]
pub struct Habits {
    /// The output limit is called `max_completion_tokens`, as OpenAI itself has it.
    pub completion_limit: bool,
    /// `cache_control` in parts is understood (OpenRouter).
    pub cache_marks: bool,
}

/// Writes `ask` for `model`; `asks_for_usage`: the usage of a stream is to be asked for.
///
/// # Errors
/// Where the dialect cannot say what the request means.
pub fn write(
    ask: &ChatRequest<'_>,
    model: &str,
    habits: Habits,
    asks_for_usage: bool,
    notes: &mut Notes,
) -> Result<Vec<u8>, Unsupported> {
    let mut out = Vec::with_capacity(1024);
    let mut wrong = None;
    object(&mut out, |o| {
        o.text("model", model);
        o.array("messages", |list| {
            let mut writer = Messages { list, habits, notes: &mut *notes, wrong: &mut wrong };
            writer.system(&ask.system);
            for turn in &ask.turns {
                writer.turn(turn);
            }
        });
        if ask.stream {
            o.truth("stream", true);
            if asks_for_usage {
                o.raw("stream_options", "{\"include_usage\":true}");
            }
        }
        settings(ask, habits, o, notes);
        tools(ask, o, notes);
    });
    for (key, _) in &ask.extra {
        notes.dropped(key);
    }
    wrong.map_or(Ok(out), Err)
}

fn settings(ask: &ChatRequest<'_>, habits: Habits, o: &mut Object<'_>, notes: &mut Notes) {
    if let Some(limit) = ask.max_tokens {
        o.number(if habits.completion_limit { "max_completion_tokens" } else { "max_tokens" }, limit);
    }
    o.maybe("temperature", ask.temperature.as_ref());
    o.maybe("top_p", ask.top_p.as_ref());
    o.maybe("seed", ask.seed.as_ref());
    o.maybe("presence_penalty", ask.presence_penalty.as_ref());
    o.maybe("frequency_penalty", ask.frequency_penalty.as_ref());
    o.maybe("user", ask.user.as_ref());
    if ask.top_k.is_some() {
        notes.dropped("top_k");
    }
    if !ask.stop.is_empty() {
        o.array("stop", |stop| ask.stop.iter().take(4).for_each(|text| stop.json(text)));
        if ask.stop.len() > 4 {
            notes.changed("stop", "cut to its first 4");
        }
    }
    if ask.choices > 1 {
        o.number("n", ask.choices);
    }
    if let Some(alternatives) = ask.logprobs {
        o.truth("logprobs", true);
        if alternatives > 0 {
            o.number("top_logprobs", alternatives);
        }
    }
    if let Some(word) = ask.reasoning.and_then(effort_word) {
        o.text("reasoning_effort", word);
    }
    match &ask.format {
        None => {}
        Some(Format::Json) => o.raw("response_format", "{\"type\":\"json_object\"}"),
        Some(Format::Schema { name, schema, strict }) => o.object("response_format", |format| {
            format.text("type", "json_schema");
            format.object("json_schema", |inner| schema_of(name.as_ref(), schema, *strict, inner));
        }),
    }
}

/// The word for how much to reason; `None`: as the model does by itself.
pub(crate) fn effort_word(reasoning: Reasoning) -> Option<&'static str> {
    let effort = match reasoning {
        // Not every model knows `none`: asking for nothing is understood by all.
        Reasoning::Off | Reasoning::Adaptive => return None,
        Reasoning::Effort(effort) => effort,
        Reasoning::Budget(tokens) => Effort::of_budget(tokens),
    };
    Some(match effort {
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Max => "xhigh",
    })
}

fn tools(ask: &ChatRequest<'_>, o: &mut Object<'_>, notes: &mut Notes) {
    let functions: Vec<_> = ask.tools.iter().filter(|tool| matches!(tool, Tool::Function { .. })).collect();
    for tool in &ask.tools {
        if let Tool::Hosted { kind, .. } = tool {
            notes.dropped(&format!("tools.{kind}"));
        }
    }
    if functions.is_empty() {
        return;
    }
    o.array("tools", |list| functions.iter().for_each(|tool| list.object(|o| function(tool, o, notes))));
    match &ask.tool_choice {
        None => {}
        Some(ToolChoice::Auto) => o.text("tool_choice", "auto"),
        Some(ToolChoice::Any) => o.text("tool_choice", "required"),
        Some(ToolChoice::Never) => o.text("tool_choice", "none"),
        Some(ToolChoice::Named(name)) => o.object("tool_choice", |choice| {
            choice.text("type", "function");
            choice.object("function", |function| function.json("name", name));
        }),
    }
    if let Some(parallel) = ask.parallel_tools {
        o.truth("parallel_tool_calls", parallel);
    }
}

fn function(tool: &Tool<'_>, o: &mut Object<'_>, notes: &mut Notes) {
    let Tool::Function { name, description, schema, strict, cache } = tool else { return };
    if cache.is_some() {
        notes.dropped("cache_control");
    }
    o.text("type", "function");
    o.object("function", |inner| {
        inner.json("name", name);
        inner.maybe("description", description.as_ref());
        inner.maybe("parameters", schema.as_ref());
        if let Some(strict) = strict {
            inner.truth("strict", *strict);
        }
    });
}

struct Messages<'m, 'o> {
    list: &'m mut Array<'o>,
    habits: Habits,
    notes: &'m mut Notes,
    wrong: &'m mut Option<Unsupported>,
}

impl Messages<'_, '_> {
    fn system(&mut self, parts: &[Part<'_>]) {
        if !parts.is_empty() {
            self.message("system", parts, |_| {});
        }
    }

    fn turn(&mut self, turn: &Turn<'_>) {
        match turn.side {
            Side::Assistant => self.assistant(&turn.parts),
            Side::User => self.user(&turn.parts),
        }
    }

    /// Results of tools are messages of their own and come first; pictures in them follow as the user's.
    fn user(&mut self, parts: &[Part<'_>]) {
        let mut said = Vec::new();
        for part in parts {
            let Part::ToolResult { id, content, is_error, cache, .. } = part else {
                said.push(part.clone());
                continue;
            };
            if *is_error {
                self.notes.dropped("tool_result.is_error");
            }
            if cache.is_some() {
                self.notes.dropped("cache_control");
            }
            let is_text = |part: &&Part<'_>| matches!(part, Part::Text { .. } | Part::Refusal { .. });
            let texts = content.iter().filter(is_text).filter_map(|part| match part {
                Part::Text { text, .. } | Part::Refusal { text } => Some(text),
                _ => None,
            });
            let text = join(texts, "\\n");
            let pictures: Vec<_> = content.iter().filter(|part| !is_text(part)).cloned().collect();
            if !pictures.is_empty() {
                self.notes.changed("tool_result.image", "sent as the user's");
            }
            self.list.object(|o| {
                o.text("role", "tool");
                match id {
                    Some(id) => o.json("tool_call_id", id),
                    None => o.text("tool_call_id", "call_0"),
                }
                o.json("content", &text);
            });
            said.extend(pictures);
        }
        if !said.is_empty() {
            self.message("user", &said, |_| {});
        }
    }

    fn assistant(&mut self, parts: &[Part<'_>]) {
        let calls: Vec<_> = parts
            .iter()
            .filter_map(|part| match part {
                Part::ToolCall(call) => Some(call),
                _ => None,
            })
            .collect();
        self.message("assistant", parts, |o| {
            if calls.is_empty() {
                return;
            }
            o.array("tool_calls", |list| {
                for (number, call) in calls.iter().enumerate() {
                    list.object(|o| {
                        match &call.id {
                            Some(id) => o.json("id", id),
                            None => o.text("id", &format!("call_{number}")),
                        }
                        o.text("type", "function");
                        o.object("function", |function| {
                            function.json("name", &call.name);
                            function.text("arguments", call.input.get());
                        });
                        if let Some(seal) = &call.signature {
                            o.object("extra_content", |extra| {
                                extra.object("google", |google| google.json("thought_signature", seal));
                            });
                        }
                    });
                }
            });
        });
    }

    /// One message. Content that is only plain text is a string, which every service takes.
    fn message(&mut self, role: &str, parts: &[Part<'_>], more: impl FnOnce(&mut Object<'_>)) {
        let is_all = !parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
        let parts: Vec<&Part<'_>> = parts.iter().filter(|part| self.crosses(part)).collect();
        // Nothing of it crosses, and nothing else is said.
        if parts.is_empty() && is_all {
            return;
        }
        let marks = self.habits.cache_marks;
        let single = match parts.as_slice() {
            [] => Some(Json::known("null")),
            [Part::Text { text, cache }] if cache.is_none() || !marks => Some(text.view()),
            [Part::Refusal { text }] => Some(text.view()),
            _ => None,
        };
        if !marks && parts.iter().any(|part| part.is_marked()) {
            self.notes.dropped("cache_control");
        }
        self.list.object(|o| {
            o.text("role", role);
            match single {
                Some(text) => o.json("content", &text),
                None => o.array("content", |list| {
                    for part in &parts {
                        list.object(|o| part_of(part, marks, o));
                    }
                }),
            }
            more(o);
        });
    }

    /// Whether a part can be said; what cannot is told.
    fn crosses(&mut self, part: &Part<'_>) -> bool {
        match part {
            Part::Text { .. } | Part::Refusal { .. } | Part::Audio { .. } => true,
            Part::Image { source, .. } => match source {
                Source::Url(_) | Source::Data { .. } => true,
                Source::Id(_) | Source::Text(_) => {
                    self.refuse(
                        "image.source.file_id",
                        "the picture is stored at another provider; send it as data or by address",
                    );
                    false
                }
            },
            Part::File { source, .. } => match source {
                Source::Data { .. } | Source::Text(_) => true,
                Source::Url(_) | Source::Id(_) => {
                    self.refuse(
                        "document.source",
                        "documents by address or id are not known to this provider; send them as base64",
                    );
                    false
                }
            },
            Part::Reasoning { .. } | Part::Sealed { .. } => {
                self.notes.dropped("thinking");
                false
            }
            Part::Other { kind, .. } => {
                self.notes.dropped(kind);
                false
            }
            Part::ToolCall(_) | Part::ToolResult { .. } => false,
        }
    }

    fn refuse(&mut self, field: &str, why: &str) {
        self.wrong.get_or_insert_with(|| Unsupported { field: field.to_owned(), why: why.to_owned() });
    }
}

/// The members of a schema that answers keep to; one without a name is called `answer`.
pub(crate) fn schema_of(
    name: Option<&Json<'_>>,
    schema: &Json<'_>,
    strict: Option<bool>,
    o: &mut Object<'_>,
) {
    match name {
        Some(name) => o.json("name", name),
        None => o.text("name", "answer"),
    }
    o.json("schema", schema);
    if let Some(strict) = strict {
        o.truth("strict", strict);
    }
}

fn part_of(part: &Part<'_>, marks: bool, o: &mut Object<'_>) {
    let mark = |cache: &Option<Json<'_>>, o: &mut Object<'_>| {
        if marks {
            o.maybe("cache_control", cache.as_ref());
        }
    };
    match part {
        Part::Text { text, cache } => {
            o.text("type", "text");
            o.json("text", text);
            mark(cache, o);
        }
        Part::Refusal { text } => {
            o.text("type", "refusal");
            o.json("refusal", text);
        }
        Part::Image { source, detail, cache } => {
            o.text("type", "image_url");
            o.object("image_url", |image| {
                image.json("url", &address(source));
                image.maybe("detail", detail.as_ref());
            });
            mark(cache, o);
        }
        Part::Audio { data, format } => {
            o.text("type", "input_audio");
            o.object("input_audio", |audio| {
                audio.json("data", data);
                audio.json("format", format);
            });
        }
        Part::File { source: Source::Text(text), cache, .. } => {
            o.text("type", "text");
            o.json("text", text);
            mark(cache, o);
        }
        Part::File { source, name, cache } => {
            o.text("type", "file");
            o.object("file", |file| {
                match name {
                    Some(name) => file.json("filename", name),
                    None => file.text("filename", "document.pdf"),
                }
                file.json("file_data", &address(source));
            });
            mark(cache, o);
        }
        _ => {}
    }
}

/// The address of a picture or document; of one that is here, a `data:` address.
pub(crate) fn address<'a>(source: &'a Source<'_>) -> Json<'a> {
    match source {
        Source::Url(url) => url.view(),
        Source::Data { media_type, data } => {
            Json::known(format!("\"data:{};base64,{}\"", media_type.inner(), data.inner()))
        }
        Source::Id(id) | Source::Text(id) => id.view(),
    }
}
