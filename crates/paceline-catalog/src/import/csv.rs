//! Comma-separated values (RFC 4180): records as slices of the text.

use std::borrow::Cow;

/// The first record, its fields, and what follows it; `None` at the end of the text.
///
/// A quote that never ends takes the rest of the text, as one field of one record.
pub(super) fn record(text: &str) -> Option<(&str, Vec<Cow<'_, str>>, &str)> {
    if text.is_empty() {
        return None;
    }
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let (field, length) = field(&text[at..]);
        fields.push(field);
        at += length;
        match text.as_bytes().get(at) {
            Some(b',') => at += 1,
            _ => break,
        }
    }
    let record = &text[..at];
    let rest = &text[at..];
    let rest = rest.strip_prefix('\r').unwrap_or(rest);
    Some((record, fields, rest.strip_prefix('\n').unwrap_or(rest)))
}

/// One field and how many bytes it takes.
fn field(text: &str) -> (Cow<'_, str>, usize) {
    let end = |text: &str| text.find([',', '\n', '\r']).unwrap_or(text.len());
    let Some(quoted) = text.strip_prefix('"') else {
        let end = end(text);
        return (Cow::Borrowed(&text[..end]), end);
    };
    let mut at = 0;
    let close = loop {
        let Some(quote) = quoted[at..].find('"') else { break quoted.len() };
        at += quote;
        if quoted[at + 1..].starts_with('"') {
            at += 2;
        } else {
            break at;
        }
    };
    let inside = &quoted[..close];
    let value =
        if inside.contains('"') { inside.replace("\"\"", "\"").into() } else { Cow::Borrowed(inside) };
    let after = quoted.get(close + 1..).unwrap_or_default();
    // What stands between the closing quote and the comma belongs to nobody.
    (value, text.len() - after.len() + end(after))
}

#[cfg(test)]
mod tests {
    use super::record;

    #[test]
    fn quotes_hold_commas_quotes_and_lines() {
        let (first, fields, rest) = record("a,\"b,\"\"c\"\"\n\",,d\r\nnext").unwrap();
        assert_eq!(
            (fields.as_slice(), rest),
            (&["a".into(), "b,\"c\"\n".into(), "".into(), "d".into()][..], "next")
        );
        assert!(first.ends_with(",d"));
        assert_eq!(record("\"never").unwrap().1, ["never"]);
        assert!(record("").is_none());
    }
}
