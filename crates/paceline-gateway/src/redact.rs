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
    let (mut out, mut from) = (Vec::new(), 0);
    while let Some((start, end)) = next(&text[from..], secret, &plain, &in_json) {
        out.extend_from_slice(&text[from..from + start]);
        out.extend_from_slice(b"[redacted]");
        from += end;
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    out.extend_from_slice(&text[from..]);
    Cow::Owned(out)
}

/// The first place that gives the key away.
fn next(
    text: &[u8],
    secret: &str,
    plain: &memmem::Finder<'_>,
    in_json: &memmem::Finder<'_>,
) -> Option<(usize, usize)> {
    let whole = plain.find(text).map(|at| (at, at + plain.needle().len()));
    let escaped = in_json.find(text).map(|at| (at, at + in_json.needle().len()));
    let masked = find_masked(text, secret.as_bytes());
    [whole, escaped, masked].into_iter().flatten().min()
}

/// A run of mask characters with the key's beginning before it or its end after it.
fn find_masked(text: &[u8], secret: &[u8]) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(found) = memchr::memchr3(b'*', b'.', b'x', &text[from..]) {
        let mask = from + found;
        let byte = text[mask];
        let run = text[mask..].iter().take_while(|&&b| b == byte).count();
        from = mask + run;
        if run < 3 {
            continue;
        }
        let before = common_end(&text[..mask], secret);
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
