//! A request of the responses dialect, read for translation.

use crate::neutral::json::{Json, Members};
use crate::neutral::notes::{Malformed, Notes};
use crate::neutral::request::{
    ChatRequest, Effort, Format, Part, Reasoning, Side, Source, Tool, ToolCall, ToolChoice,
};
use crate::openai::read_request::{owned_elements, source_of};
use crate::responses::is_own_seal;
use paceline_types::record::Dialect;
use std::borrow::Cow;

/// Members that say nothing about the answer, or that Paceline itself has read.
const OURS: [&str; 6] = [
    "model",
    "stream_options",
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
];

/// The field by which a request needs what a provider keeps: nobody else can answer it.
pub fn needs_provider_state(body: &[u8]) -> Option<&'static str> {
    let mut members = Members::read(body).ok()?;
    for field in ["previous_response_id", "conversation", "prompt"] {
        if members.take(field).is_some() {
            return Some(field);
        }
    }
    members.take("background").filter(|on| on.truth() == Some(true)).map(|_| "background")
}

/// Reads a request. What [`needs_provider_state`] finds is carried in `extra`.
///
/// # Errors
/// Where a field is not what the dialect allows.
pub fn read<'a>(body: &'a [u8], notes: &mut Notes) -> Result<ChatRequest<'a>, Malformed> {
    let members = Members::read(body).map_err(|_| Malformed::at("the body", "a JSON object"))?;
    let mut ask = ChatRequest::new(Dialect::Responses);
    let (mut input, mut choice) = (None, None);
    for (key, value) in members.0 {
        if value.get() == "null" || OURS.contains(&&*key) {
            continue;
        }
        match &*key {
            "input" => input = Some(value),
            "tool_choice" => choice = Some(value),
            _ => setting(&mut ask, &key, value, notes)?,
        }
    }
    if let Some(choice) = choice {
        tool_choice(&mut ask, &choice, notes)?;
    }
    match input {
        Some(text) if text.is_string() => ask.say(Side::User, [Part::text(text)]),
        Some(items) => {
            for (number, item) in owned_elements(&items, "input")?.iter().enumerate() {
                item_of(&mut ask, item, number, notes)?;
            }
        }
        // With what a provider keeps, nothing new need be said.
        None if ask.extra.iter().any(|(key, _)| KEPT.contains(&key.as_str())) => {}
        None => return Err(Malformed::at("input", "a string or an array of items")),
    }
    Ok(ask)
}

/// What a conversation can go on from.
const KEPT: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

fn setting<'a>(
    ask: &mut ChatRequest<'a>,
    key: &str,
    value: Json<'a>,
    notes: &mut Notes,
) -> Result<(), Malformed> {
    match key {
        "stream" => ask.stream = value.truth() == Some(true),
        "instructions" if value.is_string() => ask.system.insert(0, Part::text(value)),
        "instructions" => return Err(Malformed::at("instructions", "a string")),
        "max_output_tokens" => ask.max_tokens = value.unsigned(),
        "temperature" => ask.temperature = Some(value),
        "top_p" => ask.top_p = Some(value),
        "parallel_tool_calls" => ask.parallel_tools = value.truth(),
        "user" | "safety_identifier" => ask.user = Some(value),
        "top_logprobs" => ask.logprobs = value.unsigned(),
        "reasoning" => reasoning(ask, &value)?,
        "text" => text(ask, &value)?,
        "include" => include(ask, &value)?,
        "store" if value.truth() == Some(true) => notes.dropped("store"),
        "background" if value.truth() == Some(true) => ask.extra.push((key.to_owned(), value)),
        "store" | "background" => {}
        "truncation" if value.is("disabled") => {}
        "service_tier" if value.is("auto") => {}
        "tools" => {
            for tool in owned_elements(&value, "tools")? {
                ask.tools.push(tool_of(tool)?);
            }
        }
        _ => ask.extra.push((key.to_owned(), value)),
    }
    Ok(())
}

fn reasoning<'a>(ask: &mut ChatRequest<'a>, value: &Json<'a>) -> Result<(), Malformed> {
    for (key, value) in value.open().ok_or(Malformed::at("reasoning", "an object"))?.0 {
        match &*key {
            _ if value.get() == "null" => {}
            "effort" => {
                let word = value.text().unwrap_or_default();
                ask.reasoning = match Effort::parse(&word) {
                    Some(effort) => Some(Reasoning::Effort(effort)),
                    None => (word == "none").then_some(Reasoning::Off),
                };
            }
            // Whatever a provider tells of its thought is passed on as the summary.
            "summary" | "generate_summary" => {}
            _ => ask.extra.push((format!("reasoning.{key}"), value)),
        }
    }
    Ok(())
}

fn text<'a>(ask: &mut ChatRequest<'a>, value: &Json<'a>) -> Result<(), Malformed> {
    for (key, value) in value.open().ok_or(Malformed::at("text", "an object"))?.0 {
        match &*key {
            _ if value.get() == "null" => {}
            "format" => ask.format = format(&value)?,
            _ => ask.extra.push((format!("text.{key}"), value)),
        }
    }
    Ok(())
}

fn format<'a>(value: &Json<'a>) -> Result<Option<Format<'a>>, Malformed> {
    let mut members = value.open().ok_or(Malformed::at("text.format", "an object"))?;
    let kind = members.take("type");
    match kind.as_ref().and_then(Json::text).as_deref() {
        Some("json_object") => Ok(Some(Format::Json)),
        Some("json_schema") => {
            let schema =
                members.take("schema").ok_or(Malformed::at("text.format.schema", "a JSON schema"))?;
            let strict = members.take("strict").and_then(|strict| strict.truth());
            Ok(Some(Format::Schema { name: members.take("name"), schema, strict }))
        }
        _ => Ok(None),
    }
}

/// What is to be told beside the answer: its seal on thought always is.
fn include<'a>(ask: &mut ChatRequest<'a>, value: &Json<'a>) -> Result<(), Malformed> {
    for wanted in owned_elements(value, "include")? {
        match wanted.text().as_deref().unwrap_or_default() {
            "reasoning.encrypted_content" => {}
            "message.output_text.logprobs" => {
                ask.logprobs.get_or_insert(0);
            }
            other => ask.extra.push((format!("include.{other}"), wanted.clone())),
        }
    }
    Ok(())
}

/// Tools are flat here. `strict` that is not said stays so: elsewhere the schema would first have to be made fit for it.
fn tool_of(tool: Json<'_>) -> Result<Tool<'_>, Malformed> {
    let mut members = tool.open().ok_or(Malformed::at("tools", "an array of objects"))?;
    let kind = word(members.take("type"));
    if kind != "function" {
        return Ok(Tool::Hosted { kind, json: tool });
    }
    Ok(Tool::Function {
        name: members.take("name").filter(Json::is_string).ok_or(Malformed::at("tools.name", "a string"))?,
        description: members.take("description"),
        schema: members.take("parameters"),
        strict: members.take("strict").and_then(|strict| strict.truth()),
        cache: None,
    })
}

fn tool_choice<'a>(ask: &mut ChatRequest<'a>, value: &Json<'a>, notes: &mut Notes) -> Result<(), Malformed> {
    const EXPECTED: &str = "`auto`, `none`, `required`, a function or allowed tools";
    let by_word = |word: &str| {
        Ok(Some(match word {
            "auto" => ToolChoice::Auto,
            "required" => ToolChoice::Any,
            "none" => ToolChoice::Never,
            _ => return Err(Malformed::at("tool_choice", EXPECTED)),
        }))
    };
    if let Some(word) = value.text() {
        ask.tool_choice = by_word(&word)?;
        return Ok(());
    }
    let mut members = value.open().ok_or(Malformed::at("tool_choice", EXPECTED))?;
    match word(members.take("type")).as_str() {
        "function" => {
            let name = members.take("name").ok_or(Malformed::at("tool_choice.name", "a string"))?;
            ask.tool_choice = Some(ToolChoice::Named(name));
        }
        "allowed_tools" => {
            ask.tool_choice = by_word(&word(members.take("mode")))?;
            let allowed = members.take("tools").ok_or(Malformed::at("tool_choice.tools", "an array"))?;
            let allowed: Vec<_> = owned_elements(&allowed, "tool_choice.tools")?
                .iter()
                .filter_map(|tool| tool.member("name"))
                .collect();
            // Elsewhere, tools that are not allowed are not named.
            ask.tools.retain(|tool| match tool {
                Tool::Function { name, .. } => allowed.iter().any(|one| one.get() == name.get()),
                Tool::Hosted { .. } => true,
            });
        }
        _ => notes.changed("tool_choice", "left to the model"),
    }
    Ok(())
}

fn word(json: Option<Json<'_>>) -> String {
    json.and_then(|json| json.text().map(Cow::into_owned)).unwrap_or_default()
}

fn item_of<'a>(
    ask: &mut ChatRequest<'a>,
    item: &Json<'a>,
    number: usize,
    notes: &mut Notes,
) -> Result<(), Malformed> {
    let field = format!("input[{number}]");
    let mut members = item.open().ok_or_else(|| Malformed::at(&*field, "an object"))?;
    let kind = word(members.take("type"));
    match kind.as_str() {
        "message" | "" => message(ask, &mut members, &field, notes)?,
        "function_call" => {
            let name = members.take("name").filter(Json::is_string);
            let name = name.ok_or_else(|| Malformed::at(format!("{field}.name"), "a string"))?;
            let input = match members.take("arguments") {
                None => Json::known("{}"),
                // What the model wrote was no JSON: it is kept, under a name that says so.
                Some(text) => text
                    .unquoted()
                    .filter(Json::is_object)
                    .unwrap_or_else(|| Json::known(format!("{{\"invalid_json\":{}}}", text.get()))),
            };
            let id = members.take("call_id").or_else(|| members.take("id"));
            let call = ToolCall { id, name, input, signature: None, cache: None };
            ask.say(Side::Assistant, [Part::ToolCall(call)]);
        }
        "function_call_output" => {
            let output = members.take("output");
            let field = format!("{field}.output");
            let content = output.map(|output| parts_of(&output, &field)).transpose()?.unwrap_or_default();
            let id = members.take("call_id");
            let name = id.as_ref().and_then(|id| ask.tool_of(id)).cloned();
            let result = Part::ToolResult { id, name, content, is_error: false, cache: None };
            ask.say(Side::User, [result]);
        }
        "reasoning" => {
            if let Some(thought) = thought(&mut members, notes) {
                ask.say(Side::Assistant, [thought]);
            }
        }
        "item_reference" => {
            return Err(Malformed::at(
                field,
                "the item itself: what a provider keeps by id is not known here",
            ));
        }
        // What the provider's own tools did.
        _ => notes.dropped(&format!("input.{kind}")),
    }
    Ok(())
}

fn message<'a>(
    ask: &mut ChatRequest<'a>,
    members: &mut Members<'a>,
    field: &str,
    notes: &mut Notes,
) -> Result<(), Malformed> {
    let wanted = || Malformed::at(format!("{field}.content"), "a string or an array of parts");
    let content = members.take("content").ok_or_else(wanted)?;
    let mut parts = parts_of(&content, &format!("{field}.content"))?;
    match word(members.take("role")).as_str() {
        "system" | "developer" => {
            if !ask.turns.is_empty() {
                notes.changed(field, "moved in front of the conversation");
            }
            ask.system.append(&mut parts);
        }
        "user" => ask.say(Side::User, parts),
        "assistant" => ask.say(Side::Assistant, parts),
        _ => return Err(Malformed::at(format!("{field}.role"), "system, developer, user or assistant")),
    }
    Ok(())
}

/// Thought and its seal; one part for all of its summary, which is sealed as a whole.
fn thought<'a>(members: &mut Members<'a>, notes: &mut Notes) -> Option<Part<'a>> {
    let texts = |list: Option<Json<'a>>| -> Vec<Json<'a>> {
        let list = list.and_then(|list| list.split()).unwrap_or_default();
        list.iter().filter_map(|part| part.member("text").filter(Json::is_string)).collect()
    };
    let (summary, content) = (texts(members.take("summary")), texts(members.take("content")));
    let texts = if summary.is_empty() { content } else { summary };
    let seal = members.take("encrypted_content").filter(|seal| !seal.inner().is_empty());
    // What OpenAI sealed, no provider of another dialect can read; most refuse the request for it.
    let seal = seal.filter(|seal| {
        let foreign = is_own_seal(seal);
        if foreign {
            notes.dropped("reasoning.encrypted_content (of OpenAI)");
        }
        !foreign
    });
    let text = match texts.as_slice() {
        [] => return seal.map(|data| Part::Sealed { data }),
        [one] => one.clone(),
        several => crate::neutral::json::join(several, "\\n\\n"),
    };
    Some(Part::Reasoning { text, signature: seal })
}

fn parts_of<'a>(content: &Json<'a>, field: &str) -> Result<Vec<Part<'a>>, Malformed> {
    if content.is_string() {
        return Ok(vec![Part::text(content.clone())]);
    }
    let parts = content.split().ok_or_else(|| Malformed::at(field, "a string or an array of parts"))?;
    let wrong = |number: usize| Malformed::at(format!("{field}[{number}]"), "a content part");
    parts.into_iter().enumerate().map(|(number, part)| part_of(part).ok_or_else(|| wrong(number))).collect()
}

fn part_of(part: Json<'_>) -> Option<Part<'_>> {
    let mut members = part.open()?;
    let kind = members.take("type")?.text()?.into_owned();
    let cache =
        members.take("cache_control").or_else(|| cache_mark(&members.take("prompt_cache_breakpoint")?));
    Some(match kind.as_str() {
        "input_text" | "output_text" | "text" => {
            Part::Text { text: members.take("text").filter(Json::is_string)?, cache }
        }
        "refusal" => Part::Refusal { text: members.take("refusal").filter(Json::is_string)? },
        "input_image" => {
            let source = match (members.take("file_id"), members.take("image_url")) {
                (Some(id), _) => Source::Id(id),
                (None, url) => source_of(url.filter(Json::is_string)?),
            };
            Part::Image { source, detail: members.take("detail"), cache }
        }
        "input_audio" => {
            let mut audio = members.take("input_audio")?.open()?;
            Part::Audio { data: audio.take("data")?, format: audio.take("format")? }
        }
        "input_file" => {
            let name = members.take("filename");
            let source = match (members.take("file_id"), members.take("file_url"), members.take("file_data"))
            {
                (Some(id), ..) => Source::Id(id),
                (None, Some(url), _) => Source::Url(url),
                (None, None, data) => file_data(data.filter(Json::is_string)?, name.as_ref()),
            };
            Part::File { source, name, cache }
        }
        _ => Part::Other { kind, json: part },
    })
}

/// A mark of this dialect as Anthropic's object. Its times to live are longer than the shorter one there.
fn cache_mark(mark: &Json<'_>) -> Option<Json<'static>> {
    let lives_long = mark.open()?.take("ttl").is_some();
    let long = "{\"type\":\"ephemeral\",\"ttl\":\"1h\"}";
    Some(Json::known(if lives_long { long } else { "{\"type\":\"ephemeral\"}" }))
}

/// A `data:` address, or base64 alone, whose kind the name tells.
fn file_data<'a>(data: Json<'a>, name: Option<&Json<'_>>) -> Source<'a> {
    let source = source_of(data);
    let Source::Url(data) = source else { return source };
    let extension =
        name.and_then(|name| name.inner().rsplit_once('.')).map_or("", |(_, extension)| extension);
    let media_type = match extension.to_ascii_lowercase().as_str() {
        "txt" => "\"text/plain\"",
        "md" => "\"text/markdown\"",
        "html" => "\"text/html\"",
        "csv" => "\"text/csv\"",
        _ => "\"application/pdf\"",
    };
    Source::Data { media_type: Json::known(media_type), data }
}
