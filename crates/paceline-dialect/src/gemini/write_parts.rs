//! The parts of a conversation, written in Gemini's dialect.

use super::model::Model;
use crate::neutral::json::{Json, join};
use crate::neutral::notes::{Notes, Unsupported};
use crate::neutral::request::{ChatRequest, Part, Side, Source, ToolCall, Turn};
use crate::neutral::seal;
use crate::neutral::write::{Array, Object};
use paceline_types::record::Dialect;

/// What stands for the seal of a call that has none. From the third generation on, the first call of each turn must have
/// one; calls that another model made, or that came through a dialect without a place for seals, have none. Google's
/// documentation of thought signatures names this value for such calls.
const NO_SEAL: &str = "\"skip_thought_signature_validator\"";

/// Writes parts, and keeps what cannot be said.
pub(super) struct Parts<'m, 'r, 'a> {
    pub(super) ask: &'r ChatRequest<'a>,
    pub(super) model: Model<'r>,
    pub(super) notes: &'m mut Notes,
    pub(super) wrong: &'m mut Option<Unsupported>,
}

impl Parts<'_, '_, '_> {
    /// What stands above the conversation: text only.
    pub(super) fn system(&mut self, o: &mut Object<'_>) {
        let mut texts = Vec::new();
        for part in &self.ask.system {
            match part {
                Part::Text { text, cache } => {
                    self.mark(cache.as_ref());
                    texts.push(text);
                }
                Part::Refusal { text } => texts.push(text),
                _ => self.notes.dropped("system (what is no text)"),
            }
        }
        texts.retain(|text| !text.inner().is_empty());
        if texts.is_empty() {
            return;
        }
        o.object("systemInstruction", |system| {
            system.array("parts", |list| {
                for text in texts {
                    list.object(|o| o.json("text", text));
                }
            });
        });
    }

    /// The conversation. Turns that say nothing are left out: the dialect refuses them.
    pub(super) fn contents(&mut self, o: &mut Object<'_>) {
        let ask = self.ask;
        o.array("contents", |list| {
            for turn in &ask.turns {
                let mut written = Vec::new();
                crate::neutral::write::array(&mut written, |parts| self.turn(turn, parts));
                if written == b"[]" {
                    continue;
                }
                list.object(|o| {
                    o.text("role", if turn.side == Side::User { "user" } else { "model" });
                    o.raw("parts", &String::from_utf8_lossy(&written));
                });
            }
        });
    }

    /// Results of tools come first, and pictures in them follow as the user's: only some models take them inside.
    fn turn(&mut self, turn: &Turn<'_>, list: &mut Array<'_>) {
        let mut pictures = Vec::new();
        for part in &turn.parts {
            if let Part::ToolResult { id, name, content, is_error, cache } = part {
                self.mark(cache.as_ref());
                self.result((id.as_ref(), name.as_ref()), content, *is_error, list);
                pictures.extend(content.iter().filter(|part| !is_text(part)));
            }
        }
        if !pictures.is_empty() {
            self.notes.changed("tool_result.image", "sent as the user's");
        }
        let mut calls = 0;
        for part in pictures.into_iter().chain(&turn.parts) {
            match part {
                Part::ToolResult { .. } => {}
                Part::ToolCall(call) => {
                    self.call(call, calls == 0, list);
                    calls += 1;
                }
                other => self.part(other, list),
            }
        }
    }

    fn call(&mut self, call: &ToolCall<'_>, first: bool, list: &mut Array<'_>) {
        self.mark(call.cache.as_ref());
        list.object(|o| {
            o.object("functionCall", |function| {
                // Models before the third generation have no ids.
                if self.model.is_sealed() {
                    function.maybe("id", call.id.as_ref());
                }
                function.json("name", &call.name);
                function.json("args", &call.input);
            });
            match &call.signature {
                Some(seal) => o.json("thoughtSignature", seal),
                None if first && self.model.is_sealed() => o.raw("thoughtSignature", NO_SEAL),
                None => {}
            }
        });
    }

    fn result(
        &mut self,
        (id, name): (Option<&Json<'_>>, Option<&Json<'_>>),
        content: &[Part<'_>],
        is_error: bool,
        list: &mut Array<'_>,
    ) {
        let Some(name) = name.or_else(|| self.ask.tool_of(id?)) else {
            return self.refuse(
                "tool_call_id",
                "a result of a tool needs its call in the conversation: this provider asks for the tool's name",
            );
        };
        let text = join(
            content.iter().filter_map(|part| match part {
                Part::Text { text, .. } | Part::Refusal { text } => Some(text),
                _ => None,
            }),
            "\\n",
        );
        list.object(|o| {
            o.object("functionResponse", |response| {
                if self.model.is_sealed() {
                    response.maybe("id", id);
                }
                response.json("name", name);
                let object = (!text.inner().is_empty()).then(|| text.unquoted()).flatten();
                match object.filter(Json::is_object) {
                    Some(object) if !is_error => response.json("response", &object),
                    _ => response.object("response", |inner| {
                        inner.json(if is_error { "error" } else { "result" }, &text);
                    }),
                }
            });
        });
    }

    fn part(&mut self, part: &Part<'_>, list: &mut Array<'_>) {
        let own = self.ask.from == Dialect::Gemini;
        match part {
            Part::Text { text, cache } => {
                self.mark(cache.as_ref());
                say(text, list);
            }
            Part::Refusal { text } => say(text, list),
            Part::Image { source, detail, cache } => {
                self.mark(cache.as_ref());
                if detail.as_ref().is_some_and(|detail| !detail.is("auto")) {
                    self.notes.dropped("image_url.detail");
                }
                self.sourced(source, "image/jpeg", list);
            }
            Part::Audio { data, format } => list.object(|o| {
                o.object("inlineData", |inline| {
                    inline.raw("mimeType", &format!("\"audio/{}\"", format.inner()));
                    inline.json("data", data);
                });
            }),
            Part::File { source, name, cache } => {
                self.mark(cache.as_ref());
                if name.is_some() {
                    self.notes.dropped("file.filename");
                }
                self.sourced(source, "application/pdf", list);
            }
            // A seal that came through another dialect may be another family's, which the dialect refuses; of thought
            // and text, unlike of calls, it needs none.
            Part::Reasoning { text, signature } if own || signature.as_ref().is_some_and(is_own) => list
                .object(|o| {
                    o.json("text", text);
                    if !text.inner().is_empty() {
                        o.truth("thought", true);
                    }
                    o.maybe("thoughtSignature", signature.as_ref().map(seal::unmark).as_ref());
                }),
            Part::Reasoning { .. } => self.notes.dropped("thinking"),
            Part::Sealed { .. } => self.notes.dropped("redacted_thinking"),
            Part::Other { json, .. } if own => list.json(json),
            Part::Other { kind, .. } => self.notes.dropped(kind),
            Part::ToolCall(_) | Part::ToolResult { .. } => {}
        }
    }

    fn sourced(&mut self, source: &Source<'_>, else_type: &str, list: &mut Array<'_>) {
        match source {
            Source::Data { media_type, data } => list.object(|o| {
                o.object("inlineData", |inline| {
                    inline.json("mimeType", media_type);
                    inline.json("data", data);
                });
            }),
            Source::Id(_) if self.ask.from != Dialect::Gemini => self
                .refuse("file_id", "the file is stored at another provider; send it as data or by address"),
            Source::Url(address) | Source::Id(address) => list.object(|o| {
                o.object("fileData", |file| {
                    match (source, media_type(address.inner())) {
                        (_, Some(known)) => file.text("mimeType", known),
                        // Google knows what is stored there.
                        (Source::Id(_), None) => {}
                        (_, None) => file.text("mimeType", else_type),
                    }
                    file.json("fileUri", address);
                });
            }),
            Source::Text(text) => say(text, list),
        }
    }

    fn mark(&mut self, cache: Option<&Json<'_>>) {
        if cache.is_some() {
            self.notes.dropped("cache_control");
        }
    }

    fn refuse(&mut self, field: &str, why: &str) {
        self.wrong.get_or_insert_with(|| Unsupported { field: field.to_owned(), why: why.to_owned() });
    }
}

fn is_text(part: &Part<'_>) -> bool {
    matches!(part, Part::Text { .. } | Part::Refusal { .. })
}

/// The dialect refuses empty text.
fn say(text: &Json<'_>, list: &mut Array<'_>) {
    if !text.inner().is_empty() {
        list.object(|o| o.json("text", text));
    }
}

/// What the end of an address says about what is there.
fn media_type(address: &str) -> Option<&'static str> {
    let path = address.split(['?', '#']).next()?;
    let (_, end) = path.rsplit('/').next()?.rsplit_once('.')?;
    Some(match end.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "pdf" => "application/pdf",
        "txt" | "md" => "text/plain",
        "html" | "htm" => "text/html",
        "csv" => "text/csv",
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        _ => return None,
    })
}

/// Whether a thought is Gemini's, though it came from a caller of another dialect.
fn is_own(signature: &Json<'_>) -> bool {
    seal::family(signature) == Some(Dialect::Gemini)
}
