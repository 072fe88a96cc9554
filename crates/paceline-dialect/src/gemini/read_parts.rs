//! The parts of a conversation in Gemini's dialect.
//!
//! Other dialects tie the result of a tool to its call by an id. Here there may be none: then calls are counted, and a
//! result belongs to the first call of its name that has none yet.

use super::fields;
use crate::neutral::json::{Json, Members};
use crate::neutral::notes::Notes;
use crate::neutral::request::{ChatRequest, Part, Side, Source, ToolCall};

/// What is known of the conversation so far.
pub(super) struct Conversation<'a> {
    /// The number of the next id: greater than any of this form in the conversation.
    next: u64,
    /// Calls without a result: name and id.
    open: Vec<(Json<'a>, Json<'a>)>,
}

/// Where one part of a message may hold what it says.
const KINDS: [&str; 7] = [
    "functionCall",
    "functionResponse",
    "inlineData",
    "fileData",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
];

impl<'a> Conversation<'a> {
    pub(super) fn new(contents: &Json<'_>) -> Self {
        let given = contents.get().split("\"call_").skip(1);
        let numbers = given.filter_map(|rest| rest.split('"').next()?.parse::<u32>().ok());
        Self { next: numbers.max().map_or(1, |number| u64::from(number) + 1), open: Vec::new() }
    }

    fn make_id(&mut self) -> Json<'a> {
        let id = Json::known(format!("\"call_{}\"", self.next));
        self.next += 1;
        id
    }

    /// Adds one part; `None` where it is none.
    pub(super) fn part(
        &mut self,
        ask: &mut ChatRequest<'a>,
        side: Side,
        part: Json<'a>,
        notes: &mut Notes,
    ) -> Option<()> {
        let mut members = fields(&part)?;
        let thought = members.take("thought").and_then(|thought| thought.truth()) == Some(true);
        let signature = members.take("thoughtSignature").filter(Json::is_string).map(plain_seal);
        let text = members.take("text");
        let kind = KINDS.iter().find_map(|kind| Some((*kind, members.take(kind)?)));
        match (kind, text) {
            (Some((kind, value)), _) => self.kind(ask, side, (kind, value, signature), part, notes)?,
            (None, Some(text)) if text.is_string() => words(ask, side, text, thought, signature),
            (None, Some(_)) => return None,
            // A seal may come alone, after what it seals.
            (None, None) if signature.is_some() => {
                words(ask, side, Json::known("\"\""), thought, signature);
            }
            (None, None) => {
                // A kind that is newer than this program, or nothing at all.
                if let Some((key, _)) = members.0.first() {
                    let kind = key.clone().into_owned();
                    ask.say(side, [Part::Other { kind, json: part }]);
                }
                return Some(());
            }
        }
        for (key, _) in &members.0 {
            notes.dropped(&format!("contents.parts.{key}"));
        }
        Some(())
    }

    fn kind(
        &mut self,
        ask: &mut ChatRequest<'a>,
        side: Side,
        (kind, value, signature): (&str, Json<'a>, Option<Json<'a>>),
        part: Json<'a>,
        notes: &mut Notes,
    ) -> Option<()> {
        let said = match kind {
            "functionCall" => self.call(&value, signature)?,
            "functionResponse" => self.result(&value, notes)?,
            "inlineData" => inline(&value)?,
            "fileData" => stored(&value)?,
            _ => Part::Other { kind: kind.to_owned(), json: part },
        };
        ask.say(side, [said]);
        Some(())
    }

    fn call(&mut self, value: &Json<'a>, signature: Option<Json<'a>>) -> Option<Part<'a>> {
        let mut members = fields(value)?;
        let name = members.take("name").filter(Json::is_string)?;
        let given = members.take("id").filter(|id| !id.inner().is_empty());
        let id = given.unwrap_or_else(|| self.make_id());
        self.open.push((name.clone(), id.clone()));
        let input = members.take("args").filter(Json::is_object).unwrap_or_else(|| Json::known("{}"));
        Some(Part::ToolCall(ToolCall { id: Some(id), name, input, signature, cache: None }))
    }

    fn result(&mut self, value: &Json<'a>, notes: &mut Notes) -> Option<Part<'a>> {
        let mut members = fields(value)?;
        let name = members.take("name").filter(Json::is_string)?;
        let given = members.take("id").filter(|id| !id.inner().is_empty());
        let open = self.open.iter().position(|(called, id)| match &given {
            Some(given) => id.get() == given.get(),
            None => called.get() == name.get(),
        });
        let id = match (open.map(|at| self.open.remove(at).1), given) {
            (Some(id), _) | (None, Some(id)) => id,
            (None, None) => self.make_id(),
        };
        let mut content = Vec::new();
        let mut is_error = false;
        if let Some(response) = members.take("response") {
            let (text, failed) = told(&response);
            content.push(Part::text(text));
            is_error = failed;
        }
        for part in members.take("parts").and_then(|parts| parts.split()).unwrap_or_default() {
            let mut inner = fields(&part)?;
            let picture = match (inner.take("inlineData"), inner.take("fileData")) {
                (Some(data), _) => inline(&data)?,
                (None, Some(data)) => stored(&data)?,
                (None, None) => return None,
            };
            content.push(picture);
        }
        for (key, _) in &members.0 {
            notes.dropped(&format!("functionResponse.{key}"));
        }
        Some(Part::ToolResult { id: Some(id), name: Some(name), content, is_error, cache: None })
    }
}

/// What a tool said, as text, and whether it failed. An object that only wraps one value stands for the value.
fn told<'a>(response: &Json<'a>) -> (Json<'a>, bool) {
    let alone = response.open().and_then(|Members(mut members)| match members.len() {
        1 => members.pop(),
        _ => None,
    });
    match alone {
        Some((key, value)) if matches!(&*key, "result" | "output" | "error") => {
            let text = if value.is_string() { value } else { Json::string(value.get()) };
            (text, key == "error")
        }
        _ => (Json::string(response.get()), false),
    }
}

/// A seal in the alphabet it was made in. Google's own clients give bytes back in base64's alphabet for addresses, which
/// Google reads too; other families compare letters.
fn plain_seal(seal: Json<'_>) -> Json<'_> {
    if !seal.inner().contains(['-', '_']) {
        return seal;
    }
    Json::known(seal.get().replace('-', "+").replace('_', "/"))
}

/// Text and thought. What the model said or thought in pieces, as callers keep it from a stream, is one text and one
/// thought: its seal is on the last of them.
fn words<'a>(
    ask: &mut ChatRequest<'a>,
    side: Side,
    text: Json<'a>,
    thought: bool,
    signature: Option<Json<'a>>,
) {
    let last = ask.turns.last_mut().filter(|turn| turn.side == side).and_then(|turn| turn.parts.last_mut());
    if !thought {
        match last {
            _ if text.inner().is_empty() => {}
            Some(Part::Text { text: before, .. }) if side == Side::Assistant => before.append(&text),
            _ => ask.say(side, [Part::text(text)]),
        }
        if signature.is_some() {
            ask.say(side, [Part::Reasoning { text: Json::known("\"\""), signature }]);
        }
        return;
    }
    match last {
        Some(Part::Reasoning { text: before, signature: seal @ None }) => {
            before.append(&text);
            *seal = signature;
        }
        _ => ask.say(side, [Part::Reasoning { text, signature }]),
    }
}

fn inline<'a>(value: &Json<'a>) -> Option<Part<'a>> {
    let mut members = fields(value)?;
    let media_type = members.take("mimeType").filter(Json::is_string)?;
    let data = members.take("data").filter(Json::is_string)?;
    let name = members.take("displayName");
    let kind = media_type.text()?.into_owned();
    Some(match kind.split_once('/') {
        Some(("image", _)) => {
            Part::Image { source: Source::Data { media_type, data }, detail: None, cache: None }
        }
        Some(("audio", form)) => {
            let form = match form.strip_prefix("x-").unwrap_or(form) {
                "mpeg" | "mp3" => "mp3",
                "wav" | "wave" => "wav",
                other => other,
            };
            Part::Audio { data, format: Json::string(form) }
        }
        _ => Part::File { source: Source::Data { media_type, data }, name, cache: None },
    })
}

/// A file at an address. What is stored at Google nobody else can fetch.
fn stored<'a>(value: &Json<'a>) -> Option<Part<'a>> {
    let mut members = fields(value)?;
    let address = members.take("fileUri").filter(Json::is_string)?;
    let is_image = members.take("mimeType").is_some_and(|kind| kind.inner().starts_with("image"));
    let at_google = {
        let text = address.text()?;
        text.starts_with("gs://") || text.contains("generativelanguage.googleapis.com/")
    };
    let source = if at_google { Source::Id(address) } else { Source::Url(address) };
    Some(if is_image {
        Part::Image { source, detail: None, cache: None }
    } else {
        Part::File { source, name: members.take("displayName"), cache: None }
    })
}
