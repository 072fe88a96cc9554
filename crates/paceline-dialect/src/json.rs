//! A walk over JSON text that may come in pieces: checks its form, tells a visitor the values it asked for.
//!
//! The walk keeps no tree. A visitor names the places it cares about by small numbers ([`Node`]); everything under a
//! place it does not know is checked and skipped. Strings are skipped by `memchr`, which is where prompts live.
//! Checked: structure, literals, depth. Not checked, because the receiver does: escapes, control characters and UTF-8
//! inside strings, and the fine form of numbers.

use memchr::memchr2;
use std::fmt;

/// How deep arrays and objects may nest.
pub const MAX_DEPTH: usize = 128;

/// How much of one value is kept when it is split over pieces; what is longer arrives cut, with its true length.
const MAX_CARRY: usize = 4096;

/// A place in a document that a visitor cares about; [`IGNORE`] for every other.
pub type Node = u8;

/// The place nobody asked for.
pub const IGNORE: Node = 0;

/// The place of the document itself.
pub const ROOT: Node = 1;

/// What kind of scalar a [`Token`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string; `escaped` says whether it holds a backslash.
    String {
        /// Whether the text holds escapes.
        escaped: bool,
    },
    /// A number.
    Number,
    /// `true`.
    True,
    /// `false`.
    False,
    /// `null`.
    Null,
}

/// A scalar value as it stands in the text.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text; of strings, what is between the quotes. May be cut when the value came in pieces.
    pub text: &'a [u8],
    /// The true length of `text`.
    pub len: usize,
    /// Where the value starts in the document; of strings, at the opening quote.
    pub start: usize,
    /// Where it ends; of strings, after the closing quote.
    pub end: usize,
}

impl Token<'_> {
    /// The string's value with escapes resolved; `None` when it is no string, was cut or is not UTF-8.
    pub fn string(&self) -> Option<String> {
        let Kind::String { escaped } = self.kind else { return None };
        if self.text.len() != self.len {
            return None;
        }
        let text = std::str::from_utf8(self.text).ok()?;
        if escaped { serde_json::from_str(&format!("\"{text}\"")).ok() } else { Some(text.to_owned()) }
    }

    /// The value of a whole number from 0 to 2⁵³, up to which every reader means the same; `None` for all else.
    pub fn unsigned(&self) -> Option<u64> {
        if self.kind != Kind::Number || self.text.len() != self.len {
            return None;
        }
        let text = std::str::from_utf8(self.text).ok()?;
        let value = text.parse().ok().or_else(|| whole(text.parse().ok()?))?;
        (value <= MAX_WHOLE).then_some(value)
    }
}

const MAX_WHOLE: u64 = 1 << 53;

fn whole(value: f64) -> Option<u64> {
    (value.fract() == 0.0 && (0.0..=MAX_WHOLE as f64).contains(&value)).then_some(value as u64)
}

/// Who is told what a document holds.
pub trait Visitor {
    /// The place of member `key` of the object at `parent` (never [`IGNORE`]).
    fn member(&mut self, parent: Node, key: &[u8]) -> Node;

    /// The place of an element of the array at `parent` (never [`IGNORE`]); asked where the array begins, also when it
    /// turns out empty, and at each comma.
    fn element(&mut self, parent: Node) -> Node {
        let _ = parent;
        IGNORE
    }

    /// A scalar at a place that is not [`IGNORE`].
    fn scalar(&mut self, node: Node, token: &Token<'_>);

    /// An object or array begins at offset `start`, at a place that is not [`IGNORE`].
    fn open(&mut self, node: Node, start: usize) {
        let _ = (node, start);
    }

    /// It ended just before offset `end`; `empty` when nothing was in it.
    fn close(&mut self, node: Node, end: usize, empty: bool) {
        let _ = (node, end, empty);
    }
}

/// Text that is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// The offset of the byte that does not fit.
    pub at: usize,
    /// What would have fitted.
    pub what: &'static str,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for JsonError {}

/// Too deep is told apart from malformed by this text.
pub const TOO_DEEP: &str = "more than 128 levels of arrays and objects";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Value,
    FirstElement,
    FirstKey,
    Key,
    Colon,
    Comma,
    End,
    InKey,
    InString,
    InNumber,
    InLiteral,
}

/// The walk: feed it the pieces in order, then [`Scanner::finish`].
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about the token being read")]
pub struct Scanner {
    state: State,
    depth: usize,
    /// Bit n: level n is an object.
    objects: u128,
    nodes: [Node; MAX_DEPTH],
    /// The place of the value that comes next or is being read.
    node: Node,
    /// Offset of the piece being read.
    base: usize,
    /// Offset where the token being read started.
    start: usize,
    /// A backslash was seen in the string being read.
    escaped: bool,
    /// Every byte of the number being read is one that numbers have.
    fits: bool,
    /// The last of them is a digit.
    ends_well: bool,
    /// The last byte of the piece before was a backslash that escapes the next.
    escape_open: bool,
    /// What of the token came in earlier pieces, cut at [`MAX_CARRY`].
    carry: Vec<u8>,
    /// How much of the token came in earlier pieces.
    carried: usize,
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            state: State::Value,
            depth: 0,
            objects: 0,
            nodes: [IGNORE; MAX_DEPTH],
            node: ROOT,
            base: 0,
            start: 0,
            escaped: false,
            fits: true,
            ends_well: false,
            escape_open: false,
            carry: Vec::new(),
            carried: 0,
        }
    }
}

/// Walks a whole document.
pub fn scan(text: &[u8], visitor: &mut impl Visitor) -> Result<(), JsonError> {
    let mut scanner = Scanner::default();
    scanner.feed(text, visitor)?;
    scanner.finish(visitor)
}

impl Scanner {
    /// Walks the next piece.
    pub fn feed(&mut self, piece: &[u8], visitor: &mut impl Visitor) -> Result<(), JsonError> {
        let mut at = 0;
        while at < piece.len() {
            at = match self.state {
                State::InKey | State::InString => self.string(piece, at, visitor),
                State::InNumber | State::InLiteral => self.word(piece, at, visitor)?,
                _ => self.structure(piece, at, visitor)?,
            };
        }
        self.base += piece.len();
        Ok(())
    }

    /// The text is over: whether it was a whole document.
    pub fn finish(&mut self, visitor: &mut impl Visitor) -> Result<(), JsonError> {
        if matches!(self.state, State::InNumber | State::InLiteral) {
            self.end_word(&[], self.base, visitor)?;
        }
        if self.state == State::End {
            Ok(())
        } else {
            Err(self.error(0, "the text ends before the value does"))
        }
    }

    fn error(&self, at: usize, what: &'static str) -> JsonError {
        JsonError { at: self.base + at, what }
    }

    fn structure(&mut self, piece: &[u8], at: usize, visitor: &mut impl Visitor) -> Result<usize, JsonError> {
        let byte = piece[at];
        if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            return Ok(at + 1);
        }
        match (self.state, byte) {
            (State::Value | State::FirstElement, b'"') => self.begin(State::InString, at),
            (State::FirstKey | State::Key, b'"') => self.begin(State::InKey, at),
            (State::Value | State::FirstElement, b'{' | b'[') => self.open(byte == b'{', at, visitor)?,
            (State::FirstKey, b'}') | (State::FirstElement, b']') => self.close(at, true, visitor),
            (State::Comma, b'}') if self.in_object() => self.close(at, false, visitor),
            (State::Comma, b']') if !self.in_object() => self.close(at, false, visitor),
            (State::Comma, b',') if self.in_object() => self.state = State::Key,
            (State::Comma, b',') => {
                self.state = State::Value;
                self.element(visitor);
            }
            (State::Colon, b':') => self.state = State::Value,
            (State::Value | State::FirstElement, b'-' | b'0'..=b'9') => {
                self.begin(State::InNumber, at);
                return Ok(at);
            }
            (State::Value | State::FirstElement, b't' | b'f' | b'n') => {
                self.begin(State::InLiteral, at);
                return Ok(at);
            }
            (state, _) => return Err(self.error(at, expected(state, self.in_object()))),
        }
        Ok(at + 1)
    }

    fn in_object(&self) -> bool {
        self.depth > 0 && self.objects >> (self.depth - 1) & 1 == 1
    }

    fn begin(&mut self, state: State, at: usize) {
        self.state = state;
        self.start = self.base + at;
        self.escaped = false;
        (self.fits, self.ends_well) = (true, false);
        self.carry.clear();
        self.carried = 0;
    }

    fn open(&mut self, object: bool, at: usize, visitor: &mut impl Visitor) -> Result<(), JsonError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(at, TOO_DEEP));
        }
        let bit = 1u128 << self.depth;
        self.objects = if object { self.objects | bit } else { self.objects & !bit };
        self.nodes[self.depth] = self.node;
        self.depth += 1;
        if self.node != IGNORE {
            visitor.open(self.node, self.base + at);
        }
        self.state = if object { State::FirstKey } else { State::FirstElement };
        if !object {
            self.element(visitor);
        }
        Ok(())
    }

    fn element(&mut self, visitor: &mut impl Visitor) {
        let parent = self.nodes[self.depth - 1];
        self.node = if parent == IGNORE { IGNORE } else { visitor.element(parent) };
    }

    fn close(&mut self, at: usize, empty: bool, visitor: &mut impl Visitor) {
        self.depth -= 1;
        let node = self.nodes[self.depth];
        if node != IGNORE {
            visitor.close(node, self.base + at + 1, empty);
        }
        self.after_value();
    }

    fn after_value(&mut self) {
        self.state = if self.depth == 0 { State::End } else { State::Comma };
    }

    /// Reads on in a string or key from `at`; returns where it stopped.
    fn string(&mut self, piece: &[u8], mut at: usize, visitor: &mut impl Visitor) -> usize {
        let from = at;
        if self.escape_open {
            self.escape_open = false;
            at += 1;
        }
        loop {
            let Some(found) = piece.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) else {
                self.keep(&piece[from..]);
                return piece.len();
            };
            at += found;
            if piece[at] == b'"' {
                self.end_string(&piece[from..at], self.base + at + 1, visitor);
                return at + 1;
            }
            self.escaped = true;
            at += 2;
            if at > piece.len() {
                self.escape_open = true;
                self.keep(&piece[from..]);
                return piece.len();
            }
        }
    }

    fn keep(&mut self, part: &[u8]) {
        self.carried += part.len();
        if self.node != IGNORE || self.state != State::InString {
            let room = MAX_CARRY - self.carry.len().min(MAX_CARRY);
            self.carry.extend_from_slice(&part[..part.len().min(room)]);
        }
    }

    fn end_string(&mut self, part: &[u8], end: usize, visitor: &mut impl Visitor) {
        let len = self.carried + part.len();
        let split = self.carried > 0;
        if split {
            self.keep(part);
        }
        let carry = std::mem::take(&mut self.carry);
        let text = if split { carry.as_slice() } else { part };
        if self.state == State::InKey {
            let parent = self.nodes[self.depth - 1];
            self.node = if parent == IGNORE { IGNORE } else { key_node(visitor, parent, text, self.escaped) };
            self.state = State::Colon;
        } else {
            if self.node != IGNORE {
                let kind = Kind::String { escaped: self.escaped };
                visitor.scalar(self.node, &Token { kind, text, len, start: self.start, end });
            }
            self.after_value();
        }
        self.carry = carry;
    }

    /// Reads on in a number or literal from `at`; returns where it stopped.
    fn word(&mut self, piece: &[u8], at: usize, visitor: &mut impl Visitor) -> Result<usize, JsonError> {
        let rest = &piece[at..];
        let part = rest.iter().position(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'-' | b'+' | b'.'));
        let Some(len) = part else {
            self.judge(rest);
            self.keep(rest);
            return Ok(piece.len());
        };
        self.end_word(&rest[..len], self.base + at + len, visitor)?;
        Ok(at + len)
    }

    /// Looks at a part of a number: what is cut from the carry must fit too.
    fn judge(&mut self, part: &[u8]) {
        let Some(last) = part.last() else { return };
        self.fits &= part.iter().all(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
        self.ends_well = last.is_ascii_digit();
    }

    fn end_word(&mut self, part: &[u8], end: usize, visitor: &mut impl Visitor) -> Result<(), JsonError> {
        self.judge(part);
        let len = self.carried + part.len();
        let split = self.carried > 0;
        if split {
            self.keep(part);
        }
        let carry = std::mem::take(&mut self.carry);
        let text = if split { carry.as_slice() } else { part };
        let kind = match text {
            b"true" => Kind::True,
            b"false" => Kind::False,
            b"null" => Kind::Null,
            _ if self.state == State::InNumber && self.fits && self.ends_well => Kind::Number,
            _ => return Err(JsonError { at: self.start, what: "expected a value" }),
        };
        if self.node != IGNORE {
            visitor.scalar(self.node, &Token { kind, text, len, start: self.start, end });
        }
        self.carry = carry;
        self.after_value();
        Ok(())
    }
}

/// Keys are compared as the receiver will read them: `"mod\u0065l"` is `model`.
fn key_node(visitor: &mut impl Visitor, parent: Node, text: &[u8], escaped: bool) -> Node {
    if !escaped {
        return visitor.member(parent, text);
    }
    let token = Token { kind: Kind::String { escaped }, text, len: text.len(), start: 0, end: 0 };
    token.string().map_or(IGNORE, |key| visitor.member(parent, key.as_bytes()))
}

const fn expected(state: State, in_object: bool) -> &'static str {
    match (state, in_object) {
        (State::Value, _) => "expected a value",
        (State::FirstElement, _) => "expected a value or `]`",
        (State::FirstKey, _) => "expected a key in double quotes or `}`",
        (State::Key, _) => "expected a key in double quotes",
        (State::Colon, _) => "expected `:`",
        (State::Comma, true) => "expected `,` or `}`",
        (State::Comma, false) => "expected `,` or `]`",
        _ => "expected nothing after the value",
    }
}
