//! What must hold for frames of event streams.

use super::cuts;
use paceline_dialect::bedrock::frames::{Frame, FrameError, Splitter, write};

/// The frames of a stream that comes in `pieces`, how it ends, and what is left.
fn frames(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Option<FrameError>, Vec<u8>) {
    let (mut splitter, mut buffer, mut frames) = (Splitter::default(), Vec::new(), Vec::new());
    let mut error = None;
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while error.is_none() {
            match splitter.frame_len(&buffer) {
                Ok(Some(len)) => frames.push(buffer.drain(..len).collect()),
                Ok(None) => break,
                Err(wrong) => error = Some(wrong),
            }
        }
    }
    (frames, error, buffer)
}

/// CRC-32 (ISO-HDLC), bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 & 0u32.wrapping_sub(sum & 1)))
    })
}

/// A frame whose sums hold, of any bytes.
fn framed(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let lengths = [headers.len() + payload.len() + 16, headers.len()];
    let mut frame: Vec<u8> = lengths.iter().flat_map(|len| (*len as u32).to_be_bytes()).collect();
    frame.extend(crc(&frame).to_be_bytes());
    frame.extend_from_slice(headers);
    frame.extend_from_slice(payload);
    frame.extend(crc(&frame).to_be_bytes());
    frame
}

/// What a frame says, written again, is the same frame.
fn written_again(frame: &[u8]) {
    let Ok(frame) = Frame::parse(frame) else { return };
    let headers: Vec<_> = frame.headers().collect();
    let mut out = Vec::new();
    if write(&mut out, &headers, frame.payload()).is_err() {
        return;
    }
    let again = Frame::parse(&out).expect("what is written is a frame");
    assert!(again.headers().eq(headers) && again.payload() == frame.payload());
    assert_eq!(format!("{:?}", again.message()), format!("{:?}", frame.message()));
}

/// Any cut gives the same frames and the same end, and no byte is lost; what a frame says can be written again.
pub(crate) fn check(stream: &[u8]) {
    let whole = frames(&[stream]);
    for way in cuts::some(stream) {
        let (cut, error, left) = frames(&way);
        assert_eq!((&cut, &error), (&whole.0, &whole.1), "in pieces");
        assert_eq!([cut.concat(), left].concat(), stream, "bytes were lost or moved");
    }
    for frame in &whole.0 {
        written_again(frame);
    }
    // Sums that hold are hard to come by: here they always do.
    let (headers, payload) =
        stream.split_at(usize::from(stream.first().copied().unwrap_or(0)).min(stream.len()));
    let frame = framed(headers, payload);
    let (found, ..) = frames(&[&frame]);
    assert!(found.len() == 1 && found[0] == frame, "a frame whose sums hold is one");
    written_again(&frame);
}
