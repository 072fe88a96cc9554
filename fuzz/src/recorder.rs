//! A visitor of a JSON walk that asks for nearly everything and writes down what it is told.

use paceline_dialect::json::{IGNORE, JsonError, Kind, Node, Scanner, Token, Visitor};

/// The walk keeps so much of a value that comes in pieces; what is longer arrives cut, with its true length.
pub(crate) const KEPT: usize = 4096;

/// One thing the visitor was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Member { parent: Node, key: Vec<u8> },
    Scalar { node: Node, kind: Kind, text: Vec<u8>, len: usize, start: usize, end: usize },
    Open { node: Node, start: usize },
    Close { node: Node, end: usize, empty: bool },
}

/// The place of a member: spread over a few places, [`IGNORE`] among them.
pub(crate) fn member_place(parent: Node, key: &[u8]) -> Node {
    let sum =
        key.iter().fold(u32::from(parent), |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
    (sum % 9) as Node
}

/// The place of an element.
pub(crate) fn element_place(parent: Node) -> Node {
    if parent == 5 { IGNORE } else { parent % 8 + 1 }
}

/// Writes everything down, in order.
#[derive(Debug, Default)]
pub(crate) struct Recorder(pub(crate) Vec<Told>);

impl Visitor for Recorder {
    fn member(&mut self, parent: Node, key: &[u8]) -> Node {
        assert_ne!(parent, IGNORE, "nobody asked for members of this");
        self.0.push(Told::Member { parent, key: key.to_vec() });
        member_place(parent, key)
    }

    fn element(&mut self, parent: Node) -> Node {
        assert_ne!(parent, IGNORE, "nobody asked for elements of this");
        element_place(parent)
    }

    fn scalar(&mut self, node: Node, token: &Token<'_>) {
        assert_ne!(node, IGNORE, "nobody asked for this scalar");
        let text = token.text[..token.text.len().min(KEPT)].to_vec();
        let Token { kind, len, start, end, .. } = *token;
        self.0.push(Told::Scalar { node, kind, text, len, start, end });
    }

    fn open(&mut self, node: Node, start: usize) {
        assert_ne!(node, IGNORE, "nobody asked for this object or array");
        self.0.push(Told::Open { node, start });
    }

    fn close(&mut self, node: Node, end: usize, empty: bool) {
        self.0.push(Told::Close { node, end, empty });
    }
}

/// Walks a document that comes in `pieces`: what was told, and how it ended.
pub(crate) fn walk(pieces: &[&[u8]]) -> (Vec<Told>, Result<(), JsonError>) {
    let (mut scanner, mut recorder) = (Scanner::default(), Recorder::default());
    let fed = pieces.iter().try_for_each(|piece| scanner.feed(piece, &mut recorder));
    let outcome = fed.and_then(|()| scanner.finish(&mut recorder));
    (recorder.0, outcome)
}
