//! Frames of `application/vnd.amazon.eventstream`: lengths, headers, payload, and two checksums.

/// The type of a header whose value is text.
const STRING: u8 = 7;

/// An event with a JSON payload.
pub(crate) fn event(name: &str, json: &str) -> Vec<u8> {
    let headers = [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    encode(&headers, json.as_bytes())
}

/// An exception with a JSON payload.
pub(crate) fn exception(name: &str, json: &str) -> Vec<u8> {
    let headers =
        [(":exception-type", name), (":content-type", "application/json"), (":message-type", "exception")];
    encode(&headers, json.as_bytes())
}

fn encode(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in headers {
        head.push(name.len() as u8);
        head.extend(name.as_bytes());
        head.push(STRING);
        head.extend((value.len() as u16).to_be_bytes());
        head.extend(value.as_bytes());
    }
    // Two lengths and a checksum before, a checksum after.
    let total = 12 + head.len() + payload.len() + 4;
    let mut frame = Vec::with_capacity(total);
    frame.extend((total as u32).to_be_bytes());
    frame.extend((head.len() as u32).to_be_bytes());
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(head);
    frame.extend(payload);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published test vector with one header, `content-type: application/json`.
    #[test]
    fn a_known_frame_is_met() {
        let frame = encode(&[("content-type", "application/json")], b"{'foo':'bar'}");
        assert_eq!(frame.len(), 0x3D);
        assert_eq!(frame[..12], [0, 0, 0, 0x3D, 0, 0, 0, 0x20, 0x07, 0xFD, 0x83, 0x96]);
        assert_eq!(frame[frame.len() - 4..], [0x8D, 0x9C, 0x08, 0xB1]);
    }
}
