//! Where frames of an event stream end, and what one holds.
//!
//! Format: `application/vnd.amazon.eventstream`, numbers big-endian: `total_len u32 | headers_len u32 | prelude_crc u32 |
//! headers | payload | message_crc u32`. The first sum is over the eight bytes before it, the second over all before it;
//! both are CRC-32 (ISO-HDLC). The bounds are those of AWS's own clients.

use super::headers::{self, Headers, Value};
use crc32fast::Hasher;
use std::fmt;

/// The longest headers of one frame, in bytes.
pub const MAX_HEADERS: usize = 128 << 10;
/// The longest payload of one frame, in bytes.
pub const MAX_PAYLOAD: usize = 24 << 20;

/// Both lengths and their sum.
const PRELUDE: usize = 12;
/// The sum at the end.
const TRAILER: usize = 4;

/// Bytes that are no frame. The stream is over: there is no way to find where the next frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The sum of the lengths is wrong.
    PreludeCrc,
    /// The sum of the frame is wrong.
    MessageCrc,
    /// A frame that says it is shorter than what it must hold.
    Short {
        /// What it says of its whole length.
        total: usize,
        /// What it says of its headers.
        headers: usize,
    },
    /// More than [`MAX_HEADERS`].
    HeadersTooLong(usize),
    /// More than [`MAX_PAYLOAD`].
    PayloadTooLong(usize),
    /// A header that cannot be read.
    Header {
        /// Its offset within the headers.
        at: usize,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PreludeCrc => f.write_str("the checksum of a frame's lengths is wrong"),
            Self::MessageCrc => f.write_str("the checksum of a frame is wrong"),
            Self::Short { total, headers } => {
                write!(f, "a frame of {total} bytes cannot hold {headers} bytes of headers")
            }
            Self::HeadersTooLong(len) => {
                write!(f, "a frame has {len} bytes of headers, more than {MAX_HEADERS}")
            }
            Self::PayloadTooLong(len) => {
                write!(f, "a frame has {len} bytes of payload, more than {MAX_PAYLOAD}")
            }
            Self::Header { at, what } => write!(f, "a frame's header at byte {at}: {what}"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Finds the end of the first frame in a buffer that grows; remembers how far it looked, so that a frame that comes in
/// many pieces is summed once.
#[derive(Clone, Debug, Default)]
pub struct Splitter {
    hasher: Hasher,
    hashed: usize,
    /// The frame's whole length, once its prelude has come and holds; 0 before.
    total: usize,
}

impl Splitter {
    /// The length of the first frame in `buffer`; `None` while it is not whole.
    ///
    /// `buffer` begins at the frame's first byte; between calls that return `None` it may only grow. After `Some` the
    /// caller takes the frame out before it asks again.
    ///
    /// # Errors
    /// When the lengths or one of the sums do not hold; every later call would be about the same bytes.
    pub fn frame_len(&mut self, buffer: &[u8]) -> Result<Option<usize>, FrameError> {
        if self.total == 0 {
            let Some(prelude) = buffer.first_chunk::<PRELUDE>() else { return Ok(None) };
            self.total = total_of(prelude)?;
        }
        let summed = self.total - TRAILER;
        let upto = buffer.len().min(summed);
        self.hasher.update(&buffer[self.hashed..upto]);
        self.hashed = upto;
        let Some(trailer) = buffer.get(summed..).and_then(<[u8]>::first_chunk::<TRAILER>) else {
            return Ok(None);
        };
        let Self { hasher, total, .. } = std::mem::take(self);
        if hasher.finalize() == u32::from_be_bytes(*trailer) {
            Ok(Some(total))
        } else {
            Err(FrameError::MessageCrc)
        }
    }
}

/// The frame's whole length, from a prelude that holds.
fn total_of(prelude: &[u8; PRELUDE]) -> Result<usize, FrameError> {
    let [t0, t1, t2, t3, h0, h1, h2, h3, sum @ ..] = *prelude;
    if crc32fast::hash(&prelude[..8]) != u32::from_be_bytes(sum) {
        return Err(FrameError::PreludeCrc);
    }
    let total = u32::from_be_bytes([t0, t1, t2, t3]) as usize;
    let headers = u32::from_be_bytes([h0, h1, h2, h3]) as usize;
    if headers > MAX_HEADERS {
        return Err(FrameError::HeadersTooLong(headers));
    }
    let Some(payload) = total.checked_sub(PRELUDE + TRAILER + headers) else {
        return Err(FrameError::Short { total, headers });
    };
    if payload > MAX_PAYLOAD { Err(FrameError::PayloadTooLong(payload)) } else { Ok(total) }
}

/// What a frame says, by its `:message-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// An event of this `:event-type`; the payload is its JSON.
    Event(&'a str),
    /// A failure that the service's description names (`:exception-type`); the payload is JSON with `message`.
    Exception(&'a str),
    /// A failure that it does not name.
    Error {
        /// `:error-code`.
        code: &'a str,
        /// `:error-message`.
        message: &'a str,
    },
    /// A type that is not known; AWS's clients pass over it.
    Other,
}

/// A whole frame, borrowed from the bytes it came in.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    headers: Headers<'a>,
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads a frame whose length and sums [`Splitter::frame_len`] has checked.
    ///
    /// # Errors
    /// When its headers do not hold, or `frame` is no whole frame.
    pub fn parse(frame: &'a [u8]) -> Result<Self, FrameError> {
        let (total, headers) = match frame {
            [_, _, _, _, a, b, c, d, ..] => (frame.len(), u32::from_be_bytes([*a, *b, *c, *d]) as usize),
            _ => (frame.len(), 0),
        };
        let short = FrameError::Short { total, headers };
        let inner = total.checked_sub(TRAILER).and_then(|end| frame.get(PRELUDE..end)).ok_or(short)?;
        let (headers, payload) = inner.split_at_checked(headers).ok_or(short)?;
        Ok(Self { headers: Headers::parse(headers)?, payload })
    }

    /// What lies between headers and sum.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// All headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        self.headers.iter()
    }

    /// `:message-type`: `event`, `exception` or `error`.
    pub fn message_type(&self) -> Option<&'a str> {
        self.headers.known.message_type
    }

    /// `:event-type`.
    pub fn event_type(&self) -> Option<&'a str> {
        self.headers.known.event_type
    }

    /// `:exception-type`.
    pub fn exception_type(&self) -> Option<&'a str> {
        self.headers.known.exception_type
    }

    /// `:error-code`.
    pub fn error_code(&self) -> Option<&'a str> {
        self.headers.known.error_code
    }

    /// `:error-message`.
    pub fn error_message(&self) -> Option<&'a str> {
        self.headers.known.error_message
    }

    /// What it says; a name that is missing is empty.
    pub fn message(&self) -> Message<'a> {
        match self.message_type() {
            Some("event") => Message::Event(self.event_type().unwrap_or_default()),
            Some("exception") => Message::Exception(self.exception_type().unwrap_or_default()),
            Some("error") => Message::Error {
                code: self.error_code().unwrap_or_default(),
                message: self.error_message().unwrap_or_default(),
            },
            _ => Message::Other,
        }
    }
}

/// Writes one frame at the end of `out`.
///
/// # Errors
/// When headers or payload are too long for a frame; `out` is then as it was.
pub fn write(out: &mut Vec<u8>, headers: &[(&str, Value<'_>)], payload: &[u8]) -> Result<(), FrameError> {
    let start = out.len();
    if payload.len() > MAX_PAYLOAD {
        return Err(FrameError::PayloadTooLong(payload.len()));
    }
    out.extend_from_slice(&[0; PRELUDE]);
    let written = headers::write(out, headers).and_then(|()| {
        let len = out.len() - start - PRELUDE;
        if len > MAX_HEADERS { Err(FrameError::HeadersTooLong(len)) } else { Ok(len) }
    });
    let headers_len = written.inspect_err(|_| out.truncate(start))?;
    // Both bounds together are far below what four bytes hold.
    let total = (PRELUDE + headers_len + payload.len() + TRAILER) as u32;
    out[start..start + 4].copy_from_slice(&total.to_be_bytes());
    out[start + 4..start + 8].copy_from_slice(&(headers_len as u32).to_be_bytes());
    let sum = crc32fast::hash(&out[start..start + 8]);
    out[start + 8..start + PRELUDE].copy_from_slice(&sum.to_be_bytes());
    out.extend_from_slice(payload);
    let sum = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&sum.to_be_bytes());
    Ok(())
}

/// Writes an event with a JSON payload, as the service does.
///
/// # Errors
/// As [`write()`].
pub fn write_event(out: &mut Vec<u8>, event_type: &str, json: &[u8]) -> Result<(), FrameError> {
    let headers = [
        (":event-type", Value::Text(event_type)),
        (":content-type", Value::Text("application/json")),
        (":message-type", Value::Text("event")),
    ];
    write(out, &headers, json)
}

/// Writes a failure that the service's description names; `json` has its `message`.
///
/// # Errors
/// As [`write()`].
pub fn write_exception(out: &mut Vec<u8>, exception_type: &str, json: &[u8]) -> Result<(), FrameError> {
    let headers = [
        (":exception-type", Value::Text(exception_type)),
        (":content-type", Value::Text("application/json")),
        (":message-type", Value::Text("exception")),
    ];
    write(out, &headers, json)
}
