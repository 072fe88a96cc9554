//! Places in a text, and the text without them.

use std::borrow::Cow;

/// A place that goes, and what stands there instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) label: &'static str,
}

/// The spans in order; those that touch the same bytes become one, under the first's label.
pub(super) fn apart(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut out: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match out.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => out.push(span),
        }
    }
    out
}

/// The first `limit` bytes of a text without the spans; one across the limit goes whole.
pub(super) fn cut(text: &str, spans: Vec<Span>, limit: usize) -> String {
    let limit = text.floor_char_boundary(limit);
    let mut out = String::with_capacity(limit);
    let mut from = 0;
    for span in spans.into_iter().filter(|span| span.start < limit) {
        // Spans begin and end beside ASCII or around whole characters; where one did not, more would go.
        out.push_str(&text[from..text.floor_char_boundary(span.start).max(from)]);
        out.push_str(span.label);
        from = text.ceil_char_boundary(span.end);
    }
    if from < limit {
        out.push_str(&text[from..limit]);
    }
    out
}

/// The same for a whole text, without a copy where nothing goes.
pub(super) fn without(text: &str, spans: Vec<Span>) -> Cow<'_, str> {
    if spans.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(cut(text, spans, text.len())) }
}

/// Whether a word may begin at `at`: no letter or digit stands before it.
pub(super) fn begins(text: &[u8], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| text.get(before)).is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

/// Whether a word may end before `at`.
pub(super) fn ends(text: &[u8], at: usize) -> bool {
    text.get(at).is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

/// How many bytes from `at` on `fits` takes, `most` at most.
pub(super) fn run(text: &[u8], at: usize, most: usize, fits: impl Fn(u8) -> bool) -> usize {
    text.get(at..).unwrap_or_default().iter().take(most).take_while(|byte| fits(**byte)).count()
}
