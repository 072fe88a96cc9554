//! What the events of an answer come to: the facts for its record, and what the present event was.

use crate::neutral::event::{Event, Failure, Sink};
use crate::neutral::json::Json;
use crate::openai::answer::Learned;
use crate::openai::stream::Seen;

/// Adds events up.
#[derive(Debug, Default)]
pub struct Fold {
    /// What was learned so far.
    pub learned: Learned,
    /// What the event being read was.
    pub seen: Seen,
    /// How it failed.
    pub failure: Option<Failure>,
    /// Where the text of content is collected, when somebody wants it counted.
    pub text: Option<Vec<u8>>,
}

impl Fold {
    fn content(&mut self, piece: &Json<'_>) {
        let len = piece.inner().len();
        if len == 0 {
            return;
        }
        self.seen.content = true;
        self.learned.content_bytes += len as u64;
        self.learned.content_pieces += 1;
        if let (Some(text), Some(piece)) = (&mut self.text, piece.text())
            && text.len() + piece.len() <= crate::sse::MAX_EVENT
        {
            text.extend_from_slice(piece.as_bytes());
        }
    }
}

impl Sink for Fold {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Begin { model: Some(model), .. } if self.learned.model.is_none() => {
                self.learned.model = short(&model.text().unwrap_or_default());
            }
            Event::Text { text, .. } | Event::Reasoning { text, .. } | Event::Refusal { text, .. } => {
                self.content(text);
            }
            Event::ToolCall { name, .. } => self.content(name),
            Event::ToolInput { piece, .. } => self.content(piece),
            Event::Sealed { data, .. } => self.seen.content |= !data.inner().is_empty(),
            Event::Finish { reason, .. } => {
                self.learned.finish_reason.get_or_insert_with(|| reason.as_str().into());
            }
            Event::Usage(usage) => self.learned.usage = Some(*usage),
            Event::Failed(failure) => {
                self.seen.error = true;
                self.learned.error = true;
                self.learned.error_code = failure.code.as_deref().and_then(short);
                self.failure = Some(failure.clone());
            }
            Event::End => self.seen.done = true,
            _ => {}
        }
    }
}

/// A short name: what providers use as codes and names. Anything that could be text of a prompt is left out.
pub(crate) fn short(text: &str) -> Option<Box<str>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '@');
    (!text.is_empty() && text.len() <= 96 && text.chars().all(plain)).then(|| text.into())
}
