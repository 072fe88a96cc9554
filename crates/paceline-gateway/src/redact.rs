//! Our keys, cut out of texts that providers send.

use memchr::memmem;
use std::borrow::Cow;

/// How many characters at a key's start or end give it away when they stand beside a mask.
const GIVEAWAY: usize = 4;

/// `text` without `secret`: as it is, as JSON may escape it (`\\/`), and where the provider masked its middle
/// (`sk-ab***wxyz`). One pass: what comes out is not looked at again.
pub(crate) fn redact<'a>(text: &'a [u8], secret: &str) -> Cow<'a, [u8]> {
    if secret.len() < 2 * GIVEAWAY {
        return Cow::Borrowed(text);
    }
    let escaped = secret.replace('/', "\\/");
    let plain = memmem::Finder::new(secret);
    let in_json = memmem::Finder::new(&escaped);
    let find = |finder: &memmem::Finder<'_>, from: usize| {
        finder.find(&text[from..]).map(|at| (from + at, from + at + finder.needle().len()))
    };
    // Each pattern's next place is kept until it is passed: the text is read once by each, however many places there are.
    let mut next = [find(&plain, 0), find(&in_json, 0), find_masked(text, 0, secret.as_bytes())];
    let (mut out, mut from) = (Vec::new(), 0);
    while let Some((start, end)) = next.iter().flatten().min().copied() {
        out.extend_from_slice(&text[from..start]);
        out.extend_from_slice(b"[redacted]");
        from = end;
        let passed = |place: Option<(usize, usize)>| place.is_some_and(|(start, _)| start < end);
        if passed(next[0]) {
            next[0] = find(&plain, from);
        }
        if passed(next[1]) {
            next[1] = find(&in_json, from);
        }
        if passed(next[2]) {
            next[2] = find_masked(text, from, secret.as_bytes());
        }
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    out.extend_from_slice(&text[from..]);
    Cow::Owned(out)
}

/// From `begin` on: a run of mask characters with the key's beginning before it or its end after it.
fn find_masked(text: &[u8], begin: usize, secret: &[u8]) -> Option<(usize, usize)> {
    let mut from = begin;
    while let Some(found) = memchr::memchr3(b'*', b'.', b'x', &text[from..]) {
        let mask = from + found;
        let byte = text[mask];
        let run = text[mask..].iter().take_while(|&&b| b == byte).count();
        from = mask + run;
        if run < 3 {
            continue;
        }
        let before = common_end(&text[begin..mask], secret);
        let after = common_start(&text[mask + run..], secret);
        if before >= GIVEAWAY || after >= GIVEAWAY {
            return Some((mask - before, mask + run + after));
        }
    }
    None
}

/// How long a beginning of the key stands at the end of `text`.
fn common_end(text: &[u8], secret: &[u8]) -> usize {
    (1..secret.len()).rev().find(|&len| text.ends_with(&secret[..len])).unwrap_or(0)
}

/// How long an end of the key stands at the start of `text`.
fn common_start(text: &[u8], secret: &[u8]) -> usize {
    (1..secret.len()).rev().find(|&len| text.starts_with(&secret[secret.len() - len..])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn keys_are_cut_whole_or_masked() {
        let key = "sk-planted-0123456789abcdef";
        for (text, clean) in [
            ("key sk-planted-0123456789abcdef is wrong", "key [redacted] is wrong"),
            (
                "Incorrect API key provided: sk-plant***********cdef.",
                "Incorrect API key provided: [redacted].",
            ),
            ("ends with ...cdef", "ends with [redacted]"),
            ("nothing here... at all", "nothing here... at all"),
            ("sk-planted-0123456789abcdefsk-planted-0123456789abcdef", "[redacted][redacted]"),
        ] {
            assert_eq!(redact(text.as_bytes(), key), clean.as_bytes(), "{text}");
        }
    }

    #[test]
    fn a_key_inside_its_own_replacement_ends() {
        assert_eq!(redact(b"my redacted key", "redacted"), b"my [redacted] key".as_slice());
        assert_eq!(redact(br"key a\/b\/c\/d\/e", "a/b/c/d/e"), br"key [redacted]".as_slice());
    }
}
