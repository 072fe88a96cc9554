//! What tells who a person is: e-mail addresses, numbers of cards, accounts, telephones and social security.

use super::span::{Span, begins, ends, run};

/// RFC 5321, in bytes.
const LOCAL: usize = 64;
const DOMAIN: usize = 255;

pub(super) fn find(text: &[u8], spans: &mut Vec<Span>) {
    for at in memchr::memchr_iter(b'@', text) {
        spans.extend(email(text, at));
    }
    for at in memchr::memchr_iter(b'+', text) {
        spans.extend(phone(text, at));
    }
    let mut at = 0;
    while at < text.len() {
        let found = match text[at] {
            b'0'..=b'9' if begins(text, at) => card(text, at).or_else(|| social(text, at)),
            b'A'..=b'Z' if begins(text, at) => iban(text, at),
            _ => None,
        };
        at = found.map_or(at + 1, |span| span.end);
        spans.extend(found);
    }
}

fn email(text: &[u8], at: usize) -> Option<Span> {
    // Also letters beyond ASCII (RFC 6531): they are taken whole, for none of their bytes is ASCII.
    let local =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~.-".contains(&byte) || byte >= 0x80;
    let domain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.') || byte >= 0x80;
    let before = text[..at].iter().rev().take(LOCAL).take_while(|byte| local(**byte)).count();
    let mut len = run(text, at + 1, DOMAIN, domain);
    // The full stop of a sentence is not part of the address.
    len -= text[at + 1..at + 1 + len].iter().rev().take_while(|byte| matches!(byte, b'.' | b'-')).count();
    let host = &text[at + 1..at + 1 + len];
    let last = host.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    let fits = before > 0 && host.contains(&b'.') && last.len() >= 2 && !last.iter().any(u8::is_ascii_digit);
    fits.then_some(Span { start: at - before, end: at + 1 + len, label: "[email]" })
}

/// A part of a number with decimals is no number of anything.
fn is_fraction(text: &[u8], start: usize, end: usize) -> bool {
    let digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    (start >= 2 && text[start - 1] == b'.' && digit(start - 2))
        || (text.get(end) == Some(&b'.') && digit(end + 1))
}

/// ISO/IEC 7812: 13 to 19 digits of the payment networks' ranges, with Luhn's check digit, maybe in groups.
fn card(text: &[u8], at: usize) -> Option<Span> {
    let (mut number, mut end, mut best) = (Vec::with_capacity(19), at, None);
    for (here, byte) in text.iter().enumerate().skip(at).take(40) {
        match byte {
            b'0'..=b'9' if number.len() < 19 => {
                number.push(byte - b'0');
                end = here + 1;
                // Another number may follow: the longest that checks is taken.
                let whole = ends(text, end) && !is_fraction(text, at, end);
                if number.len() >= 13 && whole && luhn(&number) {
                    best = Some(end);
                }
            }
            b' ' | b'-' if end == here => {}
            _ => break,
        }
    }
    let networks = matches!(number.first()?, 3..=6) || (number[0] == 2 && matches!(number.get(1)?, 2..=7));
    best.filter(|_| networks).map(|end| Span { start: at, end, label: "[card]" })
}

fn luhn(number: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let digits = number.iter().rev().enumerate();
    let sum: u32 =
        digits.map(|(at, digit)| u32::from(if at % 2 == 1 { doubled(*digit) } else { *digit })).sum();
    sum.is_multiple_of(10)
}

/// `123-45-6789`, in the ranges that are given out.
fn social(text: &[u8], at: usize) -> Option<Span> {
    let part = text.get(at..at + 11)?;
    let shaped = part.iter().enumerate().all(|(place, byte)| match place {
        3 | 6 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let given =
        !matches!(&part[..3], b"000" | b"666" | [b'9', ..]) && &part[4..6] != b"00" && &part[7..] != b"0000";
    let alone = ends(text, at + 11) && text.get(at + 11) != Some(&b'-') && (at == 0 || text[at - 1] != b'-');
    (shaped && given && alone).then_some(Span { start: at, end: at + 11, label: "[ssn]" })
}

/// ISO 13616: two letters and two digits of check, 15 to 34 characters in all, maybe in groups of four.
fn iban(text: &[u8], at: usize) -> Option<Span> {
    let (mut account, mut end, mut here) = (Vec::with_capacity(34), at, at);
    let mut best = None;
    while let Some(byte) = text.get(here) {
        match byte {
            b'A'..=b'Z' | b'0'..=b'9' if account.len() < 34 => {
                account.push(*byte);
                end = here + 1;
                let shaped = account.len() < 4
                    || (account[..2].iter().all(u8::is_ascii_uppercase)
                        && account[2..4].iter().all(u8::is_ascii_digit));
                if !shaped {
                    return None;
                }
                // A word after the account may look as if it went on: the longest that checks is taken.
                if account.len() >= 15 && ends(text, end) && is_account(&account) {
                    best = Some(end);
                }
            }
            b' ' if end == here && !account.is_empty() && account.len().is_multiple_of(4) => {}
            _ => break,
        }
        here += 1;
    }
    best.map(|end| Span { start: at, end, label: "[iban]" })
}

/// The check of ISO 7064: the number, its first four characters moved to the end, is 1 modulo 97.
fn is_account(account: &[u8]) -> bool {
    let moved = account[4..].iter().chain(&account[..4]);
    let rest = moved.fold(0u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    rest == 1
}

/// E.164: a plus sign, then 8 to 15 digits, as people write them.
fn phone(text: &[u8], at: usize) -> Option<Span> {
    if !begins(text, at) || !text.get(at + 1)?.is_ascii_digit() || text[at + 1] == b'0' {
        return None;
    }
    let (mut count, mut between, mut best) = (0, 0, None);
    for (here, byte) in text.iter().enumerate().skip(at + 1).take(40) {
        match byte {
            b'0'..=b'9' if count < 15 => {
                (count, between) = (count + 1, 0);
                // Another number may follow: whole groups only.
                if count >= 8 && ends(text, here + 1) && !is_fraction(text, at + 1, here + 1) {
                    best = Some(here + 1);
                }
            }
            b' ' | b'-' | b'.' | b'(' | b')' | b'/' if between < 2 => between += 1,
            _ => break,
        }
    }
    best.map(|end| Span { start: at, end, label: "[phone]" })
}
