//! A request of Anthropic's dialect, read for translation.

use crate::neutral::json::{Json, Members, join};
use crate::neutral::notes::{Malformed, Notes};
use crate::neutral::request::{
    ChatRequest, Effort, Format, Part, Reasoning, Side, Source, Tool, ToolCall, ToolChoice,
};
use crate::neutral::seal;
use paceline_types::record::Dialect;

/// Reads a request.
///
/// # Errors
/// Where a field is not what the dialect allows.
pub fn read<'a>(body: &'a [u8], notes: &mut Notes) -> Result<ChatRequest<'a>, Malformed> {
    let members = Members::read(body).map_err(|_| Malformed::at("the body", "a JSON object"))?;
    let mut ask = ChatRequest::new(Dialect::Anthropic);
    let mut messages = None;
    for (key, value) in members.0 {
        if value.get() == "null" {
            continue;
        }
        match &*key {
            "model" => {}
            "messages" => messages = Some(value),
            _ => setting(&mut ask, &key, value)?,
        }
    }
    let messages = messages.and_then(|messages| messages.split());
    for (number, message) in messages.ok_or(Malformed::at("messages", "an array"))?.iter().enumerate() {
        let field = format!("messages[{number}]");
        let mut members = message.open().ok_or_else(|| Malformed::at(&*field, "an object"))?;
        let role = members.take("role");
        let content =
            members.take("content").ok_or_else(|| Malformed::at(format!("{field}.content"), "content"))?;
        let parts = parts_of(&content, &format!("{field}.content"))?;
        match role.as_ref().and_then(Json::text).as_deref() {
            Some("user") => ask.say(Side::User, parts),
            Some("assistant") => ask.say(Side::Assistant, parts),
            Some("system") => {
                notes.changed(&field, "moved in front of the conversation");
                ask.system.extend(parts);
            }
            _ => return Err(Malformed::at(format!("{field}.role"), "user or assistant")),
        }
    }
    Ok(ask)
}

fn setting<'a>(ask: &mut ChatRequest<'a>, key: &str, value: Json<'a>) -> Result<(), Malformed> {
    match key {
        "stream" => ask.stream = value.truth() == Some(true),
        "max_tokens" => ask.max_tokens = value.unsigned(),
        "temperature" => ask.temperature = Some(value),
        "top_p" => ask.top_p = Some(value),
        "top_k" => ask.top_k = Some(value),
        "stop_sequences" => ask.stop = value.split().ok_or(Malformed::at("stop_sequences", "an array"))?,
        "system" => ask.system = parts_of(&value, "system")?,
        "metadata" => ask.user = value.member("user_id"),
        "thinking" => ask.reasoning = thinking(&value),
        "output_config" => output(ask, &value),
        "output_format" => ask.format = format(&value),
        "tools" => {
            for tool in value.split().ok_or(Malformed::at("tools", "an array"))? {
                ask.tools.push(tool_of(tool)?);
            }
        }
        "tool_choice" => {
            let mut choice = value.open().ok_or(Malformed::at("tool_choice", "an object"))?;
            ask.parallel_tools =
                choice.take("disable_parallel_tool_use").and_then(|off| off.truth()).map(|off| !off);
            ask.tool_choice = match choice.take("type").as_ref().and_then(Json::text).as_deref() {
                Some("auto") => Some(ToolChoice::Auto),
                Some("any") => Some(ToolChoice::Any),
                Some("none") => Some(ToolChoice::Never),
                Some("tool") => choice.take("name").map(ToolChoice::Named),
                _ => return Err(Malformed::at("tool_choice.type", "auto, any, tool or none")),
            };
        }
        _ => ask.extra.push((key.to_owned(), value)),
    }
    Ok(())
}

fn thinking(value: &Json<'_>) -> Option<Reasoning> {
    match value.member("type")?.text().as_deref() {
        Some("enabled") => Some(Reasoning::Budget(value.member("budget_tokens")?.unsigned()?)),
        Some("adaptive") => Some(Reasoning::Adaptive),
        Some("disabled") => Some(Reasoning::Off),
        _ => None,
    }
}

fn output<'a>(ask: &mut ChatRequest<'a>, value: &Json<'a>) {
    if let Some(effort) = value.member("effort").and_then(|word| Effort::parse(&word.text()?)) {
        ask.reasoning = match ask.reasoning {
            Some(known @ (Reasoning::Budget(_) | Reasoning::Off)) => Some(known),
            _ => Some(Reasoning::Effort(effort)),
        };
    }
    if let Some(inner) = value.member("format") {
        ask.format = format(&inner);
    }
}

fn format<'a>(value: &Json<'a>) -> Option<Format<'a>> {
    let schema = value.member("schema")?;
    Some(Format::Schema { name: value.member("name"), schema, strict: Some(true) })
}

fn tool_of(tool: Json<'_>) -> Result<Tool<'_>, Malformed> {
    let mut members = tool.open().ok_or(Malformed::at("tools", "an array of objects"))?;
    let kind = members.take("type").and_then(|kind| kind.text().map(std::borrow::Cow::into_owned));
    if let Some(kind) = kind.filter(|kind| kind != "custom") {
        return Ok(Tool::Hosted { kind, json: tool });
    }
    Ok(Tool::Function {
        name: members.take("name").ok_or(Malformed::at("tools.name", "a string"))?,
        description: members.take("description"),
        schema: members.take("input_schema"),
        strict: members.take("strict").and_then(|strict| strict.truth()),
        cache: members.take("cache_control"),
    })
}

fn parts_of<'a>(content: &Json<'a>, field: &str) -> Result<Vec<Part<'a>>, Malformed> {
    if content.is_string() {
        return Ok(vec![Part::text(content.clone())]);
    }
    let blocks = content.split().ok_or_else(|| Malformed::at(field, "a string or an array of blocks"))?;
    let wrong = |number: usize| Malformed::at(format!("{field}[{number}]"), "a content block");
    let mut parts = Vec::with_capacity(blocks.len());
    let mut seal = None;
    for (number, block) in blocks.into_iter().enumerate() {
        let mut part = part_of(block).ok_or_else(|| wrong(number))?;
        match &mut part {
            Part::Sealed { data } => {
                if let Some(of_call) = seal::of_call(data) {
                    seal = Some(of_call);
                    continue;
                }
            }
            Part::ToolCall(call) => call.signature = seal.take(),
            _ => {}
        }
        parts.push(part);
    }
    Ok(parts)
}

pub(crate) fn part_of(block: Json<'_>) -> Option<Part<'_>> {
    let mut members = block.open()?;
    let kind = members.take("type")?.text()?.into_owned();
    let cache = members.take("cache_control");
    Some(match kind.as_str() {
        "text" => Part::Text { text: members.take("text")?, cache },
        "image" => Part::Image { source: source(&members.take("source")?)?, detail: None, cache },
        "document" => {
            let inner = members.take("source")?;
            match source(&inner) {
                Some(source) => Part::File { source, name: members.take("title"), cache },
                None => Part::Other { kind, json: block },
            }
        }
        "tool_use" => Part::ToolCall(ToolCall {
            id: members.take("id"),
            name: members.take("name")?,
            input: members.take("input").unwrap_or_else(|| Json::known("{}")),
            signature: None,
            cache,
        }),
        "tool_result" => Part::ToolResult {
            id: members.take("tool_use_id"),
            name: None,
            content: members
                .take("content")
                .map(|content| parts_of(&content, ""))
                .transpose()
                .ok()?
                .unwrap_or_default(),
            is_error: members.take("is_error").and_then(|error| error.truth()).unwrap_or(false),
            cache,
        },
        "thinking" => {
            Part::Reasoning { text: members.take("thinking")?, signature: members.take("signature") }
        }
        "redacted_thinking" => Part::Sealed { data: members.take("data")? },
        _ => Part::Other { kind, json: block },
    })
}

fn source<'a>(source: &Json<'a>) -> Option<Source<'a>> {
    let mut members = source.open()?;
    Some(match &*members.take("type")?.text()?.into_owned() {
        "base64" => Source::Data { media_type: members.take("media_type")?, data: members.take("data")? },
        "url" => Source::Url(members.take("url")?),
        "file" => Source::Id(members.take("file_id")?),
        "text" => Source::Text(members.take("data")?),
        "content" => Source::Text(written(&members.take("content")?)?),
        _ => return None,
    })
}

/// The text of a document that is there in blocks; `None` where there is more than text.
fn written<'a>(content: &Json<'a>) -> Option<Json<'a>> {
    if content.is_string() {
        return Some(content.clone());
    }
    let texts: Option<Vec<Json<'_>>> = content.split()?.iter().map(|block| block.member("text")).collect();
    Some(join(&texts?, "\\n"))
}
