//! A request of another dialect, written for Ollama's `/api/chat`.

use crate::neutral::json::join;
use crate::neutral::notes::{Notes, Unsupported};
use crate::neutral::request::{
    ChatRequest, Effort, Format, Part, Reasoning, Side, Source, Tool, ToolChoice, Turn,
};
use crate::neutral::write::{Array, Object, object};
use crate::openai::read_request::text_of;

/// Options of Ollama that callers give beside the fields of their own dialect.
const OPTIONS: [&str; 14] = [
    "num_ctx",
    "num_keep",
    "num_batch",
    "num_gpu",
    "num_thread",
    "main_gpu",
    "min_p",
    "typical_p",
    "repeat_last_n",
    "repeat_penalty",
    "mirostat",
    "mirostat_eta",
    "mirostat_tau",
    "use_mmap",
];

/// Members of its requests that callers of other dialects may give.
const SAME: [&str; 3] = ["keep_alive", "truncate", "shift"];

/// Writes `ask` for `model`.
///
/// # Errors
/// Where the dialect cannot say what the request means.
pub fn write(ask: &ChatRequest<'_>, model: &str, notes: &mut Notes) -> Result<Vec<u8>, Unsupported> {
    let no = |field: &str, why: &str| Err(Unsupported { field: field.to_owned(), why: why.to_owned() });
    if ask.choices > 1 {
        return no("n", "this provider gives one answer to a request; ask for n = 1, or several times");
    }
    if matches!(ask.tool_choice, Some(ToolChoice::Any | ToolChoice::Named(_))) {
        return no("tool_choice", "this provider cannot be made to call a tool; leave it to the model");
    }
    let mut out = Vec::with_capacity(1024);
    let mut wrong = None;
    object(&mut out, |o| {
        o.text("model", model);
        o.array("messages", |list| {
            let mut writer = Messages { ask, list, notes: &mut *notes, wrong: &mut wrong };
            if !ask.system.is_empty() {
                writer.message("system", &ask.system, |_| {});
            }
            ask.turns.iter().for_each(|turn| writer.turn(turn));
        });
        // It streams unless told not to.
        o.truth("stream", ask.stream);
        tools(ask, o, notes);
        settings(ask, model, o, notes);
    });
    wrong.map_or(Ok(out), Err)
}

fn settings(ask: &ChatRequest<'_>, model: &str, o: &mut Object<'_>, notes: &mut Notes) {
    match &ask.format {
        None => {}
        Some(Format::Json) => o.text("format", "json"),
        Some(Format::Schema { schema, .. }) => o.json("format", schema),
    }
    if let Some(asked) = ask.reasoning {
        think(asked, model, o, notes);
    }
    let mut taken = Vec::new();
    o.object("options", |options| {
        if let Some(limit) = ask.max_tokens {
            options.number("num_predict", limit);
            taken.push("num_predict");
        }
        for (key, value) in [
            ("temperature", &ask.temperature),
            ("top_p", &ask.top_p),
            ("top_k", &ask.top_k),
            ("seed", &ask.seed),
            ("presence_penalty", &ask.presence_penalty),
            ("frequency_penalty", &ask.frequency_penalty),
        ] {
            if let Some(value) = value {
                options.json(key, value);
                taken.push(key);
            }
        }
        if !ask.stop.is_empty() {
            options.array("stop", |stop| ask.stop.iter().for_each(|text| stop.json(text)));
            taken.push("stop");
        }
        for (key, value) in &ask.extra {
            if OPTIONS.contains(&key.as_str()) {
                options.json(key, value);
                taken.push(key);
            }
        }
        let own = ask.extra.iter().find(|(key, _)| key == "options").and_then(|(_, own)| own.open());
        for (key, value) in own.into_iter().flat_map(|own| own.0) {
            if !taken.contains(&&*key) {
                options.json(&key, &value);
            }
        }
    });
    for (key, value) in &ask.extra {
        match key.as_str() {
            "think" if ask.reasoning.is_none() => o.json(key, value),
            "options" if value.is_object() => {}
            key if OPTIONS.contains(&key) => {}
            key if SAME.contains(&key) => o.json(key, value),
            key => notes.dropped(key),
        }
    }
    if ask.logprobs.is_some() {
        notes.dropped("logprobs");
    }
    if ask.user.is_some() {
        notes.dropped("user");
    }
}

/// Most models think or do not; gpt-oss always does, more or less.
fn think(asked: Reasoning, model: &str, o: &mut Object<'_>, notes: &mut Notes) {
    let in_words = model.contains("gpt-oss");
    let effort = match asked {
        Reasoning::Off if in_words => {
            notes.changed("reasoning", "lowered to the least, this model cannot do without");
            Effort::Low
        }
        Reasoning::Off => return o.truth("think", false),
        Reasoning::Adaptive => return o.truth("think", true),
        Reasoning::Effort(effort) => effort,
        Reasoning::Budget(tokens) => Effort::of_budget(tokens),
    };
    match effort {
        _ if !in_words => o.truth("think", true),
        Effort::Minimal | Effort::Low => o.text("think", "low"),
        Effort::Medium => o.text("think", "medium"),
        Effort::High | Effort::Max => o.text("think", "high"),
    }
}

fn tools(ask: &ChatRequest<'_>, o: &mut Object<'_>, notes: &mut Notes) {
    let mut functions = Vec::new();
    for tool in &ask.tools {
        match tool {
            Tool::Function { name, description, schema, cache, strict } => {
                if *strict == Some(true) {
                    notes.dropped("tools.strict");
                }
                if cache.is_some() {
                    notes.dropped("cache_control");
                }
                functions.push((name, description, schema));
            }
            Tool::Hosted { kind, .. } => notes.dropped(&format!("tools.{kind}")),
        }
    }
    // Tools that must not be called are not offered.
    if functions.is_empty() || matches!(ask.tool_choice, Some(ToolChoice::Never)) {
        return;
    }
    if ask.parallel_tools == Some(false) {
        notes.dropped("parallel_tool_calls");
    }
    o.array("tools", |list| {
        for (name, description, schema) in functions {
            list.object(|o| {
                o.text("type", "function");
                o.object("function", |function| {
                    function.json("name", name);
                    function.maybe("description", description.as_ref());
                    match schema {
                        Some(schema) => function.json("parameters", schema),
                        None => function.raw("parameters", "{\"type\":\"object\",\"properties\":{}}"),
                    }
                });
            });
        }
    });
}

struct Messages<'m, 'o, 'r, 'a> {
    ask: &'r ChatRequest<'a>,
    list: &'m mut Array<'o>,
    notes: &'m mut Notes,
    wrong: &'m mut Option<Unsupported>,
}

impl Messages<'_, '_, '_, '_> {
    /// Results of tools are messages of their own and come first; pictures in them follow as the user's.
    fn turn(&mut self, turn: &Turn<'_>) {
        if turn.side == Side::Assistant {
            return self.assistant(&turn.parts);
        }
        let mut said = Vec::new();
        for part in &turn.parts {
            let Part::ToolResult { id, name, content, is_error, cache } = part else {
                said.push(part.clone());
                continue;
            };
            if cache.is_some() {
                self.notes.dropped("cache_control");
            }
            if *is_error {
                self.notes.dropped("tool_result.is_error");
            }
            let ask = self.ask;
            let name = name.as_ref().or_else(|| ask.tool_of(id.as_ref()?));
            self.list.object(|o| {
                o.text("role", "tool");
                o.json("content", &text_of(content));
                o.maybe("tool_name", name);
                o.maybe("tool_call_id", id.as_ref());
            });
            let pictures =
                content.iter().filter(|part| !matches!(part, Part::Text { .. } | Part::Refusal { .. }));
            let before = said.len();
            said.extend(pictures.cloned());
            if said.len() > before {
                self.notes.changed("tool_result.image", "sent as the user's");
            }
        }
        if !said.is_empty() {
            self.message("user", &said, |_| {});
        }
    }

    fn assistant(&mut self, parts: &[Part<'_>]) {
        let thoughts: Vec<_> = parts
            .iter()
            .filter_map(|part| match part {
                Part::Reasoning { text, .. } => Some(text),
                _ => None,
            })
            .filter(|text| !text.inner().is_empty())
            .collect();
        let calls: Vec<_> = parts
            .iter()
            .filter_map(|part| match part {
                Part::ToolCall(call) => Some(call),
                _ => None,
            })
            .collect();
        self.message("assistant", parts, |o| {
            if !thoughts.is_empty() {
                o.json("thinking", &join(thoughts, "\\n"));
            }
            if calls.is_empty() {
                return;
            }
            o.array("tool_calls", |list| {
                for call in &calls {
                    list.object(|o| {
                        o.maybe("id", call.id.as_ref());
                        o.object("function", |function| {
                            function.json("name", &call.name);
                            function.json("arguments", &call.input);
                        });
                    });
                }
            });
        });
    }

    /// One message: all its text, and all its pictures.
    fn message(&mut self, role: &str, parts: &[Part<'_>], more: impl FnOnce(&mut Object<'_>)) {
        let (mut texts, mut pictures) = (Vec::new(), Vec::new());
        for part in parts {
            match part {
                Part::Text { text, .. }
                | Part::Refusal { text }
                | Part::File { source: Source::Text(text), .. } => texts.push(text),
                Part::Image { source: Source::Data { data, .. }, detail, .. } => {
                    if detail.as_ref().is_some_and(|detail| !detail.is("auto")) {
                        self.notes.dropped("image_url.detail");
                    }
                    pictures.push(data);
                }
                Part::Image { .. } => {
                    self.refuse("image_url", "this provider fetches no pictures; send them as base64");
                }
                Part::Audio { .. } => {
                    self.refuse("input_audio", "this provider hears no sound; name a model that does");
                }
                Part::File { .. } => {
                    self.refuse("file", "this provider reads no documents; send their text");
                }
                Part::Sealed { .. } => self.notes.dropped("redacted_thinking"),
                Part::Other { kind, .. } => self.notes.dropped(kind),
                Part::Reasoning { .. } | Part::ToolCall(_) | Part::ToolResult { .. } => {}
            }
            if part.is_marked() {
                self.notes.dropped("cache_control");
            }
        }
        self.list.object(|o| {
            o.text("role", role);
            o.json("content", &join(texts, "\\n"));
            if !pictures.is_empty() {
                o.array("images", |list| pictures.iter().for_each(|data| list.json(data)));
            }
            more(o);
        });
    }

    fn refuse(&mut self, field: &str, why: &str) {
        self.wrong.get_or_insert_with(|| Unsupported { field: field.to_owned(), why: why.to_owned() });
    }
}
