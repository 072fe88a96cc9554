//! An answer between dialects: a row of events, whether it came as a stream or in one piece.

use crate::neutral::json::Json;
use paceline_types::error::ErrorKind;
use paceline_types::tokens::Usage;

/// One thing an answer says. Text is JSON strings as they came.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The answer begins. Told at least once before anything else; later ones only add what was not known.
    Begin {
        /// The provider's name for the answer, a JSON string.
        id: Option<Json<'a>>,
        /// The model's own name, a JSON string.
        model: Option<Json<'a>>,
    },
    /// Text.
    Text {
        /// Of which answer, where several are asked for.
        choice: u32,
        /// A JSON string.
        text: Json<'a>,
    },
    /// Thought.
    Reasoning {
        /// As above.
        choice: u32,
        /// A JSON string.
        text: Json<'a>,
    },
    /// The provider's seal on the thought before it.
    Signature {
        /// As above.
        choice: u32,
        /// A JSON string.
        signature: Json<'a>,
    },
    /// Sealed thought.
    Sealed {
        /// As above.
        choice: u32,
        /// A JSON string.
        data: Json<'a>,
    },
    /// The model declines.
    Refusal {
        /// As above.
        choice: u32,
        /// A JSON string.
        text: Json<'a>,
    },
    /// The model asks for a tool; what it is given follows.
    ToolCall {
        /// As above.
        choice: u32,
        /// Which call of the choice, from 0, each number once.
        tool: u32,
        /// A JSON string; `None` where the dialect has no ids.
        id: Option<Json<'a>>,
        /// A JSON string.
        name: Json<'a>,
        /// Gemini's seal on it, a JSON string.
        signature: Option<Json<'a>>,
    },
    /// A piece of what a tool is given.
    ToolInput {
        /// As above.
        choice: u32,
        /// As above.
        tool: u32,
        /// A JSON string that holds a piece of JSON text.
        piece: Json<'a>,
    },
    /// A source the text names: the provider's own object.
    Citation {
        /// As above.
        choice: u32,
        /// The object.
        json: Json<'a>,
    },
    /// Probabilities of tokens, OpenAI's object.
    Logprobs {
        /// As above.
        choice: u32,
        /// The object.
        json: Json<'a>,
    },
    /// A part that no other dialect has: the provider's own object.
    Other {
        /// As above.
        choice: u32,
        /// Its kind.
        kind: &'a str,
    },
    /// A choice is complete.
    Finish {
        /// As above.
        choice: u32,
        /// Why.
        reason: Finish,
        /// The stop text that was met, a JSON string.
        stop: Option<Json<'a>>,
    },
    /// Tokens used so far: totals, never increments.
    Usage(Usage),
    /// It failed; nothing follows.
    Failed(Failure),
    /// It is whole.
    End,
}

/// Why a choice is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model was done.
    Stop,
    /// A stop text was met.
    StopText,
    /// The output limit, or the context, was reached.
    Length,
    /// Tools are asked for.
    ToolCalls,
    /// Content was blocked or declined.
    ContentFilter,
    /// A turn of a tool that the provider runs is not over (Anthropic).
    Pause,
    /// The answer could not be completed (a malformed tool call, for example).
    Failed,
}

impl Finish {
    /// The word in records, which is OpenAI's where it has one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop | Self::StopText => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Pause => "pause",
            Self::Failed => "error",
        }
    }
}

/// What a provider says went wrong, in its body or in its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its class.
    pub kind: ErrorKind,
    /// The provider's code or type.
    pub code: Option<Box<str>>,
    /// Its words for people; may hold a key of ours.
    pub message: Option<Box<str>>,
    /// What it asks to wait, milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// Who is told.
pub trait Sink {
    /// The next event.
    fn event(&mut self, event: &Event<'_>);
}

impl<F: FnMut(&Event<'_>)> Sink for F {
    fn event(&mut self, event: &Event<'_>) {
        self(event);
    }
}
