//! The item of an answer that is being written.

use crate::neutral::completeness::Completeness;
use crate::neutral::json::Json;

/// The item being written.
#[derive(Debug, Default)]
pub(super) enum Open {
    #[default]
    Nothing,
    Message {
        parts: Vec<Json<'static>>,
        part: Option<Said>,
    },
    Thought {
        /// None where it is sealed.
        text: Option<String>,
        seal: Option<Json<'static>>,
    },
    Tool(Box<Call>),
}

/// A part of a message being written.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) declines: bool,
    pub(super) text: String,
    pub(super) annotations: Vec<Json<'static>>,
    /// Elements of an array.
    pub(super) logprobs: String,
}

/// A call of a tool, being written or waiting.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) tool: u32,
    pub(super) id: String,
    pub(super) name: Json<'static>,
    /// What has come of its input, escaped.
    pub(super) input: String,
    pub(super) whole: Completeness,
}

impl Call {
    pub(super) fn new(tool: u32, id: String, name: Json<'static>) -> Self {
        Self { tool, id, name, input: String::new(), whole: Completeness::default() }
    }

    pub(super) fn take(&mut self, piece: &Json<'_>) {
        self.whole.feed(piece);
        self.input.push_str(piece.inner());
    }

    /// More of its input may come.
    pub(super) fn is_busy(&self) -> bool {
        !self.whole.seen || !self.whole.is_whole()
    }
}
