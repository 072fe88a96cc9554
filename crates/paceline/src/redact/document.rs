//! The texts in a document: strings and numbers of JSON, whole or cut off, alone or in events. JSON stays JSON.

use super::Redactor;
use super::named::{self, Name};
use super::span::{Span, cut, without};
use std::borrow::Cow;

/// What goes where a name says that the value is secret.
const SECRET: &str = "[secret]";

/// The first `limit` bytes of events, redacted line by line.
pub(super) fn events(redactor: &Redactor, text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(limit);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if start >= limit {
            break;
        }
        let rest = line.strip_prefix("data:").map_or(line, str::trim_start);
        let field = &line[..line.len() - rest.len()];
        let left = limit - start;
        out.push_str(&field[..field.floor_char_boundary(left)]);
        let left = left.saturating_sub(field.len());
        if !field.is_empty() && rest.starts_with(['{', '[']) {
            out.push_str(&json(redactor, rest, left));
        } else {
            out.push_str(&cut(rest, redactor.find(rest), left));
        }
        start += line.len();
    }
    out
}

/// The first `limit` bytes of JSON, redacted. What is no JSON is read as if it were as far as that goes, and all of it is
/// looked at.
pub(super) fn json(redactor: &Redactor, text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(limit);
    let mut name = Name::Other;
    let mut at = 0;
    while at < text.len() && at < limit {
        let quote = memchr::memchr(b'"', &text.as_bytes()[at..]).map_or(text.len(), |found| at + found);
        between(redactor, &text[at..quote], name, limit - at, &mut out);
        if quote == text.len() || quote >= limit {
            break;
        }
        let value = if is_value(&text[at..quote]) { name } else { named::last(&text.as_bytes()[at..quote]) };
        let end = string_end(text, quote + 1);
        let literal = &text[quote..end];
        name = string(redactor, literal, value, limit - quote, &mut out);
        // Only a name with a colon after it is one.
        if !text[end..].trim_start().starts_with(':') {
            name = Name::Other;
        }
        at = end;
    }
    out
}

/// Whether nothing but a colon stands between a name and the value after it.
fn is_value(between: &str) -> bool {
    between.trim() == ":"
}

/// Where the string that begins before `from` ends, its quote included; the end of the text where it is cut off.
fn string_end(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        // The escaped character may be longer than a byte; none of its bytes is a quote or a backslash then.
        at += 2;
    }
    text.len()
}

/// What stands outside strings. A number that goes becomes a string, so that JSON stays JSON.
fn between(redactor: &Redactor, text: &str, name: Name, limit: usize, out: &mut String) {
    let bytes = text.as_bytes();
    let number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
    let mut spans = redactor.find(text);
    let start = text.len() - text.trim_start_matches([':', ' ', '\t', '\r', '\n']).len();
    if name == Name::Secret && bytes.get(start).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-') {
        spans.insert(0, Span { start, end: start + 1, label: SECRET });
    }
    let limit = text.floor_char_boundary(limit);
    let mut from = 0;
    for span in super::span::apart(spans) {
        if span.end <= from {
            continue;
        }
        let begin = span.start.max(from);
        let back = bytes[from..begin].iter().rev().take_while(|byte| number(**byte)).count();
        let start = begin - back;
        if start >= limit {
            break;
        }
        out.push_str(&text[from..start]);
        from = span.end + super::span::run(bytes, span.end, usize::MAX, number);
        out.push('"');
        out.push_str(span.label);
        out.push('"');
    }
    if from < limit {
        out.push_str(&text[from..limit]);
    }
}

/// One string, its quotes included; what it says of the next one if it is a name.
fn string(redactor: &Redactor, literal: &str, name: Name, limit: usize, out: &mut String) -> Name {
    let is_closed = literal.len() > 1 && literal.ends_with('"') && !is_escaped(literal);
    let inner = &literal[1..literal.len() - usize::from(is_closed)];
    let text = unescaped(inner);
    let means = named::name(text.as_bytes());
    let spans = if named::goes(name, text.as_bytes()) && !text.trim().is_empty() {
        vec![Span { start: 0, end: text.len(), label: SECRET }]
    } else {
        redactor.find(&text)
    };
    if spans.is_empty() {
        out.push_str(&literal[..literal.floor_char_boundary(limit)]);
        return means;
    }
    let shown = if limit >= literal.len() {
        without(&text, spans)
    } else {
        // What of the text stands before the limit.
        let inner_limit = inner.floor_char_boundary(limit.saturating_sub(1));
        cut(&text, spans, unescaped(&inner[..inner_limit]).len()).into()
    };
    out.push('"');
    escape(&shown, out);
    if is_closed && limit >= literal.len() {
        out.push('"');
    }
    means
}

/// Whether the last quote belongs to the string: the text was cut off behind an escaped one.
fn is_escaped(literal: &str) -> bool {
    let before = &literal.as_bytes()[1..literal.len() - 1];
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The text that a string means; what is no escape stays as it is.
fn unescaped(inner: &str) -> Cow<'_, str> {
    if !inner.contains('\\') {
        return inner.into();
    }
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (text, len) = match rest.as_bytes().first() {
            Some(b'n') => ('\n', 1),
            Some(b't') => ('\t', 1),
            Some(b'r') => ('\r', 1),
            Some(b'b') => ('\u{8}', 1),
            Some(b'f') => ('\u{c}', 1),
            Some(plain @ (b'"' | b'\\' | b'/')) => (char::from(*plain), 1),
            Some(b'u') => unit(rest),
            _ => ('\\', 0),
        };
        out.push(text);
        rest = &rest[len..];
    }
    out.push_str(rest);
    out.into()
}

/// The character of `uXXXX`, or of a pair of them, and how long it is written.
fn unit(text: &str) -> (char, usize) {
    let hex = |from: usize| {
        let digits =
            text.get(from..from + 4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u16::from_str_radix(digits, 16).ok()
    };
    let Some(first) = hex(1) else { return ('\\', 0) };
    let second = text.get(5..7).filter(|mark| *mark == "\\u").and_then(|_| hex(7));
    let mut pair = char::decode_utf16([first].into_iter().chain(second));
    match pair.next() {
        Some(Ok(found)) if found.len_utf16() == 2 => (found, 11),
        Some(Ok(found)) => (found, 5),
        _ => (char::REPLACEMENT_CHARACTER, 5),
    }
}

/// Writes a text as the inside of a string.
fn escape(text: &str, out: &mut String) {
    for found in text.chars() {
        match found {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", control as u32)),
            other => out.push(other),
        }
    }
}
