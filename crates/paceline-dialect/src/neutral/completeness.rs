//! Where the input of one tool ends, for dialects whose tools come one after the other.

use crate::json::{IGNORE, Node, Scanner, Token, Visitor};
use crate::neutral::json::Json;

/// Whether JSON text that comes in pieces is a whole value.
#[derive(Debug, Default)]
pub(crate) struct Completeness {
    scanner: Scanner,
    /// Something of it has come.
    pub(crate) seen: bool,
    broken: bool,
}

struct Nobody;

impl Visitor for Nobody {
    fn member(&mut self, _: Node, _: &[u8]) -> Node {
        IGNORE
    }

    fn scalar(&mut self, _: Node, _: &Token<'_>) {}
}

impl Completeness {
    /// Takes the next piece, a JSON string.
    pub(crate) fn feed(&mut self, piece: &Json<'_>) {
        let Some(text) = piece.text() else { return };
        self.seen |= !text.is_empty();
        self.broken = self.broken || self.scanner.feed(text.as_bytes(), &mut Nobody).is_err();
    }

    /// Nothing that could still belong to it is missing. What is no JSON is never waited for.
    pub(crate) fn is_whole(&self) -> bool {
        !self.seen || self.broken || self.scanner.clone().finish(&mut Nobody).is_ok()
    }
}
