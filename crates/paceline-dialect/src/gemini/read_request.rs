//! A request of Gemini's dialect, read for translation. The caller sets `stream`: it is in the path.

use super::fields;
use super::read_parts::Conversation;
use super::schema::plain;
use crate::neutral::json::{Json, Members};
use crate::neutral::notes::{Malformed, Notes};
use crate::neutral::request::{ChatRequest, Effort, Format, Part, Reasoning, Side, Tool, ToolChoice};
use paceline_types::record::Dialect;
use std::borrow::Cow;

/// Reads a request.
///
/// # Errors
/// Where a field is not what the dialect allows.
pub fn read<'a>(body: &'a [u8], notes: &mut Notes) -> Result<ChatRequest<'a>, Malformed> {
    let whole = serde_json::from_slice::<Json<'_>>(body).ok();
    let members = whole.and_then(|whole| fields(&whole)).ok_or(Malformed::at("the body", "a JSON object"))?;
    let mut ask = ChatRequest::new(Dialect::Gemini);
    let mut contents = None;
    for (key, value) in members.0 {
        if value.get() == "null" {
            continue;
        }
        match &*key {
            "model" => {}
            "contents" => contents = Some(value),
            "systemInstruction" => ask.system = system(&value, notes)?,
            "generationConfig" => generation(&mut ask, &value, notes)?,
            "tools" => {
                for tool in elements(value) {
                    tools(&mut ask, &tool, notes)?;
                }
            }
            "toolConfig" => tool_config(&mut ask, &value)?,
            _ => ask.extra.push((key.into_owned(), value)),
        }
    }
    only_allowed(&mut ask, notes);
    let contents = contents.ok_or(Malformed::at("contents", "an array"))?;
    let mut talk = Conversation::new(&contents);
    for (number, content) in elements(contents).iter().enumerate() {
        let field = format!("contents[{number}]");
        let mut members = fields(content).ok_or_else(|| Malformed::at(&*field, "an object"))?;
        let side = match members.take("role").as_ref().and_then(Json::text).as_deref() {
            Some("model") => Side::Assistant,
            None | Some("user" | "function" | "tool" | "") => Side::User,
            _ => return Err(Malformed::at(format!("{field}.role"), "user or model")),
        };
        let parts = members.take("parts").map(elements).unwrap_or_default();
        for (number, part) in parts.into_iter().enumerate() {
            let wrong = || Malformed::at(format!("{field}.parts[{number}]"), "a part");
            talk.part(&mut ask, side, part, notes).ok_or_else(wrong)?;
        }
    }
    Ok(ask)
}

/// The elements of a list. As at Google, one alone may stand for a list of one.
fn elements(value: Json<'_>) -> Vec<Json<'_>> {
    value.split().unwrap_or_else(|| vec![value])
}

fn system<'a>(value: &Json<'a>, notes: &mut Notes) -> Result<Vec<Part<'a>>, Malformed> {
    if value.is_string() {
        return Ok(vec![Part::text(value.clone())]);
    }
    let mut members = fields(value).ok_or(Malformed::at("systemInstruction", "an object"))?;
    let mut parts = Vec::new();
    for part in members.take("parts").map(elements).unwrap_or_default() {
        match part.member("text").filter(Json::is_string) {
            Some(text) => parts.push(Part::text(text)),
            None => notes.dropped("systemInstruction (what is no text)"),
        }
    }
    Ok(parts)
}

fn generation<'a>(ask: &mut ChatRequest<'a>, value: &Json<'a>, notes: &mut Notes) -> Result<(), Malformed> {
    let mut members = fields(value).ok_or(Malformed::at("generationConfig", "an object"))?;
    format(ask, &mut members, notes);
    if let Some(thinking) = members.take("thinkingConfig") {
        ask.reasoning = reasoning(&thinking, notes);
    }
    let wants = members.take("responseLogprobs").and_then(|wants| wants.truth()) == Some(true);
    let alternatives = members.take("logprobs").and_then(|count| count.unsigned());
    ask.logprobs = wants.then_some(alternatives.unwrap_or(0));
    for (key, value) in members.0 {
        if value.get() == "null" {
            continue;
        }
        match &*key {
            "maxOutputTokens" => ask.max_tokens = value.unsigned(),
            "temperature" => ask.temperature = Some(value),
            "topP" => ask.top_p = Some(value),
            "topK" => ask.top_k = Some(value),
            "seed" => ask.seed = Some(value),
            "presencePenalty" => ask.presence_penalty = Some(value),
            "frequencyPenalty" => ask.frequency_penalty = Some(value),
            "candidateCount" => ask.choices = value.unsigned().unwrap_or(1),
            "stopSequences" => ask.stop = elements(value),
            // Text is what everybody answers.
            "responseModalities" if only_text(&value) => {}
            _ => ask.extra.push((format!("generationConfig.{key}"), value)),
        }
    }
    Ok(())
}

fn only_text(modalities: &Json<'_>) -> bool {
    modalities.split().is_some_and(|list| list.iter().all(|word| word.is("TEXT") || word.is("Text")))
}

fn format<'a>(ask: &mut ChatRequest<'a>, members: &mut Members<'a>, notes: &mut Notes) {
    let kind = members.take("responseMimeType");
    let own = members.take("responseSchema");
    let schema = members.take("responseJsonSchema").or_else(|| members.take("_responseJsonSchema"));
    let schema = schema.or_else(|| own.map(|own| plain(&own, notes)));
    match kind.as_ref().and_then(Json::text).as_deref() {
        None | Some("" | "text/plain") if schema.is_none() => {}
        Some("application/json") => {
            ask.format = Some(match schema {
                Some(schema) => Format::Schema { name: None, schema, strict: None },
                None => Format::Json,
            });
        }
        _ => notes.dropped("generationConfig.responseMimeType and its schema"),
    }
}

fn reasoning(thinking: &Json<'_>, notes: &mut Notes) -> Option<Reasoning> {
    let mut members = fields(thinking)?;
    let level = members.take("thinkingLevel");
    if level.as_ref().is_some_and(|level| level.text().and_then(|word| Effort::parse(&word)).is_none()) {
        notes.dropped("thinkingConfig.thinkingLevel");
    }
    let level = level.and_then(|level| Effort::parse(&level.text()?));
    let budget = members.take("thinkingBudget");
    if let Some(level) = level {
        return Some(Reasoning::Effort(level));
    }
    match budget {
        Some(budget) if budget.get() == "-1" => Some(Reasoning::Adaptive),
        Some(budget) => match budget.unsigned()? {
            0 => Some(Reasoning::Off),
            tokens => Some(Reasoning::Budget(tokens)),
        },
        None => {
            if members.take("includeThoughts").and_then(|wants| wants.truth()) == Some(true) {
                notes.changed("thinkingConfig.includeThoughts", "left to the provider");
            }
            None
        }
    }
}

fn tools<'a>(ask: &mut ChatRequest<'a>, tool: &Json<'a>, notes: &mut Notes) -> Result<(), Malformed> {
    let members = fields(tool).ok_or(Malformed::at("tools", "an array of objects"))?;
    for (key, value) in members.0 {
        if value.get() == "null" {
            continue;
        }
        if key != "functionDeclarations" {
            let json = Json::known(format!("{{{}:{}}}", Json::string(&key).get(), value.get()));
            ask.tools.push(Tool::Hosted { kind: key.into_owned(), json });
            continue;
        }
        for function in elements(value) {
            ask.tools.push(declaration(&function, notes)?);
        }
    }
    Ok(())
}

fn declaration<'a>(function: &Json<'a>, notes: &mut Notes) -> Result<Tool<'a>, Malformed> {
    let wrong = || Malformed::at("tools.functionDeclarations", "an array of functions with names");
    let mut members = fields(function).ok_or_else(wrong)?;
    let name = members.take("name").filter(Json::is_string).ok_or_else(wrong)?;
    let own = members.take("parameters");
    let schema = members.take("parametersJsonSchema").or_else(|| own.map(|own| plain(&own, notes)));
    let description = members.take("description");
    for (key, _) in &members.0 {
        notes.dropped(&format!("tools.functionDeclarations.{key}"));
    }
    Ok(Tool::Function { name, description, schema, strict: None, cache: None })
}

/// Names that may be called, kept until all tools are known.
const ALLOWED: &str = "toolConfig.functionCallingConfig.allowedFunctionNames";

fn tool_config<'a>(ask: &mut ChatRequest<'a>, value: &Json<'a>) -> Result<(), Malformed> {
    let members = fields(value).ok_or(Malformed::at("toolConfig", "an object"))?;
    for (key, value) in members.0 {
        if value.get() == "null" {
            continue;
        }
        if key != "functionCallingConfig" {
            ask.extra.push((format!("toolConfig.{key}"), value));
            continue;
        }
        let mut inner =
            fields(&value).ok_or(Malformed::at("toolConfig.functionCallingConfig", "an object"))?;
        let mode = inner.take("mode").and_then(|mode| mode.text().map(|mode| mode.to_ascii_uppercase()));
        ask.tool_choice = match mode.as_deref() {
            None | Some("" | "MODE_UNSPECIFIED") => None,
            // Arguments that fit the schema: what others call strict, and here is asked for all tools at once.
            Some("AUTO" | "VALIDATED") => Some(ToolChoice::Auto),
            Some("ANY") => Some(ToolChoice::Any),
            Some("NONE") => Some(ToolChoice::Never),
            _ => {
                return Err(Malformed::at(
                    "toolConfig.functionCallingConfig.mode",
                    "AUTO, ANY, NONE or VALIDATED",
                ));
            }
        };
        if mode.as_deref() == Some("VALIDATED") {
            ask.extra.push(("toolConfig.functionCallingConfig.mode".to_owned(), Json::string("VALIDATED")));
        }
        if let Some(names) = inner.take("allowedFunctionNames") {
            ask.extra.push((ALLOWED.to_owned(), names));
        }
    }
    Ok(())
}

/// Of several tools, only some may be called: one alone is named, several are all that is offered.
fn only_allowed(ask: &mut ChatRequest<'_>, notes: &mut Notes) {
    let Some(names) = ask.take_extra(ALLOWED).map(elements).filter(|names| !names.is_empty()) else {
        return;
    };
    if let ([name], Some(ToolChoice::Any)) = (names.as_slice(), &ask.tool_choice) {
        ask.tool_choice = Some(ToolChoice::Named(name.clone()));
        return;
    }
    let allowed: Vec<Option<Cow<'_, str>>> = names.iter().map(Json::text).collect();
    let count = ask.tools.len();
    ask.tools.retain(|tool| match tool {
        Tool::Function { name, .. } => allowed.contains(&name.text()),
        Tool::Hosted { .. } => true,
    });
    if ask.tools.len() < count {
        notes.changed("tools", "cut to allowedFunctionNames");
    }
}
