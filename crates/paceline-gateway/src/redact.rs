//! Our keys, cut out of texts that providers send.

use memchr::memmem;
use std::borrow::Cow;

/// How many characters at a key's start or end give it away when they stand beside a mask.
const GIVEAWAY: usize = 4;

/// `text` without `secret`, also where the provider masked its middle (`sk-ab***wxyz`).
pub(crate) fn redact<'a>(text: &'a [u8], secret: &str) -> Cow<'a, [u8]> {
    let secret = secret.as_bytes();
    if secret.len() < 2 * GIVEAWAY {
        return Cow::Borrowed(text);
    }
    let mut out: Option<Vec<u8>> = None;
    while let Some(at) = memmem::find(out.as_deref().unwrap_or(text), secret) {
        let current = out.get_or_insert_with(|| text.to_vec());
        current.splice(at..at + secret.len(), *b"[redacted]");
    }
    while let Some((start, end)) = find_masked(out.as_deref().unwrap_or(text), secret) {
        let current = out.get_or_insert_with(|| text.to_vec());
        current.splice(start..end, *b"[redacted]");
    }
    out.map_or(Cow::Borrowed(text), Cow::Owned)
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
        ] {
            assert_eq!(redact(text.as_bytes(), key), clean.as_bytes(), "{text}");
        }
    }
}
