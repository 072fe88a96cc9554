//! What an answer, or one event of a stream, says that concerns us.

use crate::json::{IGNORE, Kind, Node, ROOT, Token, Visitor};
use crate::neutral::json::MOST_COUNTED;
use paceline_types::money::Cost;
use paceline_types::tokens::{Usage, UsageSource};

/// What was learned from an answer or, added up, from the events of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Why the model stopped, of the first choice that said so.
    pub finish_reason: Option<Box<str>>,
    /// The model's own name for itself.
    pub model: Option<Box<str>>,
    /// Tokens, as reported.
    pub usage: Option<Usage>,
    /// What the provider says it charges (`usage.cost`, OpenRouter).
    pub cost: Option<Cost>,
    /// An error object stood in it.
    pub error: bool,
    /// The error's code, else its type.
    pub error_code: Option<Box<str>>,
    /// Bytes of generated text, reasoning, refusals and tool calls (as JSON text, escapes counted as written).
    pub content_bytes: u64,
    /// How many pieces of content came (0 or 1 per event and choice; answers in one piece: one per choice).
    pub content_pieces: u64,
}

/// Reads one document and adds what it finds to what is [`Learned`].
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about one document")]
pub struct AnswerVisitor {
    /// What was found so far.
    pub learned: Learned,
    /// This document has `choices`, and it is empty.
    pub no_choices: bool,
    /// This document has a usage object.
    pub has_usage: bool,
    /// This document is or holds an error.
    pub error: bool,
    /// Content strings in this document.
    pub contents: u32,
    /// Offsets of the last content string's text.
    pub content_at: (usize, usize),
    /// Offsets of the text of `obfuscation`, random padding that OpenAI adds to events.
    pub padding_at: Option<(usize, usize)>,
    /// The counters of the usage object being read.
    counters: Option<Usage>,
    /// Something else than content was learned from this document.
    pub told_more: bool,
    /// Where the text of content is collected, when somebody wants it counted.
    pub text: Option<Vec<u8>>,
}

const CHOICES: Node = 2;
const CHOICE: Node = 3;
const MESSAGE: Node = 4;
const CONTENT: Node = 5;
const FINISH: Node = 6;
const TOOL_CALLS: Node = 7;
const TOOL_CALL: Node = 8;
const FUNCTION: Node = 9;
const PARTS: Node = 10;
const MODEL: Node = 11;
const PADDING: Node = 13;
const OBJECT: Node = 12;
const ERROR: Node = 20;
const ERROR_CODE: Node = 21;
const ERROR_TYPE: Node = 22;
const USAGE: Node = 30;
const PROMPT: Node = 31;
const COMPLETION: Node = 32;
const PROMPT_DETAILS: Node = 33;
const COMPLETION_DETAILS: Node = 34;
const CACHED: Node = 35;
const CACHE_WRITE: Node = 36;
const REASONING: Node = 37;
const COST: Node = 38;
const X_GROQ: Node = 40;

impl AnswerVisitor {
    /// Forgets what belongs to one document; keeps what was learned.
    pub fn next_document(&mut self) {
        self.no_choices = false;
        self.has_usage = false;
        self.error = false;
        self.contents = 0;
        self.told_more = false;
        self.padding_at = None;
    }

    fn fail(&mut self) {
        (self.error, self.learned.error) = (true, true);
    }

    fn content(&mut self, token: &Token<'_>) {
        if !matches!(token.kind, Kind::String { .. }) || token.len == 0 {
            return;
        }
        self.contents += 1;
        self.content_at = (token.start + 1, token.end - 1);
        self.learned.content_bytes += token.len as u64;
        self.learned.content_pieces += 1;
        if let (Some(text), Some(piece)) = (&mut self.text, token.string())
            && text.len() + piece.len() <= crate::sse::MAX_EVENT
        {
            text.extend_from_slice(piece.as_bytes());
        }
    }

    fn counter(&mut self, node: Node, token: &Token<'_>) {
        let Some(value) = token.unsigned().filter(|&value| value <= MOST_COUNTED) else { return };
        let usage = self.counters.get_or_insert(Usage { source: UsageSource::Reported, ..Usage::default() });
        match node {
            PROMPT => usage.input_tokens = value,
            COMPLETION => usage.output_tokens = value,
            CACHED => usage.cache_read_tokens = value,
            CACHE_WRITE => usage.cache_write_tokens = value,
            _ => usage.reasoning_tokens = value,
        }
    }
}

impl Visitor for AnswerVisitor {
    fn member(&mut self, parent: Node, key: &[u8]) -> Node {
        match (parent, key) {
            (ROOT, b"choices") => CHOICES,
            (ROOT, b"usage") | (X_GROQ, b"usage") => USAGE,
            (ROOT, b"model") => MODEL,
            (ROOT, b"object") => OBJECT,
            (ROOT, b"error") => ERROR,
            (ROOT, b"x_groq") => X_GROQ,
            (ROOT, b"obfuscation") => PADDING,
            (CHOICE, b"delta" | b"message") => MESSAGE,
            (CHOICE, b"finish_reason") => FINISH,
            (CHOICE, b"text") => CONTENT,
            (MESSAGE, b"content" | b"reasoning_content" | b"reasoning" | b"refusal") => CONTENT,
            (MESSAGE, b"tool_calls") => TOOL_CALLS,
            (MESSAGE, b"function_call") | (TOOL_CALL, b"function") => FUNCTION,
            (MESSAGE, b"audio") | (PARTS, b"text" | b"thinking") => CONTENT,
            (CONTENT, b"data" | b"transcript") => CONTENT,
            (FUNCTION, b"name" | b"arguments") => CONTENT,
            (ERROR, b"code") => ERROR_CODE,
            (ERROR, b"type") => ERROR_TYPE,
            (USAGE, b"prompt_tokens" | b"input_tokens") => PROMPT,
            (USAGE, b"completion_tokens" | b"output_tokens") => COMPLETION,
            (USAGE, b"prompt_tokens_details" | b"input_tokens_details") => PROMPT_DETAILS,
            (USAGE, b"completion_tokens_details" | b"output_tokens_details") => COMPLETION_DETAILS,
            (USAGE, b"prompt_cache_hit_tokens" | b"cached_tokens") => CACHED,
            (USAGE, b"cost") => COST,
            (PROMPT_DETAILS, b"cached_tokens") => CACHED,
            (PROMPT_DETAILS, b"cache_write_tokens") => CACHE_WRITE,
            (COMPLETION_DETAILS, b"reasoning_tokens") => REASONING,
            _ => IGNORE,
        }
    }

    fn element(&mut self, parent: Node) -> Node {
        match parent {
            CHOICES => CHOICE,
            TOOL_CALLS => TOOL_CALL,
            CONTENT | PARTS => PARTS,
            _ => IGNORE,
        }
    }

    fn scalar(&mut self, node: Node, token: &Token<'_>) {
        match node {
            CONTENT => self.content(token),
            PADDING => {
                let text = matches!(token.kind, Kind::String { .. });
                self.padding_at = text.then_some((token.start + 1, token.end - 1));
            }
            FINISH if token.kind != Kind::Null => {
                self.told_more = true;
                if self.learned.finish_reason.is_none() {
                    self.learned.finish_reason = short(token);
                }
            }
            MODEL if self.learned.model.is_none() => self.learned.model = short(token),
            OBJECT if token.text == b"error" => self.fail(),
            // A truthy `error`, as the SDKs test it.
            ERROR if !matches!(token.kind, Kind::Null | Kind::False) && token.len > 0 => self.fail(),
            ERROR_CODE => self.learned.error_code = short(token).or(self.learned.error_code.take()),
            ERROR_TYPE if self.learned.error_code.is_none() => self.learned.error_code = short(token),
            COST => self.learned.cost = std::str::from_utf8(token.text).ok().and_then(Cost::parse_usd),
            PROMPT | COMPLETION | CACHED | CACHE_WRITE | REASONING => self.counter(node, token),
            _ => {}
        }
    }

    fn open(&mut self, node: Node, _start: usize) {
        match node {
            USAGE => {
                self.counters = None;
                self.has_usage = true;
                self.told_more = true;
            }
            ERROR => self.fail(),
            _ => {}
        }
    }

    fn close(&mut self, node: Node, _end: usize, empty: bool) {
        if node == CHOICES && empty {
            self.no_choices = true;
        }
        // Counters of a later usage replace those of an earlier one as a whole: they are totals, never increments. One
        // without a single counter says nothing.
        if node == USAGE && self.counters.is_some() {
            self.learned.usage = self.counters.take();
        }
    }
}

/// A short name: what providers use as codes and reasons. Anything that could be text of a prompt is left out.
fn short(token: &Token<'_>) -> Option<Box<str>> {
    let text = match token.kind {
        Kind::String { .. } => token.string()?,
        Kind::Number => std::str::from_utf8(token.text).ok()?.to_owned(),
        _ => return None,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '@');
    (!text.is_empty() && text.len() <= 96 && text.chars().all(plain)).then(|| text.into())
}

impl Learned {
    /// Usage derived from bytes for an answer whose provider reported none.
    ///
    /// About four bytes of English a token (OpenAI's rule of thumb). Of a stream whose pieces are as short as tokens are
    /// (up to ten bytes on average), each piece is one. An estimate, marked as one.
    pub fn estimate(&self, request_bytes: u64) -> Usage {
        let by_bytes = self.content_bytes.div_ceil(4);
        let pieces_are_tokens = self.content_pieces > 1 && self.content_bytes <= 10 * self.content_pieces;
        Usage {
            input_tokens: request_bytes.div_ceil(4),
            output_tokens: if pieces_are_tokens { self.content_pieces } else { by_bytes },
            source: UsageSource::Estimated,
            ..Usage::default()
        }
    }
}
