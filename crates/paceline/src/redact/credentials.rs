//! Credentials by their shape: keys of known makers, bearer tokens, JWTs, private keys.

use super::span::{Span, begins, run};
use memchr::memmem;

/// How keys of known makers begin, and how many characters follow at least.
const BEGINNINGS: [(&str, usize); 34] = [
    ("sk-", 16),
    ("sk_", 16),
    ("pk_live_", 16),
    ("rk_live_", 16),
    ("rk_test_", 16),
    ("whsec_", 16),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 30),
    ("ya29.", 20),
    ("GOCSPX-", 16),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("xoxb-", 16),
    ("xoxp-", 16),
    ("xoxa-", 16),
    ("xoxs-", 16),
    ("xapp-", 16),
    ("hf_", 20),
    ("gsk_", 20),
    ("xai-", 20),
    ("pplx-", 20),
    ("nvapi-", 20),
    ("tgp_", 20),
    ("r8_", 20),
    ("npm_", 20),
    ("pypi-", 20),
    ("dop_v1_", 20),
    ("SG.", 20),
];
/// The longest first part of a JWT that is looked at, in bytes.
const JWT_HEAD: usize = 2048;
const NO_END: usize = usize::MAX;

pub(super) fn find(text: &[u8], spans: &mut Vec<Span>) {
    private_keys(text, spans);
    let mut at = 0;
    while at < text.len() {
        if !begins(text, at) || !text[at].is_ascii_alphabetic() {
            at += 1;
            continue;
        }
        match maker(text, at).or_else(|| jwt(text, at)).or_else(|| bearer(text, at)) {
            Some(span) => {
                at = span.end;
                spans.push(span);
            }
            None => at += 1,
        }
    }
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn maker(text: &[u8], at: usize) -> Option<Span> {
    let rest = &text[at..];
    let (begin, least) = BEGINNINGS.iter().find(|(begin, _)| rest.starts_with(begin.as_bytes()))?;
    let len = begin.len() + run(rest, begin.len(), NO_END, is_key);
    // The full stop of a sentence is not part of the key.
    let len = len - rest[..len].iter().rev().take_while(|byte| **byte == b'.').count();
    (len >= begin.len() + least).then_some(Span { start: at, end: at + len, label: "[secret]" })
}

/// RFC 7519: three parts of base64url, of which the first begins with `{"`.
fn jwt(text: &[u8], at: usize) -> Option<Span> {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !text[at..].starts_with(b"eyJ") {
        return None;
    }
    let head = run(text, at, JWT_HEAD, part);
    let body = at + head + 1;
    if head < 8 || text.get(body - 1) != Some(&b'.') {
        return None;
    }
    let mut end = body + run(text, body, NO_END, part);
    if end - body < 4 {
        return None;
    }
    if text.get(end) == Some(&b'.') {
        end += 1 + run(text, end + 1, NO_END, part);
    }
    Some(Span { start: at, end, label: "[jwt]" })
}

/// RFC 6750: what follows the word `Bearer`.
fn bearer(text: &[u8], at: usize) -> Option<Span> {
    if !text.get(at..at + 6)?.eq_ignore_ascii_case(b"bearer") {
        return None;
    }
    let space = run(text, at + 6, 8, |byte| matches!(byte, b' ' | b'\t' | b':'));
    let start = at + 6 + space;
    let len = run(text, start, NO_END, |b| is_key(b) || matches!(b, b'~' | b'+' | b'/' | b'='));
    let token = text.get(start..start + len)?;
    // Of a sentence about bearers the next word is no token.
    let odd =
        token.len() >= 24 || token.iter().any(|byte| byte.is_ascii_digit() || matches!(byte, b'_' | b'='));
    (space > 0 && len >= 8 && odd).then_some(Span { start, end: start + len, label: "[secret]" })
}

/// PEM (RFC 7468); one whose end is missing goes to the end of the text.
fn private_keys(text: &[u8], spans: &mut Vec<Span>) {
    let mut from = 0;
    while let Some(found) = memmem::find(&text[from..], b"-----BEGIN ") {
        let start = from + found;
        from = start + 11;
        let title = run(text, from, 64, |byte| byte != b'-' && byte != b'\n');
        if memmem::find(&text[from..from + title], b"PRIVATE KEY").is_none() {
            continue;
        }
        let end = memmem::find(&text[from..], b"-----END ").map(|at| from + at + 9);
        let end = end.map(|at| at + run(text, at, 64, |byte| byte != b'-' && byte != b'\n'));
        let end = end.map_or(text.len(), |at| at + run(text, at, 5, |byte| byte == b'-'));
        spans.push(Span { start, end, label: "[private key]" });
        from = end;
    }
}
