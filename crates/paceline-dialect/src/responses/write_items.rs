//! A conversation of another dialect as the items of a request.

use crate::neutral::json::{Json, join};
use crate::neutral::notes::{Notes, Unsupported};
use crate::neutral::request::{Part, Side, Source, Turn};
use crate::neutral::write::{Array, Object};
use crate::openai::write_request::address;
use crate::responses::is_own_seal;

/// Writes items.
pub(super) struct Items<'m, 'o> {
    list: &'m mut Array<'o>,
    /// Ids of files are of the same house.
    own_ids: bool,
    /// Calls and results without ids, which answer each other in their order.
    calls: u32,
    results: u32,
    notes: &'m mut Notes,
    wrong: &'m mut Option<Unsupported>,
}

impl<'m, 'o> Items<'m, 'o> {
    pub(super) fn new(
        list: &'m mut Array<'o>,
        own_ids: bool,
        notes: &'m mut Notes,
        wrong: &'m mut Option<Unsupported>,
    ) -> Self {
        Self { list, own_ids, calls: 0, results: 0, notes, wrong }
    }

    pub(super) fn turn(&mut self, turn: &Turn<'_>) {
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
        let texts: Option<Vec<_>> = said
            .iter()
            .map(|part| match part {
                Part::Text { text, .. } => Some(text),
                _ => None,
            })
            .collect();
        self.list.object(|o| {
            o.text("role", "assistant");
            match texts {
                // Parts of an answer, without the names they had there, are not taken by every service; a string is.
                Some(texts) => o.json("content", &join(texts, "")),
                None => o.array("content", |list| {
                    for part in said.iter() {
                        list.object(|o| output_part(part, o));
                    }
                }),
            }
        });
        said.clear();
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

fn output_part(part: &Part<'_>, o: &mut Object<'_>) {
    match part {
        Part::Refusal { text } => {
            o.text("type", "refusal");
            o.json("refusal", text);
        }
        Part::Text { text, .. } => {
            o.text("type", "output_text");
            o.json("text", text);
            o.raw("annotations", "[]");
        }
        _ => {}
    }
}
