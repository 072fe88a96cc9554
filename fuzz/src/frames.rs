//! A slow and simple reader of HTTP/1.1 requests that are there as a whole, to compare with: RFC 9112 §6, §7.1.

/// How a chunked body ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Whole { len: usize, data: Vec<u8> },
    Unfinished,
    Broken,
}

/// Why reading stops.
enum Stop {
    Unfinished,
    Broken,
}

/// Reads a chunked body from the start of `text`. Of extensions and trailers only the line ends are looked at; their
/// bound is not known here, so the text must be shorter than it.
pub(crate) fn chunked_body(text: &[u8]) -> Body {
    let (mut at, mut data) = (0, Vec::new());
    match chunks(text, &mut at, &mut data) {
        Ok(()) => Body::Whole { len: at, data },
        Err(Stop::Unfinished) => Body::Unfinished,
        Err(Stop::Broken) => Body::Broken,
    }
}

fn chunks(text: &[u8], at: &mut usize, data: &mut Vec<u8>) -> Result<(), Stop> {
    loop {
        if text.get(*at).is_some_and(|byte| !byte.is_ascii_hexdigit()) {
            return Err(Stop::Broken);
        }
        let size = size_of(line(text, at, size_may_begin)?)?;
        if size == 0 {
            while !line(text, at, |_| true)?.is_empty() {}
            return Ok(());
        }
        let rest = &text[*at..];
        let len = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
        data.extend_from_slice(&rest[..len]);
        *at += len;
        if len as u64 != size {
            return Err(Stop::Unfinished);
        }
        line(text, at, <[u8]>::is_empty)?;
    }
}

/// The next line without its CRLF. A CR or LF alone is broken; so is what fails `fits`, also while its end is missing.
fn line<'a>(text: &'a [u8], at: &mut usize, fits: fn(&[u8]) -> bool) -> Result<&'a [u8], Stop> {
    let rest = &text[*at..];
    let len = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
    if !fits(&rest[..len]) {
        return Err(Stop::Broken);
    }
    match (rest.get(len), rest.get(len + 1)) {
        (Some(b'\r'), Some(b'\n')) => {
            *at += len + 2;
            Ok(&rest[..len])
        }
        (None, _) | (Some(b'\r'), None) => Err(Stop::Unfinished),
        _ => Err(Stop::Broken),
    }
}

/// Hexadecimal digits, then nothing, a semicolon or white space with whatever follows.
fn size_may_begin(line: &[u8]) -> bool {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let significant = line[..digits].iter().skip_while(|byte| **byte == b'0').count();
    let ends_well = line.get(digits).is_none_or(|byte| b"; \t".contains(byte));
    significant <= 16 && ends_well
}

fn size_of(line: &[u8]) -> Result<u64, Stop> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let text = std::str::from_utf8(&line[..digits]).map_err(|_| Stop::Broken)?;
    u64::from_str_radix(text, 16).map_err(|_| Stop::Broken)
}

/// Where each request of a connection ends, as far as they are whole and a parser of heads takes them; and whether
/// reading stopped because that parser, or the framing, refuses what follows.
pub(crate) fn request_ends(text: &[u8]) -> (Vec<usize>, bool) {
    let (mut at, mut ends) = (0, Vec::new());
    loop {
        let mut slots = [httparse::EMPTY_HEADER; 100];
        let mut request = httparse::Request::new(&mut slots);
        match request.parse(&text[at..]) {
            Ok(httparse::Status::Complete(len)) => {
                let Some(body) = body_len(request.headers, &text[at + len..]) else { return (ends, true) };
                match body {
                    Body::Whole { len: body, .. } => at += len + body,
                    Body::Unfinished => return (ends, false),
                    Body::Broken => return (ends, true),
                }
                ends.push(at);
            }
            Ok(httparse::Status::Partial) => return (ends, false),
            Err(_) => return (ends, true),
        }
    }
}

/// The body that headers announce; `None` when they do so in a way that is not allowed.
fn body_len(headers: &[httparse::Header<'_>], rest: &[u8]) -> Option<Body> {
    let all = |name: &'static str| {
        headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    };
    let lengths: Vec<&[u8]> = all("content-length").collect();
    let codings: Vec<&[u8]> = all("transfer-encoding").collect();
    match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => Some(Body::Whole { len: 0, data: Vec::new() }),
        ([length], []) => {
            let text = std::str::from_utf8(length).ok()?.trim_matches([' ', '\t']);
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let len: u64 = text.parse().ok().filter(|_| digits)?;
            match usize::try_from(len) {
                Ok(len) if len <= rest.len() => Some(Body::Whole { len, data: Vec::new() }),
                _ => Some(Body::Unfinished),
            }
        }
        ([], [coding]) if coding.trim_ascii().eq_ignore_ascii_case(b"chunked") => Some(chunked_body(rest)),
        _ => None,
    }
}
