//! AWS Signature Version 4 for one request.
//!
//! Rule: IAM user guide, "Create a signed AWS API request". The canonical path is the path of the request line with its
//! percent signs encoded once more (`%3A` becomes `%253A`), as for every AWS service but S3. Checked against botocore.

use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use paceline_types::secret::Secret;
use paceline_types::time::Timestamp;
use std::fmt::Write as _;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DAY_S: i64 = 86_400;

/// What AWS knows a caller by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The access key's id; it goes over the wire in the open.
    pub access_key: String,
    /// The secret access key.
    pub secret_key: Secret,
    /// The session's token, where the credentials are temporary.
    pub session_token: Option<Secret>,
}

/// A request as it goes over the wire.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path, percent-encoded as in the request line, without the query.
    pub path: &'a str,
    /// The query without its question mark, percent-encoded; empty where there is none.
    pub query: &'a str,
    /// Headers to be signed, as they are sent: `host` at least. What [`Signer::sign`] itself adds is not among them.
    pub headers: &'a [(&'a str, &'a str)],
    /// SHA-256 of the body ([`body_hash`]).
    pub body: &'a BodyHash,
}

/// SHA-256 of a body, as 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyHash(String);

/// The hash of a body that is at hand as slices.
pub fn body_hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> BodyHash {
    let mut context = digest::Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut text = String::with_capacity(64);
    push_hex(&mut text, context.finish().as_ref());
    BodyHash(text)
}

/// Signs for one set of credentials, region and service.
///
/// A signing key is good for one day. The keys of the day it was made for and of the next are derived beforehand, and
/// nothing in it changes afterwards, so that workers share it without a lock; [`Signer::is_current`] says when a new one
/// is due. On other days it signs as well, a few microseconds later.
#[derive(Clone, Debug)]
pub struct Signer {
    credentials: Credentials,
    region: String,
    service: String,
    days: [(i64, Key); 2],
}

impl Signer {
    /// For the day of `unix_s` (Unix seconds) and the next.
    pub fn new(credentials: Credentials, region: &str, service: &str, unix_s: i64) -> Self {
        let today = unix_s.div_euclid(DAY_S);
        let derived = |day| (day, derive(&credentials.secret_key, day, region, service));
        let days = [derived(today), derived(today + 1)];
        Self { credentials, region: region.to_owned(), service: service.to_owned(), days }
    }

    /// Whether the key of the day after `unix_s` is at hand too; otherwise a new signer is due.
    pub fn is_current(&self, unix_s: i64) -> bool {
        self.days[0].0 == unix_s.div_euclid(DAY_S)
    }

    /// The region it signs for.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Writes the header lines that a signed request needs besides [`Request::headers`]: `x-amz-date`,
    /// `x-amz-content-sha256`, `x-amz-security-token` where there is one, and `authorization`. Each ends with CRLF.
    ///
    /// `unix_s`: Unix seconds; AWS takes what is at most five minutes from its own clock.
    pub fn sign(&self, request: &Request<'_>, unix_s: i64, lines: &mut Vec<u8>) {
        let stamp = stamp(unix_s);
        let mut headers = Vec::with_capacity(request.headers.len() + 3);
        headers.extend_from_slice(request.headers);
        let own = headers.len();
        headers.push(("x-amz-date", stamp.as_str()));
        headers.push(("x-amz-content-sha256", request.body.0.as_str()));
        if let Some(token) = &self.credentials.session_token {
            headers.push(("x-amz-security-token", token.expose()));
        }
        for (name, value) in &headers[own..] {
            for part in [name, ": ", value, "\r\n"] {
                lines.extend_from_slice(part.as_bytes());
            }
        }
        let value = self.authorization(request, headers, &stamp, unix_s);
        for part in ["authorization: ", &value, "\r\n"] {
            lines.extend_from_slice(part.as_bytes());
        }
    }

    /// The value of `authorization` where exactly `headers` are signed.
    fn authorization(
        &self,
        request: &Request<'_>,
        headers: Vec<(&str, &str)>,
        stamp: &str,
        unix_s: i64,
    ) -> String {
        let (canonical, names) = canonical(request, headers);
        let scope = format!("{}/{}/{}/aws4_request", &stamp[..8], self.region, self.service);
        let mut text = format!("{ALGORITHM}\n{stamp}\n{scope}\n");
        push_hex(&mut text, digest::digest(&SHA256, canonical.as_bytes()).as_ref());
        let day = unix_s.div_euclid(DAY_S);
        let tag = match self.days.iter().find(|(of, _)| *of == day) {
            Some((_, key)) => hmac::sign(key, text.as_bytes()),
            None => {
                let key = derive(&self.credentials.secret_key, day, &self.region, &self.service);
                hmac::sign(&key, text.as_bytes())
            }
        };
        let access_key = &self.credentials.access_key;
        let mut value =
            format!("{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={names}, Signature=");
        push_hex(&mut value, tag.as_ref());
        value
    }
}

/// `20150830T123600Z`.
fn stamp(unix_s: i64) -> String {
    let whole = Timestamp::from_millis(unix_s.saturating_mul(1000)).rfc3339();
    let seconds = whole.split_once('.').map_or(whole.as_str(), |(seconds, _)| seconds);
    let mut stamp: String = seconds.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    stamp.push('Z');
    stamp
}

fn derive(secret: &Secret, day: i64, region: &str, service: &str) -> Key {
    let stamp = stamp(day.saturating_mul(DAY_S));
    let first = Key::new(HMAC_SHA256, format!("AWS4{}", secret.expose()).as_bytes());
    [&stamp[..8], region, service, "aws4_request"]
        .into_iter()
        .fold(first, |key, part| Key::new(HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref()))
}

/// The canonical request, and the names of the signed headers.
fn canonical(request: &Request<'_>, headers: Vec<(&str, &str)>) -> (String, String) {
    let mut headers: Vec<(String, &str)> =
        headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    // Stable: values of one name stay in the order they are sent in.
    headers.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut text = String::with_capacity(512);
    text.push_str(request.method);
    text.push('\n');
    push_path(&mut text, request.path);
    text.push('\n');
    push_query(&mut text, request.query);
    text.push('\n');
    let mut names = String::with_capacity(64);
    for same in headers.chunk_by(|(a, _), (b, _)| a == b) {
        let separator = if names.is_empty() { "" } else { ";" };
        names.push_str(separator);
        names.push_str(&same[0].0);
        text.push_str(&same[0].0);
        for (nth, (_, value)) in same.iter().enumerate() {
            text.push(if nth == 0 { ':' } else { ',' });
            push_words(&mut text, value);
        }
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&names);
    text.push('\n');
    text.push_str(&request.body.0);
    (text, names)
}

/// The path without empty and dot segments, percent-encoded once more.
fn push_path(text: &mut String, path: &str) {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    text.push('/');
    for (nth, segment) in segments.iter().enumerate() {
        if nth > 0 {
            text.push('/');
        }
        for byte in segment.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    text.push(byte as char);
                }
                // Writing into a string does not fail.
                _ => drop(write!(text, "%{byte:02X}")),
            }
        }
    }
    if !segments.is_empty() && path.ends_with('/') {
        text.push('/');
    }
}

/// The parameters in order; one without a value gets an empty one.
fn push_query(text: &mut String, query: &str) {
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    let mut parameters: Vec<(&str, &str)> =
        parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, ""))).collect();
    parameters.sort_unstable();
    for (nth, (name, value)) in parameters.iter().enumerate() {
        for part in [if nth > 0 { "&" } else { "" }, name, "=", value] {
            text.push_str(part);
        }
    }
}

/// A header's value: no space around it, one between words.
fn push_words(text: &mut String, value: &str) {
    for (nth, word) in value.split_ascii_whitespace().enumerate() {
        if nth > 0 {
            text.push(' ');
        }
        text.push_str(word);
    }
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
}

#[cfg(test)]
#[path = "sign_test.rs"]
mod tests;
