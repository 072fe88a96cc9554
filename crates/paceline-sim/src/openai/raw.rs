//! Models, and the endpoints that exist so that raw pass-through can be tested: speech, files, echo.

use super::error;
use crate::{
    base64,
    body::{Out, Stop},
    call::{Mark, Planned, unix_ms},
    config::{SimKind, SimModel},
    dialect::{self, percent_decoded},
    exchange::{Answer, Exchange, Reply},
    generate::ask::words,
    hash::{self, Fnv},
    rng::Rng,
    timing::{Timing, until},
};
use bytes::Bytes;
use serde_json::{Value, json};

/// Bytes of a body that the echo repeats.
const ECHO_MAX: usize = 1 << 20;
/// Bytes of one piece of speech, and the most pieces of an answer.
const SPEECH_BYTES: usize = 1_024;
const SPEECH_PIECES: u64 = 256;

/// `GET /v1/models` and `GET /v1/models/{id}`.
pub(crate) async fn models(exchange: Exchange, id: Option<&str>) -> Answer {
    let describe = |model: &SimModel| json!({"id": model.name, "object": "model", "created": 1_760_000_000, "owned_by": "paceline-sim"});
    let reply = match id.map(percent_decoded) {
        None => {
            let data: Vec<Value> = exchange.world.config.models.iter().map(describe).collect();
            Reply::json(200, json!({"object": "list", "data": data}).to_string())
        }
        Some(id) => match exchange.world.model(&id) {
            Some(model) => Reply::json(200, describe(model).to_string()),
            None => error::no_model(&id),
        },
    };
    dialect::simple(exchange, false, reply).await
}

/// `ANY /v1/echo`: the request as it was received.
pub(crate) async fn echo(exchange: Exchange) -> Answer {
    let body = &exchange.body;
    let text = (body.len() <= ECHO_MAX).then(|| std::str::from_utf8(body).ok()).flatten();
    let bytes = (text.is_none() && body.len() <= ECHO_MAX).then(|| base64::encode(body));
    let seen = json!({
        "method": exchange.method.as_str(),
        "path": exchange.path,
        "query": exchange.query,
        "headers": exchange.lines,
        "connection": exchange.wire.connection,
        "body_bytes": body.len(),
        "body_fnv": hash::hex(body),
        "body": text,
        "body_base64": bytes,
    });
    dialect::simple(exchange, false, Reply::json(200, seen.to_string())).await
}

/// `POST /v1/files`: a multipart form with a `file` and a `purpose`.
pub(crate) async fn file(exchange: Exchange) -> Answer {
    let form = exchange.headers.get("content-type").and_then(|value| value.to_str().ok());
    let boundary = form.filter(|form| form.starts_with("multipart/form-data")).and_then(|form| {
        let (_, rest) = form.split_once("boundary=")?;
        Some(rest.split(';').next().unwrap_or(rest).trim_matches('"').to_owned())
    });
    let parts = boundary.map(|boundary| parts(&exchange.body, &boundary)).unwrap_or_default();
    let part = |name: &str| parts.iter().find(|part| part.name == name);
    let reply = match part("file") {
        None => error::reply(400, "A multipart form with a 'file' is needed.", Some("file"), None),
        Some(file) => {
            let purpose = part("purpose").map(|part| String::from_utf8_lossy(part.content).into_owned());
            let answer = json!({
                "id": format!("file-sim{}", hash::hex(file.content)),
                "object": "file",
                "bytes": file.content.len(),
                "created_at": unix_ms() / 1_000,
                "filename": file.filename,
                "purpose": purpose,
                "status": "processed",
            });
            Reply::json(200, answer.to_string())
        }
    };
    dialect::simple(exchange, true, reply).await
}

/// `POST /v1/audio/speech`: bytes that stand for audio, in pieces; a longer input gives more of them.
pub(crate) async fn speech(exchange: Exchange) -> Answer {
    let (value, name) = match error::object_with_model(&exchange) {
        Ok(read) => read,
        Err(reply) => return exchange.refuse(reply).await,
    };
    let Some(model) = exchange.world.model(&name).cloned() else {
        return exchange.refuse(error::no_model(&name)).await;
    };
    let input = value.get("input").and_then(Value::as_str).unwrap_or_default();
    if model.kind != SimKind::Speech || input.is_empty() {
        let message = "A speech model and an 'input' that is not empty are needed.";
        return exchange.refuse(error::reply(400, message, Some("input"), None)).await;
    }
    exchange.call.model(&model.name, false);
    let seed = Fnv::new().number(exchange.world.config.seed).text(&model.name).text(input).value();
    let fault = match exchange.fault(Some(&model), true, &mut Rng::fork(seed, 1)) {
        Ok(fault) => fault,
        Err(reply) => return exchange.refuse(reply).await,
    };
    let slow_ms = exchange.world.slow_start_ms(&model);
    let mut timing = Timing::draw(&model, &fault, exchange.start, slow_ms, Rng::fork(seed, 2));
    if let Some(reply) = dialect::instead(&exchange, &fault, false) {
        return exchange.whole(&fault, timing.refusal(&fault), reply).await;
    }
    let pieces = (4 + words(input)).min(SPEECH_PIECES) as usize;
    let due = timing.tokens(pieces);
    let total_ms = due.last().copied().unwrap_or_default();
    exchange.call.planned(Planned { ttft_ms: timing.ttft_ms(), total_ms, output_tokens: 0 });
    let head = timing.head();
    let run = |out| sound(out, timing, due, Rng::fork(seed, 3));
    exchange.pieces(&fault, head, "audio/mpeg", run).await
}

async fn sound(mut out: Out, timing: Timing, due: Vec<f64>, mut rng: Rng) -> Result<(), Stop> {
    out.after_head().await?;
    for (sent, due) in due.into_iter().enumerate() {
        until(timing.at(due)).await;
        let words = (0..SPEECH_BYTES / 8).flat_map(|_| rng.next_u64().to_le_bytes());
        out.write(words.collect::<Bytes>(), Mark { content: true, ..Mark::default() }).await?;
        out.after_events(sent as u64 + 1).await?;
    }
    out.finish().await
}

struct FormPart<'a> {
    name: String,
    filename: Option<String>,
    content: &'a [u8],
}

/// The parts of a multipart form; what is not well formed is left out.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<FormPart<'a>> {
    let mark = format!("--{boundary}");
    let mut starts = Vec::new();
    let mut at = 0;
    while let Some(found) = find(&body[at..], mark.as_bytes()) {
        starts.push(at + found);
        at += found + mark.len();
    }
    let between = starts.windows(2).map(|pair| &body[pair[0] + mark.len()..pair[1]]);
    between.take(100).filter_map(part).collect()
}

fn part(bytes: &[u8]) -> Option<FormPart<'_>> {
    let bytes = bytes.strip_prefix(b"\r\n")?;
    let split = find(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..split]).into_owned();
    let content = bytes[split + 4..].strip_suffix(b"\r\n")?;
    let value = |key: &str| {
        let (_, rest) = head.split_once(&format!("{key}=\""))?;
        rest.split('"').next().map(str::to_owned)
    };
    Some(FormPart { name: value(" name")?, filename: value("filename"), content })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read() {
        let body = b"--xyz\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--xyz\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\nContent-Type: text/plain\r\n\r\n\
            line\r\n\r\n--xyz--\r\n";
        let parts = parts(body, "xyz");
        let seen: Vec<_> = parts.iter().map(|part| (part.name.as_str(), part.content)).collect();
        assert_eq!(seen, [("purpose", &b"batch"[..]), ("file", &b"line\r\n"[..])]);
        assert_eq!(parts[1].filename.as_deref(), Some("a.jsonl"));
        assert!(super::parts(b"nonsense", "xyz").is_empty());
    }
}
