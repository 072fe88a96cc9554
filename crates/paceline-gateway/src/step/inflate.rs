//! Answers that come compressed although they were asked for plain: unpacked, so that they can be measured.

use crate::refuse::Fail;
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use flate2::write::GzDecoder;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, StatusCode};
use paceline_dialect::sse::MAX_EVENT;
use paceline_types::error::ErrorKind;
use std::io::{Read, Write};

/// The longest document that is unpacked, in bytes.
const MAX_PLAIN: u64 = 64 << 20;

/// How an answer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
}

/// How the answer is packed; the header is taken out, because what goes on is plain.
pub(crate) fn packing(provider: &str, headers: &mut HeaderMap) -> Result<Packing, Fail> {
    let Some(coding) = headers.remove(CONTENT_ENCODING) else { return Ok(Packing::Plain) };
    match coding.as_bytes().to_ascii_lowercase().as_slice() {
        b"identity" | b"" => Ok(Packing::Plain),
        b"gzip" | b"x-gzip" => Ok(Packing::Gzip),
        other => {
            let other = String::from_utf8_lossy(other);
            Err(broken(
                provider,
                &format!("its answer is packed as `{other}` although it was asked for plain"),
            ))
        }
    }
}

fn broken(provider: &str, how: &str) -> Fail {
    let message = format!("provider {provider}: {how}");
    Fail::upstream(StatusCode::BAD_GATEWAY, ErrorKind::Garbage, "provider_garbage", message)
}

/// What is packed and longer than is held.
pub(crate) fn too_long(provider: &str) -> Fail {
    broken(provider, "its packed answer is over 32 MB")
}

/// A whole document, unpacked.
pub(crate) fn document(provider: &str, packed: &[u8]) -> Result<Bytes, Fail> {
    let mut plain = Vec::with_capacity(packed.len() * 4);
    let read = MultiGzDecoder::new(packed).take(MAX_PLAIN).read_to_end(&mut plain);
    read.map_err(|error| broken(provider, &format!("its answer cannot be unpacked: {error}")))?;
    Ok(plain.into())
}

/// A stream, unpacked as it comes.
pub(crate) struct Inflate {
    decoder: GzDecoder<Vec<u8>>,
    /// What is unpacked and not taken.
    pub(crate) plain: BytesMut,
}

impl Default for Inflate {
    fn default() -> Self {
        Self { decoder: GzDecoder::new(Vec::new()), plain: BytesMut::new() }
    }
}

impl Inflate {
    /// Unpacks the next bytes.
    pub(crate) fn feed(&mut self, provider: &str, packed: &[u8]) -> Result<(), Fail> {
        // In small bites: a few bytes can unpack to very many.
        for bite in packed.chunks(1024) {
            let fed = self.decoder.write_all(bite).and_then(|()| self.decoder.flush());
            fed.map_err(|error| broken(provider, &format!("its stream cannot be unpacked: {error}")))?;
            self.plain.extend_from_slice(self.decoder.get_ref());
            self.decoder.get_mut().clear();
            if self.plain.len() > MAX_EVENT {
                return Err(broken(provider, "its stream unpacks to more than 16 MB at once"));
            }
        }
        Ok(())
    }
}
