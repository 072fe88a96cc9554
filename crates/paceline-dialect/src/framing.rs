//! How the streams of providers are cut into events.

use crate::bedrock;
use crate::sse;
use paceline_types::record::Dialect;

/// How a dialect's streams are cut into events.
#[derive(Clone, Debug)]
pub enum Framing {
    /// Server-sent events.
    Sse(sse::Splitter),
    /// A JSON value a line.
    Lines,
    /// AWS event-stream frames.
    Frames(bedrock::frames::Splitter),
}

impl Framing {
    /// That of a dialect.
    pub fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Ollama => Self::Lines,
            Dialect::Bedrock => Self::Frames(bedrock::frames::Splitter::default()),
            _ => Self::Sse(sse::Splitter::default()),
        }
    }

    /// The length of the first event in a buffer that begins with it; `None` while it is not whole. Between calls that
    /// return `None` the buffer may only grow.
    ///
    /// # Errors
    /// Where it is no event, with the reason.
    #[inline]
    pub fn event_len(&mut self, buffer: &[u8]) -> Result<Option<usize>, String> {
        match self {
            Self::Sse(splitter) => Ok(splitter.event_len(buffer)),
            Self::Lines => Ok(memchr::memchr(b'\n', buffer).map(|at| at + 1)),
            Self::Frames(splitter) => splitter.frame_len(buffer).map_err(|error| error.to_string()),
        }
    }

    /// Whether these are server-sent events.
    pub fn is_sse(&self) -> bool {
        matches!(self, Self::Sse(_))
    }

    /// At the end of a stream of server-sent events: whether `rest` is a whole event after all.
    pub fn last_is_whole(&self, rest: &[u8]) -> bool {
        matches!(self, Self::Sse(splitter) if splitter.last_is_whole(rest))
    }

    /// Whether what is left at the end of the stream may be an event without its end.
    pub fn ends_with_stream(&self, rest: &[u8]) -> bool {
        match self {
            Self::Sse(splitter) => {
                let mark = rest.trim_ascii();
                splitter.last_is_whole(rest) || mark == b"data: [DONE]" || mark == b"data:[DONE]"
            }
            Self::Lines => !rest.trim_ascii().is_empty(),
            Self::Frames(_) => false,
        }
    }

    /// The media type of a stream cut so.
    pub fn media_type(dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Ollama => "application/x-ndjson",
            Dialect::Bedrock => "application/vnd.amazon.eventstream",
            _ => "text/event-stream",
        }
    }
}
