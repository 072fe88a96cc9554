//! Values whose name says that they are secret: `api_key=…`, `"password": "…"`, `authorization: …`.

use super::span::{Span, run};

/// The longest name that is looked at, in bytes.
const NAME: usize = 64;
/// A value under a name that only may mean a secret has so many characters at least.
const LONG: usize = 16;
/// So much of a value tells whether it goes, in bytes: a text of nothing but names is still read in one go.
const LOOK: usize = 512;

/// How much a name says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// It is a secret.
    Secret,
    /// It is one where it looks like one.
    Perhaps,
    Other,
}

/// What a name says, however it is written: `apiKey`, `X-API-Key`, `api_key`.
pub(super) fn name(text: &[u8]) -> Name {
    const SECRET: [&str; 18] = [
        "apikey",
        "secret",
        "secretkey",
        "password",
        "passwd",
        "passphrase",
        "accesstoken",
        "refreshtoken",
        "idtoken",
        "authtoken",
        "sessiontoken",
        "apitoken",
        "bearertoken",
        "privatekey",
        "accesskey",
        "authorization",
        "cookie",
        "credentials",
    ];
    const PERHAPS: [&str; 6] = ["key", "token", "sig", "signature", "pwd", "auth"];
    if text.is_empty() || text.len() > NAME {
        return Name::Other;
    }
    let plain = text.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let plain: Vec<u8> = plain.map(u8::to_ascii_lowercase).collect();
    if SECRET.iter().any(|end| plain.ends_with(end.as_bytes())) {
        Name::Secret
    } else if PERHAPS.iter().any(|one| plain == one.as_bytes()) {
        Name::Perhaps
    } else {
        Name::Other
    }
}

/// Whether a value under that name goes.
pub(super) fn goes(name: Name, value: &[u8]) -> bool {
    match name {
        Name::Secret => !value.is_empty(),
        Name::Perhaps => {
            value.len() >= LONG
                && value.iter().any(u8::is_ascii_digit)
                && value.iter().any(u8::is_ascii_alphabetic)
                && !value.iter().any(u8::is_ascii_whitespace)
        }
        Name::Other => false,
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The name that ends before `at`, quotes and spaces between aside.
fn before(text: &[u8], at: usize) -> &[u8] {
    let back = |from: usize, most: usize, fits: fn(u8) -> bool| {
        from - text[..from].iter().rev().take(most).take_while(|byte| fits(**byte)).count()
    };
    let end = back(back(at, 4, |byte| byte == b' '), 2, |byte| matches!(byte, b'"' | b'\'' | b'`' | b'\\'));
    &text[back(end, NAME + 1, is_name)..end]
}

/// What the name at the end of a text says of what comes next: `{api_key: ` before a string.
pub(super) fn last(text: &[u8]) -> Name {
    let spaces = text.iter().rev().take(8).take_while(|byte| byte.is_ascii_whitespace()).count();
    match text[..text.len() - spaces].split_last() {
        Some((b':' | b'=', _)) => name(before(text, text.len() - spaces - 1)),
        _ => Name::Other,
    }
}

pub(super) fn find(text: &[u8], spans: &mut Vec<Span>) {
    let mut from = 0;
    while let Some(found) = memchr::memchr2(b'=', b':', &text[from..]) {
        let sign = from + found;
        from = sign + 1;
        let called = before(text, sign);
        let means = name(called);
        if means == Name::Other {
            continue;
        }
        let start = from + run(text, from, 8, |byte| matches!(byte, b' ' | b'\t' | b'=' | b'>'));
        let quotes = run(text, start, 2, |byte| matches!(byte, b'"' | b'\'' | b'`' | b'\\'));
        let start = start + quotes;
        // Marks of what was cut out before stay; so do lists.
        if quotes == 0 && text.get(start) == Some(&b'[') {
            continue;
        }
        // A header's value has spaces: `Basic …`.
        let header = called.to_ascii_lowercase();
        let spaced = quotes > 0 || header.ends_with(b"authorization") || header.ends_with(b"cookie");
        let fits = |byte: u8| match byte {
            b'"' | b'\'' | b'`' | b'\\' | b'\n' | b'\r' => false,
            b' ' | b'\t' | b',' | b';' | b'&' | b')' | b'}' | b']' | b'<' => spaced,
            _ => true,
        };
        let mut len = run(text, start, LOOK, fits);
        if goes(means, &text[start..start + len]) {
            len += run(text, start + len, usize::MAX, fits);
            spans.push(Span { start, end: start + len, label: "[secret]" });
            from = start + len;
        }
    }
}
