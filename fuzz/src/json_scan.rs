//! What must hold for the walk over JSON text.

use super::cuts;
use super::recorder::{KEPT, walk};
use paceline_dialect::json::{JsonError, MAX_DEPTH, Scanner, TOO_DEEP, Visitor};
use serde::de::IgnoredAny;
use serde_json::error::Category;

/// Any cut gives the same visits and the same end; that end is the one a strict parser comes to; an error stands where
/// the text stops being the begin of a document.
pub(crate) fn check(text: &[u8]) {
    // Longer values may arrive cut when they come in pieces, so that the visits differ as documented.
    if text.len() > KEPT {
        return;
    }
    let (told, outcome) = walk(&[text]);
    for way in cuts::some(text) {
        let (in_pieces, end) = walk(&way);
        assert_eq!(end, outcome, "another end in pieces {way:?}");
        assert_eq!(in_pieces, told, "other visits in pieces {way:?}");
    }
    match outcome {
        Ok(()) => assert_eq!(strictly(&plain(text)), None, "accepted, and it is no document"),
        Err(error) => check_error(text, error),
    }
}

fn check_error(text: &[u8], error: JsonError) {
    let JsonError { at, what } = error;
    if at == text.len() {
        assert_eq!(strictly(&plain(text)), Some(Category::Eof), "{error}");
        return;
    }
    // Everything before fits …
    let before = strictly(&plain(&text[..at]));
    assert!(matches!(before, None | Some(Category::Eof)), "too late: {error}");
    let mut silent = Nothing;
    assert_eq!(Scanner::default().feed(&text[..at], &mut silent), Ok(()), "{error}");
    if what == TOO_DEEP {
        assert!(matches!(text[at], b'{' | b'['));
        assert_eq!(depth(&plain(&text[..at])), MAX_DEPTH);
        return;
    }
    // … and what stands there, as one word, does not.
    let len = text[at..].iter().take_while(|byte| is_word(**byte)).count().max(1);
    let mut until = plain(&text[..at + len]);
    until.push(b' ');
    let with_it = strictly(&until);
    assert!(with_it == Some(Category::Syntax), "too early: {error}, but {with_it:?}");
}

/// Asks for nothing.
struct Nothing;

impl Visitor for Nothing {
    fn member(&mut self, _: u8, _: &[u8]) -> u8 {
        0
    }

    fn scalar(&mut self, _: u8, _: &paceline_dialect::json::Token<'_>) {}
}

/// How a strict parser takes `text`: `None`, or why it refuses it.
fn strictly(text: &[u8]) -> Option<Category> {
    serde_json::from_slice::<IgnoredAny>(text).err().map(|error| error.classify())
}

/// The text without what the walk leaves to the receiver, so that a strict parser must agree on what remains:
/// strings lose what is between their quotes (escapes, control characters, UTF-8), and a word that begins like a number,
/// has only bytes of numbers and ends with a digit becomes `0` (leading zeros, several dots, signs in the middle).
pub(crate) fn plain(text: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
    while at < text.len() {
        let rest = &text[at..];
        if rest[0] == b'"' {
            out.push(b'"');
            let len = string_len(&rest[1..]);
            at += 1 + len;
            if at < text.len() {
                out.push(b'"');
                at += 1;
            }
        } else if is_word(rest[0]) {
            let word = &rest[..rest.iter().take_while(|byte| is_word(**byte)).count()];
            out.extend_from_slice(if is_lenient_number(word) { b"0" } else { word });
            at += word.len();
        } else {
            out.push(rest[0]);
            at += 1;
        }
    }
    out
}

/// How many bytes there are before the closing quote, or the end.
fn string_len(text: &[u8]) -> usize {
    let mut at = 0;
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at.min(text.len())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)
}

fn is_lenient_number(word: &[u8]) -> bool {
    (word[0] == b'-' || word[0].is_ascii_digit())
        && word[word.len() - 1].is_ascii_digit()
        && word.iter().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte))
}

/// How many objects and arrays are open at the end of a text whose strings are empty.
fn depth(text: &[u8]) -> usize {
    let count = |bytes: [u8; 2]| text.iter().filter(|byte| bytes.contains(byte)).count();
    count(*b"{[") - count(*b"}]")
}
