//! Where requests begin and end on a connection, read strictly and before anybody else reads them.
//!
//! A request whose end can be read in two ways is how one caller's bytes become another's request. So what is
//! ambiguous is refused and the connection closed (RFC 9112 §6.3, §11.2): both lengths given, a length twice, a coding
//! other than `chunked`, a bare CR, a line continued on the next.

use paceline_http::chunked::Chunked;

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The head is longer than allowed.
    HeadTooLong,
    /// Framing in doubt; the text says how.
    Ambiguous(&'static str),
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Head,
    Length(u64),
    Chunked(Chunked),
}

/// Follows the requests of one connection.
#[derive(Debug)]
pub struct Framing {
    phase: Phase,
    max_head: usize,
    /// Bytes of the head so far.
    head: usize,
    /// The line being read, when it came in pieces.
    line: Vec<u8>,
    length: Option<u64>,
    coded: bool,
    first_line: bool,
}

impl Framing {
    /// At the start of a connection.
    pub fn new(max_head: usize) -> Self {
        Self {
            phase: Phase::Head,
            max_head,
            head: 0,
            line: Vec::new(),
            length: None,
            coded: false,
            first_line: true,
        }
    }

    /// Whether a head has begun and is not whole.
    pub fn is_in_head(&self) -> bool {
        // Empty lines between requests are no request.
        matches!(self.phase, Phase::Head) && !(self.first_line && self.line.is_empty())
    }

    /// Whether a body is being read.
    pub fn is_in_body(&self) -> bool {
        !matches!(self.phase, Phase::Head)
    }

    /// Takes the next bytes of the connection, up to the end of a request at most; returns how many, and whether a
    /// request ended there.
    ///
    /// # Errors
    /// With the reason to close it.
    pub fn feed(&mut self, input: &[u8]) -> Result<(usize, bool), Violation> {
        let mut rest = input;
        while !rest.is_empty() {
            let over;
            rest = match &mut self.phase {
                Phase::Head => {
                    let (after, ended) = self.head(rest)?;
                    over = ended && !self.is_in_body();
                    after
                }
                Phase::Length(left) => {
                    let len = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= len as u64;
                    over = *left == 0;
                    &rest[len..]
                }
                Phase::Chunked(decoder) => {
                    let taken = decoder.decode(rest, |_| {}).map_err(|bad| Violation::Ambiguous(bad.0))?;
                    over = decoder.is_done();
                    &rest[taken..]
                }
            };
            if over {
                self.phase = Phase::Head;
                return Ok((input.len() - rest.len(), true));
            }
        }
        Ok((input.len(), false))
    }

    /// Reads lines of a head; returns what comes after it, or nothing, and whether it ended.
    fn head<'a>(&mut self, input: &'a [u8]) -> Result<(&'a [u8], bool), Violation> {
        let mut rest = input;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            self.grow(end + 1)?;
            rest = after;
            let over = if self.line.is_empty() {
                self.take_line(line)?
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.take_line(&whole)?
            };
            if over {
                self.end_head();
                return Ok((rest, true));
            }
        }
        self.grow(rest.len())?;
        self.line.extend_from_slice(rest);
        Ok((&[], false))
    }

    fn grow(&mut self, by: usize) -> Result<(), Violation> {
        self.head += by;
        if self.head > self.max_head { Err(Violation::HeadTooLong) } else { Ok(()) }
    }

    /// Looks at one line without its line feed; `true` when it ends the head.
    fn take_line(&mut self, line: &[u8]) -> Result<bool, Violation> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if memchr::memchr(b'\r', line).is_some() {
            return Err(Violation::Ambiguous("a carriage return stands alone in the head"));
        }
        if line.is_empty() {
            // Empty lines before a request line are allowed (RFC 9112 §2.2).
            return Ok(!self.first_line);
        }
        if std::mem::take(&mut self.first_line) {
            return Ok(false);
        }
        match line[0] {
            b' ' | b'\t' => return Err(Violation::Ambiguous("a header line is continued on the next line")),
            b'c' | b'C' => {
                if let Some(value) = value_of(line, b"content-length") {
                    self.take_length(value)?;
                }
            }
            b't' | b'T' => {
                if let Some(value) = value_of(line, b"transfer-encoding") {
                    self.take_coding(value)?;
                }
            }
            _ => {}
        }
        if self.coded && self.length.is_some() {
            return Err(Violation::Ambiguous("both content-length and transfer-encoding are given"));
        }
        Ok(false)
    }

    fn take_length(&mut self, value: &[u8]) -> Result<(), Violation> {
        let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let length = digits.and_then(|text| text.parse().ok());
        let length = length.ok_or(Violation::Ambiguous("content-length is no number"))?;
        if self.length.replace(length).is_some() {
            return Err(Violation::Ambiguous("content-length is given twice"));
        }
        Ok(())
    }

    fn take_coding(&mut self, value: &[u8]) -> Result<(), Violation> {
        if !value.eq_ignore_ascii_case(b"chunked") || std::mem::replace(&mut self.coded, true) {
            return Err(Violation::Ambiguous("transfer-encoding is other than `chunked`, once"));
        }
        Ok(())
    }

    fn end_head(&mut self) {
        self.phase = match (self.coded, self.length.take()) {
            (true, _) => Phase::Chunked(Chunked::default()),
            (false, Some(length)) if length > 0 => Phase::Length(length),
            _ => Phase::Head,
        };
        (self.head, self.coded, self.first_line) = (0, false, true);
    }
}

/// The value of a header line when its name is `name`; white space before the colon is refused by the parser after us.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, rest) = line.split_at_checked(name.len())?;
    let value = rest.trim_ascii_start().strip_prefix(b":")?;
    found.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}
