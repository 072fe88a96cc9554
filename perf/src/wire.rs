//! HTTP/1.1 as far as the upstream and the load generator need it: heads, lengths, chunks.

use crate::error::{Context, Result, fail};

const MAX_HEADERS: usize = 64;
const MAX_CHUNK_LINE: u32 = 256;

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// This many bytes.
    Length(usize),
    /// Chunked coding.
    Chunked,
}

/// What matters of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Bytes of the head with its empty line.
    pub(crate) bytes: usize,
    /// Status of an answer; 0 in a request.
    pub(crate) status: u16,
    /// How the body ends.
    pub(crate) framing: Framing,
    /// The peer will close after this message.
    pub(crate) close: bool,
}

/// Reads the head of an answer; `None` when more bytes are needed.
pub(crate) fn response_head(input: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(input).context("answer's head")? {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(bytes) => {
            let status = response.code.unwrap_or(0);
            let (framing, close) = fields(response.headers)?;
            let Some(framing) = framing else { return fail("answer without content-length or chunks") };
            Ok(Some(Head { bytes, status, framing, close }))
        }
    }
}

/// Reads the head of a request; `None` when more bytes are needed.
pub(crate) fn request_head(input: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(input).context("request's head")? {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(bytes) => {
            let (framing, close) = fields(request.headers)?;
            Ok(Some(Head { bytes, status: 0, framing: framing.unwrap_or(Framing::Length(0)), close }))
        }
    }
}

fn fields(headers: &[httparse::Header<'_>]) -> Result<(Option<Framing>, bool)> {
    let mut framing = None;
    let mut close = false;
    for header in headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(header.value).context("content-length")?;
            framing = Some(Framing::Length(text.trim().parse().context("content-length")?));
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if !header.value.eq_ignore_ascii_case(b"chunked") {
                return fail("a transfer-encoding other than chunked");
            }
            framing = Some(Framing::Chunked);
        } else if header.name.eq_ignore_ascii_case("connection") {
            close = header.value.eq_ignore_ascii_case(b"close");
        }
    }
    Ok((framing, close))
}

#[derive(Debug, Clone, Copy)]
enum State {
    Size { value: usize, digits: u32 },
    Extension { value: usize, seen: u32 },
    Data { left: usize },
    DataEnd,
    Trailer { line: u32 },
    Done,
}

/// Takes a chunked body apart, whatever the reads it comes in.
#[derive(Debug)]
pub(crate) struct Chunks(State);

impl Chunks {
    /// At the start of a body.
    pub(crate) fn new() -> Self {
        Self(State::Size { value: 0, digits: 0 })
    }

    /// Whether the body has ended.
    pub(crate) fn done(&self) -> bool {
        matches!(self.0, State::Done)
    }

    /// Takes `input`, hands the data in it to `on_data`, and says how many bytes belonged to this body.
    pub(crate) fn feed(
        &mut self,
        input: &[u8],
        mut on_data: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<usize> {
        let mut at = 0;
        while at < input.len() && !self.done() {
            if let State::Data { left } = self.0 {
                let take = left.min(input.len() - at);
                on_data(&input[at..at + take])?;
                at += take;
                self.0 = if take == left { State::DataEnd } else { State::Data { left: left - take } };
            } else {
                self.0 = self.step(input[at])?;
                at += 1;
            }
        }
        Ok(at)
    }

    fn step(&self, byte: u8) -> Result<State> {
        Ok(match (self.0, byte) {
            (State::Size { value, digits: 1.. }, b'\n') | (State::Extension { value, .. }, b'\n') => {
                match value {
                    0 => State::Trailer { line: 0 },
                    left => State::Data { left },
                }
            }
            (State::Size { value, digits: 1.. }, b'\r' | b';' | b' ') => State::Extension { value, seen: 0 },
            (State::Size { value, digits: digits @ 0..8 }, hex) => match (hex as char).to_digit(16) {
                Some(digit) => State::Size { value: value * 16 + digit as usize, digits: digits + 1 },
                None => return fail("a chunk size that is no number"),
            },
            (State::Extension { value, seen: seen @ 0..MAX_CHUNK_LINE }, _) => {
                State::Extension { value, seen: seen + 1 }
            }
            (State::DataEnd, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => State::Size { value: 0, digits: 0 },
            (State::Trailer { line }, b'\r') => State::Trailer { line },
            (State::Trailer { line: 0 }, b'\n') => State::Done,
            (State::Trailer { .. }, b'\n') => State::Trailer { line: 0 },
            (State::Trailer { line: line @ 0..MAX_CHUNK_LINE }, _) => State::Trailer { line: line + 1 },
            (state, byte) => return fail(format!("byte {byte:#04x} in chunk framing at {state:?}")),
        })
    }
}

/// Appends `data` to `out` as one chunk.
pub(crate) fn put_chunk(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_split_of_a_chunked_body_gives_the_same_data(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..8),
            cut in 1_usize..20,
        ) {
            let mut coded = Vec::new();
            for part in &parts {
                put_chunk(&mut coded, part);
            }
            coded.extend_from_slice(b"0\r\ntrailer: x\r\n\r\n");
            let length = coded.len();
            coded.extend_from_slice(b"HTTP/1.1");
            let (mut chunks, mut data, mut taken) = (Chunks::new(), Vec::new(), 0);
            for piece in coded.chunks(cut) {
                taken += chunks.feed(piece, |bytes| { data.extend_from_slice(bytes); Ok(()) }).unwrap();
            }
            prop_assert!(chunks.done());
            prop_assert_eq!(taken, length);
            prop_assert_eq!(data, parts.concat());
        }
    }

    #[test]
    fn a_head_says_framing_and_close() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n";
        let read = response_head(head).unwrap().unwrap();
        assert_eq!(read, Head { bytes: head.len(), status: 200, framing: Framing::Length(12), close: true });
        assert_eq!(response_head(&head[..20]).unwrap(), None);
        assert!(response_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(Chunks::new().feed(b"zz\r\n", |_| Ok(())).is_err());
    }
}
