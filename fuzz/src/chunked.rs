//! What must hold for the decoder of the chunked transfer coding.

use super::cuts;
use super::frames::{Body, chunked_body};
use paceline_http::chunked::{BadChunk, Chunked};

/// What came out: data, how many bytes were taken, whether the end was reached.
type Outcome = (Vec<u8>, Result<(usize, bool), BadChunk>);

/// Decodes a body that comes in `pieces`.
pub(crate) fn decode(pieces: &[&[u8]]) -> Outcome {
    let (mut decoder, mut data, mut taken) = (Chunked::default(), Vec::new(), 0);
    for piece in pieces {
        match decoder.decode(piece, |part| data.extend_from_slice(part)) {
            Ok(len) => {
                assert!(len == piece.len() || decoder.is_done());
                taken += len;
            }
            Err(bad) => return (data, Err(bad)),
        }
    }
    let done = decoder.is_done();
    (data, Ok((taken, done)))
}

/// Any cut gives the same; what is accepted is what a simple reader reads.
pub(crate) fn check(text: &[u8]) {
    let whole = decode(&[text]);
    for way in cuts::some(text) {
        assert_eq!(decode(&way), whole, "in pieces {way:?}");
    }
    let (data, outcome) = whole;
    match (outcome, chunked_body(text)) {
        (Ok((taken, true)), Body::Whole { len, data: expected }) => {
            assert_eq!((taken, data), (len, expected));
        }
        (Ok((_, false)), Body::Unfinished) | (Err(_), Body::Broken) => {}
        (outcome, expected) => panic!("{outcome:?}, where a simple reader says {expected:?}"),
    }
}
