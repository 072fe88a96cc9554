//! Letting a call in: who it is, where it comes from, and (its place in the path) limits.

use crate::body::AnswerBody;
use crate::config::KeyRule;
use crate::gateway::{Identity, Party, Snapshot};
use crate::headers::put;
use crate::refuse::Fail;
use crate::step::rights;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use paceline_types::error::ErrorKind;
use paceline_types::record::Dialect;
use std::net::IpAddr;
use std::sync::Arc;

/// Who calls, and the refusal when nobody may be.
///
/// A provider that takes the caller's own credential sees it; where Paceline asks for no key, that is all there is.
pub(crate) fn caller(
    snapshot: &Snapshot,
    identity: Identity,
    raw: Option<usize>,
) -> (Arc<Party>, Option<Fail>) {
    let nobody = || Arc::clone(&snapshot.anonymous);
    let own_credential = raw.is_some_and(|at| snapshot.upstreams[at].passthrough);
    match identity {
        Identity::Caller(party) => {
            let ended = rights::ended(&party.rights);
            (party, ended)
        }
        Identity::Administrator(party) | Identity::Anonymous(party) => (party, None),
        Identity::Missing | Identity::Unknown
            if own_credential && snapshot.config.open && snapshot.config.key_rule == KeyRule::Unused =>
        {
            (nobody(), None)
        }
        Identity::Missing => {
            (nobody(), Some(unauthorized("a key is needed: send `Authorization: Bearer …`")))
        }
        Identity::Unknown => (nobody(), Some(unauthorized("this key is not known here"))),
    }
}

pub(crate) fn unauthorized(message: &str) -> Fail {
    Fail::refuse(StatusCode::UNAUTHORIZED, ErrorKind::Unauthorized, "invalid_api_key", message)
}

/// Answers what browsers ask beforehand, and refuses pages that nobody allowed.
///
/// Where no key is needed, any page open in a browser on this machine could spend money: by a plain cross-site POST, or
/// by a name of its own that resolves to this address. The first is told by `Origin`, the second by `Host`.
pub(crate) fn browser(snapshot: &Snapshot, request: &Request<Incoming>) -> Option<Response<AnswerBody>> {
    let headers = request.headers();
    let origin = headers.get(header::ORIGIN);
    if origin.is_none() && !looks_like_browser(headers) {
        return None;
    }
    if snapshot.config.key_rule == KeyRule::Required && origin.is_none() {
        return None;
    }
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let forbid = |code, message: String| {
        Some(
            Fail::refuse(StatusCode::FORBIDDEN, ErrorKind::Forbidden, code, message)
                .response(Dialect::OpenAi),
        )
    };
    if snapshot.config.open && !is_own_host(host, &snapshot.config.allowed_hosts) {
        return forbid(
            "host_not_allowed",
            format!("the host name `{host}` is not ours; add it to server.allowed_hosts if it is"),
        );
    }
    let origin = origin?.to_str().unwrap_or_default();
    let own = origin.split_once("://").is_some_and(|(_, place)| place.eq_ignore_ascii_case(host));
    let allowed = own || is_allowed(origin, &snapshot.config.cors_origins);
    if !allowed {
        return forbid(
            "origin_not_allowed",
            format!("pages of `{origin}` may not call; add it to server.cors_origins if they may"),
        );
    }
    let asks_beforehand =
        request.method() == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    asks_beforehand.then(|| preflight(headers, origin))
}

fn looks_like_browser(headers: &HeaderMap) -> bool {
    headers.contains_key("sec-fetch-site")
        || headers.get(header::USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"))
}

fn is_own_host(host: &str, allowed: &[String]) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || allowed.iter().any(|own| own.eq_ignore_ascii_case(name))
}

fn is_allowed(origin: &str, allowed: &[String]) -> bool {
    allowed.iter().any(|own| own == "*" || own.eq_ignore_ascii_case(origin))
}

/// The origin to name in the answer; `None` where the request has none or it is not allowed.
pub(crate) fn cors_origin(snapshot: &Snapshot, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    is_allowed(origin.to_str().ok()?, &snapshot.config.cors_origins).then(|| origin.clone())
}

/// Lets pages of `origin` read the answer and our headers.
pub(crate) fn allow_origin(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
}

fn preflight(asked: &HeaderMap, origin: &str) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Whole(None));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    put(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE"),
    );
    if let Some(wanted) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}
