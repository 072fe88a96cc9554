//! What must not be stored is cut out of bodies: credentials and what tells who a person is.
//!
//! Quiet: the same body gives the same text. [`document`] finds the text in JSON and in events, [`secrets`],
//! [`credentials`], [`named`] and [`personal`] find in a text what goes. It is a net with holes: what looks like nothing
//! known stays, and so does what a stream spreads over events.

mod credentials;
mod document;
mod named;
mod personal;
mod secrets;
mod span;
#[cfg(test)]
mod tests;

pub use secrets::Secrets;

use span::Span;

/// Cuts bodies.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    secrets: Secrets,
}

/// How a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    /// Server-sent events, whose data may be JSON.
    Events,
    Text,
}

impl Redactor {
    /// A redactor that knows these secrets besides what it recognises by shape.
    pub fn new(secrets: Secrets) -> Self {
        Self { secrets }
    }

    /// The first `limit` bytes of a body, redacted. What stands across the limit is seen whole where `bytes` go on.
    pub fn body(&self, content_type: Option<&str>, bytes: &[u8], limit: usize) -> String {
        let text = String::from_utf8_lossy(bytes);
        // Where the replacement of broken characters made the text longer, a little less is kept.
        let limit = text.floor_char_boundary(limit);
        match form(content_type, &text) {
            Form::Json => document::json(self, &text, limit),
            Form::Events => document::events(self, &text, limit),
            Form::Text => span::cut(&text, self.find(&text), limit),
        }
    }

    /// Everything in a text that goes, in order and apart from each other.
    fn find(&self, text: &str) -> Vec<Span> {
        let text = text.as_bytes();
        let mut spans = Vec::new();
        self.secrets.find(text, &mut spans);
        credentials::find(text, &mut spans);
        named::find(text, &mut spans);
        personal::find(text, &mut spans);
        span::apart(spans)
    }
}

fn form(content_type: Option<&str>, text: &str) -> Form {
    let kind = content_type.unwrap_or_default().to_ascii_lowercase();
    if kind.starts_with("text/event-stream") {
        return Form::Events;
    }
    let first = text.trim_start().chars().next();
    let is_json = match first {
        Some('{' | '[' | '"') => kind.is_empty() || kind.contains("json"),
        // A number alone is JSON too.
        Some('-' | '0'..='9') => kind.contains("json"),
        _ => false,
    };
    if is_json { Form::Json } else { Form::Text }
}
