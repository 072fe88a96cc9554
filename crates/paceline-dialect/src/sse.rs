//! Where server-sent events end, and what their data is.
//!
//! Grammar: WHATWG HTML, "Server-sent events", §9.2.5–9.2.6. Lines end with LF, CRLF or CR; U+2028 and the like are
//! ordinary characters. An event ends at a blank line; text after the last blank line is not an event.

use memchr::memchr2;
use std::borrow::Cow;

/// The longest event taken; a longer one is an error of the provider.
pub const MAX_EVENT: usize = 16 << 20;

/// Finds the end of the first event in a buffer that grows; remembers how far it looked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Splitter {
    looked: usize,
    line: usize,
}

impl Splitter {
    /// The length of the first event in `buffer`, its blank line included; `None` while it is not whole.
    ///
    /// `buffer` begins at the event's first byte; between calls that return `None` it may only grow. After `Some` the
    /// caller takes the event out before it asks again.
    pub fn event_len(&mut self, buffer: &[u8]) -> Option<usize> {
        while let Some(found) = memchr2(b'\n', b'\r', &buffer[self.looked..]) {
            let at = self.looked + found;
            let end = match (buffer[at], buffer.get(at + 1)) {
                (b'\n', _) => at + 1,
                (_, Some(b'\n')) => at + 2,
                (_, Some(_)) => at + 1,
                (_, None) => {
                    self.looked = at;
                    return None;
                }
            };
            if at == self.line {
                *self = Self::default();
                return Some(end);
            }
            self.line = end;
            self.looked = end;
        }
        self.looked = buffer.len();
        None
    }

    /// At the end of the stream: whether `rest` is a whole event after all (a lone CR that waited for its LF).
    pub fn last_is_whole(&self, rest: &[u8]) -> bool {
        rest.len() == self.line + 1 && rest.last() == Some(&b'\r')
    }
}

/// The data of an event: its `data:` lines joined by line feeds; `None` when it has none (a comment, a ping).
pub fn data(event: &[u8]) -> Option<Cow<'_, [u8]>> {
    let event = event.strip_prefix(b"\xef\xbb\xbf").unwrap_or(event);
    let mut joined: Option<Cow<'_, [u8]>> = None;
    for line in event.split(|&b| b == b'\n' || b == b'\r') {
        let Some(value) = line.strip_prefix(b"data") else { continue };
        let value = match value.first() {
            None => value,
            Some(b':') => value[1..].strip_prefix(b" ").unwrap_or(&value[1..]),
            Some(_) => continue,
        };
        joined = Some(match joined {
            None => Cow::Borrowed(value),
            Some(before) => {
                let mut text = before.into_owned();
                text.push(b'\n');
                text.extend_from_slice(value);
                Cow::Owned(text)
            }
        });
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::{Splitter, data};

    fn events(text: &[u8]) -> Vec<&[u8]> {
        let (mut rest, mut splitter, mut out) = (text, Splitter::default(), Vec::new());
        while let Some(len) = splitter.event_len(rest) {
            out.push(&rest[..len]);
            rest = &rest[len..];
        }
        if splitter.last_is_whole(rest) {
            out.push(rest);
        }
        out
    }

    #[test]
    fn every_line_end_ends_lines() {
        let expected: &[u8] = b"{\"a\":\"\xe2\x80\xa8\"}";
        for end in ["\n", "\r\n", "\r"] {
            let text =
                [b": hi", end.as_bytes(), b"data: ", expected, end.as_bytes(), end.as_bytes()].concat();
            let found = events(&text);
            assert_eq!(found.len(), 1, "{end:?}");
            assert_eq!(data(found[0]).as_deref(), Some(expected), "{end:?}");
        }
    }

    #[test]
    fn data_lines_join_and_comments_have_none() {
        assert_eq!(data(b"data: a\nevent: x\ndata:b\ndata\n\n").as_deref(), Some(&b"a\nb\n"[..]));
        assert_eq!(data(b": keep-alive\n\n"), None);
        assert_eq!(data(b"database: no\n\n"), None);
        assert_eq!(data(b"\xef\xbb\xbfdata: x\n\n").as_deref(), Some(&b"x"[..]));
        assert!(events(b"data: unfinished\n").is_empty());
    }
}
