//! The cheap upstream: prepared answers, chosen by the model named in the request.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::alarm::Alarm;
use crate::error::{Context, Result, fail};
use crate::payload;
use crate::wire::{self, Chunks, Framing, Head};

pub(crate) mod strained;

/// Pause between two events of a paced stream.
pub(crate) const EVENT_PAUSE: Duration = Duration::from_millis(5);
/// Pause between two events of a steady stream, at about the speed of a large model.
pub(crate) const STEADY_PAUSE: Duration = Duration::from_millis(50);
const MAX_REQUEST_BYTES: usize = 8 << 20;

/// Settings of the `upstream` command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Speak TLS with a certificate for localhost; its new authority's certificate is written to this file.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Close the connection after each answer and resume no TLS session.
    #[arg(long)]
    close: bool,
}

/// Serves until the process ends. The first line on standard output is the address.
pub(crate) async fn serve(args: Args) -> Result<()> {
    let tls = match &args.tls_ca {
        Some(file) => Some(TlsAcceptor::from(crate::tls::server(file, args.close)?)),
        None => None,
    };
    let listener = TcpListener::bind(args.listen).await.context(args.listen)?;
    crate::say(listener.local_addr().context("address")?);
    accept(listener, tls, args.close).await
}

/// Accepts for ever; needs a `LocalSet`.
pub(crate) async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, close: bool) -> Result<()> {
    let answers = Rc::new(Answers::new(close));
    loop {
        let (stream, _) = listener.accept().await.context("accept")?;
        stream.set_nodelay(true).context("no delay")?;
        let (answers, tls) = (Rc::clone(&answers), tls.clone());
        // A failed connection is the caller's to notice: its answer is missing.
        tokio::task::spawn_local(async move {
            match tls {
                None => connection(stream, &answers).await,
                Some(tls) => connection(tls.accept(stream).await.context("handshake")?, &answers).await,
            }
        });
    }
}

/// Whole answers as they go out, framing included.
struct Answers {
    close: bool,
    completion: Vec<u8>,
    long_completion: Vec<u8>,
    stream_head: Vec<u8>,
    events: Vec<Vec<u8>>,
    /// A stream of Anthropic's dialect, whole.
    messages: Vec<u8>,
    end: Vec<u8>,
    end_with_usage: Vec<u8>,
    refusal: Vec<u8>,
    too_many: Vec<u8>,
    room: strained::Room,
}

impl Answers {
    fn new(close: bool) -> Self {
        let connection = if close { "connection: close\r\n" } else { "" };
        let head = |status: &str, fields: &str| {
            format!(
                "HTTP/1.1 {status}\r\nx-request-id: req_bench0000000000000001\r\n{connection}{fields}\r\n"
            )
        };
        let whole = |status: &str, body: &str| {
            let fields = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
            (head(status, &fields) + body).into_bytes()
        };
        let chunk = |event: &str| {
            let mut out = Vec::new();
            wire::put_chunk(&mut out, event.as_bytes());
            out
        };
        let end = |with_usage| {
            let mut out = Vec::new();
            for event in payload::stream_end(with_usage).split_inclusive("\n\n") {
                wire::put_chunk(&mut out, event.as_bytes());
            }
            out.extend_from_slice(b"0\r\n\r\n");
            out
        };
        let fields = "content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n\
                      transfer-encoding: chunked\r\n";
        Self {
            close,
            completion: whole("200 OK", &payload::completion(false)),
            long_completion: whole("200 OK", &payload::completion(true)),
            stream_head: head("200 OK", fields).into_bytes(),
            events: payload::events().iter().map(|event| chunk(event)).collect(),
            messages: {
                let events = payload::translated::events();
                let chunks = events.iter().flat_map(|event| chunk(event));
                head("200 OK", fields).into_bytes().into_iter().chain(chunks).chain(*b"0\r\n\r\n").collect()
            },
            end: end(false),
            end_with_usage: end(true),
            refusal: whole(
                "404 Not Found",
                r#"{"error":{"message":"no such model or damaged body","code":404}}"#,
            ),
            too_many: whole(
                "503 Service Unavailable",
                r#"{"error":{"message":"too many calls at once","type":"server_error","param":null,"code":null}}"#,
            ),
            room: strained::Room::default(),
        }
    }
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    Completion {
        long: bool,
    },
    Burst {
        usage: bool,
    },
    /// In Anthropic's dialect.
    Messages,
    Paced {
        usage: bool,
        pause: Duration,
    },
    Narrow,
    Idle,
    Flood,
    Unknown,
}

impl Ask {
    fn of(body: &[u8]) -> Self {
        if body.last() != Some(&b'}') {
            return Self::Unknown;
        }
        let usage = || value_of(body, br#""include_usage""#).is_some_and(|value| value.starts_with(b"true"));
        let model = value_of(body, br#""model""#).unwrap_or_default();
        match model.split(|byte| *byte == b'"').nth(1) {
            Some(b"small" | b"big") => Self::Completion { long: body.len() >= payload::LONG_PROMPT_BYTES },
            // What stands above the conversation is a member of its own in the other dialect.
            Some(b"translated") if memmem::find(body, br#""system":"#).is_some() => Self::Messages,
            Some(b"burst" | b"translated") => Self::Burst { usage: usage() },
            Some(b"paced") => Self::Paced { usage: usage(), pause: EVENT_PAUSE },
            Some(b"steady") => Self::Paced { usage: usage(), pause: STEADY_PAUSE },
            Some(b"narrow") => Self::Narrow,
            Some(b"idle") => Self::Idle,
            Some(b"flood") => Self::Flood,
            _ => Self::Unknown,
        }
    }
}

/// What follows the last `"name":`; a shortcut for bodies we wrote ourselves, not a JSON reader.
fn value_of<'a>(body: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = &body[memmem::rfind(body, name)? + name.len()..];
    Some(rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start())
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answers: &Answers) -> Result<()> {
    let mut input = Vec::with_capacity(8 * 1024);
    let mut out = Vec::with_capacity(32 * 1024);
    while let Some(ask) = read_request(&mut stream, &mut input).await? {
        out.clear();
        match ask {
            Ask::Completion { long: false } => out.extend_from_slice(&answers.completion),
            Ask::Completion { long: true } => out.extend_from_slice(&answers.long_completion),
            Ask::Unknown => out.extend_from_slice(&answers.refusal),
            Ask::Burst { usage } => {
                out.extend_from_slice(&answers.stream_head);
                answers.events.iter().for_each(|event| out.extend_from_slice(event));
                out.extend_from_slice(if usage { &answers.end_with_usage } else { &answers.end });
            }
            Ask::Messages => out.extend_from_slice(&answers.messages),
            Ask::Paced { usage, pause } => paced(&mut stream, answers, &mut out, usage, pause).await?,
            Ask::Narrow => strained::narrow(answers, &mut out).await,
            Ask::Idle => return strained::idle(&mut stream, answers).await,
            Ask::Flood => return strained::flood(&mut stream, answers).await,
        }
        stream.write_all(&out).await.context("write")?;
        stream.flush().await.context("write")?;
        if answers.close {
            return stream.shutdown().await.context("close");
        }
    }
    Ok(())
}

/// Sends head and events; leaves the end of the stream in `out`.
async fn paced<S: AsyncWrite + Unpin>(
    stream: &mut S,
    answers: &Answers,
    out: &mut Vec<u8>,
    usage: bool,
    pause: Duration,
) -> Result<()> {
    let mut alarm = Alarm::new()?;
    alarm.every(pause)?;
    out.extend_from_slice(&answers.stream_head);
    out.extend_from_slice(&answers.events[0]);
    let mut next = 1;
    while next < answers.events.len() {
        stream.write_all(out).await.context("write")?;
        stream.flush().await.context("write")?;
        out.clear();
        let due = alarm.ticks().await? as usize;
        let until = answers.events.len().min(next + due);
        answers.events[next..until].iter().for_each(|event| out.extend_from_slice(event));
        next = until;
    }
    out.extend_from_slice(if usage { &answers.end_with_usage } else { &answers.end });
    Ok(())
}

/// Reads one whole request; `None` when the peer has closed between two.
async fn read_request<S: AsyncRead + Unpin>(stream: &mut S, input: &mut Vec<u8>) -> Result<Option<Ask>> {
    let Some(head) = read_head(stream, input).await? else { return Ok(None) };
    match head.framing {
        Framing::Length(length) => {
            if length > MAX_REQUEST_BYTES {
                return fail("request too large");
            }
            let whole = head.bytes + length;
            input.reserve(whole.saturating_sub(input.len()));
            while input.len() < whole {
                more(stream, input).await?;
            }
            let ask = Ask::of(&input[head.bytes..whole]);
            input.drain(..whole);
            Ok(Some(ask))
        }
        Framing::Chunked => {
            let (mut chunks, mut body) = (Chunks::new(), Vec::new());
            input.drain(..head.bytes);
            loop {
                let taken = chunks.feed(input, |data| {
                    body.extend_from_slice(data);
                    Ok(())
                })?;
                input.drain(..taken);
                if chunks.done() {
                    return Ok(Some(Ask::of(&body)));
                }
                if body.len() > MAX_REQUEST_BYTES {
                    return fail("request too large");
                }
                more(stream, input).await?;
            }
        }
    }
}

async fn read_head<S: AsyncRead + Unpin>(stream: &mut S, input: &mut Vec<u8>) -> Result<Option<Head>> {
    loop {
        if let Some(head) = wire::request_head(input)? {
            return Ok(Some(head));
        }
        let fresh = input.is_empty();
        if let Err(error) = more(stream, input).await {
            return if fresh { Ok(None) } else { Err(error) };
        }
    }
}

async fn more<S: AsyncRead + Unpin>(stream: &mut S, input: &mut Vec<u8>) -> Result<()> {
    match stream.read_buf(input).await.context("read")? {
        0 => fail("closed within a request"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_and_the_wish_for_usage_choose_the_answer() {
        let ask =
            |model, long, stream, usage| Ask::of(payload::request(model, long, stream, usage).as_bytes());
        assert_eq!(ask("small", false, false, false), Ask::Completion { long: false });
        assert_eq!(ask("small", true, false, false), Ask::Completion { long: true });
        assert_eq!(ask("paced", false, true, true), Ask::Paced { usage: true, pause: EVENT_PAUSE });
        assert_eq!(ask("burst", false, true, false), Ask::Burst { usage: false });
        assert_eq!(ask("other", false, false, false), Ask::Unknown);
        let spliced = br#"{"model": "burst", "stream_options": {"include_usage": true}}"#;
        assert_eq!(Ask::of(spliced), Ask::Burst { usage: true });
        assert_eq!(Ask::of(&spliced[..30]), Ask::Unknown);
    }
}
