//! A chat request of OpenAI's dialect, read for translation.

use crate::neutral::json::{Json, Members, join};
use crate::neutral::notes::{Malformed, Notes};
use crate::neutral::request::{
    ChatRequest, Effort, Format, Part, Reasoning, Side, Source, Tool, ToolCall, ToolChoice,
};
use paceline_types::record::Dialect;

/// Members that say nothing about the answer, or that Paceline itself has read.
const OURS: [&str; 7] = [
    "model",
    "stream_options",
    "metadata",
    "store",
    "prompt_cache_key",
    "prompt_cache_retention",
    "modalities",
];

/// Reads a request.
///
/// # Errors
/// Where a field is not what the dialect allows.
pub fn read<'a>(body: &'a [u8], notes: &mut Notes) -> Result<ChatRequest<'a>, Malformed> {
    let members = Members::read(body).map_err(|_| Malformed::at("the body", "a JSON object"))?;
    let mut ask = ChatRequest::new(Dialect::OpenAi);
    let mut messages = None;
    for (key, value) in members.0 {
        if value.get() == "null" || OURS.contains(&&*key) {
            continue;
        }
        match &*key {
            "messages" => messages = Some(value),
            _ => setting(&mut ask, &key, value)?,
        }
    }
    let messages = messages.ok_or(Malformed::at("messages", "an array"))?;
    for (number, message) in owned_elements(&messages, "messages")?.into_iter().enumerate() {
        message_of(&mut ask, &message, number, notes)?;
    }
    Ok(ask)
}

/// The elements of an array of the body, tied to the body.
pub(crate) fn owned_elements<'a>(array: &Json<'a>, field: &str) -> Result<Vec<Json<'a>>, Malformed> {
    array.split().ok_or_else(|| Malformed::at(field, "an array"))
}

fn setting<'a>(ask: &mut ChatRequest<'a>, key: &str, value: Json<'a>) -> Result<(), Malformed> {
    match key {
        "stream" => ask.stream = value.truth() == Some(true),
        "temperature" => ask.temperature = Some(value),
        "top_p" => ask.top_p = Some(value),
        "top_k" => ask.top_k = Some(value),
        "seed" => ask.seed = Some(value),
        "presence_penalty" => ask.presence_penalty = Some(value),
        "frequency_penalty" => ask.frequency_penalty = Some(value),
        "max_completion_tokens" => ask.max_tokens = value.unsigned(),
        "max_tokens" => ask.max_tokens = ask.max_tokens.or(value.unsigned()),
        "n" => ask.choices = value.unsigned().unwrap_or(1),
        "logprobs" => {
            if value.truth() == Some(true) {
                ask.logprobs.get_or_insert(0);
            }
        }
        "top_logprobs" => ask.logprobs = value.unsigned(),
        "parallel_tool_calls" => ask.parallel_tools = value.truth(),
        "user" | "safety_identifier" => ask.user = Some(value),
        "stop" => match value.split() {
            Some(texts) => ask.stop = texts,
            None => ask.stop.push(value),
        },
        "reasoning_effort" => {
            let word = value.text().unwrap_or_default();
            ask.reasoning = match Effort::parse(&word) {
                Some(effort) => Some(Reasoning::Effort(effort)),
                None => (word == "none").then_some(Reasoning::Off),
            };
        }
        "response_format" => ask.format = format(&value)?,
        "tools" => {
            for tool in owned_elements(&value, "tools")? {
                ask.tools.push(tool_of(tool)?);
            }
        }
        "functions" => {
            for tool in owned_elements(&value, "functions")? {
                ask.tools.push(function(&tool, None)?);
            }
        }
        "tool_choice" | "function_call" => ask.tool_choice = tool_choice(&value)?,
        _ => ask.extra.push((key.to_owned(), value)),
    }
    Ok(())
}

fn format<'a>(value: &Json<'a>) -> Result<Option<Format<'a>>, Malformed> {
    let mut members = value.open().ok_or(Malformed::at("response_format", "an object"))?;
    let kind = members.take("type");
    match kind.as_ref().and_then(Json::text).as_deref() {
        Some("json_object") => Ok(Some(Format::Json)),
        Some("json_schema") => {
            let inner = members.take("json_schema").and_then(|inner| inner.open());
            let mut inner = inner.ok_or(Malformed::at("response_format.json_schema", "an object"))?;
            let schema = inner.take("schema").unwrap_or_else(|| Json::known("{}"));
            let strict = inner.take("strict").and_then(|strict| strict.truth());
            Ok(Some(Format::Schema { name: inner.take("name"), schema, strict }))
        }
        _ => Ok(None),
    }
}

fn tool_of(tool: Json<'_>) -> Result<Tool<'_>, Malformed> {
    let mut members = tool.open().ok_or(Malformed::at("tools", "an array of objects"))?;
    let kind = members
        .take("type")
        .and_then(|kind| kind.text().map(std::borrow::Cow::into_owned))
        .unwrap_or_default();
    match members.take("function") {
        Some(inner) if kind == "function" || kind.is_empty() => {
            function(&inner, members.take("cache_control"))
        }
        _ => Ok(Tool::Hosted { kind, json: tool }),
    }
}

fn function<'a>(inner: &Json<'a>, cache: Option<Json<'a>>) -> Result<Tool<'a>, Malformed> {
    let mut inner = inner.open().ok_or(Malformed::at("tools.function", "an object"))?;
    Ok(Tool::Function {
        name: inner.take("name").ok_or(Malformed::at("tools.function.name", "a string"))?,
        description: inner.take("description"),
        schema: inner.take("parameters"),
        strict: inner.take("strict").and_then(|strict| strict.truth()),
        cache: cache.or_else(|| inner.take("cache_control")),
    })
}

fn tool_choice<'a>(value: &Json<'a>) -> Result<Option<ToolChoice<'a>>, Malformed> {
    if let Some(word) = value.text() {
        return match &*word {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "required" | "any" => Ok(Some(ToolChoice::Any)),
            "none" => Ok(Some(ToolChoice::Never)),
            _ => Err(Malformed::at("tool_choice", "`auto`, `none`, `required` or a function")),
        };
    }
    let members = value.open().ok_or(Malformed::at("tool_choice", "a string or an object"))?;
    let mut members = members;
    let name = match members.take("function").and_then(|function| function.open()) {
        Some(mut function) => function.take("name"),
        None => members.take("name"),
    };
    let name = name.ok_or(Malformed::at("tool_choice", "a function with a name"))?;
    Ok(Some(ToolChoice::Named(name)))
}

fn message_of<'a>(
    ask: &mut ChatRequest<'a>,
    message: &Json<'a>,
    number: usize,
    notes: &mut Notes,
) -> Result<(), Malformed> {
    let field = format!("messages[{number}]");
    let mut members = message.open().ok_or_else(|| Malformed::at(&*field, "an object"))?;
    let role = members
        .take("role")
        .and_then(|role| role.text().map(std::borrow::Cow::into_owned))
        .unwrap_or_default();
    let content = members.take("content");
    let cache = members.take("cache_control");
    let mut parts = content.map(|content| parts_of(&content, &field)).transpose()?.unwrap_or_default();
    if let (Some(Part::Text { cache: own, .. }), Some(cache)) = (parts.last_mut(), cache) {
        own.get_or_insert(cache);
    }
    let name = members.take("name");
    if name.is_some() && role != "tool" && role != "function" {
        notes.dropped(&format!("{field}.name"));
    }
    match role.as_str() {
        "system" | "developer" => {
            if !ask.turns.is_empty() {
                notes.changed(&field, "moved in front of the conversation");
            }
            ask.system.append(&mut parts);
        }
        "user" => ask.say(Side::User, parts),
        "assistant" => {
            let parts = assistant(&mut members, parts, number)?;
            ask.say(Side::Assistant, parts);
        }
        "tool" | "function" => {
            // Before there were tools, a function's result named it, and had no id.
            let id = members.take("tool_call_id").or_else(|| last_call(ask));
            let name = name.or_else(|| ask.tool_of(id.as_ref()?).cloned());
            ask.say(
                Side::User,
                [Part::ToolResult { id, name, content: parts, is_error: false, cache: None }],
            );
        }
        _ => {
            return Err(Malformed::at(format!("{field}.role"), "system, developer, user, assistant or tool"));
        }
    }
    for (key, value) in &members.0 {
        let says_nothing = matches!(value.get(), "null" | "[]") || key == "annotations";
        if !says_nothing {
            notes.dropped(&format!("{field}.{key}"));
        }
    }
    Ok(())
}

/// What an assistant said: thought first, then text, then tools, which is the order they were made in.
fn assistant<'a>(
    members: &mut Members<'a>,
    said: Vec<Part<'a>>,
    number: usize,
) -> Result<Vec<Part<'a>>, Malformed> {
    let field = &format!("messages[{number}]");
    let mut parts = Vec::new();
    let blocks = members.take("thinking_blocks").and_then(|blocks| blocks.split());
    let text = members.take("reasoning_content").or_else(|| members.take("reasoning"));
    members.take("reasoning_details");
    match blocks {
        Some(blocks) => parts.extend(blocks.iter().filter_map(thinking_block)),
        None => {
            parts.extend(text.filter(Json::is_string).map(|text| Part::Reasoning { text, signature: None }));
        }
    }
    parts.extend(said);
    if let Some(text) = members.take("refusal").filter(Json::is_string) {
        parts.push(Part::Refusal { text });
    }
    if let Some(calls) = members.take("tool_calls") {
        for call in owned_elements(&calls, &format!("{field}.tool_calls"))? {
            parts.push(Part::ToolCall(tool_call(&call, field)?));
        }
    }
    if let Some(call) = members.take("function_call") {
        let id = Json::known(format!("\"call_{number}\""));
        parts.push(Part::ToolCall(called(Some(id), &call, None, field)?));
    }
    Ok(parts)
}

/// The id of the last call that was asked for.
fn last_call<'a>(ask: &ChatRequest<'a>) -> Option<Json<'a>> {
    ask.turns.iter().rev().flat_map(|turn| turn.parts.iter().rev()).find_map(|part| match part {
        Part::ToolCall(call) => call.id.clone(),
        _ => None,
    })
}

/// A thinking block as Paceline and others hand it to OpenAI's clients, so that it can come back as it was.
fn thinking_block<'a>(block: &Json<'a>) -> Option<Part<'a>> {
    let mut members = block.open()?;
    if let Some(data) = members.take("data") {
        return Some(Part::Sealed { data });
    }
    Some(Part::Reasoning { text: members.take("thinking")?, signature: members.take("signature") })
}

fn tool_call<'a>(call: &Json<'a>, field: &str) -> Result<ToolCall<'a>, Malformed> {
    let wrong = || Malformed::at(format!("{field}.tool_calls"), "an array of function calls");
    let mut members = call.open().ok_or_else(wrong)?;
    let id = members.take("id");
    let seal = members.take("extra_content").and_then(|extra| extra.open());
    let seal = seal.and_then(|mut extra| extra.take("google")?.open()?.take("thought_signature"));
    let function = members.take("function").ok_or_else(wrong)?;
    called(id, &function, seal, field)
}

fn called<'a>(
    id: Option<Json<'a>>,
    function: &Json<'a>,
    signature: Option<Json<'a>>,
    field: &str,
) -> Result<ToolCall<'a>, Malformed> {
    let wrong = || Malformed::at(format!("{field}.tool_calls"), "an array of function calls");
    let mut function = function.open().ok_or_else(wrong)?;
    let name = function.take("name").filter(Json::is_string).ok_or_else(wrong)?;
    let arguments = function.take("arguments");
    let input = match &arguments {
        None => Json::known("{}"),
        // What the model wrote was no JSON: it is kept, under a name that says so.
        Some(text) => text
            .unquoted()
            .filter(Json::is_object)
            .unwrap_or_else(|| Json::known(format!("{{\"invalid_json\":{}}}", text.get()))),
    };
    Ok(ToolCall { id, name, input, signature, cache: None })
}

fn parts_of<'a>(content: &Json<'a>, field: &str) -> Result<Vec<Part<'a>>, Malformed> {
    if content.is_string() {
        return Ok(vec![Part::text(content.clone())]);
    }
    let wrong = || Malformed::at(format!("{field}.content"), "a string or an array of parts");
    let parts = content.split().ok_or_else(wrong)?;
    parts.into_iter().map(|part| part_of(part).ok_or_else(wrong)).collect()
}

fn part_of(part: Json<'_>) -> Option<Part<'_>> {
    let mut members = part.open()?;
    let kind = members.take("type")?.text()?.into_owned();
    let cache = members.take("cache_control");
    Some(match kind.as_str() {
        "text" | "input_text" | "output_text" => Part::Text { text: members.take("text")?, cache },
        "refusal" => Part::Refusal { text: members.take("refusal")? },
        "image_url" => {
            let image = members.take("image_url")?;
            let (url, detail) = match image.open() {
                Some(mut image) => (image.take("url")?, image.take("detail")),
                None => (image, members.take("detail")),
            };
            Part::Image { source: source_of(url), detail, cache }
        }
        "input_audio" => {
            let mut audio = members.take("input_audio")?.open()?;
            Part::Audio { data: audio.take("data")?, format: audio.take("format")? }
        }
        "file" => {
            let mut file = members.take("file")?.open()?;
            let name = file.take("filename");
            let source = match (file.take("file_id"), file.take("file_data")) {
                (Some(id), _) => Source::Id(id),
                (None, data) => source_of(data?),
            };
            Part::File { source, name, cache }
        }
        _ => Part::Other { kind, json: part },
    })
}

/// `data:image/png;base64,…` is taken apart, every other address stays one.
pub(crate) fn source_of(url: Json<'_>) -> Source<'_> {
    let data = url.inner().strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let Some((kind, data)) = data else { return Source::Url(url) };
    let (kind, data) = (format!("\"{kind}\""), format!("\"{data}\""));
    Source::Data { media_type: Json::known(kind), data: Json::known(data) }
}

/// All text of `parts` as one JSON string, paragraphs between them.
pub fn text_of(parts: &[Part<'_>]) -> Json<'static> {
    let texts = parts.iter().filter_map(|part| match part {
        Part::Text { text, .. } | Part::Refusal { text } => Some(text),
        _ => None,
    });
    join(texts, "\\n")
}
