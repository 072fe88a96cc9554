//! What is said, as content blocks of Converse.

use crate::bedrock::converse_request::Maker;
use crate::neutral::json::Json;
use crate::neutral::notes::{Notes, Unsupported};
use crate::neutral::request::{Part, Side, Source, ToolCall, Turn};
use crate::neutral::seal;
use crate::neutral::write::{Array, Object, array};
use crate::responses::is_own_seal;

/// The longest name of a call or document that is taken.
const MAX_NAME: usize = 64;

/// Ends of documents' names, which are told apart from them here.
const EXTENSIONS: [&str; 9] = ["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"];

/// Writes blocks.
pub(super) struct Blocks<'m> {
    maker: Maker,
    notes: &'m mut Notes,
    wrong: &'m mut Option<Unsupported>,
    /// Calls and results without ids, which answer each other in their order.
    calls: u32,
    results: u32,
    /// Names of documents, each of which must be another.
    documents: Vec<String>,
}

impl<'m> Blocks<'m> {
    pub(super) fn new(maker: Maker, notes: &'m mut Notes, wrong: &'m mut Option<Unsupported>) -> Self {
        Self { maker, notes, wrong, calls: 0, results: 0, documents: Vec::new() }
    }

    pub(super) fn system(&mut self, parts: &[Part<'_>], o: &mut Object<'_>) {
        if !parts.is_empty() {
            o.array("system", |list| {
                for part in parts {
                    match part {
                        Part::Text { .. } | Part::Refusal { .. } => self.block(part, list),
                        _ => self.notes.dropped("system (what is no text)"),
                    }
                }
            });
        }
    }

    /// Writes the conversation. A turn of which nothing crosses is left out, and its neighbours become one: the dialect
    /// takes neither empty turns nor two of one side in a row.
    pub(super) fn messages(&mut self, turns: &[Turn<'_>], o: &mut Object<'_>) {
        let mut written: Vec<(Side, Vec<u8>)> = Vec::new();
        for turn in turns {
            let mut blocks = Vec::new();
            array(&mut blocks, |list| self.turn(turn, list));
            if blocks == b"[]" {
                continue;
            }
            match written.last_mut() {
                Some((side, last)) if *side == turn.side => {
                    last.pop();
                    last.push(b',');
                    last.extend_from_slice(&blocks[1..]);
                }
                _ => written.push((turn.side, blocks)),
            }
        }
        o.array("messages", |list| {
            for (side, blocks) in &written {
                list.object(|o| {
                    o.text("role", if *side == Side::User { "user" } else { "assistant" });
                    o.raw("content", std::str::from_utf8(blocks).unwrap_or("[]"));
                });
            }
        });
    }

    /// Results of tools come first.
    fn turn(&mut self, turn: &Turn<'_>, list: &mut Array<'_>) {
        let results = |part: &&Part<'_>| matches!(part, Part::ToolResult { .. });
        let rest = turn.parts.iter().filter(|part| !results(part));
        for part in turn.parts.iter().filter(results).chain(rest) {
            self.block(part, list);
        }
    }

    fn block(&mut self, part: &Part<'_>, list: &mut Array<'_>) {
        match part {
            // Text without a visible character is refused.
            Part::Text { text, cache } => {
                if !is_blank(text) {
                    list.object(|o| o.json("text", text));
                    cache_point(cache.as_ref(), self.maker, list, self.notes);
                }
            }
            Part::Refusal { text } => {
                if !is_blank(text) {
                    list.object(|o| o.json("text", text));
                }
            }
            Part::Image { source, detail, cache } => {
                if detail.as_ref().is_some_and(|detail| !detail.is("auto")) {
                    self.notes.dropped("image_url.detail");
                }
                self.image(source, list);
                cache_point(cache.as_ref(), self.maker, list, self.notes);
            }
            Part::File { source, name, cache } => {
                self.document(source, name.as_ref(), list);
                cache_point(cache.as_ref(), self.maker, list, self.notes);
            }
            Part::Audio { data, format } => list.object(|o| {
                o.object("audio", |audio| {
                    audio.json("format", format);
                    audio.object("source", |source| source.json("bytes", data));
                });
            }),
            Part::ToolCall(call) => self.tool_use(call, list),
            Part::ToolResult { id, content, is_error, cache, .. } => {
                self.tool_result(id.as_ref(), content, *is_error, list);
                cache_point(cache.as_ref(), self.maker, list, self.notes);
            }
            Part::Reasoning { text, signature: Some(seal) } if self.reads(seal) => list.object(|o| {
                o.object("reasoningContent", |content| {
                    content.object("reasoningText", |thought| {
                        thought.json("text", text);
                        thought.json("signature", seal);
                    });
                });
            }),
            Part::Sealed { data } if self.reads(data) => list.object(|o| {
                o.object("reasoningContent", |content| content.json("redactedContent", data));
            }),
            Part::Reasoning { signature: None, .. } => {
                self.notes.dropped("reasoning without its signature");
            }
            Part::Reasoning { .. } | Part::Sealed { .. } => {
                self.notes.dropped("reasoning (of another model)");
            }
            Part::Other { kind, .. } => self.notes.dropped(kind),
        }
    }

    /// Whether the model can read a seal: Anthropic's models can, unless OpenAI or Google made it.
    fn reads(&self, seal: &Json<'_>) -> bool {
        self.maker == Maker::Anthropic && !is_own_seal(seal) && seal::family(seal).is_none()
    }

    fn tool_use(&mut self, call: &ToolCall<'_>, list: &mut Array<'_>) {
        let id = self.id(call.id.as_ref(), true);
        list.object(|o| {
            o.object("toolUse", |tool| {
                tool.text("toolUseId", &id);
                tool.json("name", &call.name);
                tool.json("input", &call.input);
            });
        });
        cache_point(call.cache.as_ref(), self.maker, list, self.notes);
    }

    fn tool_result(
        &mut self,
        id: Option<&Json<'_>>,
        content: &[Part<'_>],
        is_error: bool,
        list: &mut Array<'_>,
    ) {
        let id = self.id(id, false);
        let says = |part: &Part<'_>| match part {
            Part::Text { text, .. } | Part::Refusal { text } => !is_blank(text),
            Part::Image { .. } | Part::File { .. } => true,
            _ => false,
        };
        list.object(|o| {
            o.object("toolResult", |result| {
                result.text("toolUseId", &id);
                result.array("content", |list| {
                    for part in content {
                        match part {
                            // A mark inside a result is no block there.
                            Part::Text { text, .. } if says(part) => list.object(|o| o.json("text", text)),
                            Part::Image { source, .. } => self.image(source, list),
                            Part::File { source, name, .. } => self.document(source, name.as_ref(), list),
                            Part::Text { .. } => {}
                            Part::Refusal { .. } => self.block(part, list),
                            Part::Other { kind, .. } => self.notes.dropped(kind),
                            _ => self.notes.dropped("tool_result (what is no text, picture or document)"),
                        }
                    }
                    // Blank text is refused, and so is nothing at all.
                    if !content.iter().any(says) {
                        list.object(|o| o.raw("json", "{}"));
                    }
                });
                if is_error && self.maker.keeps() {
                    result.text("status", "error");
                }
            });
        });
        if is_error && !self.maker.keeps() {
            self.notes.dropped("tool_result.is_error");
        }
    }

    /// A call's name in the letters that are taken; one is made where the caller's dialect has none.
    fn id(&mut self, id: Option<&Json<'_>>, is_call: bool) -> String {
        let counter = if is_call { &mut self.calls } else { &mut self.results };
        let Some(id) = id.filter(|id| !id.inner().is_empty()) else {
            *counter += 1;
            return format!("call_{counter}");
        };
        let plain = |c: char| if c.is_ascii_alphanumeric() || "_.:-".contains(c) { c } else { '_' };
        // Names that are too long differ in their ends, where they differ at all.
        let letters: Vec<char> = id.inner().chars().map(plain).collect();
        letters[letters.len().saturating_sub(MAX_NAME)..].iter().collect()
    }

    fn image(&mut self, source: &Source<'_>, list: &mut Array<'_>) {
        let Source::Data { media_type, data } = source else {
            return self.refuse("image", "this provider takes pictures only as data; send it as base64");
        };
        let format = match media_type.inner().strip_prefix("image/") {
            Some(format @ ("png" | "jpeg" | "gif" | "webp")) => format,
            Some("jpg") => "jpeg",
            _ => return self.refuse("image", "this provider takes pictures as png, jpeg, gif or webp"),
        };
        list.object(|o| {
            o.object("image", |image| {
                image.text("format", format);
                image.object("source", |source| source.json("bytes", data));
            });
        });
    }

    fn document(&mut self, source: &Source<'_>, name: Option<&Json<'_>>, list: &mut Array<'_>) {
        let (key, data, format) = match source {
            Source::Text(text) => ("text", text, "txt"),
            Source::Data { media_type, data } => match document_format(media_type.inner()) {
                Some(format) => ("bytes", data, format),
                None => return self.refuse("file", "this provider does not take documents of this kind"),
            },
            Source::Url(_) | Source::Id(_) => {
                return self.refuse("file", "this provider takes documents only as data; send it as base64");
            }
        };
        let name = self.document_name(name);
        list.object(|o| {
            o.object("document", |document| {
                document.text("format", format);
                document.text("name", &name);
                document.object("source", |source| source.json(key, data));
            });
        });
    }

    /// A document's name in the letters that are taken, unlike that of any other.
    fn document_name(&mut self, name: Option<&Json<'_>>) -> String {
        let given = name.and_then(Json::text).unwrap_or_default();
        let stem = given
            .rsplit_once('.')
            .filter(|(_, extension)| EXTENSIONS.contains(&&*extension.to_ascii_lowercase()))
            .map_or(&*given, |(stem, _)| stem);
        let plain =
            stem.chars().map(|c| if c.is_ascii_alphanumeric() || "-()[]".contains(c) { c } else { ' ' });
        let words: String = plain.collect();
        // No more than one space in a row.
        let mut base = words.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        base.truncate(MAX_NAME);
        let base = Some(base.trim_end()).filter(|base| !base.is_empty()).unwrap_or("document");
        let mut own = base.to_owned();
        let mut number = 1;
        while self.documents.contains(&own) {
            number += 1;
            own = format!("{base} {number}");
        }
        if !stem.is_empty() && stem != own {
            self.notes.changed("file.filename", "spelled with the letters this provider takes");
        }
        self.documents.push(own.clone());
        own
    }

    fn refuse(&mut self, field: &str, why: &str) {
        self.wrong.get_or_insert_with(|| Unsupported { field: field.to_owned(), why: why.to_owned() });
    }
}

/// Nothing but space; what is no Unicode is something.
fn is_blank(text: &Json<'_>) -> bool {
    text.inner().is_empty() || text.text().is_some_and(|text| text.trim().is_empty())
}

/// Writes the mark up to which the prompt is worth keeping.
pub(super) fn cache_point(mark: Option<&Json<'_>>, maker: Maker, list: &mut Array<'_>, notes: &mut Notes) {
    let Some(mark) = mark else { return };
    if !maker.keeps() {
        return notes.dropped("cache_control");
    }
    // Only Anthropic's models keep it for an hour.
    let ttl = mark.member("ttl").filter(|ttl| ttl.is("1h") && maker == Maker::Anthropic);
    list.object(|o| {
        o.object("cachePoint", |point| {
            point.text("type", "default");
            point.maybe("ttl", ttl.as_ref());
        });
    });
}

/// The word for a kind of document.
fn document_format(media_type: &str) -> Option<&'static str> {
    let kind = media_type.split(';').next().unwrap_or_default().trim();
    Some(match kind {
        "application/pdf" => "pdf",
        "text/plain" => "txt",
        "text/markdown" => "md",
        "text/html" => "html",
        "text/csv" => "csv",
        "application/msword" => "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        _ => return None,
    })
}
