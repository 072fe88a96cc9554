//! Reading a request: its labels, its body, and what the body asks.

use crate::call::Call;
use crate::headers;
use crate::refuse::Fail;
use crate::routes::{Route, route};
use crate::step::{generate, limits};
use crate::tape::Tape;
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use paceline_dialect::json::{JsonError, TOO_DEEP};
use paceline_dialect::openai::request::{self, Asked};
use paceline_types::error::ErrorKind;
use paceline_types::record::Dialect;
use std::io::Read;
use std::time::Duration;

/// How much memory an announced body gets before it comes.
const EAGER: u64 = 256 * 1024;
/// How slowly a body may come: this long, and a second more for so many bytes.
const BODY_GRACE: Duration = Duration::from_secs(30);
const BODY_BYTES_PER_SECOND: u64 = 16 * 1024;

/// A request that has been read.
pub(crate) struct Ask {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) asked: Asked,
}

/// Reads a request.
pub(crate) async fn read(call: &mut Call, request: Request<Incoming>) -> Result<Ask, Fail> {
    let (parts, incoming) = request.into_parts();
    call.allowed = limits::allowed(&parts.headers);
    #[cfg(test)]
    assert!(!parts.headers.contains_key("x-test-panic"), "asked for by a test");
    let mut labels = headers::labels(&parts.headers);
    if parts.method != Method::POST {
        call.note(|record| record.labels = labels);
        let message = format!("{} is not possible here; use POST", parts.method);
        return Err(Fail::refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            ErrorKind::BadRequest,
            "method_not_allowed",
            message,
        ));
    }
    let generates = parts.uri.path() == generate::PATH;
    let outcome = whole(call, &parts.headers, incoming).await.and_then(|body| {
        let body = if generates {
            let (chat, rest) = generate::ask(&body)?;
            call.generate = Some(Box::new(rest));
            chat
        } else {
            body
        };
        let mut asked = request::read(&body).map_err(|error| not_json(&body, error))?;
        if call.dialect == Dialect::Gemini
            && let Route::Named { model, stream, .. } = route(parts.uri.path(), |_| None)
        {
            asked.model = Some(unescaped(model));
            asked.stream = stream;
        }
        Ok((body, asked))
    });
    if let Ok((_, asked)) = &outcome {
        headers::body_labels(&mut labels, &asked.labels, asked.user.as_deref());
    }
    call.note(|record| record.labels = labels);
    let (body, asked) = outcome?;
    call.request_bytes = body.len() as u64;
    call.note(|record| record.stream = asked.stream);
    Ok(Ask { headers: parts.headers, body, asked })
}

/// A name in a path: `%2F` is the slash that SDKs do not leave in one.
fn unescaped(name: &str) -> String {
    name.replace("%2F", "/").replace("%2f", "/").replace("%3A", ":").replace("%3a", ":")
}

/// The whole body, decompressed.
async fn whole(call: &mut Call, headers: &HeaderMap, incoming: Incoming) -> Result<Bytes, Fail> {
    if let Some(kind) = headers.get(CONTENT_TYPE) {
        let kind = kind.to_str().unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !(essence.eq_ignore_ascii_case("application/json") || essence.ends_with("+json")) {
            let message = format!(
                "content-type `{essence}` is not possible here; send JSON with `content-type: application/json`"
            );
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Fail::refuse(status, ErrorKind::BadRequest, "unsupported_content_type", message));
        }
    }
    let limit = call.snapshot.config.max_body;
    let announced = incoming.size_hint().upper().unwrap_or(limit as u64).min(limit as u64);
    let patience = BODY_GRACE + Duration::from_secs(announced / BODY_BYTES_PER_SECOND);
    let mut tape = call.tape.as_deref_mut();
    if let Some(tape) = &mut tape {
        tape.asked(headers);
    }
    let collecting = tokio::time::timeout(patience, collect(incoming, limit, tape));
    let body = call.watch.wait(collecting).await.map_err(|_| too_slow(patience))??;
    match headers.get(CONTENT_ENCODING).map(|coding| coding.as_bytes().to_ascii_lowercase()).as_deref() {
        None | Some(b"identity") => Ok(body),
        Some(b"gzip" | b"x-gzip") => {
            let plain = gunzip(&body, limit)?;
            if let Some(tape) = &mut call.tape {
                tape.unpacked(&plain);
            }
            Ok(plain)
        }
        Some(other) => {
            let message = format!(
                "content-encoding `{}` is not possible here; send gzip or none",
                String::from_utf8_lossy(other)
            );
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            Err(Fail::refuse(status, ErrorKind::BadRequest, "unsupported_content_encoding", message))
        }
    }
}

/// The caller went away, or was cut off, while it sent.
pub(crate) fn body_cut() -> Fail {
    let status = StatusCode::BAD_REQUEST;
    Fail::refuse(status, ErrorKind::Canceled, "body_cut", "the body ended before its end")
}

fn too_large(limit: usize) -> Fail {
    let message = format!("the body is over {limit} bytes; raise server.max_body_bytes if that is meant");
    Fail::refuse(StatusCode::PAYLOAD_TOO_LARGE, ErrorKind::TooLarge, "request_too_large", message)
}

pub(crate) fn too_slow(patience: Duration) -> Fail {
    let message = format!("the body did not come within {} s", patience.as_secs());
    Fail::refuse(StatusCode::REQUEST_TIMEOUT, ErrorKind::BadRequest, "slow_body", message)
}

/// Collects a body; without a copy when it came in one piece and is not captured.
pub(crate) async fn collect(
    mut incoming: Incoming,
    limit: usize,
    mut tape: Option<&mut Tape>,
) -> Result<Bytes, Fail> {
    let announced = incoming.size_hint().exact();
    if announced.is_some_and(|len| len > limit as u64) {
        return Err(too_large(limit));
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(|_| body_cut())?.into_data() else { continue };
        if let Some(tape) = &mut tape {
            tape.request(&data);
        }
        if whole.is_empty() && Some(data.len() as u64) == announced {
            return Ok(data);
        }
        if whole.len() + data.len() > limit {
            return Err(too_large(limit));
        }
        if whole.is_empty() {
            // Not all that is announced: announcing is free.
            whole.reserve(announced.unwrap_or(0).min(EAGER) as usize);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// Unpacks gzip, never to more than `limit` bytes.
fn gunzip(body: &[u8], limit: usize) -> Result<Bytes, Fail> {
    let mut out = Vec::with_capacity(body.len().saturating_mul(3).min(limit));
    let read = MultiGzDecoder::new(body).take(limit as u64 + 1).read_to_end(&mut out);
    if let Err(error) = read {
        let message = format!("the body is not gzip: {error}");
        return Err(Fail::refuse(StatusCode::BAD_REQUEST, ErrorKind::BadRequest, "invalid_gzip", message));
    }
    if out.len() > limit { Err(too_large(limit)) } else { Ok(out.into()) }
}

fn not_json(body: &[u8], error: JsonError) -> Fail {
    if body.is_empty() {
        let message = "the body is empty; send a JSON object";
        return Fail::refuse(StatusCode::BAD_REQUEST, ErrorKind::BadRequest, "invalid_json", message);
    }
    let before = &body[..error.at.min(body.len())];
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |at| at + 1) + 1;
    let code = if error.what == TOO_DEEP { "json_too_deep" } else { "invalid_json" };
    let message = format!(
        "the body is not usable JSON: {} at line {line}, column {column} (byte {})",
        error.what, error.at
    );
    Fail::refuse(StatusCode::BAD_REQUEST, ErrorKind::BadRequest, code, message)
}
