//! A slow and simple reader of server-sent events, to compare with: WHATWG HTML, "Server-sent events", §9.2.6.

/// The data of each event that has a `data` line, in order; an unfinished last event is none.
///
/// As in the product, a byte-order mark is dropped at the begin of each event, where the standard drops only the first.
pub(crate) fn payloads(stream: &[u8]) -> Vec<Vec<u8>> {
    let (mut found, mut data, mut is_first_line) = (Vec::new(), None::<Vec<u8>>, true);
    for line in lines(stream) {
        if line.is_empty() {
            found.extend(data.take());
            is_first_line = true;
            continue;
        }
        let line = match line.strip_prefix("\u{feff}".as_bytes()) {
            Some(rest) if is_first_line => rest,
            _ => &line,
        };
        is_first_line = false;
        let colon = line.iter().position(|byte| *byte == b':');
        let (field, value) = match colon {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &b""[..]),
        };
        if field == b"data" {
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match &mut data {
                None => data = Some(value.to_vec()),
                Some(before) => {
                    before.push(b'\n');
                    before.extend_from_slice(value);
                }
            }
        }
    }
    found
}

/// The lines that have an end: LF, CRLF or CR.
fn lines(stream: &[u8]) -> Vec<Vec<u8>> {
    let (mut lines, mut line, mut after_cr) = (Vec::new(), Vec::new(), false);
    for &byte in stream {
        match byte {
            b'\n' if after_cr => {}
            b'\n' | b'\r' => lines.push(std::mem::take(&mut line)),
            _ => line.push(byte),
        }
        after_cr = byte == b'\r';
    }
    lines
}
