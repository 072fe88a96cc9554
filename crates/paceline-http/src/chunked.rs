//! The chunked transfer coding (RFC 9112 §7.1), decoded as bytes come.

/// What does not fit the coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadChunk(pub &'static str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    SizeFirst,
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    Done,
}

/// How many bytes of chunk extensions and trailers are borne with in one message.
const MAX_OVERHEAD: u32 = 16 * 1024;

/// The decoder's place in a message.
#[derive(Clone, Copy, Debug)]
pub struct Chunked {
    state: State,
    remaining: u64,
    overhead: u32,
}

impl Default for Chunked {
    fn default() -> Self {
        Self { state: State::SizeFirst, remaining: 0, overhead: 0 }
    }
}

impl Chunked {
    /// Whether the last chunk and the trailers are over.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Decodes from `input`, hands data on, and returns how many bytes it took: all, or up to the message's end.
    pub fn decode(&mut self, input: &[u8], mut data: impl FnMut(&[u8])) -> Result<usize, BadChunk> {
        let mut at = 0;
        while at < input.len() && self.state != State::Done {
            if self.state == State::Data {
                let len = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(input.len() - at);
                data(&input[at..at + len]);
                at += len;
                self.remaining -= len as u64;
                if self.remaining == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            self.state = self.step(input[at])?;
            at += 1;
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<State, BadChunk> {
        Ok(match (self.state, byte) {
            (State::SizeFirst | State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = (byte as char).to_digit(16).unwrap_or_default();
                if self.state == State::SizeFirst {
                    self.remaining = 0;
                }
                self.remaining =
                    self.remaining.checked_mul(16).ok_or(BadChunk("a chunk size is too large"))?
                        + u64::from(digit);
                State::Size
            }
            (State::Size | State::Extension, b'\r') => State::SizeLf,
            (State::Size, b';' | b' ' | b'\t') => State::Extension,
            (State::Extension, b'\n') => return Err(BadChunk("a bare line feed ends a chunk's size line")),
            (State::Extension, _) => self.spend(State::Extension)?,
            (State::SizeLf, b'\n') if self.remaining == 0 => State::TrailerStart,
            (State::SizeLf, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::SizeFirst,
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::TrailerStart | State::Trailer, b'\n') => {
                return Err(BadChunk("a bare line feed in trailers"));
            }
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::TrailerStart | State::Trailer, _) => self.spend(State::Trailer)?,
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::EndLf, b'\n') => State::Done,
            (State::SizeFirst | State::Size, _) => return Err(BadChunk("a chunk size is not a number")),
            _ => return Err(BadChunk("a chunk is not followed by a line end")),
        })
    }

    fn spend(&mut self, next: State) -> Result<State, BadChunk> {
        self.overhead += 1;
        if self.overhead > MAX_OVERHEAD {
            return Err(BadChunk("chunk extensions or trailers are too long"));
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::Chunked;
    use proptest::prelude::*;

    fn decode(text: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, usize, bool), &'static str> {
        let (mut decoder, mut out, mut taken) = (Chunked::default(), Vec::new(), 0);
        let mut edges: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
        edges.extend([0, text.len()]);
        edges.sort_unstable();
        for pair in edges.windows(2) {
            taken +=
                decoder.decode(&text[pair[0]..pair[1]], |d| out.extend_from_slice(d)).map_err(|e| e.0)?;
        }
        Ok((out, taken, decoder.is_done()))
    }

    #[test]
    fn extensions_trailers_and_what_follows() {
        let text = b"3;a=\"b\"\r\nabc\r\n0\r\nx-y: z\r\n\r\nHTTP";
        assert_eq!(decode(text, &[]), Ok((b"abc".to_vec(), text.len() - 4, true)));
        for bad in [&b"3\nabc"[..], b"g\r\n", b"1\r\nab", b"\r\n", b"fffffffffffffffff\r\n", b"1\r\na\n"] {
            assert!(decode(bad, &[]).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_split_decodes_the_same(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8),
            cuts in prop::collection::vec(any::<usize>(), 0..12),
        ) {
            let mut text = Vec::new();
            for part in &parts {
                text.extend_from_slice(format!("{:X}\r\n", part.len()).as_bytes());
                text.extend_from_slice(part);
                text.extend_from_slice(b"\r\n");
            }
            text.extend_from_slice(b"0\r\n\r\n");
            prop_assert_eq!(decode(&text, &cuts), Ok((parts.concat(), text.len(), true)));
        }

        #[test]
        fn anything_else_is_an_error_or_unfinished_never_a_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&text, &[1, 7, 50]);
        }
    }
}
