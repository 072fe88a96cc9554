//! Frames of event streams: written, cut anywhere, damaged, and read back.

use paceline_dialect::bedrock::frames::{
    Frame, FrameError, MAX_HEADERS, MAX_PAYLOAD, Message, Splitter, write, write_event, write_exception,
};
use paceline_dialect::bedrock::headers::Value;
use proptest::collection::vec;
use proptest::prelude::*;

/// A header's value that owns its bytes.
#[derive(Clone, Debug)]
enum Owned {
    Bool(bool),
    Byte(i8),
    Short(i16),
    Int(i32),
    Long(i64),
    Bytes(Vec<u8>),
    Text(String),
    Timestamp(i64),
    Uuid([u8; 16]),
}

impl Owned {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Byte(value) => Value::Byte(*value),
            Self::Short(value) => Value::Short(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Long(value) => Value::Long(*value),
            Self::Bytes(value) => Value::Bytes(value),
            Self::Text(value) => Value::Text(value),
            Self::Timestamp(value) => Value::Timestamp(*value),
            Self::Uuid(value) => Value::Uuid(value),
        }
    }
}

fn value() -> impl Strategy<Value = Owned> {
    prop_oneof![
        any::<bool>().prop_map(Owned::Bool),
        any::<i8>().prop_map(Owned::Byte),
        any::<i16>().prop_map(Owned::Short),
        any::<i32>().prop_map(Owned::Int),
        any::<i64>().prop_map(Owned::Long),
        vec(any::<u8>(), 0..40).prop_map(Owned::Bytes),
        any::<String>().prop_map(Owned::Text),
        any::<i64>().prop_map(Owned::Timestamp),
        any::<[u8; 16]>().prop_map(Owned::Uuid),
    ]
}

type Written = (Vec<(String, Owned)>, Vec<u8>);

fn frame() -> impl Strategy<Value = Written> {
    (vec(("[a-z:\u{e9}-]{0,12}", value()), 0..6), vec(any::<u8>(), 0..80))
        .prop_filter("a name of the frame's own is text and comes once", |(headers, _)| {
            !headers.iter().any(|(name, _)| name.starts_with(':'))
        })
}

fn stream(frames: &[Written]) -> Vec<u8> {
    let mut out = Vec::new();
    for (headers, payload) in frames {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.value())).collect();
        write(&mut out, &headers, payload).unwrap();
    }
    out
}

/// Reads frames as the pieces come; also what was left over.
fn read(pieces: &[&[u8]]) -> Result<(Vec<Vec<u8>>, usize), FrameError> {
    let (mut buffer, mut splitter, mut frames) = (Vec::new(), Splitter::default(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while let Some(len) = splitter.frame_len(&buffer)? {
            let whole: Vec<u8> = buffer.drain(..len).collect();
            Frame::parse(&whole)?;
            frames.push(whole);
        }
    }
    Ok((frames, buffer.len()))
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_however_it_is_cut(frames in vec(frame(), 0..5)) {
        let bytes = stream(&frames);
        for pieces in crate::cuts::some(&bytes) {
            let (read, left) = read(&pieces).unwrap();
            prop_assert_eq!(left, 0);
            prop_assert_eq!(read.len(), frames.len());
            for (bytes, (headers, payload)) in read.iter().zip(&frames) {
                let frame = Frame::parse(bytes).unwrap();
                prop_assert_eq!(frame.payload(), &payload[..]);
                let written: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.value())).collect();
                prop_assert_eq!(frame.headers().collect::<Vec<_>>(), written);
            }
        }
    }

    #[test]
    fn one_changed_byte_is_never_taken_for_a_frame(frame in frame(), at in any::<usize>(), change in 1..=255u8) {
        let mut bytes = stream(&[frame]);
        let at = at % bytes.len();
        bytes[at] ^= change;
        for pieces in crate::cuts::some(&bytes) {
            let told = read(&pieces);
            prop_assert!(told.is_err() || told == Ok((Vec::new(), bytes.len())), "{told:?}");
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..200), lens in any::<[u16; 2]>()) {
        let _ = read(&[&bytes]);
        let _ = Frame::parse(&bytes);
        // With a prelude that holds, so that what follows is looked at.
        let mut holding = [u32::from(lens[0]).to_be_bytes(), u32::from(lens[1] % 256).to_be_bytes()].concat();
        let sum = crc32fast::hash(&holding);
        holding.extend_from_slice(&sum.to_be_bytes());
        holding.extend_from_slice(&bytes);
        let _ = read(&[&holding]);
        let _ = Frame::parse(&holding);
    }
}

/// A prelude whose sum holds.
fn prelude(total: u32, headers: u32) -> Vec<u8> {
    let mut bytes = [total.to_be_bytes(), headers.to_be_bytes()].concat();
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_be_bytes());
    bytes
}

#[test]
fn lengths_are_judged_before_anything_is_waited_for() {
    let told = |total, headers| Splitter::default().frame_len(&prelude(total, headers));
    let (headers, payload) = (MAX_HEADERS as u32, MAX_PAYLOAD as u32);
    assert_eq!(told(16, 0), Ok(None));
    assert_eq!(told(16 + headers + payload, headers), Ok(None));
    assert_eq!(told(15, 0), Err(FrameError::Short { total: 15, headers: 0 }));
    assert_eq!(told(0, 0), Err(FrameError::Short { total: 0, headers: 0 }));
    assert_eq!(told(20, 5), Err(FrameError::Short { total: 20, headers: 5 }));
    assert_eq!(told(u32::MAX, headers + 1), Err(FrameError::HeadersTooLong(MAX_HEADERS + 1)));
    assert_eq!(told(17 + payload, 0), Err(FrameError::PayloadTooLong(MAX_PAYLOAD + 1)));
    let mut damaged = prelude(16, 0);
    damaged[11] ^= 1;
    assert_eq!(Splitter::default().frame_len(&damaged[..11]), Ok(None));
    assert_eq!(Splitter::default().frame_len(&damaged), Err(FrameError::PreludeCrc));
    damaged[11] ^= 1;
    damaged.extend_from_slice(&[0; 4]);
    assert_eq!(Splitter::default().frame_len(&damaged), Err(FrameError::MessageCrc));
}

#[test]
fn headers_that_do_not_hold_are_errors() {
    let told = |headers: &[u8]| {
        let mut bytes = prelude(16 + headers.len() as u32, headers.len() as u32);
        bytes.extend_from_slice(headers);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        assert_eq!(Splitter::default().frame_len(&bytes), Ok(Some(bytes.len())));
        Frame::parse(&bytes).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(told(b"\x01a\x00"), Ok(()));
    for cut in [&b"\x01"[..], b"\x05abc", b"\x01a", b"\x01a\x04\0\0\0", b"\x01a\x07\0\x02x", b"\x01a\x09x"] {
        assert_eq!(told(cut), Err("a frame's header at byte 0: it is cut off".into()), "{cut:?}");
    }
    assert!(told(b"\x01a\x00\x01b\x0a").is_err_and(|told| told.contains("byte 3: its type is not known")));
    assert!(told(b"\x01a\x07\0\x01\xff").is_err_and(|told| told.contains("not UTF-8")));
    assert!(told(b"\x0b:event-type\x00").is_err_and(|told| told.contains("no string")));
    let twice = b"\x0b:event-type\x07\0\x01a\x0b:event-type\x07\0\x01b";
    assert!(told(twice).is_err_and(|told| told.contains("byte 16: it came before")));
}

#[test]
fn a_frame_says_what_it_is() {
    let mut bytes = Vec::new();
    write_event(&mut bytes, "contentBlockDelta", b"{}").unwrap();
    let first = bytes.len();
    write_exception(&mut bytes, "throttlingException", b"{\"message\":\"slow\"}").unwrap();
    let second = bytes.len();
    let text = |name, value| (name, Value::Text(value));
    let error =
        [text(":message-type", "error"), text(":error-code", "500"), text(":error-message", "broken")];
    write(&mut bytes, &error, b"").unwrap();
    let event = Frame::parse(&bytes[..first]).unwrap();
    assert_eq!(event.message(), Message::Event("contentBlockDelta"));
    assert_eq!(event.headers().count(), 3);
    let exception = Frame::parse(&bytes[first..second]).unwrap();
    assert_eq!(exception.message(), Message::Exception("throttlingException"));
    assert_eq!(exception.payload(), b"{\"message\":\"slow\"}");
    let error = Frame::parse(&bytes[second..]).unwrap();
    assert_eq!(error.message(), Message::Error { code: "500", message: "broken" });
    let mut other = Vec::new();
    write(&mut other, &[text(":message-type", "new")], b"").unwrap();
    assert_eq!(Frame::parse(&other).unwrap().message(), Message::Other);
}

#[test]
fn what_is_too_long_is_not_written() {
    let mut out = b"before".to_vec();
    let long = "x".repeat(70_000);
    let headers: Vec<(&str, Value<'_>)> = vec![("a", Value::Text(&long[..65_000])); 3];
    assert!(matches!(write(&mut out, &headers, b""), Err(FrameError::HeadersTooLong(_))));
    assert!(matches!(write(&mut out, &[("a", Value::Text(&long))], b""), Err(FrameError::Header { .. })));
    assert!(matches!(write(&mut out, &[(&long, Value::Bool(true))], b""), Err(FrameError::Header { .. })));
    let payload = vec![0; MAX_PAYLOAD + 1];
    assert!(matches!(write(&mut out, &[], &payload), Err(FrameError::PayloadTooLong(_))));
    assert_eq!(out, b"before");
    write(&mut out, &headers[..1], &payload[1..]).unwrap();
    assert_eq!(Splitter::default().frame_len(&out[6..]), Ok(Some(out.len() - 6)));
}
