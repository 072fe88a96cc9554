//! `/{provider}/…`: everything else a provider offers, passed on as it is, recorded, not looked into (G20).

use crate::call::Call;
use crate::gateway::Snapshot;
use crate::headers;
use crate::held::Held;
use crate::letter::RawBody;
use crate::refuse::Fail;
use crate::step::attempt::{Outcome, commit, end_badly, give_up, is_events, name_answer, note_marks};
use crate::step::compose::Tongues;
use crate::step::failure::error_answer;
use crate::step::inflate::Packing;
use crate::step::limits::{Limits, allowed};
use crate::step::observe::{DocumentWatch, EventWatch};
use crate::step::quota::{self, Need};
use crate::step::read::{body_cut, collect, too_slow};
use crate::step::relay::{Relay, Watch};
use crate::step::rights;
use crate::tape::Tape;
use crate::upstream::Upstream;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use paceline_dialect::openai::request;
use paceline_http::clock;
use paceline_http::{Exchange, HttpError, Marks};
use paceline_routing::health::{Verdict, Why};
use paceline_routing::place::PlaceName;
use paceline_types::deployment::Deployment;
use paceline_types::error::ErrorKind;
use paceline_types::id::Name;
use paceline_types::record::{Attempt, AttemptReason, Dialect};
use std::sync::Arc;
use std::time::Duration;

/// What is passed on.
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
/// Bodies up to so many bytes are read whole, and can be sent again when a kept connection turns out dead.
const SMALL: u64 = 1 << 20;
/// How long they may take to come.
const BODY_PATIENCE: Duration = Duration::from_mins(1);

/// Passes one request on.
pub(crate) async fn run(
    call: &mut Call,
    provider: usize,
    rest: &str,
    request: Request<Incoming>,
) -> Result<Outcome, Fail> {
    let upstream = Arc::clone(&call.snapshot.upstreams[provider]);
    let (parts, incoming) = request.into_parts();
    let labels = headers::labels(&parts.headers);
    call.note(|record| record.labels = labels);
    rights::provider(call, &upstream.name)?;
    if !METHODS.contains(&parts.method) {
        // TRACE and CONNECT could show our key or open a tunnel.
        let message = format!("{} is not passed on", parts.method);
        let status = StatusCode::METHOD_NOT_ALLOWED;
        return Err(Fail::refuse(status, ErrorKind::BadRequest, "method_not_allowed", message));
    }
    let Some(mut path) = upstream.raw_path(rest) else {
        let message = "the path climbs out of the provider's own paths";
        return Err(Fail::refuse(StatusCode::BAD_REQUEST, ErrorKind::BadRequest, "invalid_path", message));
    };
    if let Some(query) = parts.uri.query() {
        path.push('?');
        path.push_str(query);
    }
    call.allowed = allowed(&parts.headers);
    let body = Upload::read(call, incoming, &parts.headers).await?;
    let need = need(call, provider, rest, &parts.method, &body);
    quota::priority(call, &parts.headers);
    quota::caller(call, &need, &[]).await?;
    quota::provider(call, provider, &need).await?;
    let entry = &call.snapshot.directory.providers()[provider];
    let (name, patience, region) = (Arc::clone(&entry.name), entry.patience, entry.region.clone());
    let deployment = Arc::new(nameless(name, region));
    let now = clock::now();
    let started = call.offset(now);
    call.note(|record| {
        record.target = Some(Arc::clone(&deployment));
        record.route = started;
        record.attempts.push(Attempt::begin(AttemptReason::First, deployment, started));
    });
    let key = hold_key(call, provider, &upstream);
    // Uploads, speech and batches take as long as streams do.
    let limits = Limits::new(call.started, now, patience, true, call.allowed);
    let snapshot = Arc::clone(&call.snapshot);
    let ask = Raw {
        key,
        method: parts.method.as_str(),
        path: &path,
        headers: &parts.headers,
        snapshot: &snapshot,
        idle: patience.idle,
    };
    call.may_drain(provider);
    let max_body = call.snapshot.config.max_body;
    let client = Arc::clone(&call.worker.client);
    let tape = call.tape.as_deref_mut();
    let sending = ask.send(&client, &upstream, body, max_body, &mut call.marks, tape);
    let sent = call.watch.wait_until(limits.total_deadline(), sending).await;
    note_marks(call);
    let exchange = sent.unwrap_or_else(|| Err(limits.late_total(&upstream.name)))?;
    answer(call, upstream, exchange, limits).await
}

/// Where raw calls go: a provider, whatever its models.
fn nameless(provider: Name, region: Option<Name>) -> Deployment {
    let name = Arc::clone(&provider);
    Deployment { name, provider, model: "".into(), upstream_model: "".into(), region }
}

/// The body of a raw request.
enum Upload {
    /// Small: at hand.
    Whole(Bytes),
    /// Sent on as it comes.
    Coming(Incoming),
}

impl Upload {
    async fn read(call: &mut Call, incoming: Incoming, headers: &HeaderMap) -> Result<Self, Fail> {
        let max_body = call.snapshot.config.max_body;
        let mut tape = call.tape.as_deref_mut();
        if let Some(tape) = tape.as_deref_mut().filter(|_| !incoming.is_end_stream()) {
            tape.asked(headers);
        }
        if incoming.size_hint().exact().is_none_or(|len| len > SMALL) {
            return Ok(Self::Coming(incoming));
        }
        let collecting = tokio::time::timeout(BODY_PATIENCE, collect(incoming, max_body, tape));
        call.watch.wait(collecting).await.map_err(|_| too_slow(BODY_PATIENCE))?.map(Self::Whole)
    }
}

/// What a raw request asks for, as far as limits count it: model and output limit have the same names in most dialects.
fn need(call: &mut Call, provider: usize, rest: &str, method: &Method, body: &Upload) -> Need {
    let is_free = !matches!(*method, Method::POST | Method::PUT | Method::PATCH);
    let mut need = Need { bytes: 0, max_tokens: None, generates: false, is_free };
    let Upload::Whole(bytes) = body else { return need };
    need.bytes = bytes.len() as u64;
    call.request_bytes = need.bytes;
    if let (false, Ok(asked)) = (is_free, request::read(bytes)) {
        need.max_tokens = asked.max_tokens;
        // Whatever names a model may generate; only embeddings surely do not.
        need.generates = asked.model.is_some() && !rest.contains("embed");
        let snapshot = &call.snapshot;
        let provider = &snapshot.directory.providers()[provider].name;
        call.price = asked.model.as_deref().and_then(|model| snapshot.config.prices.price(provider, model));
    }
    need
}

/// One of our keys there: any that is not refused. What raw calls come to is noted for all of them together, and closes
/// nothing: one path of a provider tells little about another.
fn hold_key(call: &mut Call, provider: usize, upstream: &Arc<Upstream>) -> usize {
    let snapshot = Arc::clone(&call.snapshot);
    let entry = &snapshot.directory.providers()[provider];
    let policy = snapshot.config.policy;
    let now = clock::now();
    let start = (call.worker.chance() * entry.keys.len() as f64) as usize;
    let order = (0..entry.keys.len()).map(|at| (start + at) % entry.keys.len());
    let place = |key: usize| {
        let name = PlaceName { provider: Arc::clone(&entry.name), key: entry.keys[key], model: "".into() };
        call.worker.gateway.known.fleet.place(name)
    };
    let is_out = |key: &usize| {
        let verdict = place(*key).health.look(now, &policy.health);
        matches!(verdict, Verdict::Closed { why: Why::KeyRefused, .. })
    };
    let key = order.clone().find(|key| !is_out(key)).unwrap_or(start);
    let place = place(key);
    place.turnstile.force();
    call.held = Some(Held::new(place, Arc::clone(upstream), key, Arc::clone(&call.worker), policy));
    key
}

async fn answer(
    call: &mut Call,
    upstream: Arc<Upstream>,
    exchange: Exchange,
    limits: Limits,
) -> Result<Outcome, Fail> {
    let status = exchange.head.status;
    call.note(|record| {
        if let Some(attempt) = record.attempts.last_mut() {
            attempt.http_status = status.as_u16();
        }
    });
    let dialect = upstream.dialect();
    let raw = Tongues { caller: dialect, provider: dialect };
    if status.is_client_error() || status.is_server_error() {
        let trouble = error_answer(call, &upstream, exchange, &limits, (Packing::Plain, raw)).await;
        end_badly(call, &trouble.fail);
        return give_up(call, trouble);
    }
    let mut exchange = exchange;
    if exchange.is_ended() && exchange.out.is_empty() {
        // Nobody will ask for a body that is none: the call ends here.
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = status;
        let mut headers = std::mem::take(&mut exchange.head.headers);
        headers::strip_down(&mut headers);
        name_answer(call, &mut headers);
        *answer.headers_mut() = headers;
        call.note(|record| record.http_status = status.as_u16());
        return Ok(Outcome::Whole(answer));
    }
    let watch = watch(&exchange.head.headers, dialect);
    Ok(commit(call, Relay::new(exchange, upstream, watch, limits)))
}

/// Usage is noted where the answer happens to tell it in a form that is known.
fn watch(headers: &HeaderMap, dialect: Dialect) -> Watch {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    if headers.contains_key(CONTENT_ENCODING) {
        Watch::Nothing
    } else if is_events(headers, dialect) {
        Watch::Events(EventWatch::new(dialect, false, false, None))
    } else if kind.starts_with(b"application/json") {
        Watch::Document(DocumentWatch::default())
    } else {
        Watch::Nothing
    }
}

struct Raw<'a> {
    key: usize,
    method: &'a str,
    path: &'a str,
    headers: &'a HeaderMap,
    snapshot: &'a Snapshot,
    idle: Duration,
}

impl Raw<'_> {
    fn head(&self, upstream: &Upstream, body: RawBody<'_>) -> Result<Vec<u8>, Fail> {
        upstream.raw_head(self.key, self.method, self.path, self.headers, body, self.snapshot)
    }

    async fn send(
        &self,
        client: &Arc<paceline_http::Client>,
        upstream: &Upstream,
        body: Upload,
        max_body: usize,
        marks: &mut Marks,
        tape: Option<&mut Tape>,
    ) -> Result<Exchange, Fail> {
        let incoming = match body {
            Upload::Coming(incoming) => incoming,
            Upload::Whole(body) => {
                let head = self.head(upstream, RawBody::Whole(&body))?;
                let sent = client.send(&upstream.origin, &head, &[body], marks).await;
                return sent.map_err(|error| upstream.no_answer(&error));
            }
        };
        let length = incoming.size_hint().exact();
        if length.is_some_and(|len| len > max_body as u64) {
            return Err(too_large(max_body));
        }
        let head = self.head(upstream, RawBody::Coming(length))?;
        let failed = |error: HttpError| upstream.no_answer(&error);
        let mut exchange = client.connect(&upstream.origin, marks).await.map_err(failed)?;
        let upload = Stream { incoming, tape, chunked: length.is_none(), limit: max_body };
        let streamed = stream_up(&mut exchange, &head, upload, self.idle).await;
        marks.sent = Some(clock::now());
        // The provider may have answered and closed before the body was over.
        let streamed = match streamed {
            // Dropping the exchange tells the provider that nothing more comes.
            Err(Streaming::Caller(fail)) => return Err(fail),
            Err(Streaming::Provider(error)) => Err(error),
            Ok(()) => Ok(()),
        };
        match (streamed, exchange.read_head(self.method == "HEAD").await) {
            (_, Ok(())) => {
                marks.head = Some(clock::now());
                Ok(exchange)
            }
            (Err(error), _) | (Ok(()), Err(error)) => Err(failed(error)),
        }
    }
}

fn too_large(limit: usize) -> Fail {
    let message = format!("the body is over {limit} bytes; raise server.max_body_bytes if that is meant");
    Fail::refuse(StatusCode::PAYLOAD_TOO_LARGE, ErrorKind::TooLarge, "request_too_large", message)
}

/// The provider takes nothing more of an upload.
fn stalled(idle: Duration) -> Fail {
    let message = format!(
        "the provider took nothing of the upload for {} s; try again, or raise timeouts.idle_ms",
        idle.as_secs_f64()
    );
    Fail::upstream(StatusCode::GATEWAY_TIMEOUT, ErrorKind::Timeout, "idle_timeout", message)
}

enum Streaming {
    Caller(Fail),
    Provider(HttpError),
}

/// A body on its way from the caller.
struct Stream<'a> {
    incoming: Incoming,
    tape: Option<&'a mut Tape>,
    chunked: bool,
    /// Bytes at most.
    limit: usize,
}

/// Sends a body piece by piece as it comes.
async fn stream_up(
    exchange: &mut Exchange,
    head: &[u8],
    upload: Stream<'_>,
    idle: Duration,
) -> Result<(), Streaming> {
    let Stream { mut incoming, mut tape, chunked, limit } = upload;
    if !exchange.write_parts(head, &[]).await.map_err(Streaming::Provider)? {
        return Ok(());
    }
    let mut total = 0;
    loop {
        let frame = tokio::select! {
            // What the provider already says is worth more than the rest of the upload.
            () = exchange.answer_begins() => return Ok(()),
            frame = incoming.frame() => frame,
        };
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| Streaming::Caller(body_cut()))?.into_data() else { continue };
        total += data.len();
        if let Some(tape) = &mut tape {
            tape.request(&data);
        }
        if total > limit {
            return Err(Streaming::Caller(too_large(limit)));
        }
        if data.is_empty() {
            continue;
        }
        let size = if chunked { format!("{:x}\r\n", data.len()) } else { String::new() };
        let end = if chunked { Bytes::from_static(b"\r\n") } else { Bytes::new() };
        let writing = tokio::time::timeout(idle, exchange.write_parts(size.as_bytes(), &[data, end])).await;
        let Ok(written) = writing else { return Err(Streaming::Caller(stalled(idle))) };
        if !written.map_err(Streaming::Provider)? {
            return Ok(());
        }
    }
    let end: &[u8] = if chunked { b"0\r\n\r\n" } else { b"" };
    if exchange.write_parts(end, &[]).await.map_err(Streaming::Provider)? {
        exchange.finish_request();
    }
    Ok(())
}
