//! An answer of another dialect, written as events of the responses dialect or as one response.

use crate::neutral::about::About;
use crate::neutral::citation;
use crate::neutral::event::{Event, Finish};
use crate::neutral::json::Json;
use crate::neutral::seal;
use crate::neutral::write::{Object, object};
use crate::responses::object::{self as objects, Front, Progress, quoted};
use crate::responses::open::{Call, Open, Said};
pub use crate::responses::write_document::document;
use paceline_types::tokens::Usage;

/// Writes events. Items come one after the other, each of them complete, so that a tool's input which comes while another's
/// is not complete waits for it.
#[derive(Debug)]
pub struct Writer {
    about: About,
    front: Option<Front>,
    /// The number of the next event.
    number: u64,
    /// Items that are complete.
    output: Vec<Json<'static>>,
    open: Open,
    /// Calls of tools whose turn has not come.
    waiting: Vec<Call>,
    finish: Option<Finish>,
    usage: Option<Usage>,
}

impl Writer {
    /// A writer for an answer.
    pub fn new(about: About) -> Self {
        Self {
            about,
            front: None,
            number: 0,
            output: Vec::new(),
            open: Open::Nothing,
            waiting: Vec::new(),
            finish: None,
            usage: None,
        }
    }

    /// The `sequence_number` of the next event: that of an error, where one ends the stream.
    pub fn next_number(&self) -> u64 {
        self.number
    }

    /// Writes what `event` means to `out`.
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Begin { id, model } => self.begin(id.as_ref(), model.as_ref(), out),
            // The dialect has one answer.
            Event::Text { choice: 0, text } => self.say(text, false, out),
            Event::Refusal { choice: 0, text } => self.say(text, true, out),
            Event::Reasoning { choice: 0, text } if !text.inner().is_empty() => self.think(text, out),
            Event::Signature { choice: 0, signature } => {
                if !matches!(self.open, Open::Thought { text: Some(_), .. }) {
                    self.open_thought(out);
                }
                if let Open::Thought { seal, .. } = &mut self.open {
                    *seal = Some(self.about.sealed(signature).into_owned());
                }
            }
            Event::Sealed { choice: 0, data } => self.sealed(data.clone().into_owned(), out),
            Event::ToolCall { choice: 0, tool, id, name, signature } => {
                // Calls of this dialect have no place for a seal; callers give sealed thought back as it is.
                if let Some(signature) = signature {
                    self.sealed(seal::mark_call(signature), out);
                }
                let id = id.as_ref().map_or_else(|| self.about.tool_id(*tool), |id| id.get().to_owned());
                let call = Call::new(*tool, id, name.clone().into_owned());
                let busy = matches!(&self.open, Open::Tool(open) if open.is_busy());
                if busy || !self.waiting.is_empty() {
                    self.waiting.push(call);
                } else {
                    self.open_call(call, out);
                }
            }
            Event::ToolInput { choice: 0, tool, piece } => self.input(*tool, piece, out),
            Event::Citation { choice: 0, json } => self.cite(json, out),
            Event::Logprobs { choice: 0, json } => self.weigh(json),
            Event::Finish { choice: 0, reason, .. } => self.finish = Some(*reason),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => self.end(out),
            _ => {}
        }
    }

    fn begin(&mut self, id: Option<&Json<'_>>, model: Option<&Json<'_>>, out: &mut Vec<u8>) {
        if self.front.is_some() {
            return;
        }
        self.front = Some(Front::new(&self.about, id, model));
        self.response("response.created", "in_progress", None, out);
        self.response("response.in_progress", "in_progress", None, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.begin(None, None, out);
        let finish = self.finish.unwrap_or(Finish::Stop);
        let status = objects::status(finish);
        self.close(objects::item_status(finish), out);
        self.response(&format!("response.{status}"), status, objects::lacks(finish), out);
    }

    /// An event that holds the response as it stands.
    fn response(&mut self, name: &str, status: &'static str, lacks: Option<&'static str>, out: &mut Vec<u8>) {
        let number = self.next();
        let usage = (status != "in_progress").then(|| self.usage.unwrap_or_default());
        let progress = Progress { status, lacks, output: &self.output, usage };
        named(out, name, number, |o| {
            if let Some(front) = &self.front {
                o.object("response", |o| front.response(&progress, o));
            }
        });
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number - 1
    }

    /// The name of the item being written.
    fn item_id(&self, kind: &str) -> String {
        format!("{kind}_{}_{}", self.about.call, self.output.len())
    }

    fn added(&mut self, item: &Json<'_>, out: &mut Vec<u8>) {
        self.begin(None, None, out);
        let (number, index) = (self.next(), self.output.len() as u64);
        named(out, "response.output_item.added", number, |o| {
            o.number("output_index", index);
            o.json("item", item);
        });
    }

    /// An event about the item being written; `at`: the name of a part's index, and the index.
    fn about_item(
        &mut self,
        (name, kind): (&str, &str),
        at: Option<(&str, u64)>,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut Object<'_>),
    ) {
        let (number, id, index) = (self.next(), self.item_id(kind), self.output.len() as u64);
        named(out, name, number, |o| {
            o.text("item_id", &id);
            o.number("output_index", index);
            if let Some((key, index)) = at {
                o.number(key, index);
            }
            fill(o);
        });
    }

    fn say(&mut self, text: &Json<'_>, declines: bool, out: &mut Vec<u8>) {
        if text.inner().is_empty() {
            return;
        }
        self.open_part(declines, out);
        let Open::Message { parts, part: Some(part) } = &mut self.open else { return };
        part.text.push_str(text.inner());
        let content_index = parts.len() as u64;
        let at = Some(("content_index", content_index));
        if declines {
            self.about_item(("response.refusal.delta", "msg"), at, out, |o| o.json("delta", text));
        } else {
            self.about_item(("response.output_text.delta", "msg"), at, out, |o| {
                o.json("delta", text);
                o.raw("logprobs", "[]");
            });
        }
    }

    /// Makes sure that a part of this kind is being written.
    fn open_part(&mut self, declines: bool, out: &mut Vec<u8>) {
        if !matches!(self.open, Open::Message { .. }) {
            self.close("completed", out);
            let item = objects::message(&self.item_id("msg"), "in_progress", &[]);
            self.added(&item, out);
            self.open = Open::Message { parts: Vec::new(), part: None };
        }
        if matches!(&self.open, Open::Message { part: Some(part), .. } if part.declines != declines) {
            self.close_part(out);
        }
        let Open::Message { parts, part: part @ None } = &mut self.open else { return };
        let index = parts.len() as u64;
        *part =
            Some(Said { declines, text: String::new(), annotations: Vec::new(), logprobs: String::new() });
        let empty = if declines { objects::refusal_part("") } else { objects::text_part("", &[], "") };
        let at = Some(("content_index", index));
        self.about_item(("response.content_part.added", "msg"), at, out, |o| o.json("part", &empty));
    }

    fn close_part(&mut self, out: &mut Vec<u8>) {
        let Open::Message { parts, part } = &mut self.open else { return };
        let Some(said) = part.take() else { return };
        let index = parts.len() as u64;
        let whole = if said.declines {
            objects::refusal_part(&said.text)
        } else {
            objects::text_part(&said.text, &said.annotations, &said.logprobs)
        };
        parts.push(whole.clone());
        let at = Some(("content_index", index));
        let text = quoted(&said.text);
        if said.declines {
            self.about_item(("response.refusal.done", "msg"), at, out, |o| o.raw("refusal", &text));
        } else {
            self.about_item(("response.output_text.done", "msg"), at, out, |o| {
                o.raw("text", &text);
                o.raw("logprobs", &format!("[{}]", said.logprobs));
            });
        }
        self.about_item(("response.content_part.done", "msg"), at, out, |o| o.json("part", &whole));
    }

    fn cite(&mut self, json: &Json<'_>, out: &mut Vec<u8>) {
        let Some(annotation) = citation::for_responses(json) else { return };
        let Open::Message { parts, part: Some(said) } = &mut self.open else { return };
        let (at, place) = (Some(("content_index", parts.len() as u64)), said.annotations.len() as u64);
        said.annotations.push(annotation.clone());
        self.about_item(("response.output_text.annotation.added", "msg"), at, out, |o| {
            o.number("annotation_index", place);
            o.json("annotation", &annotation);
        });
    }

    /// Probabilities come behind the text they are of: they are told with the whole of it.
    fn weigh(&mut self, json: &Json<'_>) {
        let Open::Message { part: Some(said), .. } = &mut self.open else { return };
        for token in json.member("content").and_then(|list| list.split()).unwrap_or_default() {
            if !said.logprobs.is_empty() {
                said.logprobs.push(',');
            }
            said.logprobs.push_str(token.get());
        }
    }

    fn think(&mut self, text: &Json<'_>, out: &mut Vec<u8>) {
        // What follows a seal is another thought.
        if !matches!(self.open, Open::Thought { text: Some(_), seal: None }) {
            self.open_thought(out);
        }
        if let Open::Thought { text: Some(thought), .. } = &mut self.open {
            thought.push_str(text.inner());
        }
        let at = Some(("summary_index", 0));
        self.about_item(("response.reasoning_summary_text.delta", "rs"), at, out, |o| o.json("delta", text));
    }

    fn open_thought(&mut self, out: &mut Vec<u8>) {
        self.close("completed", out);
        let item = objects::reasoning(&self.item_id("rs"), None, None);
        self.added(&item, out);
        self.open = Open::Thought { text: Some(String::new()), seal: None };
        let (at, empty) = (Some(("summary_index", 0)), objects::summary_part(""));
        self.about_item(("response.reasoning_summary_part.added", "rs"), at, out, |o| {
            o.json("part", &empty);
        });
    }

    fn sealed(&mut self, data: Json<'static>, out: &mut Vec<u8>) {
        self.close("completed", out);
        let item = objects::reasoning(&self.item_id("rs"), None, None);
        self.added(&item, out);
        self.open = Open::Thought { text: None, seal: Some(data) };
        self.close("completed", out);
    }

    fn open_call(&mut self, call: Call, out: &mut Vec<u8>) {
        self.close_open("completed", out);
        let id = self.item_id("fc");
        let item = objects::function_call(&id, "in_progress", (&call.id, &call.name), "");
        self.added(&item, out);
        if call.whole.seen {
            self.arguments(&Json::known(quoted(&call.input)), out);
        }
        self.open = Open::Tool(Box::new(call));
    }

    fn arguments(&mut self, piece: &Json<'_>, out: &mut Vec<u8>) {
        self.about_item(("response.function_call_arguments.delta", "fc"), None, out, |o| {
            o.json("delta", piece);
        });
    }

    fn input(&mut self, wanted: u32, piece: &Json<'_>, out: &mut Vec<u8>) {
        if piece.inner().is_empty() {
            return;
        }
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.tool == wanted) {
            return waiting.take(piece);
        }
        match &mut self.open {
            Open::Tool(call) if call.tool == wanted => call.take(piece),
            _ => return,
        }
        self.arguments(piece, out);
        // The tools that waited, up to one whose input is not complete.
        while !self.waiting.is_empty() && !matches!(&self.open, Open::Tool(call) if call.is_busy()) {
            let next = self.waiting.remove(0);
            self.open_call(next, out);
        }
    }

    /// Ends the item being written, and those that waited for it.
    fn close(&mut self, status: &str, out: &mut Vec<u8>) {
        while !self.waiting.is_empty() {
            let next = self.waiting.remove(0);
            self.open_call(next, out);
        }
        self.close_open(status, out);
    }

    fn close_open(&mut self, status: &str, out: &mut Vec<u8>) {
        self.close_part(out);
        let item = match std::mem::take(&mut self.open) {
            Open::Nothing => return,
            Open::Message { parts, .. } => objects::message(&self.item_id("msg"), status, &parts),
            Open::Thought { text, seal } => {
                if let Some(text) = &text {
                    self.end_of_thought(text, out);
                }
                objects::reasoning(&self.item_id("rs"), text.as_deref(), seal.as_ref())
            }
            Open::Tool(call) => self.end_of_call(&call, status, out),
        };
        let (number, index) = (self.next(), self.output.len() as u64);
        named(out, "response.output_item.done", number, |o| {
            o.number("output_index", index);
            o.json("item", &item);
        });
        self.output.push(item);
    }

    fn end_of_thought(&mut self, text: &str, out: &mut Vec<u8>) {
        let (at, part) = (Some(("summary_index", 0)), objects::summary_part(text));
        let text = quoted(text);
        self.about_item(("response.reasoning_summary_text.done", "rs"), at, out, |o| o.raw("text", &text));
        self.about_item(("response.reasoning_summary_part.done", "rs"), at, out, |o| o.json("part", &part));
    }

    fn end_of_call(&mut self, call: &Call, status: &str, out: &mut Vec<u8>) -> Json<'static> {
        // A tool without input is given an empty object, also to who adds up the pieces.
        if !call.whole.seen {
            self.arguments(&Json::known("\"{}\""), out);
        }
        let input = if call.whole.seen { &call.input } else { "{}" };
        let text = quoted(input);
        self.about_item(("response.function_call_arguments.done", "fc"), None, out, |o| {
            o.json("name", &call.name);
            o.raw("arguments", &text);
        });
        objects::function_call(&self.item_id("fc"), status, (&call.id, &call.name), input)
    }
}

fn named(out: &mut Vec<u8>, name: &str, number: u64, fill: impl FnOnce(&mut Object<'_>)) {
    for part in ["event: ", name, "\ndata: "] {
        out.extend_from_slice(part.as_bytes());
    }
    object(out, |o| {
        o.text("type", name);
        o.number("sequence_number", number);
        fill(o);
    });
    out.extend_from_slice(b"\n\n");
}
