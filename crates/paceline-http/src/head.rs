//! The head of an answer: read strictly, because an answer that is framed in doubt can be cut by anybody.

use crate::chunked::Chunked;
use crate::error::{HttpError, What};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// The longest head taken, in bytes.
pub const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 128;

/// Status and headers of an answer.
#[derive(Debug)]
pub struct ResponseHead {
    /// The status.
    pub status: StatusCode,
    /// The headers as they came, without those of the connection (`content-length`, `transfer-encoding`,
    /// `connection`, `keep-alive`, `trailer`, `upgrade`).
    pub headers: HeaderMap,
}

/// How the body ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked(Chunked),
    /// With the connection.
    Close,
}

/// A head that is whole.
pub(crate) struct Parsed {
    pub head: ResponseHead,
    pub framing: Framing,
    pub keep_alive: bool,
    /// Bytes of the input that were head.
    pub len: usize,
}

fn bad(message: impl Into<String>) -> HttpError {
    HttpError::new(What::BadAnswer, message)
}

/// Reads a head from the start of `input`; `None` while it is not whole.
///
/// `no_body`: the request was a HEAD, whose answer has none.
pub(crate) fn parse(input: &[u8], no_body: bool) -> Result<Option<Parsed>, HttpError> {
    let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut slots);
    let len = match response.parse(input) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) if input.len() > MAX_HEAD => {
            return Err(bad("the answer's head is over 64 KB"));
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(bad(format!("the answer is not HTTP: {error}"))),
    };
    let status = StatusCode::from_u16(response.code.unwrap_or_default())
        .map_err(|_| bad("the status is no number"))?;
    let http_11 = response.version == Some(1);
    let shared = Bytes::copy_from_slice(&input[..len]);
    let mut headers = HeaderMap::with_capacity(response.headers.len() + 8);
    let mut wire = Wire::default();
    for header in response.headers.iter() {
        let own = wire.take(header)?;
        // What a HEAD would have answered is told by its length.
        if own && !(no_body && header.name.eq_ignore_ascii_case("content-length")) {
            continue;
        }
        let name =
            HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| bad("a header name is not valid"))?;
        let start = header.value.as_ptr() as usize - input.as_ptr() as usize;
        let value = HeaderValue::from_maybe_shared(shared.slice(start..start + header.value.len()))
            .map_err(|_| bad("a header value is not valid"))?;
        headers.append(name, value);
    }
    let (framing, framed_well) = wire.framing(status, no_body);
    let keep_alive = framed_well && !wire.says_close && (http_11 || wire.says_keep_alive);
    Ok(Some(Parsed { head: ResponseHead { status, headers }, framing, keep_alive, len }))
}

/// What the headers say of this connection alone: it goes no further.
#[derive(Default)]
struct Wire {
    length: Option<u64>,
    chunked: bool,
    says_close: bool,
    says_keep_alive: bool,
}

impl Wire {
    /// Whether the header was one of the connection's.
    fn take(&mut self, header: &httparse::Header<'_>) -> Result<bool, HttpError> {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        match header.name.len() {
            10 if is("connection") => {
                let words = std::str::from_utf8(header.value).unwrap_or_default().split(',').map(str::trim);
                for word in words {
                    self.says_close |= word.eq_ignore_ascii_case("close");
                    self.says_keep_alive |= word.eq_ignore_ascii_case("keep-alive");
                }
            }
            14 if is("content-length") => self.take_length(header.value)?,
            17 if is("transfer-encoding") => {
                let again = std::mem::replace(&mut self.chunked, true);
                if again || !header.value.eq_ignore_ascii_case(b"chunked") {
                    return Err(bad("the answer has a transfer coding other than chunked"));
                }
            }
            10 if is("keep-alive") => {}
            7 if is("trailer") || is("upgrade") => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_length(&mut self, value: &[u8]) -> Result<(), HttpError> {
        let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let length = digits.and_then(|text| text.parse::<u64>().ok());
        let length = length.ok_or_else(|| bad("the answer's content-length is no number"))?;
        if self.length.is_some_and(|before| before != length) {
            return Err(bad("the answer has two different content-lengths"));
        }
        self.length = Some(length);
        Ok(())
    }

    /// How the body is framed (RFC 9112 §6.3), and whether the connection can be trusted after it.
    fn framing(&self, status: StatusCode, no_body: bool) -> (Framing, bool) {
        if no_body || status.is_informational() || matches!(status.as_u16(), 204 | 304) {
            return (Framing::Length(0), true);
        }
        match (self.chunked, self.length) {
            (true, length) => (Framing::Chunked(Chunked::default()), length.is_none()),
            (false, Some(length)) => (Framing::Length(length), true),
            (false, None) => (Framing::Close, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Framing, parse};

    fn head(text: &str) -> Result<Option<(String, bool)>, String> {
        match parse(text.as_bytes(), false) {
            Ok(None) => Ok(None),
            Ok(Some(parsed)) => {
                let framing = match parsed.framing {
                    Framing::Length(n) => format!("length {n}"),
                    Framing::Chunked(_) => "chunked".into(),
                    Framing::Close => "close".into(),
                };
                Ok(Some((framing, parsed.keep_alive)))
            }
            Err(error) => Err(error.message),
        }
    }

    #[test]
    fn framing_is_decided_as_the_rfc_says_or_refused() {
        let ok = |headers: &str| head(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).unwrap().unwrap();
        assert_eq!(ok("content-length: 5\r\n"), ("length 5".into(), true));
        assert_eq!(ok("transfer-encoding: chunked\r\n"), ("chunked".into(), true));
        assert_eq!(ok("transfer-encoding: chunked\r\ncontent-length: 5\r\n"), ("chunked".into(), false));
        assert_eq!(ok(""), ("close".into(), false));
        assert_eq!(ok("content-length: 5\r\nconnection: Close\r\n"), ("length 5".into(), false));
        assert_eq!(head("HTTP/1.1 204 No Content\r\n\r\n"), Ok(Some(("length 0".into(), true))));
        assert_eq!(head("HTTP/1.1 200 OK\r\ncontent-le"), Ok(None));
        for bad in [
            "content-length: +5\r\n",
            "content-length: 1\r\ncontent-length: 2\r\n",
            "transfer-encoding: gzip\r\n",
        ] {
            assert!(head(&format!("HTTP/1.1 200 OK\r\n{bad}\r\n")).is_err(), "{bad}");
        }
        assert!(head("SSH-2.0-OpenSSH\r\n").is_err());
    }
}
