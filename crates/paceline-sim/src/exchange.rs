//! One request and its answer: reading, the faults of its head, and the two forms an answer can have.

use crate::{
    body::{Broken, Out, SimBody, Stop, break_off, gzipped, stalled},
    call::{Call, Mark, RequestHead, unix_ms},
    config::SimModel,
    control,
    dialect::{Dialect, Problem},
    fault::{Fault, Flag, Point},
    httpdate,
    rng::Rng,
    timing::until,
    wire::Wire,
    world::World,
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body, Incoming},
    header::{HeaderName, HeaderValue},
};
use std::sync::Arc;
use tokio::time::Instant;

/// Bytes a request body may have.
const BODY_MAX: usize = 64 << 20;

/// An answer, or the connection breaks.
pub(crate) type Answer = Result<Response<SimBody>, Broken>;

/// A request that is in the ledger and completely received.
pub(crate) struct Exchange {
    pub(crate) world: Arc<World>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) call: Call,
    pub(crate) dialect: Dialect,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    /// Header lines as received.
    pub(crate) lines: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// When the request was complete.
    pub(crate) start: Instant,
}

/// An answer in one piece.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
    /// Header lines beside those of every answer.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Boxed, because replies also travel as errors.
    pub(crate) mark: Box<Mark>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, content_type: "application/json", body: body.into(), ..Self::default() }
    }
}

/// Serves one request.
pub(crate) async fn serve(world: Arc<World>, wire: Arc<Wire>, request: Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let target = parts.uri.to_string();
    let lines = wire.take_head(parts.method.as_str(), &target).unwrap_or_else(|| known_lines(&parts.headers));
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().map(str::to_owned);
    if path.starts_with("/sim/") {
        wire.begin(None);
        let reply = control::answer(&world, &parts.method, &path, query.as_deref().unwrap_or(""), body).await;
        return Ok(plain(&world, &wire, reply));
    }
    let call = world.ledger.open(RequestHead {
        connection: wire.connection,
        method: parts.method.to_string(),
        path: path.clone(),
        query: query.clone(),
        headers: lines.iter().map(|(name, value)| (name.clone(), masked(name, value))).collect(),
    });
    wire.begin(Some(call.clone()));
    // What says that it is too large is refused before any of it is read.
    let announced = body.size_hint().lower() > BODY_MAX as u64;
    let received = if announced { None } else { Some(Limited::new(body, BODY_MAX).collect().await) };
    let (body, too_large) = match received {
        Some(Ok(body)) => (body.to_bytes(), false),
        Some(Err(error)) if !error.is::<LengthLimitError>() => {
            // The client left while sending; the ledger learns it when the connection is dropped.
            return Err(Broken);
        }
        _ => (Bytes::new(), true),
    };
    let start = call.received(&body);
    let method = parts.method;
    let dialect = Dialect::of(&path);
    let headers = parts.headers;
    let exchange = Exchange { world, wire, call, dialect, method, path, query, lines, headers, body, start };
    if too_large {
        return exchange.wrong(Problem::new(413, "the request body is too large")).await;
    }
    dialect.answer(exchange).await
}

impl Exchange {
    /// The fault for this call: from its header, else from the script if it may be scripted, else drawn
    /// from the model's rates.
    pub(crate) fn fault(
        &self,
        model: Option<&SimModel>,
        scriptable: bool,
        rng: &mut Rng,
    ) -> Result<Fault, Reply> {
        let fault = if let Some(spec) = self.headers.get("x-sim-fault") {
            let spec = spec.to_str().unwrap_or("(not text)");
            Fault::parse(spec).map_err(|problem| {
                let problem = Problem::new(400, format!("x-sim-fault: {problem}"));
                let problem = Problem { code: Some("sim_bad_fault"), ..problem };
                self.dialect.refusal(&problem, self.call.n())
            })?
        } else {
            let scripted = scriptable.then(|| self.world.scripted(model.map(|model| model.name.as_str())));
            let drawn = || model.map(|model| Fault::drawn(model, rng)).unwrap_or_default();
            scripted.flatten().unwrap_or_else(drawn)
        };
        self.call.fault(&fault.text);
        Ok(fault)
    }

    /// Refuses a request that is wrong in itself.
    pub(crate) async fn refuse(&self, reply: Reply) -> Answer {
        self.whole(&Fault::default(), self.start, reply).await
    }

    /// Answers in one piece, due at this moment.
    pub(crate) async fn whole(&self, fault: &Fault, due: Instant, reply: Reply) -> Answer {
        self.before_head(fault, due).await?;
        let gzip = fault.has(Flag::Gzip) && !reply.body.is_empty();
        let body = if gzip { gzipped(&reply.body) } else { reply.body };
        // A body that is to end early, yet cleanly, must not promise its length.
        let fin = fault.cut.is_some() && fault.cut_mode == crate::fault::CutMode::Fin;
        let length = (!fin || body.is_empty()).then_some(body.len() as u64);
        let out = Out::new(&self.wire, &self.call, fault);
        let mark = *reply.mark;
        let body = SimBody::new(&self.wire, length, out, |mut out| async move {
            out.after_head().await?;
            out.write(body, mark).await?;
            out.after_events(1).await
        });
        let mut response = self.head(fault, reply.status, reply.content_type, body);
        for (name, value) in &reply.headers {
            set(response.headers_mut(), name, value);
        }
        if gzip {
            set(response.headers_mut(), "content-encoding", "gzip");
        }
        Ok(response)
    }

    /// Answers piece by piece; the head is due at this moment.
    pub(crate) async fn pieces<F>(
        &self,
        fault: &Fault,
        due: Instant,
        content_type: &'static str,
        run: impl FnOnce(Out) -> F,
    ) -> Answer
    where
        F: Future<Output = Result<(), Stop>> + Send + 'static,
    {
        self.before_head(fault, due).await?;
        let out = Out::new(&self.wire, &self.call, fault).compressed(fault);
        let body = SimBody::new(&self.wire, None, out, run);
        let mut response = self.head(fault, 200, content_type, body);
        set(response.headers_mut(), "cache-control", "no-cache");
        if fault.has(Flag::Gzip) {
            set(response.headers_mut(), "content-encoding", "gzip");
        }
        Ok(response)
    }

    async fn before_head(&self, fault: &Fault, due: Instant) -> Result<(), Broken> {
        until(due).await;
        if fault.stall == Some(Point::BeforeHead) && !stalled(&self.call, fault.stall_ms).await {
            return Err(Broken);
        }
        if fault.cut == Some(Point::BeforeHead) {
            break_off(&self.wire, &self.call, fault.cut_mode);
            return Err(Broken);
        }
        Ok(())
    }

    fn head(
        &self,
        fault: &Fault,
        status: u16,
        content_type: &'static str,
        body: SimBody,
    ) -> Response<SimBody> {
        let bodiless = body.is_end_stream() || self.method == Method::HEAD;
        let mut response = head(status, content_type, body);
        let headers = response.headers_mut();
        let spent_ms = self.start.elapsed().as_millis();
        for (name, value) in self.dialect.headers(self.call.n(), status, spent_ms) {
            set(headers, name, &value);
        }
        if self.dialect.has_retry_after() {
            retry_after(headers, fault);
        }
        if fault.has(Flag::Close) {
            set(headers, "connection", "close");
        }
        self.call.status(status);
        // The head goes out in the turn in which it is returned; an answer without a body ends with it.
        let end = bodiless.then_some(crate::call::Outcome::Completed);
        self.wire.queue(Mark { end, ..Mark::default() });
        response
    }
}

fn retry_after(headers: &mut HeaderMap, fault: &Fault) {
    if let Some(value) = &fault.retry_after {
        set(headers, "retry-after", value);
    }
    if let Some(value) = &fault.retry_after_ms {
        set(headers, "retry-after-ms", value);
    }
    if let Some(seconds) = fault.retry_after_date {
        set(headers, "retry-after", &httpdate::format((unix_ms() / 1_000) as i64 + seconds));
    }
    if let Some(value) = &fault.should_retry {
        set(headers, "x-should-retry", value);
    }
    match fault.reset.as_deref() {
        Some("none") => {
            headers.remove("x-ratelimit-remaining-requests");
            headers.remove("x-ratelimit-reset-requests");
        }
        Some(value) => set(headers, "x-ratelimit-reset-requests", value),
        None => {}
    }
}

/// An answer outside the ledger.
fn plain(world: &Arc<World>, wire: &Arc<Wire>, reply: Reply) -> Response<SimBody> {
    // The writer wants a call to report to; this one is in no ledger.
    let nobody = Call::unlisted(&world.ledger);
    let out = Out::new(wire, &nobody, &Fault::default());
    let body = SimBody::new(wire, Some(reply.body.len() as u64), out, |mut out| async move {
        out.write(reply.body, Mark::default()).await
    });
    head(reply.status, reply.content_type, body)
}

fn head(status: u16, content_type: &'static str, body: SimBody) -> Response<SimBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    set(response.headers_mut(), "content-type", content_type);
    response
}

/// Sets a header; values that cannot be sent were refused when the fault was read.
fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn known_lines(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

/// Credentials as their hash and last four characters; everything else as it is.
fn masked(name: &str, value: &str) -> String {
    const SECRET: [&str; 6] =
        ["authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie"];
    if !SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
        return value.to_owned();
    }
    let (scheme, secret) = value.split_once(' ').map_or(("", value), |(scheme, secret)| (scheme, secret));
    let shown: String = match secret.char_indices().rev().nth(3) {
        // Of a short secret four characters would be too much.
        Some((at, _)) if secret.len() >= 12 => secret[at..].to_owned(),
        _ => String::new(),
    };
    format!("{scheme} fnv:{} …{shown}", crate::hash::hex(secret.as_bytes())).trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_masked() {
        let shown = masked("Authorization", "Bearer sk-planted-1234567890wxyz");
        assert!(shown.starts_with("Bearer fnv:") && shown.ends_with("…wxyz"), "{shown}");
        assert!(!shown.contains("planted"));
        assert!(masked("API-Key", "short").ends_with('…'));
        assert_eq!(masked("content-type", "application/json"), "application/json");
    }
}
