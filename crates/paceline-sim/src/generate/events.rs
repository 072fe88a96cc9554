//! Events as bytes: server-sent events, lines, a JSON array or binary frames, and what a fault does to them.

use crate::{
    base64,
    bedrock::frame,
    body::{Out, Stop},
    call::Mark,
    fault::{Fault, Flag},
};
use serde_json::Value;
use std::borrow::Cow;

/// Fields no client knows: numbers no float can hold, and a doubled key.
pub(crate) const ODD_FIELDS: &str = r#","x_big":123456789012345678901234567890,"x_dup":{"k":1,"k":2}"#;
const BOM: &str = "\u{feff}";

/// How events are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events, lines ending with LF.
    Sse,
    /// Server-sent events, lines ending with CR LF.
    SseCrlf,
    /// One JSON object a line.
    Lines,
    /// One JSON array, an element at a time.
    Array,
    /// Binary frames with checksums, named by the event.
    Frames,
    /// The same, but each event is packed into bytes of a frame named `chunk`.
    Chunks,
}

impl Framing {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream; charset=utf-8",
            Self::SseCrlf => "text/event-stream",
            Self::Lines => "application/x-ndjson",
            Self::Array => "application/json; charset=UTF-8",
            Self::Frames | Self::Chunks => "application/vnd.amazon.eventstream",
        }
    }

    fn is_text(self) -> bool {
        !matches!(self, Self::Frames | Self::Chunks)
    }
}

/// What kind of event it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Data,
    /// Sent as it is and not counted, such as `[DONE]`.
    Mark,
    Error,
}

/// One event of a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Event {
    /// Its name; empty where events have none.
    pub(crate) name: Cow<'static, str>,
    /// JSON, or the text of a mark.
    pub(crate) text: String,
    pub(crate) mark: Mark,
    pub(crate) kind: Kind,
    /// Whether the space after `data:` is left out.
    pub(crate) tight: bool,
}

impl Event {
    /// An event without a name.
    pub(crate) fn new(text: String, mark: Mark) -> Self {
        Self { text, mark, ..Self::default() }
    }

    /// An event with a name.
    pub(crate) fn named(name: impl Into<Cow<'static, str>>, text: String, mark: Mark) -> Self {
        Self { name: name.into(), ..Self::new(text, mark) }
    }

    /// An event whose data begins with its name as `type`.
    pub(crate) fn typed(name: &'static str, data: &Value, mark: Mark) -> Self {
        let rest = data.to_string();
        let comma = if rest == "{}" { "" } else { "," };
        Self::named(name, format!(r#"{{"type":"{name}"{comma}{}"#, &rest[1..]), mark)
    }
}

/// Writes events, counts them, and does to them what the fault says.
pub(crate) struct Events {
    out: Out,
    fault: Fault,
    framing: Framing,
    begun: bool,
    sent: u64,
    contents: u64,
}

impl Events {
    pub(crate) fn new(out: Out, fault: Fault, framing: Framing) -> Self {
        Self { out, fault, framing, begun: false, sent: 0, contents: 0 }
    }

    pub(crate) async fn after_head(&mut self) -> Result<(), Stop> {
        self.out.after_head().await
    }

    /// Events with content sent so far.
    pub(crate) fn contents(&self) -> u64 {
        self.contents
    }

    pub(crate) async fn send_all(&mut self, events: Vec<Event>) -> Result<(), Stop> {
        for event in events {
            self.send(event).await?;
        }
        Ok(())
    }

    pub(crate) async fn send(&mut self, mut event: Event) -> Result<(), Stop> {
        if event.kind == Kind::Mark {
            return self.raw(event).await;
        }
        self.contents += event.mark.content_events;
        if self.fault.has(Flag::Unicode) {
            insert(&mut event.text, ODD_FIELDS);
        }
        if event.mark.content
            && self.contents == 1
            && let Some(wanted) = self.fault.event_bytes
        {
            // The key and its quotes count too.
            let missing = wanted.saturating_sub(self.framed(&event).len() + r#","padding":"""#.len());
            if missing > 0 {
                insert(&mut event.text, &format!(r#","padding":"{}""#, "x".repeat(missing)));
            }
        }
        self.raw(event).await?;
        self.sent += 1;
        self.out.after_events(self.sent).await
    }

    /// The event that breaks the answer off.
    pub(crate) async fn error(&mut self, event: Event) -> Result<(), Stop> {
        self.raw(Event { kind: Kind::Error, ..event }).await
    }

    /// The end of the body.
    pub(crate) async fn finish(&mut self) -> Result<(), Stop> {
        if self.framing == Framing::Array && self.begun && !self.fault.has(Flag::NoDone) {
            self.out.write("]".into(), Mark::default()).await?;
        }
        self.out.finish().await
    }

    async fn raw(&mut self, event: Event) -> Result<(), Stop> {
        let end = self.line_end();
        let bom = !self.begun && self.fault.has(Flag::Bom) && self.framing.is_text();
        let mut bytes = if bom { BOM.as_bytes().to_vec() } else { Vec::new() };
        if self.fault.has(Flag::Comments) {
            // In an array, space between its elements is what a reader must skip in the same way.
            bytes.extend(match self.framing {
                Framing::Sse | Framing::SseCrlf => format!(": keep-alive{end}{end}").into_bytes(),
                Framing::Array => end.as_bytes().to_vec(),
                Framing::Lines | Framing::Frames | Framing::Chunks => Vec::new(),
            });
        }
        bytes.extend(self.framed(&event));
        self.begun = true;
        self.out.write(bytes.into(), event.mark).await
    }

    fn framed(&self, event: &Event) -> Vec<u8> {
        let (end, text) = (self.line_end(), &event.text);
        match self.framing {
            Framing::Sse | Framing::SseCrlf => {
                let named = !event.name.is_empty();
                let name = if named { format!("event: {}{end}", event.name) } else { String::new() };
                let space = if event.tight { "" } else { " " };
                format!("{name}data:{space}{text}{end}{end}").into_bytes()
            }
            Framing::Lines => format!("{text}{end}").into_bytes(),
            Framing::Array => format!("{}{text}", if self.begun { ",\r\n" } else { "[" }).into_bytes(),
            Framing::Frames | Framing::Chunks if event.kind == Kind::Error => {
                frame::exception(&event.name, text)
            }
            Framing::Frames => frame::event(&event.name, &self.padded(text.clone())),
            Framing::Chunks => {
                let bytes = base64::encode(text.as_bytes());
                frame::event("chunk", &self.padded(format!(r#"{{"bytes":"{bytes}"}}"#)))
            }
        }
    }

    /// With the field that hides how long a token is.
    fn padded(&self, mut json: String) -> String {
        const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let length = 4 + (self.sent as usize * 17 + json.len() * 7) % (LETTERS.len() - 4);
        insert(&mut json, &format!(r#","p":"{}""#, &LETTERS[..length]));
        json
    }

    fn line_end(&self) -> &'static str {
        if self.fault.has(Flag::Crlf) || self.framing == Framing::SseCrlf { "\r\n" } else { "\n" }
    }
}

/// Adds fields at the end of a JSON object.
pub(crate) fn insert(json: &mut String, fields: &str) {
    if json.pop() == Some('}') {
        // An empty object has nothing to be separated from.
        json.push_str(if json.ends_with('{') { fields.trim_start_matches(',') } else { fields });
        json.push('}');
    }
}
