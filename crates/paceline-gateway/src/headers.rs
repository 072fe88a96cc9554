//! Which headers cross, in either direction.

use crate::step::shadow;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use paceline_types::record::Labels;

/// The longest label or tag taken, in bytes; what is longer is cut.
const MAX_LABEL: usize = 256;
/// How many tags are taken.
const MAX_TAGS: usize = 16;

/// Whether a caller's header goes on to a provider.
///
/// Not: what belongs to this connection, credentials and cookies, what chooses an account, what tells where the caller
/// is, what would make the answer unreadable to us, and what is meant for us. Everything else goes as it came.
pub(crate) fn goes_up(name: &HeaderName, passthrough: bool) -> bool {
    let text = name.as_str();
    match text {
        "host" | "connection" | "keep-alive" | "proxy-connection" | "te" | "trailer"
        | "transfer-encoding" => false,
        "upgrade" | "content-length" | "expect" | "accept-encoding" | "proxy-authorization" | "cookie" => {
            false
        }
        "authorization"
        | "x-api-key"
        | "api-key"
        | "x-goog-api-key"
        | "openai-organization"
        | "openai-project" => passthrough,
        "forwarded" | "x-real-ip" | "via" | "origin" | "referer" => false,
        _ => {
            !(text.starts_with("x-paceline-") || text.starts_with("x-forwarded-") || text.starts_with("sec-"))
        }
    }
}

/// Appends the lines of the headers that go on; `is_ours` tells a credential for us from one for the provider, `fixed`
/// names what the operator sets, `raw` says that the body goes on as it came.
pub(crate) fn write_up(headers: &HeaderMap, way: &Way<'_>, out: &mut Vec<u8>) {
    let nominated = nominated(headers);
    for (name, value) in headers {
        let goes = goes_up(name, way.passthrough)
            && !(way.foreign && is_of_a_dialect(name))
            && (way.raw || name != header::CONTENT_ENCODING)
            && !(way.passthrough && is_credential(name) && (way.is_ours)(value))
            && !way.fixed.iter().any(|(fixed, _)| name.as_str().eq_ignore_ascii_case(fixed))
            && !nominated.iter().any(|other| name.as_str().eq_ignore_ascii_case(other));
        if goes {
            write_line(out, name.as_str(), value.as_bytes());
        }
    }
}

/// What decides which headers go on.
pub(crate) struct Way<'a> {
    /// The provider takes the caller's own credential.
    pub(crate) passthrough: bool,
    /// The body goes on as it came, packed or not.
    pub(crate) raw: bool,
    /// The request was written for a provider of another dialect.
    pub(crate) foreign: bool,
    /// Headers the operator sets.
    pub(crate) fixed: &'a [(String, String)],
    /// Whether a credential is one of ours.
    pub(crate) is_ours: &'a dyn Fn(&HeaderValue) -> bool,
}

/// Whether a header means something to providers of one dialect only.
fn is_of_a_dialect(name: &HeaderName) -> bool {
    let text = name.as_str();
    ["openai-", "anthropic-", "x-goog-", "x-stainless-", "x-amz-"].iter().any(|start| text.starts_with(start))
}

/// Takes out of a translated answer what only its own dialect's callers understand.
pub(crate) fn strip_foreign(headers: &mut HeaderMap) {
    let goes: Vec<HeaderName> = headers.keys().filter(|name| is_of_a_dialect(name)).cloned().collect();
    for name in goes {
        headers.remove(name);
    }
    headers.remove(header::CONTENT_LENGTH);
}

fn is_credential(name: &HeaderName) -> bool {
    matches!(name.as_str(), "authorization" | "x-api-key" | "api-key" | "x-goog-api-key")
}

/// Headers that `Connection` declares to belong to this connection alone (RFC 9110 §7.6.1).
fn nominated(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let words = lines.flat_map(|line| line.split(',')).map(str::trim);
    let usual = |word: &&str| word.eq_ignore_ascii_case("keep-alive") || word.eq_ignore_ascii_case("close");
    words.filter(|word| !word.is_empty() && !usual(word)).map(str::to_owned).collect()
}

/// Appends one header line.
pub(crate) fn write_line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Takes out of a provider's answer what belongs to our account or speaks for us; what belongs to the connection the
/// client has taken out before.
pub(crate) fn strip_down(headers: &mut HeaderMap) {
    let stays = |name: &HeaderName| match name.as_str() {
        "set-cookie" | "alt-svc" | "strict-transport-security" | "proxy-authenticate" => false,
        "openai-organization" | "openai-project" | "anthropic-organization-id" => false,
        text => !text.starts_with("x-paceline-"),
    };
    if headers.keys().all(stays) {
        return;
    }
    let goes: Vec<HeaderName> = headers.keys().filter(|name| !stays(name)).cloned().collect();
    for name in goes {
        headers.remove(name);
    }
}

/// The caller's credential: `x-paceline-key` (where the others carry a provider's), `Authorization: Bearer …` or
/// `x-api-key` or `x-goog-api-key`.
pub(crate) fn credential(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get("x-paceline-key").and_then(|value| value.to_str().ok()) {
        return Some(value.trim());
    }
    if let Some(value) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) {
        let (scheme, token) = value.split_once(' ').unwrap_or(("", value));
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(token.trim());
        }
    }
    let named = headers.get("x-api-key").or_else(|| headers.get("x-goog-api-key"));
    named.and_then(|value| value.to_str().ok()).map(str::trim)
}

/// Adds a header whose value is text of ours; text that is no header value is left out.
pub(crate) fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// What the headers say about the call; `None` when nothing.
pub(crate) fn labels(headers: &HeaderMap) -> Option<Box<Labels>> {
    let mut labels: Option<Box<Labels>> = None;
    for (name, value) in headers {
        let name = name.as_str();
        let Some(value) = value.to_str().ok().filter(|value| !value.is_empty()) else { continue };
        if let Some(what) = name.strip_prefix("x-paceline-") {
            take_label(&mut labels, what, value);
        } else if name == "traceparent"
            && let Some(id) = trace_id(value)
        {
            labels.get_or_insert_default().trace_id = Some(id.into());
        }
    }
    labels
}

fn take_label(labels: &mut Option<Box<Labels>>, what: &str, value: &str) {
    if !matches!(what, "role" | "task" | "task-type" | "operation" | "session" | "user" | "tags") {
        return;
    }
    let labels = labels.get_or_insert_default();
    let value = cut(value);
    match what {
        "role" => labels.role = Some(value.into()),
        "task" => labels.task = Some(value.into()),
        "task-type" => labels.task_type = Some(value.into()),
        "operation" => labels.operation = Some(value.into()),
        "session" => labels.session = Some(value.into()),
        "user" => labels.user = Some(value.into()),
        _ => {
            let pairs = value.split(',').filter_map(|pair| pair.split_once('='));
            // Ours: callers cannot pass their calls off as copies.
            let pairs = pairs.filter(|(key, _)| key.trim() != shadow::TAG);
            labels.tags =
                pairs.take(MAX_TAGS).map(|(key, value)| (key.trim().into(), value.trim().into())).collect();
        }
    }
}

/// Labels of the body's metadata, where the headers do not say.
pub(crate) fn body_labels(
    labels: &mut Option<Box<Labels>>,
    found: &[(&'static str, String)],
    user: Option<&str>,
) {
    for (name, value) in
        found.iter().map(|(name, value)| (*name, value.as_str())).chain(user.map(|u| ("user", u)))
    {
        let labels = labels.get_or_insert_default();
        let place = match name {
            "role" => &mut labels.role,
            "task" => &mut labels.task,
            "task_type" => &mut labels.task_type,
            "operation" => &mut labels.operation,
            "session" => &mut labels.session,
            _ => &mut labels.user,
        };
        place.get_or_insert_with(|| cut(value).into());
    }
}

fn cut(value: &str) -> &str {
    &value[..value.floor_char_boundary(MAX_LABEL)]
}

/// The trace id of a W3C `traceparent`: `version-traceid-parentid-flags`.
fn trace_id(value: &str) -> Option<&str> {
    let id = value.split('-').nth(1)?;
    (id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) && id.bytes().any(|b| b != b'0'))
        .then_some(id)
}
