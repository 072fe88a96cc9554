//! What a request says that concerns us, and how it is changed in place.

use crate::json::{self, IGNORE, JsonError, Kind, Node, ROOT, Token, Visitor};
use std::ops::Range;

/// What one scan of a request's top level found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The model's name; where several are given, the last, which is what most parsers take.
    pub model: Option<String>,
    /// `model` is there but is no string.
    pub model_not_text: bool,
    /// Where the model's value stands, quotes included: each of them, so that no reader sees another name.
    model_at: Vec<Range<usize>>,
    whole: Whole,
    /// Where the object or array began that stands for a scalar.
    opened: usize,
    /// Whether a stream is asked for.
    pub stream: bool,
    stream_end: usize,
    options: Options,
    /// Whether the caller asked for the usage chunk.
    pub include_usage: bool,
    /// The output limit, where given.
    pub max_tokens: Option<u64>,
    /// `user`, where given.
    pub user: Option<String>,
    /// Of `metadata`: what labels a call (role, task, …), as (name, value).
    pub labels: Vec<(&'static str, String)>,
}

/// The request itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Whole {
    /// Just behind the opening brace.
    begin: usize,
    empty: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Options {
    #[default]
    Absent,
    /// Something that is no object (a list, too): to be replaced.
    Scalar(Range<usize>),
    /// An object, its opening brace at `open`; `include_usage` at `value`.
    Object { open: usize, empty: bool, value: Option<Range<usize>> },
}

/// One change: the bytes of `at` give way to `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What goes; may be empty.
    pub at: Range<usize>,
    /// What comes.
    pub text: Vec<u8>,
}

const MODEL: Node = 2;
const STREAM: Node = 3;
const OPTIONS: Node = 4;
const INCLUDE_USAGE: Node = 5;
const MAX_TOKENS: Node = 6;
const USER: Node = 7;
const METADATA: Node = 8;
/// Gemini's settings.
const GENERATION: Node = 9;
/// Labels of `metadata`, in the order of [`LABELS`].
const LABEL: Node = 16;

/// The members of `metadata` that label a call.
pub const LABELS: [&str; 6] = ["role", "task", "task_type", "operation", "session", "user"];

impl Visitor for Asked {
    fn member(&mut self, parent: Node, key: &[u8]) -> Node {
        match (parent, key) {
            (ROOT, b"model") => MODEL,
            (ROOT, b"stream") => STREAM,
            (ROOT, b"stream_options") => OPTIONS,
            (OPTIONS, b"include_usage") => INCLUDE_USAGE,
            (ROOT, b"max_tokens" | b"max_completion_tokens" | b"max_output_tokens") => MAX_TOKENS,
            (ROOT, b"generationConfig" | b"generation_config") => GENERATION,
            (GENERATION, b"maxOutputTokens" | b"max_output_tokens") => MAX_TOKENS,
            (ROOT, b"user") => USER,
            (ROOT, b"metadata") => METADATA,
            // Anthropic's name for the end user.
            (METADATA, b"user_id") => USER,
            (METADATA, _) => LABELS
                .iter()
                .position(|label| label.as_bytes() == key)
                .map_or(IGNORE, |at| LABEL + at as Node),
            _ => IGNORE,
        }
    }

    fn element(&mut self, parent: Node) -> Node {
        if let (OPTIONS, Options::Object { open, .. }) = (parent, &self.options) {
            self.options = Options::Scalar(*open..*open);
        }
        IGNORE
    }

    fn scalar(&mut self, node: Node, token: &Token<'_>) {
        let at = token.start..token.end;
        match node {
            MODEL => {
                self.model = token.string();
                self.model_not_text = self.model.is_none();
                self.model_at.push(at);
            }
            STREAM => {
                self.stream = token.kind == Kind::True;
                self.stream_end = token.end;
            }
            OPTIONS => {
                self.include_usage = false;
                self.options = Options::Scalar(at);
            }
            INCLUDE_USAGE => self.usage_at(at, token.kind == Kind::True),
            MAX_TOKENS => self.max_tokens = token.unsigned(),
            USER => self.user = token.string(),
            label if label >= LABEL => {
                if let Some(value) = token.string() {
                    self.labels.push((LABELS[usize::from(label - LABEL)], value));
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, node: Node, start: usize) {
        match node {
            ROOT => self.whole.begin = start + 1,
            MODEL => {
                (self.model, self.model_not_text) = (None, true);
                self.opened = start;
            }
            STREAM => self.stream = false,
            INCLUDE_USAGE => self.opened = start,
            OPTIONS => {
                self.include_usage = false;
                self.options = Options::Object { open: start, empty: true, value: None };
            }
            _ => {}
        }
    }

    fn close(&mut self, node: Node, end: usize, is_empty: bool) {
        match (node, &mut self.options) {
            (ROOT, _) => self.whole.empty = is_empty,
            (MODEL, _) => self.model_at.push(self.opened..end),
            (INCLUDE_USAGE, _) => self.usage_at(self.opened..end, false),
            (OPTIONS, Options::Object { empty, .. }) => *empty = is_empty,
            (OPTIONS, Options::Scalar(at)) => at.end = end,
            _ => {}
        }
    }
}

/// Reads a request body.
///
/// # Errors
/// When the body is not JSON, with the offset; nothing is said about its fields.
pub fn read(body: &[u8]) -> Result<Asked, JsonError> {
    let mut asked = Asked::default();
    json::scan(body, &mut asked)?;
    if body.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(JsonError { at: 0, what: "expected an object" });
    }
    Ok(asked)
}

impl Asked {
    /// The changes that make the request the provider's: its name for the model, as the first member where the request
    /// has none, and (`want_usage`) the wish for the usage of a stream. In the order of their places; none when the body can go as it came.
    pub fn edits(&self, upstream_model: &str, want_usage: bool) -> Vec<Edit> {
        let mut edits = Vec::new();
        if self.model_at.is_empty() {
            edits.push(self.model_edit(upstream_model));
        } else if self.model.as_deref() != Some(upstream_model) || self.model_at.len() > 1 {
            let text = serde_json::to_vec(upstream_model).unwrap_or_default();
            edits.extend(self.model_at.iter().map(|at| Edit { at: at.clone(), text: text.clone() }));
        }
        if want_usage && self.stream && !self.include_usage {
            edits.push(self.usage_edit());
            edits.sort_by_key(|edit| edit.at.start);
        }
        edits
    }

    fn model_edit(&self, upstream_model: &str) -> Edit {
        let mut text = b"\"model\":".to_vec();
        text.extend(serde_json::to_vec(upstream_model).unwrap_or_default());
        if !self.whole.empty {
            text.push(b',');
        }
        Edit { at: self.whole.begin..self.whole.begin, text }
    }

    fn usage_at(&mut self, at: Range<usize>, wanted: bool) {
        self.include_usage = wanted;
        if let Options::Object { value, .. } = &mut self.options {
            *value = Some(at);
        }
    }

    fn usage_edit(&self) -> Edit {
        let edit = |at, text: &[u8]| Edit { at, text: text.to_vec() };
        match &self.options {
            Options::Absent => {
                edit(self.stream_end..self.stream_end, b",\"stream_options\":{\"include_usage\":true}")
            }
            Options::Scalar(at) => edit(at.clone(), b"{\"include_usage\":true}"),
            Options::Object { value: Some(at), .. } => edit(at.clone(), b"true"),
            Options::Object { open, empty: true, .. } => edit(open + 1..open + 1, b"\"include_usage\":true"),
            Options::Object { open, .. } => edit(open + 1..open + 1, b"\"include_usage\":true,"),
        }
    }
}

/// Carries out `edits` on `body`: for tests and for bodies that are wanted whole.
pub fn apply(body: &[u8], edits: &[Edit]) -> Vec<u8> {
    let (mut out, mut from) = (Vec::with_capacity(body.len() + 64), 0);
    for edit in edits {
        out.extend_from_slice(&body[from..edit.at.start]);
        out.extend_from_slice(&edit.text);
        from = edit.at.end;
    }
    out.extend_from_slice(&body[from..]);
    out
}
