//! Made-up JSON documents, and what a visitor must be told of them.

use crate::recorder::{Told, element_place, member_place};
use paceline_dialect::json::{IGNORE, Kind, Node, ROOT};
use proptest::prelude::*;

/// A document; scalars as they are written.
#[derive(Clone, Debug)]
pub(crate) enum Doc {
    Word(&'static str, Kind),
    Number(String),
    /// What is between the quotes.
    Text(String),
    List(Vec<Doc>),
    Object(Vec<(String, Doc)>),
}

/// What strings are made of: plain, several bytes long, escaped, and what has a meaning outside of strings.
const ATOMS: &[&str] = &[
    "a",
    "model",
    "x y",
    "0",
    "\u{e9}",
    "\u{6f22}",
    "\u{1f600}",
    "\u{2028}",
    "\u{7f}",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "'",
    "null",
    "\\\"",
    "\\\\",
    "\\/",
    "\\n",
    "\\t",
    "\\u0000",
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\u006d",
];

/// The inside of a string.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(ATOMS), 0..6).prop_map(|atoms| atoms.concat())
}

/// A number as JSON writes it, also beyond what 64 bits hold.
pub(crate) fn number() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?"
}

fn scalar() -> impl Strategy<Value = Doc> {
    prop_oneof![
        Just(Doc::Word("null", Kind::Null)),
        Just(Doc::Word("true", Kind::True)),
        Just(Doc::Word("false", Kind::False)),
        number().prop_map(Doc::Number),
        text().prop_map(Doc::Text),
    ]
}

/// Any document.
pub(crate) fn document() -> impl Strategy<Value = Doc> {
    scalar().prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Doc::List),
            prop::collection::vec((text(), inner), 0..5).prop_map(Doc::Object),
        ]
    })
}

/// White space, to be put wherever it may stand.
pub(crate) fn spaces() -> impl Strategy<Value = Vec<&'static str>> {
    let space = prop::sample::select(&["", "", " ", "\n", "\r\n", "\t", "  \t"][..]);
    prop::collection::vec(space, 1..8)
}

/// A document as text, and what a visitor is told while it is walked.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) told: Vec<Told>,
    spaces: Vec<&'static str>,
    gaps: usize,
}

/// Writes `doc` with `spaces` taken in turn.
pub(crate) fn write(doc: &Doc, spaces: Vec<&'static str>) -> Written {
    let mut written = Written { spaces, ..Written::default() };
    written.gap();
    written.value(doc, ROOT);
    written.gap();
    written
}

impl Written {
    fn gap(&mut self) {
        self.text.push_str(self.spaces[self.gaps % self.spaces.len()]);
        self.gaps += 1;
    }

    fn tell(&mut self, node: Node, told: Told) {
        if node != IGNORE {
            self.told.push(told);
        }
    }

    fn value(&mut self, doc: &Doc, node: Node) {
        match doc {
            Doc::Word(word, kind) => self.scalar(node, *kind, word, ""),
            Doc::Number(number) => self.scalar(node, Kind::Number, number, ""),
            Doc::Text(text) => self.scalar(node, Kind::String { escaped: text.contains('\\') }, text, "\""),
            Doc::List(items) => {
                let place = if node == IGNORE { IGNORE } else { element_place(node) };
                self.nest(node, items, ("[", "]"), |written, item| written.value(item, place));
            }
            Doc::Object(members) => self.nest(node, members, ("{", "}"), |written, (key, value)| {
                written.text.push_str(&format!("\"{key}\""));
                let key: String =
                    serde_json::from_str(&format!("\"{key}\"")).expect("a key of the generator");
                let parent = node;
                let place = if node == IGNORE { IGNORE } else { member_place(parent, key.as_bytes()) };
                written.tell(node, Told::Member { parent, key: key.into_bytes() });
                written.gap();
                written.text.push(':');
                written.gap();
                written.value(value, place);
            }),
        }
    }

    fn scalar(&mut self, node: Node, kind: Kind, text: &str, quote: &str) {
        let start = self.text.len();
        self.text.push_str(&format!("{quote}{text}{quote}"));
        let (text, len, end) = (text.as_bytes().to_vec(), text.len(), self.text.len());
        self.tell(node, Told::Scalar { node, kind, text, len, start, end });
    }

    fn nest<T>(
        &mut self,
        node: Node,
        items: &[T],
        (open, close): (&str, &str),
        mut item: impl FnMut(&mut Self, &T),
    ) {
        self.tell(node, Told::Open { node, start: self.text.len() });
        self.text.push_str(open);
        for (at, each) in items.iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            self.gap();
            item(self, each);
            self.gap();
        }
        if items.is_empty() {
            self.gap();
        }
        self.text.push_str(close);
        self.tell(node, Told::Close { node, end: self.text.len(), empty: items.is_empty() });
    }
}
